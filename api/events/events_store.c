#include "api/events/events_store.h"

#include <string.h>

#include "api/guests/guest_record.h"
#include "api/search.h"
#include "common/clock.h"
#include "sql_api.h"

/* A zone's name that PostgreSQL does not take. */
static const char invalid_parameter_value[] = "22023";

static enum status zone_problem(struct request *req, enum status why, struct problem *err)
{
	if (why != ST_INTERNAL_ERROR ||
	    strcmp(pg_sqlstate(req->conn), invalid_parameter_value) != 0)
		return why;
	problem_set(err, ST_INVALID_BODY, "Fields of the body are not valid.");
	problem_violation(err, req->arena, "/timeZone", "format", "%s", time_zone_unknown);
	return ST_INVALID_BODY;
}

enum status events_store_insert(struct request *req, const struct event *event, int64_t *ret_id,
				struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_event_insert,
			       PG_ARGS(PG_TEXT(event->title), PG_TEXT(event->description),
				       PG_TIME(event->event_date), PG_TIME(event->end_date),
				       PG_TEXT(event->time_zone), PG_TEXT(event->location),
				       PG_I64(event->max_attendees), PG_TEXT(event->currency),
				       PG_TEXT(locale_names[event->locale]),
				       PG_I64(event->organizer_id)),
			       &result, err);
	if (status)
		return zone_problem(req, status, err);
	*ret_id = pg_i64(result, 0, 0);
	return OK;
}

static enum status scan_event(struct request *req, const struct pg_result *result,
			      struct event *ret, struct problem *err)
{
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such event");
	pg_scan(result, 0, &event_schema, req->arena, ret);
	ret->edit_version = pg_i64(result, 0, pg_column(result, "edit_version"));
	return OK;
}

/* --- whole events -------------------------------------------------------------------------------
 */

/* One event that is asked for. */
struct event_read {
	int64_t event_id;
	struct event event;
	bool is_staff;
	bool found;
};

/* Where in the result things are. */
struct event_columns {
	struct pg_map event, type;
	size_t ord, edit_version, is_staff, type_id;
};

static struct event_columns event_columns(const struct pg_result *result)
{
	struct event_columns columns = {
		.ord = pg_column(result, "ord"),
		.edit_version = pg_column(result, "edit_version"),
		.is_staff = pg_column(result, "is_staff"),
		.type_id = pg_column(result, "type_id"),
	};

	pg_map(result, "", &event_schema, &columns.event);
	pg_map(result, "type_", &ticket_type_schema, &columns.type);
	return columns;
}

/* The event whose first row this is, with the ticket types of that row and the next ones. */
static void scan_read(const struct pg_result *result, size_t row, size_t row_count,
		      const struct event_columns *columns, struct arena *arena,
		      struct event_read *ret)
{
	struct ticket_type *types = arena_calloc(arena, row_count, sizeof(*types));

	pg_scan_mapped(result, row, &columns->event, arena, &ret->event);
	ret->event.edit_version = pg_i64(result, row, columns->edit_version);
	ret->event.ticket_types = (struct field_array){types, row_count};
	ret->is_staff = pg_bool(result, row, columns->is_staff);
	ret->found = true;
	if (pg_is_null(result, row, columns->type_id))
		ret->event.ticket_types.count = 0;
	for (size_t i = 0; i < ret->event.ticket_types.count; i++)
		pg_scan_mapped(result, row + i, &columns->type, arena, &types[i]);
}

/* Rows from this one on that have its `ord`. */
static size_t rows_alike(const struct pg_result *result, size_t row, size_t ord)
{
	size_t end = row + 1;

	while (end < pg_rows(result) && pg_i64(result, end, ord) == pg_i64(result, row, ord))
		end++;
	return end - row;
}

static void scan_reads(const struct pg_result *result, struct batch_item *const *items)
{
	const struct event_columns columns = event_columns(result);
	size_t count;

	for (size_t row = 0; row < pg_rows(result); row += count) {
		const struct batch_item *item = items[pg_i64(result, row, columns.ord) - 1];

		count = rows_alike(result, row, columns.ord);
		scan_read(result, row, count, &columns, item->req->arena, item->what);
	}
}

