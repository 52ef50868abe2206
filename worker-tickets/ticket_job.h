/*
 * ticket_job: the jobs `generate-ticket-pdf`: documents of a batch of tickets, made, stored and
 * mailed on.
 *
 * A ticket that is cancelled, ready, or changed since it was read is left alone; its job is done
 * all the same. Thread safe.
 */
#ifndef WORKER_TICKETS_TICKET_JOB_H
#define WORKER_TICKETS_TICKET_JOB_H

#include <pthread.h>

#include "common/credential.h"
#include "common/worker.h"
#include "worker-tickets/ticket.h"
#include "worker-tickets/ticket_store.h"

struct ticket_job {
	struct pg_pool *pool;
	struct credential_keys keys;
	struct ticket_store store;
	enum ticket_paper paper;
	pthread_mutex_t lock; /* of `mails` */
	struct queue *mails;  /* where mail jobs are put; NULL: left to the recovery of the queue */
};

/* The worker's run function; `ctx` is a struct ticket_job. */
worker_run ticket_job_run;

#endif
