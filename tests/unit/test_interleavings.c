/*
 * Interleavings that go wrong the naive way, step by step and not by chance: each is met by the
 * real statements, and then by naive ones, which must come out wrong.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "sql_api.h"
#include "sql_common.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"

enum { PATIENCE_MS = 60000, LOOK_MS = 2, NOTIFIERS = 8, NOTIFIED = 400 };

#define DEADLOCK "40P01"
#define UNIQUE "23505"

static const char *url;
static struct pg_conn *db;

/* Event 1 with one seat of type 1 left; event 2 has many. */
static const char seed[] =
	"INSERT INTO users (id) VALUES (1), (2);"
	"INSERT INTO events (id, title, event_date, time_zone, location, max_attendees, currency,"
	" organizer_id, status) VALUES (1, 'One', now() + interval '1 day', 'UTC', 'Hall', 100, "
	"'EUR',"
	" 1, 'published'), (2, 'Two', now() + interval '1 day', 'UTC', 'Hall', 100, 'EUR', 1,"
	" 'published');"
	"INSERT INTO ticket_types (id, event_id, name, price, quantity)"
	" VALUES (1, 1, 'Last', 0, 1), (2, 2, 'Many', 50, 100);"
	"INSERT INTO outbox (id, job_type, subject_id)"
	" SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'send-email', n"
	" FROM generate_series(1, 3) AS n";

static struct pg_conn *connect_new(void)
{
	struct problem err = {0};
	struct pg_conn *conn = NULL;

	ck_assert_msg(pg_connect(url, &conn, &err) == OK, "%s", err.detail);
	return conn;
}

