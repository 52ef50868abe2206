#include "api/config.h"

#include <stdio.h>
#include <string.h>

#include "api/client_address.h"
#include "common/credential.h"
#include "common/sign.h"

static const char *const auth_validation_names[] = {"local", "remote", NULL};

enum { RATE_MAX = 1000000 };
#define AT(member) offsetof(struct api_config, member)
#define REQUIRED_SECRET (CONFIG_SECRET | CONFIG_REQUIRED)

/* clang-format off */
static const struct config_key keys[] = {
	{"PORT", CONFIG_INT, 0, "3001", 0, 65535, AT(port), NULL,
	 "port of the API (0: the system chooses)"},
	CONFIG_COMMON_KEYS(struct api_config, common),
	TRACE_CONFIG_KEYS(struct api_config, trace),
	{"DOOR_POOL_MAX", CONFIG_INT, 0, "4", 1, 1000, AT(door_pool_max), NULL,
	 "database connections at most for check-in, beside DB_POOL_MAX"},
	{"SWEEPER_POOL_MAX", CONFIG_INT, 0, "4", 1, 100, AT(sweeper_pool_max), NULL,
	 "database connections at most for background duties, beside DB_POOL_MAX"},
	{"DB_REPLICA_HOST", CONFIG_STRING, 0, NULL, 1, 255, AT(replica_host), NULL,
	 "host of a streaming replica for signed-in lists and exports; all else as for the primary"},
	{"DB_REPLICA_PORT", CONFIG_INT, 0, NULL, 1, 65535, AT(replica_port), NULL,
	 "port of the replica (unset: the primary's)"},
	{"REPLICA_POOL_MAX", CONFIG_INT, 0, "10", 1, 1000, AT(replica_pool_max), NULL,
	 "connections to the replica at most"},
	{"CACHE_TTL", CONFIG_INT, 0, "3600", 1, 2592000, AT(cache_ttl_s), NULL,
	 "seconds that anything cached in Redis may live"},
	{"AUTH_SERVICE_URL", CONFIG_URL, 0, "http://localhost:3000", 1, 1024, AT(auth_url), NULL,
	 "the Auth Service"},
	{"NOTIFICATION_SERVICE_URL", CONFIG_URL, 0, "http://localhost:3002", 1, 1024,
	 AT(notification_url), NULL, "the Notification Service"},
	{"PAYMENT_SERVICE_URL", CONFIG_URL, 0, "http://localhost:3003", 1, 1024, AT(payment_url), NULL,
	 "the Payment Service"},
	{"UPSTREAM_BUDGET_MS", CONFIG_INT, 0, "3000", 100, 30000, AT(upstream_budget_ms), NULL,
	 "milliseconds that calls to another service may take in one request, retries included"},
	{"JWT_SECRET", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 4096, AT(jwt_secret), NULL,
	 "key of the users' tokens (HS256); it or JWT_JWKS_URL or both"},
	{"JWT_SECRET_PREVIOUS", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 4096, AT(jwt_secret_previous),
	 NULL, "the JWT_SECRET before, still accepted while it is changed"},
	{"JWT_JWKS_URL", CONFIG_URL, 0, NULL, 1, 1024, AT(jwks_url), NULL,
	 "where the public keys of the users' tokens are (RS256, ES256, EdDSA)"},
	{"JWT_JWKS_REFRESH_S", CONFIG_INT, 0, "300", 30, 86400, AT(jwks_refresh_s), NULL,
	 "seconds after which the public keys are fetched anew; a new one should be there so long "
	 "before it signs"},
	{"JWT_ISSUER", CONFIG_STRING, 0, NULL, 1, 1024, AT(jwt_issuer), NULL,
	 "demanded of a token's iss (unset: not checked)"},
	{"JWT_AUDIENCE", CONFIG_STRING, 0, NULL, 1, 1024, AT(jwt_audience), NULL,
	 "demanded of a token's aud (unset: not checked)"},
	{"AUTH_VALIDATION", CONFIG_ENUM, 0, "local", 0, 0, AT(auth_validation), auth_validation_names,
	 "local: tokens are checked here; remote: then by the Auth Service too, which can revoke"},
	{"SHARED_SERVICE_TOKEN", CONFIG_STRING, REQUIRED_SECRET, NULL, 1, 4096, AT(service_token), NULL,
	 "X-Service-Token between the services"},
	{"QR_SIGNATURE_SECRET", CONFIG_STRING, REQUIRED_SECRET, NULL, 1, 4096, AT(qr_secret), NULL,
	 "key of QR codes and signed links, or id:key pairs with commas while rotating"},
	{"PAYMENT_WEBHOOK_SECRET", CONFIG_STRING, REQUIRED_SECRET, NULL, 1, 4096, AT(webhook_secret),
	 NULL, "key of the payment webhook, whsec_<base64>; several with commas while rotating"},
	{"PAYMENT_WINDOW_S", CONFIG_INT, 0, "900", 10, 604800, AT(payment_window_s), NULL,
	 "seconds that a seat is held for its payment"},
	{"PAYMENT_MAX_PARKED", CONFIG_INT, 0, "64", 1, 4096, AT(payment_max_parked), NULL,
	 "registrations that wait for the payment service at once; above it 503"},
	{"HOLDS_PER_CALLER", CONFIG_INT, 0, "10", 1, 1000, AT(holds_per_caller), NULL,
	 "unpaid registrations of one caller at one event, at most"},
	{"REGISTRATION_BATCH_MAX", CONFIG_INT, 0, "256", 1, 1024, AT(registration_batch_max), NULL,
	 "registrations that are committed together, at most"},
	{"DEFAULT_CURRENCY", CONFIG_STRING, 0, "EUR", 3, 3, AT(default_currency), NULL,
	 "currency of events that name none (ISO 4217)"},
	{"DEFAULT_TIME_ZONE", CONFIG_STRING, 0, "UTC", 1, 64, AT(default_time_zone), NULL,
	 "time zone of events that name none (IANA)"},
	{"DOCUMENTS_URL", CONFIG_STRING, 0, "postgres:", 1, 1024, AT(documents_url), NULL,
	 "where ticket documents are kept: postgres: or file:///directory"},
	{"PUBLIC_URL", CONFIG_URL, 0, "http://localhost:3001", 1, 1024, AT(public_url), NULL,
	 "address of this API as its users see it, for links"},
	{"CORS_ORIGINS", CONFIG_STRING, 0, NULL, 1, 4096, AT(cors_origins), NULL,
	 "origins whose pages may call, with commas (unset: none)"},
	{"RATE_LIMIT_CALLER", CONFIG_INT, 0, "0", 0, RATE_MAX, AT(rate_caller), NULL,
	 "requests of a signed-in user in a minute (0: no limit)"},
	{"RATE_LIMIT_ADDRESS", CONFIG_INT, 0, "0", 0, RATE_MAX, AT(rate_address), NULL,
	 "requests without a good token from an address in a minute (0: no limit)"},
	{"RATE_LIMIT_REGISTRATION", CONFIG_INT, 0, "0", 0, RATE_MAX, AT(rate_registration), NULL,
	 "registrations that a user asks for in a minute (0: no limit)"},
	{"RATE_LIMIT_VALIDATE", CONFIG_INT, 0, "0", 0, RATE_MAX, AT(rate_validate), NULL,
	 "codes that a user checks at the door in a minute (0: no limit)"},
	{"RATE_LIMIT_MISSES", CONFIG_INT, 0, "0", 0, RATE_MAX, AT(rate_misses), NULL,
	 "codes among them that are no ticket's (0: no limit)"},
	{"RATE_LIMIT_WAIT_MS", CONFIG_INT, 0, "5", 1, 1000, AT(rate_wait_ms), NULL,
	 "milliseconds that Redis has to count a request; then this process does it alone"},
	{"TRUSTED_PROXIES", CONFIG_STRING, 0, NULL, 1, 2048, AT(trusted_proxies), NULL,
	 "addresses and networks, with commas, whose X-Forwarded-For is believed, for limits and "
	 "the log (unset: none)"},
	{"HTTP_THREADS", CONFIG_INT, 0, "256", 8, 4096, AT(http_threads), NULL,
	 "connections served side by side; more than REQUESTS_MAX and DOOR_REQUESTS_MAX together"},
	{"REQUESTS_MAX", CONFIG_INT, 0, "128", 1, 4096, AT(requests_max), NULL,
	 "requests in work at once; above it 503, but for what is kept ready in memory"},
	{"DOOR_REQUESTS_MAX", CONFIG_INT, 0, "64", 1, 4096, AT(door_requests_max), NULL,
	 "check-ins in work at once; above it 503"},
	{"MAX_BODY_BYTES", CONFIG_INT, 0, "1048576", 1024, 67108864, AT(max_body_bytes), NULL,
	 "largest request body"},
	{"BODY_DEADLINE_MS", CONFIG_INT, 0, "10000", 100, 600000, AT(body_deadline_ms), NULL,
	 "milliseconds in which a body must arrive; of an import each 256 KiB"},
	{"IMPORT_MAX_BYTES", CONFIG_INT, 0, "67108864", 1024, 1073741824, AT(import_max_bytes), NULL,
	 "largest file of guests"},
	{"REQUEST_TIMEOUT_MS", CONFIG_INT, 0, "10000", 100, 600000, AT(request_timeout_ms), NULL,
	 "milliseconds in which the headers of a request must arrive"},
	{"KEEP_ALIVE_MS", CONFIG_INT, 0, "75000", 100, 3600000, AT(keep_alive_ms), NULL,
	 "milliseconds that an idle connection is kept; longer than the proxy in front keeps it"},
	{"DRAIN_TIMEOUT_MS", CONFIG_INT, 0, "25000", 100, 600000, AT(drain_timeout_ms), NULL,
	 "milliseconds that requests in work get after SIGTERM"},
	{"ENABLE_METRICS", CONFIG_BOOL, 0, "true", 0, 0, AT(enable_metrics), NULL,
	 "serve /metrics and /health/live on METRICS_PORT"},
	{"METRICS_PORT", CONFIG_INT, 0, "9091", 0, 65535, AT(metrics_port), NULL,
	 "port of the metrics (0: the system chooses)"},
	{"METRICS_PER_EVENT", CONFIG_INT, 0, "0", 0, 10000, AT(metrics_per_event), NULL,
	 "events and organizers counted apart in the metrics, at most; the rest is \"other\" "
	 "(0: no ids in the metrics)"},
};
/* clang-format on */

