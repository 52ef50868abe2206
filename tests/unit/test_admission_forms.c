/*
 * Two worlds with one history: in the first each scan is a call of its own, in the second those
 * between two changes are one call. Everybody must hear the same, and the same must be written.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/chaos/dice.h"
#include "tests/support/servers.h"

enum { ORGANIZER = 1, STAFF, STRANGER, CALLERS = STRANGER };
enum { TICKETS = 6, SCAN_IDS = 5, BATCH_MAX = 24, STEPS = 30, HISTORIES = 12 };

/* Tickets 1 to 3 are of event 1, the others of event 2; guest 6 has not paid. */
static const char seed[] =
	"INSERT INTO users (id) VALUES (1), (2), (3);"
	"INSERT INTO events (id, title, event_date, time_zone, location, max_attendees, currency,"
	" organizer_id, status) SELECT n, 'Door', now(), 'UTC', 'Hall', 100, 'EUR', 1, 'active'"
	" FROM generate_series(1, 2) AS n;"
	"INSERT INTO event_staff (event_id, user_id) VALUES (1, 2);"
	"INSERT INTO ticket_types (id, event_id, name, price, quantity)"
	" VALUES (1, 1, 'First', 0, 100), (2, 2, 'Second', 5, 100);"
	"INSERT INTO guests (id, event_id, first_name, last_name, email, ticket_type_id, status,"
	" registered_by, attempt_id, created_at) SELECT n, 1 + (n > 3)::int, 'Guest', n,"
	" n || '@example.com', 1 + (n > 3)::int, (ARRAY['confirmed', 'registered', 'confirmed',"
	" 'confirmed', 'confirmed', 'pending'])[n], 3, gen_random_uuid(), '2026-01-01T10:07:00Z'"
	" FROM generate_series(1, 6) AS n;"
	"INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, issued_at_ms)"
	" SELECT id, event_id, id, ticket_type_id, 'EVT-' || id || '-0', 1000 FROM guests";

/* All that is written, but for times and serial numbers. */
static const char written[] =
	"SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
	" SELECT format('guest %s %s %s %s %s', g.id, g.status, g.status_before, g.edit_version,"
	" g.checked_in_at IS NOT DISTINCT FROM t.validated_at) AS line"
	" FROM guests g JOIN tickets t ON t.guest_id = g.id UNION ALL"
	" SELECT format('ticket %s %s %s', id, is_validated, edit_version) FROM tickets UNION ALL"
	" SELECT format('scan %s %s %s %s %s %s %s %s %s %s', event_id, ticket_id, guest_id, "
	"scan_id,"
	" encode(code_digest, 'hex'), outcome, validated_at IS NULL, undone, scanned_by, count(*))"
	" FROM ticket_scans GROUP BY event_id, ticket_id, guest_id, scan_id, code_digest, outcome,"
	" validated_at IS NULL, undone, scanned_by UNION ALL"
	" SELECT format('number %s %s %s %s', event_id, ticket_type_id, kind, sum(n))"
	" FROM statistics_deltas GROUP BY event_id, ticket_type_id, kind) AS lines";

struct shown {
	int ticket; /* TICKETS + 1: there is none */
	int caller;
	bool admin;
	bool by_code;
	int issue; /* how many were made before */
	int event; /* 0: not said */
	int scan;  /* 0: none */
};

struct said {
	char outcome[32];
	bool replayed;
	int64_t ticket_id;
	int64_t validated_at;
};

struct world {
	struct pg_conn *db;
	int64_t admitted_at[TICKETS + 2];
	int64_t answered_at[3][SCAN_IDS + 1]; /* by event and scan id */
};

static struct world single, many;
static int issues[TICKETS + 2];

/* --- worlds ------------------------------------------------------------------------------------
 */

static void run(struct world *world, const char *statement)
{
	struct problem err = {0};

	ck_assert_msg(pg_exec(world->db, statement, PG_NO_ARGS, NULL, &err) == OK, "%s: %s",
		      statement, err.detail);
}

static void open_world(struct world *world, const char *name)
{
	struct problem err = {0};

	memset(world, 0, sizeof(*world));
	ck_assert_msg(pg_connect(servers_database_create(name), &world->db, &err) == OK, "%s",
		      err.detail);
	run(world, seed);
}

static void setup(void)
{
	memset(issues, 0, sizeof(issues));
	open_world(&single, "admission_single");
	open_world(&many, "admission_many");
}

