/* corectl as operators run it: arguments, output, exit codes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/jwt.h"
#include "common/pg.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"

static struct arena arena;
static struct problem err;
static struct pg_conn *conn;
static const char *output; /* of the last run, stderr too */

static void setup(void)
{
	arena_init(&arena, 65536);
	setenv("DATABASE_URL", servers_database_create("ctl"), 1);
	setenv("REDIS_QUEUE_URL", servers_redis_queue_url(), 1);
	ck_assert_int_eq(pg_connect(servers_database_url("ctl"), &conn, &err), OK);
}

static void teardown(void)
{
	pg_return(&conn);
	arena_clear(&arena);
}

/* The exit code of `corectl ARGUMENTS`. */
static int corectl(const char *arguments)
{
	return run_program(&arena, "corectl", arguments, &output);
}

static void assert_says(const char *text)
{
	ck_assert_msg(strstr(output, text), "%s\n-- lacks: %s", output, text);
}

static void run_sql(const char *sql)
{
	ck_assert_msg(pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
}

START_TEST(test_usage)
{
	static const struct {
		const char *arguments;
		int code;
		const char *says;
	} cases[] = {
		{"", EXIT_USAGE, "no command given"},
		{"nope", EXIT_USAGE, "unknown command nope"},
		{"migrate down", EXIT_USAGE, "no arguments"},
		{"audit x", EXIT_USAGE, "audit takes --payments"},
		{"audit --payments --until 2027-01-01", EXIT_USAGE, "audit takes --payments"},
		{"refund resume 1", EXIT_USAGE, "--not-refunded"},
		{"refund resume x --not-refunded", EXIT_USAGE, "x is no id"},
		{"--help", 0, "migrate status"},
		{"token --help", 0, "JWT_SECRET"},
		{"--version", 0, "corectl "},
		{"--check-config", 0, "good"},
		{"--print-config", 0, "DATABASE_URL=***"},
		{"config", 0, "DB_PORT=5432"},
		{"config --json", 0, "{\"name\":\"DB_PORT\",\"value\":\"5432\"}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert_msg(corectl(cases[i].arguments) == cases[i].code, "%s: %s",
			      cases[i].arguments, output);
		assert_says(cases[i].says);
	}
	setenv("DB_PORT", "many", 1);
	ck_assert_int_eq(corectl("audit"), EXIT_CONFIG);
	assert_says("DB_PORT");
}
END_TEST

START_TEST(test_migrate_an_empty_database)
{
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	ck_assert_int_eq(corectl("migrate status"), EXIT_FAILURE);
	assert_says("pending");
	ck_assert_int_eq(corectl("migrate"), 0);
	assert_says("applied 0001_core\n");
	ck_assert_int_eq(corectl("migrate up"), 0);
	assert_says("nothing to apply");
	ck_assert_int_eq(corectl("migrate status --json"), 0);
	assert_says("{\"version\":\"0001_core\",\"state\":\"applied\"");
	ck_assert_int_eq(corectl("audit"), 0);
	assert_says("no drift");
}
END_TEST

/* Both wait for one another: each step is applied once. */
START_TEST(test_migrate_twice_at_once)
{
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	const char *both =
		arena_printf(&arena, "migrate & %s migrate; code=$?; wait $! && exit $code",
			     run_path(&arena, "corectl"));
	ck_assert_int_eq(corectl(both), 0);
	assert_says("nothing to apply");
	const char *first = strstr(output, "applied 0001_core\n");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "applied 0001_core\n"));
}
END_TEST

/* A program of the next version waits for its schema; one of the last version has no need to. */
START_TEST(test_wait_for_the_schema)
{
	const char *whole = servers_database_url("ctl");
	const char *path = run_path(&arena, "corectl");
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	const char *waits = arena_printf(&arena,
					 "migrate wait & timeout 2 %s migrate wait; [ $? = 124 ] "
					 "&& kill -0 $! && %s migrate && wait $!",
					 path, path);
	ck_assert_msg(corectl(waits) == 0, "%s", output);
	setenv("DATABASE_URL", whole, 1);
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x')");
	ck_assert_int_eq(corectl("migrate wait"), 0);
}
END_TEST

START_TEST(test_migrate_refuses_another_schema)
{
	run_sql("UPDATE schema_migrations SET checksum = 'x' WHERE version = '0001_core'");
	ck_assert_int_eq(corectl("migrate"), EXIT_FAILURE);
	assert_says("another 0001_core");
	ck_assert_int_eq(corectl("migrate status"), EXIT_FAILURE);
	assert_says("changed");
}
END_TEST

/* One goes back a version: its schema stays, and serves. */
START_TEST(test_migrate_leaves_a_newer_schema)
{
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x')");
	ck_assert_int_eq(corectl("migrate up"), 0);
	assert_says("newer: it has 9999_later");
	assert_says("nothing to apply");
	ck_assert_int_eq(corectl("migrate status"), EXIT_FAILURE);
	assert_says("unknown");
}
END_TEST

