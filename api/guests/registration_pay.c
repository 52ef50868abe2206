/*
 * The paid path. The seat is held and committed before the payment service is called, no lock or
 * connection is kept during the call, and what follows is conditional on the payment being still
 * `created` under our own deadline: a later request with the same key may have taken over.
 */
#include "api/guests/registration.h"

#include <string.h>

#include "api/guests/guests_service.h"
#include "api/payments/payments_service.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "sql_api.h"

struct paying {
	const struct registration_outcome *outcome;
	struct guest *guest;
	struct payment_intent intent;
	bool has_waiting; /* the service spoke of the intent already */
	bool ours;        /* nobody else took the hold over, or ended it */
};

static enum status make_intent(struct request *req, struct paying *paying, struct problem *err)
{
	const struct registration_outcome *outcome = paying->outcome;
	const struct payment_call call = {
		.app = req->app,
		.arena = req->arena,
		.key = outcome->payment_key,
		.request_id = req->http->request_id,
		.traceparent = req->traceparent,
		.budget_ms = req->app->config->upstream_budget_ms,
		.parked = true,
	};
	const struct payment_intent_request ask = {
		.amount = outcome->amount,
		.currency = outcome->currency,
		.guest_id = outcome->id,
		.event_id = req->ids[0],
		.description = payment_client_description(req->arena, req->ids[0], outcome->id),
	};

	return payment_client_create_intent(&call, &ask, &paying->intent, err);
}

static enum status answer_with_payment(struct request *req, struct paying *paying,
				       struct problem *err)
{
	struct payment_out *payment = ARENA_NEW(req->arena, struct payment_out);
	enum status status = payment_load(req, paying->outcome->payment_id, payment, err);

	if (status)
		return status;
	paying->guest->payment = payment;
	registration_answer(req, paying->guest);
	return OK;
}

/* The first answer under the key, as it goes out now. */
static enum status store_answer(struct request *req, const struct paying *paying,
				struct problem *err)
{
	const struct http_response *response = &req->http->response;
	const char *body = arena_strndup(req->arena, response->body.at, response->body.len);

	if (!req->idempotency_key)
		return OK;
	return request_query(req, &sql_idempotency_finish,
			     PG_ARGS(PG_I64(req->caller.user_id), PG_TEXT(req->idempotency_key),
				     PG_I64(paying->outcome->id), PG_TEXT(body), PG_NULL, PG_NULL),
			     NULL, err);
}

/* What the payment service said of this intent before we knew it will lock the guest, and that
 * comes before the payment. */
static enum status lock_early(struct request *req, struct paying *paying, struct problem *err)
{
	struct guest_locked locked;
	enum status status = payment_lock_intent(req, paying->intent.id, err);

	if (!status)
		status = payment_has_waiting(req, paying->intent.id, &paying->has_waiting, err);
	if (!status && paying->has_waiting)
		status = guest_lock(req, paying->outcome->id, LOCK_DELETED, &locked, err);
	return status;
}

static enum status finish(struct request *req, struct paying *paying, struct problem *err)
{
	const struct registration_outcome *outcome = paying->outcome;
	struct guest *guest = paying->guest;
	enum status status = guest_notify(req, guest, "payment-due", outcome->payment_id, err);

	if (!status)
		status = guest_count(req, guest, guest->created_at, "registrations", 1, 0, err);
	if (!status)
		status = answer_with_payment(req, paying, err);
	if (!status)
		status = store_answer(req, paying, err);
	CRASH_POINT("hold.answer-stored");
	if (!status && paying->has_waiting)
		status = payment_take_waiting(req, paying->intent.id, 0, err);
	return status;
}

/* Record the intent, tell the guest what is due, keep the answer; then apply what the payment
 * service said of this intent before we knew it. */
static enum status record(struct request *req, struct problem *err)
{
	struct paying *paying = req->work;
	const struct registration_outcome *outcome = paying->outcome;
	enum status status = lock_early(req, paying, err);

	if (!status)
		status = payment_record_intent(req, outcome->payment_id, outcome->deadline_at,
					       &paying->intent, &paying->ours, err);
	if (status)
		return status;
	CRASH_POINT("hold.intent-recorded");
	if (!paying->ours)
		return payment_void_unrecorded(req, outcome->payment_id, paying->intent.id, err);
	return finish(req, paying, err);
}

enum status registration_release(struct request *req, const struct unpaid_hold *hold,
				 struct problem *err)
{
	struct guest_locked locked;
	bool ours = false;
	enum status status = guest_lock(req, hold->guest_id, LOCK_SEAT, &locked, err);

	if (!status)
		status = payment_still_ours(req, hold->payment_id, hold->deadline_at, &ours, err);
	if (status || !ours)
		return status;
	if (locked.guest.status == GUEST_PENDING)
		status = guest_apply(req, &locked, TRIGGER_CALL_FAILED, err);
	CRASH_POINT("hold.release-applied");
	return status ? status : guest_mark_deleted(req, hold->guest_id, err);
}

/* No intent: the seat is free again and the key starts afresh. */
static enum status release(struct request *req, struct problem *err)
{
	const struct paying *paying = req->work;
	const struct unpaid_hold hold = {
		.guest_id = paying->outcome->id,
		.payment_id = paying->outcome->payment_id,
		.deadline_at = paying->outcome->deadline_at,
	};

	return registration_release(req, &hold, err);
}

/* Release what is still ours, then say why there is nothing to pay. */
static enum status give_up(struct request *req, enum status why, const char *detail,
			   struct problem *err)
{
	struct problem failure = {0};
	enum status status;

	CRASH_POINT("hold.call-failed");
	status = request_transaction(req, release, &failure);
	CRASH_POINT("hold.released");
	if (status && status != ST_NOT_FOUND) {
		*err = failure;
		return status;
	}
	return problem_set(err, why, "%s", detail);
}

enum status registration_pay(struct request *req, const struct registration_outcome *outcome,
			     struct guest *guest, struct problem *err)
{
	struct paying paying = {.outcome = outcome, .guest = guest};
	struct problem call_problem = {0};
	enum status status;

	/* The caller registered it himself, so the answer shows the client secret. */
	req->access.event_id = guest->event_id;
	req->access.who |= WHO_REGISTRANT;
	req->work = &paying;
	request_release_conn(req);
	CRASH_POINT("hold.committed");
	if (make_intent(req, &paying, &call_problem))
		return give_up(req, ST_PAYMENT_UNAVAILABLE,
			       "The payment service did not answer; nothing was booked, try again",
			       err);
	CRASH_POINT("hold.intent-made");
	status = request_transaction(req, record, err);
	CRASH_POINT_IF(!status, "hold.intent-committed");
	if (status || paying.ours)
		return status;
	return give_up(req, ST_EVENT_NOT_OPEN,
		       "The registration was ended while its payment was prepared", err);
}
