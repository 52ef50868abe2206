/*
 * What an event's cancel, change or clock does to its guests, in the background.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/documents.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { DONE_MS = 30000, MANY = 3000, LARGE = 5000, KILLS = 3, HOLDS = 5500 };

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
	    "'@x.example', 'type', 'regular', 'ticket_code', "
	    "'EVT-0000-' || to_char(%lld, 'FM0000') || to_char(i, 'FM\"-\"0000\"-\"0000'), "
	    "'job_id', gen_random_uuid(), 'payment_key', gen_random_uuid())) "
	    "FROM generate_series(1, %d) AS i), 900, 10, 3000)",
	    (long long)shop->event_id, USER, (long long)shop->type_id, (long long)shop->event_id,
	    count);
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

/* The cascade passed him since he was inside; he was not. */
START_TEST(an_admission_undone_after_the_cancel_is_cancelled)
{
	struct shop shop = shop_open(10, "49.90", 10);
	struct reply *guest = shop_register(&shop, token_user(), "outside");
	const char *path = text("/api/events/%lld/guests/%lld", (long long)shop.event_id,
				(long long)reply_int(guest, "data.id"));

	platform_pay("{\"type\":\"payment.succeeded\",\"intentId\":\"%s\"}",
		     reply_text(guest, "data.payment.intentId"));
	ck_assert_int_eq(api_post(token_organizer(), text("%s/check-in", path), NULL)->status, 200);
	cancel_event(&shop);
	ck_assert(cascade_over());
	ck_assert_int_eq(count_guests("checked_in"), 1);
	ck_assert_int_eq(api_delete(token_organizer(), "%s/check-in", path)->status, 204);
	ck_assert_int_eq(count_guests("cancelled"), 1);
	ck_assert_int_eq(sql_int("SELECT current_attendees FROM events"), 0);
	ck_assert(sql_becomes(DONE_MS, "49.90", "SELECT refunded_amount FROM payments"));
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-cancelled'"), 1);
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

/* However late the cascade gets there: who registered for the new place is not told of it. */
START_TEST(who_came_after_a_change_is_not_told)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);

	ck_assert_int_eq(shop_register(&shop, token_user(), "before")->status, 201);
	ck_assert_int_eq(api_patch(token_organizer(), path, "{\"location\":\"Elsewhere\"}")->status,
			 200);
	ck_assert(sql_becomes(DONE_MS, "1", "SELECT told_seq FROM events"));
	ck_assert_int_eq(shop_register(&shop, token_user(), "after")->status, 201);
	sql("UPDATE events SET told_seq = 0, telling_seq = 0, telling_after = 0");
	ck_assert(sql_becomes(DONE_MS, "1", "SELECT told_seq FROM events"));
	ck_assert_str_eq(sql("SELECT string_agg(g.first_name, ' ') FROM notifications n JOIN "
			     "guests g ON g.id = n.guest_id WHERE n.kind = 'event-changed'"),
			 "before");
	/* the next change is for both */
	ck_assert_int_eq(api_patch(token_organizer(), path, "{\"location\":\"There\"}")->status,
			 200);
	ck_assert(sql_becomes(DONE_MS, "2", "SELECT told_seq FROM events"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE cause_id = 2"), 2);
}
END_TEST

/* --- pages ------------------------------------------------------------------------------------ */

static int64_t page_jobs(void)
{
	return sql_int("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'");
}

static const char pages_follow[] = "SELECT bool_and(renewed_seq = page_seq) FROM events";

/* A ticket in the middle is locked: nobody gets past it until *conn is closed. */
static void bar_the_way(struct pg_conn **conn)
{
	struct problem err = {0};

	if (pg_connect(suite_database(), conn, &err) || pg_begin(*conn, &err) ||
	    pg_exec(*conn,
		    text("SELECT FROM tickets WHERE id = (SELECT min(id) + %d FROM tickets) FOR "
			 "UPDATE",
			 LARGE / 2),
		    PG_NO_ARGS, NULL, &err))
		fatal("%s", err.detail);
}

static void change_place(const struct shop *shop)
{
	int64_t begun_us = clock_monotonic_us();
	struct reply *reply =
		api_patch(token_organizer(), text("/api/events/%lld", (long long)shop->event_id),
			  "{\"location\":\"Elsewhere\",\"title\":\"Other\"}");

	printf("PATCH of an event with %d guests: %.1f ms\n", LARGE,
	       (double)(clock_monotonic_us() - begun_us) / (double)US_PER_MS);
	ck_assert_msg(reply->status == 200, "%d %s", reply->status, reply->body);
}

/* From the answer on nobody gets the old page, though its ticket has not been reached yet. */
static void expect_no_old_page(const struct shop *shop)
{
	int64_t ticket = sql_int("SELECT max(id) FROM tickets");
	struct reply *pdf = api_get(token_organizer(), "/api/tickets/%lld/pdf", (long long)ticket);
	struct reply *guest = api_get(token_organizer(), "/api/events/%lld/guests/%s",
				      (long long)shop->event_id, sql("SELECT max(id) FROM guests"));
	struct reply *list = api_get(token_organizer(), "/api/events/%lld/guests?limit=1",
				     (long long)shop->event_id);

	ck_assert_str_eq(sql("SELECT status FROM tickets ORDER BY id DESC LIMIT 1"), "ready");
	ck_assert_int_eq(pdf->status, 202);
	ck_assert_str_eq(reply_text(pdf, "data.status"), "pending");
	ck_assert_str_eq(
		reply_text(api_get(token_organizer(), "/api/tickets/%lld", (long long)ticket),
			   "data.status"),
		"pending");
	ck_assert_str_eq(reply_text(guest, "data.ticket.status"), "pending");
	ck_assert_str_eq(reply_text(list, "data.0.ticket.status"), "pending");
}

/* The change itself touches no ticket; all of them follow, and all are told, once, whatever dies.
 */
START_TEST(a_change_waits_for_no_guest)
{
	struct shop shop = shop_open(LARGE, "0", LARGE);
	struct pg_conn *bar = NULL;

	users(LARGE);
	fill(&shop, LARGE);
	documents_made();
	bar_the_way(&bar);
	change_place(&shop);
	expect_no_old_page(&shop);
	for (int i = 0; i < KILLS; i++) {
		ck_assert(sql_becomes(DONE_MS, "t", "SELECT renewing_after > 0 FROM events"));
		suite_kill(SUITE_API);
		suite_start(SUITE_API);
	}
	ck_assert_int_lt(page_jobs(), LARGE);
	pg_return(&bar);
	ck_assert(sql_becomes(DONE_MS, "t", pages_follow));
	ck_assert(sql_becomes(DONE_MS, "1", "SELECT told_seq FROM events"));
	ck_assert_int_eq(page_jobs(), LARGE);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE status = 'pending' AND "
				 "doc_version = 2"),
			 LARGE);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-changed'"),
			 LARGE);
	ck_assert(audit_clean());
}
END_TEST

