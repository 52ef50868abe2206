/*
 * config: what core-api is told by its environment.
 */
#ifndef API_CONFIG_H
#define API_CONFIG_H

#include "common/config.h"
#include "common/config_keys.h"
#include "common/trace.h"

enum auth_validation { AUTH_LOCAL, AUTH_REMOTE };

struct api_config {
	struct config_common common;
	struct trace_config trace;
	int64_t port;
	int64_t http_threads;
	int64_t requests_max; /* in flight; above it 503 at once */
	int64_t door_pool_max;
	int64_t sweeper_pool_max;
	const char *replica_host; /* NULL: no replica */
	int64_t replica_port;     /* 0: the primary's */
	int64_t replica_pool_max;
	int64_t door_requests_max;
	int64_t max_body_bytes;
	int64_t body_deadline_ms;
	int64_t import_max_bytes;
	int64_t request_timeout_ms;
	int64_t keep_alive_ms;
	int64_t drain_timeout_ms;
	int64_t cache_ttl_s;
	bool enable_metrics;
	int64_t metrics_port;
	int64_t metrics_per_event;
	const char *jwt_secret;
	const char *jwt_secret_previous;
	const char *jwks_url;
	int64_t jwks_refresh_s;
	const char *jwt_issuer;
	const char *jwt_audience;
	int auth_validation; /* enum auth_validation */
	const char *service_token;
	const char *qr_secret;
	const char *webhook_secret;
	const char *auth_url;
	const char *notification_url;
	const char *payment_url;
	int64_t upstream_budget_ms;
	int64_t payment_window_s;
	int64_t payment_max_parked;
	int64_t holds_per_caller;
	int64_t registration_batch_max;
	const char *default_currency;
	const char *default_time_zone;
	const char *documents_url;
	const char *public_url;
	const char *cors_origins;
	int64_t rate_caller; /* a minute; 0: no limit */
	int64_t rate_address;
	int64_t rate_registration;
	int64_t rate_validate;
	int64_t rate_misses;
	int64_t rate_wait_ms;
	const char *trusted_proxies;
};

extern const struct config_table api_config_table;

/* Rules between values: secrets fit for production, webhook secret readable. ST_CONFIG. */
enum status api_config_check(const struct api_config *config, struct problem *err) MUST_CHECK;

#endif
