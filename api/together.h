/*
 * together: callers who wait at the same time share a statement.
 *
 * The first one leads: it does what has gathered in one call, then hands the lead to the first of
 * those who came meanwhile. There is no timer, so a caller alone is served at once. Who waits holds
 * no connection.
 */
#ifndef API_TOGETHER_H
#define API_TOGETHER_H

#include "api/batch.h"

struct together;

struct together_options {
	int leaders;      /* batches on their way at once */
	size_t batch_max; /* items of one */
	batch_call *call; /* with no context */
};

struct together *together_new(const struct together_options *options);
void together_free(struct together *together);

/* Have it done, alone or among others. */
enum status together_submit(struct together *together, struct request *req, void *what,
			    struct problem *err) MUST_CHECK;

#endif
