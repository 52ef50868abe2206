#include "api/guests/registration.h"

#include <stdio.h>
#include <string.h>

#include "api/guests/guests.h"
#include "api/idempotency.h"
#include "api/observe.h"
#include "common/clock.h"
#include "sql_api.h"

enum { SUBMIT_TRIES = 4 };

/* --- the call -------------------------------------------------------------------------------- */

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

static const char *new_uuid(struct request *req, void (*make)(char ret[UUID_SIZE]))
{
	char *id = arena_alloc(req->arena, UUID_SIZE);

	make(id);
	return id;
}

void registration_from_request(struct request *req, const struct guest_input *input,
			       struct registration_member *ret)
{
	bool has_locale = field_given(&input->presence, GUEST_LOCALE);
	char *code = arena_alloc(req->arena, TICKET_CODE_SIZE);

	ids_code("EVT", code);
	*ret = (struct registration_member){
		.attempt_id = new_uuid(req, ids_uuid4),
		.event_id = req->ids[0],
		.caller_id = req->caller.user_id,
		.is_admin = caller_is_admin(req),
		.ticket_type_id = input->ticket_type_id,
		.first_name = input->first_name,
		.last_name = input->last_name,
		.email = input->email,
		.phone = input->phone,
		.type = guest_type_names[input->type],
		.locale = has_locale ? locale_names[input->locale] : NULL,
		.external_id = input->external_id,
		.ticket_code = code,
		.job_id = new_uuid(req, ids_uuid7),
		.payment_key = new_uuid(req, ids_uuid4),
		.idempotency_key = req->idempotency_key,
		.fingerprint = req->idempotency_key ? req->fingerprint : NULL,
		.request_id = req->http->request_id,
		.traceparent = req->traceparent,
	};
}

static enum status call(struct request *req, const struct registration_member *member,
			struct registration_outcome *ret, struct problem *err)
{
	const struct api_config *config = req->app->config;
	PG_RESULT result = NULL;
	struct strbuf members;
	enum status status;

	strbuf_init(&members, req->arena);
	json_encode_array(&members, &member_schema, member, 1);
	status = request_query(req, &sql_register_guests,
			       PG_ARGS(PG_TEXT(members.buf), PG_I64(config->payment_window_s),
				       PG_I64(config->holds_per_caller),
				       PG_I64(config->upstream_budget_ms)),
			       &result, err);
	if (!status)
		pg_scan(result, 0, &outcome_schema, req->arena, ret);
	return status;
}

/* --- refusals -------------------------------------------------------------------------------- */

static const struct {
	enum status status;
	const char *detail;
} refusals[] = {
	{ST_NOT_FOUND, "There is no such event"},
	{ST_FORBIDDEN, "Only the organizer sets type and externalId"},
	{ST_EVENT_NOT_OPEN, "The event does not take registrations in its present state"},
	{ST_UNKNOWN_TICKET_TYPE, "The event has no such ticket type"},
	{ST_SALES_CLOSED, "This ticket type is not on sale now"},
	{ST_ALREADY_REGISTERED, "This address or externalId is registered for the event already"},
	{ST_TOO_MANY_HOLDS, "You hold too many unpaid seats of this event"},
	{ST_SOLD_OUT, "No seat is left"},
	{ST_IDEMPOTENCY_MISMATCH, "This Idempotency-Key belongs to another request"},
	{ST_IDEMPOTENCY_IN_FLIGHT, "The first request with this key has not ended"},
};

static enum status refuse(struct request *req, const char *slug, struct problem *err)
{
	enum status status = problem_from_slug(slug);

	if (status == ST_INVALID_BODY) {
		problem_set(err, status, "The request body is not valid");
		problem_violation(err, req->arena, "/ticketTypeId", "required",
				  "Every ticket type of this event has a price: name one");
		return status;
	}
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == status)
			return problem_set(err, status, "%s", refusals[i].detail);
	return problem_set(err, ST_INTERNAL_ERROR, "register_guests said %s", slug);
}

