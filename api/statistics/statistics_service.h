/*
 * statistics_service: the use cases.
 */
#ifndef API_STATISTICS_STATISTICS_SERVICE_H
#define API_STATISTICS_STATISTICS_SERVICE_H

#include "api/sweeper.h"
#include "api/statistics/statistics_record.h"

enum { SERIES_MAX = 1000 };

/* An answer about an event, as JSON: of the last 5 s when it is for a part of its time, else
 * computed. Without Redis all are computed. */
enum status statistics_answer_event(struct request *req, enum statistics_period period,
				    struct problem *err) MUST_CHECK;
/* `from`, `to`: TIME_NONE for the usual span. ST_INVALID_QUERY: not a span, or over SERIES_MAX. */
enum status statistics_series_of(struct request *req, enum series_bucket bucket, int64_t from,
				 int64_t to, struct event_series *ret,
				 struct problem *err) MUST_CHECK;
/* Fold slice by slice until nothing is left, for some seconds at most. */
enum status statistics_fold(struct request *req, struct fold *ret, struct problem *err) MUST_CHECK;
/* The sweeper's duty: the same, a slice. */
sweeper_slice statistics_sweep;

#endif
