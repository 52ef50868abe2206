#include "api/events/event_input.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/events/event_record.h"
#include "api/events/events.h"
#include "api/guests/guest_record.h"
#include "api/text_rules.h"
#include "common/clock.h"

enum { ATTENDEES_MAX = 100000, ZONE_NAME_MAX = 64 };
#define PRICE_MAX INT64_C(9999999999)
#define ZONE_DIR "/usr/share/zoneinfo"

const char event_date_past[] = "must lie in the future";
const char end_date_early[] = "must be after eventDate";
const char sales_end_early[] = "must be after salesStartAt";
const char time_zone_unknown[] = "is not the name of an IANA time zone";

int64_t input_whole_ms(int64_t us)
{
	int64_t rest = us % US_PER_MS;

	if (us == TIME_NONE)
		return us;
	return us - rest - (rest < 0 ? US_PER_MS : 0);
}

bool input_in_order(int64_t start, int64_t end)
{
	return start == TIME_NONE || end == TIME_NONE ||
	       input_whole_ms(start) < input_whole_ms(end);
}

/* --- syntax --------------------------------------------------------------------------------------
 */

static const char *check_currency(const void *value)
{
	const char *text = *(const char *const *)value;

	if (strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
		return NULL;
	return "is not an ISO 4217 code of three capital letters";
}

/* Names of zones, not paths nor POSIX rules; what the directory holds besides zones is in lower
 * case. */
static bool looks_like_zone(const char *name)
{
	return strlen(name) <= ZONE_NAME_MAX && name[0] >= 'A' && name[0] <= 'Z' &&
	       !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789+-_/")] &&
	       !strstr(name, "//") && strcmp(name, "Factory") != 0;
}

/* Known by its file, so that it is reported with the other violations. Where the machine has no
 * zone files the database judges alone, as it does in the end anyway. */
static const char *check_time_zone(const void *value)
{
	const char *name = *(const char *const *)value;
	char path[sizeof(ZONE_DIR) + ZONE_NAME_MAX + 1];
	struct stat st;

	if (!looks_like_zone(name))
		return time_zone_unknown;
	if (stat(ZONE_DIR, &st))
		return NULL;
	(void)snprintf(path, sizeof(path), ZONE_DIR "/%s", name);
	return stat(path, &st) || !S_ISREG(st.st_mode) ? time_zone_unknown : NULL;
}

/* --- ticket types --------------------------------------------------------------------------------
 */

#define AT(member) offsetof(struct ticket_type_input, member)
/* clang-format off */
static const struct field ticket_type_fields[] = {
	[TYPE_NAME] = {.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED,
		       .offset = AT(name), .min = 1, .max = 100, .check = text_one_line},
	[TYPE_PRICE] = {.name = "price", .type = FIELD_MONEY, .flags = FIELD_REQUIRED,
			.offset = AT(price), .min = 0, .max = PRICE_MAX},
	[TYPE_QUANTITY] = {.name = "quantity", .type = FIELD_INT, .flags = FIELD_REQUIRED,
			   .offset = AT(quantity), .min = 1, .max = ATTENDEES_MAX},
	[TYPE_DESCRIPTION] = {.name = "description", .type = FIELD_STRING, .flags = FIELD_NULLABLE,
			      .offset = AT(description), .max = 500},
	[TYPE_SALES_START_AT] = {.name = "salesStartAt", .type = FIELD_TIME,
				 .flags = FIELD_NULLABLE, .offset = AT(sales_start_at)},
	[TYPE_SALES_END_AT] = {.name = "salesEndAt", .type = FIELD_TIME, .flags = FIELD_NULLABLE,
			       .offset = AT(sales_end_at)},
};
/* clang-format on */
#undef AT

static bool sales_in_order(const void *value)
{
	const struct ticket_type_input *input = value;

	return input_in_order(input->sales_start_at, input->sales_end_at);
}

/* clang-format off */
static const struct field_rule ticket_type_rules[] = {
	{"salesEndAt", "too-small", sales_end_early, sales_in_order},
	{NULL, NULL, NULL, NULL},
};
/* clang-format on */

const struct schema ticket_type_input_schema =
	SCHEMA_RULES(ticket_type_fields, struct ticket_type_input, ticket_type_rules);
const struct schema ticket_type_patch_schema =
	SCHEMA_RULES(ticket_type_fields, struct ticket_type_input, ticket_type_rules);

/* clang-format off */
static const struct field ticket_type_list_fields[] = {
	PAGE_FIELDS(struct ticket_type_list_query, page)
};
/* clang-format on */
const struct schema ticket_type_list_schema =
	SCHEMA(ticket_type_list_fields, struct ticket_type_list_query);

/* --- events --------------------------------------------------------------------------------------
 */

#define AT(member) offsetof(struct event_input, member)
/* clang-format off */
#define EVENT_FIELDS \
	[EVENT_TITLE] = {.name = "title", .type = FIELD_STRING, .flags = FIELD_REQUIRED, \
			 .offset = AT(title), .min = 3, .max = 255, .check = text_one_line}, \
	[EVENT_DESCRIPTION] = {.name = "description", .type = FIELD_STRING, .flags = FIELD_NULLABLE, \
			       .offset = AT(description), .max = 2000}, \
	[EVENT_DATE] = {.name = "eventDate", .type = FIELD_TIME, .flags = FIELD_REQUIRED, \
			.offset = AT(event_date)}, \
	[EVENT_END_DATE] = {.name = "endDate", .type = FIELD_TIME, .flags = FIELD_NULLABLE, \
			    .offset = AT(end_date)}, \
	[EVENT_TIME_ZONE] = {.name = "timeZone", .type = FIELD_STRING, .offset = AT(time_zone), \
			     .check = check_time_zone}, \
	[EVENT_LOCATION] = {.name = "location", .type = FIELD_STRING, .flags = FIELD_REQUIRED, \
			    .offset = AT(location), .min = 3, .max = 500, .check = text_one_line}, \
	[EVENT_MAX_ATTENDEES] = {.name = "maxAttendees", .type = FIELD_INT, .flags = FIELD_REQUIRED, \
				 .offset = AT(max_attendees), .min = 1, .max = ATTENDEES_MAX}, \
	[EVENT_CURRENCY] = {.name = "currency", .type = FIELD_STRING, .offset = AT(currency), \
			    .check = check_currency}, \
	[EVENT_LOCALE] = {.name = "locale", .type = FIELD_ENUM, .offset = AT(locale), \
			  .names = locale_names}

static const struct field patch_fields[] = {EVENT_FIELDS};
static const struct field input_fields[] = {
	EVENT_FIELDS,
	[EVENT_TICKET_TYPES] = {.name = "ticketTypes", .type = FIELD_ARRAY, .flags = FIELD_REQUIRED,
				.offset = AT(ticket_types), .min = 1, .max = TICKET_TYPES_MAX,
				.nested = &ticket_type_input_schema},
};
/* clang-format on */
#undef AT

static bool starts_in_future(const void *value)
{
	const struct event_input *input = value;

	return input->event_date == TIME_NONE || input->event_date > clock_now_us();
}

static bool ends_after_start(const void *value)
{
	const struct event_input *input = value;

	return input_in_order(input->event_date, input->end_date);
}

/* clang-format off */
static const struct field_rule input_rules[] = {
	{"eventDate", "too-small", event_date_past, starts_in_future},
	{"endDate", "too-small", end_date_early, ends_after_start},
	{NULL, NULL, NULL, NULL},
};
/* A date that stays as it was may lie in the past: the service compares. */
static const struct field_rule patch_rules[] = {
	{"endDate", "too-small", end_date_early, ends_after_start},
	{NULL, NULL, NULL, NULL},
};
/* clang-format on */

const struct schema event_input_schema =
	SCHEMA_RULES(input_fields, struct event_input, input_rules);
const struct schema event_patch_schema =
	SCHEMA_RULES(patch_fields, struct event_input, patch_rules);

static const char *const sort_names[] = {"-createdAt", "eventDate", "-eventDate", "title", NULL};

#define AT(member) offsetof(struct event_list_query, member)
/* clang-format off */
static const struct field list_fields[] = {
	PAGE_FIELDS(struct event_list_query, page),
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = event_status_names},
	{.name = "organizerId", .type = FIELD_ID, .offset = AT(organizer_id)},
	{.name = "search", .type = FIELD_STRING, .offset = AT(search), .max = 255},
	{.name = "dateFrom", .type = FIELD_TIME, .offset = AT(date_from)},
	{.name = "dateTo", .type = FIELD_TIME, .offset = AT(date_to)},
	{.name = "sort", .type = FIELD_ENUM, .offset = AT(sort), .names = sort_names},
};
/* clang-format on */
#undef AT
const struct schema event_list_schema = SCHEMA(list_fields, struct event_list_query);
