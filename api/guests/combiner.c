#include "api/guests/combiner.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/guests/registration_call.h"
#include "common/clock.h"

enum { BUCKETS = 1024, CALL_TRIES = 4 };

/* A caller that waits; lives on its stack. Under the combiner's lock until `done`. */
struct waiter {
	struct request *req;
	const struct registration_member *member;
	struct registration_outcome *outcome;
	enum status status;
	struct problem problem;
	bool done;
	bool leads;
	pthread_cond_t wake;
	struct waiter *next;
};

/* An event that somebody leads for, and who waits, in order of arrival. */
struct lane {
	int64_t event_id;
	struct waiter *first;
	struct waiter **end;
	struct lane *next;
};

struct combiner {
	pthread_mutex_t lock;
	struct lane *buckets[BUCKETS];
};

struct combiner *combiner_new(void)
{
	struct combiner *combiner = calloc(1, sizeof(*combiner));

	if (!combiner)
		fatal("out of memory");
	pthread_mutex_init(&combiner->lock, NULL);
	return combiner;
}

void combiner_free(struct combiner *combiner)
{
	pthread_mutex_destroy(&combiner->lock);
	free(combiner);
}

/* --- lanes; the lock is held -------------------------------------------------------------------
 */

static struct lane **find_lane(struct combiner *combiner, int64_t event_id)
{
	struct lane **at = &combiner->buckets[(uint64_t)event_id % BUCKETS];

	while (*at && (*at)->event_id != event_id)
		at = &(*at)->next;
	return at;
}

static struct lane *open_lane(struct lane **at, int64_t event_id)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		fatal("out of memory");
	lane->event_id = event_id;
	lane->end = &lane->first;
	*at = lane;
	return lane;
}

static void append(struct lane *lane, struct waiter *waiter)
{
	*lane->end = waiter;
	lane->end = &waiter->next;
}

/* Up to `max` waiters off the front, as a list of its own. */
static struct waiter *take(struct lane *lane, size_t max, size_t *ret_count)
{
	struct waiter *first = lane->first;
	struct waiter **at = &lane->first;
	size_t count = 0;

	while (*at && count < max) {
		at = &(*at)->next;
		count++;
	}
	lane->first = *at;
	if (!lane->first)
		lane->end = &lane->first;
	*at = NULL;
	*ret_count = count;
	return first;
}

/* The next waiter leads, or nobody is left and the lane closes. */
static void hand_over(struct combiner *combiner, struct lane *lane)
{
	struct lane **at = &combiner->buckets[(uint64_t)lane->event_id % BUCKETS];

	if (lane->first) {
		lane->first->leads = true;
		pthread_cond_signal(&lane->first->wake);
		return;
	}
	while (*at && *at != lane)
		at = &(*at)->next;
	*at = lane->next;
	free(lane);
}

/* --- batches --------------------------------------------------------------------------------- */

static enum status call_once(struct request *req, const struct waiter *batch, size_t count,
			     struct problem *err)
{
	struct registration_member *members = arena_calloc(req->arena, count, sizeof(*members));
	struct registration_slot *slots = arena_calloc(req->arena, count, sizeof(*slots));
	size_t i = 0;

	for (const struct waiter *at = batch; at; at = at->next, i++) {
		members[i] = *at->member;
		members[i].ord = (int64_t)i;
		slots[i] = (struct registration_slot){at->req->arena, at->outcome};
	}
	return registration_call(req, members, slots, count, err);
}

/* On the leader's connection; again after a deadlock or a serialization failure, which wrote
 * nothing. */
static enum status call_batch(struct request *req, const struct waiter *batch, size_t count,
			      struct problem *err)
{
	enum status status = OK;

	for (int i = 0; i < CALL_TRIES; i++) {
		status = call_once(req, batch, count, err);
		if (!status || !req->conn || !pg_should_retry(req->conn))
			break;
		clock_sleep_ms((int64_t)ids_random_below(UINT64_C(10) << i));
	}
	request_release_conn(req);
	return status;
}

/* A batch that one member's data breaks is run again one by one, by each for itself. */
static bool falls_apart(enum status status, size_t count)
{
	return status == ST_INTERNAL_ERROR && count > 1;
}

static void settle_one(struct waiter *waiter, enum status status, const struct problem *err)
{
	waiter->status = status;
	if (status)
		waiter->problem = *err;
}

static void run_batch(struct request *req, struct waiter *batch, size_t count)
{
	struct problem err = {0};
	enum status status = call_batch(req, batch, count, &err);

	if (!falls_apart(status, count)) {
		for (struct waiter *at = batch; at; at = at->next)
			settle_one(at, status, &err);
		return;
	}
	for (struct waiter *at = batch; at; at = at->next) {
		struct waiter alone = *at;

		alone.next = NULL;
		err = (struct problem){0};
		status = call_batch(req, &alone, 1, &err);
		settle_one(at, status, &err);
	}
}

/* The waiter's memory is its own stack: it must not be touched once it is told. */
static void tell_all(struct waiter *batch)
{
	while (batch) {
		struct waiter *next = batch->next;

		batch->done = true;
		pthread_cond_signal(&batch->wake);
		batch = next;
	}
}

static void lead(struct combiner *combiner, struct waiter *self, struct lane *lane)
{
	size_t max = (size_t)self->req->app->config->registration_batch_max;
	struct waiter *batch;
	size_t count;

	batch = take(lane, max, &count);
	pthread_mutex_unlock(&combiner->lock);
	run_batch(self->req, batch, count);
	pthread_mutex_lock(&combiner->lock);
	tell_all(batch);
	hand_over(combiner, lane);
}

/* In the lane until told, or called to lead. */
static void wait_or_lead(struct combiner *combiner, struct waiter *self)
{
	struct lane **at = find_lane(combiner, self->member->event_id);
	struct lane *lane = *at;

	if (lane) {
		append(lane, self);
		while (!self->done && !self->leads)
			pthread_cond_wait(&self->wake, &combiner->lock);
	} else {
		lane = open_lane(at, self->member->event_id);
		append(lane, self);
		self->leads = true;
	}
	if (self->leads)
		lead(combiner, self, lane);
}

enum status combiner_register(struct request *req, const struct registration_member *member,
			      struct registration_outcome *ret, struct problem *err)
{
	struct combiner *combiner = req->app->combiner;
	struct waiter self = {.req = req, .member = member, .outcome = ret};

	pthread_cond_init(&self.wake, NULL);
	request_release_conn(req); /* who waits holds none */
	pthread_mutex_lock(&combiner->lock);
	wait_or_lead(combiner, &self);
	pthread_mutex_unlock(&combiner->lock);
	pthread_cond_destroy(&self.wake);
	if (self.status && err)
		*err = self.problem;
	return self.status;
}
