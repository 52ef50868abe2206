/*
 * trace: contexts, the encoding of spans, and the exporter against a collector in the same process.
 */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/httpd.h"
#include "common/metrics.h"
#include "common/trace_internal.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define GIVEN "00-" TRACE "-" SPAN "-01"

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 65536);
}

static void teardown(void)
{
	arena_clear(&arena);
}

static const char *times(const char *part, int count)
{
	struct strbuf text;

	strbuf_init(&text, &arena);
	while (count-- > 0)
		strbuf_adds(&text, part);
	return text.buf;
}

/* --- traceparent -------------------------------------------------------------------------- */

/* What a caller sends, and the context that follows; NULL: not his trace. The cases are those of
 * the W3C's test suite and some more. */
static const struct {
	const char *given, *context;
} parents[] = {
	{GIVEN, GIVEN},
	{"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00"},
	{"00-" TRACE "-" SPAN "-03", GIVEN},
	{"00-" TRACE "-" SPAN "-fe", "00-" TRACE "-" SPAN "-00"},
	{" \t" GIVEN " \t", GIVEN},
	{"01-" TRACE "-" SPAN "-01", GIVEN},
	{"cc-" TRACE "-" SPAN "-01", GIVEN},
	{"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", GIVEN},
	{NULL, NULL},
	{"", NULL},
	{"x", NULL},
	{GIVEN "," GIVEN, NULL}, /* two headers */
	{"cc-" TRACE "-" SPAN "-01,cc-" TRACE "-" SPAN "-01", NULL},
	{"00-" TRACE "-" SPAN "-01.", NULL},
	{"00-" TRACE "-" SPAN "-01-what-the-future-will-be-like", NULL},
	{"cc-" TRACE "-" SPAN "-01.what-the-future-will-not-be-like", NULL},
	{"ff-" TRACE "-" SPAN "-01", NULL},
	{".0-" TRACE "-" SPAN "-01", NULL},
	{"0.-" TRACE "-" SPAN "-01", NULL},
	{"000-" TRACE "-" SPAN "-01", NULL},
	{"0000-" TRACE "-" SPAN "-01", NULL},
	{"0-" TRACE "-" SPAN "-01", NULL},
	{"00-00000000000000000000000000000000-" SPAN "-01", NULL},
	{"00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01", NULL},
	{"00-0af7651916cd43dd8448eb211c8031.c-" SPAN "-01", NULL},
	{"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", NULL},
	{"00-" TRACE "3-" SPAN "-01", NULL},
	{"00-0af7651916cd43dd8448eb211c80319-" SPAN "-01", NULL},
	{"00-" TRACE "-0000000000000000-01", NULL},
	{"00-" TRACE "-.7ad6b7169203331-01", NULL},
	{"00-" TRACE "-b7ad6b716920333.-01", NULL},
	{"00-" TRACE "-" SPAN "7-01", NULL},
	{"00-" TRACE "-b7ad6b716920333-01", NULL},
	{"00-" TRACE "-" SPAN "-.0", NULL},
	{"00-" TRACE "-" SPAN "-0.", NULL},
	{"00-" TRACE "-" SPAN "-001", NULL},
	{"00-" TRACE "-" SPAN "-1", NULL},
	{"00-" TRACE "-" SPAN, NULL},
	{"00_" TRACE "-" SPAN "-01", NULL},
	{"00-" TRACE "-" SPAN "- 01", NULL},
};

START_TEST(test_traceparent)
{
	const char *context = trace_accept(&arena, parents[_i].given, NULL);

	if (parents[_i].context)
		ck_assert_str_eq(context, parents[_i].context);
	else
		ck_assert_ptr_null(context);
}
END_TEST

/* --- tracestate --------------------------------------------------------------------------- */

#define Z16 "zzzzzzzzzzzzzzzz"
#define Z64 Z16 Z16 Z16 Z16
#define Z256 Z64 Z64 Z64 Z64
#define T241 Z64 Z64 Z64 Z16 Z16 Z16 "z"