enum status registration_submit(struct request *req, struct registration_member *member,
				struct registration_outcome *ret, struct problem *err)
{
	enum status status = OK;

	for (int i = 0; i < SUBMIT_TRIES; i++) {
		status = call(req, member, ret, err);
		if (!status)
			return strcmp(ret->outcome, "ok") ? refuse(req, ret->outcome, err) : OK;
		if (status == ST_DATABASE_UNAVAILABLE)
			member->again = true; /* it may have committed: find out, once */
		else if (!pg_should_retry(req->conn))
			return status;
		if (status == ST_DATABASE_UNAVAILABLE && i > 0)
			return status;
		if (status == ST_DATABASE_UNAVAILABLE)
			request_release_conn(req);
		clock_sleep_ms((int64_t)ids_random_below(UINT64_C(10) << i));
	}
	return status;
}

/* --- the handler ----------------------------------------------------------------------------- */

/* The guest as it stands after the registration: what was asked for and what became of it. */
static void build_guest(struct request *req, const struct guest_input *input,
			const struct registration_outcome *outcome, struct guest *ret)
{
	*ret = (struct guest){
		.id = outcome->id,
		.event_id = req->ids[0],
		.first_name = input->first_name,
		.last_name = input->last_name,
		.email = input->email,
		.phone = input->phone,
		.type = input->type,
		.status = outcome->status,
		.ticket_type_id = input->ticket_type_id,
		.locale = outcome->locale,
		.external_id = input->external_id,
		.checked_in_at = TIME_NONE,
		.created_at = outcome->created_at,
		.updated_at = outcome->created_at,
		.edit_version = 1,
	};
	if (!outcome->ticket_id)
		return;
	ret->ticket = ARENA_NEW(req->arena, struct guest_ticket);
	*ret->ticket = (struct guest_ticket){outcome->ticket_id, outcome->ticket_code, "pending",
					     TIME_NONE};
}

void registration_answer(struct request *req, const struct guest *guest)
{
	answer_created(req, &guest_schema, guest, guest->edit_version,
		       "/api/events/%lld/guests/%lld", (long long)guest->event_id,
		       (long long)guest->id);
}

static const char *guest_location(struct request *req, int64_t guest_id)
{
	return arena_printf(req->arena, "/api/events/%lld/guests/%lld", (long long)req->ids[0],
			    (long long)guest_id);
}

/* A replay whose answer was stored as text is sent as it was, else it is built again from the
 * stored outcome and the same body. */
static enum status answer_replay(struct request *req, const struct registration_outcome *outcome,
				 const struct guest *guest)
{
	if (outcome->body) {
		idempotency_replay(req, req->route->success, outcome->body,
				   guest_location(req, outcome->id), NULL);
		answer_edit_tag(req, guest->edit_version);
		return ST_ANSWERED;
	}
	registration_answer(req, guest);
	http_add_header(req->http, "Idempotent-Replayed", "true");
	return ST_ANSWERED;
}

enum status guests_register(struct request *req, struct problem *err)
{
	const struct guest_input *input = req->input;
	struct registration_member member;
	struct registration_outcome outcome;
	struct guest guest;
	enum status status;

	registration_from_request(req, input, &member);
	status = registration_submit(req, &member, &outcome, err);
	if (status)
		return status;
	build_guest(req, input, &outcome, &guest);
	if (outcome.replayed)
		return answer_replay(req, &outcome, &guest);
	if (outcome.job_id)
		request_remember_job(req, outcome.job_type, outcome.job_id);
	request_dispatch(req);
	metrics_add(&metric_guests_registered, 1, member.type, (char *)NULL);
	if (outcome.payment_id)
		return registration_pay(req, &outcome, &guest, err);
	registration_answer(req, &guest);
	return OK;
}
