/* admit_tickets and its kin (schema/0004_admission.sql) against a real PostgreSQL. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/servers.h"

enum { ORGANIZER = 1, STAFF = 2, STRANGER = 3, THREADS_MAX = 50 };
#define SCAN_A "00000000-0000-4000-8000-00000000000a"
#define SCAN_B "00000000-0000-4000-8000-00000000000b"

static const char *url;
static struct pg_conn *db;

/* What somebody holds out at the door: a code, or an authentic QR of a ticket. */
struct presented {
	int caller; /* 0: the organizer */
	bool admin;
	const char *code;
	int qr; /* number of the ticket, its guest and so on as seeded */
	int64_t issued_ms;
	int event;
	const char *scan;
};

struct said {
	char outcome[32];
	bool replayed;
	int64_t ticket_id;
	int64_t validated_at;
};

/* --- a world -----------------------------------------------------------------------------------
 */

/* Event 1 with tickets 1 to 5 (code EVT-n, guest n, issued at 1000 + n); guest 6 has no ticket. */
static const char seed[] =
	"INSERT INTO users (id) VALUES (1), (2), (3);"
	"INSERT INTO events (id, title, event_date, time_zone, location, max_attendees, currency,"
	" organizer_id, status) VALUES (1, 'Door', now(), 'UTC', 'Hall', 100, 'EUR', 1, 'active'),"
	" (2, 'Other', now(), 'UTC', 'Hall', 100, 'EUR', 1, 'active');"
	"INSERT INTO event_staff (event_id, user_id) VALUES (1, 2);"
	"INSERT INTO ticket_types (id, event_id, name, price, quantity)"
	" VALUES (1, 1, 'Standard', 0, 100);"
	"INSERT INTO guests (id, event_id, first_name, last_name, email, ticket_type_id, status,"
	" registered_by, attempt_id, created_at) SELECT n, 1, 'Guest', n, n || '@example.com',"
	" CASE WHEN n < 6 THEN 1 END, CASE WHEN n < 6 THEN 'confirmed' ELSE 'registered' END, 3,"
	" gen_random_uuid(), '2026-01-01T10:07:00Z' FROM generate_series(1, 6) AS n;"
	"INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, issued_at_ms)"
	" SELECT n, 1, n, 1, 'EVT-' || n, 1000 + n FROM generate_series(1, 5) AS n";

static struct pg_conn *connect_new(void)
{
	struct problem err = {0};
	struct pg_conn *conn = NULL;

	ck_assert_msg(pg_connect(url, &conn, &err) == OK, "%s", err.detail);
	return conn;
}

