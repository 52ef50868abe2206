/*
 * Bodies beyond their single fields: exact ids, violations all at once, and what is no JSON of ours
 * at all: nothing of it is written and the API lives on.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
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
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	suite_end();
}

static const char *repeated(const char *unit, size_t count)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	for (size_t i = 0; i < count; i++)
		strbuf_adds(&out, unit);
	return out.buf;
}

/* Past 2^53 a double would take one id for another. */
START_TEST(ids_are_exact)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);
	static const char *const strangers[] = {"9007199254740993", "9223372036854775807",
						"9007199254740991"};
	struct reply *reply;

	sql("UPDATE ticket_types SET id = 9007199254740992 WHERE id = %lld",
	    (long long)shop.type_id);
	for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
		reply = api_post(
			token_user(), path,
			"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@b.example\","
			"\"ticketTypeId\":%s}",
			strangers[i]);
		ck_assert_int_eq(reply->status, 422);
		ck_assert_str_eq(reply_slug(reply), "unknown-ticket-type");
	}
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 0);
	shop.type_id = INT64_C(9007199254740992);
	reply = shop_register(&shop, token_user(), "exact");
	ck_assert_int_eq(reply->status, 201);
	ck_assert_ptr_nonnull(strstr(reply->body, "\"ticketTypeId\":9007199254740992,"));
	ck_assert_int_eq(api_get(NULL, "/api/events/9223372036854775807")->status, 404);
	ck_assert_int_eq(api_get(NULL, "/api/events/9223372036854775808")->status, 404);
}
END_TEST

/* --- the scan, and bodies that routes without fields take
 * ----------------------------------------- */

static const struct {
	const char *body;
	const char *pointer;
	const char *code;
} scans[] = {
	{"{}", "", "required"},
	{"{\"qrCode\":null}", "", "required"},
	{"{\"qrCode\":\"a\",\"ticketCode\":\"b\"}", "", "required"},
	{"{\"qrCode\":\"\"}", "/qrCode", "too-short"},
	{"{\"qrCode\":7}", "/qrCode", "type"},
	{"{\"ticketCode\":[\"b\"]}", "/ticketCode", "type"},
	{"{\"ticketCode\":\"b\",\"eventId\":0}", "/eventId", "too-small"},
	{"{\"ticketCode\":\"b\",\"eventId\":\"1\"}", "/eventId", "type"},
	{"{\"ticketCode\":\"b\",\"scanId\":\"not-uuid\"}", "/scanId", "format"},
	{"{\"ticketCode\":\"b\",\"scanId\":1}", "/scanId", "type"},
	{"{\"ticketCode\":\"b\",\"ticketId\":1}", "/ticketId", "unknown"},
	{"[]", "", "type"},
	{"\"b\"", "", "type"},
	{"null", "", "type"},
};

START_TEST(fields_of_a_scan)
{
	for (size_t i = 0; i < ARRAY_LEN(scans); i++) {
		struct reply *reply =
			api_post(token_admin(), "/api/tickets/validate", "%s", scans[i].body);

		ck_assert_msg(reply->status == 422 &&
				      reply_violates(reply, scans[i].pointer, scans[i].code) &&
				      reply_count(reply, "errors") == 1,
			      "%s: %s", scans[i].body, reply->body);
	}
	ck_assert_int_eq(api_post(token_admin(), "/api/tickets/validate", "{\"ticketCode\":\"%s\"}",
				  repeated("é", 51))
				 ->status,
			 422);
	ck_assert_int_eq(
		api_post(token_admin(), "/api/tickets/validate", "{\"ticketCode\":\"b\"}")->status,
		404);
}
END_TEST

START_TEST(actions_take_no_fields)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld/start", (long long)shop.event_id);
	struct reply *reply = api_post(token_organizer(), path, "{\"force\":true}");

	ck_assert_int_eq(reply->status, 422);
	ck_assert(reply_violates(reply, "/force", "unknown"));
	ck_assert_int_eq(api_post(token_organizer(), path, "[]")->status, 422);
	ck_assert_str_eq(sql("SELECT status FROM events"), "published");
	ck_assert_int_eq(api_post(token_organizer(), path, "{}")->status, 200);
}
END_TEST

/* --- all at once --------------------------------------------------------------------------------
 */

