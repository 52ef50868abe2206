#include <stdlib.h>

#include "api/ctl/ctl.h"
#include "common/crash_point.h"
#include "sql_ctl.h"

struct refund {
	const char *id;
	const char *payment_id;
	const char *status;
	const char *amount;
	const char *cause;
	int64_t attempts;
	int64_t created_at;
	const char *last_error;
};

#define AT(member) offsetof(struct refund, member)
static const struct field refund_fields[] = {
	{.name = "id", .type = FIELD_STRING, .offset = AT(id)},
	{.name = "paymentId", .type = FIELD_STRING, .offset = AT(payment_id)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "amount", .type = FIELD_STRING, .offset = AT(amount)},
	{.name = "cause", .type = FIELD_STRING, .offset = AT(cause)},
	{.name = "attempts", .type = FIELD_INT, .offset = AT(attempts)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
	{.name = "lastError", .type = FIELD_STRING, .offset = AT(last_error)},
};
#undef AT
static const struct schema refund_schema = SCHEMA(refund_fields, struct refund);

int ctl_refund_ls(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	struct problem err = {.status = OK};
	struct field_array rows;

	if (ctl_connect(ctl, &conn, &err) ||
	    ctl_select(ctl, conn, &sql_refunds_ls, PG_NO_ARGS, &refund_schema, &rows, &err))
		return ctl_fail(&err);
	ctl_print(ctl, &refund_schema, rows.items, rows.count);
	return EXIT_SUCCESS;
}

/* Not refunded: it is asked for again, under a new key, since the service may remember the old one
 * as failed. Refunded: what its webhook would have told is put among the messages that wait, and
 * the API does the rest. */
static enum status resume(struct ctl *ctl, int64_t id, const char *service_id, struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	const struct pg_param params[] = {PG_I64(id), PG_TEXT(service_id)};
	const struct pg_statement *statement = service_id ? &sql_refund_told : &sql_refund_resume;
	enum status status = ctl_connect(ctl, &conn, err);

	if (!status)
		status = pg_exec(conn, statement->sql, params, service_id ? 2 : 1, &result, err);
	if (!status && pg_affected(result) == 0)
		return problem_set(err, ST_NOT_FOUND, "there is no dead refund %lld",
				   (long long)id);
	CRASH_POINT_IF(!status, "corectl.refund-resumed");
	return status;
}

struct resumed {
	int64_t id;
};
static const struct field resumed_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = offsetof(struct resumed, id)},
};
static const struct schema resumed_schema = SCHEMA(resumed_fields, struct resumed);

int ctl_refund_resume(struct ctl *ctl)
{
	const char *service_id = ctl_value(ctl, "--refunded");
	struct resumed resumed = {ctl_id(ctl, "REFUND")};
	struct problem err = {.status = OK};

	if (ctl_flag(ctl, "--not-refunded") == (service_id != NULL))
		return ctl_usage(ctl, "say what the payment service knows of it: --not-refunded, "
				      "or --refunded and its id there");
	if (resume(ctl, resumed.id, service_id, &err))
		return ctl_fail(&err);
	return ctl_say(ctl, &resumed_schema, &resumed, "refund %lld goes on",
		       (long long)resumed.id);
}
