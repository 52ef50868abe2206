/*
 * metrics_text: the Prometheus text format 0.0.4.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics_series.h"

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static void add_number(struct strbuf *out, double value)
{
	char text[32];

	if (isnan(value)) {
		strbuf_adds(out, "NaN");
		return;
	}
	if (isinf(value)) {
		strbuf_adds(out, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	/* The shorter form where it is exact: 0.1, not 0.10000000000000001. */
	(void)snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		(void)snprintf(text, sizeof(text), "%.17g", value);
	char *comma = strchr(text, ','); /* a locale's decimal point */
	if (comma != NULL)
		*comma = '.';
	strbuf_adds(out, text);
}

static void add_head(struct strbuf *out, const char *name, enum metric_type type, const char *help)
{
	strbuf_addf(out, "# HELP %s ", name);
	for (; *help != '\0'; help++) {
		if (*help == '\n')
			strbuf_adds(out, "\\n");
		else if (*help == '\\')
			strbuf_adds(out, "\\\\");
		else
			strbuf_addc(out, *help);
	}
	strbuf_addf(out, "\n# TYPE %s %s\n", name, type_names[type]);
}

static void add_sample(struct strbuf *out, const char *name, const char *suffix, const char *labels,
		       double value)
{
	strbuf_addf(out, "%s%s", name, suffix);
	if (*labels != '\0')
		strbuf_addf(out, "{%s}", labels);
	strbuf_addc(out, ' ');
	add_number(out, value);
	strbuf_addc(out, '\n');
}

static void add_histogram(struct strbuf *out, const struct metric *metric,
			  const struct metric_series *series)
{
	uint64_t count = 0;

	/* _count is the last bucket of this very reading, so that the two always agree. */
	for (size_t i = 0; i <= metric->bucket_count; i++) {
		count += metrics_bucket(series, i);
		strbuf_addf(out, "%s_bucket{%s%sle=\"", metric->name, series->labels,
			    *series->labels != '\0' ? "," : "");
		add_number(out, i < metric->bucket_count ? metric->buckets[i] : (double)INFINITY);
		strbuf_addf(out, "\"} %llu\n", (unsigned long long)count);
	}
	add_sample(out, metric->name, "_sum", series->labels, metrics_value(series));
	add_sample(out, metric->name, "_count", series->labels, (double)count);
}

static void add_family(struct strbuf *out, struct metric *metric)
{
	struct metric_state *state = metrics_state(metric);

	add_head(out, metric->name, metric->type, metric->help);
	pthread_mutex_lock(&state->adding);
	for (size_t i = 0; i < state->count; i++) {
		const struct metric_series *series = state->order[i];
		if (metric->type == METRIC_HISTOGRAM) {
			add_histogram(out, metric, series);
			continue;
		}
		add_sample(out, metric->name, "", series->labels, metrics_value(series));
	}
	pthread_mutex_unlock(&state->adding);
}

void metrics_render(struct strbuf *out)
{
	struct metric *families[METRIC_FAMILIES_MAX];

	metrics_collect();
	size_t count = metrics_families(families, ARRAY_LEN(families));
	for (size_t i = 0; i < count; i++)
		add_family(out, families[i]);

	struct metrics_process process = metrics_process_read();
	for (size_t i = 0; i < ARRAY_LEN(process.samples); i++) {
		const struct metrics_sample *sample = &process.samples[i];
		add_head(out, sample->name, sample->type, sample->help);
		add_sample(out, sample->name, "", "", sample->value);
	}
}
