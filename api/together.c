#include "api/together.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

/* Lives on its caller's stack, under the lock until `done`. */
struct waiter {
	struct batch_item item;
	bool leads;
	bool done;
	pthread_cond_t wake;
	STAILQ_ENTRY(waiter) next;
};

struct together {
	struct together_options options;
	pthread_mutex_t lock;
	STAILQ_HEAD(waiters, waiter) waiters; /* who is in no batch yet, in order of arrival */
	int leading;
};

struct together *together_new(const struct together_options *options)
{
	struct together *together = calloc(1, sizeof(*together));

	if (!together)
		fatal("out of memory");
	together->options = *options;
	pthread_mutex_init(&together->lock, NULL);
	STAILQ_INIT(&together->waiters);
	return together;
}

void together_free(struct together *together)
{
	pthread_mutex_destroy(&together->lock);
	free(together);
}

/* --- the lock is held --------------------------------------------------------------------------
 */

static void appoint_leader(struct together *together)
{
	struct waiter *first = STAILQ_FIRST(&together->waiters);

	if (!first || first->leads || together->leading == together->options.leaders)
		return;
	together->leading++;
	first->leads = true;
	pthread_cond_signal(&first->wake);
}

static size_t take(struct together *together, struct waiter **batch)
{
	size_t count = 0;
	struct waiter *first;

	while (count < together->options.batch_max && (first = STAILQ_FIRST(&together->waiters))) {
		STAILQ_REMOVE_HEAD(&together->waiters, next);
		batch[count++] = first;
	}
	return count;
}

/* The leader is the first of those who wait, and so in its own batch. */
static void lead(struct together *together, struct waiter *self)
{
	struct arena *arena = self->item.req->arena;
	size_t max = together->options.batch_max;
	struct waiter **batch = arena_calloc(arena, max, sizeof(struct waiter *));
	struct batch_item **items = arena_calloc(arena, max, sizeof(struct batch_item *));
	size_t count = take(together, batch);

	appoint_leader(together);
	pthread_mutex_unlock(&together->lock);
	for (size_t i = 0; i < count; i++)
		items[i] = &batch[i]->item;
	batch_run(self->item.req, together->options.call, NULL, items, count);
	pthread_mutex_lock(&together->lock);
	/* the next leader first: it need not queue for a core behind all who are told */
	together->leading--;
	appoint_leader(together);
	/* a waiter's memory is its own stack: it must not be touched once it is told */
	for (size_t i = 0; i < count; i++) {
		batch[i]->done = true;
		pthread_cond_signal(&batch[i]->wake);
	}
}

enum status together_submit(struct together *together, struct request *req, void *what,
			    struct problem *err)
{
	struct waiter self = {.item = {.req = req, .what = what}};

	pthread_cond_init(&self.wake, NULL);
	request_release_conn(req);
	pthread_mutex_lock(&together->lock);
	STAILQ_INSERT_TAIL(&together->waiters, &self, next);
	appoint_leader(together);
	while (!self.done) {
		if (self.leads)
			lead(together, &self);
		else
			pthread_cond_wait(&self.wake, &together->lock);
	}
	pthread_mutex_unlock(&together->lock);
	pthread_cond_destroy(&self.wake);
	if (self.item.status)
		*err = self.item.problem;
	return self.item.status;
}
