/*
 * Admission under pressure: one ticket, many scanners; scans repeated and undone; the door while
 * buyers rush.
 */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/admission.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"

enum { SCANNERS = 50, REPEATS = 20, BUYERS = 200, ROUNDS = 20 };

#define SCAN "7d0d4d1e-0b6e-4e0f-9d8a-2f4f5a0a9c01"
#define OTHER_SCAN "7d0d4d1e-0b6e-4e0f-9d8a-2f4f5a0a9c02"
#define EXPECT_SLUG(reply, slug) ck_assert_str_eq(reply_slug(reply), slug)

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void begin_small(void)
{
	suite_set("REQUESTS_MAX", "16");
	begin();
}

static void end(void)
{
	suite_end();
}

/* --- one ticket, many scanners ---------------------------------------------------------------- */

struct rush {
	struct guest guest;
	const char *code;
	const char *scan_id;
	bool by_hand; /* every other one */
	_Atomic int admitted, again, other;
	struct reply *replies[SCANNERS];
};

static void scan_along(void *ctx, size_t i)
{
	struct rush *rush = ctx;
	struct reply *reply;

	if (rush->by_hand && i % 2)
		reply = api_post(token_organizer(),
				 text("/api/events/%lld/guests/%lld/check-in",
				      (long long)rush->guest.shop.event_id,
				      (long long)rush->guest.id),
				 NULL);
	else
		reply = scan_as(token_organizer(), "qrCode", rush->code, rush->scan_id);
	rush->replies[i] = reply;
	if (reply->status == 200)
		rush->admitted++;
	else if (!strcmp(reply_slug(reply), "already-validated"))
		rush->again++;
	else
		rush->other++;
}

static void expect_one_admitted(struct rush *rush)
{
	crowd(SCANNERS, scan_along, rush);
	ck_assert_int_eq(rush->other, 0);
	ck_assert_int_eq(rush->admitted, 1);
	ck_assert_int_eq(rush->again, SCANNERS - 1);
	ck_assert_int_eq(logged("admitted"), 1);
	ck_assert_int_eq(logged("already-validated"), SCANNERS - 1);
	ck_assert(audit_clean());
}

/* A pause between judging and admitting, so that a race is met for certain. */
static void slow_down(const char *lock)
{
	sql("DO $$ DECLARE f regproc; BEGIN FOREACH f IN ARRAY "
	    "'{admit_one,admit_tickets}'::regproc[] "
	    "LOOP EXECUTE replace(replace(pg_get_functiondef(f), "
	    "'PERFORM admit_guests', 'PERFORM pg_sleep(0.01); PERFORM admit_guests'), "
	    "'FOR NO KEY UPDATE', '%s'); END LOOP; END $$",
	    lock);
}

START_TEST(fifty_scans_admit_one)
{
	struct rush rush = {.guest = only_guest()};

	rush.code = printed(&rush.guest);
	slow_down("FOR NO KEY UPDATE");
	expect_one_admitted(&rush);
}
END_TEST

/* The locks taken out: a crowd must now come out wrong, or this sees nothing. Half of it by hand,
 * since the API commits scans together. */
START_TEST(without_locks_the_crowd_comes_out_wrong)
{
	struct rush rush = {.guest = only_guest(), .by_hand = true};

	rush.code = printed(&rush.guest);
	slow_down("");
	/* The table's constraints refuse the second with an error. Chance decides when two meet. */
	for (int round = 0; round < ROUNDS && rush.admitted + rush.other < 2; round++) {
		sql("UPDATE tickets SET is_validated = false, validated_at = NULL");
		sql("UPDATE guests SET status = 'confirmed', status_before = NULL, checked_in_at = "
		    "NULL");
		rush.admitted = rush.other = 0;
		crowd(SCANNERS, scan_along, &rush);
	}
	ck_assert_int_gt(rush.admitted + rush.other, 1);
}
END_TEST

START_TEST(scans_and_hands_admit_one)
{
	struct rush rush = {.guest = only_guest(), .by_hand = true};

	rush.code = printed(&rush.guest);
	expect_one_admitted(&rush);
}
END_TEST

START_TEST(a_repeated_scan_gets_the_same_bytes)
{
	struct rush rush = {.guest = only_guest(), .scan_id = SCAN};
	struct reply *later;

	rush.code = printed(&rush.guest);
	crowd(REPEATS, scan_along, &rush);
	ck_assert_int_eq(rush.admitted, REPEATS);
	later = scan_as(token_organizer(), "qrCode", rush.code, SCAN);
	ck_assert_int_eq(later->status, 200);
	for (int i = 0; i < REPEATS; i++)
		ck_assert_str_eq(rush.replies[i]->body, later->body);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans"), 1);
	EXPECT_SLUG(scan(rush.code), "already-validated");
}
END_TEST

