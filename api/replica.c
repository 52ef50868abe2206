#include "api/replica.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/replica_lag.h"
#include "common/clock.h"
#include "common/metrics.h"

enum {
	TICK_MS = 500,
	MARK_MS = 10000,
	WRITE_LONG_MS = 2000, /* a write that took longer is marked again at its end */
	MEMORY_MS = 60000,
	STATEMENT_MS = 1000, /* the primary is waiting */
	LEASE_WAIT_MS = 200,
	REDIS_MS = 250,
	KEY_SIZE = UUID_SIZE + 16,
};
#define NEVER INT64_MAX

struct replica {
	struct pg_pool *pool;
	struct replica_lag *lag;
	struct cache *marks;
	char memory_key[KEY_SIZE];      /* put at every tick: when it is gone, so may be marks */
	_Atomic int64_t marks_since_us; /* Redis has every mark since; NEVER: it is away */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool started, stopping;
};

struct metric metric_replica_lag = {.name = "db_replica_lag_seconds",
				    .type = METRIC_GAUGE,
				    .help = "Age of the newest commits that the replica surely "
					    "holds; above 3 nobody reads it."};
struct metric metric_replica_reads = {
	.name = "db_replica_reads_total",
	.type = METRIC_COUNTER,
	.help = "Lists that might be read from the replica, by what happened: replica, marked (the "
		"caller wrote just now), behind, unmarked (Redis cannot tell), failed.",
	.labels = {"outcome"}};

static const struct slice something = {"1", 1};

/* --- the watcher ------------------------------------------------------------------------------
 */

/* Has Redis forgotten anything since the tick before? */
static enum status ask_memory(struct replica *replica, bool *ret_kept, struct problem *err)
{
	enum status status = cache_has(replica->marks, replica->memory_key, ret_kept, err);

	return status ? status
		      : cache_put(replica->marks, replica->memory_key, something, MEMORY_MS, err);
}

static void watch_marks(struct replica *replica)
{
	struct problem ignored = {0};
	bool kept = false;

	if (ask_memory(replica, &kept, &ignored) != OK)
		replica->marks_since_us = NEVER;
	else if (!kept || replica->marks_since_us == NEVER)
		replica->marks_since_us = clock_monotonic_us();
}

static bool nap(struct replica *replica)
{
	bool stopping;

	pthread_mutex_lock(&replica->lock);
	if (!replica->stopping)
		clock_cond_wait(&replica->wake, &replica->lock, TICK_MS * US_PER_MS);
	stopping = replica->stopping;
	pthread_mutex_unlock(&replica->lock);
	return !stopping;
}

static void *watch(void *arg)
{
	struct replica *replica = arg;
	struct arena arena;

	thread_name("replica");
	arena_init(&arena, 1024);
	do {
		watch_marks(replica);
		replica_lag_measure(replica->lag, &arena);
		arena_reset(&arena);
	} while (nap(replica));
	arena_clear(&arena);
	return NULL;
}

/* --- requests ---------------------------------------------------------------------------------
 */

static const char *mark_key(const struct request *req)
{
	return arena_printf(req->arena, "wrote:%lld", (long long)req->caller.user_id);
}

/* Tried twice: the connection may be of a Redis that was restarted. When it is away, nobody reads
 * the replica for as long as the mark would have lived. */
static void mark(struct request *req)
{
	struct replica *replica = req->app->replica;
	struct problem ignored = {0};
	const char *key = mark_key(req);

	if (replica->marks_since_us == NEVER)
		return;
	if (cache_put(replica->marks, key, something, MARK_MS, &ignored) != OK &&
	    cache_put(replica->marks, key, something, MARK_MS, &ignored) != OK)
		replica->marks_since_us = NEVER;
}

static bool marks_are_whole(const struct replica *replica)
{
	int64_t since_us = replica->marks_since_us;

	return since_us != NEVER && clock_monotonic_us() - since_us >= MARK_MS * US_PER_MS;
}

