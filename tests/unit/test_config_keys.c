#include "common/config_keys.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct program_config {
	int64_t before;
	struct config_common common;
	int64_t after;
};

static const struct config_key keys[] = {CONFIG_COMMON_KEYS(struct program_config, common)};

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 1024);
}

static void teardown(void)
{
	arena_clear(&arena);
}

static struct config_common parts(void)
{
	return (struct config_common){.db_host = "db.example",
				      .db_port = 5433,
				      .db_name = "core",
				      .redis_host = "cache.example",
				      .redis_port = 6380,
				      .redis_db = 1,
				      .db_pool_min = 2,
				      .db_pool_max = 10};
}

START_TEST(test_rows_are_distinct_and_inside)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		ck_assert_uint_ge(keys[i].offset, offsetof(struct program_config, common));
		ck_assert_uint_lt(keys[i].offset, offsetof(struct program_config, after));
		ck_assert_ptr_nonnull(keys[i].help);
		for (size_t k = 0; k < i; k++) {
			ck_assert_str_ne(keys[i].name, keys[k].name);
			ck_assert_uint_ne(keys[i].offset, keys[k].offset);
		}
	}
}
END_TEST

START_TEST(test_database_url)
{
	struct config_common config = parts();
	ck_assert_str_eq(config_database_url(&config, &arena),
			 "host='db.example' port=5433 dbname='core'");
	config.db_user = "o'neil";
	config.db_password = "a b\\c'";
	ck_assert_str_eq(config_database_url(&config, &arena),
			 "host='db.example' port=5433 dbname='core' user='o\\'neil' "
			 "password='a b\\\\c\\''");
	config.db_password = "";
	config.db_user = NULL;
	ck_assert_str_eq(config_database_url(&config, &arena),
			 "host='db.example' port=5433 dbname='core' password=''");
	config.database_url = "postgresql://x/y";
	ck_assert_str_eq(config_database_url(&config, &arena), "postgresql://x/y");
}
END_TEST

START_TEST(test_redis_urls)
{
	struct config_common config = parts();
	ck_assert_str_eq(config_redis_url(&config, &arena), "redis://cache.example:6380/1");
	ck_assert_str_eq(config_redis_queue_url(&config, &arena), "redis://cache.example:6380/1");
	config.redis_url = "redis://:pw@one:1/2";
	ck_assert_str_eq(config_redis_queue_url(&config, &arena), "redis://:pw@one:1/2");
	config.redis_queue_port = 7000;
	ck_assert_str_eq(config_redis_queue_url(&config, &arena), "redis://cache.example:7000/0");
	config.redis_queue_host = "queue.example";
	config.redis_queue_port = 0;
	ck_assert_str_eq(config_redis_queue_url(&config, &arena), "redis://queue.example:6379/0");
	config.redis_queue_url = "redis://q";
	ck_assert_str_eq(config_redis_queue_url(&config, &arena), "redis://q");
	ck_assert_str_eq(config_redis_url(&config, &arena), "redis://:pw@one:1/2");
}
END_TEST

START_TEST(test_refusals)
{
	static const struct {
		const char *database, *cache, *queue;
		int64_t min, max;
		const char *names; /* in the message; NULL: accepted */
	} cases[] = {
		{NULL, NULL, NULL, 2, 10, NULL},
		{NULL, NULL, NULL, 10, 10, NULL},
		{NULL, NULL, NULL, 11, 10, "DB_POOL_MIN"},
		{"postgres://h/d", "redis://h", "redis://h", 0, 1, NULL},
		{"host=a dbname=b", NULL, NULL, 0, 1, NULL},
		{"mysql://h/d", NULL, NULL, 0, 1, "DATABASE_URL"},
		{"mysql://h/d?x=y", NULL, NULL, 0, 1, "DATABASE_URL"},
		{"localhost", NULL, NULL, 0, 1, "DATABASE_URL"},
		{NULL, "localhost", NULL, 0, 1, "REDIS_URL"},
		{NULL, "redis://", NULL, 0, 1, "REDIS_URL"},
		{NULL, NULL, "rediss://h", 0, 1, "REDIS_QUEUE_URL"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config_common config = parts();
		config.database_url = cases[i].database;
		config.redis_url = cases[i].cache;
		config.redis_queue_url = cases[i].queue;
		config.db_pool_min = cases[i].min;
		config.db_pool_max = cases[i].max;
		struct problem err = {0};
		enum status status = config_check_common(&config, &err);
		if (!cases[i].names) {
			ck_assert_msg(status == OK, "case %zu: %s", i, err.detail);
			continue;
		}
		ck_assert_int_eq(status, ST_CONFIG);
		ck_assert_msg(strstr(err.detail, cases[i].names), "case %zu: %s", i, err.detail);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_keys");
	TCase *tc = tcase_create("keys");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_rows_are_distinct_and_inside);
	tcase_add_test(tc, test_database_url);
	tcase_add_test(tc, test_redis_urls);
	tcase_add_test(tc, test_refusals);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
