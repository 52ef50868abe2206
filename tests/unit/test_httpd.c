/*
 * httpd: raw sockets against a server in the same process.
 */
#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/httpd.h"

enum { REPLY_SIZE = 1 << 17, WAIT_MS = 4000, BODY_MAX = 1 << 20, BODY_DEADLINE_MS = 300 };

static struct httpd *server;
static _Atomic(int) handled, done_handled, done_refused, last_status;

struct reply {
	char text[REPLY_SIZE];
	size_t head_len;
	size_t body_len;
	int status;
};
static struct reply reply;

/* --- the server's side ------------------------------------------------------------------------*/

static void respond(struct http_exchange *exchange, const char *text)
{
	exchange->response.status = 200;
	exchange->response.content_type = "text/plain";
	exchange->response.body = (struct slice){text, strlen(text)};
}

static void respond_body(struct http_exchange *exchange)
{
	struct problem err = {0};
	struct slice body;
	if (http_read_body(exchange, BODY_MAX, BODY_DEADLINE_MS, &body, &err) != OK) {
		http_respond_problem(exchange, &err);
		return;
	}
	respond(exchange,
		body.len < 100 ? body.at : arena_printf(exchange->arena, "%zu", body.len));
}

static size_t deep(size_t len)
{
	char volatile big[600000];
	big[len] = 'x';
	return (size_t)big[len];
}

static void respond_headers(struct http_exchange *exchange)
{
	exchange->request_id = "req-1";
	http_add_header(exchange, "X-Good", "good");
	http_add_header(exchange, "X-Bad", "a\r\nX-Injected: 1");
	const char *asked = http_header(exchange, "x-asked");
	respond(exchange, asked == NULL ? "none" : asked);
}

static void respond_failure(struct http_exchange *exchange, enum status status)
{
	struct problem err = {0};
	problem_set(&err, status, "as asked");
	err.allow = "GET";
	http_respond_problem(exchange, &err);
}

static void respond_empty(struct http_exchange *exchange, int status)
{
	respond(exchange, "must not be sent");
	exchange->response.status = status;
}

static void respond_slowly(struct http_exchange *exchange)
{
	clock_sleep_ms(100);
	respond(exchange, "slow");
}

static void handle(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	atomic_fetch_add(&handled, 1);
	const char *path = exchange->path;
	if (strcmp(path, "/body") == 0)
		respond_body(exchange);
	else if (strcmp(path, "/deep") == 0)
		respond(exchange, deep(5) == 'x' ? "deep" : "");
	else if (strcmp(path, "/headers") == 0)
		respond_headers(exchange);
	else if (strcmp(path, "/204") == 0)
		respond_empty(exchange, 204);
	else if (strcmp(path, "/304") == 0)
		respond_empty(exchange, 304);
	else if (strcmp(path, "/401") == 0)
		respond_failure(exchange, ST_UNAUTHORIZED);
	else if (strcmp(path, "/405") == 0)
		respond_failure(exchange, ST_METHOD_NOT_ALLOWED);
	else if (strcmp(path, "/503") == 0)
		respond_failure(exchange, ST_OVERLOADED);
	else if (strcmp(path, "/slow") == 0)
		respond_slowly(exchange);
	else if (strcmp(path, "/silent") != 0)
		respond(exchange, arena_printf(exchange->arena, "%s %s %s", exchange->method, path,
					       exchange->query == NULL ? "-" : exchange->query));
}

static void done(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	atomic_store(&last_status, exchange->response.status);
	atomic_fetch_add(exchange->path == NULL ? &done_refused : &done_handled, 1);
}

static void start(void)
{
	struct httpd_options options = {
		.address = "127.0.0.1",
		.threads = 16,
		.connection_queue = 32,
		.request_timeout_ms = 700,
		.keep_alive_timeout_ms = 500,
		.handler = handle,
		.done = done,
	};
	struct problem err = {0};
	ck_assert_msg(httpd_start(&options, &server, &err) == OK, "%s", err.detail);
	ck_assert_int_gt(httpd_port(server), 0);
}

static void stop(void)
{
	if (server != NULL)
		httpd_drain(server, 0);
	server = NULL;
}

/* --- the client's side ------------------------------------------------------------------------*/

