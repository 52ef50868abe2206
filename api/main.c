/*
 * core-api: configuration, log, database, Redis, serve, wait, drain; nothing else.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/app.h"
#include "api/clients/auth_client.h"
#include "api/clients/payment_client.h"
#include "api/dispatcher.h"
#include "api/events/events_store.h"
#include "api/guests/combiner.h"
#include "api/kept.h"
#include "api/limits.h"
#include "api/observe.h"
#include "api/replica.h"
#include "api/server.h"
#include "api/sweeper.h"
#include "api/tickets/admission.h"
#include "api/token_cache.h"
#include "common/clock.h"
#include "common/http_client.h"
#include "common/jwks.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/queue.h"
#include "common/recall.h"
#include "sql_api.h"

enum {
	CONNECTION_QUEUE = 256,
	SCANS_MAX = 64, /* that are committed together */
	READS_MAX = 32, /* in one statement */
	METRICS_DRAIN_MS = 1000
};

struct process {
	struct api_config config;
	struct app app;
	struct arena arena;
	struct pg_pool *background; /* the dispatcher's */
	struct sweeper *sweeper;
	struct httpd *metrics;
	struct httpd *server;
	pthread_t opener, filler;
	bool opening, filling;
};

/* Statements of the API and of the queue, as one table. */
static const struct pg_statement *const *all_statements(struct arena *arena, size_t *ret_count)
{
	size_t count = sql_api_count + sql_common_count;
	const struct pg_statement **all = arena_calloc(arena, count, sizeof(const void *));

	for (size_t i = 0; i < sql_api_count; i++)
		all[i] = sql_api[i];
	for (size_t i = 0; i < sql_common_count; i++)
		all[sql_api_count + i] = sql_common[i];
	*ret_count = count;
	return all;
}

static enum status start_replica(struct process *p, const struct pg_pool_options *pool,
				 struct problem *err)
{
	const struct redis_options marks = {
		.url = config_redis_queue_url(&p->config.common, &p->arena),
		.client_name = "core-api-marks",
	};

	return replica_start(&p->config, pool, &marks, &p->app.replica, err);
}

static enum status open_pools(struct process *p, struct problem *err)
{
	const struct config_common *common = &p->config.common;
	struct pg_pool_options options = {
		.conninfo = config_database_url(common, &p->arena),
		.name = "main",
		.min = (size_t)common->db_pool_min,
		.later = (size_t)common->db_pool_min,
		.max = (size_t)common->db_pool_max,
		.idle_ms = 30000,
		.wait_ms = 2000,
		.statement_timeout_ms = 5000,
		.lock_timeout_ms = 2000,
	};
	enum status status;

	options.statements = all_statements(&p->arena, &options.statement_count);
	status = pg_pool_open(&options, &p->app.pool, err);
	if (status)
		return status;
	options.on_demand = true; /* the main pool has all of them */
	options.name = "door";
	options.max = (size_t)p->config.door_pool_max;
	options.later = options.min = options.min < options.max ? options.min : options.max;
	status = pg_pool_open(&options, &p->app.door, err);
	if (status)
		return status;
	options.name = "sweeper";
	options.later = options.min = 1;
	options.max = (size_t)p->config.sweeper_pool_max;
	status = pg_pool_open(&options, &p->app.sweeper, err);
	if (!status)
		status = start_replica(p, &options, err);
	if (status)
		return status;
	options.name = "dispatcher";
	options.later = options.min = options.max = 1;
	options.statements = sql_common;
	options.statement_count = sql_common_count;
	options.statement_timeout_ms = 30000; /* looks at every job when Redis came back empty */
	return pg_pool_open(&options, &p->background, err);
}

static enum status open_cache(struct process *p, struct problem *err)
{
	struct redis_options options = {
		.url = config_redis_url(&p->config.common, &p->arena),
		.client_name = "core-api",
		.connect_timeout_ms = 500,
		.command_timeout_ms = 500,
	};

	return cache_open(&options, p->config.cache_ttl_s, &p->app.cache, err);
}

static struct slice text_slice(const char *text)
{
	return (struct slice){text, text ? strlen(text) : 0};
}

/* Who callers are: by which keys their tokens are judged, and what is kept of it. */
static void open_tokens(struct process *p)
{
	const struct api_config *config = &p->config;
	struct app *app = &p->app;

	app->jwt = (struct jwt_options){
		.secret = text_slice(config->jwt_secret),
		.previous = text_slice(config->jwt_secret_previous),
		.issuer = config->jwt_issuer,
		.audience = config->jwt_audience,
	};
	if (config->jwks_url)
		app->jwt.jwks = jwks_open(config->jwks_url, config->jwks_refresh_s);
	app->tokens = token_cache_new();
	app->verdicts = auth_client_cache();
}

static enum status build_app(struct process *p, struct problem *err)
{
	struct app *app = &p->app;

	app->config = &p->config;
	app->started_us = clock_monotonic_us();
	app->combiner = combiner_new();
	app->kept = kept_new();
	app->scans = together_new(&(struct together_options){
		.leaders = 2, .batch_max = SCANS_MAX, .call = admission_call});
	app->event_reads = together_new(&(struct together_options){
		.leaders = 2, .batch_max = READS_MAX, .call = events_store_read_all});
	payment_client_init(&app->payments);
	open_tokens(p);
	enum status status = proxies_parse(p->config.trusted_proxies, &app->proxies, err);
	return status ? status : credential_keys_parse(p->config.qr_secret, &app->keys, err);
}

