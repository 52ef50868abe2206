/*
 * What operators see of the programs: metrics of every program, how many series they grow to, a
 * log that nobody reads.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { WAIT_MS = 30000, STEP_MS = 50 };

static const char *scrape(const char *address)
{
	struct reply *reply =
		say(&(struct saying){.method = "GET", .url = text("%s/metrics", address)});

	ck_assert_int_eq(reply->status, 200);
	return reply->body;
}

/* -1: not there. */
static double value_of(const char *address, const char *series)
{
	const char *body = scrape(address);
	const char *line = strstr(body, text("\n%s ", series));

	return line ? strtod(line + strlen(series) + 2, NULL) : -1;
}

static bool becomes(const char *address, const char *series, double want)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	while (value_of(address, series) < want || value_of(address, series) > want) {
		if (clock_monotonic_us() > until)
			return false;
		clock_sleep_ms(STEP_MS);
	}
	return true;
}

#define SHOWS(address, series, value)                                                              \
	ck_assert_msg(becomes((address), (series), (value)), "%s is not %g in\n%s", (series),      \
		      (double)(value), scrape(address))

/* --- every program ---------------------------------------------------------------------------- */

/* Starts a worker with a port of its own; its address. */
static const char *start_worker(enum suite_part part)
{
	int port = servers_free_port();

	suite_set("WORKER_METRICS_PORT", text("%d", port));
	suite_start(part);
	return text("http://127.0.0.1:%d", port);
}

START_TEST(workers_show_their_jobs)
{
	const char *tickets, *email;
	struct shop shop;

	suite_begin(SUITE_PLATFORM | SUITE_API);
	tickets = start_worker(SUITE_TICKETS);
	email = start_worker(SUITE_EMAIL);
	SHOWS(tickets, "job_attempts_total{queue=\"generate-ticket-pdf\",outcome=\"done\"}", 0);
	shop = shop_open(5, "0", 5);
	ck_assert_int_eq(shop_register(&shop, token_user(), "zoe")->status, 201);
	SHOWS(tickets, "job_attempts_total{queue=\"generate-ticket-pdf\",outcome=\"done\"}", 1);
	SHOWS(tickets, "job_duration_seconds_count{queue=\"generate-ticket-pdf\"}", 1);
	SHOWS(email, "job_attempts_total{queue=\"send-email\",outcome=\"done\"}", 1);
	SHOWS(email, "breaker_state{service=\"notification\"}", 0);
	SHOWS(email, "job_queue_reachable", 1);
	SHOWS(email, "db_pool_connections{pool=\"worker-email\",state=\"leased\"}", 0);
	SHOWS(suite_metrics(), "job_queue_depth{queue=\"send-email\",state=\"ready\"}", 0);
	SHOWS(suite_metrics(), "job_oldest_age_seconds{queue=\"send-email\"}", 0);
	SHOWS(suite_metrics(), "db_pool_connections_max{pool=\"door\"}", 4);
	ck_assert_ptr_nonnull(strstr(scrape(tickets), "core_service_build_info{program="
						      "\"worker-tickets\",version=\""));
	ck_assert(value_of(email, "process_resident_memory_bytes") > 0);
}
END_TEST

START_TEST(audits_are_shown)
{
	suite_begin(SUITE_PLATFORM);
	suite_start(SUITE_API);
	shop_open(5, "0", 5);
	ck_assert_int_eq(suite_stop(SUITE_API), 0); /* it looks at most every ten seconds */
	sql("UPDATE events SET current_attendees = 3");
	ck_assert(!audit_clean());
	suite_start(SUITE_API);
	SHOWS(suite_metrics(), "audit_drift{check=\"event-attendees\"}", 1);
	SHOWS(suite_metrics(), "audit_drift{check=\"ticket-type-sold\"}", 0);
	ck_assert(value_of(suite_metrics(), "audit_last_run_timestamp_seconds{check=\"outbox\"}") >
		  (double)clock_now_us() / (double)US_PER_S - 600);
	sql("UPDATE events SET current_attendees = 0");
	ck_assert(audit_clean());
	SHOWS(suite_metrics(), "audit_drift{check=\"event-attendees\"}", 0);
}
END_TEST

START_TEST(an_outage_is_shown)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
	SHOWS(suite_metrics(), "job_queue_reachable", 1);
	SHOWS(suite_metrics(), "core_service_ready", 1);
	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	SHOWS(suite_metrics(), "job_queue_reachable", 0);
	servers_resume(SERVER_REDIS_QUEUE);
	SHOWS(suite_metrics(), "job_queue_reachable", 1);
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 503);
	SHOWS(suite_metrics(), "core_service_ready", 0);
	servers_resume(SERVER_POSTGRES);
	ck_assert(suite_ready(WAIT_MS));
	SHOWS(suite_metrics(), "core_service_ready", 1);
}
END_TEST

/* --- how many series -------------------------------------------------------------------------- */

