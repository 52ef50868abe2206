/*
 * The HTTP layer of the real API: framing, methods, headers, problem documents.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/strbuf.h"
#include "tests/support/raw.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_set("CORS_ORIGINS", "https://a.example, https://b.example");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	suite_end();
}

/* What every refusal has in common. */
static void expect_problem(const struct reply *reply, int status, const char *slug,
			   const char *instance)
{
	const char *said = text("%d %s %s", reply->status, reply->headers, reply->body);
	const char *type = reply_header(reply, "Content-Type");

	ck_assert_msg(reply->status == status && !strcmp(reply_slug(reply), slug), "%s", said);
	ck_assert_msg(type && !strcmp(type, "application/problem+json"), "%s", said);
	ck_assert_msg(reply_int(reply, "status") == status, "%s", said);
	ck_assert_msg(reply_text(reply, "title") && reply_text(reply, "detail"), "%s", said);
	ck_assert_msg(reply_text(reply, "requestId") != NULL, "%s", said);
	ck_assert_str_eq(reply_text(reply, "requestId"), reply_header(reply, "X-Request-Id"));
	if (instance)
		ck_assert_str_eq(reply_text(reply, "instance"), instance);
	ck_assert_str_eq(reply_header(reply, "X-Content-Type-Options"), "nosniff");
	ck_assert_ptr_null(reply_header(reply, "Server"));
}

/* --- framing ------------------------------------------------------------------------------------
 */

#define H "Host: h\r\nConnection: close\r\n"
#define GET_EVENTS "GET /api/events HTTP/1.1\r\n"
#define POST_EVENTS "POST /api/events HTTP/1.1\r\n"
static const char *const unsafe[] = {
	POST_EVENTS H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	POST_EVENTS H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	POST_EVENTS H "Content-Length: -3\r\n\r\n",
	POST_EVENTS H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	GET_EVENTS "Connection: close\r\n\r\n",
	GET_EVENTS H "Host: other\r\n\r\n",
	GET_EVENTS H "X-A : 1\r\n\r\n",
	GET_EVENTS H "X-A: 1\r\n folded\r\n\r\n",
	"GET /api/events\x01 HTTP/1.1\r\n" H "\r\n",
	"GET /api/events/1%00 HTTP/1.1\r\n" H "\r\n",
	"GET /api/\xc3\xa9vents HTTP/1.1\r\n" H "\r\n",
	"GET  /api/events HTTP/1.1\r\n" H "\r\n",
	"OPTIONS * HTTP/1.1\r\n" H "\r\n",
	"nonsense\r\n\r\n",
	/* Framing is judged before everything else. */
	"GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n",
	"PUT /api/events HTTP/1.1\r\nConnection: close\r\n\r\n",
};

START_TEST(unsafe_framing)
{
	for (size_t i = 0; i < ARRAY_LEN(unsafe); i++) {
		struct reply *reply = raw_ask("%s", unsafe[i]);

		ck_assert_msg(reply->status == 400, "%s: %d %s", unsafe[i], reply->status,
			      reply->body);
		expect_problem(reply, 400, "malformed", NULL);
		ck_assert_str_eq(reply_header(reply, "Connection"), "close");
	}
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 0);
}
END_TEST

/* Host, Connection and as many others as make `count`. */
static struct reply *with_headers(int count)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, GET_EVENTS H);
	for (int i = 2; i < count; i++)
		strbuf_addf(&out, "X-H%d: 1\r\n", i);
	strbuf_adds(&out, "\r\n");
	return raw_say(out.buf, out.len);
}

START_TEST(header_limit)
{
	ck_assert_int_eq(with_headers(63)->status, 200);
	expect_problem(with_headers(64), 400, "malformed", NULL);
	expect_problem(with_headers(200), 400, "malformed", NULL);
}
END_TEST

