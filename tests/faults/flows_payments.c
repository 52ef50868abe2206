/* What the payment service tells and is told: webhooks, holds that end, refunds. */
#include <stdlib.h>
#include <string.h>

#include "tests/faults/crash.h"

static const char seats_taken[] = "SELECT sum(current_attendees) FROM events";
static const char one_payment[] = "SELECT status FROM payments";

static void hold_one(struct crash_run *run)
{
	struct reply *guest;

	run->shop = shop_open(5, "49.90", 5);
	guest = must(shop_register(&run->shop, token_user(), "guest"), 201);
	run->intent = reply_text(guest, "data.payment.intentId");
}

/* --- a payment -------------------------------------------------------------------------------- */

static void send_webhook(struct crash_run *run)
{
	platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\",\"webhookId\":\"paid\"}",
		     run->intent);
}

static void is_paid_once(struct crash_run *run)
{
	pay(run->intent);
	ck_assert_str_eq(sql("SELECT status FROM guests"), "confirmed");
	ck_assert_str_eq(sql(one_payment), "succeeded");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payment_messages"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 0);
	ck_assert_int_eq(sql_int(seats_taken), 1);
	all_jobs_done();
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE status = 'ready'"), 1);
	ck_assert_str_eq(sql("SELECT string_agg(kind || ' ' || status, ', ' ORDER BY kind) FROM "
			     "notifications"),
			 "payment-due dropped, ticket-issued sent");
}

const struct crash_flow flow_webhook = {
	.name = "a payment's webhook",
	.part = SUITE_API,
	.prepare = hold_one,
	.act = send_webhook,
	.again = is_paid_once,
};

/* --- a hold's end ----------------------------------------------------------------------------- */

static void hold_ends(struct crash_run *run)
{
	(void)run;
	sql("UPDATE payments SET expires_at = clock_timestamp()");
}

static void seat_is_free(struct crash_run *run)
{
	(void)run;
	becomes("0", seats_taken);
	becomes("0", "SELECT count(*) FROM payments WHERE void_at IS NOT NULL");
	ck_assert_str_eq(sql(one_payment), "expired");
	ck_assert_int_eq(intents("cancelled"), 1);
	ck_assert_int_eq(intents(NULL), 1);
	all_jobs_done();
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'registration-cancelled'"),
		1);
}

const struct crash_flow flow_hold_end = {
	.name = "a hold that ends",
	.part = SUITE_API,
	.prepare = hold_one,
	.act = hold_ends,
	.again = seat_is_free,
};

/* Paid, and nobody told us. */
static void hold_paid_in_secret(struct crash_run *run)
{
	hold_one(run);
	platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\",\"webhookUrl\":"
		     "\"http://127.0.0.1:1/\"}",
		     run->intent);
}

static void is_paid_after_all(struct crash_run *run)
{
	becomes("confirmed", "SELECT status FROM guests");
	is_paid_once(run);
}

const struct crash_flow flow_hold_end_paid = {
	.name = "a hold that ends paid",
	.part = SUITE_API,
	.prepare = hold_paid_in_secret,
	.act = hold_ends,
	.again = is_paid_after_all,
};

/* --- refunds ---------------------------------------------------------------------------------- */

static void open_paid(struct crash_run *run)
{
	open_with_guest(run, "49.90");
	run->path = text("/api/payments/%lld/refund", (long long)run->payment_id);
}

static void refund(struct crash_run *run)
{
	keyed(token_organizer(), run->path, "{\"amount\":10}");
}

static void refunds_are(const char *done, const char *amount)
{
	becomes(done, "SELECT count(*) FROM refunds WHERE status = 'done'");
	ck_assert_str_eq(sql("SELECT count(*) FROM refunds"), done);
	ck_assert_str_eq(sql("SELECT refunded_amount FROM payments"), amount);
	ck_assert_str_eq(sql("SELECT refunding_amount FROM payments"), "0.00");
	all_jobs_done();
	ck_assert_str_eq(sql("SELECT count(*) FROM notifications WHERE kind = 'refund-done' AND "
			     "status = 'sent'"),
			 done);
}

/* What the service gave back is in its intent. */
static void is_refunded_once(struct crash_run *run)
{
	struct reply *reply;

	keyed_again(token_organizer(), run->path, "{\"amount\":10}", 202);
	refunds_are("1", "10.00");
	reply = say(&(struct saying){.method = "GET",
				     .url = text("%s/_control/intents", suite_platform())});
	ck_assert(reply_number(reply, "data.0.refunded") == 10);
}

const struct crash_flow flow_refund = {
	.name = "a refund",
	.part = SUITE_API,
	.prepare = open_paid,
	.act = refund,
	.again = is_refunded_once,
};

static void refund_in_vain(struct crash_run *run)
{
	payments_fail(true);
	refund(run);
}

static void is_refunded_later(struct crash_run *run)
{
	payments_fail(false);
	crash_hurry();
	is_refunded_once(run);
}

const struct crash_flow flow_refund_failing = {
	.name = "a refund while the payment service is down",
	.part = SUITE_API,
	.prepare = open_paid,
	.act = refund_in_vain,
	.again = is_refunded_later,
};

/* --- a refund that was given up ------------------------------------------------------------------
 */

static void give_up(struct crash_run *run)
{
	open_paid(run);
	payments_fail(true);
	refund(run);
	sql("UPDATE refunds SET status = 'dead', next_at = NULL");
	payments_fail(false);
}

static const char *resume_words(void)
{
	return text("refund resume %s --not-refunded", sql("SELECT id FROM refunds"));
}

static void resume(struct crash_run *run)
{
	crash_corectl(run, resume_words());
}

/* Whoever gives the word again is told that it is dead no more. */
static void is_resumed_once(struct crash_run *run)
{
	const char *output;

	(void)run;
	ck_assert_int_eq(suite_ask_corectl(&output, "%s", resume_words()), EXIT_FAILURE);
	ck_assert_ptr_nonnull(strstr(output, "no dead refund"));
	refunds_are("1", "10.00");
}

const struct crash_flow flow_ctl_refund = {
	.name = "corectl refund resume",
	.prepare = give_up,
	.act = resume,
	.again = is_resumed_once,
};

/* The service gave back on its own, and tells that before it tells of the payment. */
static void refund_comes_early(struct crash_run *run)
{
	hold_one(run);
	must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.refunded\",\"amount\":10,"
			  "\"refundId\":\"theirs\",\"webhookId\":\"back\"}",
			  run->intent),
	     200);
	ck_assert_str_eq(sql("SELECT state FROM payment_messages"), "waiting");
	crash_hurry();
}

static void is_paid_and_refunded(struct crash_run *run)
{
	pay(run->intent);
	becomes("0", "SELECT count(*) FROM payment_messages WHERE state = 'waiting'");
	refunds_are("1", "10.00");
	ck_assert_str_eq(sql("SELECT status FROM guests"), "confirmed");
}

const struct crash_flow flow_early_refund = {
	.name = "a refund that is told before its payment",
	.part = SUITE_API,
	.prepare = refund_comes_early,
	.again = is_paid_and_refunded,
};
