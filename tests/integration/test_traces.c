/*
 * Traces through the suite as a collector sees them: who is whose child, what is in a span and what
 * never is; and that a collector that hangs is nobody's trouble.
 */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define REGISTRATION "POST /api/events/{event}/guests"
#define SECRET "what only the collector knows"

enum { WAIT_MS = 30000, SPANS_MAX = 1024, SENDERS = 8, POST_MS = 2000 };

static void start_programs(void)
{
	suite_set("AUTH_VALIDATION", "remote");
	suite_start(SUITE_API);
	suite_start(SUITE_TICKETS);
	suite_start(SUITE_EMAIL);
}

/* The platform is the collector too: the programs learn where once it is up. */
static void begin(void)
{
	suite_begin(SUITE_PLATFORM);
	suite_set("OTEL_EXPORTER_OTLP_ENDPOINT", suite_platform());
	suite_set("OTEL_EXPORTER_OTLP_HEADERS",
		  "authorization=what%20only%20the%20collector%20knows");
	start_programs();
}

static void begin_without_collector(void)
{
	suite_begin(SUITE_PLATFORM);
	start_programs();
}

static void end(void)
{
	suite_end();
}

/* --- what the collector got ----------------------------------------------------------------------
 */

struct seen {
	const char *service, *name, *trace, *span, *parent, *link;
	int64_t kind, from_ns, to_ns;
	bool failed;
	const char *path; /* in the reply, for more */
};

static struct seen seen[SPANS_MAX];
static size_t seen_count;
static struct reply *posts;

static int64_t number_at(const char *path)
{
	return strtoll(reply_text(posts, path), NULL, 10);
}

static void look_at(const char *path, const char *service)
{
	ck_assert_uint_lt(seen_count, SPANS_MAX);
	seen[seen_count++] = (struct seen){
		.service = service,
		.name = reply_text(posts, text("%s.name", path)),
		.trace = reply_text(posts, text("%s.traceId", path)),
		.span = reply_text(posts, text("%s.spanId", path)),
		.parent = reply_text(posts, text("%s.parentSpanId", path)),
		.link = reply_text(posts, text("%s.links.0.spanId", path)),
		.kind = reply_int(posts, text("%s.kind", path)),
		.from_ns = number_at(text("%s.startTimeUnixNano", path)),
		.to_ns = number_at(text("%s.endTimeUnixNano", path)),
		.failed = reply_int(posts, text("%s.status.code", path)) == 2,
		.path = path,
	};
}

static void look(void)
{
	posts = platform_calls("collector");
	seen_count = 0;
	for (int i = 0; i < reply_count(posts, "data"); i++) {
		const char *maker = text("data.%d.body.resourceSpans.0", i);
		const char *spans = text("%s.scopeSpans.0.spans", maker);
		const char *service = reply_text(
			posts, text("%s.resource.attributes.0.value.stringValue", maker));

		for (int j = 0; j < reply_count(posts, spans); j++)
			look_at(text("%s.%d", spans, j), service);
	}
}

/* The only span of that name, of any trace when `trace` is NULL; NULL: none. */
static const struct seen *find(const char *trace, const char *name)
{
	const struct seen *found = NULL;

	for (size_t i = 0; i < seen_count; i++) {
		if (strcmp(seen[i].name, name) != 0 || (trace && strcmp(seen[i].trace, trace) != 0))
			continue;
		ck_assert_msg(!found, "two spans %s", name);
		found = &seen[i];
	}
	return found;
}

static const struct seen *await(const char *trace, const char *name)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	for (;;) {
		look();
		const struct seen *found = find(trace, name);

		if (found)
			return found;
		ck_assert_msg(clock_monotonic_us() < until, "no span %s", name);
		clock_sleep_ms(50);
	}
}

/* An attribute as text, whatever its type; NULL: it has none of that name. */
static const char *attribute(const struct seen *span, const char *key)
{
	for (int i = 0; i < reply_count(posts, text("%s.attributes", span->path)); i++) {
		const char *at = text("%s.attributes.%d", span->path, i);
		const char *value = reply_text(posts, text("%s.value.stringValue", at));

		if (!strcmp(reply_text(posts, text("%s.key", at)), key))
			return value ? value : reply_text(posts, text("%s.value.intValue", at));
	}
	return NULL;
}

static size_t spans_of(const char *trace)
{
	size_t count = 0;

	for (size_t i = 0; i < seen_count; i++)
		count += !strcmp(seen[i].trace, trace);
	return count;
}

static void assert_child(const struct seen *child, const struct seen *parent)
{
	ck_assert_ptr_nonnull(child);
	ck_assert_str_eq(child->trace, parent->trace);
	ck_assert_str_eq(child->parent, parent->span);
	ck_assert_int_le(child->from_ns, child->to_ns);
}