static enum status listen_all(struct process *p, struct problem *err)
{
	const struct api_config *config = &p->config;
	struct httpd_options options = {
		.port = (int)config->port,
		.threads = (int)config->http_threads,
		.connection_queue = CONNECTION_QUEUE,
		.request_timeout_ms = config->request_timeout_ms,
		.keep_alive_timeout_ms = config->keep_alive_ms,
		.handler = server_handle,
		.done = server_done,
		.ctx = &p->app,
	};
	enum status status = OK;

	if (config->enable_metrics)
		status = httpd_start_metrics((int)config->metrics_port, &p->metrics, err);
	return status ? status : httpd_start(&options, &p->server, err);
}

/* To open a connection and prepare every statement on it takes as long as all else: begun beside.
 */
static void *open_first(void *arg)
{
	const struct process *p = arg;

	pg_pool_begin(p->app.pool);
	return NULL;
}

static void begin_opening(struct process *p)
{
	p->opening = pthread_create(&p->opener, NULL, open_first, p) == 0;
}

static void end_opening(struct process *p)
{
	if (p->opening)
		pthread_join(p->opener, NULL);
	p->opening = false;
}

/* One connection is enough to be ready; the others are there before many callers are. */
static void *fill_pools(void *arg)
{
	const struct process *p = arg;

	thread_name("pool-filler");
	pg_pool_fill(p->app.pool);
	pg_pool_fill(p->app.door);
	return NULL;
}

static enum status start(struct process *p, struct problem *err)
{
	enum status status = build_app(p, err);

	if (!status)
		status = trace_start(&p->config.trace, api_config_table.program, err);
	if (!status)
		status = open_pools(p, err);
	if (!status) {
		begin_opening(p);
		status = open_cache(p, err);
	}
	if (!status)
		observe_start(&p->app); /* before anything counts */
	if (!status)
		status = limits_open(&p->app, config_redis_url(&p->config.common, &p->arena),
				     &p->app.limits, err);
	if (!status)
		status = dispatcher_start(&p->config, p->background, &p->app.dispatcher, err);
	if (!status)
		status = listen_all(p, err);
	end_opening(p); /* before those that nobody waits for */
	if (!status)
		status = sweeper_start(&p->app, &p->sweeper, err);
	if (!status)
		p->filling = pthread_create(&p->filler, NULL, fill_pools, p) == 0;
	return status;
}

/* Threads inherit the mask, so that the signals wait for sigwait. */
static void block_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGINT);
	pthread_sigmask(SIG_BLOCK, ret_set, NULL);
	signal(SIGPIPE, SIG_IGN); /* hiredis writes without MSG_NOSIGNAL */
}

static void log_started(const struct process *p)
{
	struct log_line line;

	log_open(&line, LOG_INFO, "Service started");
	log_str(&line, "version", CORE_VERSION);
	log_i64(&line, "port", httpd_port(p->server));
	if (p->metrics)
		log_i64(&line, "metricsPort", httpd_port(p->metrics));
	log_close(&line);
}

/* In the order opposite to start; also after a start that got only half way. */
static void stop(struct process *p)
{
	p->app.draining = true;
	if (p->filling)
		pthread_join(p->filler, NULL);
	if (p->server)
		httpd_drain(p->server, p->config.drain_timeout_ms);
	if (p->sweeper)
		sweeper_stop(p->sweeper);
	if (p->app.dispatcher)
		dispatcher_stop(p->app.dispatcher);
	trace_stop();
	/* The last: it reads pools and is asked how the drain goes. */
	if (p->metrics)
		httpd_drain(p->metrics, METRICS_DRAIN_MS);
	limits_close(p->app.limits);
	if (p->app.cache)
		cache_close(p->app.cache);
	if (p->background)
		pg_pool_close(p->background);
	replica_stop(p->app.replica);
	if (p->app.sweeper)
		pg_pool_close(p->app.sweeper);
	if (p->app.door)
		pg_pool_close(p->app.door);
	if (p->app.pool)
		pg_pool_close(p->app.pool);
	if (p->app.combiner)
		combiner_free(p->app.combiner);
	if (p->app.event_reads)
		together_free(p->app.event_reads);
	if (p->app.scans)
		together_free(p->app.scans);
	if (p->app.kept)
		kept_free(p->app.kept);
	jwks_close(p->app.jwt.jwks);
	recall_free(p->app.tokens);
	recall_free(p->app.verdicts);
	arena_clear(&p->arena);
}

int main(int argc, char **argv)
{
	static struct process process;
	struct problem err = {0};
	sigset_t signals;
	int code, signal_number = 0;

	if (!config_start(&api_config_table, argc, argv, &process.config, &code))
		return code;
	log_init("core-service", (enum log_level)process.config.common.log_level);
	block_signals(&signals);
	log_writer_start();
	http_client_init();
	arena_init(&process.arena, 4096);
	if (start(&process, &err)) {
		log_message(LOG_ERROR, "Service cannot start: %s", err.detail);
		stop(&process);
		log_writer_stop();
		return EXIT_FAILURE;
	}
	log_started(&process);
	notify_ready();
	sigwait(&signals, &signal_number);
	notify_stopping();
	log_message(LOG_INFO, "Service stopping");
	stop(&process);
	log_message(LOG_INFO, "Service stopped");
	log_writer_stop();
	return 0;
}