static void teardown(void)
{
	pg_return(&single.db);
	pg_return(&many.db);
}

static char *text_of(struct world *world, const char *statement)
{
	struct problem err = {0};
	PG_RESULT result = NULL;

	ck_assert_msg(pg_exec(world->db, statement, PG_NO_ARGS, &result, &err) == OK, "%s",
		      err.detail);
	return strdup(pg_text(result, 0, 0));
}

/* --- scans -------------------------------------------------------------------------------------
 */

static int event_of(int ticket)
{
	return ticket > TICKETS / 2 ? 2 : 1;
}

static void add_member(struct strbuf *out, size_t ord, const struct shown *shown)
{
	strbuf_addf(out, "%s{\"ord\":%zu,\"caller_id\":%d,\"is_admin\":%s", ord ? "," : "", ord,
		    shown->caller, shown->admin ? "true" : "false");
	if (shown->by_code)
		strbuf_addf(out, ",\"ticket_code\":\"EVT-%d-%d\"", shown->ticket, shown->issue);
	else
		strbuf_addf(out,
			    ",\"qr_ticket_id\":%d,\"qr_event_id\":%d,\"qr_guest_id\":%d,"
			    "\"qr_issued_ms\":%d",
			    shown->ticket, event_of(shown->ticket), shown->ticket,
			    1000 + shown->issue);
	if (shown->event)
		strbuf_addf(out, ",\"event_id\":%d", shown->event);
	if (shown->scan)
		strbuf_addf(out, ",\"scan_id\":\"00000000-0000-4000-8000-%012d\"", shown->scan);
	strbuf_addf(out, ",\"code_digest\":\"%02d%02d%02d\"}", shown->by_code, shown->ticket,
		    shown->issue);
}

