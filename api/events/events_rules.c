#include "api/events/events_rules.h"

#include <string.h>

const char *const event_trigger_names[EVENT_TRIGGER_COUNT] = {
	[TRIGGER_PUBLISH] = "publish",
	[TRIGGER_START] = "start",
	[TRIGGER_END] = "end",
	[TRIGGER_CANCEL] = "cancel",
};

/* clang-format off */
#define NO_MOVE {false, EVENT_DRAFT}
#define TO(status) {true, (status)}

/* State x trigger -> state. */
static const struct {
	bool allowed;
	enum event_status to;
} moves[EVENT_STATUS_COUNT][EVENT_TRIGGER_COUNT] = {
	/*                    publish              start             end                  cancel */
	[EVENT_DRAFT] =     {TO(EVENT_PUBLISHED), NO_MOVE,          NO_MOVE,             NO_MOVE},
	[EVENT_PUBLISHED] = {NO_MOVE,             TO(EVENT_ACTIVE), NO_MOVE,             TO(EVENT_CANCELLED)},
	[EVENT_ACTIVE] =    {NO_MOVE,             NO_MOVE,          TO(EVENT_COMPLETED), TO(EVENT_CANCELLED)},
	[EVENT_COMPLETED] = {NO_MOVE,             NO_MOVE,          NO_MOVE,             NO_MOVE},
	[EVENT_CANCELLED] = {NO_MOVE,             NO_MOVE,          NO_MOVE,             NO_MOVE},
};
/* clang-format on */

enum status events_rules_move(const struct event *event, enum event_trigger trigger, int64_t now_us,
			      enum event_status *ret_status, struct problem *err)
{
	if (!moves[event->status][trigger].allowed)
		return problem_set(err, ST_INVALID_TRANSITION, "%s is not possible for a %s event",
				   event_trigger_names[trigger], event_status_names[event->status]);
	if (trigger == TRIGGER_PUBLISH && event->event_date <= now_us)
		return problem_set(err, ST_INVALID_TRANSITION,
				   "publish is not possible for a %s event whose eventDate is past",
				   event_status_names[event->status]);
	*ret_status = moves[event->status][trigger].to;
	return OK;
}

/* Texts that may be NULL. */
static bool differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

unsigned events_rules_changes(const struct event *old, const struct event *edited)
{
	/* clang-format off */
	const struct {
		bool differs;
		unsigned changes;
	} rows[] = {
		{differ(old->title, edited->title), CHANGE_PAGE},
		{differ(old->description, edited->description), CHANGE_ANY},
		{old->event_date != edited->event_date, CHANGE_PAGE | CHANGE_NOTICE | CHANGE_DATE},
		{old->end_date != edited->end_date, CHANGE_PAGE | CHANGE_NOTICE},
		{differ(old->time_zone, edited->time_zone), CHANGE_PAGE | CHANGE_NOTICE},
		{differ(old->location, edited->location), CHANGE_PAGE | CHANGE_NOTICE},
		{old->max_attendees != edited->max_attendees, CHANGE_ANY},
		{differ(old->currency, edited->currency), CHANGE_PAGE | CHANGE_CURRENCY},
		{old->locale != edited->locale, CHANGE_ANY},
	};
	/* clang-format on */
	unsigned changes = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		changes |= rows[i].differs ? rows[i].changes | CHANGE_ANY : 0;
	return changes;
}

bool events_rules_must_tell(const struct event *old, unsigned changes)
{
	return (changes & CHANGE_NOTICE) &&
	       (old->status == EVENT_PUBLISHED || old->status == EVENT_ACTIVE);
}

enum status events_rules_open(const struct event *event, struct problem *err)
{
	if (event->status != EVENT_COMPLETED && event->status != EVENT_CANCELLED)
		return OK;
	return problem_set(err, ST_EVENT_NOT_OPEN, "The event is %s",
			   event_status_names[event->status]);
}

enum status events_rules_edit(const struct event *old, const struct event *edited,
			      bool has_payments, struct problem *err)
{
	enum status status = events_rules_open(old, err);

	if (status)
		return status;
	if (edited->max_attendees < old->current_attendees)
		return problem_set(err, ST_MAX_BELOW_ATTENDEES, "%lld guests have a seat already",
				   (long long)old->current_attendees);
	if (has_payments && differ(old->currency, edited->currency))
		return problem_set(err, ST_HAS_SALES,
				   "The currency is fixed once there are payments");
	return OK;
}

enum status events_rules_delete(const struct event *event, struct problem *err)
{
	if (event->current_attendees == 0)
		return OK;
	return problem_set(err, ST_HAS_GUESTS, "%lld guests have a seat: cancel the event first",
			   (long long)event->current_attendees);
}

enum status ticket_types_rules_edit(const struct ticket_type *old, const struct ticket_type *edited,
				    struct problem *err)
{
	if (edited->quantity >= old->sold)
		return OK;
	return problem_set(err, ST_QUANTITY_BELOW_SOLD, "%lld are sold already",
			   (long long)old->sold);
}

enum status ticket_types_rules_delete(const struct ticket_type *type, struct problem *err)
{
	if (type->sold == 0)
		return OK;
	return problem_set(err, ST_HAS_SALES, "%lld are sold already", (long long)type->sold);
}

unsigned ticket_types_rules_changes(const struct ticket_type *old, const struct ticket_type *edited)
{
	if (differ(old->name, edited->name) || old->price != edited->price)
		return CHANGE_ANY | CHANGE_PAGE;
	if (old->quantity != edited->quantity || differ(old->description, edited->description) ||
	    old->sales_start_at != edited->sales_start_at ||
	    old->sales_end_at != edited->sales_end_at)
		return CHANGE_ANY;
	return 0;
}
