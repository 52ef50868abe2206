/*
 * What the payment service says, and what it does to a paid registration: webhooks repeated,
 * reordered, forged, malformed, wrong, too early; who sees what of a payment; payment on site.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/sign.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SOON_MS = 10000, CROWD = 100 };

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

/* --- what is spoken about -------------------------------------------------------------------- */

/* A pending guest whose payment waits for its money: 49.90 EUR. */
struct sale {
	struct shop shop;
	int64_t guest_id;
	const char *intent;
	const char *guest_path;
};

static struct sale sale_of(const char *name)
{
	struct shop shop = shop_open(10, "49.90", 10);
	struct reply *guest = must(shop_register(&shop, token_user(), name), 201);
	struct sale sale = {.shop = shop, .guest_id = reply_int(guest, "data.id")};

	sale.intent = reply_text(guest, "data.payment.intentId");
	sale.guest_path = text("/api/events/%lld/guests/%lld", (long long)shop.event_id,
			       (long long)sale.guest_id);
	return sale;
}

static struct reply *guest_of(const struct sale *sale)
{
	return must(api_get(token_user(), "%s", sale->guest_path), 200);
}

static void expect_state(const struct sale *sale, const char *guest, const char *payment)
{
	struct reply *reply = guest_of(sale);

	ck_assert_str_eq(reply_text(reply, "data.status"), guest);
	ck_assert_str_eq(reply_text(reply, "data.payment.status"), payment);
	ck_assert_int_eq(reply_null(reply, "data.ticket"), strcmp(guest, "confirmed") != 0);
}

/* --- the payment service's voice -------------------------------------------------------------- */

struct hook {
	const char *id; /* NULL: a new one */
	const char *body;
	const char *secret;      /* NULL: ours */
	const char *signed_body; /* NULL: the body */
	int64_t age_s;
	int missing; /* 1 id, 2 timestamp, 3 signature; 0: none */
};

static struct reply *send_hook(const struct hook *hook)
{
	static _Atomic int number;
	const char *id = hook->id ? hook->id : text("msg_%d", ++number);
	const char *at = text("%lld", (long long)(clock_now_us() / US_PER_S - hook->age_s));
	const char *what = hook->signed_body ? hook->signed_body : hook->body;
	const char *headers[4] = {0};
	struct strbuf signature;
	size_t count = 0;

	strbuf_init(&signature, NULL);
	sign_webhook(&signature, hook->secret ? hook->secret : suite_webhook_secret, id, at,
		     (struct slice){what, strlen(what)});
	if (hook->missing != 1)
		headers[count++] = text("webhook-id: %s", id);
	if (hook->missing != 2)
		headers[count++] = text("webhook-timestamp: %s", at);
	if (hook->missing != 3)
		headers[count++] = text("webhook-signature: %s", signature.buf);
	return api_send("POST", NULL, "/api/payments/webhook", hook->body, headers);
}

static const char *message(const char *type, const char *intent, const char *amount,
			   const char *currency)
{
	return text("{\"type\":\"%s\",\"data\":{\"intentId\":\"%s\",\"amount\":%s,"
		    "\"currency\":\"%s\"}}",
		    type, intent, amount, currency);
}

static void tell(const struct sale *sale, const char *type)
{
	must(send_hook(&(struct hook){.body = message(type, sale->intent, "49.9", "EUR")}), 204);
}

static int64_t messages(const char *state)
{
	return sql_int("SELECT count(*) FROM payment_messages WHERE state = '%s'", state);
}

/* --- repeated, reordered ---------------------------------------------------------------------- */

struct storm {
	const char *body;
	const char *id; /* NULL: each its own */
	_Atomic int taken;
};

/* As the service does: what was refused for the moment comes again. */
static void one_hook(void *ctx, size_t i)
{
	struct storm *storm = ctx;
	const struct hook hook = {.id = storm->id ? storm->id : text("storm_%zu", i),
				  .body = storm->body};
	struct reply *reply = send_hook(&hook);

	for (int n = 0; reply->status == 503 && n < 20; n++)
		reply = send_hook(&hook);
	storm->taken += reply->status == 204;
}

