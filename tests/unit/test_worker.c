/* The loop of workers, as processes of their own, against a real Redis and PostgreSQL. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/worker.h"
#include "sql_common.h"
#include "tests/support/servers.h"

#define TYPE "generate-ticket-pdf"
#define LOG_PATH "/var/tmp/core-test-worker.%d.log"

static struct problem err;
static struct pg_pool *pool;
static struct queue *queue;
static struct queue_type type;
static struct worker_options options;
static struct redis_options redis_options;
static char log_path[64];

static void must(enum status status)
{
	ck_assert_msg(status == OK, "status %d: %s", (int)status, err.detail);
}

static struct pg_pool *open_pool(void)
{
	struct pg_pool_options pool_options = {.conninfo = servers_database_url("worker"),
					       .name = "worker-test",
					       .max = 4,
					       .wait_ms = 1000,
					       .statement_timeout_ms = 5000,
					       .lock_timeout_ms = 2000,
					       .statements = sql_common,
					       .statement_count = sql_common_count};
	struct pg_pool *made = NULL;

	must(pg_pool_open(&pool_options, &made, &err));
	return made;
}

static void run_sql(const char *sql)
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
	return pg_i64(result, 0, 0);
}

static void setup(void)
{
	servers_database_create("worker");
	servers_flush_redis();
	pool = open_pool();
	run_sql("CREATE TABLE effect (subject bigint NOT NULL, pid bigint NOT NULL)");
	redis_options = (struct redis_options){servers_redis_queue_url(), "test", 500, 1000};
	must(queue_open(&redis_options, &queue, &err));
	type = *queue_type(TYPE);
	options = (struct worker_options){.name = "test-worker",
					  .type = &type,
					  .redis = redis_options,
					  .threads = 2,
					  .batch = 4};
	snprintf(log_path, sizeof(log_path), LOG_PATH, (int)getpid());
}

static void teardown(void)
{
	queue_close(queue);
	pg_pool_close(pool);
	unlink(log_path);
}

/* Jobs with subjects from..to. */
static void put(int from, int to)
{
	static const char *ids[2000];
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	size_t count = (size_t)(to - from + 1);

	must(pg_lease(pool, &conn, &err));
	must(pg_exec(
		conn,
		"INSERT INTO outbox (id, job_type, subject_id) SELECT gen_random_uuid(), '" TYPE
		"', n FROM generate_series($1::int, $2::int) n RETURNING id",
		PG_ARGS(PG_I64(from), PG_I64(to)), &result, &err));
	for (size_t i = 0; i < count; i++)
		ids[i] = pg_text(result, i, 0);
	must(queue_put(queue, TYPE, ids, count, &err));
}

/* --- jobs (in the worker's process) ------------------------------------------------------------
 */

/* The effect and the completion, in one transaction. */
static enum status effect(const struct job *job, struct problem *why)
{
	PG_LEASED conn = NULL;
	bool done = false;
	enum status status = pg_lease(pool, &conn, why);

	if (status == OK)
		status = pg_begin(conn, why);
	if (status == OK)
		status = queue_complete(conn, job, 1, &done, why);
	if (status == OK && !done)
		return ST_JOB_LOST;
	if (status == OK)
		status = pg_exec(conn, "INSERT INTO effect VALUES ($1::bigint, $2::bigint)",
				 PG_ARGS(PG_I64(job->subject_id), PG_I64(getpid())), NULL, why);
	if (status == OK)
		status = pg_commit(conn, why);
	return status;
}

static void do_job(const struct job *job, struct job_outcome *outcome)
{
	enum status status = effect(job, &outcome->problem);

	outcome->result = status == OK ? JOB_DONE : status == ST_JOB_LOST ? JOB_LOST : JOB_FAILED;
	outcome->delay_ms = 50;
}

static void run_quick(void *ctx UNUSED, struct arena *arena UNUSED, const struct job *jobs,
		      size_t count, struct job_outcome *outcomes)
{
	for (size_t i = 0; i < count; i++)
		do_job(&jobs[i], &outcomes[i]);
}

static void run_slow(void *ctx, struct arena *arena UNUSED, const struct job *jobs, size_t count,
		     struct job_outcome *outcomes)
{
	for (size_t i = 0; i < count; i++) {
		log_message(LOG_INFO, "a slow job begins");
		clock_sleep_ms(*(int *)ctx);
		do_job(&jobs[i], &outcomes[i]);
	}
}

