#include "tests/chaos/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/chaos/links.h"
#include "tests/chaos/watch.h"

enum {
	ANSWER_MS = 30000, /* no answer for so long is a fault of its own */
	PAUSE_MS = 400,
};

static uint64_t run_seed;
static int64_t until_us;

void attempt_setup(uint64_t seed, int64_t end_us)
{
	run_seed = seed;
	until_us = end_us;
}

const char *attempt_address(int api)
{
	return text("http://127.0.0.1:%d", links_port((enum way)(WAY_API0 + api)));
}

/* Whatever the API is going through, it says so with a problem that is true. */
static void look_at(const struct attempt *at, int64_t ms)
{
	const struct reply *reply = at->reply;

	if (reply->status >= 500 && reply->status != 503)
		log_violation("answer", "operation %d got %d: %s", at->op->number, reply->status,
			      reply->body);
	if (reply->status >= 400 && !*reply_slug(reply))
		log_violation("answer", "operation %d got %d without a problem: %s", at->op->number,
			      reply->status, reply->body);
	if (ms >= ANSWER_MS)
		log_violation("hang", "operation %d waited %lld ms", at->op->number, (long long)ms);
}

void attempt_ask(struct attempt *at, const struct saying *saying)
{
	struct saying again = *saying;
	int64_t begin = clock_monotonic_us();

	again.url = text("%s%s", attempt_address(at->api), saying->url);
	again.timeout_ms = ANSWER_MS;
	at->reply = say(&again);
	look_at(at, (clock_monotonic_us() - begin) / US_PER_MS);
	if (at->reply->status)
		at->op->detail = text("%d %s", at->reply->status, reply_slug(at->reply));
	if (at->reply->status >= 200 && at->reply->status < 300)
		watch_success(at->api);
}

enum outcome outcome_of(const struct reply *reply)
{
	if (reply->status >= 200 && reply->status < 300)
		return OUTCOME_OK;
	if (reply->status == 0 || reply->status == 429 || reply->status >= 500 ||
	    !strcmp(reply_slug(reply), "idempotency-in-flight"))
		return OUTCOME_UNKNOWN;
	return OUTCOME_FAIL;
}

bool attempt_may_go_on(const struct attempt *at)
{
	return at->op->tries < at->patience && clock_monotonic_us() < until_us;
}

void attempt_pause(struct attempt *at)
{
	at->api = (at->api + 1) % APIS;
	clock_sleep_ms(dice_between(&at->dice, PAUSE_MS / 4, PAUSE_MS));
}

enum outcome attempt_settle(struct attempt *at, const struct saying *saying)
{
	for (;;) {
		enum outcome outcome;

		at->op->tries++;
		attempt_ask(at, saying);
		outcome = outcome_of(at->reply);
		if (outcome != OUTCOME_UNKNOWN)
			return outcome;
		at->op->doubted |= !at->reply->refused;
		if (!attempt_may_go_on(at))
			return OUTCOME_UNKNOWN;
		reply_free(at->reply);
		attempt_pause(at);
	}
}

void attempt_end(struct attempt *at, enum outcome outcome)
{
	log_end(at->op, outcome);
	reply_free(at->reply);
	at->reply = NULL;
}

const char *const *with_key(const char *key)
{
	const char **headers = calloc(2, sizeof(*headers));

	if (!headers)
		fatal("chaos: no memory");
	headers[0] = text("Idempotency-Key: %s", key);
	return headers;
}

struct attempt attempt_begin(enum op_kind kind, int number, struct dice dice)
{
	struct attempt at = {.op = log_begin(kind, number), .dice = dice, .api = number % APIS};

	/* One in ten is not patient. */
	at.patience = dice_below(&at.dice, 10) == 0 ? 1 : INT32_MAX;
	at.op->key = text("chaos-%llu-%d", (unsigned long long)run_seed, number);
	return at;
}
