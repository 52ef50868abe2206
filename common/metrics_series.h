/*
 * metrics_series: what metrics.c keeps, metrics_cells.c counts and metrics_text.c shows. For
 * metrics*.c alone.
 */
#ifndef COMMON_METRICS_SERIES_H
#define COMMON_METRICS_SERIES_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/metrics.h"

enum { METRIC_FAMILIES_MAX = 256 };

/* What one processor counted of a series, on cache lines of its own: two that count the same never
 * wait for each other. A series is the sum of its cells. */
struct metric_cell {
	atomic_uint_fast64_t value;     /* bits of a double: value, or a histogram's sum */
	atomic_uint_fast64_t buckets[]; /* a histogram's counts, not cumulated; last: +Inf */
};

/* One combination of label values. It lives as long as the process; all but the cells is only
 * read. */
struct metric_series {
	char *key; /* the values, each with its NUL */
	size_t key_len;
	char *labels;  /* name="value",… escaped; empty without labels */
	char *cells;   /* metrics_stripes() of them */
	size_t stride; /* bytes from one to the next */
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
/* The cells of a new series, all 0; `buckets`: of a histogram, else 0. */
void metrics_cells_new(struct metric_series *series, size_t buckets);
/* The cell to count in now. */
struct metric_cell *metrics_cell_here(const struct metric_series *series);
void metrics_cell_add(struct metric_cell *cell, double n);
/* Make the sum `value`; what is added meanwhile may be lost. */
void metrics_cells_set(const struct metric_series *series, double value);
/* The sum of the cells; of one bucket likewise. */
double metrics_value(const struct metric_series *series);
uint64_t metrics_bucket(const struct metric_series *series, size_t bucket);

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
