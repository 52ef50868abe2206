/* redis connections and the cache on them, against a real Redis. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cache.h"
#include "common/clock.h"
#include "common/redis_internal.h"
#include "tests/support/servers.h"

static struct arena arena;
static struct problem err;
static struct redis_options options;

static void setup(void)
{
	arena_init(&arena, 1024);
	options = (struct redis_options){servers_redis_url(), "test", 500, 500};
}

static void teardown(void)
{
	arena_clear(&arena);
}

static struct cache *open_cache(void)
{
	struct cache *cache = NULL;

	ck_assert_int_eq(cache_open(&options, 5, &cache, &err), OK);
	return cache;
}

static bool has(struct cache *cache, const char *key, const char *value)
{
	struct slice got = {NULL, 0};

	return cache_get(cache, &arena, key, &got) && got.len == strlen(value) &&
	       memcmp(got.at, value, got.len) == 0;
}

#define TEXT(s) ((struct slice){(s), sizeof(s) - 1})

START_TEST(set_get_delete)
{
	struct cache *cache = open_cache();
	struct slice got = {NULL, 0};

	ck_assert_int_eq(cache_ping(cache, &err), OK);
	ck_assert(!cache_get(cache, &arena, "no such key", &got));
	cache_set(cache, "k 1\r\n", TEXT("a\0b \r\n"), 1000);
	ck_assert(cache_get(cache, &arena, "k 1\r\n", &got));
	ck_assert_uint_eq(got.len, 6);
	ck_assert_mem_eq(got.at, "a\0b \r\n", 6);
	cache_set(cache, "empty", TEXT(""), 1000);
	ck_assert(has(cache, "empty", ""));
	cache_delete(cache, "empty");
	ck_assert(!has(cache, "empty", ""));
	cache_set(cache, "never", TEXT("x"), 0);
	ck_assert(!has(cache, "never", "x"));
	cache_close(cache);
}
END_TEST

START_TEST(what_must_not_be_missed)
{
	struct cache *cache = open_cache();
	bool has_it = true;

	ck_assert_int_eq(cache_has(cache, "mark", &has_it, &err), OK);
	ck_assert(!has_it);
	ck_assert_int_eq(cache_put(cache, "mark", TEXT("1"), 1000, &err), OK);
	ck_assert_int_eq(cache_has(cache, "mark", &has_it, &err), OK);
	ck_assert(has_it);
	cache_delete(cache, "mark");
	cache_close(cache);
}
END_TEST

/* A server that cannot take a key says so. */
START_TEST(a_refused_put_is_told)
{
	struct cache *cache = open_cache();
	struct redis *redis = NULL;
	REDIS_REPLY reply = NULL;

	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_call(redis, &reply, &err, "CONFIG", "SET", "min-replicas-to-write",
				    "1", (char *)NULL),
			 OK);
	ck_assert_int_eq(cache_put(cache, "mark", TEXT("1"), 1000, &err), ST_REDIS_UNAVAILABLE);
	redis_reply_free(&reply);
	ck_assert_int_eq(redis_call(redis, &reply, &err, "CONFIG", "SET", "min-replicas-to-write",
				    "0", (char *)NULL),
			 OK);
	redis_close(redis);
	cache_close(cache);
}
END_TEST

START_TEST(lives_are_capped)
{
	struct cache *cache = open_cache();
	struct redis *redis = NULL;
	REDIS_REPLY reply = NULL;

	cache_set(cache, "long", TEXT("x"), INT64_C(1000000000));
	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_call(redis, &reply, &err, "PTTL", "long", (char *)NULL), OK);
	ck_assert(reply->integer > 4000 && reply->integer <= 5000);
	redis_close(redis);
	cache_close(cache);
}
END_TEST

START_TEST(away_is_a_miss_and_comes_back)
{
	struct cache *cache = open_cache();
	int64_t start_us;

	cache_set(cache, "k", TEXT("v"), 5000);
	ck_assert(has(cache, "k", "v"));
	servers_halt(SERVER_REDIS, SIGKILL);
	start_us = clock_monotonic_us();
	for (int i = 0; i < 20; i++) {
		ck_assert(!has(cache, "k", "v"));
		cache_set(cache, "k", TEXT("v"), 5000);
		cache_delete(cache, "k");
	}
	ck_assert_int_lt(clock_monotonic_us() - start_us, US_PER_S);
	ck_assert_int_eq(cache_ping(cache, &err), ST_REDIS_UNAVAILABLE);
	servers_resume(SERVER_REDIS);
	clock_sleep_ms(250);
	cache_set(cache, "k", TEXT("new"), 5000);
	ck_assert(has(cache, "k", "new"));
	cache_close(cache);
}
END_TEST