START_TEST(continue_and_pipelining)
{
	const char *heard =
		text("Host: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json"
		     "\r\nContent-Length: 2\r\n",
		     token_organizer());
	const char *ask =
		text(POST_EVENTS "%sConnection: close\r\nExpect: 100-continue\r\n\r\n{}", heard);
	const char *piped = GET_EVENTS "Host: h\r\n\r\n"
				       "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"
				       "HEAD /api/events HTTP/1.1\r\nHost: h\r\n\r\n"
				       "GET /health/live HTTP/1.1\r\n" H "\r\n";
	const char *at;

	heard = raw_exchange(ask, strlen(ask));
	ck_assert_int_eq(strncmp(heard, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422 ", 38), 0);
	/* No word for a body that nobody wants. */
	ask = text(POST_EVENTS H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	ck_assert_int_eq(strncmp(raw_exchange(ask, strlen(ask)), "HTTP/1.1 401 ", 13), 0);
	at = heard = raw_exchange(piped, strlen(piped));
	ck_assert((at = strstr(at, "HTTP/1.1 200 OK")) == heard);
	ck_assert((at = strstr(at + 1, "HTTP/1.1 404 ")));
	ck_assert((at = strstr(at + 1, "HTTP/1.1 200 OK")));
	ck_assert((at = strstr(at + 1, "HTTP/1.1 200 OK")));
	ck_assert_ptr_null(strstr(at + 1, "HTTP/1.1"));
}
END_TEST

/* --- paths and methods --------------------------------------------------------------------------
 */

START_TEST(paths_that_are_none)
{
	struct shop shop = shop_open(10, "0", 10);
	static const char *const formats[] = {
		"/api/events/%lld/",          "/api//events/%lld",   "/api/events/0%lld",
		"/api/events/+%lld",          "/api/events/-%lld",   "/api/events/%lld.",
		"/api/events/%lld%%2Fguests", "/api/events%%2F%lld", "/API/events/%lld",
		"/api/events/%lld/nothing",   "/api/events/%lldx",   "/api/./events/%lld",
		"/api/x/../events/%lld",
	};
	static const char *const others[] = {"/",
					     "/api",
					     "/api/events/",
					     "/api/events/0",
					     "/api/events/abc",
					     "/api/events/9223372036854775808",
					     "/etc/passwd"};

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		const char *path = "";
		const char *number = text("%lld", (long long)shop.event_id);
		const char *at = strstr(formats[i], "%lld");

		path = text("%.*s%s%s", (int)(at - formats[i]), formats[i], number, at + 4);
		while ((at = strstr(path, "%%")))
			path = text("%.*s%s", (int)(at - path), path, at + 1);
		expect_problem(api_get(token_organizer(), "%s", path), 404, "not-found", path);
		/* The path is judged before the method and the token. */
		expect_problem(api_put(NULL, "%s", path), 404, "not-found", path);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		expect_problem(api_get(token_organizer(), "%s", others[i]), 404, "not-found",
			       others[i]);
}
END_TEST

static const struct {
	const char *method;
	const char *path;
	const char *allow;
} disallowed[] = {
	{"PUT", "/api/events", "POST, GET, HEAD, OPTIONS"},
	{"DELETE", "/api/events", "POST, GET, HEAD, OPTIONS"},
	{"POST", "/api/events/1", "GET, HEAD, PATCH, DELETE, OPTIONS"},
	{"GET", "/api/events/1/publish", "POST, OPTIONS"},
	{"HEAD", "/api/events/1/publish", "POST, OPTIONS"},
	{"PATCH", "/api/events/1/ticket-types", "GET, HEAD, POST, OPTIONS"},
	{"GET", "/api/events/1/staff/2", "PUT, DELETE, OPTIONS"},
	{"PATCH", "/api/events/1/guests/2/check-in", "POST, DELETE, OPTIONS"},
	{"POST", "/health/live", "GET, HEAD, OPTIONS"},
};

START_TEST(methods)
{
	struct reply *reply;

	for (size_t i = 0; i < ARRAY_LEN(disallowed); i++) {
		reply = api_send(disallowed[i].method, NULL, disallowed[i].path, NULL, NULL);
		ck_assert_int_eq(reply->status, 405);
		ck_assert_str_eq(reply_header(reply, "Allow"), disallowed[i].allow);
		if (strcmp(disallowed[i].method, "HEAD") != 0)
			expect_problem(reply, 405, "method-not-allowed", disallowed[i].path);
		reply = api_send("OPTIONS", NULL, disallowed[i].path, NULL, NULL);
		ck_assert_int_eq(reply->status, 204);
		ck_assert_str_eq(reply_header(reply, "Allow"), disallowed[i].allow);
	}
	reply = raw_ask("BREW /api/events HTTP/1.1\r\n" H "\r\n");
	expect_problem(reply, 405, "method-not-allowed", "/api/events");
	ck_assert_ptr_nonnull(reply_header(reply, "Allow"));
	expect_problem(raw_ask("TRACE / HTTP/1.1\r\n" H "\r\n"), 405, "method-not-allowed", NULL);
}
END_TEST

static const char *const compared[] = {"Content-Type",  "Content-Length", "ETag",
				       "Cache-Control", "Link",           "X-Content-Type-Options",
				       "Vary",          "Connection"};

START_TEST(head_is_get_without_body)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *paths[] = {
		text("/api/events/%lld", (long long)shop.event_id),
		text("/api/events/%lld/guests?page=1", (long long)shop.event_id),
		text("/api/events/%lld/ticket-types", (long long)shop.event_id),
		"/api/events?limit=1",
		"/api/events?colour=red",
		"/api/events/99",
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct reply *get = api_get(token_organizer(), "%s", paths[i]);
		struct reply *head = api_send("HEAD", token_organizer(), paths[i], NULL, NULL);

		ck_assert_int_eq(head->status, get->status);
		ck_assert_uint_eq(head->len, 0);
		ck_assert_uint_gt(get->len, 0);
		for (size_t h = 0; h < ARRAY_LEN(compared); h++)
			ck_assert_pstr_eq(reply_header(head, compared[h]),
					  reply_header(get, compared[h]));
	}
}
END_TEST

/* --- headers ------------------------------------------------------------------------------------
 */

static struct reply *get_with(const char *header)
{
	const char *const headers[] = {header, NULL};

	return api_send("GET", NULL, "/api/events", NULL, headers);
}

START_TEST(request_ids)
{
	const char *longest = text("X-Request-Id: %064d", 7);
	static const char *const refused[] = {
		"X-Request-Id: a b",      "X-Request-Id: a\"b", "X-Request-Id: \xc3\xa9",
		"X-Request-Id: <script>", "X-Request-Id;",      "X-Request-Id: a,b",
		"X-Request-Id: ../x",
	};
	struct reply *reply = get_with("X-Request-Id: My-id_1.2:3");
	struct reply *again;

	ck_assert_str_eq(reply_header(reply, "X-Request-Id"), "My-id_1.2:3");
	ck_assert_str_eq(reply_header(get_with(longest), "X-Request-Id"), longest + 14);
	ck_assert_uint_eq(strlen(reply_header(get_with(text("%s8", longest)), "X-Request-Id")), 36);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		reply = get_with(refused[i]);
		ck_assert_int_eq(reply->status, 200);
		ck_assert_uint_eq(strlen(reply_header(reply, "X-Request-Id")), 36);
	}
	again = get_with("X-Other: 1");
	ck_assert_str_ne(reply_header(again, "X-Request-Id"), reply_header(reply, "X-Request-Id"));
}
END_TEST

#define TRACE "0af7651916cd43dd8448eb211c80319c"

START_TEST(trace_context)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);
	const char *body = text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@b.example\","
				"\"ticketTypeId\":%lld}",
				(long long)shop.type_id);
	const char *const headers[] = {"traceparent: 00-" TRACE "-b7ad6b7169203331-01",
				       "X-Request-Id: carried", NULL};

	ck_assert_int_eq(api_send("POST", token_user(), path, body, headers)->status, 201);
	ck_assert_str_eq(sql("SELECT substr(traceparent, 1, 36) FROM outbox"), "00-" TRACE "-");
	ck_assert_str_ne(sql("SELECT substr(traceparent, 37, 16) FROM outbox"), "b7ad6b7169203331");
	ck_assert_str_eq(sql("SELECT request_id FROM outbox"), "carried");
	ck_assert_int_eq(get_with("traceparent: 00-" TRACE "-0000000000000000-01")->status, 200);
	ck_assert_int_eq(get_with("traceparent: nonsense")->status, 200);
}
END_TEST