static void setup(void)
{
	struct problem err = {0};

	url = servers_database_create("interleavings");
	db = connect_new();
	ck_assert_msg(pg_exec(db, seed, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
}

static void teardown(void)
{
	pg_return(&db);
}

/* --- sides ------------------------------------------------------------------------------------ */

/* A connection; what it begins runs in a thread, so that it can wait for another side. */
struct side {
	struct pg_conn *conn;
	int64_t pid;
	const char *statement;
	const struct pg_param *params;
	size_t param_count;
	pthread_t thread;
	atomic_bool done;
	enum status status;
	struct pg_result *result;
	struct problem problem;
};

static struct pg_result *answer(struct side *side)
{
	ck_assert_msg(side->status == OK, "%s: %s", side->statement, side->problem.detail);
	return side->result;
}

static void run(struct side *side)
{
	pg_result_free(&side->result);
	side->problem = (struct problem){0};
	side->status = pg_exec(side->conn, side->statement, side->params, side->param_count,
			       &side->result, &side->problem);
	side->done = true;
}

static void *run_in_thread(void *side)
{
	run(side);
	return NULL;
}

/* Say it and have the answer. */
static struct pg_result *say(struct side *side, const char *statement,
			     const struct pg_param *params, size_t count)
{
	side->statement = statement;
	side->params = params;
	side->param_count = count;
	run(side);
	return answer(side);
}

static int64_t number(const char *statement)
{
	PG_RESULT result = NULL;
	struct problem err = {0};

	ck_assert_msg(pg_exec(db, statement, PG_NO_ARGS, &result, &err) == OK, "%s: %s", statement,
		      err.detail);
	return pg_rows(result) ? pg_i64(result, 0, 0) : 0;
}

static bool waits(const struct side *side)
{
	PG_RESULT result = NULL;
	struct problem err = {0};

	ck_assert_int_eq(pg_exec(db,
				 "SELECT FROM pg_stat_activity WHERE pid = $1::integer"
				 " AND wait_event_type = 'Lock'",
				 PG_ARGS(PG_I64(side->pid)), &result, &err),
			 OK);
	return pg_rows(result) > 0;
}

/* Say it, and come back when it is answered or waits for a lock. The parameters outlive it. */
static void begin(struct side *side, const char *statement, const struct pg_param *params,
		  size_t count)
{
	int64_t until = clock_monotonic_us() + PATIENCE_MS * US_PER_MS;

	side->statement = statement;
	side->params = params;
	side->param_count = count;
	side->done = false;
	ck_assert_int_eq(pthread_create(&side->thread, NULL, run_in_thread, side), 0);
	while (!side->done && !waits(side)) {
		ck_assert_msg(clock_monotonic_us() < until, "neither answered nor waiting: %s",
			      statement);
		clock_sleep_ms(LOOK_MS);
	}
}

static void end(struct side *side)
{
	pthread_join(side->thread, NULL);
}

static void side_open(struct side *side)
{
	*side = (struct side){.conn = connect_new()};
	side->pid = pg_i64(say(side, "SELECT pg_backend_pid()", PG_NO_ARGS), 0, 0);
}

static void side_close(struct side *side)
{
	pg_result_free(&side->result);
	pg_return(&side->conn);
}

#define SIDE CLEANUP(side_close) struct side

static bool deadlocked(const struct side *a, const struct side *b)
{
	return !strcmp(pg_sqlstate(a->conn), DEADLOCK) || !strcmp(pg_sqlstate(b->conn), DEADLOCK);
}

/* --- rows locked by a set-based statement ------------------------------------------------------
 */

#define JOB(n) "00000000-0000-7000-8000-00000000000" #n

/* A plan may take rows in any order: this makes it that of the list. */
static const char in_lists_order[] =
	"SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off";

/* Two batches of the same jobs, the other way round, while somebody holds the one in the middle. */
static bool batches_deadlock(const char *statement)
{
	static const char *const up[] = {JOB(1), JOB(2), JOB(3)}, *const down[] = {JOB(3), JOB(2),
										   JOB(1)};
	const struct pg_param rising[] = {PG_TEXT_ARRAY(up, 3), PG_I64(10)};
	const struct pg_param falling[] = {PG_TEXT_ARRAY(down, 3), PG_I64(10)};
	SIDE holder, one, other;

	side_open(&holder);
	side_open(&one);
	side_open(&other);
	say(&one, in_lists_order, PG_NO_ARGS);
	say(&other, in_lists_order, PG_NO_ARGS);
	say(&holder, "BEGIN", PG_NO_ARGS);
	say(&holder, "UPDATE outbox SET attempts = attempts WHERE id = '" JOB(2) "'", PG_NO_ARGS);
	begin(&one, statement, rising, ARRAY_LEN(rising));
	begin(&other, statement, falling, ARRAY_LEN(falling));
	ck_assert(!one.done && !other.done);
	say(&holder, "COMMIT", PG_NO_ARGS);
	end(&one);
	end(&other);
	return deadlocked(&one, &other);
}

START_TEST(a_set_is_locked_in_order_then_changed)
{
	ck_assert(!batches_deadlock(sql_outbox_begin.sql));
	ck_assert(batches_deadlock("UPDATE outbox o SET deliveries = o.deliveries + 1 FROM "
				   "unnest($1::uuid[]) AS a (id) WHERE o.id = a.id AND "
				   "o.deliveries < $2::int"));
}
END_TEST

/* --- idempotency keys --------------------------------------------------------------------------
 */

#define MEMBER(n, key)                                                                             \
	"jsonb_build_object('ord', " #n ", 'attempt_id', gen_random_uuid(), 'event_id', 2,"        \
	" 'caller_id', 2, 'is_admin', true, 'ticket_type_id', 2, 'first_name', 'A', 'last_name',"  \
	" 'B', 'email', gen_random_uuid() || '@x.example', 'type', 'regular', 'ticket_code',"      \
	" gen_random_uuid(), 'job_id', gen_random_uuid(), 'payment_key', gen_random_uuid(),"       \
	" 'idempotency_key', '" key "', 'fingerprint', '00')"
#define REGISTER(members)                                                                          \
	"SELECT outcome FROM register_guests(jsonb_build_array(" members "), 900, 10, 3000)"

/* Two batches with the same keys, the other way round, while somebody holds the one in the middle.
 */
static bool keys_deadlock(void)
{
	SIDE holder, one, other;

	side_open(&holder);
	side_open(&one);
	side_open(&other);
	say(&holder, "BEGIN", PG_NO_ARGS);
	say(&holder, "SELECT lock_idempotency_key(2, 'middle', false)", PG_NO_ARGS);
	begin(&one, REGISTER(MEMBER(0, "a") "," MEMBER(1, "middle") "," MEMBER(2, "b")),
	      PG_NO_ARGS);
	begin(&other, REGISTER(MEMBER(0, "b") "," MEMBER(1, "middle") "," MEMBER(2, "a")),
	      PG_NO_ARGS);
	say(&holder, "ROLLBACK", PG_NO_ARGS);
	end(&one);
	end(&other);
	return deadlocked(&one, &other);
}

START_TEST(a_key_is_tried_not_waited_for)
{
	ck_assert(!keys_deadlock());
	ck_assert_int_eq(number("SELECT count(*) FROM idempotency_keys"), 2);
	/* The key's row first: whoever comes second waits for it. */
	number("CREATE TABLE naive_keys (caller BIGINT, key TEXT, PRIMARY KEY (caller, key))");
	number("CREATE OR REPLACE FUNCTION lock_idempotency_key(caller_id BIGINT, key TEXT, wait"
	       " BOOLEAN) RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$ BEGIN"
	       " INSERT INTO naive_keys VALUES ($1, $2) ON CONFLICT DO NOTHING; RETURN FOUND; END "
	       "$$");
	ck_assert(keys_deadlock());
}
END_TEST

/* --- lock, then read ----------------------------------------------------------------------------
 */

#define LAST_SEAT                                                                                  \
	"SELECT outcome FROM register_guests(jsonb_build_array(jsonb_build_object('ord', 0,"       \
	" 'attempt_id', gen_random_uuid(), 'event_id', 1, 'caller_id', 2, 'is_admin', true,"       \
	" 'ticket_type_id', 1, 'first_name', 'A', 'last_name', 'B', 'email', gen_random_uuid() ||" \
	" '@x.example', 'type', 'regular', 'ticket_code', gen_random_uuid(), 'job_id',"            \
	" gen_random_uuid(), 'payment_key', gen_random_uuid())), 900, 10, 3000)"

/* The event locked, and what hangs on it read, by the statement that waited. */
#define NAIVE_SEAT                                                                                 \
	"WITH event AS MATERIALIZED (SELECT id FROM events WHERE id = 1 FOR NO KEY UPDATE), free"  \
	" AS (SELECT t.id, t.event_id FROM event e JOIN ticket_types t ON t.event_id = e.id WHERE" \
	" (SELECT count(*) FROM guests g WHERE g.ticket_type_id = t.id) < t.quantity) INSERT INTO" \
	" guests (event_id, ticket_type_id, first_name, last_name, email, status, registered_by,"  \
	" attempt_id) SELECT event_id, id, 'A', 'B', gen_random_uuid() || '@x.example',"           \
	" 'confirmed', 2, gen_random_uuid() FROM free"

/* A second buyer comes while the first, who takes the last seat, has not committed. */
static int64_t sold_to_two(const char *statement)
{
	SIDE first, second;

	side_open(&first);
	side_open(&second);
	say(&first, "BEGIN", PG_NO_ARGS);
	say(&first, statement, PG_NO_ARGS);
	begin(&second, statement, PG_NO_ARGS);
	ck_assert(!second.done);
	say(&first, "COMMIT", PG_NO_ARGS);
	end(&second);
	answer(&second);
	return number("SELECT count(*) FROM guests WHERE ticket_type_id = 1");
}

START_TEST(what_was_waited_for_is_read_afterwards)
{
	ck_assert_int_eq(sold_to_two(LAST_SEAT), 1);
	number("TRUNCATE guests, tickets, outbox, statistics_deltas CASCADE");
	ck_assert_int_eq(sold_to_two(NAIVE_SEAT), 2);
}
END_TEST

/* --- a webhook and its intent -------------------------------------------------------------------
 */

static void wants_payment(int64_t guest_id)
{
	SIDE side;

	side_open(&side);
	say(&side,
	    "INSERT INTO guests (id, event_id, ticket_type_id, first_name, last_name, email, "
	    "status,"
	    " registered_by, attempt_id) VALUES ($1::bigint, 2, 2, 'A', 'B', $1::bigint || '@x', "
	    "'pending', 2, gen_random_uuid())",
	    PG_ARGS(PG_I64(guest_id)));
	say(&side,
	    "INSERT INTO payments (id, guest_id, event_id, amount, currency, status, method,"
	    " payment_key, expires_at, deadline_at) VALUES ($1::bigint, $1, 2, 50, 'EUR', "
	    "'created',"
	    " 'intent', gen_random_uuid(), now() + interval '1 h', '2030-01-01Z')",
	    PG_ARGS(PG_I64(guest_id)));
}

/* The webhook looks for the payment while the payment's intent is recorded: does each miss the
 * other? */
static bool each_misses(const char *intent, int64_t payment_id, bool locks)
{
	const struct pg_param named[] = {PG_TEXT(intent)};
	const struct pg_param message[] = {PG_TEXT(intent), PG_TEXT("payment.succeeded"),
					   PG_TEXT(intent), PG_MONEY(5000),
					   PG_TEXT("EUR"),  PG_TEXT(NULL),
					   PG_TEXT("{}")};
	const struct pg_param recorded[] = {PG_I64(payment_id),
					    PG_TIME(INT64_C(1893456000) * US_PER_S),
					    PG_TEXT(intent), PG_TEXT("secret"), PG_TIME(TIME_NONE)};
	SIDE webhook, recording;
	bool missed_payment;

	side_open(&webhook);
	side_open(&recording);
	wants_payment(payment_id);
	say(&webhook, "BEGIN", PG_NO_ARGS);
	say(&recording, "BEGIN", PG_NO_ARGS);
	if (locks)
		say(&webhook, sql_payment_lock_intent.sql, named, 1);
	say(&webhook, sql_payment_message_put.sql, message, ARRAY_LEN(message));
	missed_payment = !pg_rows(say(&webhook, sql_payment_by_intent.sql, named, 1));
	if (locks) {
		begin(&recording, sql_payment_lock_intent.sql, named, 1);
		ck_assert(!recording.done);
		say(&webhook, "COMMIT", PG_NO_ARGS);
		end(&recording);
	}
	say(&recording, sql_payment_record_intent.sql, recorded, ARRAY_LEN(recorded));
	return missed_payment &&
	       !pg_rows(say(&recording, sql_payment_messages_waiting.sql, named, 1));
}

START_TEST(a_webhook_and_its_intent_see_each_other)
{
	ck_assert(!each_misses("pi_locked", 1, true));
	ck_assert(each_misses("pi_naive", 2, false));
}
END_TEST

/* --- late money ---------------------------------------------------------------------------------
 */

START_TEST(an_address_that_came_back_is_asked_about)
{
	SIDE side;
	struct problem err = {0};

	side_open(&side);
	say(&side,
	    "INSERT INTO guests (id, event_id, ticket_type_id, first_name, last_name, email, "
	    "status,"
	    " registered_by, attempt_id, cancelled_at) VALUES"
	    " (1, 2, 2, 'A', 'B', 'same@x.example', 'cancelled', 2, gen_random_uuid(), now()),"
	    " (2, 2, 2, 'A', 'B', 'gone@x.example', 'cancelled', 2, gen_random_uuid(), now()),"
	    " (3, 2, 2, 'A', 'B', 'SAME@x.example', 'confirmed', 2, gen_random_uuid(), NULL)",
	    PG_NO_ARGS);
	ck_assert_uint_eq(pg_rows(say(&side, sql_guest_may_return.sql, PG_ARGS(PG_I64(1)))), 0);
	ck_assert_uint_eq(pg_rows(say(&side, sql_guest_may_return.sql, PG_ARGS(PG_I64(2)))), 1);
	/* Not asked, the payer's webhook fails each time it comes. */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_ne(pg_exec(side.conn, sql_guest_set_status.sql,
					 PG_ARGS(PG_I64(1), PG_TEXT("confirmed")), NULL, &err),
				 OK);
		ck_assert_str_eq(pg_sqlstate(side.conn), UNIQUE);
	}
}
END_TEST

/* --- sums
 * ------------------------------------------------------------------------------------------ */

#define DELTA                                                                                      \
	"INSERT INTO statistics_deltas (event_id, quarter, kind, n) VALUES (2, quarter_of(now())," \
	" 'guests', 1)"

/* What is behind the mark is taken for folded. */
static const char naive_fold[] =
	"WITH mark AS (SELECT coalesce(max(at), 0) AS at FROM naive_marks), taken AS ("
	" SELECT d.* FROM statistics_deltas d, mark WHERE d.id > mark.at), added AS ("
	" INSERT INTO event_statistics AS s (event_id, ticket_type_id, quarter, kind, n, amount)"
	" SELECT event_id, ticket_type_id, quarter, kind, sum(n), sum(amount) FROM taken"
	" GROUP BY 1, 2, 3, 4 ON CONFLICT ON CONSTRAINT uq_event_statistics"
	" DO UPDATE SET n = s.n + excluded.n)"
	" INSERT INTO naive_marks SELECT max(id) FROM taken HAVING count(*) > 0";

/* Of two, the first commits last, after a run. */
static int64_t folded_of_two(const char *fold)
{
	SIDE slow, quick;

	side_open(&slow);
	side_open(&quick);
	say(&slow, "BEGIN", PG_NO_ARGS);
	say(&slow, DELTA, PG_NO_ARGS);
	say(&quick, DELTA, PG_NO_ARGS);
	say(&quick, fold, PG_NO_ARGS);
	say(&slow, "COMMIT", PG_NO_ARGS);
	say(&quick, fold, PG_NO_ARGS);
	return number("SELECT sum(n) FROM event_statistics");
}

START_TEST(who_commits_late_is_counted)
{
	ck_assert_int_eq(folded_of_two("SELECT fold_statistics(1000)"), 2);
	number("TRUNCATE event_statistics, statistics_deltas");
	number("CREATE TABLE naive_marks (at BIGINT)");
	ck_assert_int_eq(folded_of_two(naive_fold), 1);
}
END_TEST

/* --- commits ------------------------------------------------------------------------------------
 */

static atomic_int notifying;

static void commit_often(void *statement, size_t i UNUSED)
{
	SIDE side;

	side_open(&side);
	for (int n = 0; n < NOTIFIED; n++)
		say(&side, statement, PG_NO_ARGS);
	notifying--;
}

static void *commit_together(void *statement)
{
	crowd(NOTIFIERS, commit_often, statement);
	return NULL;
}

/* Was one commit seen that waited for another's, though they have no row in common? */
static bool commits_wait(char *statement)
{
	pthread_t thread;
	bool waited = false;

	notifying = NOTIFIERS;
	ck_assert_int_eq(pthread_create(&thread, NULL, commit_together, statement), 0);
	while (notifying)
		waited |= number("SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND"
				 " database = 0 AND NOT granted") > 0;
	pthread_join(thread, NULL);
	return waited;
}

static void expect_no_notify(const struct pg_statement *const *statements, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(!strstr(statements[i]->sql, "NOTIFY") &&
				      !strstr(statements[i]->sql, "pg_notify"),
			      "%s notifies", statements[i]->name);
}

START_TEST(nothing_notifies)
{
	expect_no_notify(sql_api, sql_api_count);
	expect_no_notify(sql_common, sql_common_count);
	ck_assert_int_eq(number("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid ="
				" p.pronamespace WHERE n.nspname = 'public' AND"
				" prosrc ~ 'pg_notify|NOTIFY'"),
			 0);
	ck_assert(!commits_wait((char[]){"BEGIN; " DELTA "; COMMIT"}));
	ck_assert(commits_wait((char[]){"BEGIN; " DELTA "; NOTIFY changed; COMMIT"}));
}
END_TEST

static Suite *suite(void)
{
	Suite *made = suite_create("interleavings");
	TCase *cases = tcase_create("interleavings");

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_set_is_locked_in_order_then_changed);
	tcase_add_test(cases, a_key_is_tried_not_waited_for);
	tcase_add_test(cases, what_was_waited_for_is_read_afterwards);
	tcase_add_test(cases, a_webhook_and_its_intent_see_each_other);
	tcase_add_test(cases, an_address_that_came_back_is_asked_about);
	tcase_add_test(cases, who_commits_late_is_counted);
	tcase_add_test(cases, nothing_notifies);
	suite_add_tcase(made, cases);
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
