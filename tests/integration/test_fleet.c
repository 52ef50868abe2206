/*
 * Two APIs and three workers of each kind on one machine: the load spreads, whichever is killed
 * nothing is lost, and a second worker makes the queue faster.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/support/aftermath.h"
#include "tests/support/crowd.h"
#include "tests/support/proxy.h"
#include "tests/support/servers.h"

enum { APIS = 2, WORKERS = 3, HANDS = 8, TRIES = 5, SERVED_MS = 60000, SOON_MS = 30000 };

#define SLOW_MAILS "{\"service\":\"notification\",\"behaviour\":\"slow\",\"delayMs\":%d}"

static void start_workers(enum suite_part part, int count)
{
	for (int i = 0; i < count; i++)
		suite_start(suite_nth(part, i));
}

static void begin_fleet(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
	suite_start(suite_nth(SUITE_API, 1));
	proxy_start(SUITE_API, suite_nth(SUITE_API, 1));
	start_workers(SUITE_TICKETS, WORKERS);
	start_workers(SUITE_EMAIL, WORKERS);
}

static void end_fleet(void)
{
	proxy_stop();
	suite_end();
}

/* Lines with these words in the log of a process. */
static int64_t lines(enum suite_part part, const char *words)
{
	FILE *grep = popen(text("grep -ac '%s' '%s'", words, suite_log(part)), "r");
	long long count = -1;

	if (!grep || fscanf(grep, "%lld", &count) != 1)
		ck_abort_msg("no lines of %s", suite_log(part));
	pclose(grep);
	return count;
}

/* Each of `count` processes did its share of what all of them did: a third of an equal one. */
static void assert_spread(enum suite_part part, int count, const char *words, const char *what)
{
	int64_t each[WORKERS], all = 0;

	for (int i = 0; i < count; i++)
		all += each[i] = lines(suite_nth(part, i), words);
	for (int i = 0; i < count; i++) {
		printf("%s %d did %lld of %lld\n", what, i, (long long)each[i], (long long)all);
		ck_assert_int_ge(each[i] * 3 * count, all);
	}
}

/* --- spread ----------------------------------------------------------------------------------- */

START_TEST(the_load_spreads)
{
	struct shop shop;

	begin_fleet();
	platform_script(SLOW_MAILS, 20);
	shop = shop_open(1000, "0", 1000);
	ck_assert_int_eq(register_many(&shop, "a", 300), 300);
	ck_assert(each_served_once(300, SERVED_MS));
	assert_spread(SUITE_API, APIS, "\"method\":\"POST\"", "core-api");
	assert_spread(SUITE_TICKETS, WORKERS, "\"outcome\":\"done\"", "worker-tickets");
	assert_spread(SUITE_EMAIL, WORKERS, "\"outcome\":\"done\"", "worker-email");
	end_fleet();
}
END_TEST

/* --- killed ----------------------------------------------------------------------------------- */

struct crowd_of_guests {
	struct shop shop;
	_Atomic bool over;
	_Atomic int registered, tried_again, refused;
};

/* Until it is known that he is registered: the same key again, as a client does whose request had
 * no answer. */
static bool register_surely(struct crowd_of_guests *all, const char *token, const char *name)
{
	const char *const headers[] = {text("Idempotency-Key: of-%s", name), NULL};
	const char *body = text("{\"firstName\":\"%s\",\"lastName\":\"Guest\",\"email\":"
				"\"%s@example.com\",\"ticketTypeId\":%lld}",
				name, name, (long long)all->shop.type_id);
	const char *path = text("/api/events/%lld/guests", (long long)all->shop.event_id);
	int64_t until_us = clock_monotonic_us() + SOON_MS * US_PER_MS;

	while (clock_monotonic_us() < until_us) {
		struct reply *reply = api_send("POST", token, path, body, headers);

		if (reply->status == 201)
			return true;
		if (reply->status && reply->status < 500 &&
		    strcmp(reply_slug(reply), "idempotency-in-flight") != 0)
			break;
		all->tried_again++;
		clock_sleep_ms(100);
	}
	all->refused++;
	return false;
}

static void register_on(void *ctx, size_t i)
{
	struct crowd_of_guests *all = ctx;
	const char *token = token_of((int64_t)(2000 + i), "user");

	for (int n = 0; !all->over; n++) {
		all->registered += register_surely(all, token, text("g%zu.%d", i, n));
		clock_sleep_ms(20);
	}
}

static void *register_all(void *ctx)
{
	crowd(HANDS, register_on, ctx);
	return NULL;
}

/* In the midst of its work: something was done since, and it is not idle. */
static void kill_and_replace(struct crowd_of_guests *all, enum suite_part part)
{
	int before = all->registered;

	while (all->registered < before + HANDS)
		clock_sleep_ms(5);
	suite_kill(part);
	before = all->registered;
	while (all->registered < before + HANDS)
		clock_sleep_ms(5);
	suite_start(part);
}