START_TEST(cross_origin)
{
	static const char *const preflight[] = {"Origin: https://b.example",
						"Access-Control-Request-Method: POST", NULL};
	static const char *const stranger[] = {"Origin: https://a.example.evil",
					       "Access-Control-Request-Method: POST", NULL};
	struct reply *reply = api_send("OPTIONS", NULL, "/api/events", NULL, preflight);

	ck_assert_int_eq(reply->status, 204);
	ck_assert_str_eq(reply_header(reply, "Access-Control-Allow-Origin"), "https://b.example");
	ck_assert_ptr_nonnull(strstr(reply_header(reply, "Access-Control-Allow-Methods"), "POST"));
	ck_assert_ptr_nonnull(
		strstr(reply_header(reply, "Access-Control-Allow-Headers"), "Idempotency-Key"));
	ck_assert_str_eq(reply_header(reply, "Vary"), "Origin");
	reply = api_send("OPTIONS", NULL, "/api/events", NULL, stranger);
	ck_assert_int_eq(reply->status, 204);
	ck_assert_ptr_null(reply_header(reply, "Access-Control-Allow-Origin"));
	ck_assert_ptr_null(reply_header(reply, "Access-Control-Allow-Methods"));
	reply = get_with("Origin: https://a.example");
	ck_assert_str_eq(reply_header(reply, "Access-Control-Allow-Origin"), "https://a.example");
	ck_assert_ptr_nonnull(strstr(reply_header(reply, "Access-Control-Expose-Headers"), "ETag"));
	reply = get_with("Origin: null");
	ck_assert_int_eq(reply->status, 200);
	ck_assert_ptr_null(reply_header(reply, "Access-Control-Allow-Origin"));
	ck_assert_int_eq(api_send("OPTIONS", NULL, "/nowhere", NULL, preflight)->status, 404);
}
END_TEST

