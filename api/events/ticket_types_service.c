#include "api/events/ticket_types_service.h"

#include "api/events/events_rules.h"
#include "api/events/events_store.h"
#include "api/events/ticket_types_store.h"
#include "common/crash_point.h"

static enum status check_count(struct request *req, int64_t event_id, struct problem *err)
{
	int64_t count;
	enum status status = ticket_types_store_count(req, event_id, &count, err);

	if (status || count < TICKET_TYPES_MAX)
		return status;
	problem_set(err, ST_INVALID_BODY, "The event has %d ticket types already",
		    TICKET_TYPES_MAX);
	problem_violation(err, req->arena, "", "too-many", "an event has at most %d ticket types",
			  TICKET_TYPES_MAX);
	return ST_INVALID_BODY;
}

enum status ticket_types_service_create(struct request *req, const struct ticket_type_input *input,
					struct ticket_type *ret, struct problem *err)
{
	int64_t type_id = 0;
	struct event event;
	enum status status = events_store_lock(req, req->access.event_id, &event, err);

	if (!status)
		status = check_count(req, event.id, err);
	if (!status)
		status = events_rules_open(&event, err);
	if (!status)
		status = ticket_types_store_insert(req, event.id, input, 1, &type_id, err);
	CRASH_POINT("ticket-type.inserted");
	return status ? status : ticket_types_store_get(req, event.id, type_id, ret, err);
}

static enum status lock_both(struct request *req, struct event *ret_event,
			     struct ticket_type *ret_type, struct problem *err)
{
	enum status status = events_store_lock(req, req->access.event_id, ret_event, err);

	if (status)
		return status;
	return ticket_types_store_lock(req, ret_event->id, req->access.thing_id, ret_type, err);
}

static struct ticket_type merge(const struct ticket_type *old,
				const struct ticket_type_input *input)
{
	const struct presence *given = &input->presence;
	struct ticket_type type = *old;

	if (field_given(given, TYPE_NAME))
		type.name = input->name;
	if (field_given(given, TYPE_PRICE))
		type.price = input->price;
	if (field_given(given, TYPE_QUANTITY))
		type.quantity = input->quantity;
	if (field_given(given, TYPE_DESCRIPTION))
		type.description = input->description;
	if (field_given(given, TYPE_SALES_START_AT))
		type.sales_start_at = input_whole_ms(input->sales_start_at);
	if (field_given(given, TYPE_SALES_END_AT))
		type.sales_end_at = input_whole_ms(input->sales_end_at);
	return type;
}

/* What only the stored type can tell of the patch's window. */
static enum status check_window(struct request *req, const struct ticket_type_input *input,
				const struct ticket_type *edited, struct problem *err)
{
	if (input_in_order(edited->sales_start_at, edited->sales_end_at))
		return OK;
	problem_set(err, ST_INVALID_BODY, "Fields of the body are not valid.");
	if (field_given(&input->presence, TYPE_SALES_END_AT))
		problem_violation(err, req->arena, "/salesEndAt", "too-small", "%s",
				  sales_end_early);
	else
		problem_violation(err, req->arena, "/salesStartAt", "too-large",
				  "must be before salesEndAt");
	return ST_INVALID_BODY;
}

static enum status store_edit(struct request *req, const struct ticket_type *old,
			      const struct ticket_type *edited, struct problem *err)
{
	unsigned changes = ticket_types_rules_changes(old, edited);
	enum status status = OK;

	if (changes)
		status = ticket_types_store_update(req, edited, err);
	CRASH_POINT("ticket-type.edited");
	if (!status && (changes & CHANGE_PAGE))
		status = events_store_change_pages(req, old->event_id, old->id, err);
	return status;
}

enum status ticket_types_service_patch(struct request *req, const struct ticket_type_input *input,
				       struct ticket_type *ret, struct problem *err)
{
	struct ticket_type old, edited;
	struct event event;
	enum status status = lock_both(req, &event, &old, err);

	if (status)
		return status;
	edited = merge(&old, input);
	status = check_window(req, input, &edited, err);
	if (!status)
		status = request_check_match(req, old.edit_version, err);
	if (!status)
		status = events_rules_open(&event, err);
	if (!status)
		status = ticket_types_rules_edit(&old, &edited, err);
	if (!status)
		status = store_edit(req, &old, &edited, err);
	return status ? status : ticket_types_store_get(req, event.id, old.id, ret, err);
}

enum status ticket_types_service_delete(struct request *req, struct problem *err)
{
	struct ticket_type old;
	struct event event;
	enum status status = lock_both(req, &event, &old, err);

	if (!status)
		status = request_check_match(req, old.edit_version, err);
	if (!status)
		status = events_rules_open(&event, err);
	if (!status)
		status = ticket_types_rules_delete(&old, err);
	if (!status)
		status = ticket_types_store_delete(req, old.id, err);
	CRASH_POINT("ticket-type.deleted");
	return status;
}
