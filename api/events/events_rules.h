/*
 * events_rules: the life of an event and what an edit means. Pure: structs and time in, status out.
 */
#ifndef API_EVENTS_EVENTS_RULES_H
#define API_EVENTS_EVENTS_RULES_H

#include "api/events/event_record.h"

enum event_trigger {
	TRIGGER_PUBLISH,
	TRIGGER_START,
	TRIGGER_END,
	TRIGGER_CANCEL,
	EVENT_TRIGGER_COUNT,
};

extern const char *const event_trigger_names[EVENT_TRIGGER_COUNT];

/* What an edit changes, as bits. */
enum event_change {
	CHANGE_ANY = 1,
	CHANGE_PAGE = 2,   /* what tickets show: their documents are made anew */
	CHANGE_NOTICE = 4, /* date, end, zone or place: guests of a published event are told */
	CHANGE_DATE = 8,
	CHANGE_CURRENCY = 16,
};

/* The state that `trigger` leads to. ST_INVALID_TRANSITION names both; publishing a date that is
 * past too. */
enum status events_rules_move(const struct event *event, enum event_trigger trigger, int64_t now_us,
			      enum event_status *ret_status, struct problem *err) MUST_CHECK;
/* Bits of enum event_change. */
unsigned events_rules_changes(const struct event *old, const struct event *edited);
/* Must this edit be told to guests (change_seq + 1)? */
bool events_rules_must_tell(const struct event *old, unsigned changes);
/* May the event be edited so? ST_EVENT_NOT_OPEN, ST_MAX_BELOW_ATTENDEES, ST_HAS_SALES, in this
 * order. `has_payments` matters only when the currency changes. */
enum status events_rules_edit(const struct event *old, const struct event *edited,
			      bool has_payments, struct problem *err) MUST_CHECK;
/* Is it neither completed nor cancelled? ST_EVENT_NOT_OPEN. */
enum status events_rules_open(const struct event *event, struct problem *err) MUST_CHECK;
/* ST_HAS_GUESTS. */
enum status events_rules_delete(const struct event *event, struct problem *err) MUST_CHECK;
/* ST_QUANTITY_BELOW_SOLD. */
enum status ticket_types_rules_edit(const struct ticket_type *old, const struct ticket_type *edited,
				    struct problem *err) MUST_CHECK;
/* ST_HAS_SALES. */
enum status ticket_types_rules_delete(const struct ticket_type *type,
				      struct problem *err) MUST_CHECK;
/* CHANGE_ANY, CHANGE_PAGE. */
unsigned ticket_types_rules_changes(const struct ticket_type *old,
				    const struct ticket_type *edited);

#endif
