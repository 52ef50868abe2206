#include "api/ctl/ctl_audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_command.h"
#include "sql_ctl.h"

enum { LIMIT_ROWS = 100 };

/* A row at fault. */
struct drift {
	const char *check;
	const char *id;
	const char *detail;
};
static const struct field drift_fields[] = {
	{.name = "check", .type = FIELD_STRING, .offset = offsetof(struct drift, check)},
	{.name = "id", .type = FIELD_STRING, .offset = offsetof(struct drift, id)},
	{.name = "detail", .type = FIELD_STRING, .offset = offsetof(struct drift, detail)},
};
static const struct schema drift_schema = SCHEMA(drift_fields, struct drift);

/* Each statement gives id and detail of up to $1 rows that should not be. */
static const struct {
	const char *name; /* says whose id it is */
	const struct pg_statement *statement;
	audit_check *run; /* where there is no statement */
} checks[] = {
	/* seats, and who has them */
	{"event-attendees", &sql_audit_attendees, NULL},
	{"ticket-type-sold", &sql_audit_sold, NULL},
	{"live-guest", &sql_audit_live_guests, NULL},
	{"guest-tickets", &sql_audit_guest_tickets, NULL},
	{"ticket-guest", &sql_audit_ticket_guests, NULL},
	{"ticket-code", &sql_audit_codes, NULL},
	{"guest-search", &sql_audit_search, NULL},
	/* what was made for a ticket */
	{"ticket-document", &sql_audit_documents, NULL},
	{"document-bytes", &sql_audit_document_bytes, NULL},
	{"document-file", NULL, audit_files},
	{"stray-file", NULL, audit_stray_files},
	{"ticket-qr", NULL, audit_qr_codes},
	/* the door */
	{"ticket-check-in", &sql_audit_check_ins, NULL},
	{"guest-scans", &sql_audit_scans, NULL},
	/* mails and jobs */
	{"mail", &sql_audit_mails, NULL},
	{"outbox", &sql_audit_outbox, NULL},
	{"job-missing", &sql_audit_jobs, NULL},
	{"job-cause", &sql_audit_job_causes, NULL},
	/* numbers and money */
	{"event-statistics", &sql_audit_statistics, NULL},
	{"payment", &sql_audit_payments, NULL},
	{"guest-money", &sql_audit_guest_money, NULL},
	{"payment-message", &sql_audit_messages, NULL},
	/* what holds everywhere */
	{"cross-event", &sql_audit_cross, NULL},
	{"idempotency", &sql_audit_idempotency, NULL},
	{"late", &sql_audit_duties, NULL},
};

const char *ctl_check_name(size_t i)
{
	return i < ARRAY_LEN(checks) ? checks[i].name : NULL;
}

void audit_report(struct audit *audit, const char *id, const char *fmt, ...)
{
	struct arena *arena = &audit->ctl->arena;
	struct drift drift = {.check = audit->check, .id = arena_strdup(arena, id)};
	char detail[1024];
	va_list args;

	if (audit->found > audit->limit || audit->found++ == audit->limit)
		return;
	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	drift.detail = arena_strdup(arena, detail);
	strbuf_add(&audit->reports, &drift, sizeof(drift));
}

/* --- on one snapshot ------------------------------------------------------------------------- */

/* One row more than is reported tells that there are more. */
static enum status run_statement(struct audit *audit, const struct pg_statement *statement,
				 struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status;

	status = pg_exec(audit->conn, statement->sql, PG_ARGS(PG_I64((int64_t)audit->limit + 1)),
			 &rows, err);
	for (size_t i = 0; !status && i < pg_rows(rows); i++)
		audit_report(audit, pg_text(rows, i, 0), "%s", pg_text(rows, i, 1));
	return status;
}

/* Its number goes to the metrics, where they can be written to. */
static void conclude_check(struct audit *audit)
{
	const char *const names[] = {audit->check};
	const int64_t drift[] = {(int64_t)audit->found};
	struct problem err = {.status = OK};

	if (audit->found > audit->limit)
		(void)fprintf(stderr, "corectl: %s: more than the %zu rows shown\n", audit->check,
			      audit->limit);
	if (pg_exec(audit->record, sql_audit_record.sql,
		    PG_ARGS(PG_TEXT_ARRAY(names, 1), PG_I64_ARRAY(drift, 1)), NULL, &err))
		(void)fprintf(stderr, "corectl: %s: the metrics do not learn of this: %s\n",
			      audit->check, err.detail);
}

static enum status run_check(struct audit *audit, size_t i, struct problem *err)
{
	struct problem cause = {.status = OK};
	enum status status;

	audit->check = checks[i].name;
	audit->found = 0;
	status = checks[i].statement ? run_statement(audit, checks[i].statement, &cause)
				     : checks[i].run(audit, &cause);
	if (status)
		return problem_set(err, status, "%s: %s", audit->check, cause.detail);
	conclude_check(audit);
	return OK;
}

/* All statements look at one snapshot, so that work under way is no drift. They take no lock that
 * anybody waits for, and end when they take too long. */
static enum status begin(struct audit *audit, struct problem *err)
{
	static const char *const settings[] = {
		"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		"SET LOCAL statement_timeout = '10min'",
		"SET LOCAL lock_timeout = '2s'",
		"SET LOCAL idle_in_transaction_session_timeout = '10min'",
	};
	enum status status = ctl_connect(audit->ctl, &audit->conn, err);

	if (!status)
		status = pg_begin(audit->conn, err);
	for (size_t i = 0; i < ARRAY_LEN(settings) && !status; i++)
		status = pg_exec(audit->conn, settings[i], PG_NO_ARGS, NULL, err);
	return status;
}

static enum status run_checks(struct audit *audit, struct problem *err)
{
	const char *wanted = ctl_value(audit->ctl, "--check");
	enum status status = begin(audit, err);

	for (size_t i = 0; i < ARRAY_LEN(checks) && !status; i++)
		if (!wanted || !strcmp(wanted, checks[i].name))
			status = run_check(audit, i, err);
	pg_return(&audit->conn);
	return status;
}

static enum status run_payments(struct audit *audit, struct problem *err)
{
	enum status status;

	audit->check = "payment-service";
	status = audit_payments(audit, err);
	if (!status)
		conclude_check(audit);
	return status;
}

/* --- the command ----------------------------------------------------------------------------- */

static int conclude(struct ctl *ctl, const struct audit *audit)
{
	size_t count = audit->reports.len / sizeof(struct drift);

	if (count > 0 || ctl->json)
		ctl_print(ctl, &drift_schema, audit->reports.buf, count);
	else
		(void)puts("no drift");
	return count > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int ctl_audit(struct ctl *ctl)
{
	struct audit audit = {.ctl = ctl, .limit = (size_t)ctl_count(ctl, "--limit", LIMIT_ROWS)};
	struct problem err = {.status = OK};
	bool payments = ctl_flag(ctl, "--payments");
	enum status status;

	strbuf_init(&audit.reports, &ctl->arena);
	if (payments && ctl_flag(ctl, "--check"))
		return ctl_usage(ctl, "--check and --payments do not go together");
	status = ctl_connect(ctl, &audit.record, &err);
	if (!status)
		status = payments ? run_payments(&audit, &err) : run_checks(&audit, &err);
	pg_return(&audit.record);
	return status ? ctl_fail(&err) : conclude(ctl, &audit);
}
