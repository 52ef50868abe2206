#include "api/statistics/statistics_record.h"

const char *const statistics_period_names[] = {"1h", "24h", "7d", "30d", "all", NULL};
const char *const series_bucket_names[] = {"hour", "day", NULL};

#define AT(member) offsetof(struct type_figures, member)
/* clang-format off */
static const struct field type_fields[] = {
	{.name = "ticketTypeId", .type = FIELD_ID, .offset = AT(ticket_type_id)},
	{.name = "name", .type = FIELD_STRING, .offset = AT(name)},
	{.name = "sold", .type = FIELD_INT, .offset = AT(sold)},
	{.name = "validated", .type = FIELD_INT, .offset = AT(validated)},
	{.name = "quantity", .type = FIELD_INT, .offset = AT(quantity)},
};
/* clang-format on */
#undef AT
const struct schema type_figures_schema = SCHEMA(type_fields, struct type_figures);

#define AT(member) offsetof(struct revenue, member)
/* clang-format off */
static const struct field revenue_fields[] = {
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "gross", .type = FIELD_MONEY, .offset = AT(gross)},
	{.name = "refunded", .type = FIELD_MONEY, .offset = AT(refunded)},
	{.name = "net", .type = FIELD_MONEY, .offset = AT(net)},
	{.name = "payments", .type = FIELD_INT, .offset = AT(payments)},
};
/* clang-format on */
#undef AT
const struct schema revenue_schema = SCHEMA(revenue_fields, struct revenue);
/* Over all events the number of payments is not told. */
static const struct schema revenue_sum_schema = {revenue_fields, ARRAY_LEN(revenue_fields) - 1,
						 sizeof(struct revenue), NO_PRESENCE, NULL};

#define AT(member) offsetof(struct event_figures, member)
/* clang-format off */
static const struct field event_fields[] = {
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "period", .type = FIELD_ENUM, .offset = AT(period), .names = statistics_period_names},
	{.name = "totalGuests", .type = FIELD_INT, .offset = AT(total_guests)},
	{.name = "confirmedGuests", .type = FIELD_INT, .offset = AT(confirmed_guests)},
	{.name = "checkedInGuests", .type = FIELD_INT, .offset = AT(checked_in_guests)},
	{.name = "checkInRate", .type = FIELD_DOUBLE, .offset = AT(check_in_rate)},
	{.name = "ticketStats", .type = FIELD_ARRAY, .offset = AT(ticket_stats), .nested = &type_figures_schema},
	{.name = "revenueStats", .type = FIELD_OBJECT, .offset = AT(revenue_stats), .nested = &revenue_schema},
	{.name = "generatedAt", .type = FIELD_TIME, .offset = AT(generated_at)},
};
/* clang-format on */
#undef AT
const struct schema event_figures_schema = SCHEMA(event_fields, struct event_figures);

#define AT(member) offsetof(struct series_point, member)
/* clang-format off */
static const struct field point_fields[] = {
	{.name = "at", .type = FIELD_TIME, .offset = AT(at)},
	{.name = "registrations", .type = FIELD_INT, .offset = AT(registrations)},
	{.name = "cancellations", .type = FIELD_INT, .offset = AT(cancellations)},
	{.name = "checkIns", .type = FIELD_INT, .offset = AT(check_ins)},
	{.name = "gross", .type = FIELD_MONEY, .offset = AT(gross)},
	{.name = "refunded", .type = FIELD_MONEY, .offset = AT(refunded)},
};
/* clang-format on */
#undef AT
const struct schema series_point_schema = SCHEMA(point_fields, struct series_point);

#define AT(member) offsetof(struct event_series, member)
/* clang-format off */
static const struct field series_fields[] = {
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "bucket", .type = FIELD_ENUM, .offset = AT(bucket), .names = series_bucket_names},
	{.name = "from", .type = FIELD_TIME, .offset = AT(from)},
	{.name = "to", .type = FIELD_TIME, .offset = AT(to)},
	{.name = "series", .type = FIELD_ARRAY, .offset = AT(series), .nested = &series_point_schema},
};
/* clang-format on */
#undef AT
const struct schema event_series_schema = SCHEMA(series_fields, struct event_series);

#define AT(member) offsetof(struct organizer_figures, member)
/* clang-format off */
static const struct field organizer_fields[] = {
	{.name = "events", .type = FIELD_INT, .offset = AT(events)},
	{.name = "totalGuests", .type = FIELD_INT, .offset = AT(total_guests)},
	{.name = "checkedInGuests", .type = FIELD_INT, .offset = AT(checked_in_guests)},
	{.name = "revenue", .type = FIELD_ARRAY, .offset = AT(revenue), .nested = &revenue_sum_schema},
};
/* clang-format on */
#undef AT
const struct schema organizer_figures_schema = SCHEMA(organizer_fields, struct organizer_figures);

/* clang-format off */
static const struct field fold_fields[] = {
	{.name = "folded", .type = FIELD_INT, .offset = offsetof(struct fold, folded)},
	{.name = "until", .type = FIELD_TIME, .offset = offsetof(struct fold, until)},
};
/* clang-format on */
const struct schema fold_schema = SCHEMA(fold_fields, struct fold);
