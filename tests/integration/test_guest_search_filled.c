/*
 * Guests from before the table that they are searched by (schema/0018 and 0019): filled in beside
 * writers of the old schema and of the new one.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/crowd.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { WAIT_MS = 20000, STEP_MS = 10 };

static const char drift[] =
	"SELECT count(*) FROM guests g FULL JOIN guest_search s ON s.guest_id = g.id "
	"WHERE (s.event_id, s.words) IS DISTINCT FROM (g.event_id, "
	"lower(g.first_name || ' ' || g.last_name || ' ' || g.email))";

enum { BEFORE = 5000 };
static struct arena arena;
static struct pg_conn *old, *writer;

static void run(struct pg_conn *conn, const char *statement)
{
	struct problem err = {0};

	ck_assert_msg(pg_exec(conn, statement, PG_NO_ARGS, NULL, &err) == OK, "%s: %s", statement,
		      err.detail);
}

static int64_t number(struct pg_conn *conn, const char *statement)
{
	struct problem err = {0};
	PG_RESULT result = NULL;

	ck_assert_msg(pg_exec(conn, statement, PG_NO_ARGS, &result, &err) == OK, "%s: %s",
		      statement, err.detail);
	return pg_i64(result, 0, 0);
}

static void apply_file(struct pg_conn *conn, const char *path)
{
	FILE *file = fopen(path, "re");
	char *statements = NULL;
	size_t size = 0;

	ck_assert(file && getdelim(&statements, &size, '\0', file) > 0);
	run(conn, statements);
	free(statements);
	fclose(file);
}

/* The steps up to `version`, and corectl's record of them. */
static void apply_until(const char *version)
{
	struct problem err = {0};
	PG_LEASED now = NULL;
	PG_RESULT applied = NULL;

	ck_assert_int_eq(pg_connect(servers_database_create("search_now"), &now, &err), OK);
	ck_assert_int_eq(pg_exec(now,
				 "SELECT version, checksum FROM schema_migrations "
				 "WHERE version < $1::text ORDER BY version",
				 PG_ARGS(PG_TEXT(version)), &applied, &err),
			 OK);
	run(old, "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, checksum TEXT NOT NULL,"
		 " applied_at TIMESTAMPTZ NOT NULL DEFAULT now())");
	for (size_t i = 0; i < pg_rows(applied); i++) {
		apply_file(old, text("schema/%s.sql", pg_text(applied, i, 0)));
		run(old,
		    text("INSERT INTO schema_migrations (version, checksum) VALUES ('%s', '%s')",
			 pg_text(applied, i, 0), pg_text(applied, i, 1)));
	}
}

static void open_old(void)
{
	struct problem err = {0};
	const char *url = servers_database_create_empty("search_old");

	arena_init(&arena, 65536);
	setenv("DATABASE_URL", url, 1);
	ck_assert_int_eq(pg_connect(url, &old, &err), OK);
	ck_assert_int_eq(pg_connect(url, &writer, &err), OK);
}

static void close_old(void)
{
	pg_return(&old);
	pg_return(&writer);
	arena_clear(&arena);
}

#define GUESTS(first, last)                                                                        \
	"INSERT INTO guests (event_id, first_name, last_name, email, registered_by, attempt_id) "  \
	"SELECT 1, 'Old', i, i || '@x.example', 1, gen_random_uuid() FROM generate_series(" #first \
	", " #last ") AS i"

static const char event[] =
	"INSERT INTO users (id) VALUES (1);"
	"INSERT INTO events (title, event_date, time_zone, location, max_attendees, currency, "
	"organizer_id) VALUES ('E', now(), 'UTC', 'there', 100000, 'EUR', 1)";

static int migrated;
static const char *migrate_said;

/* The second lets the writer go once the first waits for it. */
static void migrate_beside_writer(void *ctx UNUSED, size_t i)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	if (i == 0) {
		migrated = run_program(&arena, "corectl", "migrate up", &migrate_said);
		return;
	}
	while (number(writer, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN "
			      "(SELECT pid FROM pg_stat_activity WHERE datname = "
			      "current_database())") == 0 &&
	       clock_monotonic_us() < until)
		clock_sleep_ms(STEP_MS);
	run(writer, "COMMIT");
}

static void migrate_with(const char *written)
{
	run(writer, "BEGIN");
	run(writer, written);
	crowd(2, migrate_beside_writer, NULL);
	ck_assert_msg(migrated == 0, "%s", migrate_said);
}

static void all_are_found(int64_t guests)
{
	ck_assert_int_eq(number(old, "SELECT count(*) FROM guest_search"), guests);
	ck_assert_int_eq(number(old, drift), 0);
	ck_assert_int_eq(number(old, "SELECT guests_found_count(1, NULL, NULL, NULL, '%later%')"),
			 1);
	ck_assert_int_eq(number(old, "SELECT count(*) FROM pg_proc WHERE proname = "
				     "'guest_search_fill'"),
			 0);
}

/* Rows of the old schema's writers who were at it when the first step came. */
START_TEST(who_wrote_before_the_table_is_found)
{
	apply_until("0018");
	run(old, event);
	run(old, GUESTS(1, 5000));
	migrate_with(GUESTS(5001, 5100) ";"
					"UPDATE guests SET last_name = 'Later' WHERE id = 77");
	all_are_found(BEFORE + 100);
}
END_TEST

/* Rows that are being changed while the slices come by: left to the next step. */
START_TEST(who_writes_between_the_steps_is_found)
{
	apply_until("0019");
	run(old, event);
	run(old, "ALTER TABLE guests DISABLE TRIGGER guest_search_added");
	run(old, GUESTS(1, 5000));
	run(old, "ALTER TABLE guests ENABLE TRIGGER guest_search_added");
	run(old, "UPDATE guests SET last_name = 'Before' WHERE id = 4999");
	migrate_with(GUESTS(5001, 5100) ";"
					"UPDATE guests SET last_name = 'Later' WHERE id = 77;"
					"UPDATE guests SET phone = '1' WHERE id IN (78, 4998)");
	all_are_found(BEFORE + 100);
}
END_TEST

/* A slice that ended is not done again. */
START_TEST(slices_are_transactions)
{
	apply_until("0019");
	run(old, event);
	run(old, "ALTER TABLE guests DISABLE TRIGGER guest_search_added");
	run(old, GUESTS(1, 5000));
	ck_assert_int_eq(number(old, "SELECT guest_search_fill(2000)"), 2000);
	ck_assert_int_eq(number(writer, "SELECT count(*) FROM guest_search"), 2000);
	ck_assert_int_eq(number(writer, "SELECT guest_search_fill(2000)"), 2000);
	ck_assert_int_eq(number(old, "SELECT guest_search_fill(2000)"), 1000);
	ck_assert_int_eq(number(old, "SELECT guest_search_fill(2000)"), 0);
	ck_assert_int_eq(number(old, drift), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guest search, filled in");
	TCase *before = tcase_create("before");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(before, open_old, close_old);
	tcase_set_timeout(before, 60);
	tcase_add_test(before, who_wrote_before_the_table_is_found);
	tcase_add_test(before, who_writes_between_the_steps_is_found);
	tcase_add_test(before, slices_are_transactions);
	suite_add_tcase(suite, before);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
