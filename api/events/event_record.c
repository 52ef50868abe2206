#include "api/events/event_record.h"

#include "api/guests/guest_record.h"

const char *const event_status_names[] = {"draft",     "published", "active",
					  "completed", "cancelled", NULL};

#define AT(member) offsetof(struct ticket_type, member)
static const struct field ticket_type_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "name", .type = FIELD_STRING, .offset = AT(name)},
	{.name = "price", .type = FIELD_MONEY, .offset = AT(price)},
	{.name = "quantity", .type = FIELD_INT, .offset = AT(quantity)},
	{.name = "description", .type = FIELD_STRING, .offset = AT(description)},
	{.name = "salesStartAt", .type = FIELD_TIME, .offset = AT(sales_start_at)},
	{.name = "salesEndAt", .type = FIELD_TIME, .offset = AT(sales_end_at)},
	{.name = "sold", .type = FIELD_INT, .offset = AT(sold)},
	{.name = "available", .type = FIELD_INT, .offset = AT(available)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
	{.name = "updatedAt", .type = FIELD_TIME, .offset = AT(updated_at)},
};
#undef AT
const struct schema ticket_type_schema = SCHEMA(ticket_type_fields, struct ticket_type);

#define AT(member) offsetof(struct event, member)
/* clang-format off */
#define HEAD_FIELDS \
	{.name = "id", .type = FIELD_ID, .offset = AT(id)}, \
	{.name = "title", .type = FIELD_STRING, .offset = AT(title)}, \
	{.name = "description", .type = FIELD_STRING, .offset = AT(description)}, \
	{.name = "eventDate", .type = FIELD_TIME, .offset = AT(event_date)}, \
	{.name = "endDate", .type = FIELD_TIME, .offset = AT(end_date)}, \
	{.name = "timeZone", .type = FIELD_STRING, .offset = AT(time_zone)}, \
	{.name = "location", .type = FIELD_STRING, .offset = AT(location)}, \
	{.name = "maxAttendees", .type = FIELD_INT, .offset = AT(max_attendees)}, \
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)}, \
	{.name = "locale", .type = FIELD_ENUM, .offset = AT(locale), .names = locale_names}, \
	{.name = "organizerId", .type = FIELD_ID, .offset = AT(organizer_id)}, \
	{.name = "organizerName", .type = FIELD_STRING, .offset = AT(organizer_name)}, \
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = event_status_names}, \
	{.name = "currentAttendees", .type = FIELD_INT, .offset = AT(current_attendees)}, \
	{.name = "guestCount", .type = FIELD_INT, .offset = AT(guest_count)}
#define TAIL_FIELDS \
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)}, \
	{.name = "updatedAt", .type = FIELD_TIME, .offset = AT(updated_at)}
/* clang-format on */

static const struct field event_fields[] = {
	HEAD_FIELDS,
	{.name = "ticketTypes",
	 .type = FIELD_ARRAY,
	 .offset = AT(ticket_types),
	 .nested = &ticket_type_schema},
	TAIL_FIELDS,
};
static const struct field event_row_fields[] = {HEAD_FIELDS, TAIL_FIELDS};
#undef AT

const struct schema event_schema = SCHEMA(event_fields, struct event);
const struct schema event_row_schema = SCHEMA(event_row_fields, struct event);
