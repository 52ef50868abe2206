#include "api/statistics/statistics_store.h"

#include "sql_api.h"

#define S_PER_DAY INT64_C(86400)

static const int64_t period_s[] = {
	[PERIOD_HOUR] = 3600,
	[PERIOD_DAY] = S_PER_DAY,
	[PERIOD_WEEK] = 7 * S_PER_DAY,
	[PERIOD_MONTH] = 30 * S_PER_DAY,
	[PERIOD_ALL] = 0,
};

/* The rows from the first that names something in this column; lists come from an outer join. */
static struct field_array named_rows(struct request *req, const struct pg_result *rows,
				     const char *column, const struct schema *schema)
{
	if (pg_is_null(rows, 0, pg_column(rows, column)))
		return (struct field_array){NULL, 0};
	return pg_scan_all(rows, schema, req->arena);
}

enum status statistics_store_event(struct request *req, int64_t event_id,
				   enum statistics_period period, struct event_figures *ret,
				   struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status =
		request_query(req, &sql_statistics_of_event,
			      PG_ARGS(PG_I64(event_id), PG_ID(period_s[period])), &rows, err);

	if (status)
		return status;
	if (!pg_rows(rows))
		return problem_set(err, ST_NOT_FOUND, "There is no such event");
	pg_scan(rows, 0, &event_figures_schema, req->arena, ret);
	ret->period = (int)period;
	ret->revenue_stats = ARENA_NEW(req->arena, struct revenue);
	pg_scan(rows, 0, &revenue_schema, req->arena, ret->revenue_stats);
	ret->ticket_stats = named_rows(req, rows, "ticket_type_id", &type_figures_schema);
	return OK;
}

enum status statistics_store_series(struct request *req, int64_t event_id,
				    enum series_bucket bucket, int64_t from, int64_t to, size_t max,
				    struct event_series *ret, struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status =
		request_query(req, &sql_statistics_series,
			      PG_ARGS(PG_I64(event_id), PG_TEXT(series_bucket_names[bucket]),
				      PG_TIME(from), PG_TIME(to), PG_I64((int64_t)max)),
			      &rows, err);

	if (status)
		return status;
	if (!pg_rows(rows))
		return problem_set(err, ST_NOT_FOUND, "There is no such event");
	*ret = (struct event_series){
		.event_id = event_id,
		.bucket = (int)bucket,
		.from = pg_time(rows, 0, pg_column(rows, "at")),
		.to = pg_time(rows, 0, pg_column(rows, "to")),
		.series = pg_scan_all(rows, &series_point_schema, req->arena),
	};
	return OK;
}

enum status statistics_store_organizer(struct request *req, int64_t organizer_id,
				       struct organizer_figures *ret, struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status = request_query(req, &sql_statistics_of_organizer,
					   PG_ARGS(PG_I64(organizer_id)), &rows, err);

	if (status)
		return status;
	pg_scan(rows, 0, &organizer_figures_schema, req->arena, ret);
	ret->revenue = named_rows(req, rows, "currency", &revenue_schema);
	return OK;
}

enum status statistics_store_fold(struct request *req, int64_t max, struct fold *ret,
				  struct problem *err)
{
	PG_RESULT row = NULL;
	enum status status =
		request_query(req, &sql_statistics_fold, PG_ARGS(PG_I64(max)), &row, err);

	if (status)
		return status;
	pg_scan(row, 0, &fold_schema, req->arena, ret);
	return OK;
}
