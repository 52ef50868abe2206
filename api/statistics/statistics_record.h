/*
 * statistics_record: figures as shown.
 */
#ifndef API_STATISTICS_STATISTICS_RECORD_H
#define API_STATISTICS_STATISTICS_RECORD_H

#include "common/json.h"

enum statistics_period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_ALL };
extern const char *const statistics_period_names[]; /* by enum statistics_period */

enum series_bucket { BUCKET_HOUR, BUCKET_DAY };
extern const char *const series_bucket_names[]; /* by enum series_bucket */

struct type_figures {
	int64_t ticket_type_id;
	const char *name;
	int64_t sold;
	int64_t validated;
	int64_t quantity;
};

/* Amounts in minor units. */
struct revenue {
	const char *currency;
	int64_t gross;
	int64_t refunded;
	int64_t net;
	int64_t payments;
};

struct event_figures {
	int64_t event_id;
	int period; /* enum statistics_period */
	int64_t total_guests;
	int64_t confirmed_guests;
	int64_t checked_in_guests;
	double check_in_rate;            /* 0 to 1 */
	struct field_array ticket_stats; /* of struct type_figures */
	struct revenue *revenue_stats;
	int64_t generated_at;
};

struct series_point {
	int64_t at; /* begin of the hour or day */
	int64_t registrations;
	int64_t cancellations;
	int64_t check_ins;
	int64_t gross;
	int64_t refunded;
};

struct event_series {
	int64_t event_id;
	int bucket;                /* enum series_bucket */
	int64_t from, to;          /* begin of the first bucket, end of the last */
	struct field_array series; /* of struct series_point */
};

struct organizer_figures {
	int64_t events;
	int64_t total_guests;
	int64_t checked_in_guests;
	struct field_array revenue; /* of struct revenue, one a currency */
};

/* How far a run came. */
struct fold {
	int64_t folded;
	int64_t until; /* the newest quarter that was folded, by this run or before it */
};

extern const struct schema event_figures_schema, type_figures_schema, revenue_schema;
extern const struct schema event_series_schema, series_point_schema;
extern const struct schema organizer_figures_schema, fold_schema;

#endif