static const struct {
	const char *given, *state;
} states[] = {
	{"foo=1", "foo=1"},
	{"foo=1,bar=2,rojo=3", "foo=1,bar=2,rojo=3"},
	{"foo=1 \t , \t bar=2, \t baz=3 \t", "foo=1,bar=2,baz=3"},
	{"foo=1,,bar=2,", "foo=1,bar=2"},
	{"foo=a b", "foo=a b"},
	{"a-b*c/d_9=!\"#$%&'()*+-./:;<>?@[]^_`{|}~\\",
	 "a-b*c/d_9=!\"#$%&'()*+-./:;<>?@[]^_`{|}~\\"},
	{"9-t@vendor=x", "9-t@vendor=x"},
	{Z256 "=1", Z256 "=1"},
	{T241 "@"
	      "vvvvvvvvvvvvvv=1",
	 T241 "@"
	      "vvvvvvvvvvvvvv=1"},
	{"", NULL},
	{" ", NULL},
	{",", NULL},
	{"foo", NULL},
	{"=1", NULL},
	{"foo=", NULL},
	{"foo=,bar=3", NULL},
	{"foo=bar=baz", NULL},
	{"foo =1", NULL},
	{"FOO=1", NULL},
	{"foo.bar=1", NULL},
	{"1foo=1", NULL},
	{"foo@=1,bar=2", NULL},
	{"@foo=1,bar=2", NULL},
	{"foo@@bar=1,bar=2", NULL},
	{"foo@bar@baz=1,bar=2", NULL},
	{"foo@1bar=1", NULL},
	{Z256 "z=1", NULL},
	{T241 "t@v=1", NULL},
	{"t@"
	 "vvvvvvvvvvvvvvv=1",
	 NULL},
	{"foo=1\x7f", NULL},
	{"foo=\xc3\xa9", NULL},
	{"foo=" Z256 "z", NULL},
};

START_TEST(test_tracestate)
{
	const char *context = trace_accept(&arena, GIVEN, states[_i].given);

	ck_assert_int_eq(strncmp(context, GIVEN, TRACEPARENT_LEN), 0);
	if (states[_i].state)
		ck_assert_str_eq(trace_state(context), states[_i].state);
	else
		ck_assert_ptr_null(trace_state(context));
}
END_TEST

/* 32 members are read, and what of them is over 512 bytes is left out from the end. */
START_TEST(test_tracestate_is_bounded)
{
	const char *thirty_two = times("a=1,", 32);
	const char *context = trace_accept(&arena, GIVEN, thirty_two);

	ck_assert_uint_eq(strlen(trace_state(context)), 4 * 32 - 1);
	ck_assert_ptr_null(trace_state(trace_accept(&arena, GIVEN, times("a=1,", 33))));
	context = trace_accept(
		&arena, GIVEN,
		arena_printf(&arena, "a=%s,b=%s,c=1", times("x", 250), times("y", 256)));
	ck_assert_uint_eq(strlen(trace_state(context)), 252 + 1 + 258);
	context = trace_accept(
		&arena, GIVEN,
		arena_printf(&arena, "a=%s,b=%s,c=1", times("x", 252), times("y", 256)));
	ck_assert_uint_eq(strlen(trace_state(context)), 254);
	ck_assert_ptr_null(trace_accept(&arena, "nonsense", "foo=1"));
}
END_TEST

/* --- spans
 * ----------------------------------------------------------------------------------------- */

START_TEST(test_a_span_hands_its_own_context_on)
{
	struct trace_span span, child;
	const char *context = trace_begin(&span, &arena, GIVEN " foo=1,bar=2");

	ck_assert_str_eq(span.trace_id, TRACE);
	ck_assert_str_eq(span.parent_id, SPAN);
	ck_assert_uint_eq(strlen(span.span_id), 16);
	ck_assert_str_ne(span.span_id, SPAN);
	ck_assert_str_eq(context,
			 arena_printf(&arena, "00-" TRACE "-%s-01 foo=1,bar=2", span.span_id));
	ck_assert(!span.recorded); /* no exporter */
	trace_begin(&child, &arena, context);
	ck_assert_str_eq(child.trace_id, TRACE);
	ck_assert_str_eq(child.parent_id, span.span_id);
}
END_TEST

