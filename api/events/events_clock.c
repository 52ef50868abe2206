#include "api/events/events_clock.h"

#include "sql_api.h"

enum { SLICE = 100 };

static enum status tick(struct request *req, struct problem *err)
{
	PG_RESULT started = NULL;
	PG_RESULT ended = NULL;
	bool *more = req->work;
	enum status status;

	status = request_query(req, &sql_events_start_due, PG_ARGS(PG_I64(SLICE)), &started, err);
	if (!status)
		status = request_query(req, &sql_events_end_due, PG_ARGS(PG_I64(SLICE)), &ended,
				       err);
	if (status)
		return status;
	*more = pg_affected(started) == SLICE || pg_rows(ended) == SLICE;
	for (size_t i = 0; !status && i < pg_rows(ended); i++)
		status = request_query(req, &sql_event_end_holds,
				       PG_ARGS(PG_I64(pg_i64(ended, i, 0))), NULL, err);
	return status;
}

enum status events_clock_tick(struct request *req, bool *ret_more, struct problem *err)
{
	req->work = ret_more;
	return request_transaction(req, tick, err);
}