struct edit {
	bool of_type; /* else of the event */
	const char *body;
	int64_t pages; /* of the edited type, of the other one */
	int64_t other_pages;
	bool told;
};

static void expect_pages(const struct shop *shop, const struct edit *edit, int64_t change_seq)
{
	const char *event = text("/api/events/%lld", (long long)shop->event_id);
	const char *type = text("%s/ticket-types/%lld", event, (long long)shop->type_id);
	struct reply *reply =
		api_patch(token_organizer(), edit->of_type ? type : event, "%s", edit->body);

	ck_assert_msg(reply->status == 200, "%s: %s", edit->body, reply->body);
	ck_assert(sql_becomes(DONE_MS, "t", pages_follow));
	ck_assert_msg(sql_int("SELECT count(*) FROM outbox o JOIN tickets t ON t.id = o.subject_id "
			      "WHERE o.job_type = 'generate-ticket-pdf' AND t.ticket_type_id = "
			      "%lld",
			      (long long)shop->type_id) == edit->pages,
		      "%s", edit->body);
	ck_assert_msg(page_jobs() == edit->pages + edit->other_pages, "%s", edit->body);
	ck_assert_msg(sql_int("SELECT change_seq FROM events") == change_seq + edit->told, "%s",
		      edit->body);
	documents_made();
}

