/*
 * httpd: bodies and answers in pieces.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/httpd_fixture.h"

enum { PIECE = 8, BODY_BOUND = 40, BODY_MS = 200, WRITE_MS = 500, BLOCK = 65536 };

static _Atomic(int) ended; /* handlers whose peer or server went away */

/* The body's pieces between bars. */
static void echo(struct http_exchange *exchange)
{
	struct problem err = {0};
	struct strbuf out;
	char piece[PIECE];
	size_t len = 0;

	strbuf_init(&out, exchange->arena);
	do {
		if (http_read_piece(exchange, piece, sizeof(piece), BODY_BOUND, BODY_MS, &len,
				    &err)) {
			http_respond_problem(exchange, &err);
			return;
		}
		strbuf_add(&out, piece, len);
		strbuf_addc(&out, '|');
	} while (len > 0);
	exchange->response.status = 200;
	exchange->response.content_type = "text/plain";
	exchange->response.body = (struct slice){out.buf, out.len};
}

static void three_pieces(struct http_exchange *exchange, bool whole)
{
	exchange->response.status = 200;
	exchange->response.content_type = "text/plain";
	http_add_header(exchange, "X-Good", "good");
	http_stream_begin(exchange);
	ck_assert(http_stream_write(exchange, "one", 3));
	ck_assert(http_stream_write(exchange, "", 0)); /* must not end the answer */
	ck_assert(http_stream_write(exchange, "twotwotwotwotwo!", 16));
	if (whole)
		http_stream_end(exchange);
}

static void endless(struct http_exchange *exchange)
{
	static const char block[BLOCK];

	exchange->response.status = 200;
	exchange->response.content_type = "text/plain";
	http_stream_begin(exchange);
	while (http_stream_write(exchange, block, sizeof(block)))
		clock_sleep_ms(5);
	ck_assert(!http_stream_write(exchange, block, 1));
	atomic_fetch_add(&ended, 1);
}

static void handle_pieces(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	if (strcmp(exchange->path, "/echo") == 0)
		echo(exchange);
	else if (strcmp(exchange->path, "/endless") == 0)
		endless(exchange);
	else
		three_pieces(exchange, strcmp(exchange->path, "/whole") == 0);
}

static void begin(void)
{
	struct problem err = {0};
	struct httpd_options options = {
		.address = "127.0.0.1",
		.threads = 4,
		.connection_queue = 16,
		.request_timeout_ms = WRITE_MS,
		.keep_alive_timeout_ms = 5000,
		.handler = handle_pieces,
	};
	ck_assert_msg(httpd_start(&options, &server, &err) == OK, "%s", err.detail);
}

static void finish(void)
{
	if (server != NULL)
		httpd_drain(server, 1000);
}

