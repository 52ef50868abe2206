/*
 * Reads: one event, lists, statistics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/pgbench.h"
#include "tests/support/suite.h"

enum { CONNECTIONS = 64, MANY = 512, CLIENTS = 8, ANSWER_BYTES = 1000 };

/* A path; each '#' becomes another id every time. NULL token: anonymous. */
struct read {
	const char *path;
	const char *token;
	uint64_t next;
};

static size_t make_read(void *ctx, char *buf)
{
	struct read *read = ctx;
	const char *number = strchr(read->path, '#');
	int len = sprintf(buf, "GET ");

	if (number) {
		/* a prime step: neighbours are never asked for in turn */
		read->next += 7919;
		len += sprintf(buf + len, "%.*s%llu%s", (int)(number - read->path), read->path,
			       1 + (unsigned long long)(read->next % (uint64_t)seeded.events),
			       number + 1);
	} else {
		len += sprintf(buf + len, "%s", read->path);
	}
	len += sprintf(buf + len, " HTTP/1.1\r\nHost: localhost\r\n");
	if (read->token)
		len += sprintf(buf + len, "Authorization: Bearer %s\r\n", read->token);
	return (size_t)(len + sprintf(buf + len, "\r\n"));
}

void bench_read(const char *path, const char *token, size_t connections, bool half,
		struct figures *ret)
{
	struct read read = {.path = path, .token = token};

	bench_http(&(struct http_load){.connections = connections,
				       .wanted = 200,
				       .make = make_read,
				       .ctx = &read,
				       .half = half},
		   ret);
}

static const char *events_words(void)
{
	return text("-D events=%lld", (long long)seeded.events);
}

static void get_hot(struct figures *ret)
{
	bench_read("/api/events/1", NULL, CONNECTIONS, true, ret);
	ret->limit = bench_bare_rate(CONNECTIONS, ANSWER_BYTES);
}

static void get_hot_many(struct figures *ret)
{
	bench_restart_api("700", "530");
	bench_read("/api/events/1", NULL, MANY, false, ret);
	bench_restart_api(NULL, NULL);
	ret->limit = bench_bare_rate(MANY, ANSWER_BYTES);
}

static void get_spread(struct figures *ret)
{
	bench_read("/api/events/#", token_user(), CONNECTIONS, true, ret);
	ret->limit = pgbench_rate("event_with_types", CLIENTS, bench_seconds(), events_words());
}

static void list_first(struct figures *ret)
{
	bench_read("/api/events", NULL, CONNECTIONS, true, ret);
	ret->limit = pgbench_rate("events_first_page", CLIENTS, bench_seconds(), "");
}

static void list_signed_in(struct figures *ret)
{
	bench_read("/api/events", token_user(), CONNECTIONS, false, ret);
	ret->limit = pgbench_rate("events_first_page", CLIENTS, bench_seconds(), "");
}

static void list_guests(struct figures *ret)
{
	bench_read("/api/events/#/guests", token_organizer(), CONNECTIONS, false, ret);
	ret->limit = pgbench_rate("guests_first_page", CLIENTS, bench_seconds(), events_words());
}

/* The list's last address, found by walking. */
static const char *last_page(void)
{
	const char *path = "/api/events?limit=100";

	for (;;) {
		struct reply *reply = api_get(token_user(), "%s", path);
		const char *cursor = reply_text(reply, "meta.nextCursor");

		if (!cursor)
			return path;
		path = text("/api/events?limit=100&cursor=%s", cursor);
	}
}

static void list_last(struct figures *ret)
{
	struct figures first = {0};

	bench_read("/api/events?limit=100", token_user(), CONNECTIONS, false, &first);
	bench_read(last_page(), token_user(), CONNECTIONS, false, ret);
	ret->limit = first.value;
	if (first.failure)
		ret->failure = first.failure;
}

static void list_by_page(struct figures *ret)
{
	bench_read("/api/events?page=1", token_user(), CONNECTIONS, false, ret);
	ret->limit = pgbench_rate("events_counted", CLIENTS, bench_seconds(), "");
}

static void list_search(struct figures *ret)
{
	bench_read("/api/events?search=chamber", token_user(), CONNECTIONS, false, ret);
	ret->limit = pgbench_rate("events_found", CLIENTS, bench_seconds(), "");
}

static void statistics(struct figures *ret)
{
	bench_read("/api/events/1/statistics?period=7d", token_organizer(), CONNECTIONS, false,
		   ret);
	ret->limit = bench_bare_rate(CONNECTIONS, ANSWER_BYTES);
}

/* clang-format off */
const struct bench_load loads_read[] = {
	{"get hot", "/s", "bare CivetWeb handler", .ratio = 0.8, .p99_half_ms = 10, .measure = get_hot},
	{"get hot, 512 connections", "/s", "bare CivetWeb handler", .measure = get_hot_many},
	{"get spread", "/s", "pgbench by id with types, 8 clients", .ratio = 0.8, .p99_half_ms = 10, .measure = get_spread},
	{"list page", "/s", "pgbench keyset statement, 8 clients", .ratio = 1.0, .p99_half_ms = 10, .measure = list_first},
	{"list page, signed in", "/s", "pgbench keyset statement, 8 clients", .measure = list_signed_in},
	{"list guests, signed in", "/s", "pgbench keyset statement, 8 clients", .measure = list_guests},
	{"list last page", "/s", "its page 1", .ratio = 0.5, .measure = list_last},
	{"list with total", "/s", "pgbench page and count, 8 clients", .measure = list_by_page},
	{"list search", "/s", "pgbench trigram search, 8 clients", .measure = list_search},
	{"statistics", "/s", "bare CivetWeb handler", .measure = statistics},
};
/* clang-format on */
const size_t loads_read_count = ARRAY_LEN(loads_read);
