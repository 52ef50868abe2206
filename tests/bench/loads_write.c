/*
 * Writes: registrations and the door.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/credential.h"
#include "tests/bench/bench.h"
#include "tests/bench/pgbench.h"
#include "tests/support/suite.h"

enum { CONNECTIONS = 64, CLIENTS = 32, BATCH = 64, BATCH_CLIENTS = 2 };

static size_t add_body(char *buf, const char *path, const char *token, const char *body)
{
	return (size_t)sprintf(buf,
			       "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
			       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			       path, token, strlen(body), body);
}

/* --- registrations ---------------------------------------------------------------------------- */

/* For so many events from `first` on, in turn; 1: everybody wants the same. Addresses never come
 * twice. */
struct sale {
	uint64_t first, events;
};
static uint64_t next_guest;

static size_t make_registration(void *ctx, char *buf)
{
	const struct sale *sale = ctx;
	uint64_t n = ++next_guest;
	unsigned long long event = sale->first + n * 7919 % sale->events;
	char path[64], body[512];

	snprintf(path, sizeof(path), "/api/events/%llu/guests", event);
	snprintf(body, sizeof(body),
		 "{\"firstName\":\"Zoé\",\"lastName\":\"Nguyễn\",\"email\":\"b%llu@bench.example\","
		 "\"ticketTypeId\":%llu}",
		 (unsigned long long)n, 2 * event - 1);
	return add_body(buf, path, bench_buyer(n), body);
}

void bench_sale(uint64_t first, uint64_t events, size_t connections, bool half, struct figures *ret)
{
	struct sale sale = {first, events};
	uint64_t before = next_guest;
	int64_t sold = sql_int("SELECT count(*) FROM guests WHERE email LIKE 'b%%@bench.example'");

	bench_http(&(struct http_load){.connections = connections,
				       .wanted = 201,
				       .make = make_registration,
				       .ctx = &sale,
				       .half = half},
		   ret);
	sold = sql_int("SELECT count(*) FROM guests WHERE email LIKE 'b%%@bench.example'") - sold;
	if (!ret->failure && (uint64_t)sold != next_guest - before)
		ret->failure = text("%llu registrations were acknowledged, %lld are there",
				    (unsigned long long)(next_guest - before), (long long)sold);
	bench_audit(ret);
}

/* One event takes 100,000: give the seats back that were sold by the bench. */
static void empty_events(void)
{
	bench_sql_file("empty.sql", "");
}

/* Each registration is a job too, and both share the machine: so many a second of one, then of the
 * other. */
static double with_jobs(double registrations)
{
	static double jobs;

	if (jobs <= 0)
		jobs = redis_rate(
			"XADD bench-jobs MAXLEN 1000 '*' id 0123456789 subject 0123456789");
	return 1 / (1 / registrations + 1 / jobs);
}

static double one_by_one(int events, int clients)
{
	return with_jobs(
		pgbench_rate("register", clients, bench_seconds(), text("-D events=%d", events)));
}

static double in_batches(void)
{
	return with_jobs(BATCH * pgbench_rate("register_batch", BATCH_CLIENTS, bench_seconds(),
					      "-D events=1"));
}

static void register_spread(struct figures *ret)
{
	empty_events();
	bench_sale(1, SOLD_EVENTS, CONNECTIONS, true, ret);
	ret->limit = one_by_one(SOLD_EVENTS, CLIENTS);
}

static double hot_rate;

static void register_hot(struct figures *ret)
{
	empty_events();
	bench_sale(1, 1, CONNECTIONS, true, ret);
	hot_rate = ret->value;
	ret->limit = one_by_one(1, CLIENTS);
}

static void register_hot_many(struct figures *ret)
{
	empty_events();
	bench_restart_api("700", "530");
	bench_sale(1, 1, 512, false, ret);
	bench_restart_api(NULL, NULL);
	ret->limit = in_batches();
}

/* The same load against the other limit. */
static void register_hot_batch(struct figures *ret)
{
	empty_events();
	if (hot_rate > 0)
		ret->value = hot_rate;
	else
		bench_sale(1, 1, CONNECTIONS, false, ret);
	ret->limit = in_batches();
}

/* One caller alone, one request after the other: what batches cost who needs none. */
static void register_alone(struct figures *ret)
{
	empty_events();
	bench_sale(1, SOLD_EVENTS, 1, false, ret);
	ret->limit = one_by_one(SOLD_EVENTS, 1);
}

