/*
 * The API killed at each step of a paid registration: no money and no seat is lost, and the same
 * key gives the same guest.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { LATER_MS = 15000 };

static void begin(void)
{
	suite_set("UPSTREAM_BUDGET_MS", "1000");
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

static struct reply *register_under_key(const struct shop *shop, const char *key)
{
	const char *body =
		text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"k@example.com\","
		     "\"ticketTypeId\":%lld}",
		     (long long)shop->type_id);

	return api_send("POST", token_user(),
			text("/api/events/%lld/guests", (long long)shop->event_id), body,
			(const char *const[]){text("Idempotency-Key: %s", key), NULL});
}

static void pay(const char *intent)
{
	must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}", intent), 200);
}

static int64_t intents(void)
{
	return reply_int(say(&(struct saying){.method = "GET",
					      .url = text("%s/_control/counts", suite_platform())}),
			 "data.intents");
}

static const char seats_taken[] = "SELECT sum(current_attendees) FROM events";

/* --- the killer ------------------------------------------------------------------------------- */

struct crash {
	struct shop shop;
	const char *once; /* the API is killed once this is "1" */
	struct reply *reply;
};

static const char call_under_way[] = "SELECT count(*) FROM payments";
static const char waits_for_lock[] =
	"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
	"wait_event_type = 'Lock'";
static const char dawdles[] =
	"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
	"wait_event = 'PgSleep'";

static void register_or_kill(void *ctx, size_t i)
{
	struct crash *crash = ctx;

	if (i == 0) {
		crash->reply = register_under_key(&crash->shop, "crash");
		return;
	}
	ck_assert(sql_becomes(LATER_MS, "1", crash->once));
	suite_kill(SUITE_API);
}

/* Nobody heard the answer. */
static struct shop crash_once(struct shop shop, const char *once)
{
	struct crash crash = {.shop = shop, .once = once};

	crowd(2, register_or_kill, &crash);
	ck_assert_int_eq(crash.reply->status, 0);
	return shop;
}

/* The event is locked by another while the registration asks for its seat. */
static struct shop crash_at_the_lock(struct pg_conn **holder)
{
	struct shop shop = shop_open(5, "49.90", 5);
	struct problem err = {0};

	if (pg_connect(suite_database(), holder, &err) || pg_begin(*holder, &err) ||
	    pg_exec(*holder, "SELECT FROM events FOR UPDATE", PG_NO_ARGS, NULL, &err))
		ck_abort_msg("%s", err.detail);
	return crash_once(shop, waits_for_lock);
}

/* The service holds the call. */
static struct shop crash_in_call(void)
{
	struct shop shop = shop_open(5, "49.90", 5);

	platform_script("{\"service\":\"payment\",\"behaviour\":\"hang\",\"delayMs\":20000}");
	crash_once(shop, call_under_way);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"ok\"}");
	return shop;
}

/* The intent is made and being recorded: the statement, or else its commit, takes a second. */
static struct shop crash_in_record(bool in_commit)
{
	struct shop shop = shop_open(5, "49.90", 5);

	sql("CREATE FUNCTION dawdle() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN "
	    "PERFORM pg_sleep(1); RETURN NEW; END $$");
	sql("CREATE %s UPDATE ON payments %s FOR EACH ROW EXECUTE FUNCTION dawdle()",
	    in_commit ? "CONSTRAINT TRIGGER dawdle AFTER" : "TRIGGER dawdle BEFORE",
	    in_commit ? "DEFERRABLE INITIALLY DEFERRED" : "");
	crash_once(shop, dawdles);
	ck_assert(sql_becomes(LATER_MS, "0", dawdles));
	sql("DROP TRIGGER dawdle ON payments");
	return shop;
}

/* --- and afterwards --------------------------------------------------------------------------- */

/* Paid, once, by whom the key named. */
static void expect_paid(struct shop shop, const struct reply *registered)
{
	struct reply *again;

	ck_assert_int_eq(intents(), 1);
	ck_assert_int_eq(sql_int(seats_taken), 1);
	pay(reply_text(registered, "data.payment.intentId"));
	ck_assert_str_eq(sql("SELECT status FROM guests"), "confirmed");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments"), 1);
	again = must(register_under_key(&shop, "crash"), 201);
	ck_assert_int_eq(reply_int(again, "data.id"), reply_int(registered, "data.id"));
	ck_assert(audit_clean());
}

