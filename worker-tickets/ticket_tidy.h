/*
 * ticket_tidy: removes what no document names from the documents' directory: files that a worker
 * wrote and was killed before it recorded or removed them.
 *
 * Young files are left alone: somebody may be about to record them. Who records looks, under the
 * ticket's lock, whether his files are still there; they are removed under the same lock.
 */
#ifndef WORKER_TICKETS_TICKET_TIDY_H
#define WORKER_TICKETS_TICKET_TIDY_H

#include <pthread.h>

#include "worker-tickets/ticket_store.h"

/* Once through the directory: files older than that. *ret_removed: how many, also on failure. */
enum status ticket_tidy(const struct ticket_store *store, struct pg_pool *pool, int64_t age_s,
			size_t *ret_removed, struct problem *err) MUST_CHECK;

/* A thread that does so now and every `age_s`; nothing for PostgreSQL. Store and pool must stay. */
struct ticket_tidier {
	const struct ticket_store *store;
	struct pg_pool *pool;
	int64_t age_s;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
};
void ticket_tidier_start(struct ticket_tidier *tidier);
void ticket_tidier_stop(struct ticket_tidier *tidier);

#endif
