/*
 * Unpaid seats: they are free again in time, whatever the payment service does; money that comes
 * late; a service that hangs holds nobody up.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum {
	TEN_THOUSAND = 10000,
	MANY_MS = 5000,
	STRETCH_MAX = 3,
	MANY = 100,
	RACES = 10,
	PAY_WITHIN_MS = 250,
	HANDS = 8,
	QUEUE = 40,
	SOON_MS = 2000,
	LATER_MS = 15000
};

/* The bounds are those of a machine that does nothing else: others' work stretches them, and so
 * does a sanitizer (Check's variable tells of one). */
static int64_t patience(int64_t ms)
{
	double load = 0;
	int64_t busy = 1;

	if (getloadavg(&load, 1) == 1)
		busy += (int64_t)(load / (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (getenv("CK_TIMEOUT_MULTIPLIER"))
		busy *= 2;
	return ms * (busy < STRETCH_MAX ? busy : STRETCH_MAX);
}

static void begin(void)
{
	suite_set("HOLDS_PER_CALLER", "1000");
	suite_set("UPSTREAM_BUDGET_MS", "1000");
	suite_set("PAYMENT_MAX_PARKED", "100");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- holds and their ends --------------------------------------------------------------------- */

struct sale {
	struct shop shop;
	int64_t guest_id;
	const char *intent;
};

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static struct sale sale_in(struct shop shop, const char *name)
{
	struct reply *guest = must(shop_register(&shop, token_user(), name), 201);

	return (struct sale){shop, reply_int(guest, "data.id"),
			     reply_text(guest, "data.payment.intentId")};
}

static struct sale sale_of(const char *name, int seats)
{
	return sale_in(shop_open(seats, "49.90", seats), name);
}

static void end_holds(void)
{
	sql("UPDATE payments SET expires_at = clock_timestamp() WHERE status IN "
	    "('requires_payment', 'failed', 'disputed')");
}

static void pay(const char *intent)
{
	must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}", intent), 200);
}

static void expect(const struct sale *sale, const char *guest, const char *payment)
{
	ck_assert_str_eq(
		sql("SELECT status FROM guests WHERE id = %lld", (long long)sale->guest_id), guest);
	ck_assert_str_eq(sql("SELECT status FROM payments WHERE intent_id = '%s'", sale->intent),
			 payment);
}

static const char seats_taken[] = "SELECT sum(current_attendees) FROM events";
static const char voids_left[] = "SELECT count(*) FROM payments WHERE void_at IS NOT NULL";
static const char open_refunds[] = "SELECT count(*) FROM refunds WHERE status <> 'done'";

static void one_hold(void *ctx, size_t i)
{
	must(shop_register(ctx, token_user(), text("m%zu", i)), 201);
}

static void many_holds_end(const char *script)
{
	struct shop shop = shop_open(MANY, "5", MANY);

	crowd(MANY, one_hold, &shop);
	if (script)
		platform_script("%s", script);
	end_holds();
	ck_assert_msg(sql_becomes(patience(SOON_MS), "0", seats_taken), "%s seats are held",
		      sql(seats_taken));
	ck_assert_int_eq(sql_int("SELECT sold FROM ticket_types"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE status = 'expired'"), MANY);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = "
				 "'registration-cancelled'"),
			 MANY);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
	ck_assert(sql_becomes(LATER_MS, "0", voids_left));
	must(shop_register(&shop, token_user(), "next"), 201);
	ck_assert(audit_clean());
}

START_TEST(a_hundred_holds_end_in_time)
{
	many_holds_end(NULL);
}
END_TEST

START_TEST(also_while_the_service_hangs)
{
	many_holds_end("{\"service\":\"payment\",\"behaviour\":\"hang\",\"delayMs\":20000}");
}
END_TEST

START_TEST(also_while_the_service_is_down)
{
	many_holds_end("{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":500}");
}
END_TEST

/* Holds that end one after the other while a run waits for its answers. */
START_TEST(holds_that_trickle_while_the_service_hangs)
{
	struct shop shop = shop_open(20, "5", 20);

	for (int i = 0; i < 20; i++)
		one_hold(&shop, (size_t)i);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"hang\",\"delayMs\":20000}");
	sql("UPDATE payments SET expires_at = clock_timestamp() + id %% 20 * interval '150 ms'");
	ck_assert(sql_becomes(patience(19 * 150 + SOON_MS), "0", seats_taken));
	ck_assert(
		sql_int("SELECT max(1000 * extract(epoch FROM g.cancelled_at - p.expires_at))::int "
			"FROM guests g JOIN payments p ON p.guest_id = g.id") <= patience(SOON_MS));
	ck_assert(audit_clean());
}
END_TEST

/* As many as there are at once; the service knows none of them, or hangs. */
START_TEST(ten_thousand_holds_end_soon)
{
	struct shop shop = shop_open(TEN_THOUSAND, "5", TEN_THOUSAND);
	int64_t longest_ms;

	platform_script("{\"service\":\"payment\",\"behaviour\":\"%s\",\"delayMs\":20000}",
			_i ? "hang" : "ok");
	sql("INSERT INTO users (id) VALUES (10) ON CONFLICT DO NOTHING");
	sql("INSERT INTO guests (event_id, first_name, last_name, email, ticket_type_id, status, "
	    "registered_by, attempt_id) SELECT %lld, 'A', 'B', n || '@example.com', %lld, "
	    "'pending', "
	    "10, gen_random_uuid() FROM generate_series(1, %d) n",
	    (long long)shop.event_id, (long long)shop.type_id, TEN_THOUSAND);
	sql("UPDATE events SET current_attendees = %d", TEN_THOUSAND);
	sql("UPDATE ticket_types SET sold = %d", TEN_THOUSAND);
	sql("INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n) "
	    "SELECT event_id, ticket_type_id, quarter_of(created_at), 'guests', 1 FROM guests");
	sql("INSERT INTO payments (event_id, guest_id, method, status, amount, currency, "
	    "payment_key, intent_id, expires_at) SELECT event_id, id, 'intent', "
	    "'requires_payment', "
	    "5, 'EUR', gen_random_uuid(), 'pi_' || id, clock_timestamp() + interval '1 s' FROM "
	    "guests");
	ck_assert(sql_becomes(LATER_MS, "0", seats_taken));
	longest_ms =
		sql_int("SELECT max(1000 * extract(epoch FROM g.cancelled_at - "
			"p.expires_at))::int FROM guests g JOIN payments p ON p.guest_id = g.id");
	printf("%d holds ended within %lld ms, the payment service %s\n", TEN_THOUSAND,
	       (long long)longest_ms, _i ? "hanging" : "well");
	ck_assert_int_le(longest_ms, patience(MANY_MS));
	ck_assert(audit_clean());
}
END_TEST

/* --- late and early money --------------------------------------------------------------------- */

/* Paid, and the webhook lost: the service's answer to the cancel says so. */
START_TEST(the_arbiter_says_it_is_paid)
{
	struct sale sale = sale_of("payer", 1);

	platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\",\"webhookUrl\":"
		     "\"http://127.0.0.1:1/\"}",
		     sale.intent);
	end_holds();
	ck_assert(sql_becomes(LATER_MS, "confirmed", "SELECT status FROM guests"));
	expect(&sale, "confirmed", "succeeded");
	pay(sale.intent);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), 1);
	ck_assert(audit_clean());
}
END_TEST

