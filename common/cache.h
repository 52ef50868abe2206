/*
 * cache: small values in Redis with a life. A Redis that is away is a miss, never a failure.
 * Thread safe (a few connections behind a lock).
 */
#ifndef COMMON_CACHE_H
#define COMMON_CACHE_H

#include "common/redis.h"

struct cache;

/* `max_ttl_s` caps every life (CACHE_TTL). */
enum status cache_open(const struct redis_options *options, int64_t max_ttl_s,
		       struct cache **ret_cache, struct problem *err) MUST_CHECK;
void cache_close(struct cache *cache);
/* The value in the arena; false: not there, expired, or Redis is away. */
bool cache_get(struct cache *cache, struct arena *arena, const char *key,
	       struct slice *ret) MUST_CHECK;
void cache_set(struct cache *cache, const char *key, struct slice value, int64_t ttl_ms);
void cache_delete(struct cache *cache, const char *key);
/* For what must not be missed unnoticed: the same, and is there such a key?, but a Redis that is
 * away or refuses is ST_REDIS_UNAVAILABLE. */
enum status cache_put(struct cache *cache, const char *key, struct slice value, int64_t ttl_ms,
		      struct problem *err) MUST_CHECK;
enum status cache_has(struct cache *cache, const char *key, bool *ret_has,
		      struct problem *err) MUST_CHECK;
/* For health: one PING. */
enum status cache_ping(struct cache *cache, struct problem *err) MUST_CHECK;

#endif
