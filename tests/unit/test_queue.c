/* queue against a real Redis and PostgreSQL. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/queue_internal.h"
#include "sql_common.h"
#include "tests/support/servers.h"

#define MAIL "send-email"

static struct arena arena;
static struct problem err;
static struct pg_pool *pool;
static struct queue *queue;
static struct redis_options redis_options;
static struct queue_type type; /* a copy, so that a test may make times short */

static void must(enum status status)
{
	ck_assert_msg(status == OK, "status %d: %s", (int)status, err.detail);
}

static void run(const char *sql)
{
	PG_LEASED conn = NULL;

	must(pg_lease(pool, &conn, &err));
	must(pg_exec(conn, sql, PG_NO_ARGS, NULL, &err));
}

static int64_t number(const char *sql)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;

	must(pg_lease(pool, &conn, &err));
	must(pg_exec(conn, sql, PG_NO_ARGS, &result, &err));
	return pg_rows(result) ? pg_i64(result, 0, 0) : -1;
}

static struct pg_pool *open_pool(void)
{
	struct pg_pool_options options = {.conninfo = servers_database_url("queue"),
					  .name = "queue-test",
					  .min = 1,
					  .max = 4,
					  .wait_ms = 1000,
					  .statement_timeout_ms = 5000,
					  .lock_timeout_ms = 2000,
					  .statements = sql_common,
					  .statement_count = sql_common_count};
	struct pg_pool *made = NULL;

	must(pg_pool_open(&options, &made, &err));
	return made;
}

static void setup(void)
{
	arena_init(&arena, 4096);
	servers_database_create("queue");
	servers_flush_redis();
	pool = open_pool();
	redis_options = (struct redis_options){servers_redis_queue_url(), "test", 500, 1000};
	must(queue_open(&redis_options, &queue, &err));
	type = *queue_type(MAIL);
}

static void teardown(void)
{
	queue_close(queue);
	pg_pool_close(pool);
	arena_clear(&arena);
}

/* A row, not put. The n-th has subject n. */
static const char *row(int n)
{
	char *id = arena_alloc(&arena, UUID_SIZE);
	char sql[256];

	ids_uuid7(id);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO outbox (id, job_type, subject_id, request_id) VALUES ('%s', '" MAIL
		 "', %d, 'req-%d')",
		 id, n, n);
	run(sql);
	return id;
}

static const char *put(int n)
{
	const char *id = row(n);

	must(queue_put(queue, MAIL, &id, 1, &err));
	return id;
}

static size_t reserve_with(struct queue *from, size_t max, int64_t block_ms, struct job **ret_jobs)
{
	size_t count = 99;

	must(queue_reserve(from, pool, &type, max, block_ms, &arena, ret_jobs, &count, &err));
	return count;
}

static size_t reserve(size_t max, struct job **ret_jobs)
{
	return reserve_with(queue, max, 0, ret_jobs);
}

static struct job *reserve_one(void)
{
	struct job *jobs = NULL;

	ck_assert_uint_eq(reserve(10, &jobs), 1);
	return jobs;
}

static bool complete(const struct job *job)
{
	PG_LEASED conn = NULL;
	bool done = false;

	must(pg_lease(pool, &conn, &err));
	must(pg_begin(conn, &err));
	must(queue_complete(conn, job, 1, &done, &err));
	must(pg_commit(conn, &err));
	return done;
}

static void depth_is(int64_t ready, int64_t delayed)
{
	int64_t has_ready = -1;
	int64_t has_delayed = -1;

	must(queue_depth(queue, MAIL, &has_ready, &has_delayed, &err));
	ck_assert_int_eq(has_ready, ready);
	ck_assert_int_eq(has_delayed, delayed);
}

static int64_t live_count(void)
{
	REDIS_REPLY reply = NULL;

	must(redis_call(queue->commands, &reply, &err, "HLEN", "{" MAIL "}:live", (char *)NULL));
	return reply->integer;
}

static void nothing_left(void)
{
	depth_is(0, 0);
	ck_assert_int_eq(live_count(), 0);
	ck_assert_int_eq(number("SELECT count(*) FROM outbox WHERE state = 'sent'"), 0);
}

