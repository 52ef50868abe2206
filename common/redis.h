/*
 * redis: a connection to Redis that reopens itself.
 *
 * One struct = one thread at a time. After a failure the connection is dropped and the next call
 * opens a new one (at most one attempt each 200 ms; meanwhile calls fail at once): address, time
 * limits, AUTH, SELECT and client name are always set again.
 */
#ifndef COMMON_REDIS_H
#define COMMON_REDIS_H

#include "common/problem.h"

struct redis;
struct redis_reply; /* hiredis' reply; opened only in redis.c and queue.c */

struct redis_options {
	const char *url; /* redis://[user[:password]@]host[:port][/db] */
	const char *client_name;
	int64_t connect_timeout_ms;
	int64_t command_timeout_ms; /* of one answer; for blocking reads: BLOCK + 2 s */
};

/* Makes the struct; connects at first use. */
enum status redis_open(const struct redis_options *options, struct redis **ret,
		       struct problem *err) MUST_CHECK;
void redis_close(struct redis *redis);
/* PING within the command time limit. */
enum status redis_ping(struct redis *redis, struct problem *err) MUST_CHECK;

#endif
