#include "api/sweeper.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/observe.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	ARENA_BLOCK = 64 * 1024,
	FIRST_MS = 100 /* after the start, when those who wait for us to be ready come first */
};

struct worker {
	pthread_t thread;
	const struct sweeper_duty *duty;
	struct sweeper *sweeper;
	bool failing;
};

struct sweeper {
	struct app *app;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	size_t count; /* threads started */
	struct worker workers[];
};

static const struct route nobodys_route = {
	.method = "POST", .pattern = "sweeper", .flags = ROUTE_SWEEPER};

static void tell(struct worker *worker, enum status status, const struct problem *err)
{
	observe_duty(worker->duty->name, status == OK);
	if (status && !worker->failing)
		log_message(LOG_WARN, "Sweeper duty %s fails: %s", worker->duty->name, err->detail);
	if (!status && worker->failing)
		log_message(LOG_INFO, "Sweeper duty %s works again", worker->duty->name);
	worker->failing = status != OK;
}

/* True when there is more to do at once. */
static bool run_slice(struct worker *worker, struct arena *arena)
{
	struct http_exchange nobody = {.arena = arena, .method = "POST", .path = "/"};
	struct request req = {.app = worker->sweeper->app,
			      .http = &nobody,
			      .arena = arena,
			      .route = &nobodys_route};
	struct problem err = {0};
	char request_id[UUID_SIZE];
	bool more = false;
	enum status status;

	ids_uuid7(request_id);
	nobody.request_id = request_id;
	req.traceparent = trace_new(arena);
	status = worker->duty->slice(&req, &more, &err);
	request_release_conn(&req);
	tell(worker, status, &err);
	arena_reset(arena);
	return !status && more;
}

static bool stopping(struct sweeper *sweeper)
{
	bool is;

	pthread_mutex_lock(&sweeper->lock);
	is = sweeper->stopping;
	pthread_mutex_unlock(&sweeper->lock);
	return is;
}

static void nap(struct sweeper *sweeper, int64_t ms)
{
	pthread_mutex_lock(&sweeper->lock);
	if (!sweeper->stopping)
		clock_cond_wait(&sweeper->wake, &sweeper->lock, ms * US_PER_MS);
	pthread_mutex_unlock(&sweeper->lock);
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct arena arena;

	thread_name(worker->duty->name);
	arena_init(&arena, ARENA_BLOCK);
	nap(worker->sweeper, FIRST_MS);
	while (!stopping(worker->sweeper))
		if (!run_slice(worker, &arena))
			nap(worker->sweeper, worker->duty->interval_ms);
	arena_clear(&arena);
	return NULL;
}

enum status sweeper_start(struct app *app, struct sweeper **ret, struct problem *err)
{
	struct sweeper *sweeper =
		calloc(1, sizeof(*sweeper) + sweeper_duty_count * sizeof(sweeper->workers[0]));

	if (!sweeper)
		fatal("out of memory");
	sweeper->app = app;
	clock_cond_init(&sweeper->wake);
	pthread_mutex_init(&sweeper->lock, NULL);
	for (size_t i = 0; i < sweeper_duty_count; i++) {
		struct worker *worker = &sweeper->workers[i];

		worker->duty = &sweeper_duties[i];
		worker->sweeper = sweeper;
		observe_duty_starts(worker->duty->name);
		if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
			sweeper_stop(sweeper);
			return problem_set(err, ST_INTERNAL_ERROR, "no thread for the sweeper");
		}
		sweeper->count++;
	}
	*ret = sweeper;
	return OK;
}

void sweeper_stop(struct sweeper *sweeper)
{
	pthread_mutex_lock(&sweeper->lock);
	sweeper->stopping = true;
	pthread_cond_broadcast(&sweeper->wake);
	pthread_mutex_unlock(&sweeper->lock);
	for (size_t i = 0; i < sweeper->count; i++)
		pthread_join(sweeper->workers[i].thread, NULL);
	pthread_cond_destroy(&sweeper->wake);
	pthread_mutex_destroy(&sweeper->lock);
	free(sweeper);
}