/* Run in another process, as another consumer. */
static void in_child(void (*work)(void))
{
	int status = 0;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		pool = open_pool();
		if (queue_open(&redis_options, &queue, &err) != OK)
			_exit(1);
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* --- the straight way --------------------------------------------------------------------------
 */

START_TEST(put_reserve_done)
{
	const char *id = put(7);
	struct job *job = reserve_one();

	ck_assert_str_eq(job->id, id);
	ck_assert(job->subject_id == 7 && job->deliveries == 1 && job->attempts == 0);
	ck_assert_str_eq(job->request_id, "req-7");
	ck_assert_ptr_null(job->traceparent);
	ck_assert_ptr_eq(job->type, &type);
	depth_is(1, 0);
	ck_assert(complete(job));
	must(queue_done(queue, job, 1, &err));
	nothing_left();
}
END_TEST

START_TEST(put_does_not_double)
{
	const char *ids[3] = {put(1), row(2), row(3)};
	struct job *jobs = NULL;

	for (int i = 0; i < 5; i++)
		must(queue_put(queue, MAIL, ids, 3, &err));
	depth_is(3, 0);
	ck_assert_uint_eq(reserve(10, &jobs), 3);
	/* running counts as live */
	must(queue_put(queue, MAIL, ids, 3, &err));
	depth_is(3, 0);
	ck_assert_str_eq(jobs[0].id, ids[0]);
	ck_assert_str_eq(jobs[2].id, ids[2]);
}
END_TEST

START_TEST(live_without_its_entry_is_put_again)
{
	const char *id = put(1);

	must(redis_call(queue->commands, NULL, &err, "DEL", "{" MAIL "}", (char *)NULL));
	depth_is(0, 0);
	must(queue_put(queue, MAIL, &id, 1, &err));
	depth_is(1, 0);
	ck_assert_str_eq(reserve_one()->id, id);
}
END_TEST

START_TEST(many_in_one_call)
{
	static const char *ids[1000];
	struct job *jobs = NULL;
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;

	must(pg_lease(pool, &conn, &err));
	must(pg_exec(
		conn,
		"INSERT INTO outbox (id, job_type, subject_id) SELECT gen_random_uuid(), '" MAIL
		"', n FROM generate_series(1, 1000) n RETURNING id",
		PG_NO_ARGS, &result, &err));
	for (size_t i = 0; i < 1000; i++)
		ids[i] = pg_text(result, i, 0);
	must(queue_put(queue, MAIL, ids, 1000, &err));
	must(queue_put(queue, MAIL, ids, 0, &err));
	depth_is(1000, 0);
	ck_assert_uint_eq(reserve(32, &jobs), 32);
}
END_TEST

START_TEST(waiting_is_bounded_and_woken)
{
	struct job *jobs = NULL;
	int64_t start_us = clock_monotonic_us();

	ck_assert_uint_eq(reserve_with(queue, 1, 300, &jobs), 0);
	ck_assert_int_ge(clock_monotonic_us() - start_us, 290 * US_PER_MS);
	put(1);
	start_us = clock_monotonic_us();
	ck_assert_uint_eq(reserve_with(queue, 1, 3000, &jobs), 1);
	ck_assert_int_lt(clock_monotonic_us() - start_us, US_PER_S);
}
END_TEST

START_TEST(missing_and_dead_rows_are_acknowledged)
{
	struct job *jobs = NULL;

	put(1);
	put(2);
	put(3);
	run("DELETE FROM outbox WHERE subject_id = 1");
	run("UPDATE outbox SET state = 'dead' WHERE subject_id = 2");
	ck_assert_uint_eq(reserve(10, &jobs), 1);
	ck_assert_int_eq(jobs[0].subject_id, 3);
	depth_is(1, 0);
	ck_assert_int_eq(live_count(), 1);
}
END_TEST

START_TEST(rubbish_in_the_stream_is_removed)
{
	struct job *jobs = NULL;

	must(redis_call(queue->commands, NULL, &err, "XADD", "{" MAIL "}", "*", "id", "x'; DROP",
			(char *)NULL));
	must(redis_call(queue->commands, NULL, &err, "XADD", "{" MAIL "}", "*", "other", "field",
			(char *)NULL));
	ck_assert_uint_eq(reserve(10, &jobs), 0);
	depth_is(0, 0);
	put(1);
	reserve_one();
}
END_TEST

START_TEST(two_entries_of_one_job_run_once)
{
	const char *id = put(1);
	struct job *jobs = NULL;

	must(redis_call(queue->commands, NULL, &err, "XADD", "{" MAIL "}", "*", "id", id,
			(char *)NULL));
	ck_assert_uint_eq(reserve(10, &jobs), 1);
	ck_assert_int_eq(jobs[0].deliveries, 1);
	depth_is(1, 0);
}
END_TEST

START_TEST(pause_and_resume)
{
	struct job *jobs = NULL;

	put(1);
	must(queue_pause(queue, MAIL, true, &err));
	ck_assert_uint_eq(reserve_with(queue, 1, 100, &jobs), 0);
	must(queue_pause(queue, MAIL, false, &err));
	reserve_one();
}
END_TEST

/* --- failures of jobs --------------------------------------------------------------------------
 */

START_TEST(retry_waits_and_comes_again)
{
	struct job *job;
	struct job *jobs = NULL;
	bool buried = true;
	size_t moved = 9;

	put(1);
	job = reserve_one();
	must(queue_retry(queue, pool, job, true, 400, "503", &buried, &err));
	ck_assert(!buried);
	depth_is(0, 1);
	ck_assert_int_eq(number("SELECT attempts FROM outbox"), 1);
	must(queue_move_due(queue, MAIL, &moved, &err));
	ck_assert_uint_eq(moved, 0);
	/* delayed counts as live */
	must(queue_put(queue, MAIL, (const char *[]){job->id}, 1, &err));
	depth_is(0, 1);
	clock_sleep_ms(450);
	must(queue_move_due(queue, MAIL, &moved, &err));
	ck_assert_uint_eq(moved, 1);
	depth_is(1, 0);
	ck_assert_uint_eq(reserve(10, &jobs), 1);
	ck_assert(jobs->deliveries == 2 && jobs->attempts == 1);
}
END_TEST

START_TEST(third_counted_attempt_buries)
{
	struct job *job;
	bool buried = false;

	put(1);
	for (int i = 0; i < 3; i++) {
		ck_assert(!buried);
		must(queue_move_due(queue, MAIL, NULL, &err));
		job = reserve_one();
		must(queue_retry(queue, pool, job, true, 0, "it answers 500", &buried, &err));
	}
	ck_assert(buried);
	nothing_left();
	ck_assert_int_eq(number("SELECT count(*) FROM outbox WHERE state = 'dead' AND attempts = 3"
				" AND last_error = 'it answers 500'"),
			 1);
}
END_TEST

START_TEST(uncounted_failures_bury_by_deliveries)
{
	bool buried = false;

	put(1);
	for (int i = 0; i < type.max_deliveries; i++) {
		ck_assert(!buried);
		must(queue_move_due(queue, MAIL, NULL, &err));
		must(queue_retry(queue, pool, reserve_one(), false, 0, "crash", &buried, &err));
	}
	ck_assert(buried);
	nothing_left();
}
END_TEST

START_TEST(bury_keeps_the_reason)
{
	put(1);
	must(queue_bury(queue, pool, reserve_one(), "400: bad address", &err));
	nothing_left();
	ck_assert_int_eq(
		number("SELECT count(*) FROM outbox WHERE last_error = '400: bad address'"), 1);
}
END_TEST

START_TEST(backoff_is_jittered_and_bounded)
{
	type.backoff_ms = 1000;
	type.backoff_max_ms = 5000;
	put(1);
	run("UPDATE outbox SET deliveries = 5");
	must(queue_retry(queue, pool, reserve_one(), false, -1, "x", NULL, &err));
	ck_assert_int_eq(
		number("SELECT count(*) FROM outbox WHERE next_at BETWEEN now() - interval '1 s'"
		       " AND now() + interval '5 s'"),
		1);
}
END_TEST

START_TEST(kick_wakes_a_delayed_job)
{
	const char *id = put(1);
	struct job *jobs = NULL;

	must(queue_retry(queue, pool, reserve_one(), true, 600000, "x", NULL, &err));
	depth_is(0, 1);
	run("UPDATE outbox SET next_at = now()");
	must(queue_kick(queue, MAIL, &id, 1, &err));
	depth_is(1, 0);
	ck_assert_uint_eq(reserve(1, &jobs), 1);
}
END_TEST

START_TEST(an_early_entry_is_delayed_not_delivered)
{
	struct job *jobs = NULL;

	put(1);
	run("UPDATE outbox SET next_at = now() + interval '1 hour'");
	ck_assert_uint_eq(reserve(1, &jobs), 0);
	depth_is(0, 1);
	ck_assert_int_eq(number("SELECT deliveries FROM outbox"), 0);
}
END_TEST

START_TEST(delivered_before_comes_alone)
{
	struct job *jobs = NULL;
	int64_t subjects = 0;

	for (int i = 1; i <= 5; i++)
		put(i);
	run("UPDATE outbox SET deliveries = 1 WHERE subject_id IN (2, 4)");
	ck_assert_uint_eq(reserve(10, &jobs), 3);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(reserve(10, &jobs), 1);
		ck_assert_int_eq(jobs[0].deliveries, 2);
		subjects += jobs[0].subject_id;
	}
	ck_assert_int_eq(subjects, 2 + 4);
	ck_assert_uint_eq(reserve(10, &jobs), 0);
	depth_is(5, 0);
}
END_TEST