static void expect_paid_once(const struct sale *sale)
{
	expect_state(sale, "confirmed", "succeeded");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), 1);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'"), 1);
	ck_assert_int_eq(
		sql_int("SELECT sum(n) FROM (SELECT kind, n FROM statistics_deltas UNION ALL "
			"SELECT kind, n FROM event_statistics) s WHERE kind = \'gross\'"),
		1);
	ck_assert_int_eq(
		sql_int("SELECT sum(n) FROM (SELECT kind, n FROM statistics_deltas UNION ALL "
			"SELECT kind, n FROM event_statistics) s WHERE kind = \'confirmed\'"),
		1);
	ck_assert(audit_clean());
}

START_TEST(one_webhook_a_hundred_times_at_once)
{
	struct sale sale = sale_of("again");
	struct storm storm = {.body = message("payment.succeeded", sale.intent, "49.90", "EUR"),
			      .id = "msg_same"};

	crowd(CROWD, one_hook, &storm);
	ck_assert_int_eq(storm.taken, CROWD);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payment_messages"), 1);
	expect_paid_once(&sale);
}
END_TEST

START_TEST(a_hundred_webhooks_of_one_payment_at_once)
{
	struct sale sale = sale_of("often");
	struct storm storm = {.body = message("payment.succeeded", sale.intent, "49.90", "EUR")};

	crowd(CROWD, one_hook, &storm);
	ck_assert_int_eq(storm.taken, CROWD);
	ck_assert_int_eq(messages("applied"), CROWD);
	expect_paid_once(&sale);
}
END_TEST

/* The first word with an id counts, whatever comes under it later. */
START_TEST(an_id_is_taken_once)
{
	struct sale sale = sale_of("twice");

	must(send_hook(&(struct hook){
		     .id = "msg_x", .body = message("payment.failed", sale.intent, "49.9", "EUR")}),
	     204);
	must(send_hook(&(struct hook){
		     .id = "msg_x",
		     .body = message("payment.succeeded", sale.intent, "49.9", "EUR")}),
	     204);
	expect_state(&sale, "pending", "failed");
	ck_assert(audit_clean());
}
END_TEST

START_TEST(failed_then_succeeded)
{
	struct sale sale = sale_of("later");

	tell(&sale, "payment.failed");
	expect_state(&sale, "pending", "failed");
	/* He may try again. */
	ck_assert_ptr_nonnull(reply_text(guest_of(&sale), "data.payment.clientSecret"));
	tell(&sale, "payment.failed");
	tell(&sale, "payment.succeeded");
	expect_paid_once(&sale);
}
END_TEST

START_TEST(succeeded_then_failed)
{
	struct sale sale = sale_of("order");

	tell(&sale, "payment.succeeded");
	tell(&sale, "payment.failed");
	tell(&sale, "payment.succeeded");
	ck_assert_int_eq(messages("applied"), 3);
	expect_paid_once(&sale);
}
END_TEST

/* --- not authentic, not readable -------------------------------------------------------------- */

START_TEST(what_is_not_signed_is_refused)
{
	struct sale sale = sale_of("forged");
	const char *body = message("payment.succeeded", sale.intent, "49.9", "EUR");
	const struct hook hooks[] = {
		{.body = body, .missing = 1},
		{.body = body, .missing = 2},
		{.body = body, .missing = 3},
		{.body = body, .age_s = 302},
		{.body = body, .age_s = -302},
		{.body = body, .age_s = 1000000},
		{.body = body, .signed_body = text("%s ", body)},
		{.body = body, .secret = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="},
		{.body = "not json", .signed_body = body},
	};

	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		struct reply *reply = must(send_hook(&hooks[i]), 401);

		ck_assert_str_eq(reply_slug(reply), "bad-signature");
	}
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payment_messages"), 0);
	expect_state(&sale, "pending", "requires_payment");
	must(send_hook(&(struct hook){.body = body, .age_s = 295}), 204);
	expect_paid_once(&sale);
}
END_TEST

