/*
 * Every field of every body at its bounds, in characters: what is refused is named by its pointer,
 * and nothing of it is written.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/strbuf.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- bodies, one member exchanged ---------------------------------------------------------------
 */

/* A value is JSON; "~255" is a string of 255 times é, "^255" of a character of four bytes, "@255"
 * an address of that length, "#51" an array of that many ticket types; NULL: left out. */
struct member {
	const char *name;
	const char *value;
};
/* `code` NULL: accepted. */
struct row {
	const char *name;
	const char *value;
	const char *code;
};

#define TYPE "{\"name\":\"Standard\",\"price\":10,\"quantity\":5}"

static const char *repeated(const char *unit, int count)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	for (int i = 0; i < count; i++)
		strbuf_adds(&out, unit);
	return out.buf ? out.buf : "";
}

static const char *address(int len)
{
	return text("\"%s@%s%.*s\"", repeated("l", 64), repeated("dddddddddd.", 17), len - 65 - 187,
		    "eeeeeeeeee");
}

static const char *json_of(const char *value)
{
	int count = atoi(value + (*value != '\0'));

	switch (*value) {
	case '~':
		return text("\"%s\"", repeated("é", count));
	case '^':
		return text("\"%s\"", repeated("\xf0\x9f\x8e\xab", count));
	case '@':
		return address(count);
	case '#':
		return text("[%s" TYPE "]", repeated(TYPE ",", count - 1));
	default:
		return value;
	}
}

static void add_member(struct strbuf *out, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_addf(out, "%s\"%s\":%s", out->len > 1 ? "," : "", name, json_of(value));
}

/* `base` (NULL-terminated; NULL: nothing) with the row's value in place of its own. */
static const char *body_with(const struct member *base, const struct row *row)
{
	struct strbuf out;
	bool placed = false;

	strbuf_init(&out, NULL);
	strbuf_addc(&out, '{');
	for (; base && base->name; base++) {
		bool same = !strcmp(base->name, row->name);

		add_member(&out, base->name, same ? row->value : base->value);
		placed |= same;
	}
	if (!placed)
		add_member(&out, row->name, row->value);
	strbuf_addc(&out, '}');
	return out.buf;
}

/* Without what background work notes on its own. */
static const char *digest_of(const char *table)
{
	return sql("SELECT md5(coalesce(string_agg((to_jsonb(t) - '{cancel_after,telling_seq,"
		   "telling_after,told_seq,renewing_seq,renewing_after,renewed_seq}'::text[])::"
		   "text, '|' ORDER BY t.id), '')) FROM %s t",
		   table);
}

static const char *pointer_of(const char *name)
{
	return !strcmp(name, "a/b~c") ? "/a~1b~0c" : text("/%s", name);
}

struct target {
	const char *method;
	const char *path;
	const char *table;
	const struct member *base;
	int success;
	const char *unknown[4]; /* fields of the rows that this route does not know */
};

static const char *expected_code(const struct target *target, const struct row *row)
{
	for (int i = 0; target->unknown[i]; i++)
		if (!strcmp(target->unknown[i], row->name))
			return "unknown";
	return row->code;
}

static void try_row(const struct target *target, const struct row *row)
{
	const char *code = expected_code(target, row);
	const char *body = body_with(target->base, row);
	struct reply *reply = api_send(target->method, token_organizer(), target->path, body, NULL);
	const char *said = text("%s %s %s=%s: %d %s", target->method, target->path, row->name,
				row->value ? row->value : "(absent)", reply->status, reply->body);

	if (!code) {
		ck_assert_msg(reply->status == target->success, "%s", said);
		return;
	}
	ck_assert_msg(reply->status == 422 && !strcmp(reply_slug(reply), "invalid-body"), "%s",
		      said);
	ck_assert_msg(reply_violates(reply, pointer_of(row->name), code), "%s, not %s", said, code);
	ck_assert_msg(reply_count(reply, "errors") == 1, "%s", said);
}

/* Nothing since `before`, when a row was accepted last. */
static void expect_unwritten(const struct target *target, const char *before, const struct row *row)
{
	ck_assert_msg(!strcmp(before, digest_of(target->table)), "%s: written up to %s=%s",
		      target->path, row->name, row->value);
}