START_TEST(worn_out_jobs_are_buried)
{
	struct job *jobs = NULL;

	put(1);
	run("UPDATE outbox SET deliveries = 10, last_error = 'oops'");
	ck_assert_uint_eq(reserve(10, &jobs), 0);
	nothing_left();
	ck_assert_int_eq(
		number("SELECT count(*) FROM outbox WHERE state = 'dead' AND deliveries = 10"
		       " AND last_error LIKE 'delivered 10 times%oops'"),
		1);
}
END_TEST

/* --- crashes, leases, fences -------------------------------------------------------------------
 */

static void reserve_and_die(void)
{
	struct job *jobs = NULL;

	if (reserve(10, &jobs) == 0)
		_exit(2);
}

START_TEST(jobs_of_a_crashed_worker_are_claimed_one_by_one)
{
	struct job *jobs = NULL;

	type.time_to_run_ms = 300;
	put(1);
	put(2);
	put(3);
	in_child(reserve_and_die);
	ck_assert_uint_eq(reserve(10, &jobs), 0);
	clock_sleep_ms(1100); /* the next look comes after a second */
	for (int i = 1; i <= 3; i++) {
		ck_assert_uint_eq(reserve(10, &jobs), 1);
		ck_assert_int_eq(jobs[0].subject_id, i);
		ck_assert_int_eq(jobs[0].deliveries, 2);
	}
	ck_assert_uint_eq(reserve(10, &jobs), 0);
}
END_TEST