static int dial_port(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct timeval wait = {WAIT_MS / 1000, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int dial(void)
{
	int fd = dial_port(httpd_port(server));
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void say_bytes(int fd, const char *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* One byte at a time so that the next answer stays in the socket. */
static bool read_head(int fd, struct reply *ret)
{
	size_t len = 0;
	ret->text[0] = '\0';
	while (len + 1 < REPLY_SIZE && strstr(ret->text, "\r\n\r\n") == NULL) {
		if (recv(fd, ret->text + len, 1, 0) != 1)
			return false;
		ret->text[++len] = '\0';
	}
	ret->head_len = len;
	return sscanf(ret->text, "HTTP/1.1 %d ", &ret->status) == 1;
}

static bool read_body(int fd, struct reply *ret)
{
	const char *length = strstr(ret->text, "Content-Length: ");
	ret->body_len = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
	size_t got = 0;
	while (got < ret->body_len) {
		ssize_t n = recv(fd, ret->text + ret->head_len + got, ret->body_len - got, 0);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	ret->text[ret->head_len + got] = '\0';
	return true;
}

static void hear_head(int fd)
{
	ck_assert_msg(read_head(fd, &reply), "no whole head: \"%s\"", reply.text);
}

static void hear(int fd)
{
	hear_head(fd);
	ck_assert_msg(read_body(fd, &reply), "no whole body: \"%s\"", reply.text);
}

static const char *body(void)
{
	return reply.text + reply.head_len;
}

static bool has(const char *text)
{
	return strstr(reply.text, text) != NULL;
}

static void expect_end(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, 0);
	ck_assert_msg(got == 0, "not closed cleanly: %zd", got);
	close(fd);
}

static void ask(int fd, const char *request)
{
	say(fd, request);
	hear(fd);
}

/* --- answers ----------------------------------------------------------------------------------*/

START_TEST(answers_in_full_and_stays_open)
{
	int fd = dial();
	for (int i = 0; i < 3; i++) {
		ask(fd, "GET /a%20b/c?x=%41 HTTP/1.1\r\nHost: h\r\n\r\n");
		ck_assert_int_eq(reply.status, 200);
		ck_assert_str_eq(body(), "GET /a%20b/c x=%41");
		ck_assert(has("\r\nDate: ") && has(" GMT\r\n"));
		ck_assert(has("\r\nX-Content-Type-Options: nosniff\r\n"));
		ck_assert(!has("\r\nConnection:") && !has("\r\nServer:"));
	}
	close(fd);
	ck_assert_int_eq(done_handled, 3);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	int fd = dial();
	say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
		"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nmid2"
		"GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	hear(fd);
	ck_assert_str_eq(body(), "GET /1 -");
	hear(fd);
	ck_assert_str_eq(body(), "mid2");
	hear(fd);
	ck_assert_str_eq(body(), "GET /3 -");
	ck_assert(has("\r\nConnection: close\r\n"));
	expect_end(fd);
}
END_TEST

START_TEST(http_1_0_closes_unless_asked)
{
	int fd = dial();
	ask(fd, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	ck_assert(has("\r\nConnection: keep-alive\r\n"));
	ask(fd, "GET / HTTP/1.0\r\n\r\n");
	ck_assert(has("\r\nConnection: close\r\n"));
	expect_end(fd);
}
END_TEST

START_TEST(head_tells_the_length_and_sends_nothing)
{
	int fd = dial();
	say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
	hear_head(fd);
	ck_assert(has("\r\nContent-Length: 9\r\n"));
	ask(fd, "GET /y HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_str_eq(body(), "GET /y -");
	close(fd);
}
END_TEST

START_TEST(numbers_without_body_have_none)
{
	int fd = dial();
	ask(fd, "GET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 204);
	ck_assert(!has("Content-Length") && !has("\r\nContent-Type"));
	ask(fd, "GET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 304);
	ck_assert(!has("Content-Length"));
	ask(fd, "GET /z HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_str_eq(body(), "GET /z -");
	close(fd);
}
END_TEST

START_TEST(headers_go_both_ways_and_cannot_be_split)
{
	int fd = dial();
	ask(fd, "GET /headers HTTP/1.1\r\nHost: h\r\nX-ASKED:v w\r\nX-Empty:\r\n\r\n");
	ck_assert_str_eq(body(), "v w");
	ck_assert(has("\r\nX-Request-Id: req-1\r\n") && has("\r\nX-Good: good\r\n"));
	ck_assert(!has("X-Bad") && !has("X-Injected"));
	close(fd);
}
END_TEST

START_TEST(problems_bring_their_headers)
{
	int fd = dial();
	ask(fd, "GET /401 HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 401);
	ck_assert(has("\r\nWWW-Authenticate: Bearer\r\n") && has("application/problem+json"));
	ask(fd, "GET /405 HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert(has("\r\nAllow: GET\r\n"));
	ask(fd, "GET /503 HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert(has("\r\nRetry-After: "));
	ask(fd, "GET /silent HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 500);
	ck_assert(has("\"instance\":\"/silent\""));
	close(fd);
}
END_TEST

START_TEST(threads_have_stack_for_deep_work)
{
	int fd = dial();
	ask(fd, "GET /deep HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_str_eq(body(), "deep");
	close(fd);
}
END_TEST

/* --- bodies -----------------------------------------------------------------------------------*/

START_TEST(chunked_bodies_are_joined)
{
	int fd = dial();
	ask(fd, "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
	ck_assert_str_eq(body(), "abcdefg");
	ask(fd, "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(body(), "");
	ask(fd, "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nabc");
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
}
END_TEST

START_TEST(chunked_bodies_are_bounded)
{
	static char chunk[65536 + 32];
	int fd = dial();
	say(fd, "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	int head = sprintf(chunk, "10000\r\n");
	memset(chunk + head, 'x', 65536);
	memcpy(chunk + head + 65536, "\r\n", 2);
	for (int i = 0; i < 17; i++)
		say_bytes(fd, chunk, (size_t)head + 65538);
	hear(fd);
	ck_assert_int_eq(reply.status, 413);
	expect_end(fd);
}
END_TEST

START_TEST(continue_is_said_before_reading)
{
	int fd = dial();
	say(fd, "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		"Content-Length: 5\r\n\r\n");
	hear(fd);
	ck_assert_int_eq(reply.status, 100);
	ask(fd, "later");
	ck_assert_str_eq(body(), "later");
	ask(fd, "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has("\r\nConnection: close\r\n"));
	expect_end(fd);
}
END_TEST

START_TEST(a_small_unread_body_does_not_end_the_connection)
{
	int fd = dial();
	ask(fd, "POST /401 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nGET /evil");
	ck_assert_int_eq(reply.status, 401);
	ck_assert(!has("\r\nConnection: close"));
	ask(fd, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_str_eq(body(), "GET /next -");
	close(fd);
}
END_TEST

START_TEST(a_huge_body_is_refused_at_once)
{
	static char block[65536];
	int fd = dial();
	int64_t start_us = clock_monotonic_us();
	say(fd, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n");
	for (int i = 0; i < 160; i++)
		say_bytes(fd, block, sizeof(block));
	hear(fd);
	ck_assert_int_eq(reply.status, 413);
	ck_assert(has("\r\nConnection: close\r\n"));
	expect_end(fd);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 1500000);
}
END_TEST

START_TEST(an_endless_unread_body_is_not_swallowed)
{
	static char block[65536];
	int fd = dial();
	size_t sent = 0;
	say(fd, "POST /401 HTTP/1.1\r\nHost: h\r\nContent-Length: 209715200\r\n\r\n");
	while (sent < 200u << 20) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	ck_assert_uint_lt(sent, 64u << 20);
	hear(fd);
	ck_assert_int_eq(reply.status, 401);
	close(fd);
}
END_TEST

START_TEST(a_trickled_body_ends_at_its_deadline)
{
	int fd = dial();
	int64_t start_us = clock_monotonic_us();
	say(fd, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n");
	for (int i = 0; i < 30 && clock_monotonic_us() - start_us < 3 * US_PER_S; i++) {
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		if (poll(&pollfd, 1, 40) > 0)
			break;
		say(fd, "x");
	}
	hear(fd);
	ck_assert_int_eq(reply.status, 400);
	ck_assert(has("did not arrive in time"));
	ck_assert_int_lt(clock_monotonic_us() - start_us, 700000);
	expect_end(fd);
}
END_TEST

START_TEST(a_cut_body_is_malformed)
{
	int fd = dial();
	say(fd, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc");
	shutdown(fd, SHUT_WR);
	hear(fd);
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
}
END_TEST

START_TEST(slow_headers_are_cut)
{
	int fd = dial();
	int64_t start_us = clock_monotonic_us();
	say(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
	hear(fd);
	ck_assert_int_eq(reply.status, 400);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 2500000);
	expect_end(fd);
}
END_TEST

/* --- the guard --------------------------------------------------------------------------------*/

#define H "Host: h\r\n"
static const struct {
	const char *request;
	int status;
} refusals[] = {
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	 400											    },
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",                400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5abc\r\n\r\nabcde",                                400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde",                                  400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde",                                  400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc",                                  400},
	{"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc",                                       400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\nabc",                  400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",                400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n",                              400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",       400},
	{"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",                      400},
	{"GET / HTTP/1.1\r\n\r\n",								   400},
	{"GET / HTTP/1.1\r\nX-A: 1\r\n\r\n",							 400},
	{"GET / HTTP/1.1\r\n" H H "\r\n",							    400},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",						      400},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",						      400},
	{"GET /a%00b HTTP/1.1\r\n" H "\r\n",							 400},
	{"GET /a\x01 HTTP/1.1\r\n" H "\r\n",							 400},
	{"GET /a\x7f HTTP/1.1\r\n" H "\r\n",							 400},
	{"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n",						      400},
	{"GET / HTTP/1.1\n" H "\r\n",								400},
	{"GET / HTTP/1.1\r\nHost: h\nX-A: 1\r\n\r\n",                                                400},
	{"GET / HTTP/1.1\r\nX-A: 1\r\nHost: h\n\r\n\r\n",                                            400},
	{"GET / HTTP/1.1\nHost: h\n\n",							      400},
	{"GET / HTTP/1.1\r\nHost: h\r\n folded\r\nX-A: 1\r\n\r\n",                                   400},
	{"GET / HTTP/1.1\r\nHost: h\r\n\tfolded\r\n\r\n",                                            400},
	{"GET / HTTP/1.1\r\n Host: h\r\n\r\n",						       400},
	{"GET / HTTP/1.1\r\nHost: h\r\n: x\r\nX-A: 1\r\n\r\n",                                       400},
	{"GET / HTTP/1.1\r\nHost: h\r\nX-A : 1\r\n\r\n",                                             400},
	{"GET / HTTP/1.1\r\nHost: h\r\nX(A): 1\r\n\r\n",                                             400},
	{"GET / HTTP/1.1\r\nHost: h\rX-A: 1\r\n\r\n",                                                400},
	{"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",                                            400},
	{"GET  / HTTP/1.1\r\n" H "\r\n",							     400},
	{"GET /  HTTP/1.1\r\n" H "\r\n",							     400},
	{"GET / HTTP/2.0\r\n" H "\r\n",							      400},
	{"GET / FTP/1.1\r\n" H "\r\n",							       400},
	{"GET /\r\n\r\n",									    400},
	{"GET nowhere HTTP/1.1\r\n" H "\r\n",							400},
	{"OPTIONS * HTTP/1.1\r\n" H "\r\n",							  400},
	{"GET http://example.com:1/x HTTP/1.1\r\n" H "\r\n",                                         400},
	{"CONNECT h:80 HTTP/1.1\r\n" H "\r\n",						       400},
	{"nonsense\r\n\r\n",									 400},
	{"TRACE / HTTP/1.1\r\n" H "\r\n",							    405},
	{"BREW /pot HTTP/1.1\r\n" H "\r\n",							  405},
};

START_TEST(unsafe_requests_are_refused)
{
	const char *request = refusals[_i].request;
	int fd = dial();
	ask(fd, request);
	ck_assert_msg(reply.status == refusals[_i].status, "%d for %s", reply.status, request);
	ck_assert_msg(has("\r\nConnection: close\r\n"), "%s", request);
	ck_assert_msg(has("application/problem+json"), "%s", request);
	ck_assert_int_eq(body()[0], '{');
	expect_end(fd);
	ck_assert_int_eq(handled, 0);
	ck_assert_int_eq(done_refused, 1);
	ck_assert_int_eq(last_status, refusals[_i].status);
}
END_TEST

START_TEST(refusals_after_good_requests_too)
{
	int fd = dial();
	ask(fd, "GET / HTTP/1.1\r\n" H "\r\n");
	ask(fd, "OPTIONS * HTTP/1.1\r\n" H "\r\n");
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
	fd = dial();
	ask(fd, "GET / HTTP/1.1\r\n" H "\r\n");
	ask(fd, "\x01\r\n\r\n");
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
}
END_TEST

static void send_headers(int fd, int count)
{
	say(fd, "GET / HTTP/1.1\r\n");
	for (int i = 1; i < count; i++)
		say(fd, "X-A: 1\r\n");
	say(fd, "Host: h\r\n\r\n");
	hear(fd);
}

START_TEST(headers_are_counted)
{
	int fd = dial();
	send_headers(fd, 63);
	ck_assert_int_eq(reply.status, 200);
	send_headers(fd, 64);
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
	fd = dial();
	send_headers(fd, 90);
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
}
END_TEST

START_TEST(the_header_block_is_bounded)
{
	static char big[20000];
	memset(big, 'x', sizeof(big) - 1);
	int fd = dial();
	say(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-A: ");
	ask(fd, big);
	ck_assert_int_eq(reply.status, 400);
	expect_end(fd);
}
END_TEST

START_TEST(unusual_but_right_requests_are_served)
{
	char absolute[128];
	snprintf(absolute, sizeof(absolute),
		 "GET http://127.0.0.1:%d/abs?q HTTP/1.1\r\nHost: h\r\n\r\n", httpd_port(server));
	int fd = dial();
	ask(fd, absolute);
	ck_assert_str_eq(body(), "GET /abs q");
	ask(fd, "\r\nGET /lead HTTP/1.1\r\nHost:h\r\nX:\r\n\r\n");
	ck_assert_str_eq(body(), "GET /lead -");
	ask(fd, "POST /body HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 2 \r\n\r\nok");
	ck_assert_str_eq(body(), "ok");
	ask(fd, "GET /api/../x//y HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_str_eq(body(), "GET /api/../x//y -");
	close(fd);
}
END_TEST

/* --- percent-decoding -------------------------------------------------------------------------*/

static const struct {
	const char *text;
	bool query;
	const char *decoded;
} decodings[] = {
	{"",          false, ""     },
	{"plain",     false, "plain"},
	{"a%20b+c",   false, "a b+c"},
	{"a%20b+c",   true,  "a b c"},
	{"%C3%a9",    false, "é"   },
	{"%2F%25",    false, "/%"   },
	{"%00",       false, NULL   },
	{"%",         false, NULL   },
	{"%4",        false, NULL   },
	{"%4g",       false, NULL   },
	{"%+1",       true,  NULL   },
	{"%ff",       false, NULL   },
	{"%C3",       false, NULL   },
	{"%ED%A0%80", false, NULL   },
};

START_TEST(percent_decoding)
{
	struct arena arena;
	arena_init(&arena, 1024);
	const char *text = decodings[_i].text;
	char *got = http_decode(&arena, text, strlen(text), decodings[_i].query);
	if (decodings[_i].decoded == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_pstr_eq(got, decodings[_i].decoded);
	arena_clear(&arena);
}
END_TEST

/* --- drain ------------------------------------------------------------------------------------*/

enum { CLIENTS = 200 };

struct client {
	pthread_t thread;
	struct reply reply;
	int port;
	int answered;
	bool cut;
};
static struct client clients[CLIENTS];
static _Atomic(int) connected;

static bool exchange_once(struct client *client, int fd)
{
	static const char request[] = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n";
	send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	if (read_head(fd, &client->reply) && read_body(fd, &client->reply) &&
	    strcmp(client->reply.text + client->reply.head_len, "slow") == 0) {
		client->answered++;
		return true;
	}
	client->cut = true;
	return false;
}

/* Requests on one connection until the server says close; connections until none is to be had. */
static void *fire(void *arg)
{
	struct client *client = arg;
	for (;;) {
		int fd = dial_port(client->port);
		if (fd < 0)
			return NULL;
		atomic_fetch_add(&connected, 1);
		while (exchange_once(client, fd) &&
		       strstr(client->reply.text, "Connection: close") == NULL)
			;
		close(fd);
		if (client->cut)
			return NULL;
	}
}

START_TEST(draining_cuts_nothing)
{
	int answered = 0;
	for (int i = 0; i < CLIENTS; i++) {
		clients[i].port = httpd_port(server);
		ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, fire, &clients[i]), 0);
	}
	while (atomic_load(&connected) < CLIENTS)
		clock_sleep_ms(1);
	int64_t start_us = clock_monotonic_us();
	httpd_drain(server, 15000);
	server = NULL;
	ck_assert_int_lt(clock_monotonic_us() - start_us, 10 * US_PER_S);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		ck_assert_msg(!clients[i].cut, "client %d was cut after %d answers", i,
			      clients[i].answered);
		answered += clients[i].answered;
	}
	ck_assert_int_ge(answered, CLIENTS);
	ck_assert_int_eq(done_handled, answered);
}
END_TEST

START_TEST(a_drain_ends_at_its_deadline)
{
	int fd = dial();
	ask(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	say(fd, "GET /unfinished HTTP/1.1\r\n");
	int64_t start_us = clock_monotonic_us();
	stop();
	ck_assert_int_lt(clock_monotonic_us() - start_us, 3 * US_PER_S);
	close(fd);
}
END_TEST

START_TEST(an_idle_server_drains_quickly)
{
	int64_t start_us = clock_monotonic_us();
	httpd_drain(server, 5000);
	server = NULL;
	ck_assert_int_lt(clock_monotonic_us() - start_us, US_PER_S);
}
END_TEST

START_TEST(a_taken_port_is_an_error)
{
	struct httpd *second = NULL;
	struct httpd_options options = {.port = httpd_port(server),
					.threads = 1,
					.connection_queue = 1,
					.request_timeout_ms = 100,
					.handler = handle};
	struct problem err = {0};
	ck_assert_int_eq(httpd_start(&options, &second, &err), ST_CONFIG);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(err.detail, "cannot listen"));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static void add_answers(Suite *suite)
{
	TCase *tcase = add_case(suite, "answers");
	tcase_add_test(tcase, answers_in_full_and_stays_open);
	tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
	tcase_add_test(tcase, http_1_0_closes_unless_asked);
	tcase_add_test(tcase, head_tells_the_length_and_sends_nothing);
	tcase_add_test(tcase, numbers_without_body_have_none);
	tcase_add_test(tcase, headers_go_both_ways_and_cannot_be_split);
	tcase_add_test(tcase, problems_bring_their_headers);
	tcase_add_test(tcase, threads_have_stack_for_deep_work);
}

static void add_bodies(Suite *suite)
{
	TCase *tcase = add_case(suite, "bodies");
	tcase_add_test(tcase, chunked_bodies_are_joined);
	tcase_add_test(tcase, chunked_bodies_are_bounded);
	tcase_add_test(tcase, continue_is_said_before_reading);
	tcase_add_test(tcase, a_small_unread_body_does_not_end_the_connection);
	tcase_add_test(tcase, a_huge_body_is_refused_at_once);
	tcase_add_test(tcase, an_endless_unread_body_is_not_swallowed);
	tcase_add_test(tcase, a_trickled_body_ends_at_its_deadline);
	tcase_add_test(tcase, a_cut_body_is_malformed);
	tcase_add_test(tcase, slow_headers_are_cut);
}

static void add_guard(Suite *suite)
{
	TCase *tcase = add_case(suite, "guard");
	tcase_add_loop_test(tcase, unsafe_requests_are_refused, 0, (int)ARRAY_LEN(refusals));
	tcase_add_test(tcase, refusals_after_good_requests_too);
	tcase_add_test(tcase, headers_are_counted);
	tcase_add_test(tcase, the_header_block_is_bounded);
	tcase_add_test(tcase, unusual_but_right_requests_are_served);
}

static void add_rest(Suite *suite)
{
	TCase *drain = add_case(suite, "drain");
	tcase_add_test(drain, draining_cuts_nothing);
	tcase_add_test(drain, a_drain_ends_at_its_deadline);
	tcase_add_test(drain, an_idle_server_drains_quickly);
	tcase_add_test(drain, a_taken_port_is_an_error);
	TCase *decode = tcase_create("decode");
	tcase_add_loop_test(decode, percent_decoding, 0, (int)ARRAY_LEN(decodings));
	suite_add_tcase(suite, decode);
}

int main(void)
{
	Suite *suite = suite_create("httpd");
	add_answers(suite);
	add_bodies(suite);
	add_guard(suite);
	add_rest(suite);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