START_TEST(a_scan_id_belongs_to_one_code)
{
	struct shop shop = shop_open(100, "0", 100);
	struct guest zoe = new_guest(&shop, "zoe"), ann = new_guest(&shop, "ann");
	struct reply *other;

	ck_assert_int_eq(scan_as(token_organizer(), "qrCode", printed(&zoe), SCAN)->status, 200);
	other = scan_as(token_organizer(), "qrCode", printed(&ann), SCAN);
	ck_assert_int_eq(other->status, 422);
	EXPECT_SLUG(other, "idempotency-mismatch");
	ck_assert_int_eq(scan(printed(&ann))->status, 200);
	ck_assert_int_eq(logged("idempotency-mismatch"), 1);
}
END_TEST

START_TEST(an_undone_admission_may_come_again)
{
	struct guest guest = only_guest();
	const char *code = printed(&guest);
	struct reply *undone;

	ck_assert_int_eq(scan_as(token_organizer(), "qrCode", code, SCAN)->status, 200);
	ck_assert_int_eq(api_delete(token_organizer(), "/api/tickets/%lld/validation",
				    (long long)guest.ticket_id)
				 ->status,
			 204);
	undone = scan_as(token_organizer(), "qrCode", code, SCAN);
	ck_assert_int_eq(undone->status, 409);
	EXPECT_SLUG(undone, "validation-undone");
	ck_assert_int_eq(scan_as(token_organizer(), "qrCode", code, OTHER_SCAN)->status, 200);
	ck_assert_int_eq(logged("admitted"), 2);
	ck_assert_int_eq(logged("undone"), 1);
	ck_assert_int_eq(logged("validation-undone"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans WHERE undone"), 1);
	ck_assert(audit_clean());
}
END_TEST

/* --- the door while buyers rush --------------------------------------------------------------- */

struct opening {
	struct shop shop;
	struct guest guests[REPEATS];
	_Atomic bool stop;
	_Atomic int refused, odd, admitted;
	_Atomic int64_t slowest_us;
};

static void buy_or_scan(void *ctx, size_t i)
{
	struct opening *opening = ctx;

	while (i < BUYERS && !opening->stop) {
		struct reply *reply = shop_register(
			&opening->shop, token_of((int64_t)(1000 + i), "user"), text("b%zu", i));

		opening->refused += !strcmp(reply_slug(reply), "overloaded");
		opening->odd += reply->status != 503;
		reply_free(reply);
		clock_sleep_ms(20);
	}
	if (i < BUYERS)
		return;
	while (!opening->refused)
		clock_sleep_ms(5);
	for (int n = 0; n < REPEATS; n++) {
		int64_t begun_us = clock_monotonic_us();

		opening->admitted += scan(printed(&opening->guests[n]))->status == 200;
		if (clock_monotonic_us() - begun_us > opening->slowest_us)
			opening->slowest_us = clock_monotonic_us() - begun_us;
	}
	opening->stop = true;
}

/* Buyers wait for an event that somebody holds, and fill the API up to its bound. */
START_TEST(the_door_stays_open_while_buyers_rush)
{
	static struct opening opening;
	struct pg_conn *holder = NULL;
	struct problem err = {0};

	opening.shop = shop_open(1000, "0", 1000);
	for (int i = 0; i < REPEATS; i++)
		opening.guests[i] = new_guest(&opening.shop, text("g%d", i));
	if (pg_connect(suite_database(), &holder, &err) ||
	    pg_exec(holder, "BEGIN; SELECT FROM events FOR NO KEY UPDATE", PG_NO_ARGS, NULL, &err))
		ck_abort_msg("%s", err.detail);
	crowd(BUYERS + 1, buy_or_scan, &opening);
	pg_return(&holder);
	ck_assert_int_eq(opening.admitted, REPEATS);
	ck_assert_int_lt(opening.slowest_us, US_PER_S);
	ck_assert_int_gt(opening.refused, BUYERS / 2);
	ck_assert_int_eq(opening.odd, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admission over HTTP");
	TCase *cases = tcase_create("admission"), *small = tcase_create("rush");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_add_checked_fixture(small, begin_small, end);
	tcase_set_timeout(cases, 60);
	tcase_set_timeout(small, 60);
	tcase_add_test(cases, fifty_scans_admit_one);
	tcase_add_test(cases, scans_and_hands_admit_one);
	tcase_add_test(cases, without_locks_the_crowd_comes_out_wrong);
	tcase_add_test(cases, a_repeated_scan_gets_the_same_bytes);
	tcase_add_test(cases, a_scan_id_belongs_to_one_code);
	tcase_add_test(cases, an_undone_admission_may_come_again);
	tcase_add_test(small, the_door_stays_open_while_buyers_rush);
	suite_add_tcase(suite, cases);
	suite_add_tcase(suite, small);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
