/*
 * metrics: the text others scrape, the bound on series, counting from many threads.
 */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/metrics.h"

static struct metric plain = {.name = "t_plain_total", .type = METRIC_COUNTER, .help = "Plain."};
static struct metric requests = {
	.name = "t_requests_total",
	.type = METRIC_COUNTER,
	.help = "Back\\slash and\nnewline.",
	.labels = {"method", "status"},
	.max_series = 3,
};
static struct metric depth = {
	.name = "t_depth", .type = METRIC_GAUGE, .help = "Depth.", .labels = {"queue"}};
static const double bounds[] = {0.1, 0.5, 1, 2.5};
static struct metric duration = {
	.name = "t_duration_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "Duration.",
	.labels = {"route"},
	.buckets = bounds,
	.bucket_count = ARRAY_LEN(bounds),
};
static struct metric bare = {
	.name = "t_bare_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "Without labels.",
	.buckets = bounds,
	.bucket_count = 1,
};
static struct metric *const all[] = {&plain, &requests, &depth, &duration, &bare};

static struct strbuf out;

static void start(void)
{
	strbuf_init(&out, NULL);
	metrics_register(all, ARRAY_LEN(all));
}

static void stop(void)
{
	strbuf_release(&out);
}

static const char *render(void)
{
	strbuf_truncate(&out, 0);
	metrics_render(&out);
	return out.buf;
}

#define SHOWS(text) ck_assert_msg(strstr(render(), (text)) != NULL, "no %s in\n%s", (text), out.buf)
#define HIDES(text) ck_assert_msg(strstr(render(), (text)) == NULL, "%s in\n%s", (text), out.buf)

START_TEST(families_without_labels_start_at_zero)
{
	SHOWS("# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\nt_plain_total 0\n");
	SHOWS("# HELP t_requests_total Back\\\\slash and\\nnewline.\n"
	      "# TYPE t_requests_total counter\n# HELP t_depth");
	SHOWS("# TYPE t_bare_seconds histogram\nt_bare_seconds_bucket{le=\"0.1\"} 0\n"
	      "t_bare_seconds_bucket{le=\"+Inf\"} 0\nt_bare_seconds_sum 0\n"
	      "t_bare_seconds_count 0\n");
}
END_TEST

START_TEST(counters_only_rise)
{
	metrics_add(&plain, 1, NULL);
	metrics_add(&plain, 0.5, NULL);
	metrics_add(&plain, -1, NULL);
	metrics_add(&plain, (double)NAN, NULL);
	SHOWS("\nt_plain_total 1.5\n");
	metrics_add(&plain, 9007199254740990, NULL);
	SHOWS("\nt_plain_total 9007199254740992\n");
}
END_TEST

START_TEST(gauges_go_both_ways)
{
	metrics_set(&depth, 5, "email", NULL);
	metrics_add(&depth, -7, "email", NULL);
	metrics_add(&depth, 0.1, "tickets", NULL);
	SHOWS("t_depth{queue=\"email\"} -2\nt_depth{queue=\"tickets\"} 0.1\n");
	metrics_set(&depth, (double)INFINITY, "email", NULL);
	metrics_set(&depth, (double)NAN, "tickets", NULL);
	SHOWS("t_depth{queue=\"email\"} +Inf\nt_depth{queue=\"tickets\"} NaN\n");
}
END_TEST

START_TEST(labels_are_escaped)
{
	static char longest[1000];

	metrics_set(&depth, 1, "a\\b\"c\nd\te é", NULL);
	SHOWS("t_depth{queue=\"a\\\\b\\\"c\\nd\te é\"} 1\n");
	metrics_set(&depth, 2, "bad\xFF", NULL);
	SHOWS("t_depth{queue=\"bad?\"} 2\n");
	metrics_set(&depth, 3, (char *)NULL, NULL);
	SHOWS("t_depth{queue=\"\"} 3\n");
	memset(longest, 'x', sizeof(longest) - 1);
	metrics_set(&depth, 4, longest, NULL);
	SHOWS("xxx\"} 4\n");
	longest[128] = '\0';
	metrics_add(&depth, 1, longest, NULL);
	SHOWS("xxx\"} 5\n");
}
END_TEST

START_TEST(label_values_do_not_run_together)
{
	metrics_add(&requests, 1, "ab", "c", NULL);
	metrics_add(&requests, 2, "a", "bc", NULL);
	SHOWS("t_requests_total{method=\"ab\",status=\"c\"} 1\n"
	      "t_requests_total{method=\"a\",status=\"bc\"} 2\n");
}
END_TEST

START_TEST(a_full_family_counts_as_other)
{
	char status[16];

	for (int i = 0; i < 50; i++) {
		(void)snprintf(status, sizeof(status), "%d", i);
		metrics_add(&requests, 1, "GET", status, NULL);
	}
	metrics_add(&requests, 5, "GET", "1", NULL);
	SHOWS("t_requests_total{method=\"GET\",status=\"0\"} 1\n"
	      "t_requests_total{method=\"GET\",status=\"1\"} 6\n"
	      "t_requests_total{method=\"GET\",status=\"2\"} 1\n"
	      "t_requests_total{method=\"other\",status=\"other\"} 47\n# HELP");
}
END_TEST

START_TEST(a_series_named_other_takes_the_rest)
{
	metrics_add(&requests, 1, "other", "other", NULL);
	for (int i = 0; i < 5; i++)
		metrics_add(&requests, 1, i % 2 ? "GET" : "PUT", i < 2 ? "1" : "2", NULL);
	SHOWS("t_requests_total{method=\"other\",status=\"other\"} 4\n");
	HIDES("status=\"2\"");
}
END_TEST