START_TEST(a_late_answer_is_never_taken_for_another)
{
	struct redis *redis = NULL;
	REDIS_REPLY reply = NULL;
	int64_t start_us = clock_monotonic_us();

	options.command_timeout_ms = 200;
	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_call(redis, NULL, &err, "BLPOP", "nothing", "1", (char *)NULL),
			 ST_REDIS_UNAVAILABLE);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 900 * US_PER_MS);
	ck_assert_int_eq(redis_call(redis, &reply, &err, "ECHO", "own", (char *)NULL), OK);
	ck_assert_str_eq(reply->str, "own");
	ck_assert_uint_eq(redis_connections(redis), 2);
	redis_close(redis);
}
END_TEST

START_TEST(a_new_link_is_set_up_like_the_first)
{
	char url[128];
	struct redis *redis = NULL;
	REDIS_REPLY reply = NULL;
	REDIS_REPLY list = NULL;

	snprintf(url, sizeof(url), "%s/7", servers_address(SERVER_REDIS));
	options.url = url;
	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_call(redis, NULL, &err, "SET", "here", "7", (char *)NULL), OK);
	/* The server cuts the link before it answers. */
	ck_assert_int_eq(
		redis_call(redis, NULL, &err, "CLIENT", "KILL", "SKIPME", "no", (char *)NULL), OK);
	ck_assert_int_eq(redis_ping(redis, &err), ST_REDIS_UNAVAILABLE);
	ck_assert_int_eq(redis_call(redis, &reply, &err, "GET", "here", (char *)NULL), OK);
	ck_assert_str_eq(reply->str, "7");
	ck_assert_int_eq(redis_call(redis, &list, &err, "CLIENT", "GETNAME", (char *)NULL), OK);
	ck_assert_str_eq(list->str, "test");
	ck_assert_uint_eq(redis_connections(redis), 2);
	redis_close(redis);
}
END_TEST

START_TEST(user_and_password)
{
	char url[160];
	struct redis *redis = NULL;

	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_call(redis, NULL, &err, "ACL", "SETUSER", "al", "on", ">p@ss:/",
				    "+@all", "~*", (char *)NULL),
			 OK);
	redis_close(redis);
	snprintf(url, sizeof(url), "redis://al:p%%40ss%%3A%%2F@%s/0",
		 servers_address(SERVER_REDIS) + strlen("redis://"));
	options.url = url;
	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_ping(redis, &err), OK);
	redis_close(redis);
	snprintf(url, sizeof(url), "redis://al:wrong@%s/0",
		 servers_address(SERVER_REDIS) + strlen("redis://"));
	ck_assert_int_eq(redis_open(&options, &redis, &err), OK);
	ck_assert_int_eq(redis_ping(redis, &err), ST_REDIS_UNAVAILABLE);
	ck_assert_ptr_null(strstr(err.detail, "wrong@"));
	redis_close(redis);
}
END_TEST

static const struct {
	const char *url;
	enum status status;
} addresses[] = {
	{"redis://localhost", OK},
	{"redis://localhost:1/", OK},
	{"redis://[::1]:6379/3", OK},
	{"redis://:pw@host:1/0", OK},
	{NULL, ST_CONFIG},
	{"", ST_CONFIG},
	{"rediss://host", ST_CONFIG},
	{"redis://", ST_CONFIG},
	{"redis://host:", ST_CONFIG},
	{"redis://host:65536", ST_CONFIG},
	{"redis://host:6379/x", ST_CONFIG},
	{"redis://host:99999999999", ST_CONFIG},
	{"redis://[::1", ST_CONFIG},
	{"redis://host/1?x=2", ST_CONFIG},
	{"redis://host:-1", ST_CONFIG},
};

START_TEST(address_syntax)
{
	struct redis *redis = NULL;

	options.url = addresses[_i].url;
	ck_assert_int_eq(redis_open(&options, &redis, &err), addresses[_i].status);
	if (addresses[_i].status == OK)
		redis_close(redis);
	else
		ck_assert_ptr_null(redis);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cache");
	TCase *tcase = tcase_create("redis and cache");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, set_get_delete);
	tcase_add_test(tcase, what_must_not_be_missed);
	tcase_add_test(tcase, a_refused_put_is_told);
	tcase_add_test(tcase, lives_are_capped);
	tcase_add_test(tcase, away_is_a_miss_and_comes_back);
	tcase_add_test(tcase, a_late_answer_is_never_taken_for_another);
	tcase_add_test(tcase, a_new_link_is_set_up_like_the_first);
	tcase_add_test(tcase, user_and_password);
	tcase_add_loop_test(tcase, address_syntax, 0, (int)ARRAY_LEN(addresses));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