START_TEST(all_violations_at_once)
{
	struct reply *reply = api_post(
		token_organizer(), "/api/events",
		"{\"title\":\"é\",\"eventDate\":\"2098-01-01T10:00:00\",\"endDate\":3,"
		"\"maxAttendees\":0,\"currency\":\"x\",\"locale\":\"de\",\"colour\":\"red\","
		"\"ticketTypes\":[{\"name\":\"A\",\"price\":1,\"quantity\":1,"
		"\"salesStartAt\":\"2030-01-02T00:00:00Z\",\"salesEndAt\":\"2030-01-01T00:00:00Z\"}"
		","
		"{\"name\":\"B\",\"price\":1.005,\"quantity\":1.5,\"sold\":3},7,{\"price\":-1}]}");
	static const char *const wanted[][2] = {
		{"/title", "too-short"},
		{"/eventDate", "format"},
		{"/endDate", "type"},
		{"/maxAttendees", "too-small"},
		{"/currency", "format"},
		{"/locale", "enum"},
		{"/colour", "unknown"},
		{"/location", "required"},
		{"/ticketTypes/0/salesEndAt", "too-small"},
		{"/ticketTypes/1/price", "decimals"},
		{"/ticketTypes/1/quantity", "type"},
		{"/ticketTypes/1/sold", "unknown"},
		{"/ticketTypes/2", "type"},
		{"/ticketTypes/3/price", "too-small"},
		{"/ticketTypes/3/name", "required"},
		{"/ticketTypes/3/quantity", "required"},
	};

	ck_assert_int_eq(reply->status, 422);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		ck_assert_msg(reply_violates(reply, wanted[i][0], wanted[i][1]), "%s %s: %s",
			      wanted[i][0], wanted[i][1], reply->body);
	ck_assert_int_eq(reply_count(reply, "errors"), ARRAY_LEN(wanted));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 0);
}
END_TEST

/* --- no JSON ------------------------------------------------------------------------------------
 */

#define MEMBERS                                                                                    \
	"\"eventDate\":\"2098-01-01T10:00:00Z\",\"location\":\"A place\",\"maxAttendees\":1,"      \
	"\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":1}]"
#define TITLED(title) "{\"title\":\"" title "\"," MEMBERS "}"
#define BYTES(literal)                                                                             \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

/* Each but for one fault an event that would be made. */
static const struct {
	const char *at;
	size_t len;
} malformed[] = {
	BYTES("{"),
	BYTES("nonsense"),
	BYTES("{\"title\":\"A title\"," MEMBERS "} x"),
	BYTES(TITLED("A title") TITLED("A title")),
	BYTES(TITLED("A title") "\0"),
	BYTES("\xef\xbb\xbf" TITLED("A title")),
	BYTES(TITLED("A\0title")),
	BYTES(TITLED("A\\u0000title")),
	BYTES(TITLED("A\\ud800title")),
	BYTES(TITLED("A\\udc00\\ud800title")),
	BYTES(TITLED("A\xfftitle")),
	BYTES(TITLED("A\xc0\x80title")),
	BYTES(TITLED("A\xed\xa0\x80title")),
	BYTES(TITLED("A\xf4\x90\x80\x80title")),
	BYTES(TITLED("A\xc3")),
	BYTES(TITLED("A\ttitle")),
	BYTES(TITLED("A\\xtitle")),
	BYTES("{\"title\":\"A title\",\"title\":\"A title\"," MEMBERS "}"),
	BYTES("{\"title\":\"A title\",\"t\\u0069tle\":\"A title\"," MEMBERS "}"),
	BYTES("{\"title\":\"A title\"," MEMBERS ",}"),
	BYTES("{'title':'A title'}"),
	BYTES("{\"title\":\"A title\",\"maxAttendees\":01}"),
	BYTES("{\"maxAttendees\":+1}"),
	BYTES("{\"maxAttendees\":NaN}"),
	BYTES("{\"maxAttendees\":.5}"),
	BYTES("{\"maxAttendees\":1.}"),
	BYTES("/* */ {}"),
	BYTES("   "),
	BYTES(""),
};

static struct reply *post_event(const char *body, size_t len, const char *content_type)
{
	return say(&(struct saying){.method = "POST",
				    .url = text("%s/api/events", suite_api()),
				    .token = token_organizer(),
				    .body = body,
				    .body_len = len,
				    .content_type = content_type});
}

