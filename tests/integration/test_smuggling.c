/*
 * Messages that two readers could read differently: each is refused with one answer, and what lies
 * behind it is never taken for a request of its own.
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
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 0);
	suite_end();
}

/* A request that has an answer of its own wherever it is found. */
#define SMUGGLED "GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define GET_EVENTS "GET /api/events HTTP/1.1\r\n"
#define LIVE "GET /health/live HTTP/1.1\r\n"
#define H "Host: h\r\n"

static int answers_in(const char *heard)
{
	int count = 0;

	while ((heard = strstr(heard, "HTTP/1.1 "))) {
		count++;
		heard++;
	}
	return count;
}

/* The message, with SMUGGLED behind it: one answer, 400. */
static void refused_once(const char *bytes, size_t len)
{
	struct strbuf out;
	const char *heard;

	strbuf_init(&out, NULL);
	strbuf_add(&out, bytes, len);
	strbuf_adds(&out, SMUGGLED);
	heard = raw_exchange(out.buf, out.len);
	ck_assert_msg(!strncmp(heard, "HTTP/1.1 400 ", 13), "%s\n\n%s", out.buf, heard);
	ck_assert_msg(answers_in(heard) == 1, "%s\n\n%s", out.buf, heard);
	ck_assert_msg(strstr(heard, "\r\nConnection: close\r\n") != NULL, "%s", heard);
}

#define BYTES(text)                                                                                \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
static const struct {
	const char *bytes;
	size_t len;
} messages[] = {
	BYTES(GET_EVENTS H "X-A: 1\r\n Content-Length: 5\r\n\r\n"),
	BYTES(GET_EVENTS H "X-A: 1\r\n\tfolded\r\n\r\n"),
	BYTES(GET_EVENTS "Host: h\nX-A: 1\r\n\r\n"),
	BYTES(GET_EVENTS "Host: h\r\nX-A: 1\n\n"),
	BYTES("GET /api/events HTTP/1.1\rHost: h\r\n\r\n"),
	BYTES(GET_EVENTS H "X-A: a\0b\r\n\r\n"),
	BYTES("GET /api/events\0 HTTP/1.1\r\n" H "\r\n"),
	BYTES("GET /api/events/%00 HTTP/1.1\r\n" H "\r\n"),
	BYTES("GET http://elsewhere.example/api/events HTTP/1.1\r\n" H "\r\n"),
	/* Versions that are not ours: 0.9 in both its forms, what is no number, the preface of 2.
	 */
	BYTES("GET /api/events\r\n\r\n"),
	BYTES("GET /api/events HTTP/0.9\r\n" H "\r\n"),
	BYTES("GET /api/events HTTP/1.10\r\n" H "\r\n"),
	BYTES("GET /api/events http/1.1\r\n" H "\r\n"),
	BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	BYTES("\xff\xfe\0garbage\r\n\r\n"),
	/* The hello of TLS. */
	BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x20\x0d\x0a\x0d\x0a\r\n\r\n"),
};

START_TEST(messages_are_refused_once)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		refused_once(messages[i].bytes, messages[i].len);
}
END_TEST

/* What follows the headers of a POST by an organizer. */
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"
#define LAST "0\r\n\r\n"
static const char *const bodies[] = {
	"Content-Length: +5\r\n\r\nabcde",
	"Content-Length: -5\r\n\r\n",
	"Content-Length: 0x5\r\n\r\nabcde",
	"Content-Length: 5 5\r\n\r\nabcde",
	"Content-Length: 5,5\r\n\r\nabcde",
	"Content-Length: 99999999999999999999\r\n\r\n",
	"Content-Length: 18446744073709551616\r\n\r\n", /* 2^64: nothing, in 64 bits */
	"Content-Length: 18446744073709551618\r\n\r\n{}",
	"Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
	"Content-Length: 5\r\n" CHUNKED LAST,
	CHUNKED "0x2\r\n{}\r\n" LAST,
	CHUNKED "+2\r\n{}\r\n" LAST,
	CHUNKED "-1\r\n{}\r\n" LAST,
	CHUNKED " 2\r\n{}\r\n" LAST,
	CHUNKED "2 \r\n{}\r\n" LAST,
	CHUNKED "zz\r\n{}\r\n" LAST,
	CHUNKED "\r\n{}\r\n" LAST,
	CHUNKED "2;a=b\r\n{}\r\n" LAST,
	CHUNKED "2\n{}\r\n" LAST,
	CHUNKED "2\n{}\n0\n\n",
	CHUNKED "2\r\n{}XX" LAST,
	CHUNKED "ffffffffffffffff\r\n{}\r\n" LAST,
	CHUNKED "10000000000000002\r\n{}\r\n" LAST, /* 2^64 + 2 */
	"Transfer-Encoding: xchunked\r\n\r\n" LAST,
	"Transfer-Encoding:\x0b"
	"chunked\r\n\r\n" LAST,
	"Transfer-Encoding : chunked\r\n\r\n" LAST,
	"Transfer-Encoding: chunked\r\n" CHUNKED LAST,
	"Transfer-Encoding: chunked, identity\r\n\r\n" LAST,
};