static void run(const char *sql)
{
	struct problem err = {0};

	ck_assert_msg(pg_exec(db, sql, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
}

static int64_t number(const char *sql)
{
	struct problem err = {0};
	PG_RESULT result = NULL;

	ck_assert_msg(pg_exec(db, sql, PG_NO_ARGS, &result, &err) == OK, "%s", err.detail);
	ck_assert_uint_eq(pg_rows(result), 1);
	return pg_i64(result, 0, 0);
}

static void setup(void)
{
	url = servers_database_create("admission");
	db = connect_new();
	run(seed);
}

static void teardown(void)
{
	pg_return(&db);
}

/* --- scans -------------------------------------------------------------------------------------
 */

/* The digest only has to tell one code from another. */
static void add_member(struct strbuf *out, int ord, const struct presented *shown)
{
	strbuf_addf(out, "%s{\"ord\":%d,\"caller_id\":%d,\"is_admin\":%s", ord > 1 ? "," : "", ord,
		    shown->caller ? shown->caller : ORGANIZER, shown->admin ? "true" : "false");
	if (shown->code)
		strbuf_addf(out, ",\"ticket_code\":\"%s\"", shown->code);
	else
		strbuf_addf(out,
			    ",\"qr_ticket_id\":%d,\"qr_event_id\":1,\"qr_guest_id\":%d,"
			    "\"qr_issued_ms\":%lld",
			    shown->qr, shown->qr,
			    (long long)(shown->issued_ms ? shown->issued_ms : 1000 + shown->qr));
	if (shown->event)
		strbuf_addf(out, ",\"event_id\":%d", shown->event);
	if (shown->scan)
		strbuf_addf(out, ",\"scan_id\":\"%s\"", shown->scan);
	strbuf_adds(out, ",\"code_digest\":\"");
	for (const char *c = shown->code ? shown->code : "qr"; *c; c++)
		strbuf_addf(out, "%02x", (unsigned)*c);
	strbuf_addf(out, "%02x\"}", (unsigned)shown->qr);
}

static void call(struct pg_conn *conn, const struct presented *shown, size_t count,
		 struct said *ret)
{
	CLEANUP(strbuf_release) struct strbuf members;
	struct problem err = {0};
	PG_RESULT result = NULL;

	strbuf_init(&members, NULL);
	strbuf_addc(&members, '[');
	for (size_t i = 0; i < count; i++)
		add_member(&members, (int)i + 1, &shown[i]);
	strbuf_addc(&members, ']');
	ck_assert_msg(pg_exec(conn,
			      "SELECT outcome, replayed, ticket_id, validated_at"
			      " FROM admit_tickets($1::jsonb) ORDER BY ord",
			      PG_ARGS(PG_TEXT(members.buf)), &result, &err) == OK,
		      "%s", err.detail);
	ck_assert_uint_eq(pg_rows(result), count);
	for (size_t i = 0; i < count; i++) {
		snprintf(ret[i].outcome, sizeof(ret[i].outcome), "%s", pg_text(result, i, 0));
		ret[i].replayed = pg_bool(result, i, 1);
		ret[i].ticket_id = pg_i64(result, i, 2);
		ret[i].validated_at = pg_time(result, i, 3);
	}
}

static struct said scan(struct presented shown)
{
	struct said said;

	call(db, &shown, 1, &said);
	return said;
}

#define SHOW(...) scan((struct presented){__VA_ARGS__})
#define EXPECT(outcome_, ...)                                                                      \
	ck_assert_str_eq(scan((struct presented){__VA_ARGS__}).outcome, outcome_)

static int64_t scans(void)
{
	return number("SELECT count(*) FROM ticket_scans");
}

static void expect_admissions(int64_t n)
{
	ck_assert_int_eq(number("SELECT count(*) FROM tickets WHERE is_validated"), n);
	ck_assert_int_eq(number("SELECT count(*) FROM guests WHERE status = 'checked_in'"
				" AND ticket_type_id IS NOT NULL"),
			 n);
	ck_assert_int_eq(number("SELECT coalesce(sum(n), 0) FROM statistics_deltas"
				" WHERE kind = 'check_ins' AND ticket_type_id = 1"),
			 n);
	ck_assert_int_eq(number("SELECT count(*) FROM ticket_scans"
				" WHERE outcome = 'admitted' AND NOT undone"),
			 n);
}

/* --- one scanner -------------------------------------------------------------------------------
 */

START_TEST(an_admission_is_written_everywhere)
{
	struct said said = SHOW(.code = "EVT-1", .scan = SCAN_A);

	ck_assert_str_eq(said.outcome, "admitted");
	ck_assert(!said.replayed);
	ck_assert_int_eq(said.ticket_id, 1);
	ck_assert(said.validated_at % US_PER_MS == 0);
	expect_admissions(1);
	ck_assert_int_eq(number("SELECT count(*) FROM guests g JOIN tickets t ON t.guest_id = g.id"
				" JOIN ticket_scans s ON s.ticket_id = t.id"
				" WHERE g.id = 1 AND g.status_before = 'confirmed'"
				" AND g.checked_in_at = t.validated_at"
				" AND s.validated_at = t.validated_at AND s.scanned_by = 1"
				" AND g.edit_version = 2 AND t.edit_version = 2"),
			 1);
	ck_assert_int_eq(number("SELECT count(*) FROM statistics_deltas d JOIN tickets t"
				" ON d.quarter = quarter_of(t.validated_at) WHERE t.id = 1"
				" AND d.event_id = 1"),
			 1);
}
END_TEST

START_TEST(a_second_scan_hears_when_the_first_was)
{
	struct said first = SHOW(.code = "EVT-1");
	struct said second = SHOW(.qr = 1);

	ck_assert_str_eq(second.outcome, "already-validated");
	ck_assert(second.validated_at == first.validated_at);
	expect_admissions(1);
	ck_assert_int_eq(scans(), 2);
}
END_TEST

START_TEST(organizer_staff_and_admin_scan_others_see_no_ticket)
{
	EXPECT("not-found", .code = "EVT-1", .caller = STRANGER);
	EXPECT("not-found", .code = "EVT-9");
	EXPECT("not-found", .qr = 9);
	EXPECT("admitted", .code = "EVT-1", .caller = STAFF);
	EXPECT("admitted", .code = "EVT-2", .caller = STRANGER, .admin = true);
	/* Nothing of the stranger's stands in the event's own log. */
	ck_assert_int_eq(number("SELECT count(*) FROM ticket_scans WHERE outcome = 'not-found'"
				" AND event_id IS NULL"),
			 3);
}
END_TEST

static const struct {
	const char *status;
	const char *outcome;
} event_states[] = {
	{"draft", "event-not-open"},     {"published", "admitted"},         {"active", "admitted"},
	{"completed", "event-not-open"}, {"cancelled", "ticket-cancelled"},
};

START_TEST(the_event_must_be_open)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "UPDATE events SET status = '%s'", event_states[_i].status);
	run(sql);
	EXPECT(event_states[_i].outcome, .code = "EVT-1");
	ck_assert_int_eq(scans(), 1);
}
END_TEST