START_TEST(security_headers)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *reply = api_get(NULL, "/api/events/%lld", (long long)shop.event_id);

	ck_assert_str_eq(reply_header(reply, "X-Content-Type-Options"), "nosniff");
	ck_assert_ptr_null(reply_header(reply, "Server"));
	ck_assert_ptr_null(reply_header(reply, "Cache-Control"));
	reply = api_get(token_organizer(), "/api/events/%lld/guests", (long long)shop.event_id);
	ck_assert_str_eq(reply_header(reply, "Cache-Control"), "no-store");
	reply = shop_register(&shop, token_user(), "private");
	ck_assert_str_eq(reply_header(reply, "Cache-Control"), "no-store");
	reply = api_post(NULL, "/api/events", "{}");
	expect_problem(reply, 401, "unauthorized", "/api/events");
	ck_assert_str_eq(reply_header(reply, "WWW-Authenticate"), "Bearer");
	reply = api_post(token_user(), "/api/events", "{}");
	expect_problem(reply, 403, "forbidden", "/api/events");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("framing");
	TCase *cases = tcase_create("framing");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, unsafe_framing);
	tcase_add_test(cases, header_limit);
	tcase_add_test(cases, continue_and_pipelining);
	tcase_add_test(cases, paths_that_are_none);
	tcase_add_test(cases, methods);
	tcase_add_test(cases, head_is_get_without_body);
	tcase_add_test(cases, request_ids);
	tcase_add_test(cases, trace_context);
	tcase_add_test(cases, cross_origin);
	tcase_add_test(cases, security_headers);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
