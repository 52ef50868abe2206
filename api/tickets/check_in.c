#include "api/tickets/check_in.h"

#include <string.h>

#include "api/guests/guests.h"
#include "api/guests/guests_service.h"
#include "api/guests/guests_store.h"
#include "api/idempotency.h"
#include "api/observe.h"
#include "api/tickets/admission.h"
#include "api/tickets/tickets_store.h"
#include "common/crash_point.h"
#include "sql_api.h"

/* One try: a refusal is kept in the scan log, so its transaction commits too. */
struct check_in {
	struct problem refusal;
	bool done; /* judged, not answered from before */
};

/* --- by hand --------------------------------------------------------------------------------- */

static enum status judge(struct request *req, const struct guest_locked *locked,
			 struct problem *err)
{
	if (!strcmp(locked->event_status, "cancelled"))
		return problem_set(err, ST_TICKET_CANCELLED, "The event is cancelled");
	if (strcmp(locked->event_status, "published") != 0 &&
	    strcmp(locked->event_status, "active") != 0)
		return problem_set(err, ST_EVENT_NOT_OPEN, "The event is %s", locked->event_status);
	if (guest_transition((enum guest_status)locked->guest.status, TRIGGER_CHECK_IN, err))
		return OK;
	if (err->status == ST_ALREADY_VALIDATED)
		err->extension = admission_extension(req->arena, locked->guest.checked_in_at);
	return err->status;
}

static enum status record(struct request *req, int64_t guest_id, const char *outcome,
			  struct problem *err)
{
	return request_query(
		req, &sql_scan_by_hand,
		PG_ARGS(PG_I64(guest_id), PG_TEXT(outcome), PG_I64(req->caller.user_id)), NULL,
		err);
}

static enum status admit(struct request *req, int64_t guest_id, struct problem *err)
{
	struct guest guest;
	enum status status;

	status = request_query(req, &sql_guest_admit, PG_ARGS(PG_I64(guest_id)), NULL, err);
	CRASH_POINT("check-in.admitted");
	if (!status)
		status = record(req, guest_id, ADMITTED, err);
	if (!status)
		status = guest_load(req, guest_id, &guest, err);
	if (status)
		return status;
	answer_data(req, &guest_schema, &guest, guest.edit_version);
	CRASH_POINT("check-in.noted");
	return idempotency_store(req, err);
}

static enum status check_in_once(struct request *req, struct problem *err)
{
	struct check_in *work = req->work;
	struct guest_locked locked;
	struct problem refusal = {0};
	enum status status;

	*work = (struct check_in){0};
	status = idempotency_begin(req, err);
	if (!status)
		status = guest_lock(req, req->access.guest_id, 0, &locked, err);
	if (!status)
		status = request_check_match(req, locked.guest.edit_version, err);
	if (status)
		return status;
	work->done = true;
	if (!judge(req, &locked, &refusal))
		return admit(req, locked.guest.id, err);
	work->refusal = refusal;
	return record(req, locked.guest.id, problem_row(refusal.status)->slug, err);
}

enum status guests_check_in(struct request *req, struct problem *err)
{
	struct check_in work = {0};
	enum status status;

	req->work = &work;
	status = request_transaction(req, check_in_once, err);
	req->work = NULL;
	CRASH_POINT("check-in.committed");
	if (status || !work.done)
		return status;
	if (!work.refusal.status) {
		admission_count(ADMITTED);
		return OK;
	}
	admission_count(problem_row(work.refusal.status)->slug);
	*err = work.refusal;
	return err->status;
}

/* --- undo ------------------------------------------------------------------------------------ */

static enum status check_match(struct request *req, const struct guest_locked *locked,
			       struct problem *err)
{
	struct ticket ticket;
	enum status status;

	if (req->route->scope != SCOPE_TICKET)
		return request_check_match(req, locked->guest.edit_version, err);
	status = ticket_load(req, req->access.thing_id, &ticket, err);
	return status ? status : request_check_match(req, ticket.edit_version, err);
}

/* The cascade of a cancelled event left him alone since he was inside; it does not come back. */
static enum status leave_cancelled(struct request *req, int64_t guest_id, struct problem *err)
{
	struct guest_locked locked;
	enum status status = guest_lock(req, guest_id, LOCK_SEAT, &locked, err);

	return status ? status : guest_apply(req, &locked, TRIGGER_EVENT_CANCELLED, err);
}

enum status undo_check_in(struct request *req, int64_t guest_id, struct problem *err)
{
	struct guest_locked locked;
	struct problem refusal = {0};
	enum status status = guest_lock(req, guest_id, LOCK_SEAT, &locked, err);

	if (!status)
		status = check_match(req, &locked, err);
	if (status)
		return status;
	if (!guest_transition((enum guest_status)locked.guest.status, TRIGGER_UNDO_CHECK_IN,
			      &refusal)) {
		*err = refusal;
		return refusal.status;
	}
	status = request_query(req, &sql_guest_undo_admission,
			       PG_ARGS(PG_I64(guest_id), PG_I64(req->caller.user_id)), NULL, err);
	CRASH_POINT("check-in.undone");
	if (status || strcmp(locked.event_status, "cancelled") != 0)
		return status;
	return leave_cancelled(req, guest_id, err);
}

enum status guests_undo_check_in(struct request *req, struct problem *err)
{
	enum status status = undo_check_in(req, req->access.guest_id, err);

	if (!status)
		answer_none(req);
	return status;
}
