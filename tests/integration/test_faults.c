/*
 * Workers and Redis fail: every registration still has one ticket, one document and one mail.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/aftermath.h"
#include "tests/support/servers.h"

enum { GUESTS = 60, SERVED_MS = 30000, SOON_MS = 10000 };

#define SLOW_MAILS "{\"service\":\"notification\",\"behaviour\":\"slow\",\"delayMs\":%d}"
#define QUICK_MAILS "{\"service\":\"notification\",\"behaviour\":\"ok\"}"
/* Begun, and not to be tried again later: somebody holds it. */
#define HELD "FROM outbox WHERE deliveries > 0 AND next_at <= now() AND job_type = "

static void begin(void)
{
	suite_set("MAIL_RETRY_DELAYS", "0,0");
}

static void end(void)
{
	suite_end();
}

/* A transaction of the test's own that holds rows. */
static struct pg_conn *hold(const char *rows)
{
	struct pg_conn *conn = NULL;
	struct problem err = {0};

	if (pg_connect(suite_database(), &conn, &err) ||
	    pg_exec(conn, text("BEGIN; %s", rows), PG_NO_ARGS, NULL, &err))
		ck_abort_msg("%s", err.detail);
	return conn;
}

/* --- workers killed --------------------------------------------------------------------------- */

START_TEST(worker_tickets_killed_with_its_jobs)
{
	struct shop shop;
	struct pg_conn *tickets;

	suite_set("JOB_TIME_TO_RUN_MS", "1000");
	suite_begin(SUITE_PLATFORM | SUITE_API | SUITE_EMAIL);
	shop = shop_open(1000, "0", 1000);
	ck_assert_int_eq(register_many(&shop, "a", GUESTS), GUESTS);
	/* Its documents are made but cannot be stored. */
	tickets = hold("SELECT FROM tickets FOR UPDATE");
	suite_start(SUITE_TICKETS);
	ck_assert(sql_becomes(SOON_MS, "t", "SELECT count(*) >= 2 " HELD "'generate-ticket-pdf'"));
	suite_kill(SUITE_TICKETS);
	pg_return(&tickets);
	ck_assert_int_gt(sql_int("SELECT count(*) " HELD "'generate-ticket-pdf'"), 0);
	suite_start(SUITE_TICKETS);
	ck_assert(each_served_once(GUESTS, SERVED_MS));
}
END_TEST

START_TEST(worker_email_killed_in_its_calls)
{
	struct shop shop;

	suite_set("JOB_TIME_TO_RUN_MS", "1000");
	suite_begin(SUITE_PLATFORM | SUITE_API | SUITE_TICKETS);
	platform_script(SLOW_MAILS, 100);
	shop = shop_open(1000, "0", 1000);
	ck_assert_int_eq(register_many(&shop, "a", GUESTS), GUESTS);
	ck_assert(sql_becomes(SOON_MS, "60", "SELECT count(*) FROM documents"));
	for (int round = 1; round <= 3; round++) {
		int64_t calls = mail_calls();

		suite_start(SUITE_EMAIL);
		while (mail_calls() < calls + 3)
			clock_sleep_ms(5);
		suite_kill(SUITE_EMAIL);
		ck_assert_int_gt(sql_int("SELECT count(*) " HELD "'send-email'"), 0);
	}
	platform_script(QUICK_MAILS);
	suite_start(SUITE_EMAIL);
	ck_assert(each_served_once(GUESTS, SERVED_MS));
	/* Calls that were cut were made again, under their keys. */
	ck_assert_int_gt(mail_calls(), GUESTS);
}
END_TEST

/* --- workers stopped -------------------------------------------------------------------------- */

