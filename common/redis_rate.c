#include "common/redis_rate.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/redis_internal.h"
#include "common/redis_pool.h"

#define MEND_EVERY_US (250 * US_PER_MS)
enum { CONNECTIONS = 8, SHA1_HEX = 40 };

struct redis_rate {
	struct redis_pool *pool;
	char sha[SHA1_HEX + 1]; /* written before the first connection is in the pool */
	pthread_t mender;
	pthread_mutex_t lock;
	pthread_cond_t stirred; /* one broke, or the end */
	_Atomic bool away;      /* Redis did not answer the last attempt to mend one */
	/* under the lock */
	struct redis *broken[CONNECTIONS];
	size_t broken_count;
	bool stopping;
};

/*
 * rate_decide with the backlogs of KEYS, each with its interval, count and mode in ARGV. Answers
 * whether it is allowed, then the backlogs.
 */
static const char script[] =
	"local time = redis.call('TIME')\n"
	"local now = time[1] * 1000000 + time[2]\n"
	"local answer = {1}\n"
	"for i = 1, #KEYS do\n"
	"  local interval, count, mode = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]\n"
	"  local backlog = math.max(0, (redis.call('GET', KEYS[i]) or 0) - now)\n"
	"  answer[i + 1] = backlog\n"
	"  if mode ~= 'add' and backlog + interval > interval * count then answer[1] = 0 end\n"
	"end\n"
	"for i = 1, #KEYS do\n"
	"  local interval, count, mode = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]\n"
	"  local backlog = answer[i + 1] + interval\n"
	"  if mode == 'add' then backlog = math.min(backlog, 2 * interval * count) end\n"
	"  if mode == 'add' or (mode == 'take' and answer[1] == 1) then\n"
	"    answer[i + 1] = backlog\n"
	"    redis.call('SET', KEYS[i], string.format('%.0f', now + backlog),\n"
	"      'PX', string.format('%.0f', math.ceil(backlog / 1000)))\n"
	"  end\n"
	"end\n"
	"return answer\n";

static const char *const mode_names[] = {
	[RATE_TAKE] = "take", [RATE_LOOK] = "look", [RATE_ADD] = "add"};

/* --- links that broke ------------------------------------------------------------------------- */

static void report_broken(struct redis_rate *rate, struct redis *redis)
{
	pthread_mutex_lock(&rate->lock);
	rate->broken[rate->broken_count++] = redis;
	pthread_cond_signal(&rate->stirred);
	pthread_mutex_unlock(&rate->lock);
}

/* Loading the script opens the link, and tells whether Redis answers in time. */
static bool mend(struct redis_rate *rate, struct redis *redis)
{
	struct problem ignored = {0};
	REDIS_REPLY reply = NULL;

	if (redis_call(redis, &reply, &ignored, "SCRIPT", "LOAD", script, (char *)NULL) != OK ||
	    reply->type != REDIS_REPLY_STRING || reply->len != SHA1_HEX)
		return false;
	if (!*rate->sha)
		memcpy(rate->sha, reply->str, SHA1_HEX + 1);
	return true;
}

/* As many as can be, up to the first that cannot. */
static void mend_all(struct redis_rate *rate)
{
	struct redis *redis;

	for (;;) {
		pthread_mutex_lock(&rate->lock);
		redis = rate->broken_count ? rate->broken[--rate->broken_count] : NULL;
		pthread_mutex_unlock(&rate->lock);
		if (!redis)
			return;
		rate->away = !mend(rate, redis);
		if (rate->away)
			break;
		redis_pool_return(rate->pool, redis);
	}
	report_broken(rate, redis);
}

/* A link that broke just now is mended at once, one that could not be after a while. */
static void wait_for_work(struct redis_rate *rate)
{
	int64_t until_us = clock_monotonic_us() + MEND_EVERY_US;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	int timed_out = 0;

	while (!rate->stopping && !timed_out && (rate->away || !rate->broken_count)) {
		if (rate->away)
			timed_out = pthread_cond_timedwait(&rate->stirred, &rate->lock, &until);
		else
			pthread_cond_wait(&rate->stirred, &rate->lock);
	}
}

