#include "api/guests/registration.h"

#include <stdio.h>
#include <string.h>

#include "api/guests/combiner.h"
#include "api/guests/guests.h"
#include "api/idempotency.h"
#include "api/observe.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "sql_api.h"

enum { AGAIN_MS = 50 };

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

/* A COMMIT of unknown outcome is asked about once: the member finds its own success, if there is.
 */
enum status registration_submit(struct request *req, struct registration_member *member,
				struct registration_outcome *ret, struct problem *err)
{
	enum status status = combiner_register(req, member, ret, err);

	if (status == ST_DATABASE_UNAVAILABLE) {
		member->again = true;
		clock_sleep_ms((int64_t)ids_random_below(AGAIN_MS));
		status = combiner_register(req, member, ret, err);
	}
	if (status)
		return status;
	return strcmp(ret->outcome, "ok") ? refuse(req, ret->outcome, err) : OK;
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
	CRASH_POINT("registration.received");
	status = registration_submit(req, &member, &outcome, err);
	if (status)
		return status;
	build_guest(req, input, &outcome, &guest);
	if (outcome.replayed)
		return answer_replay(req, &outcome, &guest);
	if (outcome.job_id)
		request_remember_job(req, outcome.job_type, outcome.job_id);
	CRASH_POINT("registration.told");
	request_dispatch(req);
	observe_guests_registered(member.event_id, member.ticket_type_id, member.type, 1);
	if (outcome.payment_id)
		return registration_pay(req, &outcome, &guest, err);
	registration_answer(req, &guest);
	CRASH_POINT("registration.answered");
	return OK;
}
