/*
 * metrics_cells: where a series counts: a cell a processor, added up when it is shown.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/metrics_series.h"

enum { CACHE_LINE = 64, STRIPES_MAX = 32 };

/* Cells of a series, a power of two; fixed when the first one is made. */
static size_t stripes;

static void count_stripes(void)
{
	long processors = sysconf(_SC_NPROCESSORS_CONF);

	for (stripes = 1; (long)stripes < processors && stripes < STRIPES_MAX;)
		stripes *= 2;
}

static struct metric_cell *cell_at(const struct metric_series *series, size_t stripe)
{
	return (struct metric_cell *)(void *)(series->cells + stripe * series->stride);
}

/* The cell of the processor that runs us; moved to another meanwhile, a thread shares a line for
 * once, and the atomics keep the count right. */
struct metric_cell *metrics_cell_here(const struct metric_series *series)
{
	int processor = sched_getcpu();

	return cell_at(series, processor > 0 ? (size_t)processor & (stripes - 1) : 0);
}

void metrics_cells_new(struct metric_series *series, size_t buckets)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t size = (1 + buckets) * sizeof(atomic_uint_fast64_t);

	(void)pthread_once(&once, count_stripes);
	series->stride = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	series->cells = aligned_alloc(CACHE_LINE, stripes * series->stride);
	if (series->cells == NULL)
		fatal("out of memory: metrics");
	memset(series->cells, 0, stripes * series->stride);
}

static uint_fast64_t double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double bits_double(uint_fast64_t bits)
{
	uint64_t exact = bits;
	double value;

	memcpy(&value, &exact, sizeof(value));
	return value;
}

double metrics_value(const struct metric_series *series)
{
	double sum = 0;

	for (size_t i = 0; i < stripes; i++)
		sum += bits_double(
			atomic_load_explicit(&cell_at(series, i)->value, memory_order_relaxed));
	return sum;
}

uint64_t metrics_bucket(const struct metric_series *series, size_t bucket)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < stripes; i++)
		sum += atomic_load_explicit(&cell_at(series, i)->buckets[bucket],
					    memory_order_relaxed);
	return sum;
}

void metrics_cell_add(struct metric_cell *cell, double n)
{
	atomic_uint_fast64_t *target = &cell->value;
	uint_fast64_t old = atomic_load_explicit(target, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(target, &old,
						      double_bits(bits_double(old) + n),
						      memory_order_relaxed, memory_order_relaxed))
		;
}

void metrics_cells_set(const struct metric_series *series, double value)
{
	for (size_t i = 1; i < stripes; i++) {
		atomic_uint_fast64_t *other = &cell_at(series, i)->value;
		/* What is only ever set stays in the first cell: read, not written. */
		if (atomic_load_explicit(other, memory_order_relaxed) != 0)
			atomic_store_explicit(other, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&cell_at(series, 0)->value, double_bits(value), memory_order_relaxed);
}