START_TEST(what_is_cancelled_or_replaced_does_not_open)
{
	run("UPDATE tickets SET status = 'cancelled' WHERE id = 1");
	EXPECT("ticket-cancelled", .code = "EVT-1");
	run("UPDATE guests SET status = 'cancelled', cancelled_at = now() WHERE id = 2");
	EXPECT("ticket-cancelled", .code = "EVT-2");
	EXPECT("ticket-cancelled", .qr = 3, .issued_ms = 999);
	run("INSERT INTO retired_codes (ticket_code, ticket_id) VALUES ('EVT-4', 4);"
	    "UPDATE tickets SET ticket_code = 'EVT-4-NEW' WHERE id = 4");
	EXPECT("ticket-cancelled", .code = "EVT-4");
	expect_admissions(0);
	EXPECT("admitted", .code = "EVT-4-NEW");
	EXPECT("admitted", .qr = 3);
	expect_admissions(2);
}
END_TEST

START_TEST(the_first_of_several_reasons_wins)
{
	EXPECT("admitted", .code = "EVT-1");
	run("UPDATE events SET status = 'completed' WHERE id = 1");
	EXPECT("not-found", .code = "EVT-1", .event = 2, .caller = STRANGER);
	EXPECT("wrong-event", .code = "EVT-1", .event = 2);
	EXPECT("event-not-open", .code = "EVT-1", .event = 1);
	run("UPDATE events SET status = 'active' WHERE id = 1");
	EXPECT("ticket-cancelled", .qr = 1, .issued_ms = 999);
	EXPECT("already-validated", .qr = 1);
	ck_assert_int_eq(scans(), 6);
	ck_assert_int_eq(number("SELECT count(DISTINCT outcome) FROM ticket_scans"), 6);
}
END_TEST

/* --- scan ids ----------------------------------------------------------------------------------
 */

START_TEST(a_repeated_scan_gets_the_first_answer)
{
	struct said first = SHOW(.code = "EVT-1", .scan = SCAN_A);
	struct said again = SHOW(.code = "EVT-1", .scan = SCAN_A, .caller = STAFF);

	ck_assert_str_eq(again.outcome, "admitted");
	ck_assert(again.replayed);
	ck_assert(again.validated_at == first.validated_at);
	EXPECT("already-validated", .code = "EVT-1", .scan = SCAN_B);
	again = SHOW(.code = "EVT-1", .scan = SCAN_B);
	ck_assert_str_eq(again.outcome, "already-validated");
	ck_assert(again.replayed);
	ck_assert(again.validated_at == first.validated_at);
	ck_assert_int_eq(scans(), 2);
	expect_admissions(1);
}
END_TEST