/* While the secret changes, both hold. */
START_TEST(two_secrets_hold_while_rotating)
{
	static const char next[] = "whsec_bmV4dCBzZWNyZXQgb2YgdGhlIHdlYmhvb2tz";
	struct sale sale;
	const char *body;

	suite_stop(SUITE_API);
	suite_set("PAYMENT_WEBHOOK_SECRET", text("%s,%s", next, suite_webhook_secret));
	suite_start(SUITE_API);
	sale = sale_of("rotating");
	body = message("payment.failed", sale.intent, "49.9", "EUR");
	must(send_hook(&(struct hook){.body = body}), 204);
	expect_state(&sale, "pending", "failed");
	body = message("payment.succeeded", sale.intent, "49.9", "EUR");
	must(send_hook(&(struct hook){.body = body,
				      .secret = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="}),
	     401);
	must(send_hook(&(struct hook){.body = body, .secret = next}), 204);
	expect_paid_once(&sale);
}
END_TEST

#define MONEY(sum) "{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":\"p\"," sum "}}"

START_TEST(what_is_signed_and_unreadable_is_malformed)
{
	static const char *const bodies[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"type\":\"payment.succeeded\"}",
		"{\"data\":{\"intentId\":\"pi\"}}",
		"{\"type\":7,\"data\":{}}",
		"{\"type\":\"\",\"data\":{}}",
		"{\"type\":\"payment.succeeded\",\"data\":[]}",
		"{\"type\":\"payment.succeeded\",\"data\":{}}",
		"{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":\"\"}}",
		"{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":5}}",
		"{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":\"p\\u0000\"}}",
		"{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":\"\xff\"}}",
		MONEY("\"amount\":1"),
		MONEY("\"currency\":\"EUR\""),
		MONEY("\"amount\":null,\"currency\":\"EUR\""),
		MONEY("\"amount\":-1,\"currency\":\"EUR\""),
		MONEY("\"amount\":\"1\",\"currency\":\"EUR\""),
		MONEY("\"amount\":1.005,\"currency\":\"EUR\""),
		MONEY("\"amount\":1,\"currency\":[]"),
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct reply *reply = send_hook(&(struct hook){.body = bodies[i]});

		ck_assert_msg(reply->status == 400, "%d for %s", reply->status, bodies[i]);
		ck_assert_str_eq(reply_slug(reply), "malformed");
	}
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payment_messages"), 0);
}
END_TEST

/* --- wrong sums ------------------------------------------------------------------------------- */

START_TEST(another_sum_is_disputed)
{
	static const char *const data[] = {
		"\"amount\":49.89,\"currency\":\"EUR\"", "\"amount\":49.91,\"currency\":\"EUR\"",
		"\"amount\":4990,\"currency\":\"EUR\"",  "\"amount\":49.9,\"currency\":\"USD\"",
		"\"amount\":0,\"currency\":\"EUR\"",
	};

	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		struct sale sale = sale_of(text("wrong%zu", i));

		must(send_hook(&(struct hook){
			     .body = text("{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":"
					  "\"%s\",%s}}",
					  sale.intent, data[i])}),
		     204);
		expect_state(&sale, "pending", "disputed");
		ck_assert(reply_null(guest_of(&sale), "data.payment.clientSecret"));
		ck_assert(api_metric("payments_disputed_total") == (double)(i + 1));
		/* The right word afterwards confirms nobody by itself. */
		tell(&sale, "payment.succeeded");
		expect_state(&sale, "pending", "disputed");
	}
	ck_assert_str_eq(sql("SELECT received_amount || received_currency FROM payments "
			     "ORDER BY id LIMIT 1"),
			 "49.89EUR");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), 0);
	ck_assert(audit_clean());
}
END_TEST

/* The same sum may be written in another way; members that we do not know do no harm. */
START_TEST(the_right_sum_in_other_words)
{
	static const char *const data[] = {
		"\"amount\":49.90,\"currency\":\"EUR\",\"fee\":{\"amount\":[1.005]}",
		"\"amount\":49.9,\"currency\":\"EUR\",\"refundId\":null",
		"\"currency\":\"EUR\",\"amount\":4.99e1",
	};

	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		struct sale sale = sale_of(text("right%zu", i));
		struct reply *reply = send_hook(&(struct hook){
			.body = text("{\"more\":true,\"type\":\"payment.succeeded\",\"data\":{"
				     "\"intentId\":\"%s\",%s}}",
				     sale.intent, data[i])});

		must(reply, 204);
		expect_state(&sale, "confirmed", "succeeded");
	}
	ck_assert(audit_clean());
}
END_TEST

/* --- unknown, too early ----------------------------------------------------------------------- */