START_TEST(test_migrate_refuses_a_schema_that_serves_it_no_more)
{
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x');"
		"UPDATE schema_floor SET version = '9999_later'");
	ck_assert_int_eq(corectl("migrate up"), EXIT_FAILURE);
	assert_says("since 9999_later only");
}
END_TEST

START_TEST(test_migrate_refuses_a_schema_of_another_branch)
{
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('0001_other', 'x')");
	ck_assert_int_eq(corectl("migrate up"), EXIT_FAILURE);
	assert_says("0001_other");
}
END_TEST

/* Somebody has been reading a table for long: the step waits, but not so that all others do. */
START_TEST(test_migrate_waits_for_a_table)
{
	const char *said = arena_printf(&arena, "/var/tmp/test-ctl.%d", (int)getpid());
	const char *script = arena_printf(
		&arena,
		"migrate >%s 2>&1 & until grep -qs 'tried again' %s; do sleep 0.1; done;"
		" psql -qAt '%s' -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		" WHERE application_name = 'reader'\" >/dev/null;"
		" wait $!; code=$?; cat %s; rm %s; exit $code",
		said, said, servers_database_url("ctl"), said, said);

	run_sql("DELETE FROM schema_migrations WHERE version = '0010_schema_floor'");
	run_sql("DROP TABLE schema_floor");
	run_sql("SET application_name = 'reader'");
	run_sql("BEGIN");
	run_sql("LOCK TABLE schema_migrations IN SHARE MODE");
	ck_assert_int_eq(corectl(script), 0);
	assert_says("0010_schema_floor: ");
	assert_says("tried again");
	assert_says("applied 0010_schema_floor");
}
END_TEST