START_TEST(histograms_cumulate)
{
	metrics_observe(&duration, 0, "/a", NULL);
	metrics_observe(&duration, 0.1, "/a", NULL);
	metrics_observe(&duration, 0.25, "/a", NULL);
	metrics_observe(&duration, 2.5, "/a", NULL);
	metrics_observe(&duration, 100, "/a", NULL);
	metrics_observe(&duration, (double)NAN, "/a", NULL);
	SHOWS("t_duration_seconds_bucket{route=\"/a\",le=\"0.1\"} 2\n"
	      "t_duration_seconds_bucket{route=\"/a\",le=\"0.5\"} 3\n"
	      "t_duration_seconds_bucket{route=\"/a\",le=\"1\"} 3\n"
	      "t_duration_seconds_bucket{route=\"/a\",le=\"2.5\"} 4\n"
	      "t_duration_seconds_bucket{route=\"/a\",le=\"+Inf\"} 5\n"
	      "t_duration_seconds_sum{route=\"/a\"} 102.85\n"
	      "t_duration_seconds_count{route=\"/a\"} 5\n");
}
END_TEST

static void collect(void *ctx)
{
	metrics_set(&depth, ++*(int *)ctx, "collected", NULL);
}

START_TEST(collectors_run_at_each_render)
{
	int runs = 0;

	metrics_on_render(collect, &runs);
	SHOWS("t_depth{queue=\"collected\"} 1\n");
	SHOWS("t_depth{queue=\"collected\"} 2\n");
}
END_TEST

START_TEST(families_are_shown_once)
{
	metrics_register(all, ARRAY_LEN(all));
	const char *first = strstr(render(), "# TYPE t_plain_total");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "# TYPE t_plain_total"));
}
END_TEST

static double sample(const char *name)
{
	const char *at = strstr(render(), name);

	ck_assert_ptr_nonnull(at);
	return strtod(at + strlen(name), NULL);
}

START_TEST(the_process_is_described)
{
	ck_assert(sample("\nprocess_resident_memory_bytes ") > 100000);
	ck_assert(sample("\nprocess_open_fds ") >= 3);
	ck_assert(sample("\nprocess_max_fds ") >= sample("\nprocess_open_fds "));
	ck_assert(sample("\nprocess_start_time_seconds ") > 1700000000);
	ck_assert(sample("\nprocess_cpu_seconds_total ") >= 0);
	SHOWS("\nlog_lines_dropped_total 0\n");
}
END_TEST

enum { THREADS = 8, ROUNDS = 20000 };

static void *count(void *ctx)
{
	char queue[16];

	for (int i = 0; i < ROUNDS; i++) {
		(void)snprintf(queue, sizeof(queue), "%d", i % 300);
		metrics_add(&plain, 1, NULL);
		metrics_add(&depth, 1, queue, NULL);
		metrics_observe(&duration, 0.5, "/a", NULL);
		if (i % 5000 == 0) {
			CLEANUP(strbuf_release) struct strbuf text;
			strbuf_init(&text, NULL);
			metrics_render(&text);
		}
	}
	return ctx;
}

START_TEST(threads_lose_nothing)
{
	pthread_t threads[THREADS];
	double sum = 0;

	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	SHOWS("\nt_plain_total 160000\n");
	SHOWS("t_duration_seconds_bucket{route=\"/a\",le=\"0.1\"} 0\n"
	      "t_duration_seconds_bucket{route=\"/a\",le=\"0.5\"} 160000\n");
	SHOWS("t_duration_seconds_sum{route=\"/a\"} 80000\n");
	size_t series = 0;
	const char *prefix = "\nt_depth{queue=\"";
	for (const char *at = strstr(render(), prefix); at != NULL; at = strstr(at + 1, prefix)) {
		sum += strtod(strchr(at, '}') + 1, NULL);
		series++;
	}
	ck_assert_uint_eq(series, 201);
	ck_assert(sum >= THREADS * ROUNDS && sum <= THREADS * ROUNDS);
}
END_TEST

/* Runs on one processor after the other, as far as this machine lets us. */
static void on_each_processor(void (*act)(void))
{
	for (size_t i = 0; i < (size_t)sysconf(_SC_NPROCESSORS_CONF); i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof(one), &one) == 0)
			act();
	}
}

static void raise_depth(void)
{
	metrics_add(&depth, 7, "email", NULL);
}

static void set_depth(void)
{
	raise_depth();
	metrics_set(&depth, 3, "email", NULL);
	SHOWS("t_depth{queue=\"email\"} 3\n");
}

START_TEST(what_is_set_replaces_what_any_processor_added)
{
	on_each_processor(raise_depth);
	on_each_processor(set_depth);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("metrics");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_test(tcase, families_without_labels_start_at_zero);
	tcase_add_test(tcase, counters_only_rise);
	tcase_add_test(tcase, gauges_go_both_ways);
	tcase_add_test(tcase, labels_are_escaped);
	tcase_add_test(tcase, label_values_do_not_run_together);
	tcase_add_test(tcase, a_full_family_counts_as_other);
	tcase_add_test(tcase, a_series_named_other_takes_the_rest);
	tcase_add_test(tcase, histograms_cumulate);
	tcase_add_test(tcase, collectors_run_at_each_render);
	tcase_add_test(tcase, families_are_shown_once);
	tcase_add_test(tcase, the_process_is_described);
	tcase_add_test(tcase, threads_lose_nothing);
	tcase_add_test(tcase, what_is_set_replaces_what_any_processor_added);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
