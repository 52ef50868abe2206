#include "api/events/events.h"

#include <string.h>

#include "api/access.h"
#include "api/events/events_service.h"
#include "api/events/events_store.h"
#include "api/observe.h"
#include "api/query.h"
#include "common/clock.h"

#define US_PER_DAY (INT64_C(86400) * US_PER_S)
enum { DATE_LEN = 10 }; /* YYYY-MM-DD */

enum status events_create(struct request *req, struct problem *err)
{
	int64_t begun_us = clock_monotonic_us();
	struct event event;
	enum status status = events_service_create(req, req->input, &event, err);

	if (status)
		return status;
	observe_event_created(event.organizer_id, event_status_names[event.status],
			      clock_monotonic_us() - begun_us);
	answer_created(req, &event_schema, &event, event.edit_version, "/api/events/%lld",
		       (long long)event.id);
	return OK;
}

/* --- list ----------------------------------------------------------------------------------------
 */

static struct page_key time_key(struct arena *arena, int64_t us, int64_t id)
{
	return (struct page_key){clock_format_us(us, arena_alloc(arena, RFC3339_SIZE)), id};
}

static struct page_key key_created(struct arena *arena, const void *row)
{
	const struct event *event = row;

	return time_key(arena, event->created_at, event->id);
}

static struct page_key key_date(struct arena *arena, const void *row)
{
	const struct event *event = row;

	return time_key(arena, event->event_date, event->id);
}

static struct page_key key_title(struct arena *arena UNUSED, const void *row)
{
	const struct event *event = row;

	return (struct page_key){event->title, event->id};
}

static page_key_fn *const keys[] = {
	[SORT_NEWEST] = key_created,
	[SORT_DATE] = key_date,
	[SORT_DATE_DOWN] = key_date,
	[SORT_TITLE] = key_title,
};

/* The query with its defaults; a dateTo without a time includes its day. */
static struct event_list_query completed(const struct request *req)
{
	struct event_list_query query = *(const struct event_list_query *)req->query;
	const char *date_to = query_raw(req, "dateTo");

	if (query.sort < 0)
		query.sort = SORT_NEWEST;
	if (date_to && strlen(date_to) == DATE_LEN)
		query.date_to += US_PER_DAY - 1;
	return query;
}

enum status events_list(struct request *req, struct problem *err)
{
	const struct event_list_query query = completed(req);
	struct field_array rows;
	struct page page;
	int64_t total;
	enum status status = page_open(req, &query.page, &page, err);

	if (!status)
		status = events_store_list(req, &query, &page, &rows, &total, err);
	if (status)
		return status;
	answer_page(req, &page, &event_row_schema, &rows, total, keys[query.sort]);
	return OK;
}

/* --- one event -----------------------------------------------------------------------------------
 */

static enum status answer_event(struct request *req, enum status status, const struct event *event)
{
	if (!status)
		answer_data(req, &event_schema, event, event->edit_version);
	return status;
}

enum status events_get(struct request *req, struct problem *err)
{
	struct event event;
	bool is_staff;
	enum status status = events_store_get_shared(req, req->ids[0], &event, &is_staff, err);

	if (!status)
		status =
			access_check_event(req,
					   &(struct access){
						   .event_id = event.id,
						   .organizer_id = event.organizer_id,
						   .event_status = event_status_names[event.status],
					   },
					   is_staff, err);
	return answer_event(req, status, &event);
}

enum status events_patch(struct request *req, struct problem *err)
{
	struct event event;

	return answer_event(req, events_service_patch(req, req->input, &event, err), &event);
}

enum status events_delete(struct request *req, struct problem *err)
{
	enum status status = events_service_delete(req, err);

	if (!status)
		answer_none(req);
	return status;
}

static enum status move(struct request *req, enum event_trigger trigger, struct problem *err)
{
	struct event event;

	return answer_event(req, events_service_move(req, trigger, &event, err), &event);
}

enum status events_publish(struct request *req, struct problem *err)
{
	return move(req, TRIGGER_PUBLISH, err);
}

enum status events_begin(struct request *req, struct problem *err)
{
	return move(req, TRIGGER_START, err);
}

enum status events_end(struct request *req, struct problem *err)
{
	return move(req, TRIGGER_END, err);
}

enum status events_cancel(struct request *req, struct problem *err)
{
	return move(req, TRIGGER_CANCEL, err);
}
