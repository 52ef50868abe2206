#include "api/events/events_clock.h"

#include "api/events/events_store.h"
#include "common/crash_point.h"
#include "sql_api.h"

enum { SLICE = 100 };

static enum status tick(struct request *req, struct problem *err)
{
	PG_RESULT started = NULL;
	PG_RESULT ended = NULL;
	bool *more = req->work;
	enum status status;

	status = request_query(req, &sql_events_start_due, PG_ARGS(PG_I64(SLICE)), &started, err);
	CRASH_POINT_IF(!status && pg_affected(started), "event-clock.started");
	if (!status)
		status = request_query(req, &sql_events_end_due, PG_ARGS(PG_I64(SLICE)), &ended,
				       err);
	if (status)
		return status;
	*more = pg_affected(started) == SLICE || pg_rows(ended) == SLICE;
	for (size_t i = 0; !status && i < pg_rows(ended); i++)
		status = events_store_end_holds(req, pg_i64(ended, i, 0), err);
	CRASH_POINT_IF(pg_rows(ended), "event-clock.ended");
	return status;
}

enum status events_clock_tick(struct request *req, bool *ret_more, struct problem *err)
{
	req->work = ret_more;
	return request_transaction(req, tick, err);
}

enum status events_clock_end_holds(struct request *req, bool *ret_more, struct problem *err)
{
	PG_RESULT ended = NULL;
	enum status status = request_query(req, &sql_events_end_holds,
					   PG_ARGS(PG_I64(HOLDS_AT_ONCE)), &ended, err);

	CRASH_POINT_IF(!status && pg_affected(ended), "event-clock.holds-ended");
	*ret_more = !status && pg_affected(ended) == HOLDS_AT_ONCE;
	return status;
}