START_TEST(a_refusal_is_repeated_even_when_its_reason_is_gone)
{
	EXPECT("wrong-event", .code = "EVT-1", .event = 2, .scan = SCAN_A);
	EXPECT("wrong-event", .code = "EVT-1", .scan = SCAN_A);
	ck_assert_int_eq(scans(), 1);
	expect_admissions(0);
}
END_TEST

START_TEST(a_scan_id_is_for_one_code_of_one_event)
{
	EXPECT("admitted", .code = "EVT-1", .scan = SCAN_A);
	EXPECT("idempotency-mismatch", .code = "EVT-2", .scan = SCAN_A);
	EXPECT("idempotency-mismatch", .qr = 1, .scan = SCAN_A);
	expect_admissions(1);
	/* Not burnt by who may not scan here. */
	EXPECT("not-found", .code = "EVT-2", .scan = SCAN_B, .caller = STRANGER);
	EXPECT("admitted", .code = "EVT-2", .scan = SCAN_B);
}
END_TEST

/* --- undo --------------------------------------------------------------------------------------
 */

START_TEST(an_undone_admission_leaves_a_trail_and_may_be_given_again)
{
	EXPECT("admitted", .code = "EVT-1", .scan = SCAN_A);
	run("SELECT undo_admission(1, 2)");
	expect_admissions(0);
	ck_assert_int_eq(number("SELECT count(*) FROM ticket_scans WHERE outcome = 'undone'"
				" AND guest_id = 1 AND ticket_id = 1 AND scanned_by = 2"),
			 1);
	ck_assert_int_eq(number("SELECT count(*) FROM guests WHERE id = 1"
				" AND status = 'confirmed' AND status_before IS NULL"),
			 1);
	EXPECT("validation-undone", .code = "EVT-1", .scan = SCAN_A);
	EXPECT("idempotency-mismatch", .code = "EVT-2", .scan = SCAN_A);
	EXPECT("admitted", .code = "EVT-1", .scan = SCAN_B);
	expect_admissions(1);
}
END_TEST

START_TEST(undoing_what_is_not_admitted_changes_nothing)
{
	run("SELECT undo_admission(1, 2)");
	ck_assert_int_eq(scans(), 0);
	ck_assert_int_eq(number("SELECT count(*) FROM statistics_deltas"), 0);
	ck_assert_int_eq(number("SELECT edit_version FROM guests WHERE id = 1"), 1);
}
END_TEST

START_TEST(a_guest_without_ticket_counts_as_confirmed_while_in)
{
	static const char confirmed[] =
		"SELECT coalesce(sum(n), 0) FROM statistics_deltas WHERE kind = 'confirmed'"
		" AND quarter = '2026-01-01T10:00:00Z' AND ticket_type_id IS NULL";

	run("SELECT admit_guests(ARRAY[6::bigint], now())");
	ck_assert_int_eq(number(confirmed), 1);
	run("SELECT undo_admission(6, 1)");
	ck_assert_int_eq(number(confirmed), 0);
	ck_assert_int_eq(number("SELECT count(*) FROM guests WHERE id = 6"
				" AND status = 'registered' AND checked_in_at IS NULL"),
			 1);
	ck_assert_int_eq(number("SELECT sum(n) FROM statistics_deltas WHERE kind = 'check_ins'"),
			 0);
}
END_TEST

/* --- many in one call --------------------------------------------------------------------------
 */

START_TEST(scans_of_one_call_are_judged_as_one_by_one)
{
	const struct presented shown[] = {
		{.code = "EVT-1", .scan = SCAN_A},
		{.code = "EVT-2", .scan = SCAN_A},
		{.code = "EVT-1", .scan = SCAN_A},
		{.code = "EVT-1", .scan = SCAN_B},
		{.code = "EVT-2"},
		{.code = "EVT-2", .caller = STRANGER},
		{.qr = 2},
		{.qr = 3},
	};
	static const char *const expected[] = {
		"admitted",  "idempotency-mismatch", "admitted", "already-validated", "admitted",
		"not-found", "already-validated",    "admitted",
	};
	struct said said[ARRAY_LEN(shown)];

	call(db, shown, ARRAY_LEN(shown), said);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		ck_assert_msg(!strcmp(said[i].outcome, expected[i]), "%zu: %s, not %s", i,
			      said[i].outcome, expected[i]);
	ck_assert(said[2].replayed);
	ck_assert(said[2].validated_at == said[0].validated_at);
	ck_assert_int_eq(scans(), 7);
	expect_admissions(3);
}
END_TEST

