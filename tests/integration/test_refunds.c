/*
 * Money that goes back: asked for, owed, made at the payment service; whole, in parts, too much;
 * with a service that fails, waits or tells it twice.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SOON_MS = 15000, CROWD = 40, ATTEMPTS = 10 };

static void begin(void)
{
	suite_set("UPSTREAM_BUDGET_MS", "1000");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- a guest who paid ------------------------------------------------------------------------- */

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

struct sale {
	const char *guest_path;
	const char *refund_path; /* of the first payment */
	const char *intent;
	struct shop shop;
};

static struct sale pending(const char *name)
{
	struct shop shop = shop_open(5, "49.90", 5);
	struct reply *guest = must(shop_register(&shop, token_user(), name), 201);

	return (struct sale){
		.guest_path = text("/api/events/%lld/guests/%lld", (long long)shop.event_id,
				   (long long)reply_int(guest, "data.id")),
		.refund_path = text("/api/payments/%lld/refund",
				    (long long)reply_int(guest, "data.payment.id")),
		.intent = reply_text(guest, "data.payment.intentId"),
		.shop = shop,
	};
}

/* What the payment service tells by its webhook; further members begin with a comma. */
static void tell(const struct sale *sale, const char *type, const char *members)
{
	struct reply *reply = must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.%s\"%s}",
						sale->intent, type, members),
				   200);

	ck_assert_int_eq(reply_int(reply, "data.status"), 204);
}

static struct sale paid(const char *name)
{
	struct sale sale = pending(name);

	tell(&sale, "succeeded", "");
	ck_assert_str_eq(sql("SELECT status FROM guests"), "confirmed");
	return sale;
}

static struct reply *refund(const struct sale *sale, const char *amount)
{
	return api_post(token_organizer(), sale->refund_path, amount ? "{\"amount\":%s}" : "{}",
			amount);
}

static void refuse(const struct sale *sale, const char *amount, const char *slug)
{
	ck_assert_str_eq(reply_slug(must(refund(sale, amount), 409)), slug);
}

/* guest, ticket ("-": none), refunded and under way, mails of refunds */
static void expect(const char *guest, const char *ticket, const char *refunded,
		   const char *refunding, int mails)
{
	ck_assert_str_eq(sql("SELECT status FROM guests"), guest);
	ck_assert_str_eq(sql("SELECT coalesce((SELECT status FROM tickets), '-')"), ticket);
	ck_assert_str_eq(sql("SELECT sum(refunded_amount) FROM payments"), refunded);
	ck_assert_str_eq(sql("SELECT sum(refunding_amount) FROM payments"), refunding);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'refund-done'"),
			 mails);
	ck_assert_int_eq(sql_int("SELECT sum(current_attendees) FROM events"),
			 strcmp(guest, "cancelled") != 0);
	ck_assert(audit_clean());
}

static bool done(int count)
{
	return sql_becomes(SOON_MS, text("%d", count),
			   "SELECT count(*) FROM refunds WHERE status = 'done'");
}

/* Look again now at what would be tried later. */
static void hurry(void)
{
	sql("UPDATE refunds SET next_at = now() WHERE next_at IS NOT NULL");
	sql("UPDATE payment_messages SET next_at = now(), received_at = now() - interval '1 min' "
	    "WHERE state = 'waiting'");
}

static void down(void)
{
	platform_script("{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":500}");
}

static void up(void)
{
	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
}

static void refunds_pend(void)
{
	must(say(&(struct saying){.method = "POST",
				  .url = text("%s/_control/settings", suite_platform()),
				  .body = "{\"refundsPending\":true}"}),
	     204);
}

/* --- asked for -------------------------------------------------------------------------------- */

