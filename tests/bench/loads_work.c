/*
 * The workers, and files of guests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/bench/bench.h"
#include "tests/bench/profile.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

/* LOOK_MS: a look is a connection, and not for nothing. */
enum {
	TICKETS = 4000,
	AT_ONCE = 3000,
	ROWS = 20000,
	DONE_MS = 120000,
	LOOK_MS = 150,
	CONNECTIONS = 64,
	MAIL_THREADS = 4,
	IMPORT_EVENT = 400,
	IMPORT_TYPE = 799
};

static double seconds_since(int64_t begin_us)
{
	return (double)(clock_monotonic_us() - begin_us) / (double)US_PER_S;
}

/* The first number that a program prints. */
static double number_from(const char *program, const char *arguments)
{
	struct arena arena;
	const char *output;
	double number;

	arena_init(&arena, 4096);
	if (run_program(&arena, program, arguments, &output) != 0)
		fatal("bench: %s: %s", program, output);
	number = strtod(output, NULL);
	arena_clear(&arena);
	return number;
}

static void queue_rebuild(void)
{
	setenv("REDIS_QUEUE_URL", servers_redis_queue_url(), 1);
	setenv("REDIS_URL", servers_redis_url(), 1);
	setenv("DATABASE_URL", suite_database(), 1);
	(void)number_from("corectl", "queue rebuild");
}

/* Until the statement's value is 0. */
static void wait_none(const char *statement, struct figures *ret)
{
	int64_t until = clock_monotonic_us() + DONE_MS * US_PER_MS;

	while (sql_int("%s", statement) != 0) {
		clock_sleep_ms(LOOK_MS);
		if (clock_monotonic_us() > until) {
			ret->failure = "work is left";
			return;
		}
	}
}

/* Seconds until the last document was stored: exact, where looks are far apart. */
static double seconds_to_last(int64_t begin_us)
{
	int64_t last_us = sql_int("SELECT (extract(epoch FROM max(created_at)) * 1000000)::bigint "
				  "FROM documents");

	return (double)(last_us - begin_us) / (double)US_PER_S;
}

static void wait_drawn(struct figures *ret)
{
	wait_none("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'", ret);
}

static void draw_alone(struct figures *ret)
{
	struct cpu from;
	int64_t begin_us;

	bench_sql_file("tickets_due.sql", text("-v n=%d", TICKETS));
	queue_rebuild();
	profile_begin(); /* it takes its time, and the worker begins at once */
	suite_start(SUITE_TICKETS);
	begin_us = clock_now_us();
	from = cpu_now();
	wait_drawn(ret);
	ret->value = TICKETS / seconds_to_last(begin_us);
	bench_cost(&from, TICKETS, ret);
	ret->memory_mb = memory_mb(suite_pid(SUITE_TICKETS), "VmHWM");
	suite_stop(SUITE_TICKETS);
	if (!ret->failure && sql_int("SELECT count(*) FROM documents WHERE pdf IS NOT NULL AND "
				     "ticket_id <= %d",
				     TICKETS) != TICKETS)
		ret->failure = "documents are missing";
	bench_sql_file("settle.sql", "");
}

static void tickets_alone(struct figures *ret)
{
	draw_alone(ret);
	ret->limit = number_from("bench-tickets",
				 text("%d build/release/gen '%s'", TICKETS, suite_database()));
}

/* --- registrations and what follows ------------------------------------------------------------
 */

static uint64_t next_guest = UINT64_C(1000000000);

static size_t make_registration(void *ctx UNUSED, char *buf)
{
	char body[256];
	uint64_t n = ++next_guest;
	unsigned long long event = 1 + n % SOLD_EVENTS;

	snprintf(body, sizeof(body),
		 "{\"firstName\":\"Zoé\",\"lastName\":\"Martin\",\"email\":\"b%llu@bench.example\","
		 "\"ticketTypeId\":%llu}",
		 (unsigned long long)n, 2 * event - 1);
	return (size_t)sprintf(buf,
			       "POST /api/events/%llu/guests HTTP/1.1\r\nHost: localhost\r\n"
			       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
			       "Content-Length: %zu\r\n\r\n%s",
			       event, bench_buyer(n), strlen(body), body);
}

static void register_at_once(struct figures *ret)
{
	struct generated got = generator_run(&(struct generator){
		.port = bench_port(),
		.connections = CONNECTIONS,
		.seconds = 60,
		.most = AT_ONCE,
		.wanted = 201,
		.make = make_registration,
	});

	if (got.answers != AT_ONCE)
		ret->failure = "registrations were refused";
}

static void to_pdf(struct figures *ret)
{
	struct cpu from;
	int64_t begin_us;

	bench_sql_file("empty.sql", "");
	draw_alone(ret); /* each run beside its own limit */
	if (ret->failure)
		return;
	suite_start(SUITE_TICKETS);
	from = bench_begin();
	begin_us = clock_now_us();
	register_at_once(ret);
	wait_drawn(ret);
	ret->limit = ret->value;
	ret->value = AT_ONCE / seconds_to_last(begin_us);
	bench_cost(&from, AT_ONCE, ret);
	ret->memory_mb = memory_mb(suite_pid(SUITE_TICKETS), "VmHWM");
	suite_stop(SUITE_TICKETS);
	bench_audit(ret);
}