static enum status check_numbers(const struct api_config *config, struct problem *err)
{
	if (config->http_threads <= config->requests_max + config->door_requests_max)
		return problem_set(err, ST_CONFIG,
				   "HTTP_THREADS must exceed REQUESTS_MAX and DOOR_REQUESTS_MAX "
				   "together, else nobody is left to answer 503");
	if (config->enable_metrics && config->port && config->metrics_port == config->port)
		return problem_set(err, ST_CONFIG, "METRICS_PORT must not be PORT");
	return OK;
}

static enum status check_texts(const struct api_config *config, struct problem *err)
{
	struct proxies proxies;
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (strspn(config->default_currency, upper) != 3)
		return problem_set(err, ST_CONFIG,
				   "DEFAULT_CURRENCY must be three capital letters");
	if (strcmp(config->documents_url, "postgres:") != 0 &&
	    strncmp(config->documents_url, "file:///", 8) != 0)
		return problem_set(err, ST_CONFIG,
				   "DOCUMENTS_URL must be postgres: or file:///directory");
	return proxies_parse(config->trusted_proxies, &proxies, err);
}

/* Each key of the list by itself: a long list of short keys is weak all the same. */
static enum status check_qr_secret(const char *value, bool production, struct problem *err)
{
	struct credential_keys found;
	enum status status = credential_keys_parse(value, &found, err);