static struct sale late_sale(int seats)
{
	struct sale sale = sale_of("late", seats);

	platform_script("{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":500}");
	end_holds();
	ck_assert(sql_becomes(patience(SOON_MS), "0", seats_taken));
	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
	return sale;
}

static void expect_back(const struct sale *sale)
{
	expect(sale, "cancelled", "succeeded");
	ck_assert(sql_becomes(LATER_MS, "0", open_refunds));
	ck_assert_str_eq(
		sql("SELECT refunded_amount FROM payments WHERE intent_id = '%s'", sale->intent),
		"49.90");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'refund-done'"),
			 1);
	ck_assert(audit_clean());
}

START_TEST(late_money_finds_the_seat_free)
{
	struct sale sale = late_sale(1);

	pay(sale.intent);
	expect(&sale, "confirmed", "succeeded");
	ck_assert_int_eq(sql_int(seats_taken), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE status = 'pending'"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 0);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(late_money_finds_the_seat_sold)
{
	struct sale sale = late_sale(1);

	must(shop_register(&sale.shop, token_user(), "quicker"), 201);
	pay(sale.intent);
	expect_back(&sale);
}
END_TEST

START_TEST(late_money_for_an_address_that_came_back)
{
	struct sale sale = late_sale(5);

	must(shop_register(&sale.shop, token_user(), "LATE"), 201);
	pay(sale.intent);
	expect_back(&sale);
	ck_assert_int_eq(sql_int(seats_taken), 1);
}
END_TEST

START_TEST(late_money_for_an_event_that_is_over)
{
	struct sale sale = late_sale(5);

	must(api_post(token_organizer(),
		      text("/api/events/%lld/cancel", (long long)sale.shop.event_id), NULL),
	     200);
	pay(sale.intent);
	expect_back(&sale);
}
END_TEST

START_TEST(late_money_for_a_guest_who_was_deleted)
{
	struct sale sale = sale_of("deleted", 5);

	must(api_delete(token_organizer(), "/api/events/%lld/guests/%lld",
			(long long)sale.shop.event_id, (long long)sale.guest_id),
	     204);
	pay(sale.intent);
	expect_back(&sale);
}
END_TEST

/* The wrong sum stays disputed when its hold ends; the guest does not. */
START_TEST(disputed_money_outlives_its_hold)
{
	struct sale sale = sale_of("wrong", 5);

	platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\",\"amount\":49.00}",
		     sale.intent);
	expect(&sale, "pending", "disputed");
	end_holds();
	ck_assert(sql_becomes(LATER_MS, "cancelled", "SELECT status FROM guests"));
	expect(&sale, "cancelled", "disputed");
	ck_assert(audit_clean());
}
END_TEST

/* --- the race of webhook and end -------------------------------------------------------------- */

/* A hand's share of the sales; more at once than the payment service answers in time are refused.
 */
static void make_sales(void *ctx, size_t hand)
{
	struct sale *sales = ctx;

	for (size_t i = hand; i < MANY; i += HANDS)
		sales[i] = sale_in(sales[i].shop, text("r%zu", i));
}

static void pay_or_end(void *ctx, size_t i)
{
	const struct sale *sales = ctx;

	if (i == MANY) {
		end_holds();
		return;
	}
	/* from before the sweeper looks until after it is done */
	clock_sleep_ms((int64_t)(i * PAY_WITHIN_MS / MANY));
	pay(sales[i].intent);
}

/* A hundred payers against the end of their holds, ten times over: each has his seat and his money
 * spent, or neither. */
START_TEST(webhooks_race_the_end_of_their_holds)
{
	struct sale *sales = calloc(MANY, sizeof(*sales));
	int64_t ended;

	for (int round = 0; round < RACES; round++) {
		struct shop shop = shop_open(MANY, "5", MANY);

		for (int i = 0; i < MANY; i++)
			sales[i].shop = shop;
		crowd(HANDS, make_sales, sales);
		crowd(MANY + 1, pay_or_end, sales);
	}
	ended = sql_int("SELECT count(*) FROM notifications WHERE kind = 'registration-cancelled'");
	printf("%d payments raced the end of their holds: %lld holds ended first\n", RACES * MANY,
	       (long long)ended);
	ck_assert(ended > 0 && ended < RACES * MANY);
	ck_assert(sql_becomes(LATER_MS, "0",
			      "SELECT count(*) FROM payments WHERE status <> 'succeeded'"));
	ck_assert(sql_becomes(LATER_MS, "0", open_refunds));
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM guests g JOIN payments p ON p.guest_id = g.id "
			"WHERE (g.status = 'confirmed') = (p.refunded_amount > 0)"),
		0);
	ck_assert_int_eq(sql_int("SELECT deadlocks FROM pg_stat_database WHERE datname = "
				 "current_database()"),
			 0);
	ck_assert(audit_clean());
	free(sales);
}
END_TEST