START_TEST(a_full_refund_ends_the_registration)
{
	struct sale sale = paid("whole");
	struct reply *reply = must(api_post(token_organizer(), sale.refund_path, NULL), 202);

	ck_assert_str_eq(reply_text(reply, "data.status"), "requested");
	ck_assert(reply_number(reply, "data.amount") == 49.9);
	ck_assert_str_eq(reply_text(reply, "data.currency"), "EUR");
	ck_assert(done(1));
	expect("cancelled", "cancelled", "49.90", "0.00", 1);
	reply = must(api_get(token_user(), "%s/payments", sale.guest_path), 200);
	ck_assert(reply_number(reply, "data.0.refundedAmount") == 49.9);
	ck_assert_str_eq(reply_text(reply, "data.0.refunds.0.status"), "done");
	reply = must(api_get(token_user(), "%s", sale.guest_path), 200);
	ck_assert_int_eq(reply_count(reply, "data.payment.refunds"), 1);
	refuse(&sale, NULL, "refund-exceeds");
	must(shop_register(&sale.shop, token_user(), "whole"), 201);
}
END_TEST

START_TEST(parts_of_a_payment)
{
	struct sale sale = paid("parts");

	must(refund(&sale, "10"), 202);
	must(refund(&sale, "9.90"), 202);
	ck_assert(done(2));
	expect("confirmed", "pending", "19.90", "0.00", 2);
	refuse(&sale, "30.01", "refund-exceeds");
	must(refund(&sale, "29.999"), 422);
	must(refund(&sale, "0"), 422);
	must(refund(&sale, "-1"), 422);
	must(refund(&sale, "30.00"), 202);
	ck_assert(done(3));
	expect("cancelled", "cancelled", "49.90", "0.00", 3);
}
END_TEST

struct rush {
	struct sale sale;
	_Atomic int taken, refused;
};

static void one_refund(void *ctx, size_t i)
{
	struct rush *rush = ctx;
	struct reply *reply = refund(&rush->sale, "10");

	(void)i;
	rush->taken += reply->status == 202;
	rush->refused += !strcmp(reply_slug(reply), "refund-exceeds");
}

START_TEST(no_more_than_was_paid)
{
	struct rush rush = {.sale = paid("rush")};

	crowd(CROWD, one_refund, &rush);
	ck_assert_int_eq(rush.taken, 4);
	ck_assert_int_eq(rush.refused, CROWD - 4);
	ck_assert(done(4));
	expect("confirmed", "pending", "40.00", "0.00", 4);
}
END_TEST

START_TEST(one_key_is_one_refund)
{
	struct sale sale = paid("key");
	const char *const headers[] = {"Idempotency-Key: once", NULL};
	struct reply *first, *again;

	first = must(
		api_send("POST", token_organizer(), sale.refund_path, "{\"amount\":5}", headers),
		202);
	again = must(
		api_send("POST", token_organizer(), sale.refund_path, "{\"amount\":5}", headers),
		202);
	ck_assert_str_eq(first->body, again->body);
	ck_assert(done(1));
	expect("confirmed", "pending", "5.00", "0.00", 1);
}
END_TEST

START_TEST(unpaid_has_nothing_to_refund)
{
	struct sale sale = pending("unpaid");

	refuse(&sale, NULL, "not-paid");
	refuse(&sale, "1", "not-paid");
	must(api_post(token_user(), sale.refund_path, "{}"), 403);
	must(api_post(token_other_organizer(), sale.refund_path, "{}"), 404);
	must(api_post(token_admin(), "/api/payments/999999/refund", "{}"), 404);
}
END_TEST

START_TEST(money_taken_on_site_is_back_at_once)
{
	struct sale sale = pending("desk");
	struct reply *reply;

	must(api_post(token_organizer(), text("%s/confirm", sale.guest_path), NULL), 200);
	sale.refund_path = text("/api/payments/%s/refund",
				sql("SELECT id FROM payments WHERE method = 'on_site'"));
	reply = must(refund(&sale, "9.90"), 202);
	ck_assert_str_eq(reply_text(reply, "data.status"), "done");
	expect("confirmed", "pending", "9.90", "0.00", 1);
	must(refund(&sale, NULL), 202);
	expect("cancelled", "cancelled", "49.90", "0.00", 2);
}
END_TEST

START_TEST(a_guest_inside_keeps_the_seat)
{
	struct sale sale = paid("inside");

	must(api_post(token_organizer(), text("%s/check-in", sale.guest_path), NULL), 200);
	must(refund(&sale, NULL), 202);
	ck_assert(done(1));
	expect("checked_in", "pending", "49.90", "0.00", 1);
}
END_TEST