/* What this caller's list is read from, in the words of metric_replica_reads. */
static const char *choose(struct request *req)
{
	struct replica *replica = req->app->replica;
	struct problem ignored = {0};
	bool marked = true;

	if (!replica_current(replica))
		return "behind";
	if (!marks_are_whole(replica))
		return "unmarked";
	if (cache_has(replica->marks, mark_key(req), &marked, &ignored) != OK) {
		replica->marks_since_us = NEVER;
		return "unmarked";
	}
	if (marked)
		return "marked";
	req->from_replica = true;
	return "replica";
}

static bool is_write(const struct request *req)
{
	return strcmp(req->route->method, "GET") != 0;
}

void replica_before(struct request *req)
{
	if (!req->app->replica || !req->caller.signed_in)
		return;
	if (is_write(req)) {
		mark(req);
	} else if (req->route->flags & ROUTE_REPLICA) {
		metrics_add(&metric_replica_reads, 1, choose(req), (char *)NULL);
		if (req->from_replica)
			request_release_conn(req);
	}
}

void replica_after(struct request *req, int64_t begun_us)
{
	if (req->app->replica && req->caller.signed_in && is_write(req) &&
	    clock_monotonic_us() - begun_us >= WRITE_LONG_MS * US_PER_MS)
		mark(req);
}

void replica_leave(struct request *req, enum status why)
{
	metrics_add(&metric_replica_reads, 1, "failed", (char *)NULL);
	if (why != ST_OVERLOADED)
		replica_lag_forget(req->app->replica->lag);
	request_release_conn(req);
	req->from_replica = false;
}

struct pg_pool *replica_pool(struct replica *replica)
{
	return replica->pool;
}

bool replica_current(struct replica *replica)
{
	return replica_lag_current(replica->lag);
}

void replica_observe(struct replica *replica)
{
	metrics_set(&metric_replica_lag, replica_lag_seconds(replica->lag), (char *)NULL);
}

/* --- start and end ----------------------------------------------------------------------------
 */

static enum status open_pools(struct replica *replica, const struct api_config *config,
			      struct pg_pool_options options, struct problem *err)
{
	int port = (int)config->replica_port;
	enum status status =
		replica_lag_open(&options, config->replica_host, port, &replica->lag, err);

	options.name = "replica";
	options.host = config->replica_host;
	options.port = port;
	options.min = 0; /* it may be away when we start */
	options.max = (size_t)config->replica_pool_max;
	options.wait_ms = LEASE_WAIT_MS;
	options.statement_timeout_ms = STATEMENT_MS;
	return status ? status : pg_pool_open(&options, &replica->pool, err);
}

static struct replica *replica_new(void)
{
	struct replica *replica = calloc(1, sizeof(*replica));
	char id[UUID_SIZE];

	if (!replica)
		fatal("out of memory");
	pthread_mutex_init(&replica->lock, NULL);
	clock_cond_init(&replica->wake);
	ids_uuid7(id);
	snprintf(replica->memory_key, sizeof(replica->memory_key), "remembers:%s", id);
	replica->marks_since_us = NEVER;
	return replica;
}

enum status replica_start(const struct api_config *config, const struct pg_pool_options *pool,
			  const struct redis_options *marks, struct replica **ret,
			  struct problem *err)
{
	struct redis_options redis = *marks;
	struct replica *replica;
	enum status status;

	*ret = NULL;
	if (!config->replica_host)
		return OK;
	redis.connect_timeout_ms = redis.command_timeout_ms = REDIS_MS;
	*ret = replica = replica_new();
	status = open_pools(replica, config, *pool, err);
	if (!status)
		status = cache_open(&redis, MEMORY_MS / 1000, &replica->marks, err);
	if (status)
		return status;
	if (pthread_create(&replica->thread, NULL, watch, replica) != 0)
		return problem_set(err, ST_INTERNAL_ERROR, "no thread for the replica");
	replica->started = true;
	return OK;
}

void replica_stop(struct replica *replica)
{
	if (!replica)
		return;
	pthread_mutex_lock(&replica->lock);
	replica->stopping = true;
	pthread_cond_signal(&replica->wake);
	pthread_mutex_unlock(&replica->lock);
	if (replica->started)
		pthread_join(replica->thread, NULL);
	cache_close(replica->marks);
	pg_pool_close(replica->pool);
	replica_lag_close(replica->lag);
	pthread_cond_destroy(&replica->wake);
	pthread_mutex_destroy(&replica->lock);
	free(replica);
}