START_TEST(test_token)
{
	static const char secret[] = "a secret of at least thirty-two bytes";
	ck_assert_int_eq(corectl("token --sub 7"), EXIT_CONFIG);
	setenv("JWT_SECRET", secret, 1);
	ck_assert_int_eq(corectl("token --sub 7 --roles organizer,user --email=z@example.com "
				 "--first 'Zoé' --last Nguyễn --ttl 100"),
			 0);
	struct jwt_options options = {.secret = {secret, strlen(secret)}};
	struct jwt_claims claims;
	ck_assert_int_eq(jwt_verify(&options, &arena, output, strcspn(output, "\n"), clock_now_us(),
				    &claims, &err),
			 OK);
	ck_assert_int_eq(claims.user_id, 7);
	ck_assert_uint_eq(claims.roles, ROLE_ORGANIZER | ROLE_USER);
	ck_assert_str_eq(claims.email, "z@example.com");
	ck_assert_str_eq(claims.first_name, "Zoé");
	ck_assert_int_lt(claims.expires_at, clock_now_us() + 101 * US_PER_S);
	ck_assert_int_eq(jwt_verify(&options, &arena, output, strcspn(output, "\n"),
				    clock_now_us() + 200 * US_PER_S, &claims, &err),
			 ST_UNAUTHORIZED);
	static const char *const bad[] = {"token",
					  "token --sub",
					  "token --sub 0",
					  "token --sub x",
					  "token --sub 1 --roles boss",
					  "token --sub 1 --roles user,",
					  "token --sub 1 --ttl 0",
					  "token --sub 1 --ttl 999999999999",
					  "token --sub 1 --name x",
					  "token 1"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(corectl(bad[i]) == EXIT_USAGE, "%s", bad[i]);
}
END_TEST

/* One event with a sold, admitted ticket, and every number right. */
static void make_event(void)
{
	run_sql("INSERT INTO users (id) VALUES (1);"
		"INSERT INTO events (id, title, event_date, time_zone, location, max_attendees, "
		"currency,"
		" organizer_id, current_attendees) VALUES (1, 'E', now(), 'UTC', 'there', 10, "
		"'EUR', 1, 1);"
		"INSERT INTO ticket_types (id, event_id, name, price, quantity, sold)"
		" VALUES (2, 1, 'T', 10, 5, 1);"
		"INSERT INTO guests (id, event_id, first_name, last_name, email, ticket_type_id, "
		"status,"
		" status_before, checked_in_at, registered_by, attempt_id)"
		" VALUES (3, 1, 'A', 'B', 'a@example.com', 2, 'checked_in', 'confirmed', now(), 1,"
		" gen_random_uuid());"
		"INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, "
		"qr_code_data,"
		" status, is_validated, validated_at) VALUES (4, 1, 3, 2, 'EVT-1', 'Q', 'ready', "
		"true, now());"
		"INSERT INTO documents (ticket_id, doc_version, location, pdf_sha256)"
		" VALUES (4, 1, 'there', '\\x00');"
		"INSERT INTO payments (event_id, guest_id, method, status, amount, currency, "
		"payment_key,"
		" paid_at) VALUES (1, 3, 'on_site', 'succeeded', 10, 'EUR', gen_random_uuid(), "
		"now());"
		"INSERT INTO statistics_deltas (event_id, quarter, kind, n, amount)"
		" SELECT 1, quarter_of(now()), k, 1, CASE k WHEN 'gross' THEN 10 ELSE 0 END"
		" FROM unnest(ARRAY['guests', 'confirmed', 'check_ins', 'gross']) AS k");
}

START_TEST(test_audit)
{
	static const struct {
		const char *wrong; /* what makes the drift */
		const char *says;
	} cases[] = {
		{"UPDATE events SET current_attendees = 2", "event-attendees"},
		{"UPDATE ticket_types SET sold = 2", "ticket-type-sold"},
		{"UPDATE tickets SET status = 'cancelled'", "guest-tickets"},
		{"UPDATE guests SET ticket_type_id = NULL", "ticket-guest"},
		{"UPDATE tickets SET doc_version = 2", "document is of version 1"},
		{"DELETE FROM documents", "document is missing"},
		{"UPDATE ticket_types SET page_seq = 1", "from before a change"},
		{"UPDATE tickets SET is_validated = false, validated_at = NULL", "ticket-check-in"},
		{"INSERT INTO outbox (id, job_type, subject_id, created_at, next_at) VALUES "
		 "(gen_random_uuid(), 'send-email', 1, now() - interval '61 s', now() - interval "
		 "'61 s')",
		 "outbox"},
		{"UPDATE tickets SET status = 'pending'", "job-missing"},
		{"INSERT INTO notifications (kind, event_id, guest_id) VALUES ('payment-due', 1, "
		 "3)",
		 "job-missing"},
		{"UPDATE statistics_deltas SET n = 2 WHERE kind = 'confirmed'",
		 "statistics say 2 confirmed, the rows 1"},
		{"DELETE FROM statistics_deltas WHERE kind = 'gross'",
		 "statistics say 0 gross, the rows 10.00"},
		{"UPDATE payments SET refunded_amount = 1", "its refunds done are 0"},
		{"UPDATE payments SET refunding_amount = 1", "its refunds under way are 0"},
		{"UPDATE guests SET status = 'cancelled', cancelled_at = now(), checked_in_at = "
		 "NULL, "
		 "status_before = NULL",
		 "has 10.00 that nobody gives back"},
		{"INSERT INTO payments (event_id, guest_id, method, status, amount, currency, "
		 "payment_key) VALUES (1, 3, 'intent', 'failed', 1, 'EUR', gen_random_uuid())",
		 "has 1 open payments"},
		{"INSERT INTO payment_messages (webhook_id, type, intent_id, state, body, "
		 "received_at) "
		 "VALUES ('m', 'payment.succeeded', 'pi_x', 'waiting', '', now() - interval '61 "
		 "min')",
		 "payment.succeeded of pi_x waits"},
	};
	make_event();
	ck_assert_msg(corectl("audit") == 0, "%s", output);
	ck_assert_str_eq(output, "no drift\n");
	run_sql("INSERT INTO outbox (id, job_type, subject_id, created_at, next_at) VALUES "
		"(gen_random_uuid(), 'send-email', 1, now() - interval '61 s', now() + interval '9 "
		"s'),"
		"(gen_random_uuid(), 'send-email', 1, now(), now())");
	ck_assert_int_eq(corectl("audit --json"), 0);
	ck_assert_str_eq(output, "[]\n");
	const char *whole = servers_database_url("ctl");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		pg_return(&conn);
		(void)servers_database_create("ctl");
		ck_assert_int_eq(pg_connect(whole, &conn, &err), OK);
		make_event();
		run_sql(cases[i].wrong);
		ck_assert_msg(corectl("audit") == EXIT_FAILURE, "%s: %s", cases[i].wrong, output);
		assert_says(cases[i].says);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("corectl");
	TCase *tc = tcase_create("commands");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_usage);
	tcase_add_test(tc, test_migrate_an_empty_database);
	tcase_add_test(tc, test_migrate_twice_at_once);
	tcase_add_test(tc, test_wait_for_the_schema);
	tcase_add_test(tc, test_migrate_refuses_another_schema);
	tcase_add_test(tc, test_migrate_leaves_a_newer_schema);
	tcase_add_test(tc, test_migrate_refuses_a_schema_that_serves_it_no_more);
	tcase_add_test(tc, test_migrate_refuses_a_schema_of_another_branch);
	tcase_add_test(tc, test_migrate_waits_for_a_table);
	tcase_add_test(tc, test_token);
	tcase_add_test(tc, test_audit);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