START_TEST(what_cannot_be_applied_is_kept)
{
	struct sale sale = sale_of("kept");

	must(send_hook(&(struct hook){
		     .body = message("payment.succeeded", "pi_nobody", "49.9", "EUR")}),
	     204);
	ck_assert_int_eq(messages("waiting"), 1);
	must(send_hook(&(struct hook){.body = message("payment.dreamt", sale.intent, "1", "EUR")}),
	     204);
	must(send_hook(&(struct hook){.body = "{\"type\":\"account.updated\",\"data\":{}}"}), 204);
	ck_assert_int_eq(messages("ignored"), 2);
	expect_state(&sale, "pending", "requires_payment");
	ck_assert(audit_clean());
}
END_TEST

struct registering {
	struct shop shop;
	struct reply *reply;
};

static void *register_early(void *arg)
{
	struct registering *registering = arg;

	registering->reply = shop_register(&registering->shop, token_user(), "early");
	say_goodbye();
	return NULL;
}

/* The intent as the service gives it to anyone who asks under this payment's key. */
static const char *intent_under_key(const char *key, int64_t event_id)
{
	const char *const headers[] = {text("X-Service-Token: %s", suite_service_token),
				       text("Idempotency-Key: %s", key), NULL};
	const char *body = text("{\"amount\":49.9,\"currency\":\"EUR\",\"guestId\":%s,"
				"\"eventId\":%lld,\"description\":\"A concert\"}",
				sql("SELECT guest_id FROM payments"), (long long)event_id);
	struct reply *reply =
		say(&(struct saying){.method = "POST",
				     .url = text("%s/api/payments/intents", suite_platform()),
				     .body = body,
				     .headers = headers});

	return reply_text(must(reply, 201), "data.id");
}

/* The payer was faster than our own commit of the intent. */
START_TEST(a_webhook_before_its_intent_is_recorded)
{
	struct registering registering = {.shop = shop_open(10, "49.90", 10)};
	struct sale sale = {.shop = registering.shop};
	pthread_t thread;

	platform_script(
		"{\"service\":\"payment\",\"behaviour\":\"slow\",\"delayMs\":1200,\"times\":1}");
	pthread_create(&thread, NULL, register_early, &registering);
	ck_assert(sql_becomes(SOON_MS, "1", "SELECT count(*) FROM payments"));
	while (reply_count(platform_calls("payment"), "data") == 0)
		clock_sleep_ms(5);
	sale.intent = intent_under_key(sql("SELECT payment_key FROM payments"), sale.shop.event_id);
	tell(&sale, "payment.succeeded");
	ck_assert_int_eq(messages("waiting"), 1);
	pthread_join(thread, NULL);

	must(registering.reply, 201);
	ck_assert_str_eq(reply_text(registering.reply, "data.payment.intentId"), sale.intent);
	ck_assert_int_eq(messages("applied"), 1);
	sale.guest_path = reply_header(registering.reply, "Location");
	expect_paid_once(&sale);
}
END_TEST

/* --- who sees what ---------------------------------------------------------------------------- */

START_TEST(the_secret_is_the_registrants)
{
	struct sale sale = sale_of("secret");
	const char *list = text("%s/payments", sale.guest_path);
	const char *const others[] = {token_organizer(), token_admin()};
	struct reply *reply;

	ck_assert_ptr_nonnull(reply_text(guest_of(&sale), "data.payment.clientSecret"));
	reply = must(api_get(token_user(), "%s", list), 200);
	ck_assert_ptr_nonnull(reply_text(reply, "data.0.clientSecret"));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		reply = must(api_get(others[i], "%s", sale.guest_path), 200);
		ck_assert_str_eq(reply_text(reply, "data.payment.status"), "requires_payment");
		ck_assert(reply_null(reply, "data.payment.clientSecret"));
		reply = must(api_get(others[i], "%s", list), 200);
		ck_assert(reply_null(reply, "data.0.clientSecret"));
		reply = must(api_get(others[i], "/api/events/%lld/guests",
				     (long long)sale.shop.event_id),
			     200);
		ck_assert(reply_null(reply, "data.0.payment.clientSecret"));
	}
	tell(&sale, "payment.succeeded");
	ck_assert(reply_null(guest_of(&sale), "data.payment.clientSecret"));
}
END_TEST

