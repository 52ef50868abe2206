/*
 * An event with 100,000 guests is changed, then cancelled, and the API killed in between: every
 * guest gets each effect once, others are served meanwhile, in little memory.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/documents.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum {
	PAYING = 300,
	GUESTS = 100000 - PAYING,
	SEATS = 100000,
	FILL = 5000,
	DONE_MS = 600000,
	GROWTH_KB = 24 * 1024,
	IDLE_SAMPLES = 500,
	SAMPLES_MAX = 100000,
	LOOK_EVERY = 25,
	P99_MS = 500,
};

/* CASCADE_GUESTS: fewer, to try it out. */
static int guests(void)
{
	const char *asked = getenv("CASCADE_GUESTS");

	return asked ? atoi(asked) : GUESTS;
}

static void begin(void)
{
	suite_set("HOLDS_PER_CALLER", "1000");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

static struct reply *must(struct reply *reply, int status)
{
	ck_assert_msg(reply->status == status, "%d %s", reply->status, reply->body);
	return reply;
}

/* --- the event -------------------------------------------------------------------------------- */

/* Guests straight through the function that registers. */
static void fill(const struct shop *shop, int count)
{
	sql("INSERT INTO users (id) SELECT %d + i FROM generate_series(1, %d) AS i ON CONFLICT DO "
	    "NOTHING",
	    USER, count);
	for (int from = 1; from <= count; from += FILL)
		sql("SELECT count(*) FROM register_guests((SELECT jsonb_agg(jsonb_build_object("
		    "'ord', i, 'attempt_id', gen_random_uuid(), 'event_id', %lld, 'caller_id', %d "
		    "+ i, 'is_admin', true, 'ticket_type_id', %lld, 'first_name', 'A', "
		    "'last_name', 'B', 'email', 'g' || i || '@x.example', 'type', 'regular', "
		    "'ticket_code', 'EVT-0000-0000' || to_char(i, 'FM\"-\"0000\"-\"0000'), "
		    "'job_id', gen_random_uuid(), 'payment_key', gen_random_uuid())) "
		    "FROM generate_series(%d, least(%d, %d)) AS i), 900, 10, 3000)",
		    (long long)shop->event_id, USER, (long long)shop->type_id, from,
		    from + FILL - 1, count);
}

/* Some pay, and will get it back. */
static void pay_some(const struct shop *shop)
{
	struct shop paid = *shop;
	struct reply *type =
		must(api_post(token_organizer(),
			      text("/api/events/%lld/ticket-types", (long long)shop->event_id),
			      "{\"name\":\"Paid\",\"price\":49.9,\"quantity\":%d}", PAYING),
		     201);

	paid.type_id = reply_int(type, "data.id");
	for (int i = 0; i < PAYING; i++) {
		struct reply *guest =
			must(shop_register(&paid, token_user(), text("payer%d", i)), 201);

		must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}",
				  reply_text(guest, "data.payment.intentId")),
		     200);
	}
}

/* --- the others, meanwhile -------------------------------------------------------------------- */

struct samples {
	int64_t us[SAMPLES_MAX];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* In ms; the samples are sorted by it. */
static double percentile(struct samples *samples, size_t percent)
{
	size_t at = (samples->count - 1) * percent / 100;

	qsort(samples->us, samples->count, sizeof(samples->us[0]), compare);
	return (double)samples->us[at] / (double)US_PER_MS;
}

static struct samples idle_reads, idle_writes, reads, writes;

static void sample(struct samples *samples, struct reply *(*ask)(const struct shop *),
		   const struct shop *shop, int status)
{
	int64_t begun_us = clock_monotonic_us();

	reply_free(must(ask(shop), status));
	if (samples->count < SAMPLES_MAX)
		samples->us[samples->count++] = clock_monotonic_us() - begun_us;
}

/* Signed in: answered from the database. */
static struct reply *read_other(const struct shop *shop)
{
	return api_get(token_user(), "/api/events/%lld", (long long)shop->event_id);
}

static struct reply *register_other(const struct shop *shop)
{
	static int number;