enum status events_store_read_all(struct request *leader, const void *ctx UNUSED,
				  struct batch_item *const *items, size_t count,
				  struct problem *err)
{
	int64_t *events = arena_calloc(leader->arena, count, sizeof(*events));
	int64_t *callers = arena_calloc(leader->arena, count, sizeof(*callers));
	PG_RESULT result = NULL;
	enum status status;

	for (size_t i = 0; i < count; i++) {
		struct event_read *read = items[i]->what;

		read->found = false;
		events[i] = read->event_id;
		callers[i] = items[i]->req->caller.user_id;
	}
	status = request_query(leader, &sql_events_read,
			       PG_ARGS(PG_I64_ARRAY(events, count), PG_I64_ARRAY(callers, count)),
			       &result, err);
	if (!status)
		scan_reads(result, items);
	return status;
}

static enum status take_read(const struct event_read *read, struct event *ret, struct problem *err)
{
	if (!read->found)
		return problem_set(err, ST_NOT_FOUND, "There is no such event");
	*ret = read->event;
	return OK;
}

enum status events_store_get(struct request *req, int64_t event_id, struct event *ret,
			     struct problem *err)
{
	struct event_read read = {.event_id = event_id};
	struct batch_item item = {.req = req, .what = &read};
	struct batch_item *const items[] = {&item};
	enum status status = events_store_read_all(req, NULL, items, 1, err);

	return status ? status : take_read(&read, ret, err);
}

enum status events_store_get_shared(struct request *req, int64_t event_id, struct event *ret,
				    bool *ret_is_staff, struct problem *err)
{
	struct event_read read = {.event_id = event_id};
	enum status status = together_submit(req->app->event_reads, req, &read, err);

	if (status)
		return status;
	*ret_is_staff = read.is_staff;
	return take_read(&read, ret, err);
}

enum status events_store_lock(struct request *req, int64_t event_id, struct event *ret,
			      struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_event_edit_lock, PG_ARGS(PG_I64(event_id)), &result, err);
	return status ? status : scan_event(req, result, ret, err);
}

enum status events_store_update(struct request *req, const struct event *event, bool tell_guests,
				struct problem *err)
{
	enum status status;

	status = request_query(req, &sql_event_update,
			       PG_ARGS(PG_I64(event->id), PG_TEXT(event->title),
				       PG_TEXT(event->description), PG_TIME(event->event_date),
				       PG_TIME(event->end_date), PG_TEXT(event->time_zone),
				       PG_TEXT(event->location), PG_I64(event->max_attendees),
				       PG_TEXT(event->currency),
				       PG_TEXT(locale_names[event->locale]), PG_I64(tell_guests)),
			       NULL, err);
	return status ? zone_problem(req, status, err) : OK;
}

enum status events_store_set_status(struct request *req, int64_t event_id, enum event_status to,
				    struct problem *err)
{
	return request_query(req, &sql_event_set_status,
			     PG_ARGS(PG_I64(event_id), PG_TEXT(event_status_names[to])), NULL, err);
}

enum status events_store_delete(struct request *req, int64_t event_id, struct problem *err)
{
	return request_query(req, &sql_event_delete, PG_ARGS(PG_I64(event_id)), NULL, err);
}

enum status events_store_has_payments(struct request *req, int64_t event_id, bool *ret,
				      struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_event_has_payments, PG_ARGS(PG_I64(event_id)), &result,
			       err);
	if (status)
		return status;
	*ret = pg_bool(result, 0, 0);
	return OK;
}

enum status events_store_end_holds(struct request *req, int64_t event_id, struct problem *err)
{
	return request_query(req, &sql_event_end_holds,
			     PG_ARGS(PG_I64(event_id), PG_I64(HOLDS_AT_ONCE)), NULL, err);
}

enum status events_store_change_pages(struct request *req, int64_t event_id, int64_t ticket_type_id,
				      struct problem *err)
{
	return request_query(req, &sql_event_change_pages,
			     PG_ARGS(PG_I64(event_id), PG_ID(ticket_type_id)), NULL, err);
}