/* Also when the registrant is the organizer or an admin: it is his own payment. */
START_TEST(a_managers_own_registration_shows_the_secret)
{
	struct shop shop = shop_open(10, "49.90", 10);
	struct reply *reply = must(shop_register(&shop, token_organizer(), "mine"), 201);
	const char *path = reply_header(reply, "Location");

	ck_assert_ptr_nonnull(reply_text(reply, "data.payment.clientSecret"));
	reply = must(api_get(token_organizer(), "%s", path), 200);
	ck_assert_ptr_nonnull(reply_text(reply, "data.payment.clientSecret"));
	reply = must(api_get(token_admin(), "%s", path), 200);
	ck_assert(reply_null(reply, "data.payment.clientSecret"));
}
END_TEST

START_TEST(staff_see_no_money)
{
	struct sale sale = sale_of("staff");
	const char *event = text("/api/events/%lld", (long long)sale.shop.event_id);
	const char *staff = token_of(STAFF, "staff");
	struct reply *reply;

	must(api_put(token_organizer(), "%s/staff/%d", event, STAFF), 204);
	reply = must(api_get(staff, "%s", sale.guest_path), 200);
	ck_assert(reply_has(reply, "data.payment") && reply_null(reply, "data.payment"));
	reply = must(api_get(staff, "%s/guests", event), 200);
	ck_assert(reply_has(reply, "data.0.payment") && reply_null(reply, "data.0.payment"));
	must(api_get(staff, "%s/payments", sale.guest_path), 403);
	must(api_get(token_of(OTHER_USER, "user"), "%s/payments", sale.guest_path), 404);
	/* not paid: by hand either */
	reply = must(api_post(staff, text("%s/check-in", sale.guest_path), NULL), 409);
	ck_assert_str_eq(reply_slug(reply), "not-paid");
}
END_TEST

/* --- on site, cancelled ----------------------------------------------------------------------- */

START_TEST(paid_on_site_while_pending)
{
	struct sale sale = sale_of("desk");
	const char *path = text("%s/confirm", sale.guest_path);
	struct reply *reply;

	must(api_post(token_user(), path, NULL), 403);
	reply = must(api_post(token_organizer(), path, NULL), 200);
	ck_assert_str_eq(reply_text(reply, "data.status"), "confirmed");
	ck_assert_str_eq(reply_text(reply, "data.payment.method"), "on_site");
	ck_assert_str_eq(reply_text(reply, "data.payment.status"), "succeeded");

	reply = must(api_get(token_user(), "%s/payments?page=1", sale.guest_path), 200);
	ck_assert_int_eq(reply_count(reply, "data"), 2);
	ck_assert_int_eq(reply_int(reply, "meta.total"), 2);
	ck_assert_str_eq(reply_text(reply, "data.0.method"), "on_site");
	ck_assert(reply_null(reply, "data.0.intentId"));
	ck_assert(reply_number(reply, "data.0.amount") == 49.9);
	ck_assert_int_eq(reply_count(reply, "data.0.refunds"), 0);
	ck_assert_str_eq(reply_text(reply, "data.1.status"), "cancelled");
	ck_assert_str_eq(reply_text(reply, "data.1.intentId"), sale.intent);
	ck_assert(reply_null(reply, "data.1.clientSecret"));
	expect_paid_once(&sale);

	reply = must(api_post(token_organizer(), path, NULL), 409);
	ck_assert_str_eq(reply_slug(reply), "invalid-transition");
	/* Money on the closed intent too makes no second ticket, and goes back. */
	tell(&sale, "payment.succeeded");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), 1);
	ck_assert_str_eq(sql("SELECT status FROM guests"), "confirmed");
	ck_assert_str_eq(sql("SELECT r.cause || r.amount FROM refunds r JOIN payments p ON p.id = "
			     "r.payment_id WHERE p.method = 'intent'"),
			 "double49.90");
	ck_assert(audit_clean());
}
END_TEST

START_TEST(payments_are_listed_in_pages)
{
	struct sale sale = sale_of("pages");
	struct reply *first, *second;

	must(api_post(token_organizer(), text("%s/confirm", sale.guest_path), NULL), 200);
	first = must(api_get(token_user(), "%s/payments?limit=1", sale.guest_path), 200);
	ck_assert_int_eq(reply_count(first, "data"), 1);
	second = must(api_get(token_user(), "%s/payments?limit=1&cursor=%s", sale.guest_path,
			      reply_text(first, "meta.nextCursor")),
		      200);
	ck_assert_int_eq(reply_count(second, "data"), 1);
	ck_assert_int_ne(reply_int(first, "data.0.id"), reply_int(second, "data.0.id"));
	ck_assert(!reply_text(second, "meta.nextCursor"));
	must(api_get(token_user(), "%s/payments?status=failed", sale.guest_path), 400);
}
END_TEST

