#include "api/batch.h"

#include "common/clock.h"
#include "common/crash_point.h"

enum { CALL_TRIES = 4 };

struct batch {
	struct request *leader;
	batch_call *call;
	const void *ctx;
};

static enum status call_once(const struct batch *batch, struct batch_item *const *items,
			     size_t count, struct problem *err)
{
	return batch->call(batch->leader, batch->ctx, items, count, err);
}

static void fail_one(struct batch_item *item, enum status status, const struct problem *err)
{
	item->status = status;
	item->problem = *err;
}

/* In the open transaction: what fails is taken back and halved, down to the item at fault. As deep
 * as the logarithm of the batch. */
static enum status call_halves(const struct batch *batch, struct batch_item *const *items,
			       size_t count, struct problem *err)
{
	struct pg_conn *conn = batch->leader->conn;
	struct problem why = {0};
	enum status status = pg_savepoint(conn, err);

	if (status)
		return status;
	status = call_once(batch, items, count, &why);
	if (!status)
		return OK;
	if (status != ST_INTERNAL_ERROR) {
		*err = why;
		return status;
	}
	status = pg_rollback_to_savepoint(conn, err);
	if (status)
		return status;
	if (count == 1) {
		fail_one(items[0], ST_INTERNAL_ERROR, &why);
		return OK;
	}
	status = call_halves(batch, items, count / 2, err);
	if (!status)
		status = call_halves(batch, items + count / 2, count - count / 2, err);
	return status;
}

static enum status call_bisected(const struct batch *batch, struct batch_item *const *items,
				 size_t count, struct problem *err)
{
	struct pg_conn *conn;
	enum status status = request_conn(batch->leader, &conn, err);

	if (!status)
		status = pg_begin(conn, err);
	if (!status)
		status = call_halves(batch, items, count, err);
	CRASH_POINT("batch.bisected");
	return status ? status : pg_commit(conn, err);
}

static enum status call_all(const struct batch *batch, struct batch_item *const *items,
			    size_t count, struct problem *err)
{
	enum status status = call_once(batch, items, count, err);

	if (status == ST_INTERNAL_ERROR && count > 1)
		status = call_bisected(batch, items, count, err);
	return status;
}

static void settle_rest(struct batch_item *const *items, size_t count, enum status status,
			const struct problem *err)
{
	for (size_t i = 0; i < count; i++)
		if (status && !items[i]->status)
			fail_one(items[i], status, err);
}

void batch_run(struct request *leader, batch_call *call, const void *ctx,
	       struct batch_item *const *items, size_t count)
{
	const struct batch batch = {leader, call, ctx};
	struct problem err = {0};
	enum status status = OK;

	for (int i = 0; i < CALL_TRIES; i++) {
		for (size_t k = 0; k < count; k++)
			items[k]->status = OK;
		err = (struct problem){0};
		status = call_all(&batch, items, count, &err);
		if (!status || !leader->conn || !pg_should_retry(leader->conn))
			break;
		if (pg_in_transaction(leader->conn))
			pg_rollback(leader->conn);
		clock_sleep_ms((int64_t)ids_random_below(UINT64_C(10) << i));
	}
	request_release_conn(leader);
	settle_rest(items, count, status, &err);
}