static void reserve_and_stay(void)
{
	struct job *jobs = NULL;
	struct job *mine;
	bool done = true;

	type.time_to_run_ms = 60000;
	mine = reserve_one();
	clock_sleep_ms(1600); /* slept past its lease; the parent took the job */
	if (complete(mine))
		_exit(3);
	if (queue_retry(queue, pool, mine, true, 0, "late", &done, &err) != ST_JOB_LOST ||
	    queue_bury(queue, pool, mine, "late", &err) != ST_JOB_LOST)
		_exit(4);
	/* a renewal does not steal it back */
	must(queue_touch(queue, mine, 1, &err));
	must(queue_release(queue, pool, mine, 1, &err));
	if (reserve(10, &jobs) != 0)
		_exit(5);
}

START_TEST(a_worker_that_slept_past_its_lease_is_fenced)
{
	pid_t pid;
	int status = 0;
	struct job *jobs = NULL;

	put(1);
	pid = fork();
	if (pid == 0) {
		pool = open_pool();
		must(queue_open(&redis_options, &queue, &err));
		reserve_and_stay();
		_exit(0);
	}
	clock_sleep_ms(600);
	type.time_to_run_ms = 300;
	for (int i = 0; i < 20 && reserve(1, &jobs) == 0; i++)
		clock_sleep_ms(50);
	ck_assert_ptr_nonnull(jobs);
	ck_assert_int_eq(jobs[0].deliveries, 2);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(complete(&jobs[0]));
	must(queue_done(queue, jobs, 1, &err));
	nothing_left();
}
END_TEST

static void try_to_claim(void)
{
	struct job *jobs = NULL;

	type.time_to_run_ms = 1000;
	if (reserve(10, &jobs) != 0)
		_exit(2);
}