static size_t count_series(const char *prefix)
{
	const char *body = scrape(suite_metrics());
	size_t count = 0;

	for (const char *line = body; line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		count += *line && *line != '#' && !strncmp(line, prefix, strlen(prefix));
	return count;
}

enum { MEMBERS = 8, ORGANIZERS = 400 };

struct creation {
	int per_member;
};

/* Events of many organizers, each with a ticket type; a guest for each tenth, another for the
 * first. */
static void create_events(void *ctx, size_t member)
{
	const struct creation *creation = ctx;
	char at[RFC3339_SIZE];

	clock_format(clock_now_us() + 30 * 24 * 3600 * US_PER_S, at);
	for (int i = 0; i < creation->per_member; i++) {
		const char *token =
			token_of(1000 + (i * MEMBERS + (int)member) % ORGANIZERS, "organizer");
		struct reply *made = api_post(
			token, "/api/events",
			"{\"title\":\"A concert\",\"eventDate\":\"%s\",\"location\":\"The hall\","
			"\"maxAttendees\":5,\"ticketTypes\":[{\"name\":\"Type %d of "
			"%zu\",\"price\":0,"
			"\"quantity\":5}]}",
			at, i, member);
		const char *path = text("/api/events/%lld", (long long)reply_int(made, "data.id"));

		ck_assert_int_eq(made->status, 201);
		if (i % 10 == 0) {
			ck_assert_int_eq(api_post(token, text("%s/publish", path), NULL)->status,
					 200);
			ck_assert_int_eq(
				api_post(token_user(), text("%s/guests", path),
					 "{\"firstName\":\"Zoe\",\"lastName\":\"Guest\","
					 "\"email\":\"zoe@example.com\",\"ticketTypeId\":%lld}",
					 (long long)reply_int(made, "data.ticketTypes.0.id"))
					->status,
				201);
		}
	}
}

static void create(int count)
{
	struct creation creation = {count / MEMBERS};

	crowd(MEMBERS, create_events, &creation);
}

START_TEST(series_do_not_grow_with_events)
{
	size_t before;

	suite_begin(SUITE_PLATFORM | SUITE_API);
	create(1000);
	before = count_series("");
	create(9000);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 10000);
	ck_assert_uint_eq(count_series(""), before);
	ck_assert_uint_lt(before, 2000);
	SHOWS(suite_metrics(), "events_created_total{status=\"draft\"}", 10000);
}
END_TEST

START_TEST(series_of_events_are_bounded)
{
	suite_set("METRICS_PER_EVENT", "7");
	suite_begin(SUITE_PLATFORM | SUITE_API);
	create(400);
	ck_assert_uint_eq(count_series("events_created_total{organizer_id="), 8);
	ck_assert_uint_eq(count_series("guests_registered_total{event_id="), 8);
	/* Fifty of the four hundred are ORGANIZERS apart, so each has one. */
	SHOWS(suite_metrics(), "events_created_total{organizer_id=\"other\",status=\"draft\"}",
	      393);
	SHOWS(suite_metrics(), "guests_registered_total{event_id=\"other\",ticket_type=\"other\"}",
	      33);
}
END_TEST

/* --- the log ---------------------------------------------------------------------------------- */

static bool log_says(const char *words)
{
	return system(text("grep -qF '%s' '%s'", words, suite_log(SUITE_API))) == 0;
}

START_TEST(the_level_is_configured)
{
	struct shop paid;

	suite_set("LOG_LEVEL", "error");
	suite_begin(SUITE_PLATFORM | SUITE_API);
	paid = shop_open(5, "9.50", 5);
	ck_assert(!log_says("\"level\""));
	platform_script("{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":503}");
	ck_assert_int_eq(shop_register(&paid, token_user(), "zoe")->status, 503);
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	ck_assert(log_says("\"level\":\"error\""));
	ck_assert(!log_says("\"level\":\"info\""));
	ck_assert(!log_says("\"level\":\"warn\""));
}
END_TEST

enum { FLOOD = 2000 };

static void flood(void *ctx UNUSED, size_t i UNUSED)
{
	for (int n = 0; n < FLOOD / MEMBERS; n++)
		ck_assert_int_eq(api_get(NULL, "/api/events?page=1")->status, 200);
}

/* Standard output is a pipe that is kept open and never read: it holds some 64 KiB, then no more.
 */
START_TEST(a_log_that_nobody_reads_blocks_nobody)
{
	const char *log;
	int64_t began;
	int fd;

	suite_begin(SUITE_PLATFORM);
	log = suite_log(SUITE_API);
	ck_assert_int_eq(mkfifo(log, 0600), 0);
	fd = open(log, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	suite_start(SUITE_API);
	began = clock_monotonic_us();
	crowd(MEMBERS, flood, NULL);
	ck_assert_int_lt(clock_monotonic_us() - began, 60 * US_PER_S);
	ck_assert(value_of(suite_metrics(), "log_lines_dropped_total") >= 0.5 * FLOOD);
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	close(fd);
	ck_assert_int_eq(unlink(log), 0); /* the suite looks into its logs at the end */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("observability");
	TCase *cases = tcase_create("metrics");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(cases, 200);
	tcase_add_checked_fixture(cases, NULL, suite_end);
	tcase_add_test(cases, workers_show_their_jobs);
	tcase_add_test(cases, audits_are_shown);
	tcase_add_test(cases, an_outage_is_shown);
	tcase_add_test(cases, series_do_not_grow_with_events);
	tcase_add_test(cases, series_of_events_are_bounded);
	tcase_add_test(cases, the_level_is_configured);
	tcase_add_test(cases, a_log_that_nobody_reads_blocks_nobody);
	suite_add_tcase(suite, cases);
	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();

	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
