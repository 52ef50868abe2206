/*
 * The paid path while the payment service is away, slow or wrong, and while this API itself dies in
 * the middle of the call: nothing is booked twice, no seat is lost, a key may be tried again.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum {
	SOON_MS = 10000,
	ANSWER_MS = 5000,
	BUYERS = 12,
	ASKED = 41,
	OTHERS_MAX = 1000,
	/* as fast as before, on a machine that does other things too */
	RATIO = 5,
	NOISE_MS = 20,
	ROUNDS = 3,
};

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

/* Register a@example.com under a key. */
static struct reply *register_under(const struct shop *shop, const char *key, const char *name)
{
	const char *headers[] = {text("Idempotency-Key: %s", key), NULL};

	return api_send("POST", token_user(),
			text("/api/events/%lld/guests", (long long)shop->event_id),
			text("{\"firstName\":\"%s\",\"lastName\":\"B\",\"email\":\"a@example.com\","
			     "\"ticketTypeId\":%lld}",
			     name, (long long)shop->type_id),
			headers);
}

struct caller {
	struct shop shop;
	const char *key;
	struct reply *reply;
	pthread_t thread;
};

static void *run_caller(void *arg)
{
	struct caller *caller = arg;

	caller->reply = register_under(&caller->shop, caller->key, "A");
	say_goodbye();
	return NULL;
}

/* A registration in a thread, seen by the payment service when this returns. */
static void call_in_background(struct caller *caller)
{
	int before = reply_count(platform_calls("payment"), "data");
	int64_t until = clock_monotonic_us() + SOON_MS * US_PER_MS;

	pthread_create(&caller->thread, NULL, run_caller, caller);
	while (reply_count(platform_calls("payment"), "data") == before) {
		ck_assert_int_lt(clock_monotonic_us(), until);
		clock_sleep_ms(5);
	}
}

static void expect_nothing_booked(const struct shop *shop)
{
	struct reply *event =
		must(api_get(NULL, "/api/events/%lld", (long long)shop->event_id), 200);
	struct reply *guests = must(
		api_get(token_organizer(), "/api/events/%lld/guests", (long long)shop->event_id),
		200);

	ck_assert_int_eq(reply_int(event, "data.currentAttendees"), 0);
	ck_assert_int_eq(reply_int(event, "data.ticketTypes.0.sold"), 0);
	ck_assert_int_eq(reply_count(guests, "data"), 0);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM payments WHERE status <> 'void' AND event_id = %lld",
			(long long)shop->event_id),
		0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE event_id = %lld",
				 (long long)shop->event_id),
			 0);
	ck_assert(audit_clean());
}

/* The service is back; calls in the background may have opened the breaker meanwhile. */
static struct reply *register_when_probed(const struct shop *shop, const char *key)
{
	int64_t until = clock_monotonic_us() + SOON_MS * US_PER_MS;
	struct reply *reply;

	while ((reply = register_under(shop, key, "A"))->status == 503 &&
	       clock_monotonic_us() < until)
		clock_sleep_ms(100);
	return must(reply, 201);
}

/* 503 in time; then, the service back, the same key works. */
static void expect_refused_then_sold(const struct shop *shop, void (*back)(void))
{
	int64_t start = clock_monotonic_us();
	const char *key = text("key-%lld", (long long)shop->event_id);
	struct reply *reply = must(register_under(shop, key, "A"), 503);

	ck_assert_int_lt((clock_monotonic_us() - start) / US_PER_MS, ANSWER_MS);
	ck_assert_str_eq(reply_slug(reply), "payment-unavailable");
	ck_assert_int_gt(atoi(reply_header(reply, "Retry-After")), 0);
	expect_nothing_booked(shop);
	back();
	reply = register_when_probed(shop, key);
	ck_assert_str_eq(reply_text(reply, "data.payment.status"), "requires_payment");
	ck_assert_int_eq(
		sql_int("SELECT sold FROM ticket_types WHERE id = %lld", (long long)shop->type_id),
		1);
	ck_assert(audit_clean());
}

static void script_ok(void)
{
	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
}

static const char *const ways_to_fail[] = {
	"\"behaviour\":\"status\",\"status\":500",
	"\"behaviour\":\"status\",\"status\":503,\"retryAfter\":60",
	"\"behaviour\":\"status\",\"status\":400",
	"\"behaviour\":\"status\",\"status\":401",
	"\"behaviour\":\"status\",\"status\":302",
	"\"behaviour\":\"cut\"",
	"\"behaviour\":\"bad-body\"",
	"\"behaviour\":\"hang\"",
};

