/*
 * metrics: counters, gauges and histograms in the Prometheus text format 0.0.4.
 *
 * A program declares its families as one static table of `struct metric`. Label values are given
 * in the order of the names; a family holds at most `max_series` series (default 200), what comes
 * later counts under the label value "other". Thread safe.
 */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include "common/strbuf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_LABELS_MAX = 4 };

struct metric_state;

struct metric {
	const char *name;
	enum metric_type type;
	const char *help;
	const char *labels[METRIC_LABELS_MAX + 1]; /* names, NULL-terminated */
	const double *buckets;                     /* upper bounds, rising; METRIC_HISTOGRAM */
	size_t bucket_count;
	size_t max_series;
	struct metric_state *state; /* made at first use */
};

/* Make the families known to metrics_render; order is kept. May be called several times. */
void metrics_register(struct metric *const *families, size_t count);
/* Counter or gauge: add `n`. */
void metrics_add(struct metric *metric, double n, ...) __attribute__((sentinel));
/* Gauge: set; or a counter that is kept elsewhere. */
void metrics_set(struct metric *metric, double value, ...) __attribute__((sentinel));
/* Histogram: one observation (seconds for durations). */
void metrics_observe(struct metric *metric, double value, ...) __attribute__((sentinel));
/* All three: label values follow, as many as the family has names, then (char *)NULL. */

/* Called at each render, to set gauges from outside (pool sizes, queue depths). */
void metrics_on_render(void (*collect)(void *ctx), void *ctx);
/* core_service_build_info{program,version}, always 1. */
void metrics_build_info(const char *program, const char *version);
/* The exposition of everything registered, and process_* (RSS, CPU seconds, open fds, start). */
void metrics_render(struct strbuf *out);

#endif