static void call(struct world *world, const struct shown *shown, size_t count, struct said *ret)
{
	CLEANUP(strbuf_release) struct strbuf members;
	struct problem err = {0};
	PG_RESULT result = NULL;

	strbuf_init(&members, NULL);
	strbuf_addc(&members, '[');
	for (size_t i = 0; i < count; i++)
		add_member(&members, i, &shown[i]);
	strbuf_addc(&members, ']');
	ck_assert_msg(pg_exec(world->db,
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

static bool is(const struct said *said, const char *outcome)
{
	return !strcmp(said->outcome, outcome);
}

/* The times of a world agree with each other: the other world's clock shows others. */
static void check_times(struct world *world, const struct shown *shown, const struct said *said)
{
	int64_t *first = &world->answered_at[event_of(shown->ticket)][shown->scan];

	if (said->replayed) {
		ck_assert(said->validated_at == *first);
		return;
	}
	if (is(said, "admitted"))
		world->admitted_at[shown->ticket] = said->validated_at;
	if (is(said, "admitted") || is(said, "already-validated"))
		ck_assert(said->validated_at == world->admitted_at[shown->ticket]);
	else
		ck_assert(said->validated_at == TIME_NONE);
	if (!is(said, "not-found") && !is(said, "idempotency-mismatch") &&
	    !is(said, "validation-undone"))
		*first = said->validated_at;
}

static struct shown any_shown(struct dice *dice)
{
	int ticket = dice_between(dice, 1, TICKETS + !dice_below(dice, 4));
	bool new = dice_below(dice, 4) || issues[ticket] == 0;

	return (struct shown){
		.ticket = ticket,
		.caller = dice_below(dice, 3) ? ORGANIZER : dice_between(dice, 1, CALLERS),
		.admin = !dice_below(dice, 8),
		.by_code = !dice_below(dice, 3),
		.issue = new ? issues[ticket] : dice_below(dice, issues[ticket]),
		.event = dice_below(dice, 3) ? 0 : dice_between(dice, 1, 2),
		.scan = dice_below(dice, 2) ? 0 : dice_between(dice, 1, SCAN_IDS),
	};
}

static void scan_some(struct dice *dice)
{
	size_t count = (size_t)dice_between(dice, 2, BATCH_MAX);
	struct shown shown[BATCH_MAX];
	struct said one, all[BATCH_MAX];

	for (size_t i = 0; i < count; i++)
		shown[i] = any_shown(dice);
	call(&many, shown, count, all);
	for (size_t i = 0; i < count; i++) {
		call(&single, &shown[i], 1, &one);
		ck_assert_msg(!strcmp(one.outcome, all[i].outcome) &&
				      one.replayed == all[i].replayed &&
				      one.ticket_id == all[i].ticket_id,
			      "%zu of %zu: %s%s, among others %s%s", i, count, one.outcome,
			      one.replayed ? " again" : "", all[i].outcome,
			      all[i].replayed ? " again" : "");
		check_times(&single, &shown[i], &one);
		check_times(&many, &shown[i], &all[i]);
	}
}

/* --- what happens between ----------------------------------------------------------------------
 */

static void change_something(struct dice *dice)
{
	static const char *const states[] = {"published", "active", "completed", "cancelled"};
	int ticket = dice_between(dice, 1, TICKETS);
	char statement[512];

	switch (dice_below(dice, 8)) {
	case 0:
		snprintf(statement, sizeof(statement),
			 "UPDATE events SET status = '%s' WHERE id = %d",
			 states[dice_below(dice, ARRAY_LEN(states))], dice_between(dice, 1, 2));
		break;
	case 1:
		issues[ticket]++;
		snprintf(
			statement, sizeof(statement),
			"INSERT INTO retired_codes (ticket_code, ticket_id) SELECT ticket_code, id "
			"FROM tickets WHERE id = %d; UPDATE tickets SET ticket_code = 'EVT-%d-%d', "
			"issued_at_ms = 1000 + %d WHERE id = %d",
			ticket, ticket, issues[ticket], issues[ticket], ticket);
		break;
	case 2:
		snprintf(statement, sizeof(statement),
			 "UPDATE guests SET status = 'cancelled', cancelled_at = now() WHERE id = "
			 "%d "
			 "AND status <> 'checked_in'",
			 ticket);
		break;
	case 3:
		snprintf(
			statement, sizeof(statement),
			"UPDATE guests SET status = 'confirmed', cancelled_at = NULL WHERE id = %d "
			"AND status <> 'checked_in'",
			ticket);
		break;
	case 4:
		snprintf(statement, sizeof(statement), "UPDATE events SET status = 'active'");
		break;
	default:
		snprintf(statement, sizeof(statement), "SELECT undo_admission(%d, 1)", ticket);
	}
	run(&single, statement);
	run(&many, statement);
}

START_TEST(scans_together_come_to_what_they_come_to_one_by_one)
{
	struct dice dice = {(uint64_t)_i};
	char *alone, *together;

	for (int step = 0; step < STEPS; step++) {
		scan_some(&dice);
		change_something(&dice);
	}
	alone = text_of(&single, written);
	together = text_of(&many, written);
	ck_assert_str_eq(alone, together);
	free(alone);
	free(together);
}
END_TEST

/* --- plans -------------------------------------------------------------------------------------
 */

static int64_t rows_read(void)
{
	char *text = text_of(&many, "SELECT seq_tup_read + idx_tup_fetch FROM "
				    "pg_stat_xact_user_tables WHERE relname = 'ticket_scans'");
	int64_t rows = atoll(text);

	free(text);
	return rows;
}

/* A session's plans are made by its first scan, here of an empty log. */
START_TEST(a_scan_reads_none_of_those_before)
{
	const struct shown shown[] = {{.ticket = 1, .caller = ORGANIZER, .scan = 1},
				      {.ticket = 2, .caller = ORGANIZER, .scan = 2},
				      {.ticket = 1, .caller = ORGANIZER, .scan = 1},
				      {.ticket = 3, .caller = ORGANIZER}};
	struct said said[ARRAY_LEN(shown)];

	run(&many, "VACUUM ANALYZE ticket_scans");
	call(&many, shown, 3, said);
	call(&many, shown, 1, said);
	run(&many, "INSERT INTO ticket_scans (event_id, scan_id, outcome, scanned_by) "
		   "SELECT 1, gen_random_uuid(), 'not-paid', 1 FROM generate_series(1, 20000)");
	run(&many, "BEGIN");
	call(&many, shown, ARRAY_LEN(shown), said);
	call(&many, shown, 1, said);
	ck_assert_str_eq(said[0].outcome, "admitted");
	ck_assert(said[0].replayed);
	ck_assert_int_lt(rows_read(), 20);
	run(&many, "ROLLBACK");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admission_forms");
	TCase *tc = tcase_create("forms");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, scans_together_come_to_what_they_come_to_one_by_one, 1,
			    HISTORIES + 1);
	tcase_add_test(tc, a_scan_reads_none_of_those_before);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