/* Which edits show on which tickets, and which are told. */
START_TEST(what_an_edit_shows)
{
	static const struct edit edits[] = {
		{false, "{\"title\":\"Another\"}", 2, 1, false},
		{false, "{\"location\":\"Another\"}", 2, 1, true},
		{false, "{\"eventDate\":\"2098-01-01T10:00:00Z\"}", 2, 1, true},
		{false, "{\"endDate\":\"2098-01-01T12:00:00Z\"}", 2, 1, true},
		{false, "{\"timeZone\":\"Asia/Kathmandu\"}", 2, 1, true},
		{false, "{\"currency\":\"CHF\"}", 2, 1, false},
		{false, "{\"description\":\"Another\",\"maxAttendees\":9}", 0, 0, false},
		{false, "{\"locale\":\"fr\"}", 0, 0, false},
		{false, "{\"title\":\"Another\"}", 0, 0, false},
		{true, "{\"name\":\"Another\"}", 2, 0, false},
		{true, "{\"price\":3}", 2, 0, false},
		{true, "{\"quantity\":9,\"description\":\"Another\"}", 0, 0, false},
	};
	struct shop shop = shop_open(10, "0", 5), other = shop;
	struct reply *type = api_post(
		token_organizer(), text("/api/events/%lld/ticket-types", (long long)shop.event_id),
		"{\"name\":\"B\",\"price\":0,\"quantity\":5}");

	other.type_id = reply_int(type, "data.id");
	ck_assert_int_eq(shop_register(&shop, token_user(), "a")->status, 201);
	ck_assert_int_eq(shop_register(&shop, token_user(), "b")->status, 201);
	ck_assert_int_eq(shop_register(&other, token_user(), "c")->status, 201);
	documents_made();
	for (size_t i = 0; i < ARRAY_LEN(edits); i++)
		expect_pages(&shop, &edits[i], sql_int("SELECT change_seq FROM events"));
	ck_assert(audit_clean());
}
END_TEST

/* --- clock ------------------------------------------------------------------------------------ */

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

/* So many that the answer does not wait for all of them. */
START_TEST(the_end_of_an_event_ends_every_hold)
{
	struct shop shop = shop_open(HOLDS, "5", HOLDS);
	const char *event = text("/api/events/%lld", (long long)shop.event_id);

	users(HOLDS);
	sql("INSERT INTO guests (event_id, first_name, last_name, email, ticket_type_id, status, "
	    "registered_by, attempt_id) SELECT %lld, 'A', 'B', n || '@example.com', %lld, "
	    "'pending', %d, gen_random_uuid() FROM generate_series(1, %d) n",
	    (long long)shop.event_id, (long long)shop.type_id, USER + 1, HOLDS);
	sql("UPDATE events SET current_attendees = %d", HOLDS);
	sql("UPDATE ticket_types SET sold = %d", HOLDS);
	sql("INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n) "
	    "SELECT event_id, ticket_type_id, quarter_of(created_at), 'guests', 1 FROM guests");
	sql("INSERT INTO payments (event_id, guest_id, method, status, amount, currency, "
	    "payment_key, intent_id, expires_at) SELECT event_id, id, 'intent', "
	    "'requires_payment', 5, 'EUR', gen_random_uuid(), 'pi_' || id, now() + interval '1 h' "
	    "FROM guests");
	ck_assert_int_eq(api_post(token_organizer(), text("%s/start", event), NULL)->status, 200);
	ck_assert_int_eq(api_post(token_organizer(), text("%s/end", event), NULL)->status, 200);
	ck_assert(sql_becomes(DONE_MS, "0", "SELECT current_attendees FROM events"));
	ck_assert_int_eq(count_guests("cancelled"), HOLDS);
	ck_assert(audit_clean());
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
	tcase_add_test(cases, an_admission_undone_after_the_cancel_is_cancelled);
	tcase_add_test(cases, cancel_goes_on_after_a_kill);
	tcase_add_test(cases, cancel_drops_holds);
	tcase_add_test(cases, change_is_told_once_a_change);
	tcase_add_test(cases, who_came_after_a_change_is_not_told);
	tcase_add_test(cases, a_change_waits_for_no_guest);
	tcase_add_test(cases, what_an_edit_shows);
	tcase_add_test(cases, clock_starts_and_ends_events);
	tcase_add_test(cases, the_end_of_an_event_ends_every_hold);
	tcase_add_test(cases, clock_ends_a_day_after_an_event_without_end);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
