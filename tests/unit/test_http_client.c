/*
 * http_client: calls against a small server whose answers are scripted by the path.
 */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/httpd.h"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct httpd *server;
static struct arena arena;
static struct problem err;
static struct http_answer answer;
static _Atomic(int) calls;
static char big[(1 << 20) + 1];

/* --- the other service ------------------------------------------------------------------------*/

static void respond(struct http_exchange *exchange, int status, const char *text, size_t len)
{
	exchange->response.status = status;
	exchange->response.content_type = "application/json";
	exchange->response.body = (struct slice){text, len};
}

static const char *or_dash(const char *value)
{
	return value == NULL ? "-" : value;
}

/* What arrived, as text. */
static void respond_echo(struct http_exchange *exchange)
{
	static const char *const names[] = {"X-Service-Token", "Authorization", "Idempotency-Key",
					    "X-Request-Id",    "traceparent",   "tracestate",
					    "Content-Type",    "Expect",        "webhook-id"};
	struct slice body = {"", 0};
	struct problem problem = {0};
	struct strbuf text;
	strbuf_init(&text, exchange->arena);
	if (http_read_body(exchange, 1 << 21, 1000, &body, &problem) != OK) {
		http_respond_problem(exchange, &problem);
		return;
	}
	strbuf_addf(&text, "%s|%zu", exchange->method, body.len);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		strbuf_addf(&text, "|%s", or_dash(http_header(exchange, names[i])));
	respond(exchange, 200, text.buf, text.len);
}

static void respond_date(struct http_exchange *exchange)
{
	char date[64];
	struct tm utc;
	time_t at = time(NULL) + 100;
	gmtime_r(&at, &utc);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	http_add_header(exchange, "Retry-After", date);
	respond(exchange, 503, "{}", 2);
}

/* /<status>: that number; /<status>/then: that number twice, then 200; with ?N: Retry-After: N. */
static void respond_scripted(struct http_exchange *exchange)
{
	int status = atoi(exchange->path + 1);
	if (exchange->query != NULL)
		http_add_header(exchange, "Retry-After", exchange->query);
	if (strstr(exchange->path, "/then") != NULL && atomic_load(&calls) > 2)
		status = 200;
	respond(exchange, status, "{\"n\":1}", 7);
}

static void handle(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	atomic_fetch_add(&calls, 1);
	const char *path = exchange->path;
	if (strcmp(path, "/echo") == 0) {
		respond_echo(exchange);
	} else if (strcmp(path, "/date") == 0) {
		respond_date(exchange);
	} else if (strcmp(path, "/hang") == 0) {
		clock_sleep_ms(700);
		respond(exchange, 200, "late", 4);
	} else if (strncmp(path, "/cut", 4) == 0) {
		respond(exchange, 200, "{\"n\":1}", strcmp(path, "/cut/nothing") == 0 ? 0 : 7);
		exchange->response.cut = true;
	} else if (strcmp(path, "/limit") == 0) {
		respond(exchange, 200, big, sizeof(big) - 1);
	} else if (strcmp(path, "/oversized") == 0) {
		respond(exchange, 200, big, sizeof(big));
	} else if (strcmp(path, "/moved") == 0) {
		http_add_header(exchange, "Location", "/200");
		respond(exchange, 302, "", 0);
	} else {
		respond_scripted(exchange);
	}
}

static void start(void)
{
	struct httpd_options options = {.address = "127.0.0.1",
					.threads = 4,
					.connection_queue = 8,
					.request_timeout_ms = 2000,
					.keep_alive_timeout_ms = 300,
					.handler = handle};
	http_client_init();
	ck_assert_int_eq(httpd_start(&options, &server, &err), OK);
	arena_init(&arena, 4096);
	memset(big, 'x', sizeof(big));
}

static void stop(void)
{
	httpd_drain(server, 0);
	arena_clear(&arena);
}