/* Rows of the outbox may hold anything; a span always comes about. */
START_TEST(test_without_a_context_a_trace_begins)
{
	static const char *const none[] = {NULL, "", "00-trace", "00-" TRACE "-xyz-01"};
	struct trace_span first, span;

	trace_begin(&first, &arena, NULL);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		const char *context = trace_begin(&span, &arena, none[i]);

		ck_assert_uint_eq(strlen(span.trace_id), 32);
		ck_assert_str_ne(span.trace_id, first.trace_id);
		ck_assert_str_eq(span.parent_id, "");
		ck_assert_str_eq(context,
				 arena_printf(&arena, "00-%s-%s-00", span.trace_id, span.span_id));
	}
}
END_TEST

START_TEST(test_children_of_a_new_trace_have_no_parent)
{
	const char *context = trace_new(&arena);
	struct trace_span one, other;

	ck_assert_ptr_null(trace_accept(&arena, context, NULL)); /* others are never told */
	trace_begin(&one, &arena, context);
	trace_begin(&other, &arena, context);
	ck_assert_str_eq(one.parent_id, "");
	ck_assert_str_eq(one.trace_id, other.trace_id);
	ck_assert_str_ne(one.span_id, other.span_id);
}
END_TEST

/* --- encoding
 * -------------------------------------------------------------------------------------- */

START_TEST(test_the_document_is_otlp)
{
	const struct trace_resource resource = {"core-api", "instance-1"};
	const struct trace_record records[] = {
		{.span = {TRACE, SPAN, "", true, 0},
		 .kind = TRACE_SERVER,
		 .from_us = INT64_C(1544712660123456),
		 .to_us = INT64_C(1544712661123456),
		 .name = "GET /api/events/{id}",
		 .count = 2,
		 .attributes = {{"http.route", 0, "/api/\"events\"/{id}"},
				{"http.response.status_code", INT64_C(200), ""}}},
		{.span = {TRACE, "00f067aa0ba902b7", SPAN, true, 0},
		 .kind = TRACE_CONSUMER,
		 .from_us = 1,
		 .to_us = 2,
		 .name = "process send-email",
		 .error = "buried"},
	};
	struct strbuf out;

	strbuf_init(&out, &arena);
	trace_encode(&out, &arena, &resource, records, 2);
	ck_assert_str_eq(
		out.buf,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"core-api\"}},"
		"{\"key\":\"service.version\",\"value\":{\"stringValue\":\"" CORE_VERSION "\"}},"
		"{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"instance-1\"}}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"core-service\",\"version\":\"" CORE_VERSION
		"\"},\"spans\":["
		"{\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\","
		"\"name\":\"GET /api/events/{id}\",\"kind\":2,"
		"\"startTimeUnixNano\":\"1544712660123456000\","
		"\"endTimeUnixNano\":\"1544712661123456000\",\"attributes\":["
		"{\"key\":\"http.route\",\"value\":{\"stringValue\":\"/api/\\\"events\\\"/{id}\"}},"
		"{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"200\"}}],"
		"\"links\":[]},"
		"{\"traceId\":\"" TRACE "\",\"spanId\":\"00f067aa0ba902b7\","
		"\"parentSpanId\":\"" SPAN "\",\"name\":\"process send-email\",\"kind\":5,"
		"\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"2000\",\"attributes\":["
		"{\"key\":\"error.type\",\"value\":{\"stringValue\":\"buried\"}}],"
		"\"links\":[{\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\"}],"
		"\"status\":{\"code\":2}}"
		"]}]}]}");
}
END_TEST

/* --- configuration
 * --------------------------------------------------------------------------------- */

static const struct {
	const char *text, *lines;
} headers[] = {
	{"authorization=Bearer%20abc", "authorization: Bearer abc|"},
	{"a=1, b=2%2c3", "a: 1|b: 2,3|"},
	{"a=", "a: |"},
	{"a=b=c", "a: b=c|"},
	{"a", NULL},
	{"=1", NULL},
	{"a b=1", NULL},
	{"a=1,b", NULL},
	{"a=%0d%0aX: y", NULL},
	{"a=%zz", NULL},
	{"a=\xc3\xa9", NULL},
	{"a=1,,", NULL},
	{"a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1", NULL},
};

