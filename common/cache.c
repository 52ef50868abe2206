#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cache.h"
#include "common/clock.h"
#include "common/redis_internal.h"

enum { CONNECTIONS = 4, KEY_BLOCK = 512 };

struct cache {
	struct redis *idle[CONNECTIONS];
	size_t idle_count;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	int64_t wait_ms;
	int64_t max_ttl_ms;
};

/* A connection, or NULL when none came free within the time one command may take: then Redis is
 * slow, and waiting longer would make the caller slow too. */
static struct redis *borrow(struct cache *cache)
{
	int64_t until_us = clock_monotonic_us() + cache->wait_ms * US_PER_MS;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	struct redis *redis = NULL;
	int failed = 0;

	pthread_mutex_lock(&cache->lock);
	while (!cache->idle_count && failed != ETIMEDOUT)
		failed = pthread_cond_timedwait(&cache->returned, &cache->lock, &until);
	if (cache->idle_count)
		redis = cache->idle[--cache->idle_count];
	pthread_mutex_unlock(&cache->lock);
	return redis;
}

static void give_back(struct cache *cache, struct redis *redis)
{
	pthread_mutex_lock(&cache->lock);
	cache->idle[cache->idle_count++] = redis;
	pthread_cond_signal(&cache->returned);
	pthread_mutex_unlock(&cache->lock);
}

enum status cache_open(const struct redis_options *options, int64_t max_ttl_s,
		       struct cache **ret_cache, struct problem *err)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	pthread_condattr_t monotonic;

	if (!cache)
		fatal("cache: out of memory");
	pthread_mutex_init(&cache->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&cache->returned, &monotonic);
	pthread_condattr_destroy(&monotonic);
	cache->wait_ms = options->command_timeout_ms;
	cache->max_ttl_ms = max_ttl_s * 1000;
	while (cache->idle_count < CONNECTIONS) {
		enum status status = redis_open(options, &cache->idle[cache->idle_count], err);

		if (status != OK) {
			cache_close(cache);
			return status;
		}
		cache->idle_count++;
	}
	*ret_cache = cache;
	return OK;
}

void cache_close(struct cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->idle_count; i++)
		redis_close(cache->idle[i]);
	pthread_cond_destroy(&cache->returned);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* One command on some connection; a failure of any kind is a miss. */
static enum status run(struct cache *cache, const struct redis_command *command,
		       redisReply **ret_reply, struct problem *err)
{
	struct redis *redis = borrow(cache);
	enum status status;

	if (!redis)
		return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis is slow");
	status = redis_run(redis, command, ret_reply, err);
	give_back(cache, redis);
	return status;
}

bool cache_get(struct cache *cache, struct arena *arena, const char *key, struct slice *ret)
{
	struct problem ignored = {0};
	struct redis_command command;
	REDIS_REPLY reply = NULL;
	char *bytes;

	redis_command_init(&command, arena);
	redis_word(&command, "GET");
	redis_word(&command, key);
	if (run(cache, &command, &reply, &ignored) != OK || !reply ||
	    reply->type != REDIS_REPLY_STRING)
		return false;
	bytes = arena_alloc(arena, reply->len + 1);
	memcpy(bytes, reply->str, reply->len);
	*ret = (struct slice){bytes, reply->len};
	return true;
}

static void run_and_forget(struct cache *cache, const struct redis_command *command)
{
	struct problem ignored = {0};
	REDIS_REPLY reply = NULL;

	if (run(cache, command, &reply, &ignored) != OK)
		return; /* a cache that is away has nothing to forget */
}

/* An error that Redis answers is a failure here. */
static enum status run_well(struct cache *cache, const struct redis_command *command,
			    redisReply **ret_reply, struct problem *err)
{
	enum status status = run(cache, command, ret_reply, err);

	if (status == OK && redis_is_error(*ret_reply, NULL))
		status = redis_refused(*ret_reply, err);
	return status;
}

enum status cache_put(struct cache *cache, const char *key, struct slice value, int64_t ttl_ms,
		      struct problem *err)
{
	struct arena arena;
	struct redis_command command;
	REDIS_REPLY reply = NULL;
	enum status status;

	if (ttl_ms > cache->max_ttl_ms)
		ttl_ms = cache->max_ttl_ms;
	if (ttl_ms <= 0)
		return OK;
	arena_init(&arena, KEY_BLOCK);
	redis_command_init(&command, &arena);
	redis_word(&command, "SET");
	redis_word(&command, key);
	redis_word_len(&command, value.at, value.len);
	redis_word(&command, "PX");
	redis_word_i64(&command, ttl_ms);
	status = run_well(cache, &command, &reply, err);
	arena_clear(&arena);
	return status;
}

void cache_set(struct cache *cache, const char *key, struct slice value, int64_t ttl_ms)
{
	struct problem ignored = {0};

	if (cache_put(cache, key, value, ttl_ms, &ignored) != OK)
		return; /* a cache that is away has nothing to keep */
}

enum status cache_has(struct cache *cache, const char *key, bool *ret_has, struct problem *err)
{
	struct arena arena;
	struct redis_command command;
	REDIS_REPLY reply = NULL;
	enum status status;

	arena_init(&arena, KEY_BLOCK);
	redis_command_init(&command, &arena);
	redis_word(&command, "EXISTS");
	redis_word(&command, key);
	status = run_well(cache, &command, &reply, err);
	arena_clear(&arena);
	if (status == OK && reply)
		*ret_has = reply->integer > 0;
	return status;
}

void cache_delete(struct cache *cache, const char *key)
{
	struct arena arena;
	struct redis_command command;

	arena_init(&arena, KEY_BLOCK);
	redis_command_init(&command, &arena);
	redis_word(&command, "DEL");
	redis_word(&command, key);
	run_and_forget(cache, &command);
	arena_clear(&arena);
}

enum status cache_ping(struct cache *cache, struct problem *err)
{
	struct redis *redis = borrow(cache);
	enum status status;

	if (!redis)
		return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis is slow");
	status = redis_ping(redis, err);
	give_back(cache, redis);
	return status;
}
