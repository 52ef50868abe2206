#include <stdlib.h>
#include <string.h>

#include "api/clients/payment_client.h"
#include "api/guests/registration.h"
#include "api/parallel.h"
#include "api/payments/payments_service.h"
#include "api/payments/payments_sweep.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "common/log.h"
#include "sql_api.h"

enum {
	HOLDS_MAX = 20000, /* claimed at once */
	DROP_BATCH = 500,  /* ended in one transaction */
	ASKERS = 24,
	ASK_MS = 1200,      /* longest run of calls, counted from the oldest hold's end */
	ASK_LEAST_MS = 100, /* shortest, for holds that come late */
	ENDED_A_MS = 20,    /* holds that a millisecond less of asking gives time to end */
	CRASHED_MAX = 50,
};

/* --- asking ----------------------------------------------------------------------------------- */

struct hold {
	int64_t payment_id;
	const char *intent_id;
	const char *cancel_key;
	int status; /* enum payment_status */
	int64_t expires_at;
	enum payment_cancel answer;
};

struct asking {
	struct request *req;
	struct hold *holds;
	int64_t until_us; /* monotonic */
};

static void ask(void *ctx, size_t i, struct arena *arena)
{
	const struct asking *asking = ctx;
	struct hold *hold = &asking->holds[i];
	int64_t left_ms = (asking->until_us - clock_monotonic_us()) / US_PER_MS;
	const struct payment_call call = {
		.app = asking->req->app,
		.arena = arena,
		.key = hold->cancel_key,
		.request_id = asking->req->http->request_id,
		.traceparent = asking->req->traceparent,
		.budget_ms = left_ms,
	};

	if (hold->status != PAYMENT_DISPUTED && hold->intent_id && left_ms > 0)
		hold->answer = payment_client_cancel(&call, hold->intent_id);
}

static int64_t oldest_end(const struct hold *holds, size_t count)
{
	int64_t oldest = holds[0].expires_at;

	for (size_t i = 1; i < count; i++)
		if (holds[i].expires_at < oldest)
			oldest = holds[i].expires_at;
	return oldest;
}

/* How long: a hold that waited for the run before it is asked for a shorter time, and so are many
 * at once, which take a while to end: each seat is free in time. */
static int64_t asking_ms(const struct hold *holds, size_t count)
{
	int64_t late_ms = (clock_now_us() - oldest_end(holds, count)) / US_PER_MS;
	int64_t ms = ASK_MS - (late_ms > 0 ? late_ms : 0) - (int64_t)count / ENDED_A_MS;

	return ms > ASK_LEAST_MS ? ms : ASK_LEAST_MS;
}

static void ask_all(struct request *req, struct hold *holds, size_t count)
{
	struct asking asking = {.req = req, .holds = holds};

	asking.until_us = clock_monotonic_us() + asking_ms(holds, count) * US_PER_MS;
	parallel_run(count, ASKERS, asking.until_us, ask, &asking);
}

/* --- recording -------------------------------------------------------------------------------- */

static enum status confirm(struct request *req, struct problem *err)
{
	enum status status = payment_trust_paid(req, req->work, err);

	CRASH_POINT("hold-sweep.confirming");
	return status;
}

/* One that cannot be confirmed now is claimed again later; it must not hold up the rest. */
static void confirm_paid(struct request *req, const struct hold *holds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct problem err = {0};

		if (holds[i].answer != CANCEL_PAID)
			continue;
		req->work = arena_strdup(req->arena, holds[i].intent_id);
		if (request_transaction(req, confirm, &err))
			log_message(LOG_WARN, "Payment %lld is paid and could not be recorded: %s",
				    (long long)holds[i].payment_id, err.detail);
	}
}

struct batch {
	int64_t ids[DROP_BATCH];
	size_t count;
	int64_t unanswered[DROP_BATCH];
	size_t unanswered_count;
};

static enum status drop(struct request *req, struct problem *err)
{
	const struct batch *batch = req->work;
	PG_RESULT result = NULL;
	char *jobs;
	enum status status;

