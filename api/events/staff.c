#include "api/events/events.h"

#include "api/events/events_store.h"
#include "common/crash_point.h"

enum status staff_add(struct request *req, struct problem *err)
{
	enum status status = staff_store_add(req, req->access.event_id, req->ids[1], err);

	CRASH_POINT("staff.added");
	if (!status)
		answer_none(req);
	return status;
}

enum status staff_remove(struct request *req, struct problem *err)
{
	enum status status = staff_store_remove(req, req->access.event_id, req->ids[1], err);

	CRASH_POINT("staff.removed");
	if (!status)
		answer_none(req);
	return status;
}
