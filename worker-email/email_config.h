/*
 * email_config: what worker-email is configured with.
 */
#ifndef WORKER_EMAIL_EMAIL_CONFIG_H
#define WORKER_EMAIL_EMAIL_CONFIG_H

#include "common/config_keys.h"
#include "common/trace.h"

struct email_config {
	struct config_common common;
	struct trace_config trace;
	const char *notification_url;
	int64_t notification_timeout_ms;
	const char *service_token;
	const char *qr_secret;
	const char *public_url;
	const char *retry_delays;
	int64_t threads;
	int64_t batch;
	int64_t time_to_run_ms;
	int64_t metrics_port; /* 0: none */
};

extern const struct config_table email_config_table;

#endif