START_TEST(broken_json)
{
	static const char good[] = TITLED("A title");

	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		struct reply *reply = post_event(malformed[i].at, malformed[i].len, NULL);

		ck_assert_msg(reply->status == 400 && !strcmp(reply_slug(reply), "malformed"),
			      "%s: %d %s", malformed[i].at, reply->status, reply->body);
		ck_assert_ptr_nonnull(reply_text(reply, "requestId"));
	}
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 0);
	ck_assert_int_eq(post_event(good, 0, NULL)->status, 201);
}
END_TEST

START_TEST(deep_nesting)
{
	struct reply *reply = post_event(repeated("[", 2048), 0, NULL);

	ck_assert_int_eq(reply->status, 400);
	ck_assert_str_eq(reply_slug(reply), "malformed");
	reply = post_event(repeated("{\"a\":", 100000), 0, NULL);
	ck_assert_int_eq(reply->status, 400);
	reply = post_event(text("%s%s", repeated("[", 31), repeated("]", 31)), 0, NULL);
	ck_assert_int_eq(reply->status, 422);
}
END_TEST

START_TEST(large_bodies)
{
	enum { MIB = 1 << 20 };
	size_t fitting = MIB - sizeof(TITLED(""));
	int64_t begun_us = clock_monotonic_us();
	struct reply *reply = post_event(repeated("          ", MIB), 10 * MIB, NULL);

	ck_assert_int_eq(reply->status, 413);
	ck_assert_str_eq(reply_slug(reply), "body-too-large");
	ck_assert_int_lt(clock_monotonic_us() - begun_us, 2 * US_PER_S);
	reply = post_event(repeated(" ", MIB + 1), 0, NULL);
	ck_assert_int_eq(reply->status, 413);
	reply = post_event(text(TITLED("A title") "%s", repeated(" ", fitting - 7)), 0, NULL);
	ck_assert_int_eq(reply->status, 201);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 1);
}
END_TEST

/* --- media types --------------------------------------------------------------------------------
 */

static const struct {
	const char *method;
	const char *type; /* "": no header */
	int status;
} media[] = {
	{"POST", "application/json", 201},
	{"POST", "Application/JSON; charset=UTF-8", 201},
	{"POST", "application/json;charset=\"utf-8\"", 201},
	{"POST", "application/json; charset=latin1", 415},
	{"POST", "application/merge-patch+json", 415},
	{"POST", "application/jsonp", 415},
	{"POST", "text/json", 415},
	{"POST", "text/csv", 415},
	{"POST", "application/x-www-form-urlencoded", 415},
	{"POST", "multipart/form-data; boundary=x", 415},
	{"POST", "", 415},
	{"PATCH", "application/json", 200},
	{"PATCH", "application/merge-patch+json", 200},
	{"PATCH", "application/json-patch+json", 415},
	{"PATCH", "text/plain", 415},
};

START_TEST(media_types)
{
	struct shop shop = shop_open(10, "0", 10);

	for (size_t i = 0; i < ARRAY_LEN(media); i++) {
		bool patch = !strcmp(media[i].method, "PATCH");
		int64_t before = sql_int("SELECT count(*) + sum(edit_version) FROM events");
		struct reply *reply = say(&(struct saying){
			.method = media[i].method,
			.url = patch ? text("%s/api/events/%lld", suite_api(),
					    (long long)shop.event_id)
				     : text("%s/api/events", suite_api()),
			.token = token_organizer(),
			.body = patch ? text("{\"title\":\"Title %zu\"}", i) : TITLED("A title"),
			.content_type = media[i].type});

		ck_assert_msg(reply->status == media[i].status, "%s %s: %d", media[i].method,
			      media[i].type, reply->status);
		if (reply->status != 415)
			continue;
		ck_assert_str_eq(reply_slug(reply), "unsupported-media-type");
		ck_assert_int_eq(sql_int("SELECT count(*) + sum(edit_version) FROM events"),
				 before);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bodies");
	TCase *cases = tcase_create("bodies");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, ids_are_exact);
	tcase_add_test(cases, fields_of_a_scan);
	tcase_add_test(cases, actions_take_no_fields);
	tcase_add_test(cases, all_violations_at_once);
	tcase_add_test(cases, broken_json);
	tcase_add_test(cases, deep_nesting);
	tcase_add_test(cases, large_bodies);
	tcase_add_test(cases, media_types);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