static enum status perform(struct http_call *call, const char *path)
{
	char url[128];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", httpd_port(server), path);
	call->url = url;
	if (call->method == NULL)
		call->method = "GET";
	if (call->timeout_ms == 0)
		call->timeout_ms = 1000;
	if (call->budget_ms == 0)
		call->budget_ms = 3000;
	if (call->attempts == 0)
		call->attempts = 3;
	err = (struct problem){0};
	return http_call(&arena, call, &answer, &err);
}

static enum status get(const char *path)
{
	struct http_call call = {0};
	return perform(&call, path);
}

START_TEST(sends_what_the_call_says_and_nothing_of_the_last)
{
	static const char *const further[] = {"webhook-id: wh_1", NULL};
	struct http_call call = {.method = "POST",
				 .body = "{\"a\":1}",
				 .headers = further,
				 .service_token = "st",
				 .bearer = "jwt",
				 .idempotency_key = "key",
				 .request_id = "rid",
				 .traceparent = TRACEPARENT " a=1,b=2"};
	ck_assert_int_eq(perform(&call, "/echo"), OK);
	/* The trace goes on, in a span of the call's own. */
	ck_assert_int_eq(strncmp(answer.body.at, "POST|7|st|Bearer jwt|key|rid|" TRACEPARENT,
				 strlen("POST|7|st|Bearer jwt|key|rid|") + 36),
			 0);
	ck_assert_ptr_null(strstr(answer.body.at, TRACEPARENT));
	ck_assert_ptr_nonnull(strstr(answer.body.at, "-01|a=1,b=2|application/json|-|wh_1"));
	ck_assert_int_eq(get("/echo"), OK);
	ck_assert_str_eq(answer.body.at, "GET|0|-|-|-|-|-|-|-|-|-");
	ck_assert_uint_eq(answer.body.len, strlen(answer.body.at));
	struct http_call empty = {.method = "POST"};
	ck_assert_int_eq(perform(&empty, "/echo"), OK);
	ck_assert_str_eq(answer.body.at, "POST|0|-|-|-|-|-|-|-|-|-");
	struct http_call delete = {.method = "DELETE"};
	ck_assert_int_eq(perform(&delete, "/echo"), OK);
	ck_assert_str_eq(answer.body.at, "DELETE|0|-|-|-|-|-|-|-|-|-");
}
END_TEST

START_TEST(large_bodies_do_not_wait_for_continue)
{
	static char body[(1 << 20) + 5];
	memset(body, 'y', sizeof(body) - 1);
	struct http_call call = {.method = "POST", .body = body};
	int64_t start_us = clock_monotonic_us();
	ck_assert_int_eq(perform(&call, "/echo"), OK);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 800000);
}
END_TEST

START_TEST(header_values_cannot_be_split)
{
	struct http_call call = {.request_id = "a\r\nX-Service-Token: b"};
	ck_assert_int_eq(perform(&call, "/echo"), ST_UPSTREAM_REFUSED);
	struct http_call token = {.bearer = "a\nb"};
	ck_assert_int_eq(perform(&token, "/echo"), ST_UPSTREAM_REFUSED);
	static const char *const split[] = {"webhook-id: a\r\nX-Service-Token: b", NULL};
	struct http_call further = {.headers = split};
	ck_assert_int_eq(perform(&further, "/echo"), ST_UPSTREAM_REFUSED);
	ck_assert_int_eq(calls, 0);
}
END_TEST

static const struct {
	const char *path;
	enum status status;
	int http, calls;
} outcomes[] = {
	{"/200", OK, 200, 1},
	{"/204", OK, 204, 1},
	{"/moved", OK, 302, 1},
	{"/400", ST_UPSTREAM_REFUSED, 400, 1},
	{"/404", ST_UPSTREAM_REFUSED, 404, 1},
	{"/409", ST_UPSTREAM_REFUSED, 409, 1},
	{"/408", ST_UPSTREAM_DOWN, 408, 1},
	{"/425", ST_UPSTREAM_DOWN, 425, 1},
	{"/429", ST_UPSTREAM_DOWN, 429, 3},
	{"/500", ST_UPSTREAM_DOWN, 500, 1},
	{"/501", ST_UPSTREAM_DOWN, 501, 1},
	{"/502", ST_UPSTREAM_DOWN, 502, 3},
	{"/503", ST_UPSTREAM_DOWN, 503, 3},
	{"/504", ST_UPSTREAM_DOWN, 504, 3},
	{"/503/then", OK, 200, 3},
	{"/429/then", OK, 200, 3},
	{"/500/then", ST_UPSTREAM_DOWN, 500, 1},
	{"/cut", ST_UPSTREAM_DOWN, 0, 3},
	{"/cut/nothing", ST_UPSTREAM_DOWN, 0, 3},
};

