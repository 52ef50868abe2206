/*
 * clock: what is a time and what is none.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static const struct {
	const char *text;
	const char *utc; /* NULL: not a time */
} rfc3339[] = {
	{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
	{"2026-02-01T10:00:00.123456789Z", "2026-02-01T10:00:00.123456Z"},
	{"2026-02-01t10:00:00.5z", "2026-02-01T10:00:00.500000Z"},
	{"2026-02-01T10:00:00+01:30", "2026-02-01T08:30:00.000000Z"},
	{"2026-02-01T00:10:00-23:59", "2026-02-02T00:09:00.000000Z"},
	{"2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z"},
	{"2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000000Z"},
	{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
	{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
	{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
	{"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
	{"0000-01-01T00:00:00Z", NULL},
	{"0001-01-01T00:00:00+00:01", NULL},
	{"9999-12-31T23:59:59-00:01", NULL},
	{"2026-02-01T10:00:00", NULL},
	{"2026-02-01 10:00:00Z", NULL},
	{"2026-02-01", NULL},
	{"2026-02-01T10:00Z", NULL},
	{"2026-02-01T10:00:00.Z", NULL},
	{"2026-02-01T10:00:00,5Z", NULL},
	{"2026-02-01T24:00:00Z", NULL},
	{"2026-02-01T10:60:00Z", NULL},
	{"2026-02-01T10:00:61Z", NULL},
	{"2026-02-01T10:00:00+24:00", NULL},
	{"2026-02-01T10:00:00+01:60", NULL},
	{"2026-02-01T10:00:00+0100", NULL},
	{"2026-02-01T10:00:00+01", NULL},
	{"2026-02-29T12:00:00Z", NULL},
	{"1900-02-29T12:00:00Z", NULL},
	{"2026-04-31T12:00:00Z", NULL},
	{"2026-00-01T12:00:00Z", NULL},
	{"2026-13-01T12:00:00Z", NULL},
	{"2026-01-00T12:00:00Z", NULL},
	{"2026-1-01T12:00:00Z", NULL},
	{"-026-01-01T12:00:00Z", NULL},
	{" 2026-02-01T10:00:00Z", NULL},
	{"2026-02-01T10:00:00Z ", NULL},
	{"", NULL},
};

START_TEST(reads_rfc3339)
{
	char buf[RFC3339_SIZE];
	int64_t us = 42;
	bool good = clock_parse_rfc3339(rfc3339[_i].text, strlen(rfc3339[_i].text), &us);

	ck_assert_msg(good == (rfc3339[_i].utc != NULL), "%s", rfc3339[_i].text);
	if (good)
		ck_assert_str_eq(clock_format_us(us, buf), rfc3339[_i].utc);
	else
		ck_assert_int_eq(us, 42);
}
END_TEST

START_TEST(reads_no_further_than_told)
{
	int64_t us;

	ck_assert(clock_parse_rfc3339("2026-02-01T10:00:00Zjunk", 20, &us));
	ck_assert(!clock_parse_rfc3339("2026-02-01T10:00:00Z", 19, &us));
	ck_assert(!clock_parse_rfc3339("2026-02-01T10:00:00\0Z", 21, &us));
}
END_TEST

START_TEST(reads_dates)
{
	char buf[RFC3339_SIZE];
	int64_t us;

	ck_assert(clock_parse_date("2024-02-29", 10, &us));
	ck_assert_str_eq(clock_format(us, buf), "2024-02-29T00:00:00.000Z");
	ck_assert(!clock_parse_date("2023-02-29", 10, &us));
	ck_assert(!clock_parse_date("2024-02-29T", 11, &us));
	ck_assert(!clock_parse_date("2024-2-29", 9, &us));
}
END_TEST

START_TEST(reads_postgresql)
{
	char buf[RFC3339_SIZE];
	int64_t us = 42;

	ck_assert(clock_parse_pg("2026-02-01 10:00:00.1234+00", &us));
	ck_assert_str_eq(clock_format_us(us, buf), "2026-02-01T10:00:00.123400Z");
	ck_assert(clock_parse_pg("1969-12-31 23:59:59+00", &us));
	ck_assert_int_eq(us, -US_PER_S);
	ck_assert(!clock_parse_pg("2026-02-01 10:00:00+02", &us));
	ck_assert(!clock_parse_pg("2026-02-01 10:00:00", &us));
	ck_assert(!clock_parse_pg("infinity", &us));
	ck_assert(!clock_parse_pg("0044-03-15 12:00:00+00 BC", &us));
	ck_assert(!clock_parse_pg("12026-02-01 10:00:00+00", &us));
	ck_assert_int_eq(us, -US_PER_S);
}
END_TEST

/* Each day of the calendar once there and back. */
START_TEST(every_day_round_trips)
{
	char buf[RFC3339_SIZE];
	char last[RFC3339_SIZE] = "0000";
	int64_t us, back;

	ck_assert(clock_parse_date("0001-01-01", 10, &us));
	for (long day = 0; day < 3652059; day++, us += 86400 * US_PER_S) {
		clock_format_us(us, buf);
		if (!clock_parse_rfc3339(buf, strlen(buf), &back) || back != us ||
		    strcmp(last, buf) >= 0)
			ck_abort_msg("day %ld: %s after %s", day, buf, last);
		memcpy(last, buf, sizeof(last));
	}
	ck_assert_str_eq(last, "9999-12-31T00:00:00.000000Z");
}
END_TEST

START_TEST(formats_round_down_and_stay_in_bounds)
{
	char buf[RFC3339_SIZE];

	ck_assert_str_eq(clock_format(-1, buf), "1969-12-31T23:59:59.999Z");
	ck_assert_str_eq(clock_format(999, buf), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(clock_format(TIME_NONE, buf), "0001-01-01T00:00:00.000Z");
	ck_assert_str_eq(clock_format_us(INT64_MAX, buf), "9999-12-31T23:59:59.999999Z");
}
END_TEST

START_TEST(clocks_go_on)
{
	int64_t wall = clock_now_us();
	int64_t start = clock_monotonic_us();

	ck_assert_int_gt(wall, INT64_C(1700000000) * US_PER_S);
	clock_sleep_ms(-5);
	clock_sleep_ms(20);
	ck_assert_int_ge(clock_monotonic_us() - start, 20 * US_PER_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, reads_rfc3339, 0, (int)ARRAY_LEN(rfc3339));
	tcase_add_test(tcase, reads_no_further_than_told);
	tcase_add_test(tcase, reads_dates);
	tcase_add_test(tcase, reads_postgresql);
	tcase_add_test(tcase, every_day_round_trips);
	tcase_add_test(tcase, formats_round_down_and_stay_in_bounds);
	tcase_add_test(tcase, clocks_go_on);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
