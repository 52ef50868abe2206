/*
 * processes: what the processes of the suite and its servers cost.
 */
#ifndef TESTS_BENCH_PROCESSES_H
#define TESTS_BENCH_PROCESSES_H

#include "common/base.h"

enum cost { COST_LOAD, COST_SUITE, COST_POSTGRES, COST_REDIS, COST_COUNT };

/* Seconds of CPU since each process began: this program and its load, the suite's programs,
 * PostgreSQL with all its children, both Redis servers. */
struct cpu {
	double seconds[COST_COUNT];
};
struct cpu cpu_now(void);
/* What was used between. */
struct cpu cpu_between(const struct cpu *from, const struct cpu *to);

/* Resident memory of a process in MB: "VmRSS" now, "VmHWM" at most. */
double memory_mb(int pid, const char *what);

#endif
