/*
 * bench [LOAD...]: the load figures, one table. LOAD: loads whose name contains it.
 *
 * RUNS: measurements a load, of which the medians count (5). SECONDS_EACH: length of one (3).
 * BENCH_EVENTS, BENCH_GUESTS: what is seeded (10000, 1000000).
 * GROWN_EVENTS, GROWN_GUESTS: what there is more of then (100000, 1000000). Writes the table as
 * JSON to the file that BENCH_JSON names, compares it with tests/bench/RESULTS.md; exit 1 when a
 * row that was asked of us does not hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/bench/bench.h"
#include "tests/bench/profile.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { RUNS_MAX = 25 };
#define RESULTS "tests/bench/RESULTS.md"

static const char *const cost_names[COST_COUNT] = {"load", "suite", "postgres", "redis"};

static int64_t number_of(const char *name, int64_t otherwise)
{
	const char *given = getenv(name);

	return given && *given ? strtoll(given, NULL, 10) : otherwise;
}

/* --- medians ---------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the field at `offset` of each run. */
static double median(const struct figures *runs, size_t count, size_t offset)
{
	double values[RUNS_MAX];

	for (size_t i = 0; i < count; i++)
		memcpy(&values[i], (const char *)&runs[i] + offset, sizeof(double));
	qsort(values, count, sizeof(double), compare_doubles);
	return values[count / 2];
}

static struct figures medians(const struct figures *runs, size_t count)
{
	static const size_t fields[] = {
		offsetof(struct figures, value),       offsetof(struct figures, limit),
		offsetof(struct figures, p50_ms),      offsetof(struct figures, p99_ms),
		offsetof(struct figures, p99_half_ms), offsetof(struct figures, memory_mb),
		offsetof(struct figures, cpu_us[0]),   offsetof(struct figures, cpu_us[1]),
		offsetof(struct figures, cpu_us[2]),   offsetof(struct figures, cpu_us[3]),
	};
	struct figures middle = {0};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		double value = median(runs, count, fields[i]);

		memcpy((char *)&middle + fields[i], &value, sizeof(double));
	}
	for (size_t i = 0; i < count; i++)
		if (runs[i].failure)
			middle.failure = runs[i].failure;
	return middle;
}

/* --- the table -------------------------------------------------------------------------------- */

static double ratio_of(const struct figures *figures)
{
	return figures->limit > 0 ? figures->value / figures->limit : 0;
}

/* What may not be more than something has that as its limit. */
static struct figures bounded(const struct bench_load *load, struct figures figures)
{
	if (load->at_most > 0)
		figures.limit = load->at_most;
	return figures;
}

static bool holds(const struct bench_load *load, const struct figures *figures)
{
	if (figures->failure)
		return false;
	if (load->ratio > 0 && ratio_of(figures) < load->ratio)
		return false;
	if (load->at_most > 0 && figures->value > load->at_most)
		return false;
	return load->p99_half_ms <= 0 || figures->p99_half_ms <= load->p99_half_ms;
}

static bool asks(const struct bench_load *load)
{
	return load->ratio > 0 || load->at_most > 0 || load->p99_half_ms > 0;
}

/* Empty when it was not measured. */
static const char *figure(double value, int decimals)
{
	return value > 0 ? text("%.*f", decimals, value) : "";
}

/* The value that the committed table has for this load, 0: none. */
static double committed(const char *name)
{
	FILE *file = fopen(RESULTS, "re");
	const char *start = text("| %s |", name);
	char line[1024];
	double value = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, start, strlen(start)))
			value = strtod(line + strlen(start), NULL);
	if (file)
		fclose(file);
	return value;
}

static void print_head(void)
{
	printf("| load | value | | p50 ms | p99 ms | p99 ms at half | limit | ratio | asked | "
	       "holds "
	       "| CPU µs load+suite+PostgreSQL+Redis | MB | before |\n"
	       "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- | ---: | "
	       "---: "
	       "|\n");
}

static const char *asked(const struct bench_load *load)
{
	const char *ratio = load->ratio > 0 ? text("≥ %g", load->ratio) : "";
	const char *most = load->at_most > 0 ? text("≤ %g %s", load->at_most, load->unit) : "";
	const char *half = load->p99_half_ms > 0 ? text(" p99 ≤ %g", load->p99_half_ms) : "";

	return text("%s%s%s", ratio, most, half);
}

