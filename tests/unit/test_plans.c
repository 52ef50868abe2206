/*
 * The plans of every statement of the services, made while the tables are empty and kept as a
 * session keeps them: none may read a whole table, because it would still do so when the table is
 * full.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/pg.h"
#include "sql_api.h"
#include "sql_common.h"
#include "sql_email.h"
#include "sql_tickets.h"
#include "tests/support/servers.h"

/* Of one row, of a row a night, and a count of all that waits, for whoever scrapes the metrics. */
static const char *const small[] = {"schema_version", "observe_audit", "observe_jobs"};

static struct arena arena;
static struct problem err;

static bool is_small(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(small); i++)
		if (!strcmp(small[i], name))
			return true;
	return false;
}

static bool reads_whole_tables(struct pg_conn *conn, const char *explain)
{
	PG_RESULT plan = NULL;

	ck_assert_msg(pg_exec(conn, explain, PG_NO_ARGS, &plan, &err) == OK, "%s: %s", explain,
		      err.detail);
	for (size_t i = 0; i < pg_rows(plan); i++) {
		const char *line = pg_text(plan, i, 0);

		if (strstr(line, "Seq Scan") || strstr(line, "Hash Join") ||
		    strstr(line, "Merge Join"))
			return true;
	}
	return false;
}

/* How many statements of a set do, not counting the small; the name of one of them. */
static size_t count_readers(const struct pg_statement *const *statements, size_t count,
			    bool reports, const char **ret_name)
{
	const struct pg_pool_options options = {.conninfo = servers_database_create("plans"),
						.name = "plans",
						.min = 1,
						.max = 1,
						.wait_ms = 1000,
						.statement_timeout_ms = 5000,
						.statements = statements,
						.statement_count = count,
						.reports = reports};
	struct pg_pool *pool = NULL;
	PG_RESULT all = NULL;
	size_t readers = 0;

	ck_assert_int_eq(pg_pool_open(&options, &pool, &err), OK);
	{
		PG_LEASED conn = NULL;

		ck_assert_msg(pg_lease(pool, &conn, &err) == OK, "%s", err.detail);
		ck_assert_int_eq(pg_exec(conn, "SET plan_cache_mode = force_generic_plan",
					 PG_NO_ARGS, NULL, &err),
				 OK);
		ck_assert_int_eq(pg_exec(conn,
					 "SELECT p.name, format('EXPLAIN EXECUTE %I', p.name)"
					 " || coalesce('(' || (SELECT string_agg('NULL', ',') FROM"
					 " unnest(p.parameter_types)) || ')', '')"
					 " FROM pg_prepared_statements p",
					 PG_NO_ARGS, &all, &err),
				 OK);
		ck_assert_uint_eq(pg_rows(all), count);
		for (size_t i = 0; i < pg_rows(all); i++) {
			const char *name = pg_text(all, i, 0);

			if (is_small(name) || !reads_whole_tables(conn, pg_text(all, i, 1)))
				continue;
			*ret_name = arena_strdup(&arena, name);
			readers++;
		}
	}
	pg_pool_close(pool);
	return readers;
}

static void assert_by_index(const struct pg_statement *const *statements, size_t count)
{
	const char *name = NULL;
	size_t readers = count_readers(statements, count, false, &name);

	ck_assert_msg(readers == 0, "%zu statements read whole tables, one is %s", readers, name);
}

static void setup(void)
{
	arena_init(&arena, 4096);
}

static void teardown(void)
{
	arena_clear(&arena);
}

START_TEST(no_statement_of_a_service_reads_a_whole_table)
{
	assert_by_index(sql_api, sql_api_count);
	assert_by_index(sql_common, sql_common_count);
	assert_by_index(sql_tickets, sql_tickets_count);
	assert_by_index(sql_email, sql_email_count);
}
END_TEST

/* What the pool's settings are for. */
START_TEST(left_to_itself_postgres_would_read_them)
{
	const char *name = NULL;

	ck_assert_uint_gt(count_readers(sql_api, sql_api_count, true, &name), 0);
	ck_assert_uint_gt(count_readers(sql_tickets, sql_tickets_count, true, &name), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plans");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, no_statement_of_a_service_reads_a_whole_table);
	tcase_add_test(tc, left_to_itself_postgres_would_read_them);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? 0 : 1;
}