	return shop_register(shop, token_user(), text("other%d", ++number));
}

static void visit(const struct shop *other, struct samples *read, struct samples *write)
{
	sample(read, read_other, other, 200);
	sample(write, register_other, other, 201);
}

/* Others come and go until the statement says "t". */
static void visit_until(const struct shop *other, const char *statement)
{
	int64_t until = clock_monotonic_us() + (int64_t)DONE_MS * US_PER_MS;

	do {
		for (int i = 0; i < LOOK_EVERY; i++)
			visit(other, &reads, &writes);
		ck_assert_int_lt(clock_monotonic_us(), until);
	} while (strcmp(sql("%s", statement), "t") != 0);
}

static void tell_speed(const char *what, struct samples *idle, struct samples *busy)
{
	double was = percentile(idle, 50), is = percentile(busy, 50);

	printf("%s: median %.1f ms before, %.1f ms meanwhile (ratio %.1f); p99 %.1f and %.1f ms; "
	       "%zu asked\n",
	       what, was, is, is / was, percentile(idle, 99), percentile(busy, 99), busy->count);
	ck_assert(percentile(busy, 99) < P99_MS);
}

/* "VmHWM" is the peak. */
static long api_peak_kb(void)
{
	FILE *file = fopen(text("/proc/%d/status", suite_pid(SUITE_API)), "re");
	char line[256];
	long kb = 0;

	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmHWM", 5))
			kb = strtol(line + 6, NULL, 10);
	fclose(file);
	return kb;
}

/* --- the two cascades ------------------------------------------------------------------------- */

struct stage {
	const char *until; /* the API is killed once this is "t"; the last one: it is over */
	bool last;
};

/* Peak growth of the API's memory. */
static long run_stages(const struct shop *other, const struct stage *stages, long idle_kb)
{
	long growth_kb = 0;

	for (const struct stage *stage = stages;; stage++) {
		visit_until(other, stage->until);
		if (api_peak_kb() - idle_kb > growth_kb)
			growth_kb = api_peak_kb() - idle_kb;
		if (stage->last)
			return growth_kb;
		suite_kill(SUITE_API);
		suite_start(SUITE_API);
	}
}

static double seconds_since(int64_t start_us)
{
	return (double)(clock_monotonic_us() - start_us) / (double)US_PER_S;
}

static void change(const struct shop *shop, const struct shop *other, long idle_kb)
{
	const struct stage stages[] = {
		{text("SELECT renewing_after > %d FROM events WHERE id = %lld", guests() / 3,
		      (long long)shop->event_id),
		 false},
		{text("SELECT renewed_seq = page_seq AND told_seq = change_seq FROM events WHERE "
		      "id = %lld",
		      (long long)shop->event_id),
		 true},
	};
	int64_t start_us = clock_monotonic_us();
	double answered_s;
	long growth_kb;

	must(api_patch(token_organizer(), text("/api/events/%lld", (long long)shop->event_id),
		       "{\"location\":\"Elsewhere\"}"),
	     200);
	answered_s = seconds_since(start_us);
	growth_kb = run_stages(other, stages, idle_kb);
	printf("change: answered in %.0f ms, over after %.1f s with a kill; %ld KB more memory\n",
	       1000 * answered_s, seconds_since(start_us), growth_kb);
	ck_assert_int_lt(growth_kb, GROWTH_KB);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE event_id = %lld AND status = "
				 "'pending' AND doc_version = 2",
				 (long long)shop->event_id),
			 guests() + PAYING);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-changed'"),
			 guests() + PAYING);
}

static const char *cancelled_above(const struct shop *shop, int count)
{
	return text("SELECT cancel_after IS NULL OR cancel_after > %d FROM events WHERE id = %lld",
		    count, (long long)shop->event_id);
}

static void cancel(const struct shop *shop, const struct shop *other, long idle_kb)
{
	const struct stage stages[] = {
		{cancelled_above(shop, guests() / 4), false},
		{cancelled_above(shop, guests() / 2), false},
		{cancelled_above(shop, guests() / 4 * 3), false},
		{text("SELECT cancel_after IS NULL FROM events WHERE id = %lld",
		      (long long)shop->event_id),
		 true},
	};
	int64_t start_us = clock_monotonic_us();
	long growth_kb;

	must(api_post(token_organizer(), text("/api/events/%lld/cancel", (long long)shop->event_id),
		      NULL),
	     200);
	growth_kb = run_stages(other, stages, idle_kb);
	printf("cancel: %d guests in %.1f s with three kills; %ld KB more memory\n",
	       guests() + PAYING, seconds_since(start_us), growth_kb);
	ck_assert_int_lt(growth_kb, GROWTH_KB);
}

static void expect_all_cancelled_once(const struct shop *shop)
{
	const long long event = shop->event_id;
	const int all = guests() + PAYING;

	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE event_id = %lld AND status = "
				 "'cancelled'",
				 event),
			 all);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE event_id = %lld AND status = "
				 "'cancelled'",
				 event),
			 all);
	ck_assert_int_eq(sql_int("SELECT current_attendees FROM events WHERE id = %lld", event), 0);
	ck_assert_int_eq(sql_int("SELECT sum(sold) FROM ticket_types WHERE event_id = %lld", event),
			 0);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-cancelled'"), all);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM outbox o JOIN notifications n ON n.id = o.subject_id "
			"WHERE o.job_type = 'send-email' AND n.kind = 'event-cancelled'"),
		all);
	ck_assert_int_eq(sql_int("SELECT sum(n) FROM (SELECT event_id, kind, n FROM "
				 "statistics_deltas UNION ALL SELECT event_id, kind, n FROM "
				 "event_statistics) s WHERE kind = 'cancellations' AND event_id = "
				 "%lld",
				 event),
			 all);
}

static void expect_money_back_once(void)
{
	struct reply *counts;

	ck_assert(sql_becomes(DONE_MS, "0", "SELECT count(*) FROM refunds WHERE status <> 'done'"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), PAYING);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE refunded_amount = amount"),
			 PAYING);
	counts = say(&(struct saying){.method = "GET",
				      .url = text("%s/_control/counts", suite_platform())});
	ck_assert_int_eq(reply_int(counts, "data.refunds"), PAYING);
}

START_TEST(changed_and_cancelled)
{
	struct shop shop = shop_open(SEATS, "0", SEATS);
	struct shop other = shop_open(SEATS, "0", SEATS);
	long idle_kb;

	fill(&shop, guests());
	documents_made();
	sql("DELETE FROM outbox");
	sql("ANALYZE");
	pay_some(&shop);
	for (int i = 0; i < IDLE_SAMPLES; i++)
		visit(&other, &idle_reads, &idle_writes);
	idle_kb = api_peak_kb();
	change(&shop, &other, idle_kb);
	cancel(&shop, &other, idle_kb);
	expect_all_cancelled_once(&shop);
	expect_money_back_once();
	tell_speed("GET of an event", &idle_reads, &reads);
	tell_speed("registration", &idle_writes, &writes);
	/* no worker runs here, and a job that waits so long is a finding */
	sql("UPDATE outbox SET created_at = now(), next_at = now()");
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("large_cascade");
	TCase *cases = tcase_create("large_cascade");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 900);
	tcase_add_test(cases, changed_and_cancelled);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