/* --- owed ------------------------------------------------------------------------------------- */

START_TEST(a_cancelled_guest_gets_the_rest)
{
	struct sale sale = paid("cancel");

	must(refund(&sale, "9.90"), 202);
	ck_assert(done(1));
	must(api_post(token_user(), text("%s/cancel", sale.guest_path), NULL), 200);
	ck_assert(done(2));
	expect("cancelled", "cancelled", "49.90", "0.00", 1);
	ck_assert_str_eq(sql("SELECT cause || amount FROM refunds ORDER BY id DESC"),
			 "registration-cancelled40.00");
}
END_TEST

START_TEST(a_deleted_guest_gets_it_all)
{
	struct sale sale = paid("delete");

	must(api_delete(token_organizer(), "%s", sale.guest_path), 204);
	ck_assert(done(1));
	expect("cancelled", "cancelled", "49.90", "0.00", 0);
	must(refund(&sale, NULL), 404);
}
END_TEST

START_TEST(a_cancelled_event_gives_it_back)
{
	struct sale sale = paid("event");

	must(api_post(token_organizer(),
		      text("/api/events/%lld/cancel", (long long)sale.shop.event_id), NULL),
	     200);
	ck_assert(done(1));
	expect("cancelled", "cancelled", "49.90", "0.00", 0);
	ck_assert_str_eq(sql("SELECT cause FROM refunds"), "event-cancelled");
}
END_TEST

START_TEST(who_paid_on_site_gets_the_intent_back)
{
	struct sale sale = pending("twice");

	must(api_post(token_organizer(), text("%s/confirm", sale.guest_path), NULL), 200);
	tell(&sale, "succeeded", "");
	ck_assert(done(1));
	expect("confirmed", "pending", "49.90", "0.00", 1);
	ck_assert_str_eq(sql("SELECT p.method || r.cause FROM refunds r JOIN payments p ON "
			     "p.id = r.payment_id"),
			 "intentdouble");
}
END_TEST

START_TEST(disputed_money_goes_back_by_hand)
{
	struct sale sale = pending("wrong");

	tell(&sale, "succeeded", ",\"amount\":60");
	ck_assert_str_eq(sql("SELECT status FROM payments"), "disputed");
	refuse(&sale, "60.01", "refund-exceeds");
	must(refund(&sale, "10"), 202);
	ck_assert(sql_becomes(SOON_MS, "10.00",
			      "SELECT refunding_amount + refunded_amount FROM "
			      "payments"));
	ck_assert_str_eq(sql("SELECT status FROM guests"), "pending");
	tell(&sale, "refunded", ",\"amount\":50,\"refundId\":\"re_by_hand\"");
	hurry();
	ck_assert(sql_becomes(SOON_MS, "60.00",
			      "SELECT refunding_amount + refunded_amount FROM "
			      "payments"));
}
END_TEST

/* --- a service that fails --------------------------------------------------------------------- */

/* Against the test's database and payment service; its words are in said_by_ctl. */
static const char *said_by_ctl;

static int ctl(const char *arguments)
{
	struct arena arena;
	const char *output;
	int code;

	setenv("DATABASE_URL", suite_database(), 1);
	setenv("PAYMENT_SERVICE_URL", suite_platform(), 1);
	setenv("SHARED_SERVICE_TOKEN", suite_service_token, 1);
	arena_init(&arena, 65536);
	code = run_program(&arena, "corectl", arguments, &output);
	said_by_ctl = text("%s", output);
	arena_clear(&arena);
	return code;
}

static int resume(const char *id, const char *how)
{
	return ctl(text("refund resume %s %s", id, how));
}

/* The tenth failure makes it an operator's; in between it counts as on its way. */
static void die(const struct sale *sale)
{
	down();
	must(refund(sale, NULL), 202);
	sql("UPDATE refunds SET attempts = %d", ATTEMPTS - 2);
	ck_assert(sql_becomes(SOON_MS, "failed", "SELECT status FROM refunds"));
	refuse(sale, "0.01", "refund-exceeds");
	for (int i = 0; !sql_becomes(500, "dead", "SELECT status FROM refunds"); i++) {
		ck_assert_int_lt(i, 40);
		hurry();
	}
	expect("confirmed", "pending", "0.00", "49.90", 0);
	refuse(sale, "0.01", "refund-exceeds");
	for (int i = 0; api_metric("refunds_open{status=\"dead\"}") != 1; i++) {
		ck_assert_int_lt(i, 100);
		clock_sleep_ms(100);
	}
	up();
}