static void *pay_in_thread(void *sale)
{
	pay(((struct sale *)sale)->intent);
	say_goodbye();
	return NULL;
}

/* It had seen a live hold; what holds is what it finds once its locks are its own: late money, and
 * the seat is free. */
START_TEST(a_webhook_waits_for_the_end_of_its_hold)
{
	struct sale sale = sale_of("waits", 5);
	PG_LEASED ending = NULL;
	struct problem err = {0};
	pthread_t payer;

	ck_assert_int_eq(pg_connect(suite_database(), &ending, &err), OK);
	ck_assert_int_eq(pg_begin(ending, &err), OK);
	ck_assert_msg(pg_exec(ending,
			      "UPDATE payments SET expires_at = clock_timestamp();"
			      "SELECT end_holds(array_agg(id), array_agg(false), NULL, NULL) FROM "
			      "payments",
			      PG_NO_ARGS, NULL, &err) == OK,
		      "%s", err.detail);
	pthread_create(&payer, NULL, pay_in_thread, &sale);
	ck_assert(sql_becomes(LATER_MS, "1",
			      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
			      "'Lock' AND datname = current_database()"));
	ck_assert_int_eq(pg_commit(ending, &err), OK);
	pthread_join(payer, NULL);
	expect(&sale, "confirmed", "succeeded");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 0);
	ck_assert(audit_clean());
}
END_TEST

