/*
 * Budgets: exact at the edge, the same in this process and in Redis, and Redis that is slow or
 * away.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ids.h"
#include "common/redis_rate.h"
#include "tests/support/crowd.h"
#include "tests/support/dialogue.h"
#include "tests/support/servers.h"

#define MINUTE (60 * US_PER_S)
#define HOUR (60 * MINUTE)
enum { LONG_MS = 20000 };

static struct arena arena;
static struct rate_table *table;
static struct redis_rate *shared;
static struct problem err;

static void open_shared(const char *url, int64_t wait_ms)
{
	struct redis_options options = {url, "test", 500, wait_ms};
	ck_assert_msg(redis_rate_open(&options, &shared, &err) == OK, "%s", err.detail);
}

static void setup(void)
{
	arena_init(&arena, 4096);
	servers_flush_redis();
	table = rate_table_new();
	open_shared(servers_redis_url(), 5000);
}

static void teardown(void)
{
	redis_rate_close(shared);
	rate_table_free(table);
	arena_clear(&arena);
}

/* --- in this process: the clock is ours ------------------------------------------------------- */

static struct rate_state at(int64_t now_us, const struct rate_ask *ask)
{
	struct rate_state state;
	rate_table_ask(table, ask, 1, now_us, &state);
	return state;
}

START_TEST(test_exact_at_the_edge)
{
	static const struct {
		int64_t count, window_us;
	} cases[] = {{1, MINUTE},   {7, MINUTE}, {10, MINUTE},
		     {600, MINUTE}, {1000, 999}, {3, US_PER_S}};
	int64_t start = 5 * HOUR;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rate_ask ask = {text("edge %zu", i), cases[i].count, cases[i].window_us,
				       RATE_TAKE};
		int64_t interval = rate_interval(&ask);
		for (int64_t n = 1; n <= ask.count; n++) {
			struct rate_state state = at(start, &ask);
			ck_assert(!state.refused);
			ck_assert_int_eq(state.left, ask.count - n);
			ck_assert_int_eq(state.full_us, n * interval);
		}
		struct rate_state refused = at(start, &ask);
		ck_assert(refused.refused && refused.left == 0);
		ck_assert_int_eq(refused.wait_us, interval);
		/* Refusing costs nothing, and one comes back exactly then. */
		ck_assert(at(start + interval - 1, &ask).refused);
		ck_assert(!at(start + interval, &ask).refused);
		ck_assert(at(start + interval, &ask).refused);
		ck_assert(!at(start + 2 * interval, &ask).refused);
		ck_assert_int_eq(at(start + HOUR, &ask).left, ask.count - 1);
	}
}
END_TEST

START_TEST(test_all_or_nothing)
{
	struct rate_ask asks[] = {{"wide", 10, MINUTE, RATE_TAKE},
				  {"narrow", 2, MINUTE, RATE_TAKE}};
	struct rate_state states[2];
	for (int n = 0; n < 5; n++)
		rate_table_ask(table, asks, 2, HOUR, states);
	ck_assert(!states[0].refused && states[1].refused);
	ck_assert_int_eq(states[0].left, 8);
	ck_assert_int_eq(states[1].left, 0);
}
END_TEST

START_TEST(test_look_and_add)
{
	struct rate_ask look = {"misses", 3, MINUTE, RATE_LOOK}, add = look;
	add.mode = RATE_ADD;
	for (int n = 0; n < 3; n++) {
		ck_assert(!at(HOUR, &look).refused);
		ck_assert(!at(HOUR, &look).refused);
		ck_assert(!at(HOUR, &add).refused);
	}
	ck_assert(at(HOUR, &look).refused);
	/* What happened all the same is a debt, of one window at most. */
	for (int n = 0; n < 50; n++)
		ck_assert(!at(HOUR, &add).refused);
	ck_assert_int_eq(at(HOUR, &look).wait_us, MINUTE + MINUTE / 3);
	ck_assert(at(HOUR + MINUTE, &look).refused);
	ck_assert(!at(HOUR + MINUTE + MINUTE / 3, &look).refused);
}
END_TEST

START_TEST(test_the_table_is_bounded)
{
	for (int n = 0; n < 100000; n++) {
		struct rate_ask ask = {text("caller %d", n), 10, MINUTE, RATE_TAKE};
		ck_assert_int_eq(at(HOUR + n, &ask).left, 9);
	}
}
END_TEST

/* --- Redis ------------------------------------------------------------------------------------ */

static struct rate_state ask_shared(const struct rate_ask *ask)
{
	struct rate_state state;
	struct problem why = {0};
	struct arena own;
	arena_init(&own, 1024);
	enum status status = redis_rate_ask(shared, &own, ask, 1, &state, &why);
	arena_clear(&own);
	ck_assert_msg(status == OK, "%s", why.detail);
	return state;
}

/* Whatever is asked, both say the same; windows so long that time plays no part. */
START_TEST(test_both_decide_alike)
{
	for (int n = 0; n < 3000; n++) {
		struct rate_ask asks[RATE_ASKS_MAX];
		struct rate_state ours[RATE_ASKS_MAX], theirs[RATE_ASKS_MAX];
		size_t count = 1 + (size_t)ids_random_below(RATE_ASKS_MAX);
		for (size_t i = 0; i < count; i++) {
			/* Of a kind each, so that no key is asked for twice at once. */
			int64_t some = 1 + (int64_t)ids_random_below(9);
			asks[i] =
				(struct rate_ask){text("%zu-%lld", i, (long long)some), some,
						  1000 * HOUR, (enum rate_mode)ids_random_below(3)};
		}
		rate_table_ask(table, asks, count, HOUR, ours);
		ck_assert_int_eq(redis_rate_ask(shared, &arena, asks, count, theirs, &err), OK);
		for (size_t i = 0; i < count; i++) {
			ck_assert_int_eq(ours[i].refused, theirs[i].refused);
			ck_assert_int_le(llabs(ours[i].left - theirs[i].left), 1);
			ck_assert_int_le(llabs(ours[i].full_us - theirs[i].full_us), HOUR);
		}
		arena_reset(&arena);
	}
}
END_TEST