	status = request_query(req, &sql_payments_end_holds,
			       PG_ARGS(PG_I64_ARRAY(batch->ids, batch->count),
				       PG_I64_ARRAY(batch->unanswered, batch->unanswered_count),
				       PG_TEXT(req->http->request_id), PG_TEXT(req->traceparent)),
			       &result, err);
	CRASH_POINT("hold-sweep.dropping");
	if (status || pg_is_null(result, 0, 1))
		return status;
	jobs = arena_strdup(req->arena, pg_text(result, 0, 1));
	while (jobs && *jobs)
		request_remember_job(req, "send-email", strsep(&jobs, ","));
	return OK;
}

/* A batch that cannot be ended now is claimed again later; it must not hold up the rest. */
static enum status drop_all(struct request *req, const struct hold *holds, size_t count,
			    struct problem *err)
{
	struct batch *batch = ARENA_NEW(req->arena, struct batch);
	enum status status, worst = OK;

	req->work = batch;
	for (size_t i = 0; i < count; i++) {
		if (holds[i].answer != CANCEL_PAID)
			batch->ids[batch->count++] = holds[i].payment_id;
		if (holds[i].answer == CANCEL_UNANSWERED)
			batch->unanswered[batch->unanswered_count++] = holds[i].payment_id;
		if (batch->count < DROP_BATCH && i + 1 < count)
			continue;
		status = batch->count ? request_transaction(req, drop, err) : OK;
		worst = status ? status : worst;
		batch->count = batch->unanswered_count = 0;
	}
	return worst;
}

/* --- slices ----------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct hold, member)
static const struct field hold_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(payment_id)},
	{.name = "intentId", .type = FIELD_STRING, .offset = AT(intent_id)},
	{.name = "cancelKey", .type = FIELD_STRING, .offset = AT(cancel_key)},
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = payment_status_names},
	{.name = "expiresAt", .type = FIELD_TIME, .offset = AT(expires_at)},
};
#undef AT
static const struct schema hold_schema = SCHEMA(hold_fields, struct hold);

static enum status claim(struct request *req, struct field_array *ret, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = request_query(req, &sql_payments_claim_holds,
					   PG_ARGS(PG_I64(HOLDS_MAX)), &result, err);

	if (!status)
		*ret = pg_scan_all(result, &hold_schema, req->arena);
	return status;
}

enum status sweep_holds(struct request *req, bool *ret_more, struct problem *err)
{
	struct field_array holds;
	enum status status = claim(req, &holds, err);

	if (status || !holds.count)
		return status;
	request_release_conn(req);
	CRASH_POINT("hold-sweep.claimed");
	ask_all(req, holds.items, holds.count);
	*ret_more = true;
	CRASH_POINT("hold-sweep.asked");
	status = drop_all(req, holds.items, holds.count, err);
	CRASH_POINT("hold-sweep.dropped");
	confirm_paid(req, holds.items, holds.count);
	CRASH_POINT("hold-sweep.over");
	return status;
}

static enum status release(struct request *req, struct problem *err)
{
	return registration_release(req, req->work, err);
}

enum status sweep_crashed(struct request *req, bool *ret_more, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = request_query(req, &sql_payments_crashed, PG_ARGS(PG_I64(CRASHED_MAX)),
					   &result, err);

	for (size_t i = 0; !status && i < pg_rows(result); i++) {
		struct unpaid_hold hold = {
			.payment_id = pg_i64(result, i, 0),
			.guest_id = pg_i64(result, i, 1),
			.deadline_at = pg_time(result, i, 3),
		};

		req->access.event_id = pg_i64(result, i, 2);
		req->work = &hold;
		CRASH_POINT("crashed-sweep.found");
		status = request_transaction(req, release, err);
		CRASH_POINT("crashed-sweep.released");
		if (status == ST_NOT_FOUND)
			status = OK;
	}
	if (!status)
		*ret_more = pg_rows(result) == CRASHED_MAX;
	return status;
}
