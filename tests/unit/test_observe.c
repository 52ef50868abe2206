/*
 * observe: the line and the metrics of a request, the trace it belongs to.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/observe.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/support/httpd_fixture.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static struct app app;
static struct httpd *observed_server;
static int log_pipe[2];
static char traceparent[128]; /* of the last request, below `lock` */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena memory;
struct things_query {
	int64_t page;
	int64_t from;
	bool all;
	int sort;
	const char *search;
	const char *token;
};
static const char *const sorts[] = {"title", "newest", NULL};
#define AT(member) offsetof(struct things_query, member)
static const struct field query_fields[] = {
	{.name = "page", .type = FIELD_INT, .offset = AT(page)},
	{.name = "from", .type = FIELD_TIME, .offset = AT(from)},
	{.name = "all", .type = FIELD_BOOL, .offset = AT(all)},
	{.name = "sort", .type = FIELD_ENUM, .offset = AT(sort), .names = sorts},
	{.name = "search", .type = FIELD_STRING, .offset = AT(search)},
	{.name = "token", .type = FIELD_STRING, .offset = AT(token)},
};
static const struct schema query_schema = SCHEMA(query_fields, struct things_query);
static const struct route route = {
	.method = "GET", .pattern = "/api/things/{thing}", .query = &query_schema};

/* The frame in small: /fail answers 500, all else 204. */
static void serve(void *ctx, struct http_exchange *exchange)
{
	struct request *req = ARENA_NEW(exchange->arena, struct request);
	struct problem problem = {0};
	bool fails = !strcmp(exchange->path, "/fail");

	(void)ctx;
	req->app = &app;
	req->http = exchange;
	req->arena = exchange->arena;
	req->route = strcmp(exchange->path, "/unknown") != 0 ? &route : NULL;
	req->caller.signed_in = true;
	req->caller.user_id = 42;
	exchange->request_id = "req-1";
	observe_trace(req);
	pthread_mutex_lock(&lock);
	snprintf(traceparent, sizeof(traceparent), "%s", req->traceparent);
	pthread_mutex_unlock(&lock);
	observe_begin(req);
	exchange->response.status = 204;
	if (fails) {
		problem_set(&problem, ST_INTERNAL_ERROR, "relation \"x\" does not exist");
		http_respond_problem(exchange, &problem);
	}
	observe_end(req, fails ? &problem : NULL);
}

static void sent(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	observe_sent(exchange);
}

static void setup(void)
{
	struct httpd_options options = {.address = "127.0.0.1",
					.threads = 4,
					.connection_queue = 8,
					.request_timeout_ms = 3000,
					.keep_alive_timeout_ms = 3000,
					.handler = serve,
					.done = sent,
					.ctx = &app};
	struct problem err = {0};

	arena_init(&memory, 1024);
	ck_assert_int_eq(pipe(log_pipe), 0);
	fflush(stdout);
	ck_assert_int_ge(dup2(log_pipe[1], STDOUT_FILENO), 0);
	log_init("core-service", LOG_INFO);
	ck_assert_msg(httpd_start(&options, &observed_server, &err) == OK, "%s", err.detail);
}

static void teardown(void)
{
	httpd_drain(observed_server, 1000);
	arena_clear(&memory);
}

/* Sends one request, returns the line that was logged for it. */
static const char *line_of(const char *request)
{
	static char line[LOG_LINE_MAX + 1];
	size_t len = 0;
	int fd = dial_port(httpd_port(observed_server));

	send_text(fd, request);
	while (len < LOG_LINE_MAX && read(log_pipe[0], line + len, 1) == 1 && line[len] != '\n')
		len++;
	line[len] = '\0';
	close(fd);
	/* what the server's thread wrote before the line is seen from here on */
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	return line;
}

static void expect(const char *line, const char *part)
{
	ck_assert_msg(strstr(line, part), "%s not in %s", part, line);
}

static void expect_not(const char *line, const char *part)
{
	ck_assert_msg(!strstr(line, part), "%s in %s", part, line);
}

START_TEST(test_line_has_the_fields)
{
	const char *line = line_of("GET /api/things/7?page=1 HTTP/1.1\r\nHost: h\r\n"
				   "User-Agent: agent \"x\"\r\n\r\n");

	expect(line, "\"message\":\"HTTP Request\"");
	expect(line, "\"level\":\"info\"");
	expect(line, "\"service\":\"core-service\"");
	expect(line, "\"method\":\"GET\"");
	expect(line, "\"url\":\"/api/things/7?page=1\"");
	expect(line, "\"statusCode\":204");
	expect(line, "\"duration\":");
	expect(line, "\"userAgent\":\"agent \\\"x\\\"\"");
	expect(line, "\"ip\":\"127.0.0.1\"");
	expect(line, "\"userId\":42");
	expect(line, "\"requestId\":\"req-1\"");
	expect_not(line, "\"error\"");
}
END_TEST

START_TEST(test_our_faults_are_told)
{
	const char *line = line_of("GET /fail HTTP/1.1\r\nHost: h\r\n\r\n");

	expect(line, "\"level\":\"error\"");
	expect(line, "\"statusCode\":500");
	expect(line, "\"error\":\"relation \\\"x\\\" does not exist\"");
}
END_TEST