static bool log_says(enum suite_part part, const char *words)
{
	return system(text("grep -aqF '%s' '%s'", words, suite_log(part))) == 0;
}

/* --- dialogues
 * ------------------------------------------------------------------------------------- */

static struct reply *register_in(const struct shop *shop, const char *traceparent)
{
	const char *const headers[] = {traceparent, "tracestate: vendor=opaque, other=1", NULL};

	return api_send("POST", token_user(),
			text("/api/events/%lld/guests", (long long)shop->event_id),
			text("{\"firstName\":\"Canary\",\"lastName\":\"Guest\",\"email\":"
			     "\"canary@example.com\",\"ticketTypeId\":%lld}",
			     (long long)shop->type_id),
			headers);
}

/* Once the mail is out the whole trace is through. */
static struct reply *await_mail(void)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;
	struct reply *calls = platform_calls("notification");

	while (reply_count(calls, "data") == 0 && clock_monotonic_us() < until) {
		clock_sleep_ms(50);
		calls = platform_calls("notification");
	}
	ck_assert_int_eq(reply_count(calls, "data"), 1);
	return calls;
}

START_TEST(one_registration_is_one_tree)
{
	struct shop shop = shop_open(10, "0", 10);
	const struct seen *root, *ticket, *mail, *call;
	struct reply *mails;

	ck_assert_int_eq(shop_register(&shop, token_user(), "guest")->status, 201);
	mails = await_mail();
	await(NULL, "process send-email");
	await(NULL, "POST notification");
	await(NULL, "process generate-ticket-pdf");
	root = await(NULL, REGISTRATION);
	ticket = find(NULL, "process generate-ticket-pdf");
	mail = find(NULL, "process send-email");
	call = find(NULL, "POST notification");

	ck_assert_ptr_null(root->parent);
	assert_child(find(root->trace, "GET auth"), root);
	assert_child(ticket, root);
	assert_child(mail, ticket);
	assert_child(call, mail);
	ck_assert_uint_eq(spans_of(root->trace), 5);
	ck_assert_str_eq(root->service, "core-api");
	ck_assert_str_eq(ticket->service, "worker-tickets");
	ck_assert_str_eq(mail->service, "worker-email");
	ck_assert_str_eq(ticket->link, root->span);
	ck_assert_str_eq(mail->link, ticket->span);
	ck_assert_int_eq(root->kind, 2);
	ck_assert_int_eq(mail->kind, 5);
	ck_assert_int_eq(call->kind, 3);
	ck_assert(!root->failed && !ticket->failed && !mail->failed && !call->failed);
	ck_assert_int_le(mail->from_ns, call->from_ns);
	ck_assert_int_le(call->to_ns, mail->to_ns);
	ck_assert_str_eq(reply_text(mails, "data.0.headers.traceparent"),
			 text("00-%s-%s-01", call->trace, call->span));

	ck_assert_str_eq(attribute(root, "http.request.method"), "POST");
	ck_assert_str_eq(attribute(root, "http.route"), "/api/events/{event}/guests");
	ck_assert_str_eq(attribute(root, "url.path"),
			 text("/api/events/%lld/guests", (long long)shop.event_id));
	ck_assert_str_eq(attribute(root, "http.response.status_code"), "201");
	ck_assert_str_eq(attribute(call, "peer.service"), "notification");
	ck_assert_str_eq(attribute(call, "server.address"), "127.0.0.1");
	ck_assert_str_eq(attribute(call, "http.response.status_code"), "202");
	ck_assert_str_eq(attribute(mail, "messaging.destination.name"), "send-email");
	ck_assert_str_eq(attribute(mail, "messaging.message.id"),
			 reply_text(mails, "data.0.headers.idempotency-key"));

	ck_assert(log_says(SUITE_API, text("\"trace_id\":\"%s\",\"span_id\":\"%s\"", root->trace,
					   root->span)));
	ck_assert(log_says(SUITE_TICKETS, text("\"trace_id\":\"%s\",\"span_id\":\"%s\"",
					       root->trace, ticket->span)));
	ck_assert(log_says(SUITE_EMAIL, text("\"trace_id\":\"%s\",\"span_id\":\"%s\"", root->trace,
					     mail->span)));
}
END_TEST

START_TEST(a_callers_trace_goes_on)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *mails;
	const struct seen *root;

	ck_assert_int_eq(register_in(&shop, "traceparent: 00-" TRACE "-" SPAN "-01")->status, 201);
	mails = await_mail();
	root = await(TRACE, REGISTRATION);
	ck_assert_str_eq(root->parent, SPAN);
	ck_assert_str_ne(root->span, SPAN);
	assert_child(find(TRACE, "GET auth"), root);
	await(TRACE, "process send-email");
	ck_assert_int_eq(strncmp(reply_text(mails, "data.0.headers.traceparent"), "00-" TRACE, 35),
			 0);
	ck_assert_str_eq(reply_text(mails, "data.0.headers.tracestate"), "vendor=opaque,other=1");
}
END_TEST

