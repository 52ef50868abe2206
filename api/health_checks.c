#include "api/health_checks.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "api/dispatcher.h"
#include "common/clock.h"
#include "common/http_client.h"
#include "sql_api.h"
#include "sql_migrations.h"

enum { SERVICE_TIMEOUT_MS = 1000, SERVICES = CHECK_COUNT - CHECK_AUTH };

static const char *const names[CHECK_COUNT] = {
	[CHECK_DATABASE] = "database",         [CHECK_REDIS] = "redis",     [CHECK_AUTH] = "auth",
	[CHECK_NOTIFICATION] = "notification", [CHECK_PAYMENT] = "payment",
};

const char *health_check_name(int check)
{
	return names[check];
}

/* --- database --------------------------------------------------------------------------------- */

enum status health_check_schema(struct app *app, struct problem *err)
{
	const char *newest = sql_migrations[sql_migrations_count - 1]->name;
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	enum status status = pg_lease(app->pool, &conn, err);

	if (!status)
		status =
			pg_query(conn, &sql_schema_version, PG_ARGS(PG_TEXT(newest)), &result, err);
	if (status)
		return status;
	if (pg_i64(result, 0, 0) < (int64_t)sql_migrations_count)
		return problem_set(err, ST_DATABASE_UNAVAILABLE,
				   "The database's schema is older than this program");
	/* A newer one is fine while it only adds: the next version's steps come before its
	 * programs. */
	if (!pg_bool(result, 0, 1))
		return problem_set(err, ST_DATABASE_UNAVAILABLE,
				   "The database's schema is too new for this program");
	return OK;
}

static void check_database(struct app *app, struct check_result *result)
{
	struct problem err = {0};
	size_t open, leased;

	if (health_check_schema(app, &err)) {
		snprintf(result->error, sizeof(result->error), "%s",
			 problem_row(err.status)->title);
		return;
	}
	pg_pool_counts(app->pool, &open, &leased);
	result->healthy = true;
	snprintf(result->details, sizeof(result->details),
		 "{\"connections\":%zu,\"inUse\":%zu,\"max\":%lld}", open, leased,
		 (long long)app->config->common.db_pool_max);
}

/* --- Redis ------------------------------------------------------------------------------------ */

/* Both servers: the caches' is asked, the queues' is known to the dispatcher. */
static void check_redis(struct app *app, struct check_result *result)
{
	struct problem err = {0};
	bool cache = !cache_ping(app->cache, &err);
	bool queue = dispatcher_connected(app->dispatcher);

	if (!cache || !queue) {
		snprintf(result->error, sizeof(result->error), "no answer from %s",
			 cache   ? "the queues' Redis"
			 : queue ? "the caches' Redis"
				 : "either Redis");
		return;
	}
	result->healthy = true;
	snprintf(result->details, sizeof(result->details), "{\"cache\":\"up\",\"queue\":\"up\"}");
}

/* --- the other services ----------------------------------------------------------------------- */

struct service_check {
	const char *url;
	struct check_result *result;
	pthread_t thread;
	bool started;
};

static void judge(struct check_result *result, enum status status, int http)
{
	result->healthy = !status;
	if (result->healthy)
		snprintf(result->details, sizeof(result->details), "{\"statusCode\":%d}", http);
	else if (http)
		snprintf(result->error, sizeof(result->error), "answered %d", http);
	else
		snprintf(result->error, sizeof(result->error), "no answer");
}

static void *ask_service(void *ctx)
{
	struct service_check *check = ctx;
	int64_t started = clock_monotonic_us();
	struct http_answer answer = {0};
	struct problem err = {0};
	struct http_call call = {.method = "GET",
				 .timeout_ms = SERVICE_TIMEOUT_MS,
				 .budget_ms = SERVICE_TIMEOUT_MS,
				 .attempts = 1};
	struct arena arena;
	enum status status;

	arena_init(&arena, 4096);
	call.url = arena_printf(&arena, "%s/health", check->url);
	status = http_call(&arena, &call, &answer, &err);
	check->result->took_us = clock_monotonic_us() - started;
	judge(check->result, status, answer.status);
	arena_clear(&arena);
	return NULL;
}

static void start_services(const struct app *app, struct service_check services[SERVICES],
			   struct check_result *results)
{
	const char *const urls[SERVICES] = {
		app->config->auth_url,
		app->config->notification_url,
		app->config->payment_url,
	};

	for (size_t i = 0; i < SERVICES; i++) {
		services[i] = (struct service_check){.url = urls[i], .result = &results[i]};
		services[i].started =
			!pthread_create(&services[i].thread, NULL, ask_service, &services[i]);
		if (!services[i].started)
			snprintf(results[i].error, sizeof(results[i].error), "not asked");
	}
}

void health_check_all(struct app *app, struct check_result results[CHECK_COUNT])
{
	static void (*const own[])(struct app *, struct check_result *) = {
		[CHECK_DATABASE] = check_database, [CHECK_REDIS] = check_redis};
	struct service_check services[SERVICES];

	memset(results, 0, CHECK_COUNT * sizeof(*results));
	start_services(app, services, &results[CHECK_AUTH]);
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		int64_t started = clock_monotonic_us();

		own[i](app, &results[i]);
		results[i].took_us = clock_monotonic_us() - started;
	}
	for (size_t i = 0; i < SERVICES; i++) {
		if (services[i].started)
			pthread_join(services[i].thread, NULL);
	}
}
