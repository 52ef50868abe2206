/*
 * worker: the loop of a worker process: reserve, run, settle, heart-beat, drain.
 *
 * A worker is its main, this loop and one job function. `threads` loops run side by side, each with
 * its own queue connection and arena; one more thread moves due jobs, recovers what Redis lost and
 * renews leases.
 */
#ifndef COMMON_WORKER_H
#define COMMON_WORKER_H

#include "common/queue.h"

enum job_result {
	JOB_FAILED, /* see problem: retried or buried by its retry class (the value at start) */
	JOB_DONE,   /* the effect and queue_complete are committed */
	JOB_LOST,   /* somebody else holds it now */
	JOB_WAIT,   /* not begun, hand back: the other side is down, stop reserving for a while */
};
struct job_outcome {
	enum job_result result;
	struct problem problem; /* JOB_FAILED */
	bool counted;           /* JOB_FAILED: it was a call that was answered or timed out */
	int64_t delay_ms;       /* JOB_FAILED: at least so long; -1: the type's back-off */
};

/* Run `count` jobs; fill outcomes[i] of each. The arena is reset after the batch. */
typedef void worker_run(void *ctx, struct arena *arena, const struct job *jobs, size_t count,
			struct job_outcome *outcomes);

struct worker_options {
	const char *name; /* of the program */
	const struct queue_type *type;
	struct redis_options redis;
	struct pg_pool *pool;
	int threads;
	size_t batch;     /* jobs a run, at most */
	int metrics_port; /* 0: none */
	worker_run *run;
	/* May reserving go on? NULL: always. False for a while stops new jobs (an outage). */
	bool (*ready)(void *ctx);
	void *ctx;
};

/* From here on SIGTERM and SIGINT wait for worker_main: the first call of main, so that a worker
 * told to stop while it starts ends as quietly as one that works. Ignores SIGPIPE. */
void worker_hold_signals(void);
/* Runs until SIGTERM or SIGINT, then finishes what runs and hands back the rest. Logs start, stop
 * and each job. */
enum status worker_main(const struct worker_options *options, struct problem *err) MUST_CHECK;

#endif