/* --- the door --------------------------------------------------------------------------------- */

struct door {
	const char *token;
	struct credential_keys keys;
	struct credential_qr *codes;
	uint64_t count;
};
static uint64_t next_ticket;

static size_t make_scan(void *ctx, char *buf)
{
	const struct door *door = ctx;
	char code[CREDENTIAL_QR_SIZE], body[256];

	credential_qr_make(&door->keys, &door->codes[next_ticket++ % door->count], code);
	snprintf(body, sizeof(body), "{\"qrCode\":\"%s\"}", code);
	return add_body(buf, "/api/tickets/validate", door->token, body);
}

static struct door open_door(void)
{
	struct door door = {.token = token_organizer(), .count = (uint64_t)seeded.tickets};
	FILE *rows = popen(text("psql -q -X -A -t -F ' ' -c 'SELECT id, event_id, guest_id, "
				"issued_at_ms FROM tickets WHERE id <= %lld ORDER BY id' '%s'",
				(long long)seeded.tickets, suite_database()),
			   "re"); // NOLINT(bugprone-command-processor)
	struct problem err = {0};
	long long id, event, guest, issued;
	uint64_t n = 0;

	door.codes = calloc(door.count, sizeof(*door.codes));
	if (!rows || !door.codes || credential_keys_parse(suite_qr_secret, &door.keys, &err))
		fatal("bench: no tickets");
	while (n < door.count &&
	       fscanf(rows, "%lld %lld %lld %lld", &id, &event, &guest, &issued) == 4)
		door.codes[n++] = (struct credential_qr){id, event, guest, issued};
	if (pclose(rows) != 0 || n != door.count)
		fatal("bench: %llu tickets instead of %llu", (unsigned long long)n,
		      (unsigned long long)door.count);
	return door;
}

void bench_scans(bool half, struct figures *ret)
{
	struct door door;
	uint64_t before;
	int64_t inside;

	bench_sql_file("empty_hall.sql", "");
	door = open_door();
	next_ticket = 0;
	before = next_ticket;
	bench_http(&(struct http_load){.connections = CONNECTIONS,
				       .wanted = 200,
				       .make = make_scan,
				       .ctx = &door,
				       .half = half},
		   ret);
	inside = sql_int("SELECT count(*) FROM tickets WHERE is_validated");
	if (!ret->failure && (uint64_t)inside != next_ticket - before)
		ret->failure = text("%llu were admitted, %lld are inside",
				    (unsigned long long)(next_ticket - before), (long long)inside);
	free(door.codes);
	bench_audit(ret);
	bench_sql_file("empty_hall.sql", "");
}

static double scan_rate;

static void validate_beside(const char *script, struct figures *ret)
{
	ret->limit = pgbench_rate(script, CLIENTS, bench_seconds(), "-D turn=0");
	bench_sql_file("empty_hall.sql", "");
}

/* Beside what a scan writes: the ticket, its guest's state and the scan's row. */
static void validate(struct figures *ret)
{
	bench_scans(true, ret);
	scan_rate = ret->value;
	validate_beside("validate", ret);
}

/* The same load beside the ticket's row alone. */
static void validate_row(struct figures *ret)
{
	if (scan_rate > 0)
		ret->value = scan_rate;
	else
		bench_scans(false, ret);
	validate_beside("validate_row", ret);
}

/* clang-format off */
const struct bench_load loads_write[] = {
	{"register spread", "/s", "pgbench one by one, 32 clients, + Redis", .ratio = 1.5, .p99_half_ms = 20, .measure = register_spread},
	{"register hot", "/s", "pgbench one by one, 32 clients, + Redis", .ratio = 8, .p99_half_ms = 20, .measure = register_hot},
	{"register hot, batch", "/s", "pgbench in batches of 64 + Redis", .ratio = 0.35, .measure = register_hot_batch},
	{"register hot, 512 connections", "/s", "pgbench in batches of 64 + Redis", .measure = register_hot_many},
	{"register alone", "/s", "pgbench one by one, 1 client, + Redis", .measure = register_alone},
	{"validate", "/s", "pgbench conditional update with what it causes, 32 clients", .ratio = 1.0, .p99_half_ms = 20, .measure = validate},
	{"validate, its row alone", "/s", "pgbench conditional update of one row, 32 clients", .measure = validate_row},
};
/* clang-format on */
const size_t loads_write_count = ARRAY_LEN(loads_write);
