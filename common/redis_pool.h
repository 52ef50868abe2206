/*
 * redis_pool: a few connections that threads borrow for one command at a time. Thread safe.
 */
#ifndef COMMON_REDIS_POOL_H
#define COMMON_REDIS_POOL_H

#include "common/redis.h"

enum { REDIS_POOL_MAX = 16 };

struct redis_pool;

/* With room for `size` connections (up to REDIS_POOL_MAX), and none in it; a borrower waits up to
 * `wait_ms`. */
struct redis_pool *redis_pool_new(size_t size, int64_t wait_ms);
/* Closes the connections in it: all must be back. */
void redis_pool_free(struct redis_pool *pool);
/* The connection last given back, or NULL when none came free in time: then Redis is slow, and
 * waiting longer would make the caller slow too. */
struct redis *redis_pool_borrow(struct redis_pool *pool);
/* Give one back, or a new one. */
void redis_pool_return(struct redis_pool *pool, struct redis *redis);

#endif
