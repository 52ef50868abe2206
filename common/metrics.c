/*
 * metrics: series of a family lie in a hash table of atomic pointers; their values are atomics, a
 * cell a processor. So counting takes no lock once a series is there and writes to no cache line
 * that another processor writes to.
 */
#include "common/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/metrics_series.h"

enum { SERIES_DEFAULT = 200, VALUE_MAX = 128, COLLECTORS_MAX = 32 };

/* What comes after the last series allowed. */
#define OTHER "other"

struct collector {
	void (*collect)(void *ctx);
	void *ctx;
};

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static struct metric *known[METRIC_FAMILIES_MAX];
static size_t known_count;
static struct collector collectors[COLLECTORS_MAX];
static size_t collector_count;

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* Label values of one call, side by side; long ones are cut. */
struct key {
	char text[METRIC_LABELS_MAX * (VALUE_MAX + 1)];
	size_t len;
};

static void key_add(struct key *key, const char *value)
{
	size_t len = value != NULL ? strnlen(value, VALUE_MAX + 1) : 0;

	len = value != NULL ? utf8_cut(value, len, VALUE_MAX) : 0;
	if (len > 0)
		memcpy(key->text + key->len, value, len);
	key->text[key->len + len] = '\0';
	key->len += len + 1;
}

static size_t label_count(const struct metric *metric)
{
	size_t count = 0;

	while (count < METRIC_LABELS_MAX && metric->labels[count] != NULL)
		count++;
	return count;
}

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		fatal("out of memory: %zu bytes", size);
	return memory;
}

static struct metric_state *state_new(const struct metric *metric)
{
	struct metric_state *state = allocate(sizeof(*state));
	size_t max = metric->max_series > 0 ? metric->max_series : SERIES_DEFAULT;
	size_t slots = 2;

	/* At most half full, so that a search always ends at an empty slot, and soon. */
	while (slots < 2 * max)
		slots *= 2;
	state->slots = allocate(slots * sizeof(*state->slots));
	state->mask = slots - 1;
	state->order = allocate((max + 1) * sizeof(struct metric_series *));
	pthread_mutex_init(&state->adding, NULL);
	return state;
}

struct metric_state *metrics_state(struct metric *metric)
{
	struct metric_state *state = __atomic_load_n(&metric->state, __ATOMIC_ACQUIRE);

	if (state != NULL)
		return state;
	pthread_mutex_lock(&making);
	state = __atomic_load_n(&metric->state, __ATOMIC_ACQUIRE);
	if (state == NULL) {
		state = state_new(metric);
		__atomic_store_n(&metric->state, state, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&making);
	return state;
}

/* A label's value as the format wants it: UTF-8, with \ " and newline escaped. */
static void add_label_value(struct strbuf *out, const char *value)
{
	bool utf8 = utf8_length(value, strlen(value)) != SIZE_MAX;

	for (; *value != '\0'; value++) {
		if (*value == '\n')
			strbuf_adds(out, "\\n");
		else if (!utf8 && (unsigned char)*value >= 0x80)
			strbuf_addc(out, '?');
		else {
			if (*value == '\\' || *value == '"')
				strbuf_addc(out, '\\');
			strbuf_addc(out, *value);
		}
	}
}

/* --- series ----------------------------------------------------------------------------------- */

static struct metric_series *series_new(const struct metric *metric, const struct key *key)
{
	struct metric_series *series = allocate(sizeof(*series));
	const char *value = key->text;
	struct strbuf labels;

	metrics_cells_new(series, metric->type == METRIC_HISTOGRAM ? metric->bucket_count + 1 : 0);
	series->key = allocate(key->len + 1);
	memcpy(series->key, key->text, key->len);
	series->key_len = key->len;
	strbuf_init(&labels, NULL);
	strbuf_reserve(&labels, 1);
	for (size_t i = 0; i < label_count(metric); i++, value += strlen(value) + 1) {
		strbuf_addf(&labels, "%s%s=\"", i > 0 ? "," : "", metric->labels[i]);
		add_label_value(&labels, value);
		strbuf_addc(&labels, '"');
	}
	series->labels = labels.buf;
	return series;
}

/* FNV-1a. */
static size_t hash(const struct key *key)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < key->len; i++)
		h = (h ^ (unsigned char)key->text[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ (h >> 32));
}

/* The series of a key, or NULL with the slot that it would take. */
static struct metric_series *find(const struct metric_state *state, const struct key *key,
				  size_t *ret_slot)
{
	size_t slot = hash(key) & state->mask;

	for (;; slot = (slot + 1) & state->mask) {
		struct metric_series *series =
			atomic_load_explicit(&state->slots[slot], memory_order_acquire);
		if (series == NULL)
			break;
		if (series->key_len == key->len && memcmp(series->key, key->text, key->len) == 0)
			return series;
	}
	*ret_slot = slot;
	return NULL;
}

