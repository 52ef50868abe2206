/*
 * dispatcher: what was committed reaches Redis, whatever Redis does meanwhile.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/dispatcher.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/queue.h"
#include "sql_common.h"
#include "tests/support/servers.h"

#define MAIL "send-email"
#define PDF "generate-ticket-pdf"

static struct problem err;
static struct arena arena;
static struct pg_pool *pool;
static struct queue *queue;
static struct api_config config;
static struct dispatcher *dispatcher;

static void must(enum status status)
{
	ck_assert_msg(status == OK, "status %d: %s", (int)status, err.detail);
}

static void setup(void)
{
	struct pg_pool_options options = {.conninfo = servers_database_create("dispatcher"),
					  .name = "test",
					  .max = 2,
					  .wait_ms = 1000,
					  .statement_timeout_ms = 5000,
					  .lock_timeout_ms = 2000,
					  .statements = sql_common,
					  .statement_count = sql_common_count};
	struct redis_options redis = {servers_redis_queue_url(), "test", 500, 1000};

	log_init("test", LOG_ERROR);
	servers_flush_redis();
	arena_init(&arena, 4096);
	must(pg_pool_open(&options, &pool, &err));
	must(queue_open(&redis, &queue, &err));
	config.common.redis_queue_url = servers_redis_queue_url();
	must(dispatcher_start(&config, pool, &dispatcher, &err));
}

static void stop(void)
{
	if (dispatcher)
		dispatcher_stop(dispatcher);
	dispatcher = NULL;
}

static void teardown(void)
{
	stop();
	queue_close(queue);
	pg_pool_close(pool);
	arena_clear(&arena);
}

static int64_t depth(const char *type)
{
	int64_t ready = -1, delayed;

	must(queue_depth(queue, type, &ready, &delayed, &err));
	return ready;
}

static void await_depth(const char *type, int64_t wanted, int64_t within_ms)
{
	int64_t until = clock_monotonic_us() + within_ms * US_PER_MS;

	while (depth(type) != wanted && clock_monotonic_us() < until)
		clock_sleep_ms(10);
	ck_assert_int_eq(depth(type), wanted);
}

static struct pending_job *pending(const char *type, size_t count, struct pending_job *next)
{
	for (size_t i = 0; i < count; i++) {
		struct pending_job *job = ARENA_NEW(&arena, struct pending_job);

		job->type = type;
		ids_uuid7(job->id);
		job->next = next;
		next = job;
	}
	return next;
}

/* Committed rows that are old enough to be looked for. */
static void rows(const char *type, int count)
{
	PG_LEASED conn = NULL;

	must(pg_lease(pool, &conn, &err));
	must(pg_exec(conn,
		     "INSERT INTO outbox (id, job_type, subject_id, created_at, next_at)"
		     " SELECT gen_random_uuid(), $1, n, now() - interval '1 minute',"
		     " now() - interval '1 minute' FROM generate_series(1, $2::int) n",
		     PG_ARGS(PG_TEXT(type), PG_I64(count)), NULL, &err));
}

START_TEST(test_puts_each_type_once)
{
	struct pending_job *jobs = pending(MAIL, 2500, pending(PDF, 3, NULL));

	dispatcher_put(dispatcher, NULL);
	dispatcher_put(dispatcher, jobs);
	dispatcher_put(dispatcher, jobs);
	await_depth(MAIL, 2500, 3000);
	await_depth(PDF, 3, 3000);
	clock_sleep_ms(100);
	ck_assert_int_eq(depth(MAIL), 2500);
	ck_assert(dispatcher_connected(dispatcher));
}
END_TEST

START_TEST(test_stop_puts_what_waits)
{
	dispatcher_put(dispatcher, pending(MAIL, 5000, NULL));
	stop();
	ck_assert_int_eq(depth(MAIL), 5000);
}
END_TEST

START_TEST(test_start_finds_what_was_left)
{
	stop();
	rows(PDF, 4);
	must(dispatcher_start(&config, pool, &dispatcher, &err));
	await_depth(PDF, 4, 3000);
}
END_TEST

START_TEST(test_flushed_redis_is_filled_again)
{
	rows(PDF, 30);
	await_depth(PDF, 30, 8000);
	servers_flush_redis();
	await_depth(PDF, 30, 8000);
}
END_TEST

/* More than the buffer holds, while Redis is away: the caller never waits, nothing is lost. */
START_TEST(test_redis_away_costs_the_caller_nothing)
{
	struct pending_job *jobs = pending(MAIL, 70000, NULL);
	int64_t started;

	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	started = clock_monotonic_us();
	for (int i = 0; i < 5; i++)
		dispatcher_put(dispatcher, jobs);
	ck_assert_int_lt(clock_monotonic_us() - started, US_PER_S);
	started = clock_monotonic_us();
	while (dispatcher_connected(dispatcher) && clock_monotonic_us() < started + 5 * US_PER_S)
		clock_sleep_ms(10);
	ck_assert(!dispatcher_connected(dispatcher));
	rows(PDF, 20);
	servers_resume(SERVER_REDIS_QUEUE);
	queue_close(queue);
	must(queue_open(&(struct redis_options){servers_redis_queue_url(), "test", 500, 1000},
			&queue, &err));
	await_depth(PDF, 20, 8000);
	ck_assert(dispatcher_connected(dispatcher));
}
END_TEST

START_TEST(test_stop_without_redis_is_bounded)
{
	int64_t started;

	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	dispatcher_put(dispatcher, pending(MAIL, 60000, NULL));
	started = clock_monotonic_us();
	stop();
	ck_assert_int_lt(clock_monotonic_us() - started, 5 * US_PER_S);
	servers_resume(SERVER_REDIS_QUEUE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dispatcher");
	TCase *tc = tcase_create("thread");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 40);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_puts_each_type_once);
	tcase_add_test(tc, test_stop_puts_what_waits);
	tcase_add_test(tc, test_start_finds_what_was_left);
	tcase_add_test(tc, test_flushed_redis_is_filled_again);
	tcase_add_test(tc, test_redis_away_costs_the_caller_nothing);
	tcase_add_test(tc, test_stop_without_redis_is_bounded);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