START_TEST(a_renewed_lease_is_kept)
{
	struct job *job;

	put(1);
	job = reserve_one();
	clock_sleep_ms(1100);
	must(queue_touch(queue, job, 1, &err));
	in_child(try_to_claim);
	ck_assert(complete(job));
}
END_TEST

START_TEST(done_twice_does_nothing)
{
	struct job *job;

	put(1);
	job = reserve_one();
	ck_assert(complete(job));
	ck_assert(!complete(job));
	must(queue_done(queue, job, 1, &err));
	must(queue_done(queue, job, 1, &err));
	nothing_left();
}
END_TEST

START_TEST(release_hands_back_uncounted)
{
	struct job *jobs = NULL;

	put(1);
	put(2);
	ck_assert_uint_eq(reserve(10, &jobs), 2);
	must(queue_release(queue, pool, jobs, 2, &err));
	depth_is(2, 0);
	ck_assert_int_eq(number("SELECT sum(deliveries) FROM outbox"), 0);
	ck_assert_uint_eq(reserve(10, &jobs), 2);
	ck_assert_int_eq(jobs[1].deliveries, 1);
}
END_TEST

static int64_t consumers(void)
{
	REDIS_REPLY reply = NULL;

	must(redis_call(queue->commands, &reply, &err, "XINFO", "CONSUMERS", "{" MAIL "}",
			QUEUE_GROUP, (char *)NULL));
	return (int64_t)reply->elements;
}

START_TEST(leaving_hands_back_what_was_not_begun)
{
	struct job *jobs = NULL;

	put(1);
	put(2);
	run("UPDATE outbox SET deliveries = 1");
	ck_assert_uint_eq(reserve(10, &jobs), 1);
	queue_leave(queue, &type);
	ck_assert_int_eq(consumers(), 1); /* it still holds one */
	depth_is(2, 0);
	ck_assert(complete(jobs));
	must(queue_done(queue, jobs, 1, &err));
	queue_leave(queue, &type);
	ck_assert_int_eq(consumers(), 0);
	depth_is(1, 0);
	ck_assert_int_eq(reserve_one()->deliveries, 2);
}
END_TEST

/* --- a server that is none ---------------------------------------------------------------------
 */

/* Answers the set-up and announces more elements than there are. */
static void *boast(void *ctx)
{
	static const char answer[] = "+OK\r\n*700000003\r\n";
	const size_t len = strlen(answer);
	int fd = accept(*(int *)ctx, NULL, NULL);
	char asked[512];

	ck_assert(send(fd, answer, len, MSG_NOSIGNAL) == (ssize_t)len);
	while (read(fd, asked, sizeof(asked)) > 0)
		;
	close(fd);
	return NULL;
}

START_TEST(announced_elements_are_bounded)
{
	int port, listener = servers_listen(&port);
	struct redis_options options = {
		.client_name = "test", .connect_timeout_ms = 5000, .command_timeout_ms = 60000};
	struct redis *redis;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, boast, &listener), 0);
	options.url = arena_printf(&arena, "redis://127.0.0.1:%d", port);
	must(redis_open(&options, &redis, &err));
	/* at once, not when its time is over for want of the elements */
	ck_assert_int_eq(redis_ping(redis, &err), ST_REDIS_UNAVAILABLE);
	redis_close(redis);
	pthread_join(thread, NULL);
	close(listener);
}
END_TEST

/* --- servers that go away ----------------------------------------------------------------------
 */

START_TEST(emptied_redis_is_recovered)
{
	struct job *jobs = NULL;
	size_t count = 0;

	put(1);
	put(2);
	ck_assert_uint_eq(reserve(1, &jobs), 1);
	row(3); /* committed, never put */
	must(queue_recover(queue, pool, false, &count, &err));
	ck_assert_uint_eq(count, 0); /* too young */
	run("UPDATE outbox SET created_at = now() - interval '6 s'");
	must(queue_recover(queue, pool, false, &count, &err));
	ck_assert_uint_eq(count, 1);
	servers_flush_redis();
	must(queue_recover(queue, pool, false, &count, &err));
	ck_assert_uint_eq(count, 3);
	must(queue_recover(queue, pool, true, &count, &err));
	ck_assert_uint_eq(count, 0);
	/* 2 and 3 first, then 1, delivered before: it comes alone */
	ck_assert_uint_eq(reserve(10, &jobs), 2);
	ck_assert_uint_eq(reserve(10, &jobs), 1);
	ck_assert_int_eq(jobs[0].subject_id, 1);
}
END_TEST