/* One seat: were it not given back, the second try would find none. An API for each way: what one
 * leaves to be voided must not count towards the breaker in the next. */
START_TEST(the_service_fails)
{
	struct shop shop = shop_open(1, "49.90", 1);

	platform_script("{\"service\":\"payment\",%s}", ways_to_fail[_i]);
	expect_refused_then_sold(&shop, script_ok);
}
END_TEST

static void start_platform(void)
{
	suite_start(SUITE_PLATFORM);
}

START_TEST(the_service_is_away)
{
	struct shop shop = shop_open(1, "49.90", 1);

	suite_stop(SUITE_PLATFORM);
	expect_refused_then_sold(&shop, start_platform);
}
END_TEST

/* What fails once is tried again under the same key: one intent, no refusal. */
START_TEST(one_failure_is_bridged)
{
	static const char *const ways[] = {"\"behaviour\":\"status\",\"status\":503",
					   "\"behaviour\":\"cut\""};
	struct shop shop = shop_open(1, "49.90", 1);
	struct reply *reply, *intents;

	platform_script("{\"service\":\"payment\",%s,\"times\":1}", ways[_i]);
	reply = must(register_under(&shop, "k", "A"), 201);
	intents = say(&(struct saying){.method = "GET",
				       .url = text("%s/_control/intents", suite_platform())});
	ck_assert_int_eq(reply_count(intents, "data"), 1);
	ck_assert_str_eq(reply_text(intents, "data.0.id"),
			 reply_text(reply, "data.payment.intentId"));
	ck_assert_str_eq(reply_text(intents, "data.0.idempotencyKey"),
			 sql("SELECT payment_key FROM payments"));
	ck_assert(reply_number(intents, "data.0.amount") == 49.9);
	ck_assert_int_eq(reply_int(intents, "data.0.guestId"), reply_int(reply, "data.id"));
}
END_TEST

/* --- the others ------------------------------------------------------------------------------- */

static struct reply *read_event(const struct shop *shop, int number)
{
	(void)number;
	return must(api_get(token_user(), "/api/events/%lld", (long long)shop->event_id), 200);
}

static struct reply *list_guests(const struct shop *shop, int number)
{
	(void)number;
	return must(
		api_get(token_organizer(), "/api/events/%lld/guests", (long long)shop->event_id),
		200);
}

/* By number. */
static int64_t free_guests[OTHERS_MAX];

static struct reply *register_free(const struct shop *shop, int number)
{
	struct reply *reply = must(shop_register(shop, token_user(), text("free%d", number)), 201);

	free_guests[number] = reply_int(reply, "data.id");
	return reply;
}

static struct reply *admit_by_hand(const struct shop *shop, int number)
{
	return must(api_post(token_organizer(),
			     text("/api/events/%lld/guests/%lld/check-in",
				  (long long)shop->event_id, (long long)free_guests[number]),
			     NULL),
		    200);
}

/* What needs no payment service. */
static const struct {
	const char *name;
	struct reply *(*ask)(const struct shop *shop, int number);
} others[] = {
	{"GET of an event", read_event},
	{"list of guests", list_guests},
	{"free registration", register_free},
	{"check-in", admit_by_hand},
};
enum { OTHERS = ARRAY_LEN(others) };

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The medians of all of them; every guest has a number that was not used before. */
static void measure(const struct shop *shop, int64_t *ret_us)
{
	static int number;

	for (size_t i = 0; i < OTHERS; i++) {
		int64_t us[ASKED];

		for (int n = 0; n < ASKED; n++) {
			int guest = others[i].ask == admit_by_hand ? number - n : ++number;
			int64_t begun_us = clock_monotonic_us();

			reply_free(others[i].ask(shop, guest));
			us[n] = clock_monotonic_us() - begun_us;
		}
		qsort(us, ASKED, sizeof(us[0]), compare);
		ret_us[i] = us[ASKED / 2];
	}
}

struct bystanders {
	struct shop paid, free;
	int64_t us[OTHERS];
	_Atomic bool over;
};

