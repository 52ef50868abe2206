#include "api/tickets/admission.h"

#include <string.h>

#include "api/observe.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "sql_api.h"

/* Names are those of the SQL type `admission`. */
#define AT(member) offsetof(struct admission_member, member)
static const struct field member_fields[] = {
	{.name = "ord", .type = FIELD_INT, .offset = AT(ord)},
	{.name = "caller_id", .type = FIELD_ID, .offset = AT(caller_id)},
	{.name = "is_admin", .type = FIELD_BOOL, .offset = AT(is_admin)},
	{.name = "qr_ticket_id", .type = FIELD_ID, .offset = AT(qr_ticket_id)},
	{.name = "qr_event_id", .type = FIELD_ID, .offset = AT(qr_event_id)},
	{.name = "qr_guest_id", .type = FIELD_ID, .offset = AT(qr_guest_id)},
	{.name = "qr_issued_ms", .type = FIELD_ID, .offset = AT(qr_issued_ms)},
	{.name = "ticket_code", .type = FIELD_STRING, .offset = AT(ticket_code)},
	{.name = "event_id", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "scan_id", .type = FIELD_STRING, .offset = AT(scan_id)},
	{.name = "code_digest", .type = FIELD_STRING, .offset = AT(code_digest)},
};
#undef AT
static const struct schema member_schema = SCHEMA(member_fields, struct admission_member);

#define AT(member) offsetof(struct admission_outcome, member)
static const struct field outcome_fields[] = {
	{.name = "ord", .type = FIELD_INT, .offset = AT(ord)},
	{.name = "outcome", .type = FIELD_STRING, .offset = AT(outcome)},
	{.name = "replayed", .type = FIELD_BOOL, .offset = AT(replayed)},
	{.name = "ticketId", .type = FIELD_ID, .offset = AT(ticket_id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "firstName", .type = FIELD_STRING, .offset = AT(first_name)},
	{.name = "lastName", .type = FIELD_STRING, .offset = AT(last_name)},
	{.name = "type", .type = FIELD_STRING, .offset = AT(type)},
	{.name = "ticketType", .type = FIELD_STRING, .offset = AT(ticket_type)},
	{.name = "validatedAt", .type = FIELD_TIME, .offset = AT(validated_at)},
};
#undef AT
static const struct schema outcome_schema = SCHEMA(outcome_fields, struct admission_outcome);

/* --- refusals -------------------------------------------------------------------------------- */

static const struct {
	enum status status;
	const char *detail;
} refusals[] = {
	{ST_NOT_FOUND, "There is no such ticket"},
	{ST_WRONG_EVENT, "The ticket is for another event"},
	{ST_EVENT_NOT_OPEN, "The event does not admit anybody in its present state"},
	{ST_TICKET_CANCELLED, "The ticket is cancelled, or a newer one was issued"},
	{ST_ALREADY_VALIDATED, "The ticket was admitted before"},
	{ST_NOT_PAID, "The registration is not paid"},
	{ST_VALIDATION_UNDONE, "The admission of this scanId was undone"},
	{ST_IDEMPOTENCY_MISMATCH, "This scanId belongs to the scan of another code"},
};

const char *admission_extension(struct arena *arena, int64_t validated_at)
{
	char text[RFC3339_SIZE];

	return arena_printf(arena, "\"validatedAt\":\"%s\"", clock_format(validated_at, text));
}

static enum status refuse(struct request *req, const struct admission_outcome *outcome,
			  struct problem *err)
{
	enum status status = problem_from_slug(outcome->outcome);

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (refusals[i].status != status)
			continue;
		problem_set(err, status, "%s", refusals[i].detail);
		if (status == ST_ALREADY_VALIDATED && outcome->validated_at != TIME_NONE)
			err->extension = admission_extension(req->arena, outcome->validated_at);
		return status;
	}
	return problem_set(err, ST_INTERNAL_ERROR, "admit_tickets said %s", outcome->outcome);
}

void admission_count(const char *outcome)
{
	metrics_add(&metric_ticket_scans, 1, outcome, (char *)NULL);
}

/* --- the calls ---------------------------------------------------------------------------------
 */

/* One scan among those that are committed together. */
struct scan {
	const struct admission_member *member;
	struct admission_outcome outcome;
};

enum status admission_call(struct request *leader, const void *ctx UNUSED,
			   struct batch_item *const *items, size_t count, struct problem *err)
{
	struct admission_member *scans = arena_calloc(leader->arena, count, sizeof(*scans));
	PG_RESULT result = NULL;
	struct strbuf members;
	struct pg_map map;
	enum status status;
	size_t ord;

	for (size_t i = 0; i < count; i++) {
		scans[i] = *((const struct scan *)items[i]->what)->member;
		scans[i].ord = (int64_t)i;
	}
	strbuf_init(&members, leader->arena);
	json_encode_array(&members, &member_schema, scans, count);
	CRASH_POINT("scan.batched");
	status = request_query(leader, &sql_admit_tickets, PG_ARGS(PG_TEXT(members.buf)), &result,
			       err);
	if (status)
		return status;
	if (pg_rows(result) != count)
		return problem_set(err, ST_INTERNAL_ERROR, "admit_tickets answered %zu of %zu",
				   pg_rows(result), count);
	ord = pg_column(result, "ord");
	pg_map(result, "", &outcome_schema, &map);
	for (size_t row = 0; row < count; row++) {
		const struct batch_item *item = items[pg_i64(result, row, ord)];

		pg_scan_mapped(result, row, &map, item->req->arena,
			       &((struct scan *)item->what)->outcome);
	}
	return OK;
}

enum status admission_submit(struct request *req, const struct admission_member *member,
			     struct admission_outcome *ret, struct problem *err)
{
	struct scan scan = {.member = member};
	enum status status = together_submit(req->app->scans, req, &scan, err);

	CRASH_POINT("scan.committed");
	if (status)
		return status;
	admission_count(scan.outcome.replayed ? "replayed" : scan.outcome.outcome);
	if (strcmp(scan.outcome.outcome, ADMITTED) != 0)
		return refuse(req, &scan.outcome, err);
	*ret = scan.outcome;
	return OK;
}

enum status admission_record_invalid(struct request *req, const struct admission_member *member,
				     struct problem *err)
{
	admission_count(problem_row(ST_INVALID_QR)->slug);
	return request_query(req, &sql_scan_invalid,
			     PG_ARGS(PG_ID(member->event_id), PG_TEXT(member->scan_id),
				     PG_TEXT(member->code_digest), PG_I64(member->caller_id),
				     PG_BOOL(member->is_admin)),
			     NULL, err);
}