/* Never passed to the handler: the line has what is known. */
START_TEST(test_refused_requests_are_told)
{
	const char *line = line_of("GET /x HTTP/1.1\r\n\r\n");

	expect(line, "\"message\":\"HTTP Request\"");
	expect(line, "\"statusCode\":400");
	expect_not(line, "\"userId\"");
	expect_not(line, "\"url\":\"/api");
}
END_TEST

static const struct {
	const char *path, *logged;
} urls[] = {
	{"/t?token=secret", "/t?token=***"},
	{"/t?page=1&token=secret&sort=title", "/t?page=1&token=***&sort=title"},
	{"/t?%74oken=secret", "/t?token=***"},
	{"/t?token=secret&token=secret", "/t?token=***&token=***"},
	{"/t?tokens=secret", "/t?***"},
	{"/t?secret", "/t?***"},
	{"/t?token", "/t?token"},
	{"/t?", "/t"},
	{"/t?&&all=true&all=secret", "/t?&&all=true&all=***"},
	{"/t?search=secret&search=zoe%40secret.example", "/t?search=***&search=***"},
	{"/t?page=1secret&page=-3&page=%zz", "/t?page=***&page=-3&page=***"},
	{"/t?from=2027-01-01T00:00:00%2B01:00&from=secret",
	 "/t?from=2027-01-01T00:00:00+01:00&from=***"},
	{"/t?sort=newest&sort=secret", "/t?sort=newest&sort=***"},
	{"/unknown?page=1", "/unknown?***"},
	{"/api/tickets/EVT-SECRET/qr.svg", "/api/tickets/***/qr.svg"},
	{"/api/things/12345678901234567890/x-y_z", "/api/things/12345678901234567890/x-y_z"},
	{"/api/zoe@secret.example/", "/api/***/"},
	{"/api/a1b2c3secret/..", "/api/***/.."},
};

START_TEST(test_urls_hold_no_secrets)
{
	char request[256];
	const char *line;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", urls[_i].path);
	line = line_of(request);
	expect(line, urls[_i].logged);
	expect(line, "\"url\":\"/");
	expect_not(line, "secret");
	expect_not(line, "SECRET");
}
END_TEST

/* The client's word is shown, an address in it is not. */
START_TEST(test_user_agents_are_masked)
{
	const char *line = line_of("GET /t HTTP/1.1\r\nHost: h\r\n"
				   "User-Agent: agent (zoe.doe@example.com)\r\n\r\n");

	expect(line, "\"userAgent\":\"agent (z***@example.com)\"");
}
END_TEST

/* What a caller sends, and whether it is his trace that goes on. */
static const struct {
	const char *headers;
	bool goes_on;
} traces[] = {
	{"traceparent: 00-" TRACE "-" SPAN "-01\r\n", true},
	{"TraceParent:   00-" TRACE "-" SPAN "-01  \r\n", true},
	{"traceparent: nonsense\r\n", false},
	{"trace-parent: 00-" TRACE "-" SPAN "-01\r\n", false},
	{"traceparent: 00-" TRACE "-" SPAN "-01\r\ntraceparent: 00-" TRACE "-" SPAN "-01\r\n",
	 false},
	{"", false},
};

START_TEST(test_trace_context)
{
	char request[256];
	const char *line;

	snprintf(request, sizeof(request), "GET /t HTTP/1.1\r\nHost: h\r\n%s\r\n",
		 traces[_i].headers);
	line = line_of(request);
	ck_assert_uint_eq(strlen(traceparent), 55);
	ck_assert_int_ne(strncmp(traceparent + 36, SPAN, 16), 0);
	ck_assert_int_eq(!strncmp(traceparent + 3, TRACE, 32), traces[_i].goes_on);
	expect(line, arena_printf(&memory, "\"trace_id\":\"%.32s\"", traceparent + 3));
	expect(line, arena_printf(&memory, "\"span_id\":\"%.16s\"", traceparent + 36));
}
END_TEST

/* Several headers are one list, in their order. */
START_TEST(test_trace_state)
{
	line_of("GET /t HTTP/1.1\r\nHost: h\r\ntracestate: a=1\r\n"
		"traceparent: 00-" TRACE "-" SPAN "-01\r\ntracestate: b=2,c=3\r\n\r\n");
	ck_assert_str_eq(traceparent + 55, " a=1,b=2,c=3");
	line_of("GET /t HTTP/1.1\r\nHost: h\r\ntracestate: a=1\r\n\r\n");
	ck_assert_uint_eq(strlen(traceparent), 55);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("observe");
	TCase *tc = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_line_has_the_fields);
	tcase_add_test(tc, test_our_faults_are_told);
	tcase_add_test(tc, test_refused_requests_are_told);
	tcase_add_loop_test(tc, test_urls_hold_no_secrets, 0, (int)ARRAY_LEN(urls));
	tcase_add_test(tc, test_user_agents_are_masked);
	tcase_add_loop_test(tc, test_trace_context, 0, (int)ARRAY_LEN(traces));
	tcase_add_test(tc, test_trace_state);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