START_TEST(answers_are_judged_and_retried)
{
	const char *path = outcomes[_i].path;
	ck_assert_msg(get(path) == outcomes[_i].status, "%s: %s", path, err.detail);
	ck_assert_msg(answer.status == outcomes[_i].http, "%s: %d", path, answer.status);
	ck_assert_msg(calls == outcomes[_i].calls, "%s: %d calls", path, calls);
}
END_TEST

START_TEST(attempts_are_per_call)
{
	for (int i = 0; i < 3; i++) {
		atomic_store(&calls, 0);
		ck_assert_int_eq(get("/503/then"), OK);
		ck_assert_int_eq(calls, 3);
	}
	struct http_call once = {.attempts = 1};
	atomic_store(&calls, 0);
	ck_assert_int_eq(perform(&once, "/503/then"), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(retry_after_is_honoured)
{
	int64_t start_us = clock_monotonic_us();
	ck_assert_int_eq(get("/503/then?1"), OK);
	ck_assert_int_eq(calls, 3);
	ck_assert_int_ge(clock_monotonic_us() - start_us, 2 * US_PER_S);
}
END_TEST

START_TEST(retry_after_beyond_the_budget_ends_the_call)
{
	int64_t start_us = clock_monotonic_us();
	ck_assert_int_eq(get("/503?60"), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(answer.retry_after_s, 60);
	ck_assert_int_eq(err.retry_after_s, 60);
	ck_assert_int_eq(get("/date"), ST_UPSTREAM_DOWN);
	ck_assert_int_ge(answer.retry_after_s, 95);
	ck_assert_int_le(answer.retry_after_s, 100);
	ck_assert_int_eq(calls, 2);
	ck_assert_int_lt(clock_monotonic_us() - start_us, US_PER_S);
}
END_TEST

START_TEST(a_hanging_service_costs_no_more_than_the_budget)
{
	struct http_call call = {.timeout_ms = 200, .budget_ms = 500, .attempts = 10};
	int64_t start_us = clock_monotonic_us();
	ck_assert_int_eq(perform(&call, "/hang"), ST_UPSTREAM_DOWN);
	ck_assert_int_le(clock_monotonic_us() - start_us, 700000);
	ck_assert_int_eq(answer.status, 0);
	ck_assert(!answer.unsent);
	ck_assert_int_ge(calls, 2);
	/* Not sent twice where twice might mean two effects. */
	struct http_call post = {.method = "POST", .body = "{}", .timeout_ms = 200};
	atomic_store(&calls, 0);
	ck_assert_int_eq(perform(&post, "/hang"), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(answers_are_capped)
{
	ck_assert_int_eq(get("/limit"), OK);
	ck_assert_uint_eq(answer.body.len, 1 << 20);
	ck_assert_int_eq(get("/oversized"), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(answer.status, 0);
	ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(only_http_is_spoken)
{
	struct http_call call = {.method = "GET",
				 .url = "file:///etc/hostname",
				 .timeout_ms = 500,
				 .budget_ms = 500,
				 .attempts = 3};
	ck_assert_int_eq(http_call(&arena, &call, &answer, &err), ST_UPSTREAM_DOWN);
	ck_assert_uint_eq(answer.body.len, 0);
}
END_TEST

/* --- services that break the protocol ---------------------------------------------------------*/

struct raw_service {
	int fd;
	const char *text;
	_Atomic(int) accepted;
};

static void *serve_raw(void *arg)
{
	struct raw_service *service = arg;
	for (;;) {
		char request[4096];
		int fd = accept(service->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		atomic_fetch_add(&service->accepted, 1);
		if (recv(fd, request, sizeof(request), 0) > 0)
			send(fd, service->text, strlen(service->text), MSG_NOSIGNAL);
		close(fd);
	}
}

static enum status call_raw(const char *text, const char *method, int *ret_accepted)
{
	struct raw_service service = {.fd = socket(AF_INET, SOCK_STREAM, 0), .text = text};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	pthread_t thread;
	char url[64];
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(service.fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(service.fd, 8), 0);
	getsockname(service.fd, (struct sockaddr *)&address, &len);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve_raw, &service), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	struct http_call call = {
		.method = method, .url = url, .timeout_ms = 1000, .budget_ms = 3000, .attempts = 3};
	enum status st = http_call(&arena, &call, &answer, &err);
	shutdown(service.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(service.fd);
	*ret_accepted = service.accepted;
	return st;
}

START_TEST(cut_answers_are_no_answers)
{
	int accepted;
	ck_assert_int_eq(
		call_raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a", "GET", &accepted),
		ST_UPSTREAM_DOWN);
	ck_assert_int_eq(answer.status, 0);
	ck_assert_int_eq(accepted, 3);
	ck_assert_int_eq(call_raw("", "POST", &accepted), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(accepted, 1);
	ck_assert_int_eq(call_raw("what?", "GET", &accepted), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(answer.status, 0);
}
END_TEST

START_TEST(nobody_listening_is_retried_and_told)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	char url[64];
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	getsockname(fd, (struct sockaddr *)&address, &len);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	struct http_call call = {.method = "POST",
				 .url = url,
				 .body = "{}",
				 .timeout_ms = 300,
				 .budget_ms = 1000,
				 .attempts = 3};
	ck_assert_int_eq(http_call(&arena, &call, &answer, &err), ST_UPSTREAM_DOWN);
	ck_assert_int_eq(answer.status, 0);
	ck_assert_ptr_nonnull(strstr(err.detail, "no answer"));
	ck_assert(answer.unsent);
	close(fd);
}
END_TEST

static void *call_many(void *arg)
{
	char url[64];
	struct arena own;
	intptr_t failures = 0;
	arena_init(&own, 4096);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/200", *(const int *)arg);
	for (int i = 0; i < 50; i++) {
		struct http_call call = {.method = "GET",
					 .url = url,
					 .timeout_ms = 2000,
					 .budget_ms = 4000,
					 .attempts = 2};
		struct http_answer got;
		failures += http_call(&own, &call, &got, NULL) != OK;
		arena_reset(&own);
	}
	arena_clear(&own);
	return (void *)failures;
}

START_TEST(threads_call_side_by_side)
{
	pthread_t threads[4];
	int port = httpd_port(server);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, call_many, &port), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *failures;
		pthread_join(threads[i], &failures);
		ck_assert_ptr_null(failures);
	}
	ck_assert_int_eq(calls, 200);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("http_client");
	TCase *tcase = tcase_create("calls");
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, sends_what_the_call_says_and_nothing_of_the_last);
	tcase_add_test(tcase, large_bodies_do_not_wait_for_continue);
	tcase_add_test(tcase, header_values_cannot_be_split);
	tcase_add_loop_test(tcase, answers_are_judged_and_retried, 0, (int)ARRAY_LEN(outcomes));
	tcase_add_test(tcase, attempts_are_per_call);
	tcase_add_test(tcase, retry_after_is_honoured);
	tcase_add_test(tcase, retry_after_beyond_the_budget_ends_the_call);
	tcase_add_test(tcase, a_hanging_service_costs_no_more_than_the_budget);
	tcase_add_test(tcase, answers_are_capped);
	tcase_add_test(tcase, only_http_is_spoken);
	tcase_add_test(tcase, cut_answers_are_no_answers);
	tcase_add_test(tcase, nobody_listening_is_retried_and_told);
	tcase_add_test(tcase, threads_call_side_by_side);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