/* The caller's choice holds in every program; his trace goes on all the same. */
START_TEST(a_trace_that_is_not_sampled_is_not_recorded)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *mails;

	ck_assert_int_eq(register_in(&shop, "traceparent: 00-" TRACE "-" SPAN "-00")->status, 201);
	mails = await_mail();
	ck_assert_int_eq(strncmp(reply_text(mails, "data.0.headers.traceparent"), "00-" TRACE, 35),
			 0);
	ck_assert_str_eq(reply_text(mails, "data.0.headers.traceparent") + 52, "-00");
	/* What was made before is posted by the end of each program. */
	ck_assert_int_eq(suite_stop(SUITE_EMAIL), 0);
	ck_assert_int_eq(suite_stop(SUITE_TICKETS), 0);
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	look();
	ck_assert_ptr_nonnull(find(NULL, "POST /api/events"));
	ck_assert_uint_eq(spans_of(TRACE), 0);
}
END_TEST

START_TEST(an_invalid_context_begins_a_new_trace)
{
	struct shop shop = shop_open(10, "0", 10);
	const struct seen *root;
	struct reply *mails;

	ck_assert_int_eq(
		register_in(&shop, "traceparent: 00-" TRACE "-0000000000000000-01")->status, 201);
	mails = await_mail();
	root = await(NULL, REGISTRATION);
	ck_assert_ptr_null(root->parent);
	ck_assert_str_ne(root->trace, TRACE);
	ck_assert_ptr_null(reply_text(mails, "data.0.headers.tracestate"));
}
END_TEST

/* The call of a request is its child; one of the sweeper, which nobody asked for, is nobody's. */
START_TEST(calls_to_the_payment_service)
{
	struct shop shop = shop_open(10, "20", 10);
	struct reply *guest = shop_register(&shop, token_user(), "guest");
	const struct seen *root, *call;
	struct reply *calls;

	ck_assert_int_eq(guest->status, 201);
	root = await(NULL, REGISTRATION);
	call = find(NULL, "POST payment");
	assert_child(call, root);
	calls = platform_calls("payment");
	ck_assert_str_eq(reply_text(calls, "data.0.headers.traceparent"),
			 text("00-%s-%s-01", call->trace, call->span));

	ck_assert_int_eq(
		api_post(token_user(),
			 text("/api/events/%lld/guests/%lld/cancel", (long long)shop.event_id,
			      (long long)reply_int(guest, "data.id")),
			 NULL)
			->status,
		200);
	for (int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;;) {
		const struct seen *other = NULL;

		look();
		for (size_t i = 0; i < seen_count; i++)
			if (!strcmp(seen[i].name, "POST payment") && !seen[i].parent)
				other = &seen[i];
		if (other)
			break;
		ck_assert(clock_monotonic_us() < until);
		clock_sleep_ms(50);
	}
}
END_TEST

/* A failure of the other side and one of our own. */
START_TEST(failures_are_told)
{
	struct shop shop = shop_open(10, "20", 10);
	const struct seen *root, *call;

	platform_script("{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":500}");
	ck_assert_int_eq(shop_register(&shop, token_user(), "guest")->status, 503);
	root = await(NULL, REGISTRATION);
	ck_assert(root->failed);
	ck_assert_str_eq(attribute(root, "error.type"), "payment-unavailable");
	call = find(root->trace, "POST payment");
	assert_child(call, root);
	ck_assert(call->failed);
	ck_assert_str_eq(attribute(call, "error.type"), "500");
}
END_TEST

/* Secrets and personal data in every place where one can come in. */
START_TEST(nothing_private_is_in_a_span)
{
	static const char *const never[] = {"anary", "example.com", "Guest", SECRET, "Number"};
	static const char *const headers[] = {"traceparent: 00-" TRACE "-" SPAN "-01",
					      "User-Agent: canary",
					      "X-Request-Id: canary",
					      "X-Service-Token: canary",
					      "Idempotency-Key: canary",
					      NULL};
	struct shop shop = shop_open(10, "0", 10);

	ck_assert_int_eq(register_in(&shop, "traceparent: 00-" TRACE "-" SPAN "-01")->status, 201);
	api_send("GET", token_user(), "/api/tickets/1/pdf?token=canary", NULL, headers);
	api_send("GET", "canary", "/api/events/1?token=canary", NULL, headers);
	api_send("GET", NULL, "/problems/canary", NULL, headers);
	api_send("GET", NULL, "/canary/canary@example.com", NULL, headers);
	api_send("CANARY", NULL, "/api/events", NULL, headers);
	await_mail();
	await(TRACE, "process send-email");
	await(TRACE, "POST notification");
	await(TRACE, "GET /problems/{slug}");
	await(TRACE, "GET");
	ck_assert_str_eq(reply_text(posts, "data.0.headers.authorization"), SECRET);
	for (int i = 0; i < reply_count(posts, "data"); i++) {
		const char *body = reply_text(posts, text("data.%d.text", i));

		for (size_t j = 0; j < ARRAY_LEN(never); j++)
			ck_assert_msg(!strstr(body, never[j]), "%s in %s", never[j], body);
		ck_assert_ptr_null(strstr(body, suite_service_token));
	}
}
END_TEST

