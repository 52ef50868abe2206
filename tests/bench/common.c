#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "tests/bench/bench.h"
#include "tests/bench/profile.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

/* Users 1001 and on are seeded. */
enum { WARM_UP_PERCENT = 20, BARE_THREADS = 256, BUYERS = 900, FIRST_BUYER = 1001 };

struct seeded seeded;

int bench_port(void)
{
	return (int)strtol(strrchr(suite_api(), ':') + 1, NULL, 10);
}

double bench_seconds(void)
{
	const char *given = getenv("SECONDS_EACH");

	return given ? strtod(given, NULL) : 3;
}

const char *bench_buyer(uint64_t n)
{
	static const char *tokens[BUYERS];
	const char **token = &tokens[n % BUYERS];

	if (!*token)
		*token = token_of(FIRST_BUYER + (int64_t)(n % BUYERS), "user");
	return *token;
}

void bench_sql_file(const char *name, const char *words)
{
	const char *command = text("psql -q -X -o /dev/null %s -f tests/bench/%s '%s'", words, name,
				   suite_database());

	if (system(command) != 0) // NOLINT(bugprone-command-processor)
		fatal("bench: %s failed", name);
}

void bench_restart_api(const char *threads, const char *requests_max)
{
	if (suite_pid(SUITE_API))
		suite_stop(SUITE_API);
	suite_set("HTTP_THREADS", threads ? threads : "256");
	suite_set("REQUESTS_MAX", requests_max ? requests_max : "128");
	suite_start(SUITE_API);
}

/* --- over HTTP -------------------------------------------------------------------------------- */

static void note_wrong(const struct generated *got, struct figures *ret)
{
	if (got->wrong)
		ret->failure =
			text("%llu of %llu answers were wrong, the first with status %d",
			     (unsigned long long)got->wrong,
			     (unsigned long long)(got->wrong + got->answers), got->wrong_status);
}

struct cpu bench_begin(void)
{
	profile_begin();
	return cpu_now();
}

void bench_cost(const struct cpu *from, uint64_t count, struct figures *ret)
{
	struct cpu to = cpu_now();

	profile_end();
	to = cpu_between(from, &to);
	for (int i = 0; i < COST_COUNT && count; i++)
		ret->cpu_us[i] = to.seconds[i] * 1e6 / (double)count;
}

void bench_http(const struct http_load *load, struct figures *ret)
{
	struct generator generator = {
		.port = bench_port(),
		.connections = load->connections,
		.seconds = bench_seconds() * WARM_UP_PERCENT / 100,
		.wanted = load->wanted,
		.make = load->make,
		.ctx = load->ctx,
	};
	struct generated got = generator_run(&generator);
	struct cpu from;

	note_wrong(&got, ret);
	generator.seconds = bench_seconds();
	from = bench_begin();
	got = generator_run(&generator);
	bench_cost(&from, got.answers, ret);
	note_wrong(&got, ret);
	ret->value = (double)got.answers / got.seconds;
	ret->p50_ms = got.p50_ms;
	ret->p99_ms = got.p99_ms;
	ret->memory_mb = memory_mb(suite_pid(SUITE_API), "VmHWM");
	if (!load->half)
		return;
	generator.rate = ret->value / 2;
	got = generator_run(&generator);
	note_wrong(&got, ret);
	ret->p99_half_ms = got.p99_ms;
}

static size_t make_bare(void *ctx UNUSED, char *buf)
{
	return (size_t)sprintf(buf, "GET /api/events/1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static bool port_answers(int port)
{
	struct reply *reply =
		say(&(struct saying){.method = "GET", .url = text("http://127.0.0.1:%d/", port)});
	bool ok = reply->status == 200;

	reply_free(reply);
	say_goodbye();
	return ok;
}

double bench_bare_rate(size_t connections, size_t bytes)
{
	int port = servers_free_port();
	struct arena arena;
	struct generated got;
	pid_t pid;

	arena_init(&arena, 4096);
	pid = fork();
	if (pid == 0) {
		execl(run_path(&arena, "bench-httpd"), "bench-httpd", text("%d", port),
		      text("%d",
			   BARE_THREADS > (int)connections ? BARE_THREADS : (int)connections + 8),
		      text("%zu", bytes), (char *)NULL);
		_exit(127);
	}
	while (!port_answers(port))
		clock_sleep_ms(10);
	got = generator_run(&(struct generator){.port = port,
						.connections = connections,
						.seconds = bench_seconds(),
						.wanted = 200,
						.make = make_bare});
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	arena_clear(&arena);
	return (double)got.answers / got.seconds;
}

/* --- invariants ------------------------------------------------------------------------------- */

/* What a load may break. The seed has no files and mails, so the checks of those say nothing here;
 * and no worker runs beside most loads, so that jobs wait. */
static const char *const checks[] = {"event-attendees", "ticket-type-sold", "live-guest",
				     "guest-tickets",   "ticket-guest",     "ticket-check-in",
				     "job-missing",     "event-statistics", "payment",
				     "guest-money",     "cross-event",      "idempotency"};

void bench_audit(struct figures *ret)
{
	const char *said;

	for (size_t i = 0; i < ARRAY_LEN(checks) && !ret->failure; i++)
		if (suite_ask_corectl(&said, "audit --check %s", checks[i]) != 0)
			ret->failure = text("corectl audit --check %s: %s", checks[i], said);
	bench_sql_file("settle.sql", "");
	servers_flush_redis();
}
