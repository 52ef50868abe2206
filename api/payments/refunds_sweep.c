#include <string.h>

#include "api/clients/payment_client.h"
#include "api/observe.h"
#include "api/parallel.h"
#include "api/payments/payments_service.h"
#include "api/payments/payments_sweep.h"
#include "api/payments/refunds_service.h"
#include "common/crash_point.h"
#include "common/log.h"
#include "sql_api.h"

enum { REFUNDS_MAX = 64, ASKERS = 8 };

struct due_refund {
	int64_t id;
	int64_t payment_id;
	int64_t amount;
	const char *refund_key;
	const char *intent_id;
	int64_t guest_id;
	int64_t event_id;
	/* what the call said */
	enum status status;
	bool asked;
	bool done;
	char service_id[256];
	char error[256];
};

#define AT(member) offsetof(struct due_refund, member)
static const struct field due_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "paymentId", .type = FIELD_ID, .offset = AT(payment_id)},
	{.name = "amount", .type = FIELD_MONEY, .offset = AT(amount)},
	{.name = "refundKey", .type = FIELD_STRING, .offset = AT(refund_key)},
	{.name = "intentId", .type = FIELD_STRING, .offset = AT(intent_id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
};
#undef AT
static const struct schema due_schema = SCHEMA(due_fields, struct due_refund);

struct refunding {
	struct request *req;
	struct due_refund *refunds;
};

static void ask(void *ctx, size_t i, struct arena *arena)
{
	const struct refunding *refunding = ctx;
	struct due_refund *refund = &refunding->refunds[i];
	const struct payment_call call = {
		.app = refunding->req->app,
		.arena = arena,
		.key = refund->refund_key,
		.request_id = refunding->req->http->request_id,
		.traceparent = refunding->req->traceparent,
		.budget_ms = refunding->req->app->config->upstream_budget_ms,
	};
	struct payment_refund answer;
	struct problem err = {0};

	refund->status = payment_client_refund(&call, refund->intent_id, refund->amount, &answer,
					       &refund->asked, &err);
	memccpy(refund->error, err.detail, '\0', sizeof(refund->error) - 1);
	if (refund->status)
		return;
	refund->done = answer.done;
	memccpy(refund->service_id, answer.id, '\0', sizeof(refund->service_id) - 1);
}

/* The attempt failed, or was kept back; the last one makes it an operator's. */
static enum status put_off(struct request *req, const struct due_refund *refund,
			   struct problem *err)
{
	PG_RESULT result = NULL;
	bool dead;
	enum status status;

	status = request_query(
		req, &sql_refund_put_off,
		PG_ARGS(PG_I64(refund->id), PG_TEXT(refund->error), PG_BOOL(refund->asked)),
		&result, err);
	CRASH_POINT("refund.put-off");
	if (status || !pg_rows(result))
		return status;
	dead = !strcmp(pg_text(result, 0, 0), "dead");
	if (refund->asked || dead)
		metrics_add(&metric_refunds, 1, dead ? "dead" : "failed", (char *)NULL);
	if (dead)
		log_message(LOG_ERROR,
			    "Refund %lld of payment %lld is given up: %s; see corectl refund ls",
			    (long long)refund->id, (long long)refund->payment_id, refund->error);
	return OK;
}

/* The answer takes the intent's lock, as the webhook does that tells the same; which of the two
 * comes first does not matter. */
static enum status record(struct request *req, struct problem *err)
{
	const struct due_refund *refund = req->work;
	struct guest_locked locked;
	enum status status;

	if (refund->status)
		return put_off(req, refund, err);
	req->access.event_id = refund->event_id;
	status = payment_lock_intent(req, refund->intent_id, err);
	if (!status)
		status = guest_lock(req, refund->guest_id, LOCK_SEAT | LOCK_DELETED, &locked, err);
	if (!status && refund->done)
		status = refund_settle(req, &locked, refund->id, refund->service_id, err);
	if (!status && !refund->done)
		status = request_query(req, &sql_refund_pending,
				       PG_ARGS(PG_I64(refund->id), PG_TEXT(refund->service_id)),
				       NULL, err);
	CRASH_POINT("refund.settled");
	return status ? status : payment_take_waiting(req, refund->intent_id, LOCK_SEAT, err);
}

enum status sweep_refunds(struct request *req, bool *ret_more, struct problem *err)
{
	const size_t limit = payment_client_room(req->app, REFUNDS_MAX);
	struct refunding refunding = {.req = req};
	PG_RESULT result = NULL;
	struct field_array refunds;
	enum status status = request_query(req, &sql_refunds_claim, PG_ARGS(PG_I64((int64_t)limit)),
					   &result, err);

	if (status || !pg_rows(result))
		return status;
	refunds = pg_scan_all(result, &due_schema, req->arena);
	request_release_conn(req);
	CRASH_POINT("refund.claimed");
	refunding.refunds = refunds.items;
	parallel_run(refunds.count, ASKERS, INT64_MAX, ask, &refunding);
	CRASH_POINT("refund.asked");
	for (size_t i = 0; !status && i < refunds.count; i++) {
		req->work = &refunding.refunds[i];
		status = request_transaction(req, record, err);
		CRASH_POINT("refund.recorded");
	}
	*ret_more = refunds.count == limit;
	return status;
}