static const char *post_head(void)
{
	return text("POST /api/events HTTP/1.1\r\n" H "Authorization: Bearer %s\r\n"
		    "Content-Type: application/json\r\n",
		    token_organizer());
}

START_TEST(bodies_are_refused_once)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		const char *message = text("%s%s", post_head(), bodies[i]);

		refused_once(message, strlen(message));
	}
}
END_TEST

/* A Content-Length where no header is looked at any more, a line over the limit, a target over it.
 */
START_TEST(blocks_are_refused_once)
{
	struct strbuf out;
	const char *long_one;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "POST /api/events HTTP/1.1\r\n" H);
	for (int i = 2; i < 65; i++)
		strbuf_addf(&out, "X-H%d: 1\r\n", i);
	strbuf_adds(&out, "Content-Length: 5\r\n\r\nabcde");
	refused_once(out.buf, out.len);
	long_one = text(GET_EVENTS H "X-A: %017000d\r\n\r\n", 1);
	refused_once(long_one, strlen(long_one));
	long_one = text("GET /api/events?search=%017000d HTTP/1.1\r\n" H "\r\n", 1);
	refused_once(long_one, strlen(long_one));
}
END_TEST

/* Requests that are right, with what might split them: each has its answer, SMUGGLED has its own.
 */
static const struct {
	const char *message;
	int status;
} served[] = {
	{"GET /api/events%0d%0aX-A:%201 HTTP/1.1\r\n" H "\r\n", 404},
	{"GET /api%2Fevents HTTP/1.1\r\n" H "\r\n", 404},
	{"GET /api/../health/live HTTP/1.1\r\n" H "\r\n", 404},
	{"GET /health\\live HTTP/1.1\r\n" H "\r\n", 404},
	{"GET /health/live#x HTTP/1.1\r\n" H "\r\n", 404},
	{"GET /api/events?search=a%0d%0aX-Split:%201 HTTP/1.1\r\n" H "\r\n", 200},
	{LIVE H "Content-Length: 5\r\n\r\nabcde", 200},
	{LIVE H "X-Request-Id: a%0d%0aX-Split: 1\r\n\r\n", 200},
	{"HEAD /api/events HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde", 200},
	{"POST /nowhere HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n" LAST, 404},
};

START_TEST(what_is_right_keeps_its_bounds)
{
	for (size_t i = 0; i < ARRAY_LEN(served); i++) {
		const char *message = text("%s%s", served[i].message, SMUGGLED);
		const char *heard = raw_exchange(message, strlen(message));
		const char *want = text("HTTP/1.1 %d ", served[i].status);

		ck_assert_msg(!strncmp(heard, want, strlen(want)), "%s\n%s", message, heard);
		ck_assert_msg(answers_in(heard) == 2, "%s\n%s", message, heard);
		ck_assert_msg(strstr(heard, "\nX-Split") == NULL, "%s\n%s", message, heard);
	}
}
END_TEST

/* Unread bodies do not become requests: the connection ends, or the body is taken first. */
START_TEST(unread_bodies_stay_bodies)
{
	const char *message =
		text("POST /api/events HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n%s",
		     strlen(SMUGGLED), SMUGGLED);
	const char *heard = raw_exchange(message, strlen(message));

	ck_assert_int_eq(strncmp(heard, "HTTP/1.1 401 ", 13), 0);
	ck_assert_int_eq(answers_in(heard), 1);
	message = "POST /nowhere HTTP/1.1\r\n" H CHUNKED "zz\r\n\r\n" SMUGGLED;
	heard = raw_exchange(message, strlen(message));
	ck_assert_int_eq(strncmp(heard, "HTTP/1.1 404 ", 13), 0);
	ck_assert_int_eq(answers_in(heard), 1);
}
END_TEST

/* Good, bad, good: the first has its answer, the second ends it. */
START_TEST(garbage_ends_a_pipeline)
{
	static const char message[] = LIVE H "\r\n\x01\x02garbage\r\n\r\n" SMUGGLED;
	const char *heard = raw_exchange(message, sizeof(message) - 1);

	ck_assert_int_eq(strncmp(heard, "HTTP/1.1 200 ", 13), 0);
	ck_assert_ptr_nonnull(strstr(heard, "HTTP/1.1 400 "));
	ck_assert_int_eq(answers_in(heard), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("smuggling");
	TCase *cases = tcase_create("smuggling");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, messages_are_refused_once);
	tcase_add_test(cases, bodies_are_refused_once);
	tcase_add_test(cases, blocks_are_refused_once);
	tcase_add_test(cases, what_is_right_keeps_its_bounds);
	tcase_add_test(cases, unread_bodies_stay_bodies);
	tcase_add_test(cases, garbage_ends_a_pipeline);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