START_TEST(test_headers)
{
	const char *const *lines = trace_headers(&arena, headers[_i].text);
	struct strbuf all;

	strbuf_init(&all, &arena);
	for (size_t i = 0; lines && lines[i]; i++)
		strbuf_addf(&all, "%s|", lines[i]);
	if (headers[_i].lines)
		ck_assert_str_eq(all.buf, headers[_i].lines);
	else
		ck_assert_ptr_null(lines);
}
END_TEST

static const struct {
	const char *ratio, *headers;
	const char *names; /* the variable at fault; NULL: none */
} configs[] = {
	{"1", NULL, NULL},
	{"0", "a=b", NULL},
	{"0.001", NULL, NULL},
	{"1.0", NULL, NULL},
	{"1.01", NULL, "OTEL_TRACES_SAMPLER_ARG"},
	{"-0.1", NULL, "OTEL_TRACES_SAMPLER_ARG"},
	{"nan", NULL, "OTEL_TRACES_SAMPLER_ARG"},
	{"0x1", NULL, "OTEL_TRACES_SAMPLER_ARG"},
	{".", NULL, "OTEL_TRACES_SAMPLER_ARG"},
	{"0.1.2", NULL, "OTEL_TRACES_SAMPLER_ARG"},
	{"1", "secret", "OTEL_EXPORTER_OTLP_HEADERS"},
};

START_TEST(test_configuration_is_checked)
{
	const struct trace_config config = {.sample_ratio = configs[_i].ratio,
					    .headers = configs[_i].headers};
	struct problem err = {0};
	enum status status = trace_check(&config, &err);

	ck_assert_int_eq(status, configs[_i].names ? ST_CONFIG : OK);
	ck_assert(!configs[_i].names || strstr(err.detail, configs[_i].names));
	ck_assert(!strstr(err.detail, "secret"));
}
END_TEST

/* --- the exporter
 * ---------------------------------------------------------------------------------- */

enum { WAIT_MS = 20000 };

static struct httpd *collector;
static _Atomic(int) answer_status;
static _Atomic(char *) last_body;
static _Atomic(int64_t) spans_taken, bytes_largest;
static _Atomic(bool) hangs, authorized;

static int64_t count_of(const char *text, const char *part)
{
	int64_t count = 0;

	while ((text = strstr(text, part))) {
		count++;
		text += strlen(part);
	}
	return count;
}

static void take(void *ctx, struct http_exchange *exchange)
{
	struct slice body = {"", 0};
	struct problem err = {0};
	const char *given = http_header(exchange, "Authorization");

	(void)ctx;
	if (http_read_body(exchange, 1 << 24, 5000, &body, &err)) {
		http_respond_problem(exchange, &err);
		return;
	}
	while (hangs)
		clock_sleep_ms(5);
	if (!strcmp(exchange->path, "/base/v1/traces") && answer_status == 200) {
		free(atomic_exchange(&last_body, strdup(body.at)));
		spans_taken += count_of(body.at, "\"spanId\"");
	}
	if ((int64_t)body.len > bytes_largest)
		bytes_largest = (int64_t)body.len;
	authorized = given && !strcmp(given, "Bearer abc");
	exchange->response.status = answer_status;
	exchange->response.content_type = "application/json";
	exchange->response.body = (struct slice){"{}", 2};
}

static void start_with(const char *ratio)
{
	static struct trace_config config;
	static char url[64];
	struct problem err = {0};

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/base", httpd_port(collector));
	config = (struct trace_config){
		.endpoint = url, .headers = "authorization=Bearer%20abc", .sample_ratio = ratio};
	ck_assert_int_eq(trace_start(&config, "test", &err), OK);
}

static void setup_collector(void)
{
	struct httpd_options options = {.address = "127.0.0.1",
					.threads = 4,
					.connection_queue = 8,
					.request_timeout_ms = 5000,
					.keep_alive_timeout_ms = 5000,
					.handler = take};
	struct problem err = {0};

	setup();
	answer_status = 200;
	log_init("test", LOG_ERROR);
	http_client_init();
	ck_assert_int_eq(httpd_start(&options, &collector, &err), OK);
	start_with("1");
}

static void teardown_collector(void)
{
	hangs = false;
	trace_stop();
	httpd_drain(collector, 1000);
	free(atomic_exchange(&last_body, NULL));
	teardown();
}