/* --- the gate --------------------------------------------------------------------------------- */

static void be_refused(void *ctx, size_t i)
{
	struct reply *reply = shop_register(ctx, token_user(), text("g%zu", i));

	/* a machine short of time: no connection to PostgreSQL came free in time */
	for (int n = 0; n < 20 && strcmp(reply_slug(reply), "overloaded") == 0; n++)
		reply = shop_register(ctx, token_user(), text("g%zu", i));
	ck_assert_str_eq(reply_slug(reply), "payment-unavailable");
	ck_assert_ptr_nonnull(reply_header(reply, "Retry-After"));
}

START_TEST(the_breaker_opens_and_closes)
{
	struct shop shop = shop_open(50, "5", 50);
	int64_t began;

	platform_script("{\"service\":\"payment\",\"behaviour\":\"hang\",\"delayMs\":20000}");
	crowd(8, be_refused, &shop);
	ck_assert(api_metric("breaker_state{service=\"payment\"}") >= 1);
	began = clock_monotonic_us();
	for (size_t i = 10; i < 30; i++)
		be_refused(&shop, i);
	/* A probe or two may wait for the service, the rest not at all. */
	ck_assert_int_lt(clock_monotonic_us() - began, 4 * US_PER_S);
	ck_assert(api_metric("payment_calls_total{outcome=\"breaker\"}") > 0);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
	for (int i = 0; shop_register(&shop, token_user(), "back")->status != 201; i++) {
		ck_assert_int_lt(i, 150);
		clock_sleep_ms(100);
	}
	ck_assert(api_metric("breaker_state{service=\"payment\"}") == 0);
	ck_assert_int_eq(sql_int(seats_taken), 1);
	ck_assert(audit_clean());
}
END_TEST

struct queue {
	struct shop shop;
	_Atomic int left;
	double most; /* that waited at once */
};

static void be_refused_or_look(void *ctx, size_t i)
{
	struct queue *queue = ctx;

	if (i < QUEUE) {
		be_refused(&queue->shop, i);
		queue->left--;
	}
	while (i == QUEUE && queue->left > 0) {
		double waiting = api_metric("payment_parked_threads");

		queue->most = waiting > queue->most ? waiting : queue->most;
	}
}

START_TEST(few_threads_wait_for_the_service)
{
	struct queue queue = {.left = QUEUE};
	int64_t began;

	suite_stop(SUITE_API);
	suite_set("PAYMENT_MAX_PARKED", "2");
	suite_start(SUITE_API);
	queue.shop = shop_open(50, "5", 50);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"hang\",\"delayMs\":20000}");
	began = clock_monotonic_us();
	crowd(QUEUE + 1, be_refused_or_look, &queue);
	ck_assert_int_lt(clock_monotonic_us() - began, patience(5000) * US_PER_MS);
	ck_assert(queue.most == 2);
	ck_assert(api_metric("payment_calls_total{outcome=\"parked\"}") > 0);
	ck_assert_int_eq(sql_int(seats_taken), 0);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("holds");
	TCase *cases = tcase_create("holds");
	TCase *waits = tcase_create("waits");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_hundred_holds_end_in_time);
	tcase_add_test(cases, also_while_the_service_hangs);
	tcase_add_test(cases, also_while_the_service_is_down);
	tcase_add_loop_test(cases, ten_thousand_holds_end_soon, 0, 2);
	tcase_add_test(cases, holds_that_trickle_while_the_service_hangs);
	tcase_add_test(cases, the_arbiter_says_it_is_paid);
	tcase_add_test(cases, late_money_finds_the_seat_free);
	tcase_add_test(cases, late_money_finds_the_seat_sold);
	tcase_add_test(cases, late_money_for_an_address_that_came_back);
	tcase_add_test(cases, late_money_for_an_event_that_is_over);
	tcase_add_test(cases, late_money_for_a_guest_who_was_deleted);
	tcase_add_test(cases, disputed_money_outlives_its_hold);
	tcase_add_test(cases, webhooks_race_the_end_of_their_holds);
	tcase_add_test(cases, the_breaker_opens_and_closes);
	tcase_add_test(cases, few_threads_wait_for_the_service);
	tcase_add_checked_fixture(waits, begin, end);
	tcase_set_timeout(waits, 60);
	tcase_add_test(waits, a_webhook_waits_for_the_end_of_its_hold);
	suite_add_tcase(suite, cases);
	suite_add_tcase(suite, waits);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
