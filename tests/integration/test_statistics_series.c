/*
 * Time series: hours and days of zones that do not share our hours, change their clocks, or leave
 * midnight out; spans that are none.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static int64_t event_in(const char *zone)
{
	struct reply *reply = must(
		api_post(
			token_organizer(), "/api/events",
			"{\"title\":\"A talk\",\"eventDate\":\"2099-01-01T00:00:00Z\",\"location\":"
			"\"Somewhere\",\"timeZone\":\"%s\",\"maxAttendees\":10,\"ticketTypes\":"
			"[{\"name\":\"One\",\"price\":0,\"quantity\":10}]}",
			zone),
		201);

	return reply_int(reply, "data.id");
}

/* --- hours and days --- */

static const struct {
	const char *zone, *query;
	int count;
	int nth; /* of the bucket that begins at `at` */
	const char *at;
	const char *to;
} spans[] = {
	/* an hour of Kathmandu begins at a quarter past one of ours */
	{"Asia/Kathmandu", "bucket=hour&from=2026-05-01T00:00:00Z&to=2026-05-01T02:00:00Z", 3, 0,
	 "2026-04-30T23:15:00.000Z", "2026-05-01T02:15:00.000Z"},
	{"Asia/Kathmandu", "bucket=day&from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z", 2, 1,
	 "2026-05-01T18:15:00.000Z", "2026-05-02T18:15:00.000Z"},
	/* 23 hours, then 25 */
	{"Europe/Paris",
	 "bucket=hour&from=2026-03-29T00:00:00%2B01:00&to=2026-03-30T00:00:00%2B02:00", 23, 2,
	 "2026-03-29T01:00:00.000Z", "2026-03-29T22:00:00.000Z"},
	{"Europe/Paris", "bucket=day&from=2026-03-28T23:00:00Z&to=2026-03-29T22:00:00Z", 1, 0,
	 "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"},
	{"Europe/Paris",
	 "bucket=hour&from=2026-10-25T00:00:00%2B02:00&to=2026-10-26T00:00:00%2B01:00", 25, 3,
	 "2026-10-25T01:00:00.000Z", "2026-10-25T23:00:00.000Z"},
	{"Europe/Paris", "bucket=day&from=2026-10-24T22:00:00Z&to=2026-10-25T23:00:00.001Z", 2, 1,
	 "2026-10-25T23:00:00.000Z", "2026-10-26T23:00:00.000Z"},
	/* midnight is not there: the day begins at one */
	{"America/Havana", "bucket=day&from=2026-03-07T12:00:00Z&to=2026-03-09T12:00:00Z", 3, 1,
	 "2026-03-08T05:00:00.000Z", "2026-03-10T04:00:00.000Z"},
	/* midnight is there twice: the day begins with the first */
	{"America/Havana", "bucket=day&from=2026-10-31T12:00:00Z&to=2026-11-02T12:00:00Z", 3, 1,
	 "2026-11-01T04:00:00.000Z", "2026-11-03T05:00:00.000Z"},
	/* half an hour is there twice: an hour of its own */
	{"Australia/Lord_Howe", "bucket=hour&from=2026-04-04T14:00:00Z&to=2026-04-04T16:00:00Z", 3,
	 1, "2026-04-04T15:00:00.000Z", "2026-04-04T16:30:00.000Z"},
	{"Australia/Lord_Howe", "bucket=hour&from=2026-04-04T15:10:00Z&to=2026-04-04T15:20:00Z", 1,
	 0, "2026-04-04T15:00:00.000Z", "2026-04-04T15:30:00.000Z"},
	/* a date that Samoa left out */
	{"Pacific/Apia", "bucket=day&from=2011-12-29T12:00:00Z&to=2011-12-31T12:00:00Z", 3, 2,
	 "2011-12-31T10:00:00.000Z", "2012-01-01T10:00:00.000Z"},
	{"UTC", "bucket=hour&from=2026-01-01&to=2026-02-11T16:00:00Z", 1000, 999,
	 "2026-02-11T15:00:00.000Z", "2026-02-11T16:00:00.000Z"},
	{"UTC", "bucket=day&from=2024-01-01&to=2026-09-27", 1000, 0, "2024-01-01T00:00:00.000Z",
	 "2026-09-27T00:00:00.000Z"},
};

