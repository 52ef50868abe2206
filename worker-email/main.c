/*
 * worker-email: takes `send-email` jobs until it is told to stop.
 */

#include "common/clock.h"
#include "common/log.h"
#include "sql_email.h"
#include "worker-email/email_config.h"
#include "worker-email/email_job.h"

enum {
	POOL_IDLE_MS = 30000,
	POOL_WAIT_MS = 2000,
	STATEMENT_TIMEOUT_MS = 5000,
	LOCK_TIMEOUT_MS = 2000,
	REDIS_CONNECT_MS = 2000,
	REDIS_COMMAND_MS = 7000, /* the loop blocks for less */
	PROBE_FIRST_S = 5,
	PROBE_LONGEST_S = 60,
};

/* The statements of common and of the mails, in one list. */
static size_t all_statements(struct arena *arena, const struct pg_statement *const **ret)
{
	size_t count = sql_common_count + sql_email_count;
	const struct pg_statement **all = arena_calloc(arena, count, sizeof(struct pg_statement *));
	for (size_t i = 0; i < count; i++)
		all[i] = i < sql_common_count ? sql_common[i] : sql_email[i - sql_common_count];
	*ret = all;
	return count;
}

static enum status open_pool(const struct email_config *config, struct arena *arena,
			     struct pg_pool **ret, struct problem *err)
{
	struct pg_pool_options options = {
		.conninfo = config_database_url(&config->common, arena),
		.name = "worker-email",
		.min = (size_t)config->common.db_pool_min,
		.max = (size_t)config->common.db_pool_max,
		.idle_ms = POOL_IDLE_MS,
		.wait_ms = POOL_WAIT_MS,
		.statement_timeout_ms = STATEMENT_TIMEOUT_MS,
		.lock_timeout_ms = LOCK_TIMEOUT_MS,
	};
	options.statement_count = all_statements(arena, &options.statements);
	return pg_pool_open(&options, ret, err);
}

static enum status make_context(const struct email_config *config, struct credential_keys *keys,
				struct email_context *ret, struct problem *err)
{
	enum status status = credential_keys_parse(config->qr_secret, keys, err);
	if (status == OK)
		status = email_delays_parse(config->retry_delays, ret, err);
	if (status != OK)
		return status;
	ret->service = (struct notification_service){
		.url = config->notification_url,
		.service_token = config->service_token,
		.timeout_ms = config->notification_timeout_ms,
	};
	ret->links = (struct mail_links){.public_url = config->public_url, .keys = keys};
	breaker_init(&ret->breaker, PROBE_FIRST_S * US_PER_S, PROBE_LONGEST_S * US_PER_S);
	return OK;
}

static enum status run(const struct email_config *config, struct arena *arena, struct problem *err)
{
	static struct email_context context;
	static struct credential_keys keys;
	enum status status = make_context(config, &keys, &context, err);
	if (status == OK)
		status = open_pool(config, arena, &context.pool, err);
	if (status != OK)
		return status;
	struct queue_type type = *queue_type("send-email");
	type.time_to_run_ms = config->time_to_run_ms;
	breaker_show(&context.breaker, "notification");
	const struct worker_options options = {
		.name = "worker-email",
		.type = &type,
		.redis = {.url = config_redis_queue_url(&config->common, arena),
			  .client_name = "worker-email",
			  .connect_timeout_ms = REDIS_CONNECT_MS,
			  .command_timeout_ms = REDIS_COMMAND_MS},
		.pool = context.pool,
		.threads = (int)config->threads,
		.batch = (size_t)config->batch,
		.metrics_port = (int)config->metrics_port,
		.run = email_run,
		.ready = email_ready,
		.ctx = &context,
	};
	status = trace_start(&config->trace, options.name, err);
	if (status == OK)
		status = worker_main(&options, err);
	trace_stop();
	pg_pool_close(context.pool);
	return status;
}

int main(int argc, char **argv)
{
	static struct email_config config;
	struct arena arena;
	struct problem err = {0};
	int exit_code;
	worker_hold_signals();
	if (!config_start(&email_config_table, argc, argv, &config, &exit_code))
		return exit_code;
	log_init("worker-email", (enum log_level)config.common.log_level);
	http_client_init();
	arena_init(&arena, 4096);
	enum status status = run(&config, &arena, &err);
	arena_clear(&arena);
	if (status == OK)
		return 0;
	log_message(LOG_ERROR, "worker-email ends: %s", err.detail);
	return status == ST_CONFIG ? EXIT_CONFIG : EXIT_INTERNAL;
}