/* The series that takes what has no room; under `adding`. */
static struct metric_series *other_series(const struct metric *metric, struct metric_state *state)
{
	struct metric_series *other = atomic_load(&state->other);
	struct key key = {.len = 0};
	size_t slot;

	if (other != NULL)
		return other;
	for (size_t i = 0; i < label_count(metric); i++)
		key_add(&key, OTHER);
	other = find(state, &key, &slot);
	if (other == NULL) {
		other = series_new(metric, &key);
		state->order[state->count++] = other;
	}
	atomic_store(&state->other, other);
	return other;
}

static struct metric_series *add_series(const struct metric *metric, struct metric_state *state,
					const struct key *key)
{
	size_t max = metric->max_series > 0 ? metric->max_series : SERIES_DEFAULT;
	size_t slot;

	pthread_mutex_lock(&state->adding);
	struct metric_series *series = find(state, key, &slot);
	if (series == NULL && state->count < max) {
		series = series_new(metric, key);
		state->order[state->count++] = series;
		atomic_store_explicit(&state->slots[slot], series, memory_order_release);
	}
	if (series == NULL)
		series = other_series(metric, state);
	pthread_mutex_unlock(&state->adding);
	return series;
}

static struct metric_series *series_of(struct metric *metric, va_list values)
{
	struct metric_state *state = metrics_state(metric);
	struct key key = {.len = 0};
	size_t slot;

	for (size_t i = 0; i < label_count(metric); i++)
		key_add(&key, va_arg(values, const char *));
	struct metric_series *series = find(state, &key, &slot);
	if (series == NULL) /* Full: what is unknown needs no lock to be "other". */
		series = atomic_load(&state->other);
	return series != NULL ? series : add_series(metric, state, &key);
}

/* --- counting --------------------------------------------------------------------------------- */

void metrics_add(struct metric *metric, double n, ...)
{
	va_list values;

	/* A counter that goes down reads as a restart. */
	if (isnan(n) || (n < 0 && metric->type == METRIC_COUNTER))
		return;
	va_start(values, n);
	metrics_cell_add(metrics_cell_here(series_of(metric, values)), n);
	va_end(values);
}

void metrics_set(struct metric *metric, double value, ...)
{
	va_list values;

	va_start(values, value);
	const struct metric_series *series = series_of(metric, values);
	va_end(values);
	metrics_cells_set(series, value);
}

void metrics_observe(struct metric *metric, double value, ...)
{
	va_list values;
	size_t bucket = 0;

	if (isnan(value))
		return;
	while (bucket < metric->bucket_count && value > metric->buckets[bucket])
		bucket++;
	va_start(values, value);
	struct metric_cell *cell = metrics_cell_here(series_of(metric, values));
	va_end(values);
	atomic_fetch_add_explicit(&cell->buckets[bucket], 1, memory_order_relaxed);
	metrics_cell_add(cell, value);
}

static bool is_known(const struct metric *metric)
{
	for (size_t i = 0; i < known_count; i++) {
		if (known[i] == metric)
			return true;
	}
	return false;
}

void metrics_register(struct metric *const *families, size_t count)
{
	static const struct key none = {.len = 0};

	pthread_mutex_lock(&registry);
	for (size_t i = 0; i < count; i++) {
		struct metric *metric = families[i];
		if (is_known(metric))
			continue;
		if (known_count == METRIC_FAMILIES_MAX)
			fatal("too many metrics");
		known[known_count++] = metric;
		/* What has no labels is there from the start, with 0. */
		struct metric_state *state = metrics_state(metric);
		if (label_count(metric) == 0)
			(void)add_series(metric, state, &none);
	}
	pthread_mutex_unlock(&registry);
}

void metrics_on_render(void (*collect)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&registry);
	if (collector_count == COLLECTORS_MAX)
		fatal("too many metrics collectors");
	collectors[collector_count++] = (struct collector){collect, ctx};
	pthread_mutex_unlock(&registry);
}

size_t metrics_families(struct metric **ret, size_t max)
{
	pthread_mutex_lock(&registry);
	size_t count = known_count < max ? known_count : max;
	memcpy(ret, known, count * sizeof(struct metric *));
	pthread_mutex_unlock(&registry);
	return count;
}

void metrics_collect(void)
{
	struct collector copy[COLLECTORS_MAX];

	/* Called without the lock: a collector may register families. */
	pthread_mutex_lock(&registry);
	size_t count = collector_count;
	memcpy(copy, collectors, count * sizeof(copy[0]));
	pthread_mutex_unlock(&registry);
	for (size_t i = 0; i < count; i++)
		copy[i].collect(copy[i].ctx);
}
