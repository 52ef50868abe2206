/*
 * event_record: an event and a ticket type as stored and shown.
 */
#ifndef API_EVENTS_EVENT_RECORD_H
#define API_EVENTS_EVENT_RECORD_H

#include "common/json.h"

enum event_status {
	EVENT_DRAFT,
	EVENT_PUBLISHED,
	EVENT_ACTIVE,
	EVENT_COMPLETED,
	EVENT_CANCELLED,
	EVENT_STATUS_COUNT,
};

extern const char *const event_status_names[]; /* by enum event_status, NULL-terminated */

struct ticket_type {
	int64_t id;
	int64_t event_id;
	const char *name;
	int64_t price; /* minor units */
	int64_t quantity;
	const char *description;
	int64_t sales_start_at;
	int64_t sales_end_at;
	int64_t sold;
	int64_t available;
	int64_t created_at;
	int64_t updated_at;
	/* not shown */
	int64_t edit_version;
};

struct event {
	int64_t id;
	const char *title;
	const char *description;
	int64_t event_date;
	int64_t end_date;
	const char *time_zone;
	const char *location;
	int64_t max_attendees;
	const char *currency;
	int locale; /* index into locale_names */
	int64_t organizer_id;
	const char *organizer_name;
	int status; /* enum event_status */
	int64_t current_attendees;
	int64_t guest_count;
	struct field_array ticket_types; /* of struct ticket_type */
	int64_t created_at;
	int64_t updated_at;
	/* not shown */
	int64_t edit_version;
};

extern const struct schema event_schema;
extern const struct schema event_row_schema; /* without ticketTypes: rows of a list */
extern const struct schema ticket_type_schema;

#endif
