#include "api/dispatcher.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/crash_point.h"
#include "common/log.h"
#include "common/queue.h"
#include "common/queue_metrics.h"

/* Ids waiting; what does not fit is found again by queue_recover. */
enum { BUFFER = 65536, PIPELINE = 1000 };
#define MOVE_EVERY_US (1 * US_PER_S)
#define RECOVER_EVERY_US (5 * US_PER_S)
#define FIRST_US (100 * US_PER_MS) /* after the start: who waits for us to be ready comes first */

struct entry {
	const struct queue_type *type;
	char id[UUID_SIZE];
};

struct dispatcher {
	struct queue *queue;
	struct pg_pool *pool;
	pthread_t thread;
	struct arena arena; /* what redis_options point to */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct entry *waiting;
	size_t waiting_count;
	bool stopping;

	/* The thread's own. */
	struct entry *taken;
	size_t taken_count;
	const char *ids[PIPELINE];
	int64_t move_at, recover_at;
	bool recover_all;
	bool server_checked;
	bool database_up;
	_Atomic bool redis_up;
};

/* --- states, logged when they change ---------------------------------------------------------- */

/* Redis that was away may have come back empty. */
static void redis_is(struct dispatcher *d, bool up, const struct problem *err)
{
	if (d->redis_up == up)
		return;
	d->redis_up = up;
	queue_metrics_reachable(up);
	if (up) {
		d->recover_all = true;
		d->recover_at = 0;
		log_message(LOG_INFO, "Queue reachable again");
		return;
	}
	d->server_checked = false;
	log_message(LOG_WARN, "Queue unreachable, jobs wait in the database: %s", err->detail);
}

static void database_is(struct dispatcher *d, bool up, const struct problem *err)
{
	if (d->database_up == up)
		return;
	d->database_up = up;
	if (up)
		log_message(LOG_INFO, "Database reachable again");
	else
		log_message(LOG_WARN, "Lost jobs cannot be looked for: %s", err->detail);
}

static bool redis_did(struct dispatcher *d, enum status status, const struct problem *err)
{
	redis_is(d, !status, err);
	return !status;
}

/* --- the thread's work ------------------------------------------------------------------------ */

static bool put(struct dispatcher *d, const struct queue_type *type, size_t count)
{
	struct problem err = {0};

	return redis_did(d, queue_put(d->queue, type->name, d->ids, count, &err), &err);
}

/* False: Redis did not take them. */
static bool put_type(struct dispatcher *d, const struct queue_type *type)
{
	size_t count = 0;

	for (size_t i = 0; i < d->taken_count; i++) {
		if (d->taken[i].type != type)
			continue;
		d->ids[count++] = d->taken[i].id;
		if (count == PIPELINE) {
			if (!put(d, type, count))
				return false;
			count = 0;
		}
	}
	return count == 0 || put(d, type, count);
}

/* What Redis does not take now is dropped here: the rows are in the database. */
static void put_taken(struct dispatcher *d)
{
	CRASH_POINT_IF(d->taken_count, "dispatcher.taken");
	for (const struct queue_type *type = queue_types; type->name && d->taken_count; type++) {
		if (!put_type(d, type))
			break;
	}
	CRASH_POINT_IF(d->taken_count, "dispatcher.put");
	d->taken_count = 0;
}

static void report_depth(struct dispatcher *d, const struct queue_type *type)
{
	struct problem err = {0};
	int64_t ready, delayed;

	if (!redis_did(d, queue_depth(d->queue, type->name, &ready, &delayed, &err), &err))
		return;
	queue_metrics_depth(type->name, ready, delayed);
}

static void move_due(struct dispatcher *d)
{
	struct problem err = {0};
	bool up = true;

	for (const struct queue_type *type = queue_types; up && type->name; type++) {
		up = redis_did(d, queue_move_due(d->queue, type->name, NULL, &err), &err);
		if (up)
			report_depth(d, type);
	}
}

static void check_server(struct dispatcher *d)
{
	const char *advice;
	struct arena arena;

	if (d->server_checked || !d->redis_up)
		return;
	arena_init(&arena, 1024);
	advice = queue_check_server(d->queue, &arena);
	if (advice)
		log_message(LOG_WARN, "The queues' Redis: %s", advice);
	d->server_checked = true;
	arena_clear(&arena);
}

static void recover(struct dispatcher *d)
{
	struct problem err = {0};
	size_t count = 0;
	enum status status = queue_recover(d->queue, d->pool, d->recover_all, &count, &err);

	if (status == ST_REDIS_UNAVAILABLE) {
		redis_is(d, false, &err);
		return;
	}
	database_is(d, !status, &err);
	if (status)
		return;
	d->recover_all = false;
	if (count)
		log_message(LOG_INFO, "Put %zu jobs again that the queue had lost", count);
}

