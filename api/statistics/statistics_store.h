/*
 * statistics_store: statistics' statements. Each figure comes of one statement, so of one snapshot.
 */
#ifndef API_STATISTICS_STATISTICS_STORE_H
#define API_STATISTICS_STATISTICS_STORE_H

#include "api/request.h"
#include "api/statistics/statistics_record.h"

/* ST_NOT_FOUND when the event is gone. */
enum status statistics_store_event(struct request *req, int64_t event_id,
				   enum statistics_period period, struct event_figures *ret,
				   struct problem *err) MUST_CHECK;
/* Whole buckets of the event's zone that share a moment with [from, to). More than `max`: just
 * max + 1 of them. */
enum status statistics_store_series(struct request *req, int64_t event_id,
				    enum series_bucket bucket, int64_t from, int64_t to, size_t max,
				    struct event_series *ret, struct problem *err) MUST_CHECK;
enum status statistics_store_organizer(struct request *req, int64_t organizer_id,
				       struct organizer_figures *ret,
				       struct problem *err) MUST_CHECK;
/* Fold up to `max` deltas in a transaction of its own; none while another run is at it. */
enum status statistics_store_fold(struct request *req, int64_t max, struct fold *ret,
				  struct problem *err) MUST_CHECK;

#endif
