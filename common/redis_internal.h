/*
 * redis_internal: what the users of a Redis connection share. Opens hiredis.
 */
#ifndef COMMON_REDIS_INTERNAL_H
#define COMMON_REDIS_INTERNAL_H

#include <hiredis/hiredis.h>

#include "common/redis.h"

/* A command: words with their lengths, so that no byte of them is syntax. */
struct redis_command {
	const char **words;
	size_t *lens;
	size_t count;
	size_t cap;
	struct arena *arena;
};
void redis_command_init(struct redis_command *command, struct arena *arena);
void redis_word(struct redis_command *command, const char *word);
void redis_word_len(struct redis_command *command, const char *word, size_t len);
void redis_word_i64(struct redis_command *command, int64_t number);

void redis_reply_free(redisReply **reply); /* for CLEANUP */
#define REDIS_REPLY CLEANUP(redis_reply_free) redisReply *

/* Run one command. An error that Redis answers is a reply, see redis_is_error; only a link that
 * fails, and a server that cannot serve now (loading, read-only), are ST_REDIS_UNAVAILABLE. */
enum status redis_run(struct redis *redis, const struct redis_command *command,
		      redisReply **ret_reply, struct problem *err) MUST_CHECK;
/* The same for a few words, NULL behind the last; an error answered is ST_REDIS_UNAVAILABLE too. */
enum status redis_call(struct redis *redis, redisReply **ret_reply, struct problem *err,
		       ...) MUST_CHECK __attribute__((sentinel));
/* Did Redis answer an error whose text starts so? NULL: any error. */
bool redis_is_error(const redisReply *reply, const char *prefix);
/* An answered error as a failure. */
enum status redis_refused(const redisReply *reply, struct problem *err);

/* The time limit of one answer, for blocking reads. */
void redis_set_limit(struct redis *redis, int64_t command_timeout_ms);
/* How often it was connected: a change tells that the server may have lost things. */
uint64_t redis_connections(const struct redis *redis);

#endif