/* Everything up to the connection's end, at most a bufferful. */
static const char *rest(int fd)
{
	static char text[8192];
	size_t len = 0;
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	while (len < sizeof(text) - 1 && poll(&pollfd, 1, WAIT_MS) > 0) {
		ssize_t got = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	text[len] = '\0';
	return text;
}

static void wait_until_ended(int count)
{
	int64_t until_us = clock_monotonic_us() + 20 * US_PER_S;
	while (atomic_load(&ended) < count && clock_monotonic_us() < until_us)
		clock_sleep_ms(5);
	ck_assert_int_eq(atomic_load(&ended), count);
}

/* --- answers ----------------------------------------------------------------------------------*/

#define CHUNKS "3\r\none\r\n10\r\ntwotwotwotwotwo!\r\n"

START_TEST(pieces_go_out_chunked)
{
	int fd = dial();
	send_text(fd, "GET /whole HTTP/1.1\r\nHost: h\r\n\r\n"
		      "GET /whole HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	const char *text = rest(fd);
	ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nTransfer-Encoding: chunked\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nX-Good: good\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
	ck_assert_ptr_null(strstr(text, "Content-Length"));
	/* the connection lived on for a second answer */
	const char *second = strstr(text, "\r\n\r\n" CHUNKS "0\r\n\r\nHTTP/1.1 200 OK");
	ck_assert_msg(second != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(second, "\r\nConnection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(second + 40, "\r\n\r\n" CHUNKS "0\r\n\r\n"));
	close(fd);
}
END_TEST

START_TEST(http_1_0_gets_them_plain)
{
	int fd = dial();
	send_text(fd, "GET /whole HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	const char *text = rest(fd);
	ck_assert_ptr_null(strstr(text, "Transfer-Encoding"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nConnection: close\r\n"));
	ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\nonetwotwotwotwotwo!");
	close(fd);
}
END_TEST

START_TEST(head_gets_the_head)
{
	int fd = dial();
	send_text(fd, "HEAD /whole HTTP/1.1\r\nHost: h\r\n\r\n"
		      "HEAD /whole HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	const char *text = rest(fd);
	const char *second = strstr(text, "\r\n\r\nHTTP/1.1 200 OK\r\n");
	ck_assert_ptr_nonnull(second);
	ck_assert_str_eq(strstr(second + 4, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
}
END_TEST

START_TEST(an_answer_that_is_not_whole_shows)
{
	int fd = dial();
	send_text(fd, "GET /half HTTP/1.1\r\nHost: h\r\n\r\n");
	const char *text = rest(fd);
	ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\n" CHUNKS);
	close(fd);
}
END_TEST

START_TEST(a_peer_that_leaves_ends_it)
{
	int fd = dial();
	send_text(fd, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
	hear_head(fd);
	close(fd);
	wait_until_ended(1);
}
END_TEST

/* 64 KiB may take 0.5 s and 4 s more at 16 KiB a second. */
START_TEST(a_peer_that_does_not_read_ends_it)
{
	int fd = dial();
	send_text(fd, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
	hear_head(fd);
	wait_until_ended(1);
	close(fd);
}
END_TEST

static void *swallow(void *arg)
{
	static char sink[BLOCK];
	int fd = *(int *)arg;
	while (recv(fd, sink, sizeof(sink), 0) > 0)
		continue;
	return NULL;
}

START_TEST(a_drain_cuts_it_off)
{
	pthread_t thread;
	int fd = dial();
	send_text(fd, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(pthread_create(&thread, NULL, swallow, &fd), 0);
	clock_sleep_ms(50);
	int64_t start_us = clock_monotonic_us();
	httpd_drain(server, 6000);
	server = NULL;
	int64_t took_us = clock_monotonic_us() - start_us;
	ck_assert_int_ge(took_us, 2900 * US_PER_MS);
	ck_assert_int_lt(took_us, 5900 * US_PER_MS);
	ck_assert_int_eq(atomic_load(&ended), 1);
	pthread_join(thread, NULL);
	close(fd);
}
END_TEST

/* --- bodies -----------------------------------------------------------------------------------*/

START_TEST(a_body_in_pieces)
{
	int fd = dial();
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789");
	ck_assert_str_eq(body(), "01234567|89||");
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n01234567");
	ck_assert_str_eq(body(), "01234567||");
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	ck_assert_str_eq(body(), "|");
	/* pieces do not follow the peer's chunks */
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n7\r\ndefghij\r\n0\r\n\r\n");
	ck_assert_str_eq(body(), "abcdefgh|ij||");
	close(fd);
}
END_TEST

START_TEST(pieces_are_bounded)
{
	int fd = dial();
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 41\r\n\r\n");
	ck_assert_int_eq(reply.status, 413);
	close(fd);
	fd = dial();
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"29\r\n01234567890123456789012345678901234567890\r\n0\r\n\r\n");
	ck_assert_int_eq(reply.status, 413);
	close(fd);
}
END_TEST

START_TEST(continue_is_said_once)
{
	int fd = dial();
	send_text(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		      "Content-Length: 10\r\n\r\n");
	hear(fd);
	ck_assert_int_eq(reply.status, 100);
	ask(fd, "0123456789");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(body(), "01234567|89||");
	close(fd);
}
END_TEST

START_TEST(a_piece_has_its_deadline)
{
	int fd = dial();
	int64_t start_us = clock_monotonic_us();
	ask(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n0123456789");
	ck_assert_int_eq(reply.status, 400);
	ck_assert_int_ge(clock_monotonic_us() - start_us, BODY_MS * US_PER_MS);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("httpd_stream");
	TCase *tcase = tcase_create("pieces");
	tcase_add_checked_fixture(tcase, begin, finish);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, pieces_go_out_chunked);
	tcase_add_test(tcase, http_1_0_gets_them_plain);
	tcase_add_test(tcase, head_gets_the_head);
	tcase_add_test(tcase, an_answer_that_is_not_whole_shows);
	tcase_add_test(tcase, a_peer_that_leaves_ends_it);
	tcase_add_test(tcase, a_peer_that_does_not_read_ends_it);
	tcase_add_test(tcase, a_drain_cuts_it_off);
	tcase_add_test(tcase, a_body_in_pieces);
	tcase_add_test(tcase, pieces_are_bounded);
	tcase_add_test(tcase, continue_is_said_once);
	tcase_add_test(tcase, a_piece_has_its_deadline);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
