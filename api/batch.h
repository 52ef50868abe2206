/*
 * batch: what several callers asked for, done in one statement on the connection of one of them.
 */
#ifndef API_BATCH_H
#define API_BATCH_H

#include "api/request.h"

/* One caller's part; lives on its stack. */
struct batch_item {
	struct request *req;
	void *what; /* in and out, as the call knows it; texts go to the arena of `req` */
	enum status status;
	struct problem problem;
};

/* Do it for all, in one statement on the connection of `leader`. A failure is everybody's; the
 * call may also set the status of single items. */
typedef enum status batch_call(struct request *leader, const void *ctx,
			       struct batch_item *const *items, size_t count, struct problem *err);

/* Call, again after a deadlock or a serialization failure, and set each item's status. A batch that
 * the data of one item break is taken back and halved under savepoints, so that this item alone
 * fails and the others are still committed together. Gives the connection back. */
void batch_run(struct request *leader, batch_call *call, const void *ctx,
	       struct batch_item *const *items, size_t count);

#endif
