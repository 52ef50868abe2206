#include "tests/support/httpd_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum { BODY_MAX = 1 << 20, BODY_DEADLINE_MS = 300 };

struct httpd *server;
_Atomic(int) handled, done_handled, done_refused, last_status;

struct reply reply;

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

void handle(void *ctx, struct http_exchange *exchange)
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
	ck_assert(exchange->path != NULL || http_header(exchange, "Host") == NULL);
	ck_assert_uint_lt(strlen(exchange->method), 20);
	atomic_store(&last_status, exchange->response.status);
	atomic_fetch_add(exchange->path == NULL ? &done_refused : &done_handled, 1);
}

void start(void)
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

void stop(void)
{
	if (server != NULL)
		httpd_drain(server, 0);
	server = NULL;
}

/* --- the client's side ------------------------------------------------------------------------*/

int dial_port(int port)
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

int dial(void)
{
	int fd = dial_port(httpd_port(server));
	ck_assert_int_ge(fd, 0);
	return fd;
}

void say_bytes(int fd, const char *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

void send_text(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* One byte at a time so that the next answer stays in the socket. */
bool read_head(int fd, struct reply *ret)
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

bool read_body(int fd, struct reply *ret)
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

void hear_head(int fd)
{
	ck_assert_msg(read_head(fd, &reply), "no whole head: \"%s\"", reply.text);
}

void hear(int fd)
{
	hear_head(fd);
	ck_assert_msg(read_body(fd, &reply), "no whole body: \"%s\"", reply.text);
}

const char *body(void)
{
	return reply.text + reply.head_len;
}

bool has(const char *text)
{
	return strstr(reply.text, text) != NULL;
}

void expect_end(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, 0);
	ck_assert_msg(got == 0, "not closed cleanly: %zd", got);
	close(fd);
}

void ask(int fd, const char *request)
{
	send_text(fd, request);
	hear(fd);
}

/* --- Check ------------------------------------------------------------------------------------*/

TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