START_TEST(ten_failures_are_an_operators)
{
	struct sale sale = paid("dead");
	const char *key;

	die(&sale);
	key = sql("SELECT refund_key FROM refunds");
	ck_assert_int_ne(resume("1", "--maybe"), 0);
	ck_assert_int_ne(resume("999", "--not-refunded"), 0);
	ck_assert_int_eq(resume(sql("SELECT id FROM refunds"), "--not-refunded"), 0);
	ck_assert_str_ne(sql("SELECT refund_key FROM refunds"), key);
	ck_assert(done(1));
	expect("cancelled", "cancelled", "49.90", "0.00", 1);
	ck_assert_int_ne(resume(sql("SELECT id FROM refunds"), "--not-refunded"), 0);
}
END_TEST

/* Given up, and yet the service had made it: its webhook is believed. */
START_TEST(a_dead_refund_that_was_made)
{
	struct sale sale = paid("undead");

	die(&sale);
	tell(&sale, "refunded", ",\"refundId\":\"re_after_all\"");
	expect("cancelled", "cancelled", "49.90", "0.00", 1);
	ck_assert_str_eq(sql("SELECT refund_id || status FROM refunds"), "re_after_alldone");
}
END_TEST

START_TEST(an_answer_that_was_lost)
{
	struct sale sale = paid("cut");

	platform_script("{\"service\":\"payment\",\"behaviour\":\"cut\",\"times\":3}");
	must(refund(&sale, "10"), 202);
	for (int i = 0;
	     !sql_becomes(500, "1", "SELECT count(*) FROM refunds WHERE status = 'done'"); i++) {
		ck_assert_int_lt(i, 40);
		hurry();
	}
	expect("confirmed", "pending", "10.00", "0.00", 1);
	ck_assert_int_eq(reply_int(say(&(struct saying){
					   .method = "GET",
					   .url = text("%s/_control/counts", suite_platform())}),
				   "data.refunds"),
			 1);
}
END_TEST

/* --- told by webhook -------------------------------------------------------------------------- */

START_TEST(pending_until_the_webhook_tells)
{
	struct sale sale = paid("later");
	const char *members;

	refunds_pend();
	must(refund(&sale, NULL), 202);
	ck_assert(sql_becomes(SOON_MS, "1", "SELECT count(refund_id) FROM refunds"));
	expect("confirmed", "pending", "0.00", "49.90", 0);
	members =
		text(",\"amount\":49.9,\"refundId\":\"%s\"", sql("SELECT refund_id FROM refunds"));
	for (int i = 0; i < 5; i++)
		tell(&sale, "refunded", members);
	expect("cancelled", "cancelled", "49.90", "0.00", 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 1);
}
END_TEST

/* It could be ours, whose id we have not heard yet: it waits until we have. */
START_TEST(an_unknown_refund_waits_for_ours)
{
	struct sale sale = paid("whose");

	down();
	must(refund(&sale, "10"), 202);
	tell(&sale, "refunded", ",\"amount\":5,\"refundId\":\"re_other\"");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 1);
	ck_assert_str_eq(sql("SELECT state FROM payment_messages ORDER BY received_at DESC"),
			 "waiting");
	up();
	for (int i = 0;
	     !sql_becomes(500, "2", "SELECT count(*) FROM refunds WHERE status = 'done'"); i++) {
		ck_assert_int_lt(i, 40);
		hurry();
	}
	expect("confirmed", "pending", "15.00", "0.00", 2);
	ck_assert_str_eq(sql("SELECT cause FROM refunds WHERE refund_id = 're_other'"), "service");
}
END_TEST

