/*
 * httpd: answers, bodies, decoding.
 */
#include <poll.h>
#include <string.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/httpd_fixture.h"

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
	/* told of after it was sent: the answer may be here before */
	for (int i = 0; done_handled < 3 && i < 1000; i++)
		clock_sleep_ms(2);
	ck_assert_int_eq(done_handled, 3);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	int fd = dial();
	send_text(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
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
	send_text(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
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
	send_text(fd, "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	int head = sprintf(chunk, "10000\r\n");
	memset(chunk + head, 'x', 65536);
	strcpy(chunk + head + 65536, "\r\n");
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
	send_text(fd, "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
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
	send_text(fd, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n");
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
	send_text(fd, "POST /401 HTTP/1.1\r\nHost: h\r\nContent-Length: 209715200\r\n\r\n");
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
	send_text(fd, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n");
	for (int i = 0; i < 30 && clock_monotonic_us() - start_us < 3 * US_PER_S; i++) {
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		if (poll(&pollfd, 1, 40) > 0)
			break;
		send_text(fd, "x");
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
	send_text(fd, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc");
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
	send_text(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
	hear(fd);
	ck_assert_int_eq(reply.status, 400);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 2500000);
	expect_end(fd);
}
END_TEST

/* --- percent-decoding -------------------------------------------------------------------------*/

static const struct {
	const char *text;
	bool query;
	const char *decoded;
} decodings[] = {
	{"", false, ""},
	{"plain", false, "plain"},
	{"a%20b+c", false, "a b+c"},
	{"a%20b+c", true, "a b c"},
	{"%C3%a9", false, "é"},
	{"%2F%25", false, "/%"},
	{"%00", false, NULL},
	{"%", false, NULL},
	{"%4", false, NULL},
	{"%4g", false, NULL},
	{"%+1", true, NULL},
	{"%ff", false, NULL},
	{"%C3", false, NULL},
	{"%ED%A0%80", false, NULL},
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

int main(void)
{
	Suite *suite = suite_create("httpd");
	add_answers(suite);
	add_bodies(suite);
	TCase *decoding = tcase_create("decoding");
	tcase_add_loop_test(decoding, percent_decoding, 0, (int)ARRAY_LEN(decodings));
	suite_add_tcase(suite, decoding);
	return run_suite(suite);
}