START_TEST(probes_begin_no_trace)
{
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 200);
	ck_assert_int_eq(api_get(NULL, "/api/events")->status, 200);
	await(NULL, "GET /api/events");
	ck_assert_ptr_null(find(NULL, "GET /health/ready"));
}
END_TEST

/* --- a collector that hangs
 * ------------------------------------------------------------------------ */

static _Atomic(bool) enough;
static _Atomic(int64_t) slowest_us, sent;

static int64_t dropped(void)
{
	static const char name[] = "trace_spans_total{outcome=\"dropped\"} ";
	struct reply *metrics =
		say(&(struct saying){.method = "GET", .url = text("%s/metrics", suite_metrics())});
	const char *at = strstr(metrics->body, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static void ask_on(void *ctx, size_t i)
{
	(void)ctx;
	(void)i;
	while (!enough) {
		int64_t start_us = clock_monotonic_us();
		struct reply *reply = api_get(NULL, "/api/events?limit=1");
		int64_t took_us = clock_monotonic_us() - start_us;

		ck_assert_int_eq(reply->status, 200);
		reply_free(reply);
		sent++;
		for (int64_t seen_us = slowest_us;
		     took_us > seen_us &&
		     !atomic_compare_exchange_weak(&slowest_us, &seen_us, took_us);)
			;
	}
}

static void ask_until_dropped(void *ctx, size_t i)
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	if (i > 0) {
		ask_on(ctx, i);
		return;
	}
	while (dropped() < 500 && clock_monotonic_us() < until)
		clock_sleep_ms(100);
	enough = true;
}

START_TEST(a_collector_that_hangs_holds_nobody_up)
{
	int64_t start_us;

	platform_script("{\"service\":\"collector\",\"behaviour\":\"hang\"}");
	crowd(SENDERS, ask_until_dropped, NULL);
	ck_assert_int_ge(dropped(), 500);
	ck_assert_msg(slowest_us < (POST_MS - 100) * US_PER_MS, "slowest %lld us of %lld requests",
		      (long long)slowest_us, (long long)sent);
	start_us = clock_monotonic_us();
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 10 * US_PER_S);
}
END_TEST

/* --- off
 * ------------------------------------------------------------------------------------------- */

START_TEST(without_a_collector_traces_go_on_unrecorded)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *mails, *metrics;

	ck_assert_int_eq(shop_register(&shop, token_user(), "guest")->status, 201);
	mails = await_mail();
	ck_assert_str_eq(reply_text(mails, "data.0.headers.traceparent") + 52, "-00");
	ck_assert(log_says(SUITE_API, text("\"trace_id\":\"%.32s\"",
					   reply_text(mails, "data.0.headers.traceparent") + 3)));
	metrics =
		say(&(struct saying){.method = "GET", .url = text("%s/metrics", suite_metrics())});
	ck_assert_ptr_null(strstr(metrics->body, "trace_spans"));
	ck_assert_int_eq(reply_count(platform_calls("collector"), "data"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("traces");
	TCase *on = tcase_create("on");
	TCase *off = tcase_create("off");
	SRunner *runner;
	int failed;

	servers_start();
	http_client_init();
	tcase_add_checked_fixture(on, begin, end);
	tcase_set_timeout(on, 120);
	tcase_add_test(on, one_registration_is_one_tree);
	tcase_add_test(on, a_callers_trace_goes_on);
	tcase_add_test(on, a_trace_that_is_not_sampled_is_not_recorded);
	tcase_add_test(on, an_invalid_context_begins_a_new_trace);
	tcase_add_test(on, calls_to_the_payment_service);
	tcase_add_test(on, failures_are_told);
	tcase_add_test(on, nothing_private_is_in_a_span);
	tcase_add_test(on, probes_begin_no_trace);
	tcase_add_test(on, a_collector_that_hangs_holds_nobody_up);
	suite_add_tcase(suite, on);
	tcase_add_checked_fixture(off, begin_without_collector, end);
	tcase_set_timeout(off, 120);
	tcase_add_test(off, without_a_collector_traces_go_on_unrecorded);
	suite_add_tcase(suite, off);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
