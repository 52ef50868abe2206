/*
 * bench: the loads, and what is common to them.
 *
 * A load is measured several times and reported by its medians. In the same run its limit is
 * measured too: the parts below us alone, so that a row is a ratio and means the same on any
 * machine.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "tests/bench/generator.h"
#include "tests/bench/processes.h"

/* One measurement. Not measured: 0. */
struct figures {
	double value; /* in the load's unit */
	double limit; /* in the same */
	double p50_ms, p99_ms;
	double p99_half_ms;        /* at half the rate */
	double cpu_us[COST_COUNT]; /* a request */
	double memory_mb;          /* the API's, at most */
	const char *failure;       /* what does not hold; NULL: everything does */
};

struct bench_load {
	const char *name;
	const char *unit;
	const char *limit; /* what the limit is; NULL: none */
	/* What must hold; 0: nothing is asked. */
	double ratio;       /* value / limit at least (at most, where less is better) */
	double at_most;     /* value */
	double p99_half_ms; /* at most */
	void (*measure)(struct figures *ret);
};

extern const struct bench_load loads_read[], loads_write[], loads_work[], loads_process[],
	loads_growth[];
extern const size_t loads_read_count, loads_write_count, loads_work_count, loads_process_count,
	loads_growth_count;

/* What is seeded, see seed.sql. */
struct seeded {
	int64_t events;
	int64_t guests;
	int64_t tickets; /* ids 1 to … of confirmed guests */
};
extern struct seeded seeded;
enum { SOLD_EVENTS = 200 }; /* ids 1 to … */

/* The port of the API. */
int bench_port(void);
double bench_seconds(void); /* of one measurement */
/* The token of one of many callers, in turn. */
const char *bench_buyer(uint64_t n);
/* Run a file of tests/bench against the suite's database; `words` are psql's (-v name=value). */
void bench_sql_file(const char *name, const char *words);
/* The suite's API, started anew with these settings; NULL, NULL: as always. */
void bench_restart_api(const char *threads, const char *requests_max);

/* What is measured begins: CPU until now; with BENCH_PROFILE a profile begins too. */
struct cpu bench_begin(void);
/* CPU since `from`, over so many requests; ends the profile. */
void bench_cost(const struct cpu *from, uint64_t count, struct figures *ret);
/* Measure requests over so many connections: rate, times, CPU, then the p99 at half the rate. */
struct http_load {
	size_t connections;
	int wanted;
	generator_make *make;
	void *ctx;
	bool half; /* measure at half the rate too */
};
void bench_http(const struct http_load *load, struct figures *ret);
/* Reads of a path in which each '#' is another event every time; NULL token: anonymous. */
void bench_read(const char *path, const char *token, size_t connections, bool half,
		struct figures *ret);
/* Registrations for so many events from one on, and scans of tickets that nobody showed before. */
void bench_sale(uint64_t first, uint64_t events, size_t connections, bool half,
		struct figures *ret);
void bench_scans(bool half, struct figures *ret);
/* The bare handler's rate with an answer of so many bytes. */
double bench_bare_rate(size_t connections, size_t bytes);
/* Invariants after a load that wrote: rows as acknowledged, no oversell, the audit finds nothing.
 */
void bench_audit(struct figures *ret);

#endif