START_TEST(delayed_jobs_are_recovered_when_due)
{
	size_t count = 9;

	put(1);
	must(queue_retry(queue, pool, reserve_one(), true, 600000, "x", NULL, &err));
	run("UPDATE outbox SET created_at = now() - interval '6 s'");
	servers_flush_redis();
	must(queue_recover(queue, pool, true, &count, &err));
	ck_assert_uint_eq(count, 0);
	run("UPDATE outbox SET next_at = now()");
	must(queue_recover(queue, pool, true, &count, &err));
	ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(forgotten_rows_are_put_once_in_a_while)
{
	size_t count = 0;

	put(1);
	/* Redis says it is there, but nobody gets it. */
	run("UPDATE outbox SET created_at = now() - interval '16 min',"
	    " next_at = now() - interval '16 min'");
	must(queue_recover(queue, pool, false, &count, &err));
	ck_assert_uint_eq(count, 1);
	depth_is(1, 0); /* moved, not doubled */
	queue->overdue_at_us = 0;
	must(queue_recover(queue, pool, false, &count, &err));
	ck_assert_uint_eq(count, 0);
}
END_TEST

static void many_rows(void)
{
	size_t count = 0;

	run("INSERT INTO outbox (id, job_type, subject_id, created_at) SELECT "
	    "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '" MAIL
	    "', n, now() - interval '1 min' FROM generate_series(1, 4500) n");
	must(queue_recover(queue, pool, false, &count, &err)); /* a new Redis: all */
	ck_assert_uint_eq(count, 4500);
}

START_TEST(every_row_is_looked_at_in_turn)
{
	size_t count = 0;

	many_rows();
	must(redis_call(queue->commands, NULL, &err, "HDEL", "{" MAIL "}:live",
			"00000000-0000-4000-8000-000000004400", (char *)NULL));
	for (int i = 0; i < 3; i++) {
		must(queue_recover(queue, pool, false, &count, &err));
		ck_assert_uint_eq(count, i < 2 ? 0 : 1);
	}
}
END_TEST

START_TEST(many_lost_rows_are_put_at_once)
{
	size_t count = 0;

	many_rows();
	must(redis_call(queue->commands, NULL, &err, "DEL", "{" MAIL "}", "{" MAIL "}:live",
			(char *)NULL));
	must(queue_recover(queue, pool, false, &count, &err));
	ck_assert_uint_eq(count, 4500);
}
END_TEST

START_TEST(emptied_while_reading)
{
	struct job *jobs = NULL;

	ck_assert_uint_eq(reserve(1, &jobs), 0);
	servers_flush_redis();
	put(1);
	reserve_one();
}
END_TEST

START_TEST(redis_restart_keeps_jobs)
{
	struct job *jobs = NULL;
	struct problem trouble = {0};
	const char *id = put(1);
	size_t count = 9;
	enum status status = OK;

	put(2);
	ck_assert_uint_eq(reserve(1, &jobs), 1);
	servers_halt(SERVER_REDIS_QUEUE, SIGTERM);
	ck_assert_int_eq(queue_put(queue, MAIL, &id, 1, &trouble), ST_REDIS_UNAVAILABLE);
	ck_assert_int_eq(queue_reserve(queue, pool, &type, 1, 0, &arena, &jobs, &count, &trouble),
			 ST_REDIS_UNAVAILABLE);
	ck_assert_uint_eq(count, 9);
	servers_resume(SERVER_REDIS_QUEUE);
	for (int i = 0; i < 20; i++) {
		status = queue_put(queue, MAIL, &id, 1, &trouble);
		if (status == OK)
			break;
		clock_sleep_ms(50);
	}
	ck_assert_int_eq(status, OK);
	depth_is(2, 0);
	ck_assert(complete(&jobs[0]));
	must(queue_done(queue, jobs, 1, &err));
	clock_sleep_ms(250);
	ck_assert_uint_eq(reserve(1, &jobs), 1);
	ck_assert_int_eq(jobs[0].subject_id, 2);
}
END_TEST

START_TEST(postgres_away_keeps_what_was_read)
{
	struct job *jobs = NULL;
	struct problem trouble = {0};
	size_t count = 9;

	put(1);
	put(2);
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			queue_reserve(queue, pool, &type, 10, 0, &arena, &jobs, &count, &trouble),
			ST_DATABASE_UNAVAILABLE);
	servers_resume(SERVER_POSTGRES);
	ck_assert_uint_eq(reserve(10, &jobs), 2);
	ck_assert_int_eq(jobs[0].deliveries, 1);
}
END_TEST

