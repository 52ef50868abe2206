#include "worker-email/email_config.h"

#include "worker-email/email_job.h"

#define AT(member) offsetof(struct email_config, member)
/* clang-format off */
static const struct config_key keys[] = {
	CONFIG_COMMON_KEYS(struct email_config, common),
	TRACE_CONFIG_KEYS(struct email_config, trace),
	{"NOTIFICATION_SERVICE_URL", CONFIG_URL, 0, "http://localhost:3002", 0, 1024,
	 AT(notification_url), NULL,
	 "base address of the Notification Service"},
	{"NOTIFICATION_TIMEOUT_MS", CONFIG_INT, 0, "5000", 50, 60000,
	 AT(notification_timeout_ms), NULL,
	 "longest wait for its answer to one mail"},
	{"SHARED_SERVICE_TOKEN", CONFIG_STRING, CONFIG_SECRET | CONFIG_REQUIRED, NULL, 1, 1024,
	 AT(service_token), NULL,
	 "X-Service-Token of the calls between services"},
	{"QR_SIGNATURE_SECRET", CONFIG_STRING, CONFIG_SECRET | CONFIG_REQUIRED, NULL, 1, 4096,
	 AT(qr_secret), NULL,
	 "secret of tickets and links, or id:secret pairs separated by commas while rotating"},
	{"PUBLIC_URL", CONFIG_URL, 0, "http://localhost:3001", 0, 1024,
	 AT(public_url), NULL,
	 "where guests reach the API: the beginning of the links in mails"},
	{"MAIL_RETRY_DELAYS", CONFIG_STRING, 0, "10,60", 1, 64,
	 AT(retry_delays), NULL,
	 "seconds before the second attempt of a mail, the third, …"},
	{"WORKER_THREADS", CONFIG_INT, 0, "4", 1, 64,
	 AT(threads), NULL,
	 "jobs worked on side by side"},
	{"WORKER_BATCH", CONFIG_INT, 0, "4", 1, 32,
	 AT(batch), NULL,
	 "jobs a thread reserves at once"},
	{"JOB_TIME_TO_RUN_MS", CONFIG_INT, 0, "60000", 1000, 3600000,
	 AT(time_to_run_ms), NULL,
	 "milliseconds after which the jobs of a worker that died go to another"},
	{"WORKER_METRICS_PORT", CONFIG_INT, 0, "0", 0, 65535,
	 AT(metrics_port), NULL,
	 "port of /metrics and /health/live; 0: none"},
};
/* clang-format on */

static enum status check(const void *values, struct problem *err)
{
	const struct email_config *config = values;
	bool production = config->common.environment == ENV_PRODUCTION;
	struct credential_keys credential;
	struct email_context context;
	enum status status = config_check_common(&config->common, err);
	if (status == OK)
		status = trace_check(&config->trace, err);
	if (status == OK)
		status = config_check_secret("SHARED_SERVICE_TOKEN", config->service_token,
					     production, err);
	if (status == OK)
		status = config_check_secret("QR_SIGNATURE_SECRET", config->qr_secret, production,
					     err);
	if (status == OK)
		status = credential_keys_parse(config->qr_secret, &credential, err);
	if (status == OK)
		status = email_delays_parse(config->retry_delays, &context, err);
	return status;
}

const struct config_table email_config_table = {
	.program = "worker-email",
	.summary = "hands mails over to the Notification Service",
	.keys = keys,
	.count = ARRAY_LEN(keys),
	.check = check,
};