static void to_mail(struct figures *ret)
{
	struct cpu from;
	int64_t begin_us;

	bench_sql_file("empty.sql", "");
	suite_start(SUITE_TICKETS);
	suite_start(SUITE_EMAIL);
	from = bench_begin();
	begin_us = clock_monotonic_us();
	register_at_once(ret);
	wait_none("SELECT count(*) FROM outbox", ret);
	ret->value = AT_ONCE / seconds_since(begin_us);
	bench_cost(&from, AT_ONCE, ret);
	suite_stop(SUITE_TICKETS);
	suite_stop(SUITE_EMAIL);
	ret->limit = number_from("bench-mails", text("%s '%s' %d %d", suite_platform(),
						     suite_service_token, AT_ONCE, MAIL_THREADS));
	if (!ret->failure && sql_int("SELECT count(*) FROM notifications n JOIN guests g ON g.id = "
				     "n.guest_id WHERE n.status = 'sent' AND n.service_id IS NOT "
				     "NULL AND g.email LIKE 'b%%@bench.example'") < AT_ONCE)
		ret->failure = "mails are missing";
	bench_audit(ret);
}

/* --- files -------------------------------------------------------------------------------------
 */

/* Rows a second of the same by COPY. */
static double copy_rate(int run)
{
	int64_t begin_us;

	bench_sql_file("import_rows.sql", text("-v like='import%d-%%@bench.example'", run));
	begin_us = clock_monotonic_us();
	bench_sql_file("import_copy.sql",
		       text("-v n=%d -v event=%d -v type=%d", ROWS, IMPORT_EVENT, IMPORT_TYPE));
	return ROWS / seconds_since(begin_us);
}

static void import(struct figures *ret)
{
	static int run;
	struct strbuf rows;
	struct reply *reply;
	struct cpu from;
	int64_t begin_us;

	bench_sql_file("empty.sql", "");
	run++;
	strbuf_init(&rows, NULL);
	strbuf_adds(&rows, "firstName,lastName,email,ticketTypeId\r\n");
	for (int i = 0; i < ROWS; i++)
		strbuf_addf(&rows, "First,Last,import%d-%d@bench.example,%d\r\n", run, i,
			    IMPORT_TYPE);
	from = bench_begin();
	begin_us = clock_monotonic_us();
	reply = say(&(struct saying){.method = "POST",
				     .url = text("%s/api/events/%d/guests/import?notify=false",
						 suite_api(), IMPORT_EVENT),
				     .token = token_organizer(),
				     .content_type = "text/csv",
				     .body = rows.buf,
				     .body_len = rows.len,
				     .timeout_ms = DONE_MS});
	if (reply->status != 202)
		ret->failure = text("import: status %d", reply->status);
	else
		wait_none(text("SELECT %d - count(*) FROM guests WHERE email LIKE "
			       "'import%d-%%@bench.example'",
			       ROWS, run),
			  ret);
	ret->value = ROWS / seconds_since(begin_us);
	bench_cost(&from, ROWS, ret);
	if (!ret->failure)
		ret->limit = copy_rate(run);
	bench_audit(ret);
}

static void export(struct figures *ret)
{
	int64_t guests = sql_int("SELECT count(*) FROM guests WHERE event_id = 1");
	struct cpu from = bench_begin();
	int64_t begin_us = clock_monotonic_us();
	uint64_t lines = 0;

	for (int i = 0; i < 10; i++) {
		struct reply *reply = api_get(token_organizer(), "/api/events/1/guests/export");

		for (size_t at = 0; at < reply->len; at++)
			lines += reply->body[at] == '\n';
		reply_free(reply);
	}
	ret->value = (double)lines / seconds_since(begin_us);
	bench_cost(&from, lines, ret);
	if (lines != 10 * (uint64_t)(guests + 1))
		ret->failure = "guests are missing";
	begin_us = clock_monotonic_us();
	bench_sql_file("export_copy.sql", "");
	ret->limit = (double)lines / seconds_since(begin_us);
}

/* clang-format off */
const struct bench_load loads_work[] = {
	{"worker-tickets", "/s", "bare libqrencode and libharu, 2 processes", .ratio = 1.5, .measure = tickets_alone},
	{"registration to PDF", "/s", "worker-tickets", .ratio = 0.7, .measure = to_pdf},
	{"registration to mail", "/s", "bare libcurl to the same service, 4 threads", .measure = to_mail},
	{"import", "rows/s", "COPY of the same rows", .measure = import},
	{"export", "rows/s", "COPY of the same statement", .measure = export},
};
/* clang-format on */
const size_t loads_work_count = ARRAY_LEN(loads_work);