/* The hold is there, and nobody works on it: who comes with its key takes it over. */
static void expect_taken_over(struct shop shop)
{
	int64_t guest_id = sql_int("SELECT id FROM guests");
	struct reply *again;

	suite_start(SUITE_API);
	ck_assert_str_eq(sql("SELECT status FROM payments"), "created");
	ck_assert_int_eq(sql_int(seats_taken), 1);
	sql("UPDATE idempotency_keys SET deadline_at = now() + interval '1 min'");
	must(register_under_key(&shop, "crash"), 409);
	sql("UPDATE idempotency_keys SET deadline_at = now()");
	again = must(register_under_key(&shop, "crash"), 201);
	ck_assert_int_eq(reply_int(again, "data.id"), guest_id);
	expect_paid(shop, again);
}

START_TEST(killed_before_the_hold)
{
	struct pg_conn *holder = NULL;
	struct shop shop = crash_at_the_lock(&holder);

	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
	    "current_database() AND wait_event_type = 'Lock'");
	ck_assert(sql_becomes(LATER_MS, "0", waits_for_lock));
	pg_return(&holder);
	suite_start(SUITE_API);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 0);
	ck_assert_int_eq(sql_int(seats_taken), 0);
	expect_paid(shop, must(register_under_key(&shop, "crash"), 201));
}
END_TEST

/* The database goes on with the statement that the dead had sent. */
START_TEST(killed_in_the_hold)
{
	struct pg_conn *holder = NULL;
	struct shop shop = crash_at_the_lock(&holder);

	pg_return(&holder);
	ck_assert(sql_becomes(LATER_MS, "1", "SELECT count(*) FROM guests"));
	expect_taken_over(shop);
}
END_TEST

START_TEST(killed_after_the_hold)
{
	expect_taken_over(crash_in_call());
}
END_TEST

START_TEST(killed_after_the_intent)
{
	expect_taken_over(crash_in_record(false));
}
END_TEST

/* All is committed, and the answer never went out. */
START_TEST(killed_before_the_answer)
{
	struct shop shop = crash_in_record(true);
	struct reply *again;

	ck_assert_str_eq(sql("SELECT status FROM payments"), "requires_payment");
	suite_start(SUITE_API);
	again = must(register_under_key(&shop, "crash"), 201);
	ck_assert_str_eq(reply_header(again, "Idempotent-Replayed"), "true");
	ck_assert_int_eq(reply_int(again, "data.id"), sql_int("SELECT id FROM guests"));
	expect_paid(shop, again);
}
END_TEST

/* Nobody comes again: the sweeper gives the seat back and finds the intent under its key. */
START_TEST(killed_and_nobody_comes_again)
{
	struct shop shop = crash_in_record(false);
	int64_t guest_id = sql_int("SELECT id FROM guests");
	struct reply *again;

	suite_start(SUITE_API);
	sql("UPDATE payments SET deadline_at = now() - interval '61 s'");
	ck_assert(sql_becomes(LATER_MS, "0", seats_taken));
	ck_assert_str_eq(sql("SELECT status FROM payments"), "void");
	ck_assert(sql_becomes(LATER_MS, "0",
			      "SELECT count(*) FROM payments WHERE void_at IS NOT NULL"));
	ck_assert_ptr_nonnull(sql("SELECT intent_id FROM payments"));
	again = must(register_under_key(&shop, "crash"), 201);
	ck_assert_int_ne(reply_int(again, "data.id"), guest_id);
	pay(sql("SELECT intent_id FROM payments WHERE status = 'void'"));
	ck_assert(
		sql_becomes(LATER_MS, "0", "SELECT count(*) FROM refunds WHERE status <> 'done'"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds WHERE cause = 'late'"), 1);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("paid crashes");
	TCase *cases = tcase_create("paid crashes");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, killed_before_the_hold);
	tcase_add_test(cases, killed_in_the_hold);
	tcase_add_test(cases, killed_after_the_hold);
	tcase_add_test(cases, killed_after_the_intent);
	tcase_add_test(cases, killed_before_the_answer);
	tcase_add_test(cases, killed_and_nobody_comes_again);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