static void *mend_always(void *ctx)
{
	struct redis_rate *rate = ctx;
	bool stopping = false;

	thread_name("rate");
	while (!stopping) {
		pthread_mutex_lock(&rate->lock);
		wait_for_work(rate);
		stopping = rate->stopping;
		pthread_mutex_unlock(&rate->lock);
		mend_all(rate);
	}
	return NULL;
}

/* --- begin and end ---------------------------------------------------------------------------- */

static struct redis_rate *make(int64_t wait_ms)
{
	struct redis_rate *rate = calloc(1, sizeof(*rate));
	pthread_condattr_t monotonic;

	if (!rate)
		fatal("redis: out of memory");
	rate->pool = redis_pool_new(CONNECTIONS, wait_ms);
	pthread_mutex_init(&rate->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&rate->stirred, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return rate;
}

static void release(struct redis_rate *rate)
{
	while (rate->broken_count)
		redis_close(rate->broken[--rate->broken_count]);
	redis_pool_free(rate->pool);
	pthread_cond_destroy(&rate->stirred);
	pthread_mutex_destroy(&rate->lock);
	free(rate);
}

enum status redis_rate_open(const struct redis_options *options, struct redis_rate **ret,
			    struct problem *err)
{
	struct redis_rate *rate = make(options->command_timeout_ms);

	while (rate->broken_count < CONNECTIONS) {
		enum status status = redis_open(options, &rate->broken[rate->broken_count], err);

		if (status != OK) {
			release(rate);
			return status;
		}
		rate->broken_count++;
	}
	mend_all(rate); /* so that the very first question is answered by Redis, if it is there */
	if (pthread_create(&rate->mender, NULL, mend_always, rate) != 0)
		fatal("redis: no thread");
	*ret = rate;
	return OK;
}

void redis_rate_close(struct redis_rate *rate)
{
	if (!rate)
		return;
	pthread_mutex_lock(&rate->lock);
	rate->stopping = true;
	pthread_cond_signal(&rate->stirred);
	pthread_mutex_unlock(&rate->lock);
	pthread_join(rate->mender, NULL);
	release(rate);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void build(struct redis_command *command, struct arena *arena, const char *verb,
		  const char *what, const struct rate_ask *asks, size_t count)
{
	redis_command_init(command, arena);
	redis_word(command, verb);
	redis_word(command, what);
	redis_word_i64(command, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		redis_word(command, asks[i].key);
	for (size_t i = 0; i < count; i++) {
		redis_word_i64(command, rate_interval(&asks[i]));
		redis_word_i64(command, asks[i].count);
		redis_word(command, mode_names[asks[i].mode]);
	}
}

/* The whole script where Redis has forgotten it. */
static enum status run(struct redis_rate *rate, struct redis *redis, struct arena *arena,
		       const struct rate_ask *asks, size_t count, redisReply **ret_reply,
		       struct problem *err)
{
	struct redis_command command;
	enum status status;

	build(&command, arena, "EVALSHA", rate->sha, asks, count);
	status = redis_run(redis, &command, ret_reply, err);
	if (status != OK || !redis_is_error(*ret_reply, "NOSCRIPT"))
		return status;
	redis_reply_free(ret_reply);
	build(&command, arena, "EVAL", script, asks, count);
	return redis_run(redis, &command, ret_reply, err);
}

static enum status read_reply(const redisReply *reply, const struct rate_ask *asks, size_t count,
			      struct rate_state *ret_states, struct problem *err)
{
	int64_t backlogs[RATE_ASKS_MAX];

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count + 1)
		return redis_refused(reply, err);
	for (size_t i = 0; i < count; i++)
		backlogs[i] = reply->element[i + 1]->integer;
	rate_states(asks, count, reply->element[0]->integer == 1, backlogs, ret_states);
	return OK;
}

enum status redis_rate_ask(struct redis_rate *rate, struct arena *arena,
			   const struct rate_ask *asks, size_t count, struct rate_state *ret_states,
			   struct problem *err)
{
	struct redis *redis = rate->away ? NULL : redis_pool_borrow(rate->pool);
	REDIS_REPLY reply = NULL;
	enum status status;

	assert(count <= RATE_ASKS_MAX);
	if (!redis)
		return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis is away or slow");
	status = run(rate, redis, arena, asks, count, &reply, err);
	if (status != OK) {
		report_broken(rate, redis);
		return status;
	}
	redis_pool_return(rate->pool, redis);
	return read_reply(reply, asks, count, ret_states, err);
}
