#include "api/guests/combiner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/batch.h"
#include "api/guests/registration_call.h"
#include "api/kept.h"
#include "common/crash_point.h"

/* COMMON_MAX: common batches on their way; LANES_MAX: connections for events whose lock somebody
 * else holds. */
enum { BUCKETS = 1024, COMMON_MAX = 2, LANES_MAX = 2 };

struct lane;

enum role { WAITS, LEADS_COMMON, LEADS_LANE };

/* A caller that waits; lives on its stack, under the combiner's lock until `done`. */
struct waiter {
	struct batch_item item;
	const struct registration_member *member;
	struct registration_outcome *outcome;
	struct lane *lane; /* where it waits */
	enum role role;
	bool done;
	pthread_cond_t wake;
	STAILQ_ENTRY(waiter) next;
};

/* Who waits for one event, in order of arrival. */
struct lane {
	int64_t event_id;
	bool own;       /* has batches of its own until it is empty: its event was held */
	bool in_flight; /* in a common batch: who comes now waits for its end */
	STAILQ_HEAD(waiters, waiter) waiters;
	struct lane *next; /* in its bucket */
	TAILQ_ENTRY(lane) turn;
};

struct combiner {
	pthread_mutex_t lock;
	struct lane *buckets[BUCKETS];
	TAILQ_HEAD(turns, lane) common; /* who shares the next common batch */
	struct turns own;               /* who waits to be led */
	int in_flight;                  /* common batches */
	bool boarding;                  /* one of them has a leader and no members yet */
	int lanes_led;
};

/* A common batch. */
struct flight {
	struct waiter **members;
	size_t count;
	struct lane **lanes; /* each event once */
	size_t lane_count;
};

struct combiner *combiner_new(void)
{
	struct combiner *combiner = calloc(1, sizeof(*combiner));

	if (!combiner)
		fatal("out of memory");
	pthread_mutex_init(&combiner->lock, NULL);
	TAILQ_INIT(&combiner->common);
	TAILQ_INIT(&combiner->own);
	return combiner;
}

void combiner_free(struct combiner *combiner)
{
	pthread_mutex_destroy(&combiner->lock);
	free(combiner);
}

static enum status call(struct request *leader, const void *skip_locked,
			struct batch_item *const *items, size_t count, struct problem *err)
{
	struct registration_member *members = arena_calloc(leader->arena, count, sizeof(*members));
	struct registration_slot *slots = arena_calloc(leader->arena, count, sizeof(*slots));

	for (size_t i = 0; i < count; i++) {
		const struct waiter *waiter = items[i]->what;

		members[i] = *waiter->member;
		members[i].ord = (int64_t)i;
		slots[i] = (struct registration_slot){items[i]->req->arena, waiter->outcome};
	}
	return registration_call(leader, members, slots, count, *(const bool *)skip_locked, err);
}

/* --- lanes; here and below the lock is held ----------------------------------------------------
 */

static struct lane **find_lane(struct combiner *combiner, int64_t event_id)
{
	struct lane **at = &combiner->buckets[(uint64_t)event_id % BUCKETS];

	while (*at && (*at)->event_id != event_id)
		at = &(*at)->next;
	return at;
}

/* The event's lane; a new one has its turn in the next common batch. */
static struct lane *lane_of(struct combiner *combiner, int64_t event_id)
{
	struct lane **at = find_lane(combiner, event_id);
	struct lane *lane = *at;

	if (lane)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (!lane)
		fatal("out of memory");
	lane->event_id = event_id;
	STAILQ_INIT(&lane->waiters);
	TAILQ_INSERT_TAIL(&combiner->common, lane, turn);
	*at = lane;
	return lane;
}

static void close_lane(struct combiner *combiner, struct lane *lane)
{
	*find_lane(combiner, lane->event_id) = lane->next;
	free(lane);
}

static struct waiter *take_first(struct lane *lane)
{
	struct waiter *waiter = STAILQ_FIRST(&lane->waiters);

	STAILQ_REMOVE_HEAD(&lane->waiters, next);
	return waiter;
}

/* The first of the event whose turn it is. */
static struct waiter *take_turn(struct combiner *combiner)
{
	struct lane *lane = TAILQ_FIRST(&combiner->common);
	struct waiter *waiter = take_first(lane);

	TAILQ_REMOVE(&combiner->common, lane, turn);
	if (!STAILQ_EMPTY(&lane->waiters))
		TAILQ_INSERT_TAIL(&combiner->common, lane, turn);
	return waiter;
}

/* One of each event, then the next of each, and so on, so that a hot one leaves room. */
static void take_off(struct combiner *combiner, struct flight *flight, size_t max)
{
	combiner->boarding = false;
	while (flight->count < max && !TAILQ_EMPTY(&combiner->common))
		flight->members[flight->count++] = take_turn(combiner);
	for (size_t i = 0; i < flight->count; i++) {
		struct lane *lane = flight->members[i]->lane;

		if (lane->in_flight)
			continue;
		lane->in_flight = true;
		flight->lanes[flight->lane_count++] = lane;
		if (!STAILQ_EMPTY(&lane->waiters))
			TAILQ_REMOVE(&combiner->common, lane, turn);
	}
}

static size_t take_own(struct lane *lane, struct waiter **batch, size_t max)
{
	size_t count = 0;

	while (count < max && !STAILQ_EMPTY(&lane->waiters))
		batch[count++] = take_first(lane);
	return count;
}

/* In front of those who came after it, to be served apart from the other events. */
static void put_apart(struct waiter *waiter)
{
	waiter->lane->own = true;
	STAILQ_INSERT_HEAD(&waiter->lane->waiters, waiter, next);
}

