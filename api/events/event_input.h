/*
 * event_input: what may be said about an event and a ticket type, with its bounds.
 *
 * Times are whole milliseconds once they passed the input_* functions, as they are shown: a client
 * that sends back what it saw changes nothing.
 */
#ifndef API_EVENTS_EVENT_INPUT_H
#define API_EVENTS_EVENT_INPUT_H

#include "api/page.h"

enum { TICKET_TYPES_MAX = 50 };

/* Indices of the fields, for field_given. */
enum event_field {
	EVENT_TITLE,
	EVENT_DESCRIPTION,
	EVENT_DATE,
	EVENT_END_DATE,
	EVENT_TIME_ZONE,
	EVENT_LOCATION,
	EVENT_MAX_ATTENDEES,
	EVENT_CURRENCY,
	EVENT_LOCALE,
	EVENT_TICKET_TYPES,
};

struct event_input {
	const char *title;
	const char *description;
	int64_t event_date;
	int64_t end_date;
	const char *time_zone; /* NULL: the default */
	const char *location;
	int64_t max_attendees;
	const char *currency; /* NULL: the default */
	int locale;
	struct field_array ticket_types; /* of struct ticket_type_input; none in a patch */
	struct presence presence;
};

enum ticket_type_field {
	TYPE_NAME,
	TYPE_PRICE,
	TYPE_QUANTITY,
	TYPE_DESCRIPTION,
	TYPE_SALES_START_AT,
	TYPE_SALES_END_AT,
};

struct ticket_type_input {
	const char *name;
	int64_t price;
	int64_t quantity;
	const char *description;
	int64_t sales_start_at;
	int64_t sales_end_at;
	struct presence presence;
};

struct ticket_type_list_query {
	struct page_query page;
};

enum event_sort { SORT_NEWEST, SORT_DATE, SORT_DATE_DOWN, SORT_TITLE };

struct event_list_query {
	struct page_query page;
	int status;
	int64_t organizer_id;
	const char *search;
	int64_t date_from;
	int64_t date_to;
	int sort; /* enum event_sort, -1: not given */
};

/* A time cut to the milliseconds that are shown. */
int64_t input_whole_ms(int64_t us);
/* Is `end` after `start`, where both are there? */
bool input_in_order(int64_t start, int64_t end);

extern const char event_date_past[], end_date_early[], sales_end_early[], time_zone_unknown[];

#endif
