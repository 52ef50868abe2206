/*
 * Answers kept in memory for callers without a token: never older than an acknowledged write.
 */
#include <check.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { WRITES = 120, READERS = 6, LIFE_MS = 1000 };

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void begin_with_room_for_one(void)
{
	suite_set("REQUESTS_MAX", "1");
	begin();
}

static void end(void)
{
	suite_end();
}

static struct reply *get_event(const struct shop *shop)
{
	return api_get(NULL, "/api/events/%lld", (long long)shop->event_id);
}

static const char *tag_of(const struct reply *reply)
{
	return reply_header(reply, "ETag");
}

/* --- what every write must show at once ---------------------------------------------------------
 */

START_TEST(a_registration_shows_at_once)
{
	struct shop shop = shop_open(1000, "0", 1000);

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(reply_int(get_event(&shop), "data.currentAttendees"), i);
		ck_assert_int_eq(
			reply_int(api_get(NULL, "/api/events?limit=5"), "data.0.currentAttendees"),
			i);
		ck_assert_int_eq(reply_int(api_get(NULL, "/api/events/%lld/ticket-types",
						   (long long)shop.event_id),
					   "data.0.sold"),
				 i);
		ck_assert_int_eq(shop_register(&shop, token_user(), text("at-once%d", i))->status,
				 201);
	}
}
END_TEST

START_TEST(an_edit_and_a_cancel_show_at_once)
{
	struct shop shop = shop_open(1000, "0", 1000);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);
	const char *guests;

	ck_assert_int_eq(get_event(&shop)->status, 200);
	ck_assert_int_eq(api_patch(token_organizer(), path, "{\"title\":\"Renamed\"}")->status,
			 200);
	ck_assert_str_eq(reply_text(get_event(&shop), "data.title"), "Renamed");
	guests = text("%s/guests/%lld/cancel", path,
		      (long long)reply_int(shop_register(&shop, token_user(), "gone"), "data.id"));
	ck_assert_int_eq(reply_int(get_event(&shop), "data.currentAttendees"), 1);
	ck_assert_int_eq(api_post(token_organizer(), guests, NULL)->status, 200);
	ck_assert_int_eq(reply_int(get_event(&shop), "data.currentAttendees"), 0);
	ck_assert_int_eq(api_post(token_organizer(), text("%s/cancel", path), NULL)->status, 200);
	ck_assert_str_eq(reply_text(get_event(&shop), "data.status"), "cancelled");
	ck_assert_int_eq(reply_count(api_get(NULL, "/api/events"), "data"), 0);
}
END_TEST

START_TEST(a_new_event_is_listed_at_once)
{
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(reply_count(api_get(NULL, "/api/events"), "data"), i);
		shop_open(10, "0", 10);
	}
}
END_TEST

/* --- what is kept ----------------------------------------------------------------------------- */

/* A change that no process of ours made is not seen at once, so it is really kept; and it is seen
 * soon. Housekeeping may drop all at any time: then another change must do. */
START_TEST(it_is_kept_for_a_second)
{
	struct shop shop = shop_open(1000, "0", 1000);
	const char *title;
	int kept = 0;

	for (int i = 0; i < 10; i++) {
		title = text("Behind our back %d", i);
		get_event(&shop);
		sql("UPDATE events SET title = '%s' WHERE id = %lld", title,
		    (long long)shop.event_id);
		kept += strcmp(reply_text(get_event(&shop), "data.title"), title) != 0;
	}
	ck_assert_int_gt(kept, 0);
	clock_sleep_ms(LIFE_MS); /* its whole life */
	ck_assert_str_eq(reply_text(get_event(&shop), "data.title"), title);
}
END_TEST

START_TEST(who_has_it_gets_304)
{
	struct shop shop = shop_open(1000, "0", 1000);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);
	const char *tag = tag_of(get_event(&shop));
	const char *const has[] = {text("If-None-Match: %s", tag), NULL};
	const char *const other[] = {"If-None-Match: \"1-0\"", NULL};

	ck_assert_int_eq(api_send("GET", NULL, path, NULL, has)->status, 304);
	ck_assert_int_eq(api_send("GET", NULL, path, NULL, other)->status, 200);
	shop_register(&shop, token_user(), "changes-the-tag");
	/* the first after the change asks with the old tag, the next with the new one */
	ck_assert_int_eq(api_send("GET", NULL, path, NULL, has)->status, 200);
	ck_assert_str_ne(tag_of(get_event(&shop)), tag);
	ck_assert_int_eq(get_event(&shop)->status, 200);
	shop_register(&shop, token_user(), "changes-it-again");
	sql("UPDATE events SET current_attendees = 0 WHERE id = %lld", (long long)shop.event_id);
	sql("UPDATE ticket_types SET sold = 0 WHERE id = %lld", (long long)shop.type_id);
	/* fetched for one who is told 304, and whole for the next */
	ck_assert_int_eq(api_send("GET", NULL, path, NULL, has)->status, 304);
	ck_assert_str_eq(reply_text(get_event(&shop), "data.title"),
			 sql("SELECT title FROM events"));
	ck_assert_str_eq(tag_of(get_event(&shop)), tag);
}
END_TEST

