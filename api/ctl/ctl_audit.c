#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"
#include "common/clock.h"
#include "sql_ctl.h"

static const struct field drift_fields[] = {
	{.name = "check", .type = FIELD_STRING, .offset = offsetof(struct ctl_drift, check)},
	{.name = "id", .type = FIELD_STRING, .offset = offsetof(struct ctl_drift, id)},
	{.name = "detail", .type = FIELD_STRING, .offset = offsetof(struct ctl_drift, detail)},
};
static const struct schema drift_schema = SCHEMA(drift_fields, struct ctl_drift);

/* Each statement gives id and detail of the rows that should not be. */
static const struct {
	const char *name; /* says whose id it is */
	const struct pg_statement *statement;
} checks[] = {
	{"event-attendees", &sql_audit_attendees},
	{"ticket-type-sold", &sql_audit_sold},
	{"guest-tickets", &sql_audit_guest_tickets},
	{"ticket-guest", &sql_audit_ticket_guests},
	{"ticket-document", &sql_audit_documents},
	{"ticket-check-in", &sql_audit_check_ins},
	{"outbox", &sql_audit_outbox},
	{"job-missing", &sql_audit_jobs},
	{"event-statistics", &sql_audit_statistics},
	{"payment", &sql_audit_payments},
	{"guest-money", &sql_audit_guest_money},
	{"payment-message", &sql_audit_messages},
};

static enum status run_check(struct ctl *ctl, struct pg_conn *conn, size_t check,
			     struct strbuf *found, struct problem *err)
{
	struct field_array rows;
	enum status status = ctl_select(ctl, conn, checks[check].statement, PG_NO_ARGS,
					&drift_schema, &rows, err);
	if (status != OK)
		return status;
	struct ctl_drift *items = rows.items;
	for (size_t i = 0; i < rows.count; i++)
		items[i].check = checks[check].name;
	if (rows.count > 0)
		strbuf_add(found, items, rows.count * sizeof(*items));
	return OK;
}

/* All checks look at one snapshot, so that work under way is no drift. */
static enum status run_checks(struct ctl *ctl, struct strbuf *found, struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = ctl_connect(ctl, &conn, err);
	if (status == OK)
		status = pg_begin(conn, err);
	if (status == OK)
		status = pg_exec(conn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
				 PG_NO_ARGS, NULL, err);
	for (size_t i = 0; i < ARRAY_LEN(checks) && status == OK; i++)
		status = run_check(ctl, conn, i, found, err);
	return status;
}

static bool read_time(const char *text, int64_t *ret)
{
	return clock_parse_rfc3339(text, strlen(text), ret) ||
	       clock_parse_date(text, strlen(text), ret);
}

/* --payments [--from TIME] [--to TIME] */
static bool read_period(const struct ctl *ctl, struct ctl_period *ret)
{
	*ret = (struct ctl_period){TIME_NONE, TIME_NONE};
	if (strcmp(ctl->args[0], "--payments") != 0 || ctl->arg_count % 2 == 0)
		return false;
	for (size_t i = 1; i < ctl->arg_count; i += 2) {
		bool from = !strcmp(ctl->args[i], "--from");

		if (!from && strcmp(ctl->args[i], "--to") != 0)
			return false;
		if (!read_time(ctl->args[i + 1], from ? &ret->from : &ret->to))
			return false;
	}
	return true;
}

static size_t count_drift(const struct strbuf *found, const char *check)
{
	const struct ctl_drift *items = (const void *)found->buf;
	size_t count = 0;

	for (size_t i = 0; i < found->len / sizeof(*items); i++)
		count += !strcmp(items[i].check, check);
	return count;
}

/* Leave the result for the metrics. */
static enum status record(struct ctl *ctl, bool payments, const struct strbuf *found,
			  struct problem *err)
{
	PG_LEASED conn = NULL;
	const char *names[ARRAY_LEN(checks)];
	int64_t drift[ARRAY_LEN(checks)];
	size_t count = payments ? 1 : ARRAY_LEN(checks);
	enum status status = ctl_connect(ctl, &conn, err);

	for (size_t i = 0; i < count; i++) {
		names[i] = payments ? CTL_PAYMENTS_CHECK : checks[i].name;
		drift[i] = (int64_t)count_drift(found, names[i]);
	}
	if (status == OK)
		status = pg_exec(conn, sql_audit_record.sql,
				 PG_ARGS(PG_TEXT_ARRAY(names, count), PG_I64_ARRAY(drift, count)),
				 NULL, err);
	return status;
}

int ctl_audit(struct ctl *ctl)
{
	struct problem err = {.status = OK};
	struct ctl_period period;
	struct strbuf found; /* of struct ctl_drift */
	enum status status;
	strbuf_init(&found, &ctl->arena);
	if (ctl->arg_count > 0 && !read_period(ctl, &period))
		return ctl_usage(
			"audit takes --payments, --from and --to with a date or RFC 3339 time");
	status = ctl->arg_count > 0 ? ctl_audit_payments(ctl, &period, &found, &err)
				    : run_checks(ctl, &found, &err);
	if (status != OK)
		return ctl_fail(&err);
	if (record(ctl, ctl->arg_count > 0, &found, &err) != OK)
		(void)fprintf(stderr, "corectl: the metrics do not learn of this: %s\n",
			      err.detail);
	size_t count = found.len / sizeof(struct ctl_drift);
	if (count > 0 || ctl->json)
		ctl_print(ctl, &drift_schema, found.buf, count);
	if (count == 0 && !ctl->json)
		(void)puts("no drift");
	return count > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