static void print_row(const struct bench_load *load, const struct figures *f)
{
	const char *cpu = f->cpu_us[COST_SUITE] > 0 ? text("%.0f+%.0f+%.0f+%.0f", f->cpu_us[0],
							   f->cpu_us[1], f->cpu_us[2], f->cpu_us[3])
						    : "";

	printf("| %s | %.0f | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", load->name,
	       f->value, load->unit, figure(f->p50_ms, 2), figure(f->p99_ms, 2),
	       figure(f->p99_half_ms, 2), figure(f->limit, 0), figure(ratio_of(f), 2), asked(load),
	       !asks(load) && !f->failure ? ""
	       : holds(load, f)           ? "yes"
					  : "NO",
	       cpu, figure(f->memory_mb, 0), figure(committed(load->name), 0));
	if (f->failure)
		printf("\n%s: %s\n\n", load->name, f->failure);
	fflush(stdout);
}

static void add_json(struct strbuf *out, const struct bench_load *load, const struct figures *f)
{
	strbuf_addf(out,
		    "%s\n  {\"load\": \"%s\", \"unit\": \"%s\", \"value\": %.2f, \"limit\": %.2f, "
		    "\"limitIs\": \"%s\", \"ratio\": %.3f, \"p50Ms\": %.3f, \"p99Ms\": %.3f, "
		    "\"p99HalfMs\": %.3f, \"memoryMb\": %.1f, \"holds\": %s, \"cpuUs\": {",
		    out->len > 1 ? "," : "", load->name, load->unit, f->value, f->limit,
		    load->limit ? load->limit : "", ratio_of(f), f->p50_ms, f->p99_ms,
		    f->p99_half_ms, f->memory_mb, holds(load, f) ? "true" : "false");
	for (int i = 0; i < COST_COUNT; i++)
		strbuf_addf(out, "%s\"%s\": %.1f", i ? ", " : "", cost_names[i], f->cpu_us[i]);
	strbuf_adds(out, "}}");
}

static void write_json(const struct strbuf *json)
{
	const char *path = getenv("BENCH_JSON");
	FILE *file = path ? fopen(path, "we") : NULL;

	if (!file)
		return;
	fprintf(file, "%s\n]\n", json->buf);
	fclose(file);
}

/* --- running ---------------------------------------------------------------------------------- */

static void seed(void)
{
	int64_t begin_us = clock_monotonic_us();

	seeded.events = number_of("BENCH_EVENTS", 10000);
	seeded.guests = number_of("BENCH_GUESTS", 1000000);
	seeded.tickets = seeded.guests * 3 / 10;
	bench_sql_file("seed.sql", text("-v events=%lld -v guests=%lld -v tickets=%lld",
					(long long)seeded.events, (long long)seeded.guests,
					(long long)seeded.tickets));
	printf("%lld events, %lld guests, seeded in %.0f s; fsync on, AOF every second\n\n",
	       (long long)seeded.events, (long long)seeded.guests,
	       (double)(clock_monotonic_us() - begin_us) / (double)US_PER_S);
}

static void begin(void)
{
	servers_start_durable();
	suite_set("NODE_ENV", "production");
	suite_set("HTTP_THREADS", "256");
	suite_set("REQUESTS_MAX", "128");
	suite_set("WORKER_THREADS", ""); /* as the workers choose */
	suite_begin(0);
	seed();
	suite_start(SUITE_PLATFORM);
	suite_start(SUITE_API);
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc == 1;
}

static bool run_load(const struct bench_load *load, size_t runs, struct strbuf *json)
{
	struct figures figures[RUNS_MAX] = {0};
	struct figures middle;

	profile_name(load->name);
	for (size_t i = 0; i < runs; i++)
		load->measure(&figures[i]);
	middle = bounded(load, medians(figures, runs));
	print_row(load, &middle);
	add_json(json, load, &middle);
	return holds(load, &middle);
}

int main(int argc, char **argv)
{
	const struct {
		const struct bench_load *loads;
		size_t count;
	} all[] = {{loads_read, loads_read_count},
		   {loads_write, loads_write_count},
		   {loads_work, loads_work_count},
		   {loads_process, loads_process_count},
		   {loads_growth, loads_growth_count}}; /* the last: it makes all bigger */
	size_t runs = (size_t)number_of("RUNS", 5);
	struct strbuf json;
	bool good = true;

	runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
	strbuf_init(&json, NULL);
	strbuf_addc(&json, '[');
	begin();
	print_head();
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t k = 0; k < all[i].count; k++)
			if (wanted(all[i].loads[k].name, argc, argv))
				good &= run_load(&all[i].loads[k], runs, &json);
	write_json(&json);
	suite_end();
	servers_stop();
	return good ? 0 : 1;
}
