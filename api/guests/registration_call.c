#include "api/guests/registration_call.h"

#include "sql_api.h"

#define AT(member) offsetof(struct registration_member, member)
#define TEXT(column)                                                                               \
	{                                                                                          \
		.name = #column, .type = FIELD_STRING, .offset = AT(column)                        \
	}
#define ID(column)                                                                                 \
	{                                                                                          \
		.name = #column, .type = FIELD_ID, .offset = AT(column)                            \
	}
static const struct field member_fields[] = {
	{.name = "ord", .type = FIELD_INT, .offset = AT(ord)},
	TEXT(attempt_id),
	ID(event_id),
	ID(caller_id),
	{.name = "is_admin", .type = FIELD_BOOL, .offset = AT(is_admin)},
	ID(ticket_type_id),
	TEXT(first_name),
	TEXT(last_name),
	TEXT(email),
	TEXT(phone),
	TEXT(type),
	TEXT(locale),
	TEXT(external_id),
	TEXT(ticket_code),
	TEXT(job_id),
	TEXT(payment_key),
	TEXT(idempotency_key),
	TEXT(fingerprint),
	{.name = "again", .type = FIELD_BOOL, .offset = AT(again)},
	TEXT(request_id),
	TEXT(traceparent),
};
#undef TEXT
#undef ID
#undef AT
static const struct schema member_schema = SCHEMA(member_fields, struct registration_member);

#define AT(member) offsetof(struct registration_outcome, member)
static const struct field outcome_fields[] = {
	{.name = "ord", .type = FIELD_INT, .offset = AT(ord)},
	{.name = "outcome", .type = FIELD_STRING, .offset = AT(outcome)},
	{.name = "replayed", .type = FIELD_BOOL, .offset = AT(replayed)},
	{.name = "body", .type = FIELD_STRING, .offset = AT(body)},
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = guest_status_names},
	{.name = "locale", .type = FIELD_ENUM, .offset = AT(locale), .names = locale_names},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
	{.name = "ticketId", .type = FIELD_ID, .offset = AT(ticket_id)},
	{.name = "ticketCode", .type = FIELD_STRING, .offset = AT(ticket_code)},
	{.name = "jobId", .type = FIELD_STRING, .offset = AT(job_id)},
	{.name = "jobType", .type = FIELD_STRING, .offset = AT(job_type)},
	{.name = "paymentId", .type = FIELD_ID, .offset = AT(payment_id)},
	{.name = "paymentKey", .type = FIELD_STRING, .offset = AT(payment_key)},
	{.name = "amount", .type = FIELD_MONEY, .offset = AT(amount)},
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "expiresAt", .type = FIELD_TIME, .offset = AT(expires_at)},
	{.name = "deadlineAt", .type = FIELD_TIME, .offset = AT(deadline_at)},
	{.name = "eventTitle", .type = FIELD_STRING, .offset = AT(event_title)},
};
#undef AT
static const struct schema outcome_schema = SCHEMA(outcome_fields, struct registration_outcome);

/* One member alone has a function of its own, which needs half the time. */
static enum status ask(struct request *req, const struct registration_member *members, size_t count,
		       bool skip_locked, struct pg_result **ret_result, struct problem *err)
{
	const struct api_config *config = req->app->config;
	struct strbuf json;

	strbuf_init(&json, req->arena);
	if (count == 1)
		json_encode(&json, &member_schema, members);
	else
		json_encode_array(&json, &member_schema, members, count);
	return request_query(req, count == 1 ? &sql_register_guest : &sql_register_guests,
			     PG_ARGS(PG_TEXT(json.buf), PG_I64(config->payment_window_s),
				     PG_I64(config->holds_per_caller),
				     PG_I64(config->upstream_budget_ms), PG_BOOL(skip_locked)),
			     ret_result, err);
}

enum status registration_call(struct request *req, const struct registration_member *members,
			      const struct registration_slot *slots, size_t count, bool skip_locked,
			      struct problem *err)
{
	PG_RESULT result = NULL;
	struct pg_map map;
	enum status status = ask(req, members, count, skip_locked, &result, err);
	size_t ord;

	if (status)
		return status;
	if (pg_rows(result) != count)
		return problem_set(err, ST_INTERNAL_ERROR, "register_guests answered %zu of %zu",
				   pg_rows(result), count);
	ord = pg_column(result, "ord");
	pg_map(result, "", &outcome_schema, &map);
	for (size_t row = 0; row < count; row++) {
		const struct registration_slot *slot = &slots[pg_i64(result, row, ord)];

		pg_scan_mapped(result, row, &map, slot->arena, slot->outcome);
	}
	return OK;
}
