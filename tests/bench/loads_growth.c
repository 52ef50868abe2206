/*
 * Growth: the same work in a database that has more of everything. Cost grows with work, not with
 * data, when the ratio of the two rates stays near 1.
 */
#include <stdlib.h>

#include "tests/bench/bench.h"
#include "tests/support/suite.h"

enum { CONNECTIONS = 32, GROWN_EVENT = SOLD_EVENTS / 2 };

static void get(struct figures *ret)
{
	bench_read(text("/api/events/%d", GROWN_EVENT), token_user(), CONNECTIONS, false, ret);
}

static void list_events(struct figures *ret)
{
	bench_read("/api/events", token_user(), CONNECTIONS, false, ret);
}

static void list_guests(struct figures *ret)
{
	bench_read(text("/api/events/%d/guests", GROWN_EVENT), token_organizer(), CONNECTIONS,
		   false, ret);
}

static void register_one(struct figures *ret)
{
	bench_sql_file("empty.sql", "");
	bench_sale(GROWN_EVENT, 1, CONNECTIONS, false, ret);
}

static void validate(struct figures *ret)
{
	bench_scans(false, ret);
}

static void (*const works[])(struct figures *ret) = {get, list_events, list_guests, register_one,
						     validate};
enum { WORKS = ARRAY_LEN(works) };
static struct figures before[WORKS];

static const char *wanted(const char *name, const char *otherwise)
{
	const char *given = getenv(name);

	return given ? given : otherwise;
}

/* Once: all is measured before anything grows. */
static void grow(void)
{
	static bool grown;

	if (grown)
		return;
	grown = true;
	for (size_t i = 0; i < WORKS; i++)
		works[i](&before[i]);
	bench_sql_file("empty.sql", ""); /* it takes all that is there for seeded */
	bench_sql_file("grow.sql", text("-v events=%s -v guests=%s -v event=%d",
					wanted("GROWN_EVENTS", "100000"),
					wanted("GROWN_GUESTS", "1000000"), GROWN_EVENT));
}

static void measure(size_t work, struct figures *ret)
{
	grow();
	works[work](ret);
	ret->limit = before[work].value;
	if (!ret->failure)
		ret->failure = before[work].failure;
}

static void get_grown(struct figures *ret)
{
	measure(0, ret);
}

static void list_events_grown(struct figures *ret)
{
	measure(1, ret);
}

static void list_guests_grown(struct figures *ret)
{
	measure(2, ret);
}

static void register_grown(struct figures *ret)
{
	measure(3, ret);
}

static void validate_grown(struct figures *ret)
{
	measure(4, ret);
}

/* clang-format off */
const struct bench_load loads_growth[] = {
	{"grown: get", "/s", "before it grew", .ratio = 0.8, .measure = get_grown},
	{"grown: page 1 of events", "/s", "before it grew", .ratio = 0.8, .measure = list_events_grown},
	{"grown: page 1 of guests", "/s", "before it grew", .ratio = 0.8, .measure = list_guests_grown},
	{"grown: register", "/s", "before it grew", .ratio = 0.8, .measure = register_grown},
	{"grown: validate", "/s", "before it grew", .ratio = 0.8, .measure = validate_grown},
};
/* clang-format on */
const size_t loads_growth_count = ARRAY_LEN(loads_growth);
