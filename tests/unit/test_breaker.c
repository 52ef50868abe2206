/* breaker: opens after five failures in a row, or in a window; probes at growing intervals. */
#include <check.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/breaker.h"

enum { FIRST_S = 5, LONGEST_S = 60 };

static struct breaker breaker;
static int64_t now;

static void setup(void)
{
	breaker_init(&breaker, FIRST_S * US_PER_S, LONGEST_S * US_PER_S);
	now = 1000 * US_PER_S;
}

static void fail_times(int times)
{
	for (int i = 0; i < times; i++)
		ck_assert(!breaker_failure(&breaker, now, 0));
}

START_TEST(test_four_failures_change_nothing)
{
	fail_times(4);
	ck_assert(breaker_ready(&breaker, now));
	breaker_success(&breaker);
	fail_times(4);
	ck_assert(breaker_enter(&breaker, now));
	ck_assert(!breaker_is_open(&breaker));
}
END_TEST

START_TEST(test_the_fifth_opens_and_is_still_counted)
{
	fail_times(5);
	ck_assert(breaker_is_open(&breaker));
	ck_assert(!breaker_ready(&breaker, now));
	ck_assert(!breaker_enter(&breaker, now + FIRST_S * US_PER_S - 1));
}
END_TEST

START_TEST(test_one_caller_probes)
{
	fail_times(5);
	now += FIRST_S * US_PER_S;
	ck_assert(breaker_ready(&breaker, now));
	ck_assert(breaker_enter(&breaker, now));
	ck_assert(!breaker_enter(&breaker, now));
	ck_assert(!breaker_ready(&breaker, now));
}
END_TEST

START_TEST(test_intervals_grow_to_their_bound)
{
	static const int64_t waits_s[] = {5, 10, 20, 40, 60, 60};
	fail_times(5);
	for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
		ck_assert(!breaker_enter(&breaker, now + waits_s[i] * US_PER_S - 1));
		now += waits_s[i] * US_PER_S;
		ck_assert(breaker_enter(&breaker, now));
		ck_assert(breaker_failure(&breaker, now, 0));
	}
}
END_TEST

START_TEST(test_a_probe_that_succeeds_closes)
{
	fail_times(5);
	now += FIRST_S * US_PER_S;
	ck_assert(breaker_enter(&breaker, now));
	breaker_success(&breaker);
	ck_assert(breaker_enter(&breaker, now));
	ck_assert(breaker_enter(&breaker, now));
	fail_times(4);
	ck_assert(breaker_ready(&breaker, now));
}
END_TEST

/* Calls that were under way when it opened say nothing new. */
START_TEST(test_late_failures_do_not_lengthen_the_wait)
{
	fail_times(5);
	ck_assert(breaker_failure(&breaker, now, 0));
	ck_assert(breaker_failure(&breaker, now, 0));
	ck_assert(breaker_enter(&breaker, now + FIRST_S * US_PER_S));
}
END_TEST

START_TEST(test_what_the_service_asks_for_is_waited_for)
{
	fail_times(4);
	ck_assert(!breaker_failure(&breaker, now, 100 * US_PER_S));
	ck_assert(!breaker_ready(&breaker, now + 100 * US_PER_S - 1));
	ck_assert(breaker_ready(&breaker, now + 100 * US_PER_S));
}
END_TEST

/* Five in a row, but never five within the window. */
START_TEST(test_failures_far_apart_do_not_open)
{
	breaker_set_window(&breaker, 10 * US_PER_S);
	for (int i = 0; i < 20; i++, now += 3 * US_PER_S)
		ck_assert(!breaker_failure(&breaker, now, 0));
	ck_assert(!breaker_is_open(&breaker));
	fail_times(1);
	ck_assert(breaker_ready(&breaker, now));
	fail_times(1);
	ck_assert(breaker_is_open(&breaker));
}
END_TEST

START_TEST(test_states_for_the_gauge)
{
	ck_assert_int_eq(breaker_state(&breaker), BREAKER_CLOSED);
	fail_times(5);
	ck_assert_int_eq(breaker_state(&breaker), BREAKER_OPEN);
	now += FIRST_S * US_PER_S;
	ck_assert(breaker_enter(&breaker, now));
	ck_assert_int_eq(breaker_state(&breaker), BREAKER_HALF_OPEN);
	breaker_success(&breaker);
	ck_assert_int_eq(breaker_state(&breaker), BREAKER_CLOSED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("breaker");
	TCase *cases = tcase_create("breaker");
	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_add_test(cases, test_four_failures_change_nothing);
	tcase_add_test(cases, test_the_fifth_opens_and_is_still_counted);
	tcase_add_test(cases, test_one_caller_probes);
	tcase_add_test(cases, test_intervals_grow_to_their_bound);
	tcase_add_test(cases, test_a_probe_that_succeeds_closes);
	tcase_add_test(cases, test_late_failures_do_not_lengthen_the_wait);
	tcase_add_test(cases, test_what_the_service_asks_for_is_waited_for);
	tcase_add_test(cases, test_failures_far_apart_do_not_open);
	tcase_add_test(cases, test_states_for_the_gauge);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