/* --- many at once ------------------------------------------------------------------------------
 */

struct scanner {
	pthread_t thread;
	pthread_barrier_t *start;
	struct presented shown;
	struct said said;
};

static void *scan_with_others(void *at)
{
	struct scanner *scanner = at;
	PG_LEASED conn = connect_new();

	pthread_barrier_wait(scanner->start);
	call(conn, &scanner->shown, 1, &scanner->said);
	return NULL;
}

static void scan_at_once(struct scanner *scanners, unsigned count)
{
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, count);
	for (unsigned i = 0; i < count; i++) {
		scanners[i].start = &start;
		ck_assert_int_eq(
			pthread_create(&scanners[i].thread, NULL, scan_with_others, &scanners[i]),
			0);
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(scanners[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

static unsigned count_said(const struct scanner *scanners, unsigned count, const char *outcome)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += !strcmp(scanners[i].said.outcome, outcome);
	return n;
}

START_TEST(fifty_scanners_admit_one)
{
	struct scanner scanners[THREADS_MAX] = {0};

	for (int i = 0; i < THREADS_MAX; i++)
		scanners[i].shown.code = "EVT-1";
	scan_at_once(scanners, THREADS_MAX);
	ck_assert_uint_eq(count_said(scanners, THREADS_MAX, "admitted"), 1);
	ck_assert_uint_eq(count_said(scanners, THREADS_MAX, "already-validated"), THREADS_MAX - 1);
	expect_admissions(1);
	ck_assert_int_eq(scans(), THREADS_MAX);
}
END_TEST

START_TEST(one_scan_sent_many_times_at_once_has_one_answer)
{
	enum { N = 20 };
	struct scanner scanners[N] = {0};
	unsigned replayed = 0;

	for (int i = 0; i < N; i++)
		scanners[i].shown = (struct presented){.code = "EVT-1", .scan = SCAN_A};
	scan_at_once(scanners, N);
	ck_assert_uint_eq(count_said(scanners, N, "admitted"), N);
	for (int i = 0; i < N; i++) {
		replayed += scanners[i].said.replayed;
		ck_assert(scanners[i].said.validated_at == scanners[0].said.validated_at);
	}
	ck_assert_uint_eq(replayed, N - 1);
	ck_assert_int_eq(scans(), 1);
	expect_admissions(1);
}
END_TEST

/* No lock is shared here but the scan id's own. */
START_TEST(one_scan_id_for_two_codes_at_once_admits_one)
{
	enum { N = 20 };
	struct scanner scanners[N] = {0};
	unsigned admitted, mismatched;

	for (int i = 0; i < N; i++)
		scanners[i].shown =
			(struct presented){.code = i % 2 ? "EVT-1" : "EVT-2", .scan = SCAN_A};
	scan_at_once(scanners, N);
	admitted = count_said(scanners, N, "admitted");
	mismatched = count_said(scanners, N, "idempotency-mismatch");
	ck_assert_uint_eq(admitted, N / 2);
	ck_assert_uint_eq(mismatched, N / 2);
	expect_admissions(1);
}
END_TEST

static void wait_for_a_waiter(void)
{
	while (number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
		      " AND datname = current_database()") == 0)
		clock_sleep_ms(5);
}

/* A scan that waited for somebody's change is judged by what was changed. */
static void scan_during(const char *change, const char *expected)
{
	struct scanner scanner = {.shown = {.qr = 1}};
	PG_LEASED other = connect_new();
	struct problem err = {0};
	pthread_barrier_t start;

	ck_assert_int_eq(pg_begin(other, &err), OK);
	ck_assert_msg(pg_exec(other, change, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
	pthread_barrier_init(&start, NULL, 1);
	scanner.start = &start;
	ck_assert_int_eq(pthread_create(&scanner.thread, NULL, scan_with_others, &scanner), 0);
	wait_for_a_waiter();
	ck_assert_int_eq(pg_commit(other, &err), OK);
	pthread_join(scanner.thread, NULL);
	ck_assert_str_eq(scanner.said.outcome, expected);
}

START_TEST(a_scan_waits_for_a_cancel)
{
	scan_during("UPDATE guests SET status = 'cancelled', cancelled_at = now() WHERE id = 1;"
		    "UPDATE tickets SET status = 'cancelled' WHERE guest_id = 1",
		    "ticket-cancelled");
	expect_admissions(0);
}
END_TEST

START_TEST(a_scan_waits_for_a_reissue)
{
	scan_during("SELECT FROM guests WHERE id = 1 FOR NO KEY UPDATE;"
		    "UPDATE tickets SET issued_at_ms = issued_at_ms + 1 WHERE id = 1",
		    "ticket-cancelled");
	EXPECT("admitted", .qr = 1, .issued_ms = 1002);
}
END_TEST

START_TEST(a_scan_waits_for_an_undo)
{
	EXPECT("admitted", .qr = 1);
	scan_during(
		"SELECT FROM guests WHERE id = 1 FOR NO KEY UPDATE; SELECT undo_admission(1, 1)",
		"admitted");
	expect_admissions(1);
}
END_TEST

/* Nothing at the door waits for a buyer who holds the event. */
START_TEST(a_scan_does_not_wait_for_the_event)
{
	PG_LEASED buyer = connect_new();
	struct problem err = {0};

	ck_assert_int_eq(pg_begin(buyer, &err), OK);
	ck_assert_int_eq(pg_exec(buyer, "UPDATE events SET current_attendees = 1 WHERE id = 1",
				 PG_NO_ARGS, NULL, &err),
			 OK);
	run("SET lock_timeout = '1s'");
	EXPECT("admitted", .code = "EVT-1");
	pg_rollback(buyer);
}
END_TEST

static Suite *suite(void)
{
	Suite *made = suite_create("admission");
	TCase *door = tcase_create("door");
	TCase *crowd = tcase_create("crowd");

	tcase_add_checked_fixture(door, setup, teardown);
	tcase_set_timeout(door, 30);
	tcase_add_test(door, an_admission_is_written_everywhere);
	tcase_add_test(door, a_second_scan_hears_when_the_first_was);
	tcase_add_test(door, organizer_staff_and_admin_scan_others_see_no_ticket);
	tcase_add_loop_test(door, the_event_must_be_open, 0, (int)ARRAY_LEN(event_states));
	tcase_add_test(door, what_is_cancelled_or_replaced_does_not_open);
	tcase_add_test(door, the_first_of_several_reasons_wins);
	tcase_add_test(door, a_repeated_scan_gets_the_first_answer);
	tcase_add_test(door, a_refusal_is_repeated_even_when_its_reason_is_gone);
	tcase_add_test(door, a_scan_id_is_for_one_code_of_one_event);
	tcase_add_test(door, an_undone_admission_leaves_a_trail_and_may_be_given_again);
	tcase_add_test(door, undoing_what_is_not_admitted_changes_nothing);
	tcase_add_test(door, a_guest_without_ticket_counts_as_confirmed_while_in);
	tcase_add_test(door, scans_of_one_call_are_judged_as_one_by_one);
	tcase_add_checked_fixture(crowd, setup, teardown);
	tcase_set_timeout(crowd, 60);
	tcase_add_test(crowd, fifty_scanners_admit_one);
	tcase_add_test(crowd, one_scan_sent_many_times_at_once_has_one_answer);
	tcase_add_test(crowd, one_scan_id_for_two_codes_at_once_admits_one);
	tcase_add_test(crowd, a_scan_waits_for_a_cancel);
	tcase_add_test(crowd, a_scan_waits_for_a_reissue);
	tcase_add_test(crowd, a_scan_waits_for_an_undo);
	tcase_add_test(crowd, a_scan_does_not_wait_for_the_event);
	suite_add_tcase(made, door);
	suite_add_tcase(made, crowd);
	return made;
}

int main(void)
{
	SRunner *runner;
	int failed;

	servers_start();
	runner = srunner_create(suite());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
