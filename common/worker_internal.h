/*
 * worker_internal: what the loop and the settling of its jobs share.
 */
#ifndef COMMON_WORKER_INTERNAL_H
#define COMMON_WORKER_INTERNAL_H

#include <pthread.h>

#include "common/metrics.h"
#include "common/worker.h"

struct worker;

/* One thread of the loop. */
struct worker_slot {
	struct worker *worker;
	pthread_t thread;
	struct queue *queue;
	struct arena arena;     /* of one batch */
	const struct job *jobs; /* running now; under the worker's lock */
	size_t count;
};

struct worker {
	const struct worker_options *options;
	struct worker_slot *slots;
	size_t slot_count;
	struct queue *queue; /* of the housekeeping thread */
	pthread_t housekeeper;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;       /* no new jobs */
	bool ended;          /* all slots are done: the housekeeper may end */
	enum status trouble; /* why reserving fails; OK: it works */
};

/* Register the metrics of jobs; they begin at 0 for this type. */
void worker_metrics_start(const char *type);

/* Sleep, but end with `flag`; true: it is set. */
bool worker_wait(struct worker *worker, const bool *flag, int64_t ms);
/* Settle a batch that ran: acknowledge, delay, bury, hand back; a log line and metrics each. True:
 * some were handed back because the other side is down. */
bool worker_settle(struct worker_slot *slot, const struct job *jobs, size_t count,
		   const struct job_outcome *outcomes, int64_t duration_us);

#endif