START_TEST(server_settings_are_judged)
{
	ck_assert_ptr_null(queue_check_server(queue, &arena));
	must(redis_call(queue->commands, NULL, &err, "CONFIG", "SET", "maxmemory-policy",
			"allkeys-lru", (char *)NULL));
	ck_assert_ptr_nonnull(strstr(queue_check_server(queue, &arena), "noeviction"));
	must(redis_call(queue->commands, NULL, &err, "CONFIG", "SET", "maxmemory-policy",
			"noeviction", (char *)NULL));
}
END_TEST

START_TEST(the_table_of_types)
{
	ck_assert_ptr_null(queue_type("no-such-type"));
	for (const struct queue_type *t = queue_types; t->name; t++) {
		ck_assert_ptr_eq(queue_type(t->name), t);
		ck_assert(t->max_deliveries > 0 && t->time_to_run_ms > 0 && t->backoff_ms > 0);
	}
}
END_TEST

static TCase *topic(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *queue_suite(void)
{
	Suite *suite = suite_create("queue");
	TCase *way = topic(suite, "way");
	TCase *failures = topic(suite, "failures");
	TCase *leases = topic(suite, "leases");
	TCase *loss = topic(suite, "loss");

	tcase_add_test(way, put_reserve_done);
	tcase_add_test(way, put_does_not_double);
	tcase_add_test(way, live_without_its_entry_is_put_again);
	tcase_add_test(way, many_in_one_call);
	tcase_add_test(way, waiting_is_bounded_and_woken);
	tcase_add_test(way, missing_and_dead_rows_are_acknowledged);
	tcase_add_test(way, rubbish_in_the_stream_is_removed);
	tcase_add_test(way, two_entries_of_one_job_run_once);
	tcase_add_test(way, pause_and_resume);
	tcase_add_test(way, the_table_of_types);
	tcase_add_test(way, server_settings_are_judged);
	tcase_add_test(failures, retry_waits_and_comes_again);
	tcase_add_test(failures, third_counted_attempt_buries);
	tcase_add_test(failures, uncounted_failures_bury_by_deliveries);
	tcase_add_test(failures, bury_keeps_the_reason);
	tcase_add_test(failures, backoff_is_jittered_and_bounded);
	tcase_add_test(failures, kick_wakes_a_delayed_job);
	tcase_add_test(failures, an_early_entry_is_delayed_not_delivered);
	tcase_add_test(failures, delivered_before_comes_alone);
	tcase_add_test(failures, worn_out_jobs_are_buried);
	tcase_add_test(leases, jobs_of_a_crashed_worker_are_claimed_one_by_one);
	tcase_add_test(leases, a_worker_that_slept_past_its_lease_is_fenced);
	tcase_add_test(leases, a_renewed_lease_is_kept);
	tcase_add_test(leases, done_twice_does_nothing);
	tcase_add_test(leases, release_hands_back_uncounted);
	tcase_add_test(leases, leaving_hands_back_what_was_not_begun);
	tcase_add_test(loss, emptied_redis_is_recovered);
	tcase_add_test(loss, delayed_jobs_are_recovered_when_due);
	tcase_add_test(loss, forgotten_rows_are_put_once_in_a_while);
	tcase_add_test(loss, announced_elements_are_bounded);
	tcase_add_test(loss, every_row_is_looked_at_in_turn);
	tcase_add_test(loss, many_lost_rows_are_put_at_once);
	tcase_add_test(loss, emptied_while_reading);
	tcase_add_test(loss, redis_restart_keeps_jobs);
	tcase_add_test(loss, postgres_away_keeps_what_was_read);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(queue_suite());
	int failed;

	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
