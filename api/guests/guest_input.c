#include "api/guests/guest_input.h"

#include <string.h>

#include "api/guests/guests.h"
#include "api/text_rules.h"

/* clang-format off */
#define AT(member) offsetof(struct guest_input, member)
#define NAME_FIELDS                                                                                \
	[GUEST_FIRST_NAME] = {.name = "firstName", .type = FIELD_STRING, .flags = FIELD_REQUIRED,  \
			      .offset = AT(first_name), .min = 1, .max = 100,                      \
			      .check = text_one_line},                                             \
	[GUEST_LAST_NAME] = {.name = "lastName", .type = FIELD_STRING, .flags = FIELD_REQUIRED,    \
			     .offset = AT(last_name), .min = 1, .max = 100,                        \
			     .check = text_one_line},                                              \
	[GUEST_EMAIL] = {.name = "email", .type = FIELD_STRING, .flags = FIELD_REQUIRED,           \
			 .offset = AT(email), .min = 3, .max = 255, .check = text_email},          \
	[GUEST_PHONE] = {.name = "phone", .type = FIELD_STRING, .flags = FIELD_NULLABLE,           \
			 .offset = AT(phone), .max = 20, .check = text_phone},                     \
	[GUEST_TYPE] = {.name = "type", .type = FIELD_ENUM, .offset = AT(type),                    \
			.names = guest_type_names},                                                \
	[GUEST_LOCALE] = {.name = "locale", .type = FIELD_ENUM, .offset = AT(locale),              \
			  .names = locale_names}

static const struct field patch_fields[] = {NAME_FIELDS};
static const struct field input_fields[] = {
	NAME_FIELDS,
	[GUEST_TICKET_TYPE_ID] = {.name = "ticketTypeId", .type = FIELD_ID, .flags = FIELD_NULLABLE,
				  .offset = AT(ticket_type_id)},
	[GUEST_EXTERNAL_ID] = {.name = "externalId", .type = FIELD_STRING, .flags = FIELD_NULLABLE,
			       .offset = AT(external_id), .min = 1, .max = 100,
			       .check = text_one_line},
};
#undef AT
/* clang-format on */

const struct schema guest_input_schema = SCHEMA_INPUT(input_fields, struct guest_input);
const struct schema guest_patch_schema = SCHEMA_INPUT(patch_fields, struct guest_input);

#define AT(member) offsetof(struct guest_list_query, member)
static const struct field list_fields[] = {
	PAGE_FIELDS(struct guest_list_query, page),
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = guest_status_names},
	{.name = "type", .type = FIELD_ENUM, .offset = AT(type), .names = guest_type_names},
	{.name = "ticketTypeId", .type = FIELD_ID, .offset = AT(ticket_type_id)},
	{.name = "search", .type = FIELD_STRING, .offset = AT(search), .max = 255},
};
#undef AT
const struct schema guest_list_schema = SCHEMA(list_fields, struct guest_list_query);
