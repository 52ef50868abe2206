/*
 * redis_rate: budgets (rate.h) that all processes share through Redis, by its clock.
 *
 * A question waits for `wait_ms` of its options at most, on a link that is already there: links
 * that failed are opened again by a thread of its own, which also finds out whether Redis answers
 * in that time. Meanwhile every question fails at once. Thread safe.
 */
#ifndef COMMON_REDIS_RATE_H
#define COMMON_REDIS_RATE_H

#include "common/rate.h"
#include "common/redis.h"

struct redis_rate;

/* Redis may be away. `command_timeout_ms` of the options is the wait for one answer. ST_CONFIG: bad
 * address. */
enum status redis_rate_open(const struct redis_options *options, struct redis_rate **ret,
			    struct problem *err) MUST_CHECK;
void redis_rate_close(struct redis_rate *rate);
/* As rate_table_ask; a backlog lives in Redis until it is gone. ST_REDIS_UNAVAILABLE: nobody knows
 * whether it was counted. */
enum status redis_rate_ask(struct redis_rate *rate, struct arena *arena,
			   const struct rate_ask *asks, size_t count, struct rate_state *ret_states,
			   struct problem *err) MUST_CHECK;

#endif
