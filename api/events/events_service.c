#include "api/events/events_service.h"

#include "api/events/events_store.h"
#include "api/events/ticket_types_store.h"
#include "common/clock.h"
#include "common/crash_point.h"

enum status events_service_create(struct request *req, const struct event_input *input,
				  struct event *ret, struct problem *err)
{
	const struct api_config *config = req->app->config;
	struct event event = {
		.title = input->title,
		.description = input->description,
		.event_date = input_whole_ms(input->event_date),
		.end_date = input_whole_ms(input->end_date),
		.time_zone = input->time_zone ? input->time_zone : config->default_time_zone,
		.location = input->location,
		.max_attendees = input->max_attendees,
		.currency = input->currency ? input->currency : config->default_currency,
		.locale = input->locale,
		.organizer_id = req->caller.user_id,
	};
	enum status status;

	status = events_store_insert(req, &event, &event.id, err);
	CRASH_POINT("event.inserted");
	if (!status)
		status = ticket_types_store_insert(req, event.id, input->ticket_types.items,
						   input->ticket_types.count, NULL, err);
	return status ? status : events_store_get(req, event.id, ret, err);
}

/* --- patch ---------------------------------------------------------------------------------------
 */

static struct event merge(const struct event *old, const struct event_input *input)
{
	const struct presence *given = &input->presence;
	struct event event = *old;

	if (field_given(given, EVENT_TITLE))
		event.title = input->title;
	if (field_given(given, EVENT_DESCRIPTION))
		event.description = input->description;
	if (field_given(given, EVENT_DATE))
		event.event_date = input_whole_ms(input->event_date);
	if (field_given(given, EVENT_END_DATE))
		event.end_date = input_whole_ms(input->end_date);
	if (field_given(given, EVENT_TIME_ZONE))
		event.time_zone = input->time_zone;
	if (field_given(given, EVENT_LOCATION))
		event.location = input->location;
	if (field_given(given, EVENT_MAX_ATTENDEES))
		event.max_attendees = input->max_attendees;
	if (field_given(given, EVENT_CURRENCY))
		event.currency = input->currency;
	if (field_given(given, EVENT_LOCALE))
		event.locale = input->locale;
	return event;
}

/* What only the stored event can tell of the patch's dates. */
static enum status check_dates(struct request *req, const struct event_input *input,
			       const struct event *edited, unsigned changes, struct problem *err)
{
	bool past = (changes & CHANGE_DATE) && edited->event_date <= clock_now_us();
	bool early = !input_in_order(edited->event_date, edited->end_date);
	bool end_given = field_given(&input->presence, EVENT_END_DATE);

	if (!past && !early)
		return OK;
	problem_set(err, ST_INVALID_BODY, "Fields of the body are not valid.");
	if (past)
		problem_violation(err, req->arena, "/eventDate", "too-small", "%s",
				  event_date_past);
	if (early && end_given)
		problem_violation(err, req->arena, "/endDate", "too-small", "%s", end_date_early);
	if (early && !end_given)
		problem_violation(err, req->arena, "/eventDate", "too-large",
				  "must be before endDate");
	return ST_INVALID_BODY;
}

static enum status check_edit(struct request *req, const struct event *old,
			      const struct event *edited, unsigned changes, struct problem *err)
{
	bool has_payments = false;
	enum status status = OK;

	if (changes & CHANGE_CURRENCY)
		status = events_store_has_payments(req, old->id, &has_payments, err);
	return status ? status : events_rules_edit(old, edited, has_payments, err);
}

static enum status store_edit(struct request *req, const struct event *old,
			      const struct event *edited, unsigned changes, struct problem *err)
{
	enum status status = OK;

	if (changes)
		status =
			events_store_update(req, edited, events_rules_must_tell(old, changes), err);
	CRASH_POINT("event.edited");
	if (!status && (changes & CHANGE_PAGE))
		status = events_store_change_pages(req, old->id, 0, err);
	return status;
}

enum status events_service_patch(struct request *req, const struct event_input *input,
				 struct event *ret, struct problem *err)
{
	struct event old, edited;
	unsigned changes;
	enum status status = events_store_lock(req, req->access.event_id, &old, err);

	if (status)
		return status;
	edited = merge(&old, input);
	changes = events_rules_changes(&old, &edited);
	status = check_dates(req, input, &edited, changes, err);
	if (!status)
		status = request_check_match(req, old.edit_version, err);
	if (!status)
		status = check_edit(req, &old, &edited, changes, err);
	if (!status)
		status = store_edit(req, &old, &edited, changes, err);
	return status ? status : events_store_get(req, old.id, ret, err);
}

/* --- life ----------------------------------------------------------------------------------------
 */

enum status events_service_move(struct request *req, enum event_trigger trigger, struct event *ret,
				struct problem *err)
{
	enum event_status to = EVENT_DRAFT;
	struct event old;
	enum status status = events_store_lock(req, req->access.event_id, &old, err);

	if (!status)
		status = request_check_match(req, old.edit_version, err);
	if (!status)
		status = events_rules_move(&old, trigger, clock_now_us(), &to, err);
	if (!status)
		status = events_store_set_status(req, old.id, to, err);
	CRASH_POINT("event.moved");
	if (!status && to == EVENT_COMPLETED)
		status = events_store_end_holds(req, old.id, err);
	return status ? status : events_store_get(req, old.id, ret, err);
}

enum status events_service_delete(struct request *req, struct problem *err)
{
	struct event old;
	enum status status = events_store_lock(req, req->access.event_id, &old, err);

	if (!status)
		status = request_check_match(req, old.edit_version, err);
	if (!status)
		status = events_rules_delete(&old, err);
	if (!status)
		status = events_store_delete(req, old.id, err);
	CRASH_POINT("event.deleted");
	return status;
}
