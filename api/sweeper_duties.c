#include "api/sweeper.h"

#include "api/events/events_clock.h"
#include "api/guests/cascades.h"
#include "api/payments/payments_sweep.h"
#include "api/guests/imports.h"
#include "api/statistics/statistics_service.h"
#include "common/crash_point.h"
#include "sql_api.h"

enum { CLEANUP_BATCH = 5000 };

/* Keys whose 24 hours are over, a batch at a time; bodies of imports that never came whole. */
static enum status clean_up(struct request *req, bool *ret_more, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = request_query(req, &sql_idempotency_clean_up,
					   PG_ARGS(PG_I64(CLEANUP_BATCH)), &result, err);

	CRASH_POINT_IF(!status && pg_affected(result), "clean-up.keys-deleted");
	if (!status)
		*ret_more = pg_affected(result) == CLEANUP_BATCH;
	return status ? status : request_query(req, &sql_import_clean_up, PG_NO_ARGS, NULL, err);
}

/* So that no registration has to, and those who come meanwhile with it. */
static enum status tidy_search(struct request *req, bool *ret_more UNUSED, struct problem *err)
{
	return request_query(req, &sql_guest_search_tidy, PG_NO_ARGS, NULL, err);
}

const struct sweeper_duty sweeper_duties[] = {
	{"clean-up", 60000, clean_up},
	{"event-clock", 1000, events_clock_tick},
	{"ended-events", 5000, events_clock_end_holds},
	{"cancel-cascade", 500, cascade_cancel_guests},
	{"change-notices", 500, cascade_tell_guests},
	{"page-renewals", 500, cascade_renew_pages},
	{"statistics", 60000, statistics_sweep},
	{"holds", 100, sweep_holds},
	{"crashed-registrations", 2000, sweep_crashed},
	{"voids", 1000, sweep_voids},
	{"refunds", 500, sweep_refunds},
	{"payment-messages", 1000, sweep_messages},
	{"imports", 500, imports_work},
	{"guest-search", 500, tidy_search},
};
const size_t sweeper_duty_count = ARRAY_LEN(sweeper_duties);
