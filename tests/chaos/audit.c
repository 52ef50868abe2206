#include "tests/chaos/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/pg.h"
#include "sql_chaos.h"
#include "tests/chaos/disk.h"
#include "tests/chaos/log.h"
#include "tests/support/suite.h"

enum { LOOK_MS = 500, SHOWN_MAX = 8 };

static size_t dead_jobs;

static struct pg_conn *connect_straight(void)
{
	struct pg_conn *conn = NULL;
	struct problem err = {0};

	if (pg_connect(suite_database(), &conn, &err) != OK)
		fatal("chaos: %s", err.detail);
	return conn;
}

static struct pg_result *ask(struct pg_conn *conn, const char *statement,
			     const struct pg_param *params, size_t count)
{
	struct pg_result *result = NULL;
	struct problem err = {0};

	if (pg_exec(conn, statement, params, count, &result, &err) != OK)
		fatal("chaos: %s", err.detail);
	return result;
}

/* --- quiet ------------------------------------------------------------------------------------ */

static void kick_dead_jobs(struct pg_conn *conn)
{
	PG_RESULT dead = ask(conn, sql_dead_jobs.sql, PG_NO_ARGS);

	for (size_t i = 0; i < pg_rows(dead); i++) {
		const char *said;

		fprintf(stderr, "given up: %s\n", pg_text(dead, i, 1));
		if (suite_ask_corectl(&said, "queue kick %s", pg_text(dead, i, 0)) != 0)
			log_violation("quiet", "a job is not kicked: %s", said);
		dead_jobs++;
	}
}

static bool is_quiet(struct pg_conn *conn, bool show)
{
	PG_RESULT rows = ask(conn, sql_unsettled.sql, PG_NO_ARGS);

	for (size_t i = 0; show && i < pg_rows(rows); i++)
		log_violation("quiet", "still going on: %s", pg_text(rows, i, 0));
	return pg_rows(rows) == 0;
}

bool audit_settled(int64_t ms, int64_t *ret_ms)
{
	PG_LEASED conn = connect_straight();
	int64_t begin = clock_monotonic_us();
	bool late = false, quiet;

	do {
		kick_dead_jobs(conn);
		late = clock_monotonic_us() - begin > ms * US_PER_MS;
		quiet = is_quiet(conn, late);
		if (!quiet)
			clock_sleep_ms(LOOK_MS);
	} while (!quiet && !late);
	*ret_ms = (clock_monotonic_us() - begin) / US_PER_MS;
	return quiet;
}

size_t audit_dead_jobs(void)
{
	return dead_jobs;
}

/* --- evidence --------------------------------------------------------------------------------- */

static void put(struct pg_conn *conn, const char *statement, const char *json)
{
	PG_RESULT result = ask(conn, statement, PG_ARGS(PG_TEXT(json)));

	(void)result;
}

static void put_record(struct pg_conn *conn, const char *statement, const char *what)
{
	struct reply *reply = say(&(struct saying){
		.method = "GET", .url = text("%s/_control/%s", suite_platform(), what)});

	if (reply->status != 200)
		fatal("chaos: the platform does not tell its %s", what);
	put(conn, statement, reply->body);
	reply_free(reply);
}

static void put_evidence(struct pg_conn *conn)
{
	CLEANUP(strbuf_release) struct strbuf ops;
	PG_RESULT tables = ask(conn, sql_chaos_tables.sql, PG_NO_ARGS);

	(void)tables;
	strbuf_init(&ops, NULL);
	log_ops_json(&ops);
	put(conn, sql_chaos_put_ops.sql, ops.buf);
	put_record(conn, sql_chaos_put_intents.sql, "intents");
	put_record(conn, sql_chaos_put_mails.sql, "mails");
}

/* --- checks ----------------------------------------------------------------------------------- */

/* Each gives the number of the operation concerned (0: none) and what is wrong. */
static const struct {
	const char *name;
	const struct pg_statement *statement;
} checks[] = {
	{"registered", &sql_audit_registered}, {"phantoms", &sql_audit_phantoms},
	{"leavers", &sql_audit_leavers},       {"admissions", &sql_audit_admissions},
	{"money", &sql_audit_money},           {"tickets", &sql_audit_tickets},
	{"mails", &sql_audit_mails},           {"edits", &sql_audit_edits},
	{"imports", &sql_audit_imports},       {"oversold", &sql_oversold},
};

static void run_check(struct pg_conn *conn, size_t check)
{
	PG_RESULT rows = ask(conn, checks[check].statement->sql, PG_NO_ARGS);

	for (size_t i = 0; i < pg_rows(rows); i++) {
		if (i < SHOWN_MAX)
			log_violation(checks[check].name, "operation %s: %s", pg_text(rows, i, 0),
				      pg_text(rows, i, 1));
		else
			log_violation(checks[check].name, "…");
	}
}

void audit_run(void)
{
	PG_LEASED conn = connect_straight();

	put_evidence(conn);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		run_check(conn, i);
	disk_audit(conn);
	if (!audit_clean())
		log_violation("corectl", "corectl audit finds drift");
	if (suite_corectl("audit", "--payments") != 0)
		log_violation("corectl", "corectl audit --payments finds drift");
}