static void expect_span(size_t i)
{
	struct reply *reply =
		must(api_get(token_organizer(), "/api/events/%lld/statistics/timeseries?%s",
			     (long long)event_in(spans[i].zone), spans[i].query),
		     200);

	if (reply_count(reply, "data.series") != spans[i].count)
		ck_abort_msg("%s %s: %s", spans[i].zone, spans[i].query, reply->body);
	ck_assert_str_eq(reply_text(reply, text("data.series.%d.at", spans[i].nth)), spans[i].at);
	ck_assert_str_eq(reply_text(reply, "data.from"), reply_text(reply, "data.series.0.at"));
	ck_assert_str_eq(reply_text(reply, "data.to"), spans[i].to);
	ck_assert_int_eq(reply_int(reply, "data.series.0.registrations"), 0);
}

START_TEST(whole_hours_and_days_of_the_zone)
{
	for (size_t i = 0; i < ARRAY_LEN(spans); i++)
		expect_span(i);
}
END_TEST

START_TEST(spans_that_are_none)
{
	static const char *const bad[][2] = {
		{"bucket=hour&from=2026-01-01&to=2026-02-11T16:00:00.001Z", "from"},
		{"bucket=day&from=2024-01-01&to=2026-09-27T00:00:01Z", "from"},
		{"bucket=hour&from=1971-01-01&to=9998-01-01", "from"},
		{"from=2026-01-01&to=2026-01-01", "from"},
		{"from=2026-01-02&to=2026-01-01", "from"},
		{"from=2099-01-01", "from"},
		{"from=1969-12-31&to=1970-01-02", "from"},
		{"to=9999-12-31", "to"},
		{"bucket=week", "bucket"},
		{"from=2026-01-01T00:00:00", "from"},
		{"period=24h", "period"},
	};
	long long event = event_in("UTC");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reply *reply =
			must(api_get(token_organizer(), "/api/events/%lld/statistics/timeseries?%s",
				     event, bad[i][0]),
			     400);

		ck_assert_str_eq(reply_slug(reply), "invalid-query");
		ck_assert_msg(reply_violates(reply, bad[i][1], NULL), "%s", reply->body);
	}
	ck_assert_str_eq(reply_slug(must(api_get(token_organizer(),
						 "/api/events/%lld/statistics?period=2h", event),
					 400)),
			 "invalid-query");
}
END_TEST

/* 48 hours back from within an hour touch 49 of them. */
START_TEST(usual_spans)
{
	long long event = event_in("UTC");
	const char *path = text("/api/events/%lld/statistics/timeseries", event);
	struct reply *hours = must(api_get(token_organizer(), "%s", path), 200);
	struct reply *days = must(api_get(token_organizer(), "%s?bucket=day", path), 200);

	ck_assert_str_eq(reply_text(hours, "data.bucket"), "hour");
	ck_assert_int_eq(reply_int(hours, "data.eventId"), event);
	ck_assert_int_eq(reply_count(hours, "data.series"), 49);
	ck_assert_int_eq(reply_count(days, "data.series"), 31);
	ck_assert_str_eq(
		reply_text(
			must(api_get(token_organizer(), "/api/events/%lld/statistics", event), 200),
			"data.period"),
		"24h");
}
END_TEST

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

int main(void)
{
	Suite *suite = suite_create("statistics series");
	TCase *cases = tcase_create("statistics series");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, suite_end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, whole_hours_and_days_of_the_zone);
	tcase_add_test(cases, spans_that_are_none);
	tcase_add_test(cases, usual_spans);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
