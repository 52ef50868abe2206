/*
 * statistics: figures of an event, of its hours and days, of an organizer; and the run that folds
 * what has been counted.
 */
#ifndef API_STATISTICS_STATISTICS_H
#define API_STATISTICS_STATISTICS_H

#include "api/request.h"

extern const struct schema statistics_query_schema; /* period */
extern const struct schema series_query_schema;     /* bucket, from, to */
extern const struct schema organizer_query_schema;  /* organizerId */

request_handler statistics_event, statistics_series, statistics_organizer, statistics_aggregate;

#endif
