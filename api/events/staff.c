#include "api/events/events.h"

#include "api/events/events_store.h"

enum status staff_add(struct request *req, struct problem *err)
{
	enum status status = staff_store_add(req, req->access.event_id, req->ids[1], err);

	if (!status)
		answer_none(req);
	return status;
}

enum status staff_remove(struct request *req, struct problem *err)
{
	enum status status = staff_store_remove(req, req->access.event_id, req->ids[1], err);

	if (!status)
		answer_none(req);
	return status;
}
