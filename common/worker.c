#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/httpd.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/queue_metrics.h"
#include "common/worker_internal.h"

enum {
	BLOCK_MS = 1000, /* so long a stop may go unnoticed */
	NOT_READY_MS = 200,
	OUTAGE_MS = 1000, /* no new jobs after one was handed back */
	RETRY_MS = 100,   /* after a failure; doubles */
	RETRY_MAX_MS = 2000,
	TICK_MS = 1000,
	RECOVER_EVERY_MS = 5000,
	ARENA_BLOCK = 65536,
	METRICS_DRAIN_MS = 1000,
};

bool worker_wait(struct worker *worker, const bool *flag, int64_t ms)
{
	int64_t until_us = clock_monotonic_us() + ms * US_PER_MS;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	int failed = 0;
	bool set;

	pthread_mutex_lock(&worker->lock);
	while (!*flag && failed != ETIMEDOUT)
		failed = pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
	set = *flag;
	pthread_mutex_unlock(&worker->lock);
	return set;
}

static void set_flag(struct worker *worker, bool *flag)
{
	pthread_mutex_lock(&worker->lock);
	*flag = true;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

/* One line when things go wrong or right, not one a try. */
static void note(struct worker *worker, enum status status, const struct problem *err)
{
	struct log_line line;
	bool changed;

	pthread_mutex_lock(&worker->lock);
	changed = worker->trouble != status;
	worker->trouble = status;
	pthread_mutex_unlock(&worker->lock);
	if (!changed)
		return;
	queue_metrics_reachable(status == OK);
	log_open(&line, status == OK ? LOG_INFO : LOG_WARN,
		 status == OK ? "Queue works again" : "Queue does not work");
	log_str(&line, "type", worker->options->type->name);
	log_str(&line, "error", status == OK ? NULL : err->detail);
	log_close(&line);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

/* Show the housekeeper whose leases to renew. */
static void show_jobs(struct worker_slot *slot, const struct job *jobs, size_t count)
{
	pthread_mutex_lock(&slot->worker->lock);
	slot->jobs = jobs;
	slot->count = count;
	pthread_mutex_unlock(&slot->worker->lock);
}

/* True: the other side is down. */
static bool run_batch(struct worker_slot *slot, const struct job *jobs, size_t count)
{
	const struct worker_options *options = slot->worker->options;
	struct job_outcome *outcomes = arena_calloc(&slot->arena, count, sizeof(*outcomes));
	int64_t start_us = clock_monotonic_us();
	bool down;

	for (size_t i = 0; i < count; i++)
		outcomes[i].delay_ms = -1;
	show_jobs(slot, jobs, count);
	options->run(options->ctx, &slot->arena, jobs, count, outcomes);
	down = worker_settle(slot, jobs, count, outcomes, clock_monotonic_us() - start_us);
	show_jobs(slot, NULL, 0);
	return down;
}

/* What a job causes is caused by this delivery of it. */
static void begin_spans(struct worker_slot *slot, struct job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		jobs[i].traceparent = trace_begin(&jobs[i].span, &slot->arena, jobs[i].traceparent);
}

static enum status reserve_and_run(struct worker_slot *slot, struct problem *err)
{
	struct worker *worker = slot->worker;
	const struct worker_options *options = worker->options;
	struct job *jobs = NULL;
	size_t count = 0;
	enum status status =
		queue_reserve(slot->queue, options->pool, options->type, options->batch, BLOCK_MS,
			      &slot->arena, &jobs, &count, err);

	if (status != OK)
		return status;
	note(worker, OK, NULL);
	if (!count)
		return OK;
	if (worker_wait(worker, &worker->stopping, 0))
		return queue_release(slot->queue, options->pool, jobs, count, err);
	begin_spans(slot, jobs, count);
	if (run_batch(slot, jobs, count))
		worker_wait(worker, &worker->stopping, OUTAGE_MS);
	return OK;
}

static void *slot_main(void *arg)
{
	struct worker_slot *slot = arg;
	struct worker *worker = slot->worker;
	const struct worker_options *options = worker->options;
	int64_t pause_ms = RETRY_MS;

	thread_name("jobs");
	while (!worker_wait(worker, &worker->stopping, 0)) {
		struct problem err = {0};
		enum status status;

		arena_reset(&slot->arena);
		if (options->ready && !options->ready(options->ctx)) {
			worker_wait(worker, &worker->stopping, NOT_READY_MS);
			continue;
		}
		status = reserve_and_run(slot, &err);
		if (status == OK) {
			pause_ms = RETRY_MS;
			continue;
		}
		note(worker, status, &err);
		worker_wait(worker, &worker->stopping, pause_ms);
		pause_ms = pause_ms * 2 < RETRY_MAX_MS ? pause_ms * 2 : RETRY_MAX_MS;
	}
	queue_leave(slot->queue, options->type);
	return NULL;
}

/* --- housekeeping ------------------------------------------------------------------------------
 */

/* The jobs that run now, copied: their thread may be done with them any moment. */
static size_t copy_jobs(struct worker *worker, struct arena *arena, struct job **ret_jobs)
{
	size_t count = 0;
	size_t n = 0;

	pthread_mutex_lock(&worker->lock);
	for (size_t i = 0; i < worker->slot_count; i++)
		count += worker->slots[i].count;
	*ret_jobs = arena_calloc(arena, count, sizeof(**ret_jobs));
	for (size_t i = 0; i < worker->slot_count; i++) {
		for (size_t j = 0; j < worker->slots[i].count; j++) {
			(*ret_jobs)[n] = worker->slots[i].jobs[j];
			(*ret_jobs)[n].entry_id = arena_strdup(arena, (*ret_jobs)[n].entry_id);
			n++;
		}
	}
	pthread_mutex_unlock(&worker->lock);
	return count;
}

static enum status renew(struct worker *worker, struct arena *arena, struct problem *err)
{
	struct job *jobs = NULL;
	size_t count = copy_jobs(worker, arena, &jobs);

	return queue_touch(worker->queue, jobs, count, err);
}

static enum status recover(struct worker *worker, struct problem *err)
{
	const char *type = worker->options->type->name;
	int64_t ready = 0;
	int64_t delayed = 0;
	enum status status = queue_depth(worker->queue, type, &ready, &delayed, err);

	if (status != OK)
		return status;
	queue_metrics_depth(type, ready, delayed);
	return queue_recover(worker->queue, worker->options->pool, false, NULL, err);
}

static void warn_of_settings(struct worker *worker, struct arena *arena)
{
	const char *warning = queue_check_server(worker->queue, arena);

	if (warning)
		log_message(LOG_WARN, "%s", warning);
}

/* When to do what next, monotonic. */
struct schedule {
	int64_t renew_us;
	int64_t recover_us;
	bool checked;
	bool failing;
};

static enum status tick(struct worker *worker, struct schedule *next, struct arena *arena,
			struct problem *err)
{
	int64_t now_us = clock_monotonic_us();
	enum status status = OK;

	if (now_us >= next->renew_us)
		status = renew(worker, arena, err);
	if (status != OK)
		return status;
	if (now_us >= next->renew_us)
		next->renew_us = now_us + worker->options->type->time_to_run_ms * US_PER_MS / 3;
	status = queue_move_due(worker->queue, worker->options->type->name, NULL, err);
	if (status != OK)
		return status;
	if (!next->checked)
		warn_of_settings(worker, arena);
	next->checked = true;
	/* At once when things work again: the outage may have cost jobs. */
	if (now_us < next->recover_us && !next->failing)
		return OK;
	next->recover_us = now_us + RECOVER_EVERY_MS * US_PER_MS;
	return recover(worker, err);
}

static void *housekeeper_main(void *arg)
{
	struct worker *worker = arg;
	struct schedule next = {0};
	struct arena arena;
	int64_t pause_ms = worker->options->type->time_to_run_ms / 3;

	thread_name("housekeeper");
	if (pause_ms > TICK_MS)
		pause_ms = TICK_MS;
	arena_init(&arena, ARENA_BLOCK);
	do {
		struct problem err = {0};
		enum status status = tick(worker, &next, &arena, &err);

		next.failing = status != OK;
		if (next.failing)
			note(worker, status, &err);
		arena_reset(&arena);
	} while (!worker_wait(worker, &worker->ended, pause_ms));
	arena_clear(&arena);
	return NULL;
}

/* --- start and end -----------------------------------------------------------------------------
 */

static void worker_clear(struct worker *worker)
{
	for (size_t i = 0; i < worker->slot_count; i++) {
		queue_close(worker->slots[i].queue);
		arena_clear(&worker->slots[i].arena);
	}
	queue_close(worker->queue);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	free(worker->slots);
}

static enum status worker_init(struct worker *worker, const struct worker_options *options,
			       struct problem *err)
{
	pthread_condattr_t monotonic;
	enum status status;

	*worker = (struct worker){.options = options};
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	worker->slots = calloc((size_t)options->threads, sizeof(*worker->slots));
	if (!worker->slots)
		fatal("worker: out of memory");
	status = queue_open(&options->redis, &worker->queue, err);
	while (status == OK && worker->slot_count < (size_t)options->threads) {
		struct worker_slot *slot = &worker->slots[worker->slot_count++];

		slot->worker = worker;
		arena_init(&slot->arena, ARENA_BLOCK);
		status = queue_open(&options->redis, &slot->queue, err);
	}
	if (status != OK)
		worker_clear(worker);
	return status;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	int failed = pthread_create(thread, NULL, run, arg);

	if (failed)
		fatal("worker: cannot start a thread: %s", strerrordesc_np(failed));
}

static void log_phase(const struct worker_options *options, const char *message)
{
	struct log_line line;

	log_open(&line, LOG_INFO, message);
	log_str(&line, "program", options->name);
	log_str(&line, "type", options->type->name);
	log_i64(&line, "threads", options->threads);
	log_i64(&line, "batch", (int64_t)options->batch);
	log_close(&line);
}

static void run_until_signal(struct worker *worker, const sigset_t *signals)
{
	int got = 0;

	start_thread(&worker->housekeeper, housekeeper_main, worker);
	for (size_t i = 0; i < worker->slot_count; i++)
		start_thread(&worker->slots[i].thread, slot_main, &worker->slots[i]);
	log_phase(worker->options, "Worker started");
	notify_ready();
	while (sigwait(signals, &got) != 0)
		;
	notify_stopping();
	log_phase(worker->options, "Worker drains");
	set_flag(worker, &worker->stopping);
	for (size_t i = 0; i < worker->slot_count; i++)
		pthread_join(worker->slots[i].thread, NULL);
	/* The last batches needed their leases renewed until here. */
	set_flag(worker, &worker->ended);
	pthread_join(worker->housekeeper, NULL);
	log_phase(worker->options, "Worker stopped");
}

/* Blocked before any thread is made, so that only sigwait sees them. */
static void block_signals(sigset_t *ret_signals, sigset_t *ret_before)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, ret_signals, ret_before);
}

void worker_hold_signals(void)
{
	sigset_t signals;

	block_signals(&signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void show_metrics(const struct worker_options *options)
{
	metrics_build_info(options->name, CORE_VERSION);
	worker_metrics_start(options->type->name);
	queue_metrics_register();
	queue_metrics_reachable(true);
	pg_pool_show(options->pool);
}

enum status worker_main(const struct worker_options *options, struct problem *err)
{
	struct httpd *httpd = NULL;
	struct worker worker;
	sigset_t signals, before;
	enum status status;

	show_metrics(options);
	block_signals(&signals, &before);
	status = worker_init(&worker, options, err);
	if (status == OK && options->metrics_port) {
		status = httpd_start_metrics(options->metrics_port, &httpd, err);
		if (status != OK)
			worker_clear(&worker);
	}
	if (status == OK) {
		run_until_signal(&worker, &signals);
		worker_clear(&worker);
	}
	if (httpd)
		httpd_drain(httpd, METRICS_DRAIN_MS);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}
