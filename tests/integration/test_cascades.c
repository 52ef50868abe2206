/*
 * What an event's cancel, change or clock does to its guests, in the background.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { DONE_MS = 30000, MANY = 3000 };

static void begin(void)
{
	suite_set("HOLDS_PER_CALLER", "1000");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* Guests straight through the function that registers, many in a call. */
static void fill(const struct shop *shop, int count)
{
	sql("INSERT INTO users (id) VALUES (%d) ON CONFLICT DO NOTHING", USER);
	sql("SELECT count(*) FROM register_guests((SELECT jsonb_agg(jsonb_build_object('ord', i, "
	    "'attempt_id', gen_random_uuid(), 'event_id', %lld, 'caller_id', %d + i, 'is_admin', "
	    "true, "
	    "'ticket_type_id', %lld, 'first_name', 'A', 'last_name', 'B', 'email', 'g' || i || "
	    "'@x.example', 'type', 'regular', 'ticket_code', gen_random_uuid(), 'job_id', "
	    "gen_random_uuid(), 'payment_key', gen_random_uuid())) FROM generate_series(1, %d) AS "
	    "i), 900, 10, 3000)",
	    (long long)shop->event_id, USER, (long long)shop->type_id, count);
}

static void users(int count)
{
	sql("INSERT INTO users (id) SELECT %d + i FROM generate_series(1, %d) AS i ON CONFLICT DO "
	    "NOTHING",
	    USER, count);
}

static bool cascade_over(void)
{
	return sql_becomes(DONE_MS, "0",
			   "SELECT count(*) FROM events WHERE cancel_after IS NOT NULL");
}

static void cancel_event(const struct shop *shop)
{
	struct reply *reply =
		api_post(token_organizer(),
			 text("/api/events/%lld/cancel", (long long)shop->event_id), NULL);

	ck_assert_int_eq(reply->status, 200);
}

static int64_t count_guests(const char *status)
{
	return sql_int("SELECT count(*) FROM guests WHERE status = '%s'", status);
}

START_TEST(cancel_reaches_every_guest_once)
{
	struct shop shop = shop_open(5000, "0", 5000);
	struct reply *guest = shop_register(&shop, token_user(), "inside");

	ck_assert_int_eq(
		api_post(token_organizer(),
			 text("/api/events/%lld/guests/%lld/check-in", (long long)shop.event_id,
			      (long long)reply_int(guest, "data.id")),
			 NULL)
			->status,
		200);
	users(600);
	fill(&shop, 600);
	cancel_event(&shop);
	ck_assert(cascade_over());
	ck_assert_int_eq(count_guests("cancelled"), 600);
	ck_assert_int_eq(count_guests("checked_in"), 1);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-cancelled'"), 601);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE status = 'cancelled'"), 600);
	ck_assert_int_eq(sql_int("SELECT current_attendees FROM events"), 1);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(cancel_goes_on_after_a_kill)
{
	struct shop shop = shop_open(MANY, "0", MANY);

	users(MANY);
	fill(&shop, MANY);
	cancel_event(&shop);
	for (int i = 0; i < 3 && count_guests("cancelled") < MANY; i++) {
		suite_kill(SUITE_API);
		suite_start(SUITE_API);
	}
	ck_assert(cascade_over());
	ck_assert_int_eq(count_guests("cancelled"), MANY);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-cancelled'"), MANY);
	ck_assert_int_eq(
		sql_int("SELECT sum(n) FROM (SELECT kind, n FROM statistics_deltas UNION ALL "
			"SELECT kind, n FROM event_statistics) s WHERE kind = \'cancellations\'"),
		MANY);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(cancel_drops_holds)
{
	struct shop shop = shop_open(10, "20", 10);

	ck_assert_int_eq(shop_register(&shop, token_user(), "holder")->status, 201);
	cancel_event(&shop);
	ck_assert(cascade_over());
	ck_assert_int_eq(count_guests("cancelled"), 1);
	ck_assert_str_eq(sql("SELECT status FROM payments"), "cancelled");
	ck_assert(audit_clean());
}
END_TEST

START_TEST(change_is_told_once_a_change)
{
	struct shop shop = shop_open(1000, "0", 1000);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);

	users(700);
	fill(&shop, 700);
	ck_assert_int_eq(api_patch(token_organizer(), path, "{\"location\":\"Elsewhere\"}")->status,
			 200);
	ck_assert(sql_becomes(DONE_MS, "1", "SELECT told_seq FROM events"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-changed'"),
			 700);
	ck_assert_int_eq(api_patch(token_organizer(), path, "{\"description\":\"More\"}")->status,
			 200);
	ck_assert_int_eq(sql_int("SELECT change_seq FROM events"), 1);
	ck_assert_int_eq(
		api_patch(token_organizer(), path, "{\"timeZone\":\"Europe/Paris\"}")->status, 200);
	ck_assert(sql_becomes(DONE_MS, "2", "SELECT told_seq FROM events"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-changed'"),
			 1400);
}
END_TEST

START_TEST(clock_starts_and_ends_events)
{
	struct shop shop = shop_open(10, "20", 10);

	ck_assert_int_eq(shop_register(&shop, token_user(), "holder")->status, 201);
	sql("UPDATE events SET event_date = now() - interval '1 second', end_date = now() + "
	    "interval "
	    "'1500 ms'");
	ck_assert(sql_becomes(DONE_MS, "active", "SELECT status FROM events"));
	ck_assert(sql_becomes(DONE_MS, "completed", "SELECT status FROM events"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE expires_at > now()"), 0);
}
END_TEST

START_TEST(clock_ends_a_day_after_an_event_without_end)
{
	shop_open(10, "0", 10);
	sql("UPDATE events SET event_date = now() - interval '23 hours'");
	ck_assert(sql_becomes(DONE_MS, "active", "SELECT status FROM events"));
	sql("UPDATE events SET event_date = now() - interval '24 hours 1 second'");
	ck_assert(sql_becomes(DONE_MS, "completed", "SELECT status FROM events"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cascades");
	TCase *cases = tcase_create("cascades");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 90);
	tcase_add_test(cases, cancel_reaches_every_guest_once);
	tcase_add_test(cases, cancel_goes_on_after_a_kill);
	tcase_add_test(cases, cancel_drops_holds);
	tcase_add_test(cases, change_is_told_once_a_change);
	tcase_add_test(cases, clock_starts_and_ends_events);
	tcase_add_test(cases, clock_ends_a_day_after_an_event_without_end);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