/* Some buy, again and again, as long as one does everything else. */
static void buy_or_measure(void *ctx, size_t i)
{
	struct bystanders *all = ctx;

	if (i == 0) {
		while (reply_count(platform_calls("payment"), "data") < 1)
			clock_sleep_ms(5);
		measure(&all->free, all->us);
		all->over = true;
	}
	while (!all->over) {
		struct reply *reply = shop_register(&all->paid, token_of(100 + (int64_t)i, "user"),
						    text("buyer%zu", i));

		ck_assert_str_eq(reply_slug(must(reply, 503)), "payment-unavailable");
	}
}

/* Measured while nobody buys and while some do. */
static bool they_notice(const char *way)
{
	struct bystanders all = {.paid = shop_open(500, "5", 500),
				 .free = shop_open(500, "0", 500)};
	int64_t quiet_us[OTHERS];
	bool noticed = false;

	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
	measure(&all.free, quiet_us);
	platform_script("{\"service\":\"payment\",\"behaviour\":%s}", way);
	crowd(BUYERS + 1, buy_or_measure, &all);
	for (size_t i = 0; i < OTHERS; i++) {
		printf("payment service %s: %s in %.1f ms before, %.1f ms meanwhile\n", way,
		       others[i].name, (double)quiet_us[i] / (double)US_PER_MS,
		       (double)all.us[i] / (double)US_PER_MS);
		noticed |= all.us[i] >= RATIO * quiet_us[i] + NOISE_MS * US_PER_MS;
	}
	return noticed;
}

/* What slows them down does so each time; another process that takes the cores does not. */
START_TEST(others_do_not_notice)
{
	static const char *const ways[] = {"\"hang\"", "\"cut\"", "\"bad-body\"",
					   "\"status\",\"status\":500"};
	int rounds = 1;

	while (they_notice(ways[_i])) {
		ck_assert_int_lt(rounds++, ROUNDS);
		suite_stop(SUITE_API); /* its breaker knows the service now */
		suite_start(SUITE_API);
	}
	ck_assert(audit_clean());
}
END_TEST

/* --- keys ------------------------------------------------------------------------------------- */

START_TEST(a_retry_while_the_call_runs)
{
	struct caller caller = {.shop = shop_open(5, "49.90", 5), .key = "k"};
	struct reply *reply;

	platform_script(
		"{\"service\":\"payment\",\"behaviour\":\"slow\",\"delayMs\":800,\"times\":1}");
	call_in_background(&caller);
	reply = must(register_under(&caller.shop, "k", "A"), 409);
	ck_assert_str_eq(reply_slug(reply), "idempotency-in-flight");
	reply = must(register_under(&caller.shop, "k", "Other"), 422);
	ck_assert_str_eq(reply_slug(reply), "idempotency-mismatch");
	reply = must(register_under(&caller.shop, "k2", "A"), 409);
	ck_assert_str_eq(reply_slug(reply), "already-registered");
	pthread_join(caller.thread, NULL);

	must(caller.reply, 201);
	reply = must(register_under(&caller.shop, "k", "A"), 201);
	ck_assert_str_eq(reply_header(reply, "Idempotent-Replayed"), "true");
	ck_assert_str_eq(reply->body, caller.reply->body);
	ck_assert_str_eq(reply_header(reply, "Location"), reply_header(caller.reply, "Location"));
	ck_assert_str_eq(reply_header(reply, "ETag"), reply_header(caller.reply, "ETag"));
	must(register_under(&caller.shop, "k", "Other"), 422);
	ck_assert_int_eq(reply_count(platform_calls("payment"), "data"), 1);
	ck_assert(audit_clean());
}
END_TEST

/* Until the deadline the call may still run somewhere: then a retry takes the hold over. */
static struct reply *retry_past_deadline(const struct shop *shop)
{
	int64_t until = clock_monotonic_us() + SOON_MS * US_PER_MS;
	struct reply *reply;

	for (;;) {
		reply = register_under(shop, "k", "A");
		if (reply->status != 409)
			return reply;
		ck_assert_str_eq(reply_slug(reply), "idempotency-in-flight");
		ck_assert_int_lt(clock_monotonic_us(), until);
		clock_sleep_ms(50);
	}
}

