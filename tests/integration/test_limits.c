/*
 * Rate limits: exact at the edge, shared by processes, by this process alone while Redis is away,
 * and what of it a client sees.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { LONG_MS = 20000, WINDOW_S = 60 };

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static void begin(void)
{
	/* So long that no question is given up on a slow machine. */
	suite_set("RATE_LIMIT_WAIT_MS", "1000");
	suite_begin(SUITE_PLATFORM);
}

static void start_with(const char *limit, const char *count)
{
	suite_set(limit, count);
	suite_start(SUITE_API);
}

static void end(void)
{
	suite_end();
}

static int64_t monotonic_ms(void)
{
	return clock_monotonic_us() / US_PER_MS;
}

/* How many of a budget may have been granted in this time: it comes back evenly. */
static void assert_granted(int granted, int budget, int64_t took_ms)
{
	int64_t back = took_ms * budget / (WINDOW_S * 1000);

	ck_assert_msg(granted >= budget && granted <= budget + back + 1,
		      "%d granted of %d in %lld ms", granted, budget, (long long)took_ms);
	if (took_ms * budget < WINDOW_S * 1000)
		ck_assert_int_eq(granted, budget);
}

static double metric(const char *line)
{
	struct reply *reply =
		say(&(struct saying){.method = "GET", .url = text("%s/metrics", suite_metrics())});
	const char *at = strstr(reply->body, text("\n%s", line));

	return at ? strtod(at + 1 + strlen(line), NULL) : -1;
}

static void assert_header(const struct reply *reply, const char *name, const char *value)
{
	const char *have = reply_header(reply, name);

	ck_assert_msg(have && !strcmp(have, value), "%s: %s, not %s", name, have, value);
}

/* --- what a client sees ----------------------------------------------------------------------- */

START_TEST(off_unless_configured)
{
	suite_start(SUITE_API);
	for (int i = 0; i < 50; i++) {
		struct reply *reply = must(api_get(token_user(), "/api/events"), 200);

		ck_assert_ptr_null(reply_header(reply, "RateLimit"));
		ck_assert_ptr_null(reply_header(reply, "RateLimit-Policy"));
	}
	ck_assert(metric("rate_limited_total") < 0);
}
END_TEST

START_TEST(exact_at_the_edge)
{
	struct reply *refused = NULL, *reply = NULL;
	int granted = 0;

	start_with("RATE_LIMIT_CALLER", "20");
	int64_t begun = monotonic_ms();
	for (int i = 0; i < 30; i++) {
		reply = api_get(token_user(), "/api/events");
		granted += reply->status == 200;
		if (reply->status != 200)
			refused = must(reply, 429);
	}
	assert_granted(granted, 20, monotonic_ms() - begun);
	ck_assert_str_eq(reply_slug(refused), "too-many-requests");
	ck_assert_str_eq(reply_text(refused, "detail"), "More than 20 a minute: caller");
	int wait_s = atoi(reply_header(refused, "Retry-After"));
	ck_assert_msg(wait_s >= 1 && wait_s <= 3, "Retry-After: %d", wait_s);
	assert_header(refused, "RateLimit-Policy", "\"caller\";q=20;w=60");
	/* Others are not concerned, and nor is who asked, after a while. */
	must(api_get(token_organizer(), "/api/events"), 200);
	must(api_get(NULL, "/api/events"), 200);
	ck_assert(metric("rate_limited_total{policy=\"caller\"} ") >= 9);
	ck_assert(metric("rate_limit_local_total ") == 0);
	for (int64_t until = monotonic_ms() + LONG_MS; monotonic_ms() < until;) {
		reply = api_get(token_user(), "/api/events");
		if (reply->status == 200)
			break;
		clock_sleep_ms(100);
	}
	must(reply, 200);
}
END_TEST

