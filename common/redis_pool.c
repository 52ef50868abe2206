#include "common/redis_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"

struct redis_pool {
	struct redis *idle[REDIS_POOL_MAX];
	size_t idle_count;
	size_t size;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	int64_t wait_ms;
};

struct redis_pool *redis_pool_new(size_t size, int64_t wait_ms)
{
	struct redis_pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t monotonic;

	assert(size > 0 && size <= REDIS_POOL_MAX);
	if (!pool)
		fatal("redis: out of memory");
	pool->size = size;
	pool->wait_ms = wait_ms;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->returned, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return pool;
}

void redis_pool_free(struct redis_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->idle_count; i++)
		redis_close(pool->idle[i]);
	pthread_cond_destroy(&pool->returned);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct redis *redis_pool_borrow(struct redis_pool *pool)
{
	int64_t until_us = clock_monotonic_us() + pool->wait_ms * US_PER_MS;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	struct redis *redis = NULL;
	int failed = 0;

	pthread_mutex_lock(&pool->lock);
	while (!pool->idle_count && failed != ETIMEDOUT)
		failed = pthread_cond_timedwait(&pool->returned, &pool->lock, &until);
	if (pool->idle_count)
		redis = pool->idle[--pool->idle_count];
	pthread_mutex_unlock(&pool->lock);
	return redis;
}

void redis_pool_return(struct redis_pool *pool, struct redis *redis)
{
	pthread_mutex_lock(&pool->lock);
	assert(pool->idle_count < pool->size);
	pool->idle[pool->idle_count++] = redis;
	pthread_cond_signal(&pool->returned);
	pthread_mutex_unlock(&pool->lock);
}