enum { CALLERS = 16, TRIES = 40, BUDGET = 100 };
static _Atomic int granted;

static void take_many(void *ctx, size_t i)
{
	struct rate_ask ask = {"crowd", BUDGET, 10 * HOUR, RATE_TAKE};
	(void)ctx;
	(void)i;
	for (int n = 0; n < TRIES; n++)
		granted += !ask_shared(&ask).refused;
}

START_TEST(test_shared_exactly)
{
	crowd(CALLERS, take_many, NULL);
	ck_assert_int_eq(granted, BUDGET);
	/* Kept as long as it matters, not longer. */
	struct rate_ask brief = {"brief", 2, 200 * US_PER_MS, RATE_TAKE};
	ask_shared(&brief);
	int64_t until = clock_monotonic_us() + LONG_MS * US_PER_MS;
	while (ask_shared(&brief).left != 1 && clock_monotonic_us() < until)
		clock_sleep_ms(250);
	ck_assert_int_lt(clock_monotonic_us(), until);
}
END_TEST

START_TEST(test_scripts_are_forgotten)
{
	struct rate_ask ask = {"flushed", 5, HOUR, RATE_TAKE};
	ck_assert_int_eq(ask_shared(&ask).left, 4);
	ck_assert_int_eq(
		system(text("redis-cli -u %s script flush >/dev/null", servers_redis_url())), 0);
	ck_assert_int_eq(ask_shared(&ask).left, 3);
}
END_TEST

/* The slowest of many questions, and whether any was answered. */
static int64_t slowest_of(int count, bool *ret_answered)
{
	struct rate_ask ask = {"slow", 5, HOUR, RATE_TAKE};
	struct rate_state state;
	int64_t slowest = 0;
	*ret_answered = false;
	for (int n = 0; n < count; n++) {
		int64_t begun = clock_monotonic_us();
		if (redis_rate_ask(shared, &arena, &ask, 1, &state, &err) == OK)
			*ret_answered = true;
		int64_t took = clock_monotonic_us() - begun;
		slowest = took > slowest ? took : slowest;
		arena_reset(&arena);
	}
	return slowest;
}

/* A listener that takes connections and never answers. */
START_TEST(test_a_silent_redis)
{
	int port, fd = servers_listen(&port);
	bool answered;
	redis_rate_close(shared);
	open_shared(text("redis://127.0.0.1:%d", port), 20);
	/* A thousand times 20 ms would be 20 s. */
	int64_t begun = clock_monotonic_us();
	slowest_of(1000, &answered);
	ck_assert(!answered);
	ck_assert_int_lt(clock_monotonic_us() - begun, 5 * US_PER_S);
	close(fd);
}
END_TEST

static void private_setup(void)
{
	arena_init(&arena, 4096);
	table = rate_table_new();
	open_shared(servers_redis_url(), 100);
}

static bool is_answered_again(void)
{
	int64_t until = clock_monotonic_us() + LONG_MS * US_PER_MS;
	bool answered = false;
	while (!answered && clock_monotonic_us() < until) {
		clock_sleep_ms(10);
		slowest_of(1, &answered);
	}
	return answered;
}

/* Links that are there, on which nothing comes: each is waited for once, not every time. */
START_TEST(test_redis_stands_still)
{
	bool answered;
	slowest_of(10, &answered);
	ck_assert(answered);
	ck_assert_int_eq(system(text("redis-cli -u %s client pause 4000 all >/dev/null",
				     servers_redis_url())),
			 0);
	int64_t begun = clock_monotonic_us();
	int64_t slowest = slowest_of(1000, &answered);
	ck_assert(!answered);
	ck_assert_int_lt(slowest, US_PER_S);
	ck_assert_int_lt(clock_monotonic_us() - begun, 3 * US_PER_S);
	ck_assert(is_answered_again());
}
END_TEST

/* Killed, and back: questions fail fast, then are answered again. */
START_TEST(test_redis_goes_and_comes)
{
	bool answered;
	slowest_of(10, &answered);
	ck_assert(answered);
	servers_halt(SERVER_REDIS, SIGKILL);
	int64_t begun = clock_monotonic_us();
	slowest_of(1000, &answered);
	ck_assert(!answered);
	ck_assert_int_lt(clock_monotonic_us() - begun, 5 * US_PER_S);
	servers_resume(SERVER_REDIS);
	ck_assert(is_answered_again());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rate");
	TCase *tc = tcase_create("rate"), *apart = tcase_create("apart");
	servers_start_private();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_exact_at_the_edge);
	tcase_add_test(tc, test_all_or_nothing);
	tcase_add_test(tc, test_look_and_add);
	tcase_add_test(tc, test_the_table_is_bounded);
	tcase_add_test(tc, test_both_decide_alike);
	tcase_add_test(tc, test_shared_exactly);
	tcase_add_test(tc, test_scripts_are_forgotten);
	tcase_add_test(tc, test_a_silent_redis);
	tcase_add_checked_fixture(apart, private_setup, teardown);
	tcase_set_timeout(apart, 60);
	tcase_add_test(apart, test_redis_stands_still);
	tcase_add_test(apart, test_redis_goes_and_comes);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, apart);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
