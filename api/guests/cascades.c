#include "api/guests/cascades.h"

#include <stdlib.h>
#include <string.h>

#include "api/guests/guests_service.h"
#include "common/crash_point.h"
#include "sql_api.h"

/* Guests a slice: short enough that a registration or a scan waits for it unnoticed. */
enum { CANCEL_SLICE = 250, CHANGE_SLICE = 500 };

/* Remember the jobs of a comma-separated list of ids. */
static void remember_jobs(struct request *req, const char *type, const char *list)
{
	char *rest = list ? arena_strdup(req->arena, list) : NULL;

	while (rest && *rest)
		request_remember_job(req, type, strsep(&rest, ","));
}

/* --- cancel ---------------------------------------------------------------------------------- */

/* Guests with a payment one by one, with all the effects of the table. */
static enum status cancel_paying(struct request *req, int64_t event_id, const char *list,
				 struct problem *err)
{
	char *rest = arena_strdup(req->arena, list ? list : "");
	enum status status = OK;

	req->access.event_id = event_id;
	while (!status && rest && *rest) {
		struct guest_locked locked;

		status = guest_lock(req, strtoll(strsep(&rest, ","), NULL, 10), LOCK_SEAT, &locked,
				    err);
		if (!status)
			status = guest_apply(req, &locked, TRIGGER_EVENT_CANCELLED, err);
	}
	return status;
}

static enum status cancel_slice(struct request *req, int64_t event_id, int64_t after,
				struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_cascade_cancel,
			       PG_ARGS(PG_I64(event_id), PG_I64(after), PG_I64(CANCEL_SLICE),
				       PG_TEXT(req->http->request_id), PG_TEXT(req->traceparent)),
			       &result, err);
	if (status)
		return status;
	CRASH_POINT("cancel-cascade.cancelled");
	remember_jobs(req, "send-email", pg_text(result, 0, 2));
	status = cancel_paying(req, event_id, pg_text(result, 0, 1), err);
	CRASH_POINT("cancel-cascade.paying-cancelled");
	if (status)
		return status;
	status = request_query(req, &sql_cascade_advance,
			       PG_ARGS(PG_I64(event_id), PG_ID(pg_i64(result, 0, 0))), NULL, err);
	CRASH_POINT("cancel-cascade.advanced");
	return status;
}

static enum status cancel_next(struct request *req, struct problem *err)
{
	PG_RESULT claim = NULL;
	bool *more = req->work;
	enum status status = request_query(req, &sql_cascade_claim, PG_NO_ARGS, &claim, err);

	*more = !status && pg_rows(claim) > 0;
	if (!*more)
		return status;
	CRASH_POINT("cancel-cascade.claimed");
	return cancel_slice(req, pg_i64(claim, 0, 0), pg_i64(claim, 0, 1), err);
}

enum status cascade_cancel_guests(struct request *req, bool *ret_more, struct problem *err)
{
	enum status status;

	req->work = ret_more;
	status = request_transaction(req, cancel_next, err);
	CRASH_POINT_IF(*ret_more, "cancel-cascade.committed");
	return status;
}

/* --- change ---------------------------------------------------------------------------------- */

/* What guests get of a change of their event, along a pointer of its own. */
struct share {
	const struct pg_statement *claim; /* event, its change, guest after whom it goes on */
	const struct pg_statement *slice; /* last guest, jobs */
	const struct pg_statement
		*advance; /* the pointer; past the last guest: the change is done */
	const char *job_type;
};

static const struct share telling = {&sql_telling_claim, &sql_telling_slice, &sql_telling_advance,
				     "send-email"};
static const struct share renewing = {&sql_renewing_claim, &sql_renewing_slice,
				      &sql_renewing_advance, "generate-ticket-pdf"};

struct share_run {
	const struct share *share;
	bool *ret_more;
};

static enum status share_slice(struct request *req, const struct share *share,
			       const struct pg_result *claim, struct problem *err)
{
	const struct pg_param event = PG_I64(pg_i64(claim, 0, 0));
	const struct pg_param change = PG_I64(pg_i64(claim, 0, 1));
	PG_RESULT done = NULL;
	enum status status;

	status = request_query(req, share->slice,
			       PG_ARGS(event, change, PG_I64(pg_i64(claim, 0, 2)),
				       PG_I64(CHANGE_SLICE), PG_TEXT(req->http->request_id),
				       PG_TEXT(req->traceparent)),
			       &done, err);
	if (status)
		return status;
	CRASH_POINT("change-cascade.told");
	remember_jobs(req, share->job_type, pg_text(done, 0, 1));
	status = request_query(req, share->advance,
			       PG_ARGS(event, change, PG_ID(pg_i64(done, 0, 0))), NULL, err);
	CRASH_POINT("change-cascade.advanced");
	return status;
}

static enum status share_next(struct request *req, struct problem *err)
{
	const struct share_run *run = req->work;
	PG_RESULT claim = NULL;
	enum status status = request_query(req, run->share->claim, PG_NO_ARGS, &claim, err);

	*run->ret_more = !status && pg_rows(claim) > 0;
	CRASH_POINT_IF(*run->ret_more, "change-cascade.claimed");
	return *run->ret_more ? share_slice(req, run->share, claim, err) : status;
}

static enum status share_change(struct request *req, const struct share *share, bool *ret_more,
				struct problem *err)
{
	struct share_run run = {share, ret_more};
	enum status status;

	req->work = &run;
	status = request_transaction(req, share_next, err);
	CRASH_POINT_IF(*ret_more, "change-cascade.committed");
	return status;
}

enum status cascade_tell_guests(struct request *req, bool *ret_more, struct problem *err)
{
	return share_change(req, &telling, ret_more, err);
}

enum status cascade_renew_pages(struct request *req, bool *ret_more, struct problem *err)
{
	return share_change(req, &renewing, ret_more, err);
}