START_TEST(header_values)
{
	suite_set("RATE_LIMIT_CALLER", "100");
	suite_set("RATE_LIMIT_REGISTRATION", "10");
	suite_set("RATE_LIMIT_ADDRESS", "50");
	suite_start(SUITE_API);
	struct shop shop = shop_open(10, "0", 10);
	struct reply *reply = must(shop_register(&shop, token_user(), "zoe"), 201);

	assert_header(reply, "RateLimit-Policy",
		      "\"caller\";q=100;w=60, \"registration\";q=10;w=60");
	assert_header(reply, "RateLimit", "\"caller\";r=99;t=1, \"registration\";r=9;t=6");
	/* A refusal for another reason counts and tells, too; a page for everybody as well. */
	reply = must(shop_register(&shop, token_user(), "zoe"), 409);
	ck_assert_ptr_nonnull(strstr(reply_header(reply, "RateLimit"), "\"registration\";r=8;t="));
	reply = must(api_get(NULL, "/problems/too-many-requests"), 200);
	assert_header(reply, "RateLimit-Policy", "\"address\";q=50;w=60");
	assert_header(reply, "RateLimit", "\"address\";r=49;t=2");
	reply = must(api_send("HEAD", NULL, "/api/events", NULL, NULL), 200);
	assert_header(reply, "RateLimit-Policy", "\"address\";q=50;w=60");
	/* Nothing of an answer that is kept is out of date when it is given again. */
	const char *key[] = {"Idempotency-Key: once", NULL};
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);
	const char *body =
		text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"b@example.com\","
		     "\"ticketTypeId\":%lld}",
		     (long long)shop.type_id);
	reply = must(api_send("POST", token_organizer(), path, body, key), 201);
	ck_assert_ptr_nonnull(strstr(reply_header(reply, "RateLimit"), "\"registration\";r=9;"));
	reply = must(api_send("POST", token_organizer(), path, body, key), 201);
	assert_header(reply, "Idempotent-Replayed", "true");
	ck_assert_ptr_nonnull(strstr(reply_header(reply, "RateLimit"), "\"registration\";r=8;"));
}
END_TEST

/* --- where in the order of checks ------------------------------------------------------------- */

START_TEST(order_of_checks)
{
	suite_set("RATE_LIMIT_ADDRESS", "3");
	start_with("RATE_LIMIT_CALLER", "4");
	/* What no route knows costs nothing and is not counted; nor are probes and services. */
	for (int i = 0; i < 10; i++) {
		must(api_get(NULL, "/api/nothing"), 404);
		must(api_delete(NULL, "/api/events"), 405);
		must(api_get(NULL, "/health/live"), 200);
		must(api_post(NULL, "/api/payments/webhook", "{}"), 401);
		must(api_send("POST", NULL, "/api/internal/statistics/aggregate", NULL,
			      (const char *const[]){
				      text("X-Service-Token: %s", suite_service_token), NULL}),
		     200);
	}
	/* Bad tokens count for their address, as who brings none. */
	must(api_get("bad", "/api/events"), 401);
	must(api_get(NULL, "/api/events"), 200);
	must(api_get("bad", "/api/events/1/guests"), 401);
	must(api_get("bad", "/api/events"), 429);
	must(api_get(NULL, "/api/events"), 429);
	must(api_post(NULL, "/api/events", "{}"), 429);
	/* Before visibility, rights, and the body. */
	for (int i = 0; i < 4; i++)
		must(api_get(token_user(), "/api/events/%d", 1 + i), 404);
	must(api_get(token_user(), "/api/events/1"), 429);
	must(api_post(token_user(), "/api/events", "{"), 429);
	must(api_send("POST", token_user(), "/api/events", "x",
		      (const char *const[]){"Content-Type: text/plain", NULL}),
	     429);
	/* Budgets are apart. */
	must(api_get(token_organizer(), "/api/events"), 200);
}
END_TEST

/* --- the door --------------------------------------------------------------------------------- */

static struct reply *scan(const char *token, const char *code)
{
	return api_post(token, "/api/tickets/validate", "{\"ticketCode\":\"%s\"}", code);
}

