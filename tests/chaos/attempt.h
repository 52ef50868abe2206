/*
 * attempt: an operation of a client, asked of one API and then the other, under one key, until it
 * is known how it ended or the client's patience is.
 */
#ifndef CHAOS_ATTEMPT_H
#define CHAOS_ATTEMPT_H

#include "tests/chaos/dice.h"
#include "tests/chaos/log.h"
#include "tests/support/suite.h"

struct attempt {
	struct op *op;
	struct dice dice;
	int patience; /* tries without an answer before giving up */
	int api;      /* asked now */
	struct reply *reply;
};

/* Keys are made of the seed; until then, monotonic, who does not know asks on. */
void attempt_setup(uint64_t seed, int64_t end_us);
/* Of an API, as clients reach it. */
const char *attempt_address(int api);
/* Headers with that Idempotency-Key. */
const char *const *with_key(const char *key);
/* What an answer says of the operation. */
enum outcome outcome_of(const struct reply *reply);

/* Its key is in `op`. One client in ten gives up at once. */
struct attempt attempt_begin(enum op_kind kind, int number, struct dice dice);
/* Ask once; the url begins with its path. Answers that no API may give are violations. */
void attempt_ask(struct attempt *at, const struct saying *saying);
/* Ask, and again at the other API while nobody knows; the last reply stays. */
enum outcome attempt_settle(struct attempt *at, const struct saying *saying);
bool attempt_may_go_on(const struct attempt *at);
/* Wait a little, then it is the other API's turn. */
void attempt_pause(struct attempt *at);
/* The reply is gone then. */
void attempt_end(struct attempt *at, enum outcome outcome);

#endif
