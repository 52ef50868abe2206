#include "api/guests/guest_record.h"

#include "api/payments/payment_record.h"

const char *const guest_status_names[] = {"registered", "confirmed",  "pending",
					  "cancelled",  "checked_in", NULL};
const char *const guest_type_names[] = {"regular", "vip",     "speaker", "staff",
					"press",   "sponsor", NULL};
const char *const locale_names[] = {"en", "fr", NULL};

#define AT(member) offsetof(struct guest_ticket, member)
static const struct field ticket_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "ticketCode", .type = FIELD_STRING, .offset = AT(ticket_code)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "validatedAt", .type = FIELD_TIME, .offset = AT(validated_at)},
};
#undef AT
const struct schema guest_ticket_schema = SCHEMA(ticket_fields, struct guest_ticket);

#define AT(member) offsetof(struct guest, member)
static const struct field guest_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "firstName", .type = FIELD_STRING, .offset = AT(first_name)},
	{.name = "lastName", .type = FIELD_STRING, .offset = AT(last_name)},
	{.name = "email", .type = FIELD_STRING, .offset = AT(email)},
	{.name = "phone", .type = FIELD_STRING, .offset = AT(phone)},
	{.name = "type", .type = FIELD_ENUM, .offset = AT(type), .names = guest_type_names},
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = guest_status_names},
	{.name = "ticketTypeId", .type = FIELD_ID, .offset = AT(ticket_type_id)},
	{.name = "locale", .type = FIELD_ENUM, .offset = AT(locale), .names = locale_names},
	{.name = "externalId", .type = FIELD_STRING, .offset = AT(external_id)},
	{.name = "checkedInAt", .type = FIELD_TIME, .offset = AT(checked_in_at)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
	{.name = "updatedAt", .type = FIELD_TIME, .offset = AT(updated_at)},
	{.name = "ticket",
	 .type = FIELD_OBJECT,
	 .offset = AT(ticket),
	 .nested = &guest_ticket_schema},
	{.name = "payment", .type = FIELD_OBJECT, .offset = AT(payment), .nested = &payment_schema},
};
#undef AT
const struct schema guest_schema = SCHEMA(guest_fields, struct guest);