START_TEST(guessing_codes)
{
	start_with("RATE_LIMIT_MISSES", "5");
	struct shop shop = shop_open(10, "0", 10);
	const char *codes[3];

	for (int i = 0; i < 3; i++)
		codes[i] = reply_text(
			must(shop_register(&shop, token_user(), text("guest%d", i)), 201),
			"data.ticket.ticketCode");
	/* Good codes are no misses, not even the second time. */
	for (int i = 0; i < 8; i++)
		must(scan(token_organizer(), codes[0]), i ? 409 : 200);
	for (int i = 0; i < 5; i++) {
		struct reply *reply =
			i % 2 ? must(api_post(token_organizer(), "/api/tickets/validate",
					      "{\"qrCode\":\"NO%d\"}", i),
				     422)
			      : must(scan(token_organizer(), text("EVT-GUESS-%d", i)), 404);

		ck_assert_msg(
			strstr(reply_header(reply, "RateLimit"), text("\"misses\";r=%d;t=", 4 - i)),
			"%s", reply_header(reply, "RateLimit"));
	}
	/* Then nothing is told any more, neither of a bad code nor of a good one. */
	must(scan(token_organizer(), "EVT-GUESS-9"), 429);
	struct reply *reply = must(scan(token_organizer(), codes[1]), 429);
	ck_assert_int_le(atoi(reply_header(reply, "Retry-After")), 12);
	/* Who else stands at the door goes on. */
	must(scan(token_admin(), codes[2]), 200);
	must(api_get(token_organizer(), "/api/events"), 200);
	ck_assert(metric("rate_limited_total{policy=\"misses\"} ") == 2);
}
END_TEST

START_TEST(tighter_at_the_door)
{
	suite_set("RATE_LIMIT_CALLER", "50");
	start_with("RATE_LIMIT_VALIDATE", "6");
	int granted = 0;
	int64_t begun = monotonic_ms();

	for (int i = 0; i < 9; i++)
		granted += scan(token_organizer(), "EVT-NONE")->status == 404;
	assert_granted(granted, 6, monotonic_ms() - begun);
	/* What the narrow limit refused is not charged to the wide one. */
	struct reply *reply = must(api_get(token_organizer(), "/api/events"), 200);
	const char *left = reply_header(reply, "RateLimit");
	ck_assert_msg(atoi(strstr(left, "r=") + 2) >= 50 - granted - 1, "%s", left);
}
END_TEST

/* --- several processes, and Redis ------------------------------------------------------------- */

enum { MEMBERS = 8, EACH = 30, SHARED = 40 };
static _Atomic int granted_in_all;

static void ask_often(void *ctx, size_t i)
{
	(void)ctx;
	for (int n = 0; n < EACH; n++) {
		enum suite_part api = n % 2 ? SUITE_API : suite_nth(SUITE_API, 1);
		struct reply *reply = say(&(struct saying){
			.method = "GET",
			.url = text("%s/api/events?limit=%zu", suite_api_of(api), i + 1),
			.token = token_user()});

		ck_assert_msg(reply->status == 200 || reply->status == 429, "%d", reply->status);
		granted_in_all += reply->status == 200;
	}
}

START_TEST(processes_share)
{
	start_with("RATE_LIMIT_CALLER", text("%d", SHARED));
	suite_start(suite_nth(SUITE_API, 1));
	int64_t begun = monotonic_ms();

	crowd(MEMBERS, ask_often, NULL);
	assert_granted(granted_in_all, SHARED, monotonic_ms() - begun);
}
END_TEST

static int granted_of(int tries)
{
	int granted = 0;

	for (int i = 0; i < tries; i++)
		granted += api_get(token_user(), "/api/events")->status == 200;
	return granted;
}

START_TEST(redis_is_killed)
{
	start_with("RATE_LIMIT_CALLER", "10");
	int64_t begun = monotonic_ms(), user = 1000;
	assert_granted(granted_of(15), 10, monotonic_ms() - begun);
	servers_halt(SERVER_REDIS, SIGKILL);
	/* A budget of this process alone, as large. */
	begun = monotonic_ms();
	assert_granted(granted_of(15), 10, monotonic_ms() - begun);
	ck_assert_int_lt(monotonic_ms() - begun, 5000);
	double alone = metric("rate_limit_local_total ");
	ck_assert(alone >= 15);
	/* And again that of all. */
	servers_resume(SERVER_REDIS);
	for (int64_t until = monotonic_ms() + LONG_MS; monotonic_ms() < until;) {
		alone = metric("rate_limit_local_total ");
		must(api_get(token_of(user++, "user"), "/api/events"), 200);
		if (metric("rate_limit_local_total ") == alone)
			break;
		clock_sleep_ms(50);
	}
	ck_assert(metric("rate_limit_local_total ") == alone);
}
END_TEST