/* --- lists ---------------------------------------------------------------------------------------
 */

/* Parameters that the lists and the count share, and those of the lists alone. */
enum { FILTER_PARAMS = 7, LIST_PARAMS = 11 };

static const struct pg_statement *const list_statements[] = {
	[SORT_NEWEST] = &sql_events_by_newest,
	[SORT_DATE] = &sql_events_by_date,
	[SORT_DATE_DOWN] = &sql_events_by_date_down,
	[SORT_TITLE] = &sql_events_by_title,
};

static enum status after_param(struct request *req, const struct event_list_query *query,
			       const struct page *page, struct pg_param *ret, struct problem *err)
{
	int64_t after_us;
	enum status status;

	if (query->sort == SORT_TITLE) {
		*ret = PG_TEXT(page->after);
		return OK;
	}
	status = page_after_time(req, page, &after_us, err);
	if (!status)
		*ret = PG_TIME(after_us);
	return status;
}

static enum status count_events(struct request *req, const struct pg_param *params,
				int64_t *ret_total, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_events_count, params, FILTER_PARAMS, &result, err);
	if (!status)
		*ret_total = pg_i64(result, 0, 0);
	return status;
}

/* The list as most ask for it. */
static bool is_plain(const struct event_list_query *query, const struct page *page)
{
	return query->sort == SORT_NEWEST && !page->page && query->status < 0 &&
	       !query->organizer_id && !query->search && query->date_from == TIME_NONE &&
	       query->date_to == TIME_NONE;
}

_Static_assert(PAGE_LIMIT_MAX == 100, "events_newest reads 101 rows at most");

static enum status list_plain(struct request *req, const struct page *page,
			      const struct pg_param *after, struct pg_result **ret_result,
			      struct problem *err)
{
	return request_query(req, &sql_events_newest,
			     PG_ARGS(PG_BOOL(caller_is_admin(req)), PG_I64(req->caller.user_id),
				     *after, PG_ID(page->after_id), PG_I64(page_fetch(page))),
			     ret_result, err);
}

enum status events_store_list(struct request *req, const struct event_list_query *query,
			      const struct page *page, struct field_array *ret_rows,
			      int64_t *ret_total, struct problem *err)
{
	const char *status_name = query->status >= 0 ? event_status_names[query->status] : NULL;
	struct pg_param after = PG_NULL;
	PG_RESULT result = NULL;
	int64_t total = -1;
	enum status status = after_param(req, query, page, &after, err);

	if (status)
		return status;
	const struct pg_param params[LIST_PARAMS] = {
		PG_BOOL(caller_is_admin(req)),
		PG_I64(req->caller.user_id),
		PG_TEXT(status_name),
		PG_ID(query->organizer_id),
		PG_TEXT(search_pattern(req->arena, query->search)),
		PG_TIME(query->date_from),
		PG_TIME(query->date_to),
		after,
		PG_I64(page->after_id),
		PG_I64(page_fetch(page)),
		PG_I64(page->offset),
	};
	if (is_plain(query, page))
		status = list_plain(req, page, &after, &result, err);
	else
		status = request_query(req, list_statements[query->sort], params, LIST_PARAMS,
				       &result, err);
	if (!status && page->page)
		status = count_events(req, params, &total, err);
	if (status)
		return status;
	*ret_rows = pg_scan_all(result, &event_row_schema, req->arena);
	*ret_total = total;
	return OK;
}

/* --- staff ---------------------------------------------------------------------------------------
 */

enum status staff_store_add(struct request *req, int64_t event_id, int64_t user_id,
			    struct problem *err)
{
	return request_query(req, &sql_staff_add, PG_ARGS(PG_I64(event_id), PG_I64(user_id)), NULL,
			     err);
}

enum status staff_store_remove(struct request *req, int64_t event_id, int64_t user_id,
			       struct problem *err)
{
	return request_query(req, &sql_staff_remove, PG_ARGS(PG_I64(event_id), PG_I64(user_id)),
			     NULL, err);
}