/* Subject 1 is refused for good, 2 fails at first, 3 cannot be begun at first, 4 is done. */
static void run_mixed(void *ctx, struct arena *arena UNUSED, const struct job *jobs, size_t count,
		      struct job_outcome *outcomes)
{
	int *waits = ctx;

	for (size_t i = 0; i < count; i++) {
		struct job_outcome *outcome = &outcomes[i];

		outcome->delay_ms = 10;
		if (jobs[i].subject_id == 1)
			problem_set(&outcome->problem, ST_UPSTREAM_REFUSED, "no such address");
		else if (jobs[i].subject_id == 2 && jobs[i].deliveries < 3)
			problem_set(&outcome->problem, ST_UPSTREAM_DOWN, "it answered 500");
		else if (jobs[i].subject_id == 3 && --*waits > 0)
			outcome->result = JOB_WAIT;
		else
			do_job(&jobs[i], outcome);
	}
}

/* --- worker processes --------------------------------------------------------------------------
 */

static pid_t start(worker_run *run, void *ctx)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves no worker behind */
		dup2(fd, 1);
		log_init("test-worker", LOG_DEBUG);
		pool = open_pool();
		options.run = run;
		options.ctx = ctx;
		options.pool = pool;
		_exit(worker_main(&options, &err) == OK ? 0 : 1);
	}
	return pid;
}

static void stop(pid_t pid)
{
	int status = -1;

	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void crash(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Wait until a count is reached. */
static void until(const char *sql, int64_t wanted)
{
	int64_t got = -1;

	for (int i = 0; i < 1200; i++) {
		got = number(sql);
		if (got == wanted)
			return;
		clock_sleep_ms(25);
	}
	ck_abort_msg("%s gives %lld, not %lld", sql, (long long)got, (long long)wanted);
}

static void until_done(int64_t jobs)
{
	until("SELECT count(*) FROM effect", jobs);
	ck_assert_int_eq(number("SELECT count(DISTINCT subject) FROM effect"), jobs);
	ck_assert_int_eq(number("SELECT count(*) FROM outbox"), 0);
}

static int lines_with(const char *text)
{
	char line[4096];
	int n = 0;
	FILE *file = fopen(log_path, "re");

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, text) != NULL;
	fclose(file);
	return n;
}

static void until_logged(const char *text)
{
	int64_t limit_us = clock_monotonic_us() + 30 * US_PER_S;

	/* the worker makes the file */
	while (access(log_path, R_OK) || !lines_with(text)) {
		ck_assert_int_lt(clock_monotonic_us(), limit_us);
		clock_sleep_ms(10);
	}
}

/* After a restart of a server the first calls of this process may fail. */
static void settle_links(void)
{
	struct problem ignored = {0};
	int64_t ready = 0;
	int64_t delayed = 0;

	for (int i = 0; i < 100; i++) {
		struct pg_conn *conn = NULL;
		bool works = queue_depth(queue, TYPE, &ready, &delayed, &ignored) == OK &&
			     pg_lease(pool, &conn, &ignored) == OK &&
			     pg_exec(conn, "SELECT 1", PG_NO_ARGS, NULL, &ignored) == OK;

		pg_return(&conn);
		if (works)
			return;
		clock_sleep_ms(50);
	}
	ck_abort_msg("servers do not come back");
}

static void depth_is_zero(void)
{
	int64_t ready = -1;
	int64_t delayed = -1;

	must(queue_depth(queue, TYPE, &ready, &delayed, &err));
	ck_assert(ready == 0 && delayed == 0);
}

START_TEST(jobs_are_done_once_and_told)
{
	pid_t pid = start(run_quick, NULL);

	put(1, 100);
	until_done(100);
	stop(pid);
	depth_is_zero();
	ck_assert_int_eq(lines_with("\"Job done\""), 100);
	ck_assert_int_eq(lines_with("Worker stopped"), 1);
}
END_TEST

START_TEST(refused_is_buried_failed_is_retried)
{
	int waits = 2;
	pid_t pid;

	options.threads = 1;
	put(1, 4);
	pid = start(run_mixed, &waits);
	until("SELECT count(*) FROM effect", 3);
	stop(pid);
	ck_assert_int_eq(
		number("SELECT count(*) FROM outbox WHERE state = 'dead' AND subject_id = 1"
		       " AND last_error = 'no such address'"),
		1);
	ck_assert_int_eq(number("SELECT count(*) FROM outbox"), 1);
	ck_assert_int_eq(lines_with("\"outcome\":\"buried\""), 1);
	ck_assert_int_eq(lines_with("\"outcome\":\"retried\""), 2);
	ck_assert_int_eq(lines_with("\"outcome\":\"waited\""), 1);
	depth_is_zero();
}
END_TEST

START_TEST(drain_finishes_what_runs_and_hands_back_the_rest)
{
	int ms = 400;
	pid_t pid;

	options.threads = 1;
	options.batch = 1;
	put(1, 5);
	pid = start(run_slow, &ms);
	until_logged("a slow job begins"); /* reserved, it might still be handed back */
	stop(pid);
	ck_assert_int_ge(number("SELECT count(*) FROM effect"), 1);
	ck_assert_int_eq(number("SELECT count(*) FROM outbox WHERE deliveries > 0"), 0);
	ck_assert_int_eq(number("SELECT (SELECT count(*) FROM effect)"
				" + (SELECT count(*) FROM outbox)"),
			 5);
	pid = start(run_quick, NULL);
	until_done(5);
	stop(pid);
}
END_TEST

START_TEST(killed_worker_loses_nothing)
{
	int ms = 100;
	pid_t first;
	pid_t second;

	type.time_to_run_ms = 600;
	put(1, 20);
	first = start(run_slow, &ms);
	until("SELECT least(count(*), 2) FROM effect", 2);
	crash(first);
	second = start(run_quick, NULL);
	until_done(20);
	stop(second);
	depth_is_zero();
	ck_assert_int_ge(number("SELECT count(DISTINCT pid) FROM effect"), 2);
}
END_TEST

START_TEST(long_jobs_keep_their_lease)
{
	int ms = 2500;
	pid_t pids[2];

	type.time_to_run_ms = 900;
	options.batch = 1;
	options.threads = 1;
	put(1, 2);
	pids[0] = start(run_slow, &ms);
	pids[1] = start(run_slow, &ms);
	until_done(2);
	stop(pids[0]);
	stop(pids[1]);
	ck_assert_int_eq(lines_with("\"deliveries\":1"), 2);
	ck_assert_int_eq(lines_with("\"Job lost\""), 0);
}
END_TEST

START_TEST(stops_while_servers_are_away)
{
	pid_t pid = start(run_quick, NULL);
	int64_t start_us;

	put(1, 3);
	until_done(3);
	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	clock_sleep_ms(1500);
	start_us = clock_monotonic_us();
	stop(pid);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 4 * US_PER_S);
	servers_resume(SERVER_REDIS_QUEUE);
	ck_assert_int_ge(lines_with("Queue does not work"), 1);
	ck_assert_int_le(lines_with("Queue does not work"), 4);
}
END_TEST

