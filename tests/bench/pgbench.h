/*
 * pgbench: the same statements without us: what PostgreSQL alone does on this machine, now.
 */
#ifndef TESTS_BENCH_PGBENCH_H
#define TESTS_BENCH_PGBENCH_H

/* Transactions a second of tests/bench/pgbench/NAME.sql on the suite's database by so many clients.
 * `defines`: pgbench's own words ("-D events=200"), "" for none. */
double pgbench_rate(const char *name, int clients, double seconds, const char *defines);

/* Commands a second on the queue's Redis, sixty-four at a time on one connection. */
double redis_rate(const char *command);

#endif
