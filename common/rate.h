/*
 * rate: how often something may happen, by the generic cell rate algorithm.
 *
 * `count` in a window may happen at once, each further one an interval (window / count) later; what
 * is not used comes back at the same pace. All that is kept of a key is its backlog: how long it
 * takes until the whole count is there again. So the bound is exact, and needs no row for each
 * thing that happened.
 *
 * The budget of a key is shared by all processes through Redis (redis_rate.h); struct rate_table
 * keeps it in this process, for when Redis is away. Both decide alike.
 */
#ifndef COMMON_RATE_H
#define COMMON_RATE_H

#include "common/base.h"

enum { RATE_ASKS_MAX = 4 };

enum rate_mode {
	RATE_TAKE, /* one happens, if all asked together allow it */
	RATE_LOOK, /* might one? */
	RATE_ADD,  /* one has happened; the backlog may then exceed the window, twice at most */
};

struct rate_ask {
	const char *key;
	int64_t count; /* > 0 */
	int64_t window_us;
	enum rate_mode mode;
};

struct rate_state {
	bool refused;    /* it is this one that does not allow it */
	int64_t left;    /* of the count */
	int64_t full_us; /* until all of it is there */
	int64_t wait_us; /* until one is */
};

/* Microseconds between two of them; whole ones, so that the bound is exact. */
int64_t rate_interval(const struct rate_ask *ask);
/* What may happen is decided for all asked together: when one refuses, none is charged.
 * `backlogs` are theirs before and after. Returns whether it is allowed. */
bool rate_decide(const struct rate_ask *asks, size_t count, int64_t *backlogs);
/* States by the backlogs afterwards. */
void rate_states(const struct rate_ask *asks, size_t count, bool allowed, const int64_t *backlogs,
		 struct rate_state *ret_states);

struct rate_table;

/* Bounded: where it is full, the shortest backlogs are forgotten first. Thread safe. */
struct rate_table *rate_table_new(void);
void rate_table_free(struct rate_table *table);
void rate_table_ask(struct rate_table *table, const struct rate_ask *asks, size_t count,
		    int64_t now_us, struct rate_state *ret_states);

#endif
