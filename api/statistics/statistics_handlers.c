#include "api/statistics/statistics.h"

#include "api/statistics/statistics_service.h"
#include "api/statistics/statistics_store.h"

struct statistics_query {
	int period;
};
/* clang-format off */
static const struct field statistics_query_fields[] = {
	{.name = "period", .type = FIELD_ENUM, .offset = offsetof(struct statistics_query, period), .names = statistics_period_names},
};
/* clang-format on */
const struct schema statistics_query_schema =
	SCHEMA(statistics_query_fields, struct statistics_query);

enum status statistics_event(struct request *req, struct problem *err)
{
	const struct statistics_query *query = req->query;
	int period = query->period < 0 ? PERIOD_DAY : query->period;

	return statistics_answer_event(req, (enum statistics_period)period, err);
}

struct series_query {
	int bucket;
	int64_t from, to;
};
/* clang-format off */
static const struct field series_query_fields[] = {
	{.name = "bucket", .type = FIELD_ENUM, .offset = offsetof(struct series_query,              bucket), .names = series_bucket_names},
	{.name = "from",                .type = FIELD_TIME,   .offset = offsetof(struct series_query, from)},
	{.name = "to",                .type = FIELD_TIME,     .offset = offsetof(struct series_query,   to)},
};
/* clang-format on */
const struct schema series_query_schema = SCHEMA(series_query_fields, struct series_query);

enum status statistics_series(struct request *req, struct problem *err)
{
	const struct series_query *query = req->query;
	int bucket = query->bucket < 0 ? BUCKET_HOUR : query->bucket;
	struct event_series series;
	enum status status = statistics_series_of(req, (enum series_bucket)bucket, query->from,
						  query->to, &series, err);

	if (status)
		return status;
	answer_data(req, &event_series_schema, &series, 0);
	return OK;
}

struct organizer_query {
	int64_t organizer_id;
};
/* clang-format off */
static const struct field organizer_query_fields[] = {
	{.name = "organizerId", .type = FIELD_ID, .offset = offsetof(struct organizer_query, organizer_id)},
};
/* clang-format on */
const struct schema organizer_query_schema = SCHEMA(organizer_query_fields, struct organizer_query);

enum status statistics_organizer(struct request *req, struct problem *err)
{
	const struct organizer_query *query = req->query;
	int64_t organizer_id = query->organizer_id ? query->organizer_id : req->caller.user_id;
	struct organizer_figures figures;
	enum status status;

	if (query->organizer_id && !caller_is_admin(req))
		return problem_set(err, ST_FORBIDDEN, "organizerId is for admins alone");
	status = statistics_store_organizer(req, organizer_id, &figures, err);
	if (status)
		return status;
	answer_data(req, &organizer_figures_schema, &figures, 0);
	return OK;
}

enum status statistics_aggregate(struct request *req, struct problem *err)
{
	struct fold fold;
	enum status status = statistics_fold(req, &fold, err);

	if (status)
		return status;
	answer_data(req, &fold_schema, &fold, 0);
	return OK;
}
