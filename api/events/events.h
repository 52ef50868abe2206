/*
 * events: what organizers publish: events, their ticket types, their staff.
 */
#ifndef API_EVENTS_EVENTS_H
#define API_EVENTS_EVENTS_H

#include "api/request.h"

extern const struct schema event_input_schema, event_patch_schema, event_list_schema;
extern const struct schema ticket_type_input_schema, ticket_type_patch_schema;
extern const struct schema ticket_type_list_schema; /* limit, page, cursor */

request_handler events_create, events_list, events_get, events_patch, events_delete;
request_handler events_publish, events_begin, events_end, events_cancel;
request_handler ticket_types_list, ticket_types_create, ticket_types_patch, ticket_types_delete;
request_handler staff_add, staff_remove;

#endif
