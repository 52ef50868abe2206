/*
 * metrics_series: what metrics.c keeps and metrics_text.c shows. For metrics*.c alone.
 */
#ifndef COMMON_METRICS_SERIES_H
#define COMMON_METRICS_SERIES_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/metrics.h"

enum { METRIC_FAMILIES_MAX = 256 };

/* One combination of label values. It lives as long as the process. */
struct metric_series {
	char *key; /* the values, each with its NUL */
	size_t key_len;
	char *labels;                   /* name="value",… escaped; empty without labels */
	atomic_uint_fast64_t value;     /* bits of a double: value, or a histogram's sum */
	atomic_uint_fast64_t buckets[]; /* a histogram's counts, not cumulated; last: +Inf */
};

struct metric_state {
	/* Readers of `slots` take no lock: series are added under `adding` and never removed. */
	pthread_mutex_t adding;
	_Atomic(struct metric_series *) *slots;
	size_t mask;                  /* number of slots, a power of two, less one */
	struct metric_series **order; /* by age; under `adding` */
	size_t count;
	struct metric_series *_Atomic other;
};

/* The families made known so far, copied to `ret`, at most `max`; gives how many. */
size_t metrics_families(struct metric **ret, size_t max);
/* Call what metrics_on_render was given. */
void metrics_collect(void);
/* The family's state, made when it has none. */
struct metric_state *metrics_state(struct metric *metric);
double metrics_double(uint_fast64_t bits);

/* Families of one sample that are read when they are shown. */
struct metrics_sample {
	const char *name;
	enum metric_type type;
	const char *help;
	double value;
};

struct metrics_process {
	struct metrics_sample samples[6];
};

/* The process_* families and the log's losses. */
struct metrics_process metrics_process_read(void);

#endif
