#include "api/guests/combiner_batch.h"

#include <string.h>

#include "api/guests/registration_call.h"
#include "api/kept.h"
#include "common/clock.h"

enum { CALL_TRIES = 4 };

struct call {
	struct request *req;
	bool skip_locked;
};

static enum status call_once(const struct call *call, struct waiter *const *batch, size_t count,
			     struct problem *err)
{
	struct arena *arena = call->req->arena;
	struct registration_member *members = arena_calloc(arena, count, sizeof(*members));
	struct registration_slot *slots = arena_calloc(arena, count, sizeof(*slots));

	for (size_t i = 0; i < count; i++) {
		members[i] = *batch[i]->member;
		members[i].ord = (int64_t)i;
		slots[i] = (struct registration_slot){batch[i]->req->arena, batch[i]->outcome};
	}
	return registration_call(call->req, members, slots, count, call->skip_locked, err);
}

/* --- a batch that one member's data break ------------------------------------------------------
 */

static bool is_broken_by_data(enum status status, size_t count)
{
	return status == ST_INTERNAL_ERROR && count > 1;
}

static void fail_one(struct waiter *waiter, enum status status, const struct problem *err)
{
	waiter->status = status;
	waiter->problem = *err;
}

/* In the open transaction: what fails is taken back and halved, down to the member at fault. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the logarithm of the batch
static enum status call_halves(const struct call *call, struct waiter *const *batch, size_t count,
			       struct problem *err)
{
	struct pg_conn *conn = call->req->conn;
	struct problem why = {0};
	enum status status = pg_savepoint(conn, err);

	if (status)
		return status;
	status = call_once(call, batch, count, &why);
	if (!status)
		return OK;
	if (status != ST_INTERNAL_ERROR) {
		*err = why;
		return status;
	}
	if (pg_rollback_to_savepoint(conn, err))
		return err->status;
	if (count == 1) {
		fail_one(batch[0], status, &why);
		return OK;
	}
	status = call_halves(call, batch, count / 2, err);
	if (!status)
		status = call_halves(call, batch + count / 2, count - count / 2, err);
	return status;
}

static enum status call_bisected(const struct call *call, struct waiter *const *batch, size_t count,
				 struct problem *err)
{
	struct pg_conn *conn;
	enum status status = request_conn(call->req, &conn, err);

	if (!status)
		status = pg_begin(conn, err);
	if (!status)
		status = call_halves(call, batch, count, err);
	return status ? status : pg_commit(conn, err);
}

/* --- any batch ---------------------------------------------------------------------------------
 */

static enum status call_batch(const struct call *call, struct waiter *const *batch, size_t count,
			      struct problem *err)
{
	enum status status = call_once(call, batch, count, err);

	return is_broken_by_data(status, count) ? call_bisected(call, batch, count, err) : status;
}

static void settle_rest(struct waiter *const *batch, size_t count, enum status status,
			const struct problem *err)
{
	for (size_t i = 0; i < count; i++)
		if (status && !batch[i]->status)
			fail_one(batch[i], status, err);
}

/* Again after a deadlock or a serialization failure, which wrote nothing. */
void combiner_batch_run(struct request *req, struct waiter *const *batch, size_t count,
			bool skip_locked)
{
	const struct call call = {req, skip_locked};
	struct problem err;
	enum status status = OK;

	for (int i = 0; i < CALL_TRIES; i++) {
		for (size_t k = 0; k < count; k++)
			batch[k]->status = OK;
		err = (struct problem){0};
		status = call_batch(&call, batch, count, &err);
		if (!status || !req->conn || !pg_should_retry(req->conn))
			break;
		if (pg_in_transaction(req->conn))
			pg_rollback(req->conn);
		clock_sleep_ms((int64_t)ids_random_below(UINT64_C(10) << i));
	}
	request_release_conn(req);
	for (size_t k = 0; k < count; k++)
		kept_drop(req->app->kept, batch[k]->member->event_id);
	settle_rest(batch, count, status, &err);
}

bool combiner_batch_is_busy(const struct waiter *waiter)
{
	return !waiter->status && !strcmp(waiter->outcome->outcome, "busy");
}
