/*
 * The process of core-api: health, readiness, metrics, log lines, remote validation, drain.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static struct reply *metrics(void)
{
	return say(&(struct saying){.method = "GET", .url = text("%s/metrics", suite_metrics())});
}

START_TEST(test_health_when_all_is_well)
{
	static const char *const checks[] = {"database", "redis", "auth", "notification",
					     "payment"};
	struct reply *reply = api_get(NULL, "/health");

	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_eq(reply_text(reply, "status"), "healthy");
	ck_assert_str_eq(reply_text(reply, "service"), "core-service");
	ck_assert(reply_has(reply, "timestamp") && reply_has(reply, "version"));
	ck_assert_int_ge(reply_int(reply, "uptime"), 0);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		ck_assert_str_eq(reply_text(reply, text("checks.%s.status", checks[i])), "healthy");
		ck_assert(reply_has(reply, text("checks.%s.responseTime", checks[i])));
		ck_assert(reply_has(reply, text("checks.%s.details", checks[i])));
		ck_assert(!reply_has(reply, text("checks.%s.error", checks[i])));
	}
	ck_assert_str_eq(reply_text(api_get(NULL, "/health/live"), "status"), "alive");
	ck_assert_str_eq(reply_text(api_get(NULL, "/health/ready"), "status"), "ready");
}
END_TEST

/* Another service away: degraded, ready all the same. */
START_TEST(test_other_services_make_nobody_unready)
{
	struct reply *reply;

	suite_kill(SUITE_PLATFORM);
	reply = api_get(NULL, "/health");
	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_eq(reply_text(reply, "status"), "degraded");
	ck_assert_str_eq(reply_text(reply, "checks.auth.status"), "unhealthy");
	ck_assert(reply_has(reply, "checks.payment.error"));
	ck_assert(!reply_has(reply, "checks.payment.details"));
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 200);
}
END_TEST

START_TEST(test_database_away)
{
	int64_t started;

	servers_halt(SERVER_POSTGRES, SIGQUIT);
	started = clock_monotonic_us();
	ck_assert_str_eq(reply_slug(api_get(NULL, "/health/ready")), "database-unavailable");
	ck_assert_int_lt(clock_monotonic_us() - started, 2 * US_PER_S);
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 503);
	ck_assert_int_eq(api_get(NULL, "/health")->status, 503);
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	ck_assert_str_eq(reply_slug(api_get(NULL, "/api/events")), "database-unavailable");
	ck_assert_int_eq(metrics()->status, 200);
	servers_resume(SERVER_POSTGRES);
	ck_assert(suite_ready(5000));
}
END_TEST

START_TEST(test_older_schema_is_not_ready)
{
	sql("DELETE FROM schema_migrations"
	    " WHERE version = (SELECT max(version) FROM schema_migrations)");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/health/ready")), "database-unavailable");
}
END_TEST

/* A later version's steps: those that only add let this version go on. */
START_TEST(test_newer_schema)
{
	sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x')");
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 200);
	sql("UPDATE schema_floor SET version = '9999_later'");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/health/ready")), "database-unavailable");
	/* A step of ours is missing, however many there are. */
	sql("UPDATE schema_floor SET version = '0001_core'");
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 200);
	sql("DELETE FROM schema_migrations WHERE version = '0001_core'");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/health/ready")), "database-unavailable");
}
END_TEST

START_TEST(test_metrics_count_the_domain)
{
	struct shop shop = shop_open(5, "0", 5);
	const char *body;

	shop_register(&shop, token_user(), "zoe");
	body = metrics()->body;
	ck_assert_ptr_nonnull(strstr(body, "\nevents_created_total{status=\"draft\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(body, "\nguests_registered_total{type=\"regular\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(body, "\nevent_creation_duration_seconds_count 1\n"));
	ck_assert_ptr_nonnull(strstr(body, "\nactive_events_count 0\n"));
	ck_assert_ptr_nonnull(strstr(body, "http_requests_total{route=\"/api/events\","
					   "method=\"POST\",status=\"201\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(body, "\nhttp_requests_in_flight 0\n"));
	ck_assert_ptr_nonnull(
		strstr(body, "core_service_build_info{program=\"core-api\",version="));
}
END_TEST

/* The service knows of a revocation what the token cannot; its answer is kept for a while. */
START_TEST(test_remote_validation)
{
	const char *token = token_user();

	suite_stop(SUITE_API);
	suite_set("AUTH_VALIDATION", "remote");
	suite_start(SUITE_API);
	ck_assert_int_eq(api_get(token, "/api/events")->status, 200);
	ck_assert_int_eq(api_get(token, "/api/events")->status, 200);
	suite_kill(SUITE_PLATFORM);
	ck_assert_int_eq(api_get(token, "/api/events")->status, 200);
	ck_assert_str_eq(reply_slug(api_get(token_organizer(), "/api/events")), "auth-unavailable");
	ck_assert_int_eq(api_get(NULL, "/api/events")->status, 200);
}
END_TEST

START_TEST(test_revoked_token)
{
	suite_stop(SUITE_API);
	suite_set("AUTH_VALIDATION", "remote");
	suite_start(SUITE_API);
	say(&(struct saying){.method = "POST",
			     .url = text("%s/_control/revoke", suite_platform()),
			     .body = text("{\"userId\":%d}", USER)});
	ck_assert_str_eq(reply_slug(api_get(token_user(), "/api/events")), "unauthorized");
	ck_assert_int_eq(api_get(token_organizer(), "/api/events")->status, 200);
}
END_TEST

START_TEST(test_sigterm_ends_with_0)
{
	ck_assert_int_eq(api_get(NULL, "/api/events")->status, 200);
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("process");
	TCase *tc = tcase_create("process");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 40);
	tcase_add_checked_fixture(tc, begin, suite_end);
	tcase_add_test(tc, test_health_when_all_is_well);
	tcase_add_test(tc, test_other_services_make_nobody_unready);
	tcase_add_test(tc, test_database_away);
	tcase_add_test(tc, test_older_schema_is_not_ready);
	tcase_add_test(tc, test_newer_schema);
	tcase_add_test(tc, test_metrics_count_the_domain);
	tcase_add_test(tc, test_remote_validation);
	tcase_add_test(tc, test_revoked_token);
	tcase_add_test(tc, test_sigterm_ends_with_0);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