static void try_rows(const struct target *target, const struct row *rows, size_t count)
{
	bool patch = !strcmp(target->method, "PATCH");
	const char *before = digest_of(target->table);

	for (size_t i = 0; i < count; i++) {
		bool accepted = !expected_code(target, &rows[i]);

		if (patch && !rows[i].value)
			continue;
		if (accepted)
			expect_unwritten(target, before, &rows[i]);
		try_row(target, &rows[i]);
		if (accepted)
			before = digest_of(target->table);
	}
	expect_unwritten(target, before, &rows[count - 1]);
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
}

/* --- events -------------------------------------------------------------------------------------
 */

/* clang-format off */
#define TEXT_ROWS(name, min_less, max, more) \
	{name, "null", "null"}, {name, "5", "type"}, {name, "[]", "type"}, {name, "{}", "type"}, \
	{name, min_less, "too-short"}, {name, "~" #max, NULL}, {name, "~" #more, "too-long"}, \
	{name, "^" #max, NULL}, {name, "^" #more, "too-long"}, \
	{name, "\"      \"", "format"}, {name, "\"one\\ntwo\"", "format"}, \
	{name, "\"abc\\u0001\"", "format"}, {name, "\"abc\\u007f\"", "format"}, \
	{name, "\"abc\\u0080\"", "format"}, {name, "\"abc\\u0085d\"", "format"}, \
	{name, "\"abc\\u00a0d\"", NULL}, {name, "\"abc\\u2028d\"", "format"}, \
	{name, "\"abc\\u2029d\"", "format"}, {name, "\"abc\\u202ad\"", NULL}, \
	{name, NULL, "required"}
#define UNKNOWN_ROWS \
	{"titel", "1", "unknown"}, {"id", "1", "unknown"}, {"status", "\"confirmed\"", "unknown"}, \
	{"createdAt", "\"2030-01-01T00:00:00Z\"", "unknown"}, {"", "1", "unknown"}, \
	{"a/b~c", "null", "unknown"}, {"é", "{}", "unknown"}
#define NOTE_ROWS(name, max, more) \
	{name, "null", NULL}, {name, "\"\"", NULL}, {name, "~" #max, NULL}, {name, "~" #more, "too-long"}, \
	{name, "7", "type"}, {name, "true", "type"}, {name, "\"two\\nlines\"", NULL}, {name, "\"\\u0007\"", "format"}
#define COUNT_ROWS(name) \
	{name, NULL, "required"}, {name, "null", "null"}, {name, "0", "too-small"}, {name, "-1", "too-small"}, \
	{name, "1", NULL}, {name, "100000", NULL}, {name, "100001", "too-large"}, {name, "1.5", "type"}, \
	{name, "\"10\"", "type"}, {name, "true", "type"}, {name, "9223372036854775808", "too-large"}, \
	{name, "-9223372036854775809", "too-small"}
#define TIME_ROWS(name) \
	{name, "1893456000", "type"}, {name, "\"2098-01-01T10:00:00\"", "format"}, \
	{name, "\"2098-01-01\"", "format"}, {name, "\"tomorrow\"", "format"}, {name, "\"\"", "format"}, \
	{name, "\"2098-02-30T10:00:00Z\"", "format"}, {name, "\"2098-01-01T25:00:00Z\"", "format"}, \
	{name, "\"2098-01-01T10:00:00+25:00\"", "format"}

static const struct member event_base[] = {
	{"title", "\"A title\""}, {"eventDate", "\"2098-01-01T10:00:00Z\""}, {"location", "\"A place\""},
	{"maxAttendees", "10"}, {"ticketTypes", "[" TYPE "]"}, {NULL, NULL},
};
static const struct row event_rows[] = {
	TEXT_ROWS("title", "\"éé\"", 255, 256), {"title", "\"ééé\"", NULL},
	NOTE_ROWS("description", 2000, 2001),
	{"eventDate", NULL, "required"}, {"eventDate", "null", "null"}, TIME_ROWS("eventDate"),
	{"eventDate", "\"2001-01-01T00:00:00Z\"", "too-small"},
	{"eventDate", "\"2098-01-01T10:00:00+05:45\"", NULL}, {"eventDate", "\"2098-01-01T10:00:00.123456Z\"", NULL},
	TIME_ROWS("endDate"), {"endDate", "null", NULL}, {"endDate", "\"2098-01-01T10:00:00Z\"", "too-small"},
	{"endDate", "\"2097-01-01T10:00:00Z\"", "too-small"}, {"endDate", "\"2098-01-02T10:00:00+02:00\"", NULL},
	{"timeZone", "\"Europe/Paris\"", NULL}, {"timeZone", "\"Mars/Olympus\"", "format"},
	{"timeZone", "\"\"", "format"}, {"timeZone", "\"../../etc/passwd\"", "format"},
	{"timeZone", "\"Europe\"", "format"}, {"timeZone", "null", "null"}, {"timeZone", "3", "type"},
	TEXT_ROWS("location", "\"éé\"", 500, 501), {"location", "\"ééé\"", NULL},
	COUNT_ROWS("maxAttendees"),
	{"currency", "\"CHF\"", NULL}, {"currency", "\"eur\"", "format"}, {"currency", "\"EURO\"", "format"},
	{"currency", "\"\"", "format"}, {"currency", "null", "null"}, {"currency", "978", "type"},
	{"locale", "\"fr\"", NULL}, {"locale", "\"de\"", "enum"}, {"locale", "\"EN\"", "enum"},
	{"locale", "null", "null"}, {"locale", "1", "type"},
	{"ticketTypes", NULL, "required"}, {"ticketTypes", "null", "null"}, {"ticketTypes", TYPE, "type"},
	{"ticketTypes", "[]", "too-few"}, {"ticketTypes", "#50", NULL}, {"ticketTypes", "#51", "too-many"},
	UNKNOWN_ROWS,
};
/* clang-format on */

START_TEST(fields_of_an_event)
{
	struct shop shop = shop_open(10, "0", 10);
	const struct target post = {"POST", "/api/events", "events", event_base, 201, {NULL}};
	const struct target patch = {
		"PATCH",  text("/api/events/%lld", (long long)shop.event_id),
		"events", NULL,
		200,      {"ticketTypes"},
	};

	try_rows(&post, event_rows, ARRAY_LEN(event_rows));
	sql("UPDATE events SET event_date = '2098-01-01T10:00:00Z' WHERE id = %lld",
	    (long long)shop.event_id);
	try_rows(&patch, event_rows, ARRAY_LEN(event_rows));
}
END_TEST

/* --- ticket types -------------------------------------------------------------------------------
 */

/* clang-format off */
static const struct member type_base[] = {
	{"name", "\"Standard\""}, {"price", "10"}, {"quantity", "5"}, {NULL, NULL},
};
static const struct row type_rows[] = {
	TEXT_ROWS("name", "\"\"", 100, 101), {"name", "\"é\"", NULL},
	{"price", NULL, "required"}, {"price", "null", "null"}, {"price", "\"10\"", "type"}, {"price", "true", "type"},
	{"price", "1.005", "decimals"}, {"price", "0.001", "decimals"}, {"price", "-1", "too-small"},
	{"price", "-0.01", "too-small"}, {"price", "100000000.00", "too-large"}, {"price", "1e400", "too-large"},
	{"price", "99999999.99", NULL}, {"price", "0", NULL}, {"price", "0.01", NULL}, {"price", "49.90", NULL},
	{"price", "49.900", NULL},
	COUNT_ROWS("quantity"),
	NOTE_ROWS("description", 500, 501),
	TIME_ROWS("salesEndAt"), {"salesEndAt", "\"2098-01-01T10:00:00Z\"", NULL}, {"salesEndAt", "null", NULL},
	TIME_ROWS("salesStartAt"), {"salesStartAt", "\"2030-01-01T10:00:00-03:30\"", NULL},
	{"salesStartAt", "null", NULL},
	{"sold", "1", "unknown"}, {"eventId", "1", "unknown"}, UNKNOWN_ROWS,
};
/* clang-format on */

START_TEST(fields_of_a_ticket_type)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld/ticket-types", (long long)shop.event_id);
	const struct target post = {"POST", path, "ticket_types", type_base, 201, {NULL}};
	const struct target patch = {
		"PATCH", text("%s/%lld", path, (long long)shop.type_id), "ticket_types", NULL, 200,
		{NULL}};

	try_rows(&post, type_rows, ARRAY_LEN(type_rows));
	try_rows(&patch, type_rows, ARRAY_LEN(type_rows));
}
END_TEST

/* --- guests -------------------------------------------------------------------------------------
 */

/* clang-format off */
static const struct member guest_base[] = {
	{"firstName", "\"Zoé\""}, {"lastName", "\"Nguyễn\""}, {"email", "\"zoe@example.com\""}, {NULL, NULL},
};
#define BAD_ADDRESS(value) {"email", "\"" value "\"", "format"}
#define BAD_PHONE(value) {"phone", "\"" value "\"", "format"}
static const struct row guest_rows[] = {
	TEXT_ROWS("firstName", "\"\"", 100, 101), TEXT_ROWS("lastName", "\"\"", 100, 101),
	{"email", NULL, "required"}, {"email", "null", "null"}, {"email", "5", "type"}, {"email", "\"\"", "too-short"},
	BAD_ADDRESS("nobody"), BAD_ADDRESS("a@@example.com"), BAD_ADDRESS("a b@example.com"),
	BAD_ADDRESS("@example.com"), BAD_ADDRESS("a@example..com"), BAD_ADDRESS("a@.com"), BAD_ADDRESS("a@b."),
	BAD_ADDRESS("Zoe <zoe@example.com>"), BAD_ADDRESS("a,b@example.com"), BAD_ADDRESS("a@example.com\\r\\nBcc: x"),
	{"email", "@255", NULL}, {"email", "@256", "too-long"}, {"email", "\"zoé+1@exämple.com\"", NULL},
	{"phone", "null", NULL}, {"phone", "\"+33612345678\"", NULL}, {"phone", "\"+123456789012345\"", NULL},
	BAD_PHONE("0612345678"), BAD_PHONE("+0123"), BAD_PHONE("+1234567890123456"), BAD_PHONE("+33 6 12"),
	BAD_PHONE(""), BAD_PHONE("+"), {"phone", "33612345678", "type"},
	{"type", "\"sponsor\"", NULL}, {"type", "\"VIP\"", "enum"}, {"type", "null", "null"}, {"type", "0", "type"},
	{"locale", "\"fr\"", NULL}, {"locale", "\"fr-FR\"", "enum"}, {"locale", "null", "null"},
	{"ticketTypeId", "null", NULL}, {"ticketTypeId", "0", "too-small"}, {"ticketTypeId", "-1", "too-small"},
	{"ticketTypeId", "1.5", "type"}, {"ticketTypeId", "\"1\"", "type"}, {"ticketTypeId", "[1]", "type"},
	{"ticketTypeId", "9223372036854775808", "too-large"},
	{"externalId", "null", NULL}, {"externalId", "~100", NULL}, {"externalId", "~101", "too-long"},
	{"externalId", "\"\"", "too-short"}, {"externalId", "12", "type"},
	{"registeredBy", "1", "unknown"}, {"eventId", "1", "unknown"}, UNKNOWN_ROWS,
};
/* clang-format on */

START_TEST(fields_of_a_guest)
{
	struct shop shop = shop_open(1000, "0", 1000);
	struct reply *guest = shop_register(&shop, token_user(), "patched");
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);
	const struct target post = {"POST", path, "guests", guest_base, 201, {NULL}};
	const struct target patch = {
		"PATCH",  text("%s/%lld", path, (long long)reply_int(guest, "data.id")),
		"guests", NULL,
		200,      {"ticketTypeId", "externalId"}};

	for (size_t i = 0; i < ARRAY_LEN(guest_rows); i++) {
		try_rows(&post, &guest_rows[i], 1);
		/* The next may have the same address. */
		sql("UPDATE guests SET email = id || '@other.example', external_id = NULL");
	}
	try_rows(&patch, guest_rows, ARRAY_LEN(guest_rows));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("input");
	TCase *cases = tcase_create("input");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, fields_of_an_event);
	tcase_add_test(cases, fields_of_a_ticket_type);
	tcase_add_test(cases, fields_of_a_guest);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