/* Redis that answers nobody for a while: no request waits for it much longer than it may. */
START_TEST(redis_stands_still)
{
	suite_set("RATE_LIMIT_WAIT_MS", "20");
	start_with("RATE_LIMIT_CALLER", "1000");
	must(api_get(token_user(), "/api/events"), 200);
	ck_assert_int_eq(system(text("redis-cli -u %s client pause 5000 all >/dev/null",
				     servers_redis_url())),
			 0);
	int64_t begun = monotonic_ms();
	for (int i = 0; i < 100; i++)
		must(api_get(token_user(), "/api/events"), 200);
	ck_assert_int_lt(monotonic_ms() - begun, 4000);
	ck_assert(metric("rate_limit_local_total ") >= 90);
}
END_TEST

/* --- behind proxies --------------------------------------------------------------------------- */

static int status_from(const char *forwarded, const char *second)
{
	const char *const headers[] = {text("X-Forwarded-For: %s", forwarded),
				       second ? text("X-Forwarded-For: %s", second) : NULL, NULL};

	return api_send("GET", NULL, "/api/events", NULL, headers)->status;
}

/* As where requests for the list of events came from; with `wait`, lines may be on their way. */
static bool is_logged(const char *address, bool wait)
{
	int64_t until = monotonic_ms() + (wait ? LONG_MS : 0);
	const char *command = text("grep -aqs '\"url\":\"/api/events\".*\"ip\":\"%s\"' '%s'",
				   address, suite_log(SUITE_API));

	while (system(command) != 0) {
		if (monotonic_ms() >= until)
			return false;
		clock_sleep_ms(20);
	}
	return true;
}

START_TEST(behind_a_proxy)
{
	suite_set("TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.1");
	start_with("RATE_LIMIT_ADDRESS", "2");
	ck_assert_int_eq(status_from("203.0.113.1", NULL), 200);
	ck_assert_int_eq(status_from("1.1.1.1, 203.0.113.1", NULL), 200);
	/* Whatever is written before it, in whatever line. */
	ck_assert_int_eq(status_from("2.2.2.2, 203.0.113.1", NULL), 429);
	ck_assert_int_eq(status_from("3.3.3.3", "203.0.113.1"), 429);
	ck_assert_int_eq(status_from("203.0.113.1, 10.0.0.1", NULL), 429);
	ck_assert_int_eq(status_from("203.0.113.1", "203.0.113.2"), 200);
	ck_assert_int_eq(status_from("203.0.113.3", NULL), 200);
	ck_assert(is_logged("203.0.113.3", true));
	ck_assert(!is_logged("127.0.0.1", false));
}
END_TEST

START_TEST(no_proxy_is_trusted)
{
	start_with("RATE_LIMIT_ADDRESS", "2");
	ck_assert_int_eq(status_from("203.0.113.1", NULL), 200);
	ck_assert_int_eq(status_from("203.0.113.2", NULL), 200);
	ck_assert_int_eq(status_from("203.0.113.3", NULL), 429);
	ck_assert(is_logged("127.0.0.1", true));
	ck_assert(!is_logged("203.0.113.3", false));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limits");
	TCase *cases = tcase_create("limits");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start_private();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 90);
	tcase_add_test(cases, off_unless_configured);
	tcase_add_test(cases, exact_at_the_edge);
	tcase_add_test(cases, header_values);
	tcase_add_test(cases, order_of_checks);
	tcase_add_test(cases, guessing_codes);
	tcase_add_test(cases, tighter_at_the_door);
	tcase_add_test(cases, processes_share);
	tcase_add_test(cases, redis_is_killed);
	tcase_add_test(cases, redis_stands_still);
	tcase_add_test(cases, behind_a_proxy);
	tcase_add_test(cases, no_proxy_is_trusted);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