START_TEST(killed_during_the_call)
{
	struct caller caller = {.key = "k"};
	const char *key, *guest_id;
	struct reply *reply;

	suite_stop(SUITE_API);
	suite_set("UPSTREAM_BUDGET_MS", "1000");
	suite_start(SUITE_API);
	caller.shop = shop_open(1, "49.90", 1);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"hang\",\"times\":1}");
	call_in_background(&caller);
	key = sql("SELECT payment_key FROM payments");
	guest_id = sql("SELECT id FROM guests");
	suite_kill(SUITE_API);
	pthread_join(caller.thread, NULL);
	ck_assert_int_eq(caller.reply->status, 0);
	suite_start(SUITE_API);

	must(register_under(&caller.shop, "k", "A"), 409);
	reply = must(retry_past_deadline(&caller.shop), 201);
	ck_assert_str_eq(text("%lld", (long long)reply_int(reply, "data.id")), guest_id);
	ck_assert_str_eq(reply_text(reply, "data.status"), "pending");
	ck_assert_str_eq(reply_text(reply, "data.payment.status"), "requires_payment");
	ck_assert_str_eq(sql("SELECT payment_key FROM payments"), key);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments"), 1);
	ck_assert_int_eq(sql_int("SELECT sold FROM ticket_types"), 1);
	ck_assert_int_eq(
		sql_int("SELECT sum(n) FROM (SELECT kind, n FROM statistics_deltas UNION ALL "
			"SELECT kind, n FROM event_statistics) s WHERE kind = \'registrations\'"),
		1);
	must(register_under(&caller.shop, "k", "A"), 201);
	ck_assert(audit_clean());
}
END_TEST

/* Killed after the service made the intent: the one who takes over gets the same. */
START_TEST(killed_after_the_intent_was_made)
{
	struct caller caller = {.key = "k"};
	struct reply *reply, *intents;
	pid_t api;

	suite_stop(SUITE_API);
	suite_set("UPSTREAM_BUDGET_MS", "1500");
	suite_start(SUITE_API);
	caller.shop = shop_open(1, "49.90", 1);
	platform_script(
		"{\"service\":\"payment\",\"behaviour\":\"slow\",\"delayMs\":500,\"times\":1}");
	call_in_background(&caller);
	api = suite_pid(SUITE_API);
	kill(api, SIGSTOP); /* so that it cannot take the answer */
	do
		intents = say(&(struct saying){
			.method = "GET", .url = text("%s/_control/intents", suite_platform())});
	while (reply_count(intents, "data") == 0);
	suite_kill(SUITE_API);
	pthread_join(caller.thread, NULL);
	suite_start(SUITE_API);

	reply = must(retry_past_deadline(&caller.shop), 201);
	ck_assert_str_eq(reply_text(reply, "data.payment.intentId"),
			 reply_text(intents, "data.0.id"));
	ck_assert(audit_clean());
}
END_TEST

/* --- ended meanwhile -------------------------------------------------------------------------- */

static const char *path_of_hold(const struct shop *shop)
{
	return text("/api/events/%lld/guests/%s", (long long)shop->event_id,
		    sql("SELECT id FROM guests ORDER BY id DESC LIMIT 1"));
}

/* Guest or event cancelled while the call runs: told so, and the seat is free. */
START_TEST(ended_during_the_call)
{
	struct caller caller = {.shop = shop_open(1, "49.90", 1), .key = "k"};
	const char *const paths[] = {
		text("/api/events/%lld/cancel", (long long)caller.shop.event_id),
		"/cancel",
		"/confirm",
	};
	const char *path = paths[_i];

	platform_script(
		"{\"service\":\"payment\",\"behaviour\":\"slow\",\"delayMs\":600,\"times\":1}");
	call_in_background(&caller);
	if (_i > 0)
		path = text("%s%s", path_of_hold(&caller.shop), path);
	must(api_post(token_organizer(), path, NULL), 200);
	pthread_join(caller.thread, NULL);

	must(caller.reply, 409);
	ck_assert_str_eq(reply_slug(caller.reply), "event-not-open");
	ck_assert_str_eq(sql("SELECT status FROM payments WHERE method = 'intent'"), "void");
	ck_assert_int_eq(sql_int("SELECT sold FROM ticket_types"), _i == 2);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'payment-due'"),
			 0);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("payment calls");
	TCase *cases = tcase_create("payment calls");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, the_service_fails, 0, (int)ARRAY_LEN(ways_to_fail));
	tcase_add_test(cases, the_service_is_away);
	tcase_add_loop_test(cases, one_failure_is_bridged, 0, 2);
	tcase_add_loop_test(cases, others_do_not_notice, 0, 4);
	tcase_add_test(cases, a_retry_while_the_call_runs);
	tcase_add_test(cases, killed_during_the_call);
	tcase_add_test(cases, killed_after_the_intent_was_made);
	tcase_add_loop_test(cases, ended_during_the_call, 0, 3);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