static void land(struct combiner *combiner, struct lane *lane)
{
	lane->in_flight = false;
	if (lane->own)
		TAILQ_INSERT_TAIL(&combiner->own, lane, turn);
	else if (!STAILQ_EMPTY(&lane->waiters))
		TAILQ_INSERT_TAIL(&combiner->common, lane, turn);
	else
		close_lane(combiner, lane);
}

/* --- leading -----------------------------------------------------------------------------------
 */

static void appoint(struct lane *lane, enum role role)
{
	struct waiter *leader = STAILQ_FIRST(&lane->waiters);

	leader->role = role;
	pthread_cond_signal(&leader->wake);
}

/* Whoever came first leads what nobody leads. */
static void appoint_leaders(struct combiner *combiner)
{
	struct lane *lane;

	if (!combiner->boarding && combiner->in_flight < COMMON_MAX &&
	    (lane = TAILQ_FIRST(&combiner->common))) {
		combiner->in_flight++;
		combiner->boarding = true;
		appoint(lane, LEADS_COMMON);
	}
	while (combiner->lanes_led < LANES_MAX && (lane = TAILQ_FIRST(&combiner->own))) {
		TAILQ_REMOVE(&combiner->own, lane, turn);
		combiner->lanes_led++;
		appoint(lane, LEADS_LANE);
	}
}

/* The end of a batch. The next leader first: it need not queue for a core behind all who are told.
 * A waiter's memory is its own stack: it must not be touched once it is told. */
static void hand_over(struct combiner *combiner, struct waiter *const *waiters, size_t count)
{
	appoint_leaders(combiner);
	for (size_t i = 0; i < count; i++) {
		waiters[i]->done = true;
		pthread_cond_signal(&waiters[i]->wake);
	}
}

/* What was refused, replayed or left out changed nothing: a sold out event's page stays kept. */
static bool may_have_changed(const struct waiter *waiter)
{
	return waiter->item.status || !strcmp(waiter->outcome->outcome, "ok");
}

/* The lock is not held while the batch runs. */
static void run(struct combiner *combiner, struct waiter *leader, struct waiter **batch,
		size_t count, bool skip_locked)
{
	struct request *req = leader->item.req;
	struct batch_item **items = arena_calloc(req->arena, count, sizeof(struct batch_item *));

	pthread_mutex_unlock(&combiner->lock);
	for (size_t i = 0; i < count; i++)
		items[i] = &batch[i]->item;
	CRASH_POINT("registration.batched");
	batch_run(req, call, &skip_locked, items, count);
	CRASH_POINT("registration.committed");
	for (size_t i = 0; i < count; i++)
		if (may_have_changed(batch[i]))
			kept_drop(req->app->kept, batch[i]->member->event_id);
	pthread_mutex_lock(&combiner->lock);
}

/* Was this member left out because its event was held? */
static bool is_busy(const struct waiter *waiter)
{
	return !waiter->item.status && !strcmp(waiter->outcome->outcome, "busy");
}

static void lead_common(struct combiner *combiner, struct waiter *self, size_t max)
{
	struct arena *arena = self->item.req->arena;
	struct flight flight = {
		.members = arena_calloc(arena, max, sizeof(struct waiter *)),
		.lanes = arena_calloc(arena, max, sizeof(struct lane *)),
	};

	take_off(combiner, &flight, max);
	appoint_leaders(combiner);
	run(combiner, self, flight.members, flight.count, true);
	/* from the last on, so that they stand in order of arrival again */
	for (size_t i = flight.count; i-- > 0;)
		if (is_busy(flight.members[i])) {
			put_apart(flight.members[i]);
			flight.members[i] = flight.members[--flight.count];
		}
	for (size_t i = 0; i < flight.lane_count; i++)
		land(combiner, flight.lanes[i]);
	combiner->in_flight--;
	hand_over(combiner, flight.members, flight.count);
}

static void lead_lane(struct combiner *combiner, struct waiter *self, size_t max)
{
	struct waiter **batch = arena_calloc(self->item.req->arena, max, sizeof(struct waiter *));
	struct lane *lane = self->lane;
	size_t count = take_own(lane, batch, max);

	CRASH_POINT("registration.lane-taken");
	run(combiner, self, batch, count, false);
	combiner->lanes_led--;
	if (STAILQ_EMPTY(&lane->waiters))
		close_lane(combiner, lane);
	else
		TAILQ_INSERT_TAIL(&combiner->own, lane, turn);
	hand_over(combiner, batch, count);
}

static void lead(struct combiner *combiner, struct waiter *self)
{
	size_t max = (size_t)self->item.req->app->config->registration_batch_max;
	bool common = self->role == LEADS_COMMON;

	self->role = WAITS;
	if (common)
		lead_common(combiner, self, max);
	else
		lead_lane(combiner, self, max);
}

enum status combiner_register(struct request *req, const struct registration_member *member,
			      struct registration_outcome *ret, struct problem *err)
{
	struct combiner *combiner = req->app->combiner;
	struct waiter self = {.item = {.req = req}, .member = member, .outcome = ret};

	self.item.what = &self;
	pthread_cond_init(&self.wake, NULL);
	request_release_conn(req); /* who waits holds none */
	pthread_mutex_lock(&combiner->lock);
	self.lane = lane_of(combiner, member->event_id);
	STAILQ_INSERT_TAIL(&self.lane->waiters, &self, next);
	appoint_leaders(combiner);
	while (!self.done) {
		if (self.role == WAITS)
			pthread_cond_wait(&self.wake, &combiner->lock);
		else
			lead(combiner, &self);
	}
	pthread_mutex_unlock(&combiner->lock);
	pthread_cond_destroy(&self.wake);
	if (self.item.status && err)
		*err = self.item.problem;
	return self.item.status;
}