START_TEST(a_refund_made_at_the_service)
{
	struct sale sale = paid("theirs");

	tell(&sale, "refunded", ",\"amount\":9.9,\"refundId\":\"re_1\"");
	tell(&sale, "refunded", ",\"amount\":9.9,\"refundId\":\"re_1\"");
	expect("confirmed", "pending", "9.90", "0.00", 1);
	tell(&sale, "refunded", ",\"amount\":40,\"refundId\":\"re_2\"");
	expect("cancelled", "cancelled", "49.90", "0.00", 2);
	tell(&sale, "refunded", ",\"amount\":1,\"refundId\":\"re_3\"");
	expect("cancelled", "cancelled", "49.90", "0.00", 2);
}
END_TEST

/* What went back may be told before what came. */
START_TEST(a_refund_told_before_its_payment)
{
	struct sale sale = pending("order");

	tell(&sale, "refunded", ",\"amount\":49.9,\"refundId\":\"re_1\"");
	expect("pending", "-", "0.00", "0.00", 0);
	tell(&sale, "succeeded", "");
	hurry();
	ck_assert(done(1));
	expect("cancelled", "cancelled", "49.90", "0.00", 1);
}
END_TEST

/* --- the audit against the service ------------------------------------------------------------ */

static bool ctl_says(const char *what)
{
	return strstr(said_by_ctl, what) != NULL;
}

START_TEST(the_service_is_asked_about_every_intent)
{
	struct sale sale = paid("audit");

	must(shop_register(&sale.shop, token_user(), "open"), 201);
	must(shop_register(&sale.shop, token_user(), "closed"), 201);
	ck_assert_int_eq(ctl("audit --payments"), 0);
	/* the service says paid, and nobody heard it */
	platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\",\"webhookUrl\":"
		     "\"http://127.0.0.1:1/\"}",
		     sql("SELECT min(intent_id) FROM payments WHERE status = 'requires_payment'"));
	ck_assert_int_eq(ctl("audit --payments"), 1);
	ck_assert(ctl_says("payment is requires_payment, the service says succeeded"));
	/* and knows another not at all: both are told */
	sql("UPDATE payments SET intent_id = 'pi_of_nobody' WHERE status = 'succeeded'");
	ck_assert_int_eq(ctl("audit --payments"), 1);
	ck_assert(ctl_says("payment is requires_payment, the service says succeeded"));
	ck_assert(ctl_says("payment is succeeded, the service says unknown of pi_of_nobody"));
	ck_assert_int_eq(ctl("audit --payments --to 2020-01-01"), 0);
	ck_assert_int_eq(ctl("audit --payments --from 2020-01-01"), 1);
	ck_assert_int_eq(ctl("audit --payments --from yesterday"), 64);
	ck_assert_int_eq(ctl("audit --payments --from"), 64);
	down();
	ck_assert_int_eq(ctl("audit --payments"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refunds");
	TCase *cases = tcase_create("refunds");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_full_refund_ends_the_registration);
	tcase_add_test(cases, parts_of_a_payment);
	tcase_add_test(cases, no_more_than_was_paid);
	tcase_add_test(cases, one_key_is_one_refund);
	tcase_add_test(cases, unpaid_has_nothing_to_refund);
	tcase_add_test(cases, money_taken_on_site_is_back_at_once);
	tcase_add_test(cases, a_guest_inside_keeps_the_seat);
	tcase_add_test(cases, a_cancelled_guest_gets_the_rest);
	tcase_add_test(cases, a_deleted_guest_gets_it_all);
	tcase_add_test(cases, a_cancelled_event_gives_it_back);
	tcase_add_test(cases, who_paid_on_site_gets_the_intent_back);
	tcase_add_test(cases, disputed_money_goes_back_by_hand);
	tcase_add_test(cases, ten_failures_are_an_operators);
	tcase_add_test(cases, a_dead_refund_that_was_made);
	tcase_add_test(cases, an_answer_that_was_lost);
	tcase_add_test(cases, pending_until_the_webhook_tells);
	tcase_add_test(cases, an_unknown_refund_waits_for_ours);
	tcase_add_test(cases, a_refund_made_at_the_service);
	tcase_add_test(cases, a_refund_told_before_its_payment);
	tcase_add_test(cases, the_service_is_asked_about_every_intent);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