START_TEST(whichever_is_killed_nothing_is_lost)
{
	struct crowd_of_guests all = {0};
	pthread_t load;

	suite_set("JOB_TIME_TO_RUN_MS", "1000");
	suite_set("MAIL_RETRY_DELAYS", "0,0");
	begin_fleet();
	platform_script(SLOW_MAILS, 20);
	all.shop = shop_open(100000, "0", 100000);
	ck_assert_int_eq(pthread_create(&load, NULL, register_all, &all), 0);
	for (int i = 0; i < WORKERS; i++) {
		if (i < APIS)
			kill_and_replace(&all, suite_nth(SUITE_API, i));
		kill_and_replace(&all, suite_nth(SUITE_TICKETS, i));
		kill_and_replace(&all, suite_nth(SUITE_EMAIL, i));
	}
	all.over = true;
	pthread_join(load, NULL);
	printf("%d registered, %d requests made again\n", all.registered, all.tried_again);
	ck_assert_int_eq(all.refused, 0);
	ck_assert(each_served_once(all.registered, SERVED_MS));
	end_fleet();
}
END_TEST

/* --- faster ----------------------------------------------------------------------------------- */

/* Work waits; `done` counts what is through. */
struct pace {
	enum suite_part part;
	const char *done;
	int64_t share; /* measured with one worker, and again with two */
};

/* Until so many more are done; a few first, until all workers are at it. */
static int64_t time_share(const struct pace *pace)
{
	int64_t from = sql_int("%s", pace->done) + pace->share / 5, begun_us;

	while (sql_int("%s", pace->done) < from)
		clock_sleep_ms(2);
	begun_us = clock_monotonic_us();
	from = sql_int("%s", pace->done);
	while (sql_int("%s", pace->done) < from + pace->share)
		clock_sleep_ms(2);
	return clock_monotonic_us() - begun_us;
}

static double speed_up(const struct pace *pace)
{
	int64_t one_us, two_us;

	suite_start(pace->part);
	one_us = time_share(pace);
	suite_start(suite_nth(pace->part, 1));
	two_us = time_share(pace);
	suite_stop(pace->part);
	suite_stop(suite_nth(pace->part, 1));
	printf("%lld jobs: one worker %lld ms, two %lld ms, ratio %.2f\n", (long long)pace->share,
	       (long long)(one_us / US_PER_MS), (long long)(two_us / US_PER_MS),
	       (double)one_us / (double)two_us);
	return (double)one_us / (double)two_us;
}

/* A machine may be busy with something else in one of the two halves. */
static void assert_faster(const struct pace *pace, double ratio)
{
	double best = 0;

	for (int i = 0; i < TRIES && best < ratio; i++) {
		double found = speed_up(pace);

		best = found > best ? found : best;
	}
	ck_assert(best >= ratio);
}

/* 200 ms a mail, one at a time: what one waits, the other works. */
START_TEST(two_email_workers_are_faster)
{
	static const struct pace pace = {
		SUITE_EMAIL, "SELECT count(*) FROM notifications WHERE status = 'sent'", 15};
	struct shop shop;

	suite_set("WORKER_THREADS", "1");
	suite_begin(SUITE_PLATFORM | SUITE_API | SUITE_TICKETS);
	platform_script(SLOW_MAILS, 200);
	shop = shop_open(1000, "0", 1000);
	ck_assert_int_eq(register_many(&shop, "a", 200), 200);
	ck_assert(sql_becomes(SOON_MS, "200", "SELECT count(*) FROM notifications"));
	assert_faster(&pace, 1.6);
	suite_end();
}
END_TEST

START_TEST(two_ticket_workers_are_faster)
{
	static const struct pace pace = {
		SUITE_TICKETS, "SELECT count(*) FROM tickets WHERE status = 'ready'", 200};
	struct shop shop;

	suite_set("WORKER_THREADS", "1");
	suite_begin(SUITE_PLATFORM | SUITE_API);
	shop = shop_open(10000, "0", 10000);
	ck_assert_int_eq(register_many(&shop, "a", 3000), 3000);
	assert_faster(&pace, 1.2);
	suite_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fleet");
	TCase *several = tcase_create("several"), *faster = tcase_create("faster");
	SRunner *runner;
	int failed;

	tcase_set_timeout(several, 180);
	tcase_add_test(several, the_load_spreads);
	tcase_add_test(several, whichever_is_killed_nothing_is_lost);
	tcase_set_timeout(faster, 300);
	tcase_add_test(faster, two_email_workers_are_faster);
	tcase_add_test(faster, two_ticket_workers_are_faster);
	suite_add_tcase(suite, several);
	suite_add_tcase(suite, faster);
	runner = srunner_create(suite);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
