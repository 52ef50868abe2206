/*
 * recall: what is kept, for how long, and what makes room.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/recall.h"
#include "tests/support/crowd.h"

enum { ENTRIES = 256 };

struct value {
	int64_t number;
	char text[20];
};

static struct recall *recall;

static void setup(void)
{
	recall = recall_new(ENTRIES, sizeof(struct value));
}

static void teardown(void)
{
	recall_free(recall);
}

static void digest_of(int64_t number, uint8_t ret[SHA256_SIZE])
{
	sign_sha256(&number, sizeof(number), ret);
}

static void put(int64_t number, int64_t until)
{
	uint8_t digest[SHA256_SIZE];
	struct value value = {.number = number, .text = "kept"};
	digest_of(number, digest);
	recall_put(recall, digest, until, &value);
}

static bool has(int64_t number, int64_t now)
{
	uint8_t digest[SHA256_SIZE];
	struct value value;
	digest_of(number, digest);
	if (!recall_get(recall, digest, now, &value))
		return false;
	ck_assert_int_eq(value.number, number);
	ck_assert_str_eq(value.text, "kept");
	return true;
}

START_TEST(test_until_its_time)
{
	ck_assert(!has(1, 0));
	put(1, 100);
	ck_assert(has(1, 0) && has(1, 99));
	ck_assert(!has(1, 100) && !has(2, 0));
	put(1, 200);
	ck_assert(has(1, 199) && !has(1, 200));
}
END_TEST

/* Under any load the number is bounded, and what ends last is still there. */
START_TEST(test_bounded)
{
	size_t kept = 0;
	for (int64_t i = 0; i < 100000; i++)
		put(i, 1000 + i);
	for (int64_t i = 0; i < 100000; i++)
		kept += has(i, 0);
	ck_assert_uint_eq(kept, ENTRIES);
	ck_assert(has(99999, 0));
	ck_assert(!has(0, 0));
}
END_TEST

static void member(void *ctx, size_t i)
{
	(void)ctx;
	for (int64_t n = 0; n < 20000; n++) {
		put(n % 500, 1 + (int64_t)i);
		(void)has(n * 7 % 500, 0);
	}
}

START_TEST(test_many_threads)
{
	crowd(8, member, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recall");
	TCase *tc = tcase_create("recall");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_until_its_time);
	tcase_add_test(tc, test_bounded);
	tcase_add_test(tc, test_many_threads);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