static void work(int count)
{
	for (int i = 0; i < count; i++) {
		struct trace_span span;

		trace_begin(&span, &arena, NULL);
		trace_end(&span, &(struct trace_report){
					 .kind = TRACE_SERVER, .verb = "GET", .object = "/x"});
		arena_reset(&arena);
	}
}

static int64_t metric(const char *outcome)
{
	CLEANUP(strbuf_release) struct strbuf text;
	char name[96];
	const char *at;

	strbuf_init(&text, NULL);
	metrics_render(&text);
	snprintf(name, sizeof(name), "trace_spans_total{outcome=\"%s\"} ", outcome);
	at = strstr(text.buf, name);
	return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static bool becomes(_Atomic(int64_t) *value, int64_t want)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	while (*value != want && clock_monotonic_us() < until)
		clock_sleep_ms(5);
	return *value == want;
}

START_TEST(test_spans_are_posted)
{
	work(3);
	ck_assert(becomes(&spans_taken, 3));
	ck_assert(authorized);
	work(TRACE_BATCH + 10);
	ck_assert(becomes(&spans_taken, 3 + TRACE_BATCH + 10));
	trace_stop();
	ck_assert_int_eq(metric("posted"), 3 + TRACE_BATCH + 10);
	ck_assert_int_eq(metric("dropped"), 0);
}
END_TEST

/* Over and over through the ring's end. */
START_TEST(test_what_waits_is_posted_at_the_end)
{
	for (int i = 0; i < 3; i++) {
		work(TRACE_RING / 2 + 100);
		ck_assert(becomes(&spans_taken, (i + 1) * (TRACE_RING / 2 + 100)));
	}
	work(100);
	trace_stop();
	ck_assert_int_eq(spans_taken, 3 * (TRACE_RING / 2 + 100) + 100);
	work(1); /* off again: nothing is recorded, nothing breaks */
	start_with("1");
	work(1);
	trace_stop();
	ck_assert_int_eq(spans_taken, 3 * (TRACE_RING / 2 + 100) + 101);
}
END_TEST

/* Nobody waits, what does not fit is dropped and counted, the end comes in time. */
START_TEST(test_a_collector_that_hangs)
{
	enum { SPANS = 3 * TRACE_RING };
	int64_t start_us = clock_monotonic_us(), took_us;

	hangs = true;
	work(SPANS);
	took_us = clock_monotonic_us() - start_us;
	ck_assert_int_ge(metric("dropped"), SPANS - TRACE_RING - 3 * TRACE_BATCH);
	ck_assert_msg(took_us < 2000000, "%lld us", (long long)took_us);
	start_us = clock_monotonic_us();
	trace_stop();
	took_us = clock_monotonic_us() - start_us;
	ck_assert_msg(took_us < 5000000, "%lld us", (long long)took_us);
	ck_assert_int_eq(metric("posted"), 0);
	ck_assert_int_eq(metric("dropped") + metric("failed"), SPANS);
}
END_TEST

START_TEST(test_a_collector_that_refuses_and_recovers)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	answer_status = 400;
	work(5);
	while (metric("failed") != 5 && clock_monotonic_us() < until)
		clock_sleep_ms(5);
	ck_assert_int_eq(metric("failed"), 5);
	answer_status = 200;
	work(2);
	ck_assert(becomes(&spans_taken, 2));
}
END_TEST

/* Too long for the record: cut between characters. */
START_TEST(test_long_texts_are_cut)
{
	const struct trace_attribute attributes[] = {
		{"a", times("é", 200), 0},
		{"nothing", NULL, 0},
		{"n", NULL, -1},
		{"x", "y", 0},
		{"x", "y", 0},
		{"x", "y", 0},
		{"x", "y", 0},
		{"x", "y", 0},
		{"x", "y", 0},
	};
	struct trace_span span;

	for (int i = 0; i < TRACE_BATCH; i++) {
		trace_begin(&span, &arena, GIVEN);
		trace_end(&span, &(struct trace_report){.kind = TRACE_CLIENT,
							.verb = times("v", 300),
							.object = times("o", 300),
							.error = times("é", 100),
							.attributes = attributes,
							.count = ARRAY_LEN(attributes)});
	}
	ck_assert(becomes(&spans_taken, TRACE_BATCH));
	ck_assert_int_lt(bytes_largest, TRACE_BATCH * 1500);
}
END_TEST

