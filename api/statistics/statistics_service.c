#include "api/statistics/statistics_service.h"

#include "api/statistics/statistics_store.h"
#include "common/clock.h"
#include "common/crash_point.h"

#define US_PER_HOUR (INT64_C(3600) * US_PER_S)
#define TIME_LATEST (INT64_C(253370764800) * US_PER_S) /* 9999-01-01T00:00:00Z */

enum {
	/* An answer is at most 5 s old; what is left of them is for the way to Redis. */
	CACHE_MS = 4500,
	FOLD_BATCH = 20000,
	FOLD_MS = 10000,
};

/* --- figures of an event --- */

static const char *cache_key(struct request *req, enum statistics_period period)
{
	return arena_printf(req->arena, "stats:event:%lld:%s", (long long)req->access.event_id,
			    statistics_period_names[period]);
}

static bool answer_cached(struct request *req, const char *key)
{
	struct slice body;

	request_release_conn(req);
	if (!cache_get(req->app->cache, req->arena, key, &body))
		return false;
	answer_bytes(req, req->route->success, "application/json", body);
	return true;
}

enum status statistics_answer_event(struct request *req, enum statistics_period period,
				    struct problem *err)
{
	const char *key = period == PERIOD_ALL ? NULL : cache_key(req, period);
	struct event_figures figures;
	int64_t begun_us;
	enum status status;

	if (key && answer_cached(req, key))
		return OK;
	begun_us = clock_monotonic_us();
	status = statistics_store_event(req, req->access.event_id, period, &figures, err);
	if (status)
		return status;
	answer_data(req, &event_figures_schema, &figures, 0);
	request_release_conn(req);
	if (key)
		cache_set(req->app->cache, key, req->http->response.body,
			  CACHE_MS - (clock_monotonic_us() - begun_us) / US_PER_MS);
	return OK;
}

/* --- time series --- */

/* The usual span, and the length of a bucket whatever the clock does. */
static const struct {
	int64_t span_us;
	int64_t length_us;
} buckets[] = {
	[BUCKET_HOUR] = {48 * US_PER_HOUR, US_PER_HOUR},
	[BUCKET_DAY] = {INT64_C(30) * 24 * US_PER_HOUR, 24 * US_PER_HOUR},
};

static enum status refuse(struct request *req, const char *parameter, const char *why,
			  struct problem *err)
{
	problem_set(err, ST_INVALID_QUERY, "The query string has an invalid parameter");
	problem_violation(err, req->arena, parameter, "invalid", "%s", why);
	return ST_INVALID_QUERY;
}

static enum status too_many(struct request *req, struct problem *err)
{
	return refuse(req, "from", "makes more than 1,000 buckets", err);
}

enum status statistics_series_of(struct request *req, enum series_bucket bucket, int64_t from,
				 int64_t to, struct event_series *ret, struct problem *err)
{
	struct event_series made;
	enum status status;

	if (to == TIME_NONE)
		to = clock_now_us();
	if (from == TIME_NONE)
		from = to - buckets[bucket].span_us;
	if (to > TIME_LATEST)
		return refuse(req, "to", "is out of range", err);
	if (from < 0)
		return refuse(req, "from", "is out of range", err);
	if (from >= to)
		return refuse(req, "from", "is not before to", err);
	if ((to - from) / buckets[bucket].length_us > SERIES_MAX + 1)
		return too_many(req, err);
	status = statistics_store_series(req, req->access.event_id, bucket, from, to, SERIES_MAX,
					 &made, err);
	if (status)
		return status;
	if (made.series.count > SERIES_MAX)
		return too_many(req, err);
	*ret = made;
	return OK;
}

/* --- folding --- */

enum status statistics_fold(struct request *req, struct fold *ret, struct problem *err)
{
	int64_t until_us = clock_monotonic_us() + FOLD_MS * US_PER_MS;
	struct fold slice, sum = {0};
	enum status status;

	CRASH_POINT("statistics.asked");
	do {
		status = statistics_store_fold(req, FOLD_BATCH, &slice, err);
		if (status)
			return status;
		CRASH_POINT("statistics.folded");
		sum.folded += slice.folded;
		sum.until = slice.until;
	} while (slice.folded == FOLD_BATCH && clock_monotonic_us() < until_us);
	*ret = sum;
	return OK;
}

enum status statistics_sweep(struct request *req, bool *ret_more, struct problem *err)
{
	struct fold slice;
	enum status status = statistics_store_fold(req, FOLD_BATCH, &slice, err);

	CRASH_POINT_IF(!status && slice.folded, "statistics.swept");
	if (!status)
		*ret_more = slice.folded == FOLD_BATCH;
	return status;
}
