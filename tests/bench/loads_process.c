/*
 * The programs themselves: how soon they are ready, what they hold.
 */
#include <stdio.h>

#include "common/clock.h"
#include "tests/bench/bench.h"
#include "tests/support/suite.h"

enum { SETTLE_MS = 1500, THOUSAND = 1000 };

static void start_to_ready(struct figures *ret)
{
	int64_t begin_us;

	suite_stop(SUITE_API);
	begin_us = clock_monotonic_us();
	suite_start(SUITE_API);
	ret->value = (double)(clock_monotonic_us() - begin_us) / 1000;
}

static void idle_api(struct figures *ret)
{
	bench_restart_api(NULL, NULL);
	clock_sleep_ms(SETTLE_MS);
	ret->value = memory_mb(suite_pid(SUITE_API), "VmRSS");
}

static double idle_worker(enum suite_part part)
{
	double mb;

	suite_start(part);
	clock_sleep_ms(SETTLE_MS);
	mb = memory_mb(suite_pid(part), "VmRSS");
	suite_stop(part);
	return mb;
}

static void idle_tickets(struct figures *ret)
{
	ret->value = idle_worker(SUITE_TICKETS);
}

static void idle_email(struct figures *ret)
{
	ret->value = idle_worker(SUITE_EMAIL);
}

/* Three of four want an event, and everybody a different one; one of four is signed in. */
struct mixed {
	const char *token;
	uint64_t next;
};

static size_t make_mixed(void *ctx, char *buf)
{
	struct mixed *mixed = ctx;
	unsigned long long n = mixed->next++;

	if (n % 4 == 0)
		return (size_t)sprintf(buf,
				       "GET /api/events HTTP/1.1\r\nHost: localhost\r\n"
				       "Authorization: Bearer %s\r\n\r\n",
				       mixed->token);
	return (size_t)sprintf(buf, "GET /api/events/%llu HTTP/1.1\r\nHost: localhost\r\n\r\n",
			       1 + n % (unsigned long long)seeded.events);
}

static void thousand_connections(struct figures *ret)
{
	struct mixed mixed = {.token = token_user()};

	bench_restart_api("1200", "1000");
	bench_http(
		&(struct http_load){
			.connections = THOUSAND, .wanted = 200, .make = make_mixed, .ctx = &mixed},
		ret);
	ret->value = ret->memory_mb;
	bench_restart_api(NULL, NULL);
}

/* clang-format off */
const struct bench_load loads_process[] = {
	{"start to ready", "ms", NULL, .at_most = 80, .measure = start_to_ready},
	{"memory idle, core-api", "MB", NULL, .at_most = 20, .measure = idle_api},
	{"memory idle, worker-tickets", "MB", NULL, .at_most = 24, .measure = idle_tickets},
	{"memory idle, worker-email", "MB", NULL, .at_most = 16, .measure = idle_email},
	{"memory at 1,000 connections", "MB", NULL, .at_most = 96, .measure = thousand_connections},
};
/* clang-format on */
const size_t loads_process_count = ARRAY_LEN(loads_process);