START_TEST(cancelled_while_pending)
{
	struct sale sale = sale_of("gone");
	struct reply *reply =
		must(api_post(token_user(), text("%s/cancel", sale.guest_path), NULL), 200);

	ck_assert_str_eq(reply_text(reply, "data.status"), "cancelled");
	ck_assert_str_eq(reply_text(reply, "data.payment.status"), "cancelled");
	ck_assert(reply_null(reply, "data.payment.clientSecret"));
	ck_assert_int_eq(sql_int("SELECT sold FROM ticket_types"), 0);
	/* A failure is no news; money goes back. */
	tell(&sale, "payment.failed");
	tell(&sale, "payment.succeeded");
	ck_assert_int_eq(messages("waiting"), 0);
	expect_state(&sale, "cancelled", "succeeded");
	ck_assert_str_eq(sql("SELECT cause || amount FROM refunds"), "late49.90");
	ck_assert(audit_clean());
}
END_TEST

/* --- holds ------------------------------------------------------------------------------------ */

START_TEST(unpaid_holds_are_limited)
{
	struct shop shop = shop_open(50, "5", 50), other = shop_open(50, "5", 50);
	struct reply *first = must(shop_register(&shop, token_user(), "h0"), 201);
	struct reply *reply;

	for (int i = 1; i < 10; i++)
		must(shop_register(&shop, token_user(), text("h%d", i)), 201);
	reply = must(shop_register(&shop, token_user(), "h10"), 409);
	ck_assert_str_eq(reply_slug(reply), "too-many-holds");
	/* another event, another caller, the managers */
	must(shop_register(&other, token_user(), "h10"), 201);
	must(shop_register(&shop, token_of(OTHER_USER, "user"), "h11"), 201);
	for (int i = 0; i < 12; i++)
		must(shop_register(&shop, token_organizer(), text("o%d", i)), 201);
	must(shop_register(&shop, token_admin(), "a"), 201);
	/* what is paid is no hold */
	platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}",
		     reply_text(first, "data.payment.intentId"));
	must(shop_register(&shop, token_user(), "h10"), 201);
	must(shop_register(&shop, token_user(), "h12"), 409);
	ck_assert(audit_clean());
}
END_TEST

static TCase *cases_of_webhooks(void)
{
	TCase *cases = tcase_create("webhooks");

	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, one_webhook_a_hundred_times_at_once);
	tcase_add_test(cases, a_hundred_webhooks_of_one_payment_at_once);
	tcase_add_test(cases, an_id_is_taken_once);
	tcase_add_test(cases, failed_then_succeeded);
	tcase_add_test(cases, succeeded_then_failed);
	tcase_add_test(cases, what_is_not_signed_is_refused);
	tcase_add_test(cases, two_secrets_hold_while_rotating);
	tcase_add_test(cases, what_is_signed_and_unreadable_is_malformed);
	tcase_add_test(cases, another_sum_is_disputed);
	tcase_add_test(cases, the_right_sum_in_other_words);
	tcase_add_test(cases, what_cannot_be_applied_is_kept);
	tcase_add_test(cases, a_webhook_before_its_intent_is_recorded);
	return cases;
}

static TCase *cases_of_payments(void)
{
	TCase *cases = tcase_create("payments");

	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, the_secret_is_the_registrants);
	tcase_add_test(cases, a_managers_own_registration_shows_the_secret);
	tcase_add_test(cases, staff_see_no_money);
	tcase_add_test(cases, paid_on_site_while_pending);
	tcase_add_test(cases, payments_are_listed_in_pages);
	tcase_add_test(cases, cancelled_while_pending);
	tcase_add_test(cases, unpaid_holds_are_limited);
	return cases;
}

int main(void)
{
	Suite *suite = suite_create("payments");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	suite_add_tcase(suite, cases_of_webhooks());
	suite_add_tcase(suite, cases_of_payments());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