static void tick(struct dispatcher *d)
{
	int64_t now = clock_monotonic_us();

	if (now >= d->move_at) {
		d->move_at = now + MOVE_EVERY_US;
		move_due(d);
		check_server(d);
	}
	if (now >= d->recover_at && d->redis_up) {
		d->recover_at = now + RECOVER_EVERY_US;
		recover(d);
	}
}

/* Wait for ids, the next tick or the end; take what is there. False: the end. */
static bool take(struct dispatcher *d)
{
	struct timespec until = {.tv_sec = (time_t)(d->move_at / US_PER_S),
				 .tv_nsec = (long)(d->move_at % US_PER_S * 1000)};
	struct entry *empty = d->taken;
	bool going_on;
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	while (!d->waiting_count && !d->stopping && !rc)
		rc = pthread_cond_timedwait(&d->wake, &d->lock, &until);
	d->taken = d->waiting;
	d->taken_count = d->waiting_count;
	d->waiting = empty;
	d->waiting_count = 0;
	going_on = !d->stopping;
	pthread_mutex_unlock(&d->lock);
	return going_on;
}

static void *run(void *ctx)
{
	struct dispatcher *d = ctx;

	thread_name("dispatcher");
	while (take(d)) {
		put_taken(d);
		tick(d);
	}
	put_taken(d);
	return NULL;
}

/* --- for the other threads -------------------------------------------------------------------- */

static bool add(struct dispatcher *d, const struct pending_job *job)
{
	struct entry *entry;

	if (d->waiting_count == BUFFER)
		return false;
	entry = &d->waiting[d->waiting_count];
	entry->type = queue_type(job->type);
	if (!entry->type)
		fatal("dispatcher: no job type %s", job->type);
	snprintf(entry->id, sizeof(entry->id), "%s", job->id);
	d->waiting_count++;
	return true;
}

void dispatcher_put(struct dispatcher *dispatcher, const struct pending_job *jobs)
{
	if (!jobs)
		return;
	pthread_mutex_lock(&dispatcher->lock);
	while (jobs && add(dispatcher, jobs))
		jobs = jobs->next;
	pthread_cond_signal(&dispatcher->wake);
	pthread_mutex_unlock(&dispatcher->lock);
}

bool dispatcher_connected(const struct dispatcher *dispatcher)
{
	return dispatcher->redis_up;
}

static void release(struct dispatcher *d)
{
	queue_close(d->queue);
	pthread_cond_destroy(&d->wake);
	pthread_mutex_destroy(&d->lock);
	arena_clear(&d->arena);
	free(d->waiting);
	free(d->taken);
	free(d);
}

static struct dispatcher *make(struct pg_pool *pool)
{
	struct dispatcher *d = calloc(1, sizeof(*d));
	pthread_condattr_t monotonic;

	if (d) {
		d->waiting = calloc(BUFFER, sizeof(*d->waiting));
		d->taken = calloc(BUFFER, sizeof(*d->taken));
	}
	if (!d || !d->waiting || !d->taken)
		fatal("out of memory: dispatcher");
	arena_init(&d->arena, 1024);
	d->pool = pool;
	/* The processes before this one may have left rows that were never put. */
	d->recover_all = true;
	d->move_at = clock_monotonic_us() + FIRST_US;
	d->redis_up = true;
	queue_metrics_reachable(true);
	d->database_up = true;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return d;
}

enum status dispatcher_start(const struct api_config *config, struct pg_pool *pool,
			     struct dispatcher **ret, struct problem *err)
{
	struct dispatcher *d = make(pool);
	struct redis_options options = {
		.url = config_redis_queue_url(&config->common, &d->arena),
		.client_name = "core-api",
		.connect_timeout_ms = 1000,
		.command_timeout_ms = 2000,
	};
	enum status status = queue_open(&options, &d->queue, err);

	if (!status && pthread_create(&d->thread, NULL, run, d))
		status = problem_set(err, ST_INTERNAL_ERROR, "No thread for the dispatcher");
	if (status) {
		release(d);
		return status;
	}
	*ret = d;
	return OK;
}

void dispatcher_stop(struct dispatcher *dispatcher)
{
	pthread_mutex_lock(&dispatcher->lock);
	dispatcher->stopping = true;
	pthread_cond_signal(&dispatcher->wake);
	pthread_mutex_unlock(&dispatcher->lock);
	pthread_join(dispatcher->thread, NULL);
	release(dispatcher);
}
