#include <stdlib.h>
#include <string.h>

#include "common/cache.h"
#include "common/redis_internal.h"
#include "common/redis_pool.h"

enum { CONNECTIONS = 4, KEY_BLOCK = 512 };

struct cache {
	struct redis_pool *pool;
	int64_t max_ttl_ms;
};

enum status cache_open(const struct redis_options *options, int64_t max_ttl_s,
		       struct cache **ret_cache, struct problem *err)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		fatal("cache: out of memory");
	/* A connection is waited for as long as one command may take. */
	cache->pool = redis_pool_new(CONNECTIONS, options->command_timeout_ms);
	cache->max_ttl_ms = max_ttl_s * 1000;
	for (int i = 0; i < CONNECTIONS; i++) {
		struct redis *redis;
		enum status status = redis_open(options, &redis, err);

		if (status != OK) {
			cache_close(cache);
			return status;
		}
		redis_pool_return(cache->pool, redis);
	}
	*ret_cache = cache;
	return OK;
}

void cache_close(struct cache *cache)
{
	if (!cache)
		return;
	redis_pool_free(cache->pool);
	free(cache);
}

/* One command on some connection; a failure of any kind is a miss. */
static enum status run(struct cache *cache, const struct redis_command *command,
		       redisReply **ret_reply, struct problem *err)
{
	struct redis *redis = redis_pool_borrow(cache->pool);
	enum status status;

	if (!redis)
		return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis is slow");
	status = redis_run(redis, command, ret_reply, err);
	redis_pool_return(cache->pool, redis);
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
	struct redis *redis = redis_pool_borrow(cache->pool);
	enum status status;

	if (!redis)
		return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis is slow");
	status = redis_ping(redis, err);
	redis_pool_return(cache->pool, redis);
	return status;
}