static int sampled_of(int count, const char *context)
{
	struct trace_span span;
	int sampled = 0;

	for (int i = 0; i < count; i++) {
		const char *own = trace_begin(&span, &arena, context);

		ck_assert_int_eq(span.recorded, own[TRACEPARENT_LEN - 1] == '1');
		sampled += span.recorded;
		arena_reset(&arena);
	}
	return sampled;
}

START_TEST(test_a_share_of_new_traces_is_sampled)
{
	ck_assert_int_eq(sampled_of(100, NULL), 100);
	trace_stop();
	start_with("0.25");
	ck_assert_int_gt(sampled_of(10000, NULL), 2200);
	ck_assert_int_lt(sampled_of(10000, NULL), 2800);
	ck_assert_int_eq(sampled_of(100, GIVEN), 100);
	ck_assert_int_eq(sampled_of(100, "00-" TRACE "-" SPAN "-00"), 0);
	trace_stop();
	start_with("0");
	ck_assert_int_eq(sampled_of(1000, NULL), 0);
	ck_assert_int_eq(sampled_of(100, GIVEN), 100);
}
END_TEST

/* A call is a span of its own, below its caller's; what it sends is its own context. */
START_TEST(test_a_call_is_a_span)
{
	struct trace_span span;
	struct http_answer answer;
	struct problem err = {0};
	char url[64];
	const char *context = trace_begin(&span, &arena, GIVEN);

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/other", httpd_port(collector));
	answer_status = 503;
	ck_assert_int_eq(http_call(&arena,
				   &(struct http_call){.method = "GET",
						       .url = url,
						       .traceparent = context,
						       .peer = "payment",
						       .timeout_ms = 5000,
						       .budget_ms = 5000,
						       .attempts = 2},
				   &answer, &err),
			 ST_UPSTREAM_DOWN);
	answer_status = 200;
	ck_assert(becomes(&spans_taken, 1));
	ck_assert_ptr_nonnull(strstr(last_body, "\"name\":\"GET payment\",\"kind\":3,"));
	ck_assert_ptr_nonnull(
		strstr(last_body, arena_printf(&arena, "\"parentSpanId\":\"%s\"", span.span_id)));
	ck_assert_ptr_nonnull(
		strstr(last_body, "\"http.request.resend_count\",\"value\":{\"intValue\":\"1\"}"));
	ck_assert_ptr_nonnull(
		strstr(last_body, "\"error.type\",\"value\":{\"stringValue\":\"503\"}"));
	ck_assert_ptr_null(strstr(last_body, "/other"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *contexts = tcase_create("contexts");
	TCase *exporter = tcase_create("exporter");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(contexts, setup, teardown);
	tcase_add_loop_test(contexts, test_traceparent, 0, (int)ARRAY_LEN(parents));
	tcase_add_loop_test(contexts, test_tracestate, 0, (int)ARRAY_LEN(states));
	tcase_add_test(contexts, test_tracestate_is_bounded);
	tcase_add_test(contexts, test_a_span_hands_its_own_context_on);
	tcase_add_test(contexts, test_without_a_context_a_trace_begins);
	tcase_add_test(contexts, test_children_of_a_new_trace_have_no_parent);
	tcase_add_test(contexts, test_the_document_is_otlp);
	tcase_add_loop_test(contexts, test_headers, 0, (int)ARRAY_LEN(headers));
	tcase_add_loop_test(contexts, test_configuration_is_checked, 0, (int)ARRAY_LEN(configs));
	suite_add_tcase(suite, contexts);
	tcase_add_checked_fixture(exporter, setup_collector, teardown_collector);
	tcase_set_timeout(exporter, 60);
	tcase_add_test(exporter, test_spans_are_posted);
	tcase_add_test(exporter, test_what_waits_is_posted_at_the_end);
	tcase_add_test(exporter, test_a_collector_that_hangs);
	tcase_add_test(exporter, test_a_collector_that_refuses_and_recovers);
	tcase_add_test(exporter, test_long_texts_are_cut);
	tcase_add_test(exporter, test_a_share_of_new_traces_is_sampled);
	tcase_add_test(exporter, test_a_call_is_a_span);
	suite_add_tcase(suite, exporter);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