START_TEST(outages_lose_nothing)
{
	int ms = 5;
	pid_t pid;

	type.time_to_run_ms = 2000;
	put(1, 300);
	/* as if the transactions that cause them were long ago */
	run_sql("UPDATE outbox SET created_at = now() - interval '10 s'");
	pid = start(run_slow, &ms);
	until("SELECT least(count(*), 20) FROM effect", 20);
	servers_restart_redis();
	settle_links();
	until("SELECT least(count(*), 80) FROM effect", 80);
	servers_restart_postgres(true);
	settle_links();
	until("SELECT least(count(*), 140) FROM effect", 140);
	servers_flush_redis();
	until("SELECT least(count(*), 200) FROM effect", 200);
	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	servers_resume(SERVER_POSTGRES);
	servers_resume(SERVER_REDIS_QUEUE);
	settle_links();
	until_done(300);
	stop(pid);
}
END_TEST

static bool never(void *ctx UNUSED)
{
	return false;
}

START_TEST(not_ready_takes_nothing)
{
	pid_t pid;

	options.ready = never;
	put(1, 3);
	pid = start(run_quick, NULL);
	clock_sleep_ms(500);
	stop(pid);
	ck_assert_int_eq(number("SELECT count(*) FROM outbox WHERE deliveries = 0"), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("worker");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 90);
	tcase_add_test(tcase, jobs_are_done_once_and_told);
	tcase_add_test(tcase, refused_is_buried_failed_is_retried);
	tcase_add_test(tcase, drain_finishes_what_runs_and_hands_back_the_rest);
	tcase_add_test(tcase, killed_worker_loses_nothing);
	tcase_add_test(tcase, long_jobs_keep_their_lease);
	tcase_add_test(tcase, stops_while_servers_are_away);
	tcase_add_test(tcase, outages_lose_nothing);
	tcase_add_test(tcase, not_ready_takes_nothing);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
