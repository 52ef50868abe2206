#include <string.h>

#include "api/clients/payment_client.h"
#include "api/parallel.h"
#include "api/payments/payments_service.h"
#include "api/payments/payments_sweep.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "sql_api.h"

enum { VOIDS_MAX = 64, ASKERS = 8, MESSAGES_MAX = 100 };
/* The service forgets keys after a day: then an unknown intent cannot be found any more. */
enum { VOID_ATTEMPTS_MAX = 120 };

struct payment_void {
	int64_t id;
	int64_t guest_id;
	int64_t event_id;
	const char *payment_key;
	const char *cancel_key;
	const char *intent_id; /* NULL: nobody told us */
	int64_t amount;
	const char *currency;
	int64_t void_attempts;
	/* what the calls found */
	char found_id[256];
	enum payment_cancel answer;
};

#define AT(member) offsetof(struct payment_void, member)
static const struct field void_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "paymentKey", .type = FIELD_STRING, .offset = AT(payment_key)},
	{.name = "cancelKey", .type = FIELD_STRING, .offset = AT(cancel_key)},
	{.name = "intentId", .type = FIELD_STRING, .offset = AT(intent_id)},
	{.name = "amount", .type = FIELD_MONEY, .offset = AT(amount)},
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "voidAttempts", .type = FIELD_INT, .offset = AT(void_attempts)},
};
#undef AT
static const struct schema void_schema = SCHEMA(void_fields, struct payment_void);

/* --- calls ------------------------------------------------------------------------------------ */

struct voiding {
	struct request *req;
	struct payment_void *voids;
};

static struct payment_call call_of(const struct voiding *voiding, const char *key,
				   struct arena *arena)
{
	return (struct payment_call){
		.app = voiding->req->app,
		.arena = arena,
		.key = key,
		.request_id = voiding->req->http->request_id,
		.traceparent = voiding->req->traceparent,
		.budget_ms = voiding->req->app->config->upstream_budget_ms,
	};
}

/* Ask under the same key: the intent that may live, or a new one, which is cancelled all the same.
 * False: not now; a service that refuses has none. */
static bool find(const struct voiding *voiding, struct payment_void *item, struct arena *arena)
{
	const struct payment_call call = call_of(voiding, item->payment_key, arena);
	const struct payment_intent_request ask = {
		.amount = item->amount,
		.currency = item->currency,
		.guest_id = item->guest_id,
		.event_id = item->event_id,
		.description = payment_client_description(arena, item->event_id, item->guest_id),
	};
	struct payment_intent intent;
	struct problem why = {0};
	enum status status = payment_client_create_intent(&call, &ask, &intent, &why);

	if (status == ST_UPSTREAM_REFUSED)
		item->answer = CANCEL_DONE;
	if (status)
		return false;
	memccpy(item->found_id, intent.id, '\0', sizeof(item->found_id) - 1);
	CRASH_POINT("void.found");
	return true;
}

static void cancel(void *ctx, size_t i, struct arena *arena)
{
	const struct voiding *voiding = ctx;
	struct payment_void *item = &voiding->voids[i];
	const struct payment_call call = call_of(voiding, item->cancel_key, arena);

	if (!item->intent_id && !find(voiding, item, arena))
		return;
	item->answer =
		payment_client_cancel(&call, item->intent_id ? item->intent_id : item->found_id);
}

/* --- recording -------------------------------------------------------------------------------- */

/* The intent is known from now on; what the service said of it waits no longer. */
static enum status adopt(struct request *req, const struct payment_void *item, struct problem *err)
{
	enum status status = payment_lock_intent(req, item->found_id, err);

	if (!status)
		status = request_query(req, &sql_payment_adopt_intent,
				       PG_ARGS(PG_I64(item->id), PG_TEXT(item->found_id)), NULL,
				       err);
	return status;
}

static enum status record(struct request *req, struct problem *err)
{
	const struct payment_void *item = req->work;
	const char *intent_id = item->intent_id ? item->intent_id : item->found_id;
	enum status status = OK;

	if (!item->intent_id && *item->found_id)
		status = adopt(req, item, err);
	CRASH_POINT("void.adopted");
	if (!status && item->answer == CANCEL_PAID)
		return payment_trust_paid(req, intent_id, err);
	if (!status && (item->answer == CANCEL_DONE || item->void_attempts > VOID_ATTEMPTS_MAX))
		status = request_query(req, &sql_payment_voided, PG_ARGS(PG_I64(item->id)), NULL,
				       err);
	return status;
}

enum status sweep_voids(struct request *req, bool *ret_more, struct problem *err)
{
	const size_t limit = payment_client_room(req->app, VOIDS_MAX);
	struct voiding voiding = {.req = req};
	PG_RESULT result = NULL;
	struct field_array voids;
	enum status status = request_query(req, &sql_payments_claim_voids,
					   PG_ARGS(PG_I64((int64_t)limit)), &result, err);

	if (status || !pg_rows(result))
		return status;
	voids = pg_scan_all(result, &void_schema, req->arena);
	request_release_conn(req);
	CRASH_POINT("void.claimed");
	voiding.voids = voids.items;
	parallel_run(voids.count, ASKERS, INT64_MAX, cancel, &voiding);
	CRASH_POINT("void.cancelled");
	for (size_t i = 0; !status && i < voids.count; i++) {
		req->work = &voiding.voids[i];
		status = request_transaction(req, record, err);
		CRASH_POINT("void.recorded");
	}
	*ret_more = voids.count == limit;
	return status;
}

/* --- leftovers -------------------------------------------------------------------------------- */

static enum status match(struct request *req, struct problem *err)
{
	const char *intent_id = req->work;
	enum status status = payment_lock_intent(req, intent_id, err);

	return status ? status : payment_take_waiting(req, intent_id, LOCK_SEAT, err);
}

enum status sweep_messages(struct request *req, bool *ret_more, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = request_query(req, &sql_payment_messages_claim,
					   PG_ARGS(PG_I64(MESSAGES_MAX)), &result, err);

	for (size_t i = 0; !status && i < pg_rows(result); i++) {
		req->work = arena_strdup(req->arena, pg_text(result, i, 0));
		CRASH_POINT("message-sweep.claimed");
		status = request_transaction(req, match, err);
		CRASH_POINT("message-sweep.matched");
	}
	if (!status)
		*ret_more = pg_rows(result) == MESSAGES_MAX;
	return status;
}
