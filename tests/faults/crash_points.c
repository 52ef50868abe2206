/*
 * Each crash point in turn: the program ends there, starts again, the client asks again, and
 * nothing is missing, doubled or half done. CRASH_LABEL: rows of that label only. CRASH_SHARE=i/n:
 * every n-th row from i on, so that n programs share them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "tests/faults/crash.h"
#include "tests/support/servers.h"

enum { CASE_S = 180 };

/* --- the table and the sources ---------------------------------------------------------------- */

static bool has_row(const char *label)
{
	for (size_t i = 0; i < crash_row_count; i++)
		if (!strcmp(crash_rows[i].label, label))
			return true;
	return false;
}

static bool is_label(const char *label)
{
	for (size_t i = 0; i < crash_label_count; i++)
		if (!strcmp(crash_labels[i], label))
			return true;
	return false;
}

START_TEST(each_label_has_a_row)
{
	int wrong = 0;

	for (size_t i = 0; i < crash_label_count; i++) {
		if (has_row(crash_labels[i]))
			continue;
		fprintf(stderr, "crash_rows.c: %s has no row\n", crash_labels[i]);
		wrong++;
	}
	for (size_t i = 0; i < crash_row_count; i++) {
		if (is_label(crash_rows[i].label))
			continue;
		fprintf(stderr, "crash_rows.c: %s is in no source\n", crash_rows[i].label);
		wrong++;
	}
	ck_assert_int_eq(wrong, 0);
}
END_TEST

/* --- one row ---------------------------------------------------------------------------------- */

static void settings(const struct crash_flow *flow)
{
	suite_set("UPSTREAM_BUDGET_MS", "1000");
	suite_set("JOB_TIME_TO_RUN_MS", "1000");
	suite_set("MAIL_RETRY_DELAYS", "0,0");
	if (flow->settings)
		flow->settings();
}

static void crash_once(const struct crash_flow *flow, struct crash_run *run)
{
	if (flow->prepare)
		flow->prepare(run);
	if (flow->part)
		crash_arm(flow->part, run->label, run->after);
	if (flow->act)
		flow->act(run);
	if (flow->part)
		crash_happens(flow->part, run->label);
}

static bool wanted(size_t i)
{
	const char *label = getenv("CRASH_LABEL");
	const char *share = getenv("CRASH_SHARE");
	unsigned nth = 0, of = 1;

	if (label && *label)
		return !strcmp(crash_rows[i].label, label);
	if (share && (sscanf(share, "%u/%u", &nth, &of) != 2 || !of))
		fatal("CRASH_SHARE is i/n");
	return i % of == nth;
}

START_TEST(nothing_is_half_done)
{
	const struct crash_row *row = &crash_rows[_i];
	const struct crash_flow *flow = row->flow;
	struct crash_run run = {.label = row->label, .after = row->after};

	if (getenv("CRASH_SHOW"))
		fprintf(stderr, "%s in %s, pass %d\n", row->label, flow->name, row->after);
	settings(flow);
	suite_begin(SUITE_PLATFORM | SUITE_API);
	crash_once(flow, &run);
	crash_hurry();
	if (flow->part)
		suite_start(flow->part);
	flow->again(&run);
	ck_assert_msg(audit_clean(), "%s in %s: the audit finds drift", row->label, flow->name);
	if (flow->over)
		flow->over();
	suite_end();
}
END_TEST

static size_t add_rows(Suite *suite)
{
	size_t count = 0;

	for (size_t i = 0; i < crash_row_count; i++) {
		const struct crash_row *row = &crash_rows[i];
		TCase *cases;

		if (!wanted(i))
			continue;
		cases = tcase_create(text("%s in %s", row->label, row->flow->name));
		tcase_set_timeout(cases, CASE_S);
		tcase_add_loop_test(cases, nothing_is_half_done, (int)i, (int)i + 1);
		suite_add_tcase(suite, cases);
		count++;
	}
	return count;
}

int main(void)
{
	Suite *suite = suite_create("crash points");
	TCase *table = tcase_create("table");
	SRunner *runner;
	int failed;

	tcase_add_test(table, each_label_has_a_row);
	suite_add_tcase(suite, table);
	if (!add_rows(suite))
		fatal("no row of that label");
	http_client_init();
	servers_start();
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
