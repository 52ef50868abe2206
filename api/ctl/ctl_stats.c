#include <stdlib.h>

#include "api/ctl/ctl.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "sql_api.h"
#include "sql_ctl.h"

enum { FOLD_BATCH = 20000 };

struct fold {
	int64_t folded;
	int64_t until; /* the newest quarter of an hour that was ever folded */
};

/* clang-format off */
static const struct field fold_fields[] = {
	{.name = "folded", .type = FIELD_INT, .offset = offsetof(struct fold, folded)},
	{.name = "until", .type = FIELD_TIME, .offset = offsetof(struct fold, until)},
};
/* clang-format on */
static const struct schema fold_schema = SCHEMA(fold_fields, struct fold);

/* Slice by slice, each a transaction, until nothing is left or another run is at it. */
static enum status fold_all(struct ctl *ctl, struct fold *ret, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct field_array rows;
	const struct fold *slice;
	struct fold sum = {0, TIME_NONE};
	enum status status = ctl_connect(ctl, &conn, err);
	if (status != OK)
		return status;
	do {
		status = ctl_select(ctl, conn, &sql_statistics_fold, PG_ARGS(PG_I64(FOLD_BATCH)),
				    &fold_schema, &rows, err);
		if (status != OK)
			return status;
		CRASH_POINT("corectl.folded");
		slice = rows.items;
		sum.folded += slice->folded;
		sum.until = slice->until;
	} while (slice->folded == FOLD_BATCH);
	*ret = sum;
	return OK;
}

int ctl_stats_aggregate(struct ctl *ctl)
{
	struct problem err = {.status = OK};
	struct fold fold;
	if (fold_all(ctl, &fold, &err) != OK)
		return ctl_fail(&err);
	ctl_print(ctl, &fold_schema, &fold, 1);
	return EXIT_SUCCESS;
}

/* What an event's statistics add up to, of one ticket type or of all. */
struct figures {
	int64_t ticket_type_id;
	const char *name;
	int64_t registrations;
	int64_t cancellations;
	int64_t guests;
	int64_t confirmed;
	int64_t checked_in;
	int64_t gross;
	int64_t refunded;
};

#define AT(member) offsetof(struct figures, member)
/* clang-format off */
static const struct field figure_fields[] = {
	{.name = "ticketTypeId", .type = FIELD_ID, .offset = AT(ticket_type_id)},
	{.name = "name", .type = FIELD_STRING, .offset = AT(name)},
	{.name = "registrations", .type = FIELD_INT, .offset = AT(registrations)},
	{.name = "cancellations", .type = FIELD_INT, .offset = AT(cancellations)},
	{.name = "guests", .type = FIELD_INT, .offset = AT(guests)},
	{.name = "confirmed", .type = FIELD_INT, .offset = AT(confirmed)},
	{.name = "checkedIn", .type = FIELD_INT, .offset = AT(checked_in)},
	{.name = "gross", .type = FIELD_MONEY, .offset = AT(gross)},
	{.name = "refunded", .type = FIELD_MONEY, .offset = AT(refunded)},
};
/* clang-format on */
#undef AT
static const struct schema figure_schema = SCHEMA(figure_fields, struct figures);

int ctl_stats_show(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	struct problem err = {.status = OK};
	struct field_array rows;
	int64_t event_id = ctl_id(ctl, "EVENT");
	enum status status = ctl_connect(ctl, &conn, &err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_stats_show, PG_ARGS(PG_I64(event_id)),
				    &figure_schema, &rows, &err);
	if (status == OK && rows.count == 0)
		status = problem_set(&err, ST_NOT_FOUND, "there is no event %lld",
				     (long long)event_id);
	if (status != OK)
		return ctl_fail(&err);
	ctl_print(ctl, &figure_schema, rows.items, rows.count);
	return EXIT_SUCCESS;
}