/* A draft is nobody's business, whoever looked before. */
START_TEST(a_token_sees_its_own)
{
	struct reply *made =
		api_post(token_organizer(), "/api/events",
			 "{\"title\":\"Draft\",\"location\":\"Hall\","
			 "\"maxAttendees\":10,\"ticketTypes\":[{\"name\":\"A\",\"price\":0,"
			 "\"quantity\":5}],\"eventDate\":\"2097-01-01T10:00:00Z\"}");
	const char *path = text("/api/events/%lld", (long long)reply_int(made, "data.id"));

	ck_assert_msg(made->status == 201, "%s", made->body);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(api_get(NULL, "%s", path)->status, 404);
		ck_assert_int_eq(api_get(token_organizer(), "%s", path)->status, 200);
		ck_assert_int_eq(reply_count(api_get(NULL, "/api/events"), "data"), 0);
		ck_assert_int_eq(reply_count(api_get(token_organizer(), "/api/events"), "data"), 1);
		ck_assert_ptr_null(reply_header(api_get(NULL, "/api/events"), "Cache-Control"));
	}
}
END_TEST

/* --- readers beside writers ------------------------------------------------------------------- */

struct traffic {
	struct shop shop;
	_Atomic int acknowledged;
	_Atomic bool ended;
	_Atomic int reads, stale;
	const char *_Atomic odd; /* what else was answered */
};

/* Whoever asks after an acknowledgement sees at least that many. */
static void write_or_read(void *ctx, size_t i)
{
	struct traffic *traffic = ctx;

	if (i == 0) {
		for (int n = 0; n < WRITES; n++)
			traffic->acknowledged +=
				shop_register(&traffic->shop, token_user(), text("w%d", n))
					->status == 201;
		traffic->ended = true;
		return;
	}
	while (!traffic->ended) {
		int known = traffic->acknowledged;
		struct reply *reply =
			i % 2 ? get_event(&traffic->shop) : api_get(NULL, "/api/events?limit=1");
		const char *path = i % 2 ? "data.currentAttendees" : "data.0.currentAttendees";

		if (reply->status != 200)
			traffic->odd = reply_slug(reply);
		else
			traffic->stale += reply_int(reply, path) < known;
		traffic->reads++;
	}
}

START_TEST(nobody_reads_older_than_an_acknowledged_write)
{
	struct traffic traffic = {.shop = shop_open(1000, "0", 1000)};

	crowd(READERS + 1, write_or_read, &traffic);
	ck_assert_int_eq(traffic.acknowledged, WRITES);
	ck_assert_msg(!traffic.odd, "%s", traffic.odd);
	ck_assert_int_gt(traffic.reads, WRITES);
	ck_assert_int_eq(traffic.stale, 0);
}
END_TEST

/* --- above the bound ---------------------------------------------------------------------------
 */

/* The only place is taken by a registration that waits for its event. */
struct storm {
	struct shop shop;
	struct pg_conn *holder;
	int round;
	_Atomic int shown, bought;
};

static void holder_says(struct storm *storm, const char *statement)
{
	struct problem err = {0};

	ck_assert_msg(!pg_exec(storm->holder, statement, PG_NO_ARGS, NULL, &err), "%s", err.detail);
}

static void expect_refused(const struct reply *reply)
{
	ck_assert_int_eq(reply->status, 503);
	ck_assert_str_eq(reply_slug(reply), "overloaded");
}

static void buy_or_look(void *ctx, size_t i)
{
	struct storm *storm = ctx;
	struct reply *reply;

	if (i == 0) {
		reply = shop_register(&storm->shop, token_user(), text("waits%d", storm->round));
		storm->bought += reply->status == 201;
		return;
	}
	ck_assert(sql_becomes(LIFE_MS, "t",
			      "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = "
			      "current_database() AND wait_event_type = 'Lock'"));
	reply = get_event(&storm->shop);
	storm->shown +=
		reply->status == 200 && reply_int(reply, "data.currentAttendees") == storm->round;
	expect_refused(api_get(token_user(), "/api/events/%lld", (long long)storm->shop.event_id));
	expect_refused(api_get(NULL, "/api/events?limit=7")); /* not kept */
	clock_sleep_ms(LIFE_MS);
	expect_refused(get_event(&storm->shop)); /* too old */
	holder_says(storm, "ROLLBACK");
}

/* On a slow machine what is kept may be too old when it is asked for: once is enough. */
START_TEST(what_is_kept_is_answered_above_the_bound)
{
	struct storm storm = {.shop = shop_open(1000, "0", 1000)};
	struct problem err = {0};

	ck_assert_int_eq(pg_connect(suite_database(), &storm.holder, &err), OK);
	while (storm.round < 5 && !storm.shown) {
		holder_says(&storm, "BEGIN");
		holder_says(&storm, "SELECT FROM events FOR NO KEY UPDATE");
		ck_assert_int_eq(get_event(&storm.shop)->status, 200);
		crowd(2, buy_or_look, &storm);
		ck_assert_int_eq(storm.bought, ++storm.round);
	}
	pg_return(&storm.holder);
	ck_assert_int_eq(storm.shown, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kept");
	TCase *tc = tcase_create("kept");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_registration_shows_at_once);
	tcase_add_test(tc, an_edit_and_a_cancel_show_at_once);
	tcase_add_test(tc, a_new_event_is_listed_at_once);
	tcase_add_test(tc, it_is_kept_for_a_second);
	tcase_add_test(tc, who_has_it_gets_304);
	tcase_add_test(tc, a_token_sees_its_own);
	tcase_add_test(tc, nobody_reads_older_than_an_acknowledged_write);
	suite_add_tcase(suite, tc);
	tc = tcase_create("above the bound");
	tcase_add_checked_fixture(tc, begin_with_room_for_one, end);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_is_kept_is_answered_above_the_bound);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? 0 : 1;
}
