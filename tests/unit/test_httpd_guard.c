/*
 * httpd: the framing guard, at the level of bytes.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/httpd_fixture.h"

/* --- the guard --------------------------------------------------------------------------------*/

#define H "Host: h\r\n"
static const struct {
	const char *request;
	int status;
} refusals[] = {
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5abc\r\n\r\nabcde", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\nabc", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400},
	{"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nX-A: 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H H "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
	{"GET /a%00b HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /a\x01 HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /a\x7f HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1\n" H "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\nX-A: 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nX-A: 1\r\nHost: h\n\r\n\r\n", 400},
	{"GET / HTTP/1.1\nHost: h\n\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\r\n folded\r\nX-A: 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\r\n\tfolded\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\r\n: x\r\nX-A: 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\r\nX-A : 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\r\nX(A): 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\rX-A: 1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400},
	{"GET  / HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /  HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/2.0\r\n" H "\r\n", 400},
	{"GET / FTP/1.1\r\n" H "\r\n", 400},
	{"GET /\r\n\r\n", 400},
	{"GET nowhere HTTP/1.1\r\n" H "\r\n", 400},
	{"OPTIONS * HTTP/1.1\r\n" H "\r\n", 400},
	{"GET http://example.com:1/x HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT h:80 HTTP/1.1\r\n" H "\r\n", 400},
	{"nonsense\r\n\r\n", 400},
	{"TRACE / HTTP/1.1\r\n" H "\r\n", 405},
	{"BREW /pot HTTP/1.1\r\n" H "\r\n", 405},
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
	send_text(fd, "GET / HTTP/1.1\r\n");
	for (int i = 1; i < count; i++)
		send_text(fd, "X-A: 1\r\n");
	send_text(fd, "Host: h\r\n\r\n");
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
	send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-A: ");
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

static void add_guard(Suite *suite)
{
	TCase *tcase = add_case(suite, "guard");
	tcase_add_loop_test(tcase, unsafe_requests_are_refused, 0, (int)ARRAY_LEN(refusals));
	tcase_add_test(tcase, refusals_after_good_requests_too);
	tcase_add_test(tcase, headers_are_counted);
	tcase_add_test(tcase, the_header_block_is_bounded);
	tcase_add_test(tcase, unusual_but_right_requests_are_served);
}

int main(void)
{
	Suite *suite = suite_create("httpd_guard");
	add_guard(suite);
	return run_suite(suite);
}