/* With the usual time to run: a job left to its lease would take a minute. */
START_TEST(workers_stopped_hand_back)
{
	struct shop shop;

	suite_begin(SUITE_PLATFORM | SUITE_API);
	platform_script(SLOW_MAILS, 100);
	shop = shop_open(1000, "0", 1000);
	ck_assert_int_eq(register_many(&shop, "a", 3 * GUESTS), 3 * GUESTS);
	suite_start(SUITE_TICKETS);
	suite_start(SUITE_EMAIL);
	ck_assert(sql_becomes(SOON_MS, "t", "SELECT count(*) > 0 FROM documents"));
	ck_assert_int_eq(suite_stop(SUITE_TICKETS), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) " HELD "'generate-ticket-pdf'"), 0);
	suite_start(SUITE_TICKETS);
	while (mail_calls() < 3)
		clock_sleep_ms(5);
	ck_assert_int_eq(suite_stop(SUITE_EMAIL), 0);
	ck_assert_int_gt(sql_int("SELECT count(*) FROM notifications WHERE status = 'queued'"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) " HELD "'send-email'"), 0);
	platform_script(QUICK_MAILS);
	suite_start(SUITE_EMAIL);
	ck_assert(each_served_once(3 * GUESTS, SERVED_MS));
}
END_TEST

/* --- Redis ------------------------------------------------------------------------------------ */

/* A backlog, the workers just begun with it. */
static struct shop backlog(void)
{
	struct shop shop;

	suite_begin(SUITE_PLATFORM | SUITE_API);
	platform_script(SLOW_MAILS, 20);
	shop = shop_open(1000, "0", 1000);
	ck_assert_int_eq(register_many(&shop, "a", 2 * GUESTS), 2 * GUESTS);
	suite_start(SUITE_TICKETS);
	suite_start(SUITE_EMAIL);
	while (mail_calls() < 5)
		clock_sleep_ms(5);
	return shop;
}

static void expect_unfinished(void)
{
	ck_assert_int_gt(sql_int("SELECT count(*) FROM outbox"), 0);
}

START_TEST(queue_killed_and_restarted)
{
	struct shop shop = backlog();

	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	expect_unfinished();
	ck_assert_int_eq(register_many(&shop, "b", GUESTS), GUESTS);
	servers_resume(SERVER_REDIS_QUEUE);
	ck_assert(each_served_once(3 * GUESTS, SERVED_MS));
}
END_TEST

START_TEST(queue_emptied)
{
	backlog();
	servers_flush_redis();
	expect_unfinished();
	ck_assert(each_served_once(2 * GUESTS, SERVED_MS));
}
END_TEST

/* Both servers away: what people do goes on, what workers do comes later. */
START_TEST(both_redis_servers_down)
{
	struct shop shop;
	struct reply *guest, *admitted;
	int64_t begun_us;

	suite_begin(SUITE_ALL);
	shop = shop_open(1000, "0", 1000);
	guest = shop_register(&shop, token_user(), "first");
	servers_halt(SERVER_REDIS, SIGKILL);
	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	begun_us = clock_monotonic_us();
	ck_assert_int_eq(register_many(&shop, "a", GUESTS), GUESTS);
	admitted = api_post(token_organizer(), "/api/tickets/validate", "{\"ticketCode\":\"%s\"}",
			    reply_text(guest, "data.ticket.ticketCode"));
	ck_assert_int_eq(admitted->status, 200);
	ck_assert_int_lt(clock_monotonic_us() - begun_us, 5 * US_PER_S);
	ck_assert(suite_ready(1000));
	servers_resume(SERVER_REDIS);
	servers_resume(SERVER_REDIS_QUEUE);
	ck_assert(each_served_once(GUESTS + 1, SERVED_MS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("faults");
	TCase *cases = tcase_create("faults");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start_private();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, worker_tickets_killed_with_its_jobs);
	tcase_add_test(cases, worker_email_killed_in_its_calls);
	tcase_add_test(cases, workers_stopped_hand_back);
	tcase_add_test(cases, queue_killed_and_restarted);
	tcase_add_test(cases, queue_emptied);
	tcase_add_test(cases, both_redis_servers_down);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
