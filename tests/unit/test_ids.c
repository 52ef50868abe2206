/*
 * ids: shape, spread and strictness of identifiers.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ids.h"

enum { ROUNDS = 2000 };

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

START_TEST(uuid4_has_its_shape_and_never_repeats)
{
	static char all[ROUNDS][UUID_SIZE];

	for (int i = 0; i < ROUNDS; i++) {
		ids_uuid4(all[i]);
		ck_assert(ids_is_uuid(all[i]));
		ck_assert_int_eq(all[i][14], '4');
		ck_assert_ptr_nonnull(strchr("89ab", all[i][19]));
	}
	qsort(all, ROUNDS, UUID_SIZE, compare);
	for (int i = 1; i < ROUNDS; i++)
		ck_assert_str_ne(all[i - 1], all[i]);
}
END_TEST

/* Parent and child go on from the same memory. */
START_TEST(a_child_makes_ids_of_its_own)
{
	char ours[UUID_SIZE], theirs[UUID_SIZE] = "";
	int ends[2];
	pid_t child;

	ids_uuid4(ours); /* there is a supply to be shared */
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	ids_uuid4(ours);
	if (child == 0)
		_exit(write(ends[1], ours, sizeof(ours)) == (ssize_t)sizeof(ours) ? 0 : 1);
	ck_assert_int_eq(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	close(ends[0]);
	close(ends[1]);
	ck_assert(ids_is_uuid(theirs));
	ck_assert_str_ne(ours, theirs);
}
END_TEST

/* More than the supply of a thread, and what is left of it never twice. */
START_TEST(random_bytes_of_any_length)
{
	static unsigned char bytes[5000];
	int seen[256] = {0};

	for (size_t len = 1; len <= sizeof(bytes); len += 777)
		ids_random(bytes, len);
	ids_random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		seen[bytes[i]]++;
	for (int i = 0; i < 256; i++)
		ck_assert_int_lt(seen[i], 100);
	ck_assert_int_gt(seen[0], 0);
}
END_TEST

START_TEST(uuid7_carries_the_time)
{
	char first[UUID_SIZE], second[UUID_SIZE], hex[13];
	int64_t before = clock_now_us() / US_PER_MS;

	ids_uuid7(first);
	int64_t after = clock_now_us() / US_PER_MS;
	clock_sleep_ms(3);
	ids_uuid7(second);
	ck_assert(ids_is_uuid(first));
	ck_assert_int_eq(first[14], '7');
	ck_assert_ptr_nonnull(strchr("89ab", first[19]));
	ck_assert_str_lt(first, second);

	(void)snprintf(hex, sizeof(hex), "%.8s%.4s", first, first + 9);
	int64_t ms = strtoll(hex, NULL, 16);
	ck_assert_int_ge(ms, before);
	ck_assert_int_le(ms, after);
}
END_TEST

START_TEST(uuid_texts_are_judged)
{
	ck_assert(ids_is_uuid("00000000-0000-0000-0000-000000000000"));
	ck_assert(ids_is_uuid("ABCDEFab-cdef-1234-5678-9abcdef01234"));
	ck_assert(!ids_is_uuid(""));
	ck_assert(!ids_is_uuid("00000000-0000-0000-0000-00000000000"));
	ck_assert(!ids_is_uuid("00000000-0000-0000-0000-0000000000000"));
	ck_assert(!ids_is_uuid("00000000-0000-0000-0000-00000000000g"));
	ck_assert(!ids_is_uuid("000000000000-0000-0000-0000-00000000"));
	ck_assert(!ids_is_uuid("{0000000-0000-0000-0000-00000000000}"));
}
END_TEST

START_TEST(codes_use_the_alphabet_evenly)
{
	char code[TICKET_CODE_SIZE];
	int seen[128] = {0};

	for (int i = 0; i < ROUNDS; i++) {
		ids_code("EVT", code);
		ck_assert_uint_eq(strlen(code), 3 + 4 * 5);
		ck_assert_int_eq(strncmp(code, "EVT-", 4), 0);
		for (size_t at = 4; at < strlen(code); at++) {
			if ((at - 3) % 5 == 0)
				ck_assert_int_eq(code[at], '-');
			else
				seen[(unsigned char)code[at]]++;
		}
	}
	/* 1000 of each are due; six standard deviations are 190. */
	for (const char *c = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; *c != '\0'; c++) {
		ck_assert_int_gt(seen[(int)*c], 800);
		ck_assert_int_lt(seen[(int)*c], 1200);
	}
	ck_assert_int_eq(seen['I'] + seen['L'] + seen['O'] + seen['U'], 0);
}
END_TEST

START_TEST(a_long_prefix_is_fatal)
{
	char code[TICKET_CODE_SIZE];

	ids_code("TWELVELETTER", code);
}
END_TEST

START_TEST(random_below_stays_below)
{
	int seen[5] = {0};

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t value = ids_random_below(5);
		ck_assert_uint_lt(value, 5);
		seen[value]++;
	}
	for (int i = 0; i < 5; i++)
		ck_assert_int_gt(seen[i], 250);
	ck_assert_uint_eq(ids_random_below(1), 0);
	ck_assert_uint_lt(ids_random_below(UINT64_MAX), UINT64_MAX);
}
END_TEST

static const struct {
	const char *text;
	int64_t id; /* 0: none */
} numbers[] = {
	{"1", 1},
	{"9007199254740993", INT64_C(9007199254740993)},
	{"9223372036854775807", INT64_MAX},
	{"9223372036854775808", 0},
	{"18446744073709551617", 0},
	{"99999999999999999999999", 0},
	{"", 0},
	{"0", 0},
	{"01", 0},
	{"-1", 0},
	{"+1", 0},
	{" 1", 0},
	{"1 ", 0},
	{"1.0", 0},
	{"1e3", 0},
	{"0x10", 0},
	{"١", 0},
};

START_TEST(ids_are_read_strictly)
{
	int64_t id = -7;
	bool good = ids_parse(numbers[_i].text, strlen(numbers[_i].text), &id);

	ck_assert_msg(good == (numbers[_i].id != 0), "%s", numbers[_i].text);
	ck_assert_int_eq(id, good ? numbers[_i].id : -7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ids");
	TCase *tcase = tcase_create("ids");

	tcase_add_test(tcase, uuid4_has_its_shape_and_never_repeats);
	tcase_add_test(tcase, a_child_makes_ids_of_its_own);
	tcase_add_test(tcase, random_bytes_of_any_length);
	tcase_add_test(tcase, uuid7_carries_the_time);
	tcase_add_test(tcase, uuid_texts_are_judged);
	tcase_add_test(tcase, codes_use_the_alphabet_evenly);
	tcase_add_exit_test(tcase, a_long_prefix_is_fatal, EXIT_INTERNAL);
	tcase_add_test(tcase, random_below_stays_below);
	tcase_add_loop_test(tcase, ids_are_read_strictly, 0, (int)ARRAY_LEN(numbers));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
