#include "api/tickets/tickets_service.h"

#include "api/guests/guests_store.h"
#include "common/crash_point.h"

/* Guest and ticket, in that order. */
static enum status lock_matching(struct request *req, struct ticket *ret, struct problem *err)
{
	struct guest_locked locked;
	enum status status = guest_lock(req, req->access.guest_id, 0, &locked, err);

	if (!status)
		status = ticket_load(req, req->access.thing_id, ret, err);
	return status ? status : request_check_match(req, ret->edit_version, err);
}

enum status ticket_reissue(struct request *req, struct ticket *ret, struct problem *err)
{
	char code[TICKET_CODE_SIZE];
	struct ticket ticket;
	enum status status = lock_matching(req, &ticket, err);

	if (status)
		return status;
	if (ticket_is(&ticket, "cancelled"))
		return problem_set(err, ST_TICKET_CANCELLED, "The ticket is cancelled");
	ids_code("EVT", code);
	status = ticket_replace_code(req, ticket.id, code, err);
	CRASH_POINT("reissue.code-replaced");
	if (!status)
		status = request_job(req, "generate-ticket-pdf", ticket.id, err);
	CRASH_POINT("reissue.job-put");
	return status ? status : ticket_load(req, ticket.id, ret, err);
}
