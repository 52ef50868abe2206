/*
 * combiner_batch: members that are registered in one transaction.
 */
#ifndef API_GUESTS_COMBINER_BATCH_H
#define API_GUESTS_COMBINER_BATCH_H

#include <pthread.h>
#include <sys/queue.h>

#include "api/guests/registration.h"

/* A caller that waits; lives on its stack, under the combiner's lock until `done`. */
struct waiter {
	struct request *req;
	const struct registration_member *member;
	struct registration_outcome *outcome;
	enum status status;
	struct problem problem;
	struct lane *lane; /* where it waits */
	enum { WAITS, LEADS_COMMON, LEADS_LANE } role;
	bool done;
	pthread_cond_t wake;
	STAILQ_ENTRY(waiter) next;
};

/* Register them, in order of arrival, on the connection of `req`, and set status and outcome of
 * each. skip_locked: members of events that another transaction holds are only told so, see
 * combiner_batch_is_busy. Members whose data break the batch fail alone. */
void combiner_batch_run(struct request *req, struct waiter *const *batch, size_t count,
			bool skip_locked);
/* Was this member left out because its event was held? */
bool combiner_batch_is_busy(const struct waiter *waiter);

#endif