	for (size_t i = 0; !status && i < found.count; i++) {
		CLEANUP(strbuf_release) struct strbuf secret;

		strbuf_init(&secret, NULL);
		strbuf_add(&secret, found.keys[i].secret.at, found.keys[i].secret.len);
		status = config_check_secret("QR_SIGNATURE_SECRET", secret.buf, production, err);
	}
	return status;
}

/* What signs tokens: a secret, or public keys, or both while one moves to the other. */
static enum status check_token_keys(const struct api_config *config, bool production,
				    struct problem *err)
{
	enum status status = OK;

	if (!config->jwt_secret && config->jwt_secret_previous)
		return problem_set(err, ST_CONFIG, "JWT_SECRET_PREVIOUS needs a JWT_SECRET");
	if (!config->jwt_secret && !config->jwks_url)
		return problem_set(err, ST_CONFIG,
				   "JWT_SECRET or JWT_SECRET_FILE, or JWT_JWKS_URL, is required");
	if (config->jwt_secret)
		status = config_check_secret("JWT_SECRET", config->jwt_secret, production, err);
	if (!status && config->jwt_secret_previous)
		status = config_check_secret("JWT_SECRET_PREVIOUS", config->jwt_secret_previous,
					     production, err);
	return status;
}

static enum status check_secrets(const struct api_config *config, struct problem *err)
{
	bool production = config->common.environment == ENV_PRODUCTION;
	enum status status;

	if (!sign_webhook_secrets_valid(config->webhook_secret))
		return problem_set(err, ST_CONFIG,
				   "PAYMENT_WEBHOOK_SECRET must be whsec_<base64>, "
				   "or several of them with commas");
	status = check_token_keys(config, production, err);
	if (!status)
		status = config_check_secret("SHARED_SERVICE_TOKEN", config->service_token,
					     production, err);
	if (!status)
		status = check_qr_secret(config->qr_secret, production, err);
	if (!status)
		status = config_check_secret("PAYMENT_WEBHOOK_SECRET", config->webhook_secret,
					     production, err);
	return status;
}

enum status api_config_check(const struct api_config *config, struct problem *err)
{
	enum status status = config_check_common(&config->common, err);

	if (!status)
		status = check_numbers(config, err);
	if (!status)
		status = check_texts(config, err);
	if (!status)
		status = trace_check(&config->trace, err);
	if (!status)
		status = check_secrets(config, err);
	return status;
}

static enum status check(const void *config, struct problem *err)
{
	return api_config_check(config, err);
}

const struct config_table api_config_table = {
	.program = "core-api",
	.summary = "the HTTP API of the Core Service: events, guests, tickets, check-in",
	.keys = keys,
	.count = ARRAY_LEN(keys),
	.check = check,
};
