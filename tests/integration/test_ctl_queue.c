/* corectl queue: what operators see of jobs and do to them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/pg.h"
#include "common/queue.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"

#define WAITING "00000000-0000-7000-8000-000000000001"
#define DELAYED "00000000-0000-7000-8000-000000000002"
#define DEAD "00000000-0000-7000-8000-000000000003"
#define NOBODY "00000000-0000-7000-8000-00000000000f"

static struct arena arena;
static struct problem err;
static struct pg_conn *conn;
static struct pg_pool *pool;
static struct queue *queue;
static const char *output; /* of the last run, stderr too */

static void run_sql(const char *sql)
{
	ck_assert_msg(pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
}

static const char *select_text(const char *sql)
{
	PG_RESULT result = NULL;
	ck_assert_msg(pg_exec(conn, sql, PG_NO_ARGS, &result, &err) == OK, "%s", err.detail);
	return arena_strdup(&arena, pg_text(result, 0, 0));
}

static void setup(void)
{
	arena_init(&arena, 65536);
	const char *url = servers_database_create("ctl_queue");
	servers_flush_redis();
	setenv("DATABASE_URL", url, 1);
	setenv("REDIS_QUEUE_URL", servers_redis_queue_url(), 1);
	ck_assert_int_eq(pg_connect(url, &conn, &err), OK);
	run_sql("INSERT INTO outbox (id, job_type, subject_id, state, deliveries, attempts, "
		"next_at,"
		" created_at, last_error) VALUES"
		" ('" WAITING
		"', 'send-email', 1, 'sent', 0, 0, now(), now() - interval '90 s', NULL),"
		" ('" DELAYED
		"', 'send-email', 2, 'sent', 2, 1, now() + interval '1 h', now(), 'HTTP 500'),"
		" ('" DEAD "', 'send-email', 3, 'dead', 10, 3, now(), now(), 'HTTP 400')");
	struct pg_pool_options pool_options = {.conninfo = url,
					       .name = "test",
					       .max = 2,
					       .idle_ms = 1000,
					       .wait_ms = 1000,
					       .statement_timeout_ms = 5000,
					       .lock_timeout_ms = 2000,
					       .statements = sql_common,
					       .statement_count = sql_common_count};
	struct redis_options redis_options = {.url = servers_redis_queue_url(),
					      .client_name = "test",
					      .connect_timeout_ms = 1000,
					      .command_timeout_ms = 3000};
	ck_assert_int_eq(pg_pool_open(&pool_options, &pool, &err), OK);
	ck_assert_int_eq(queue_open(&redis_options, &queue, &err), OK);
}

static void teardown(void)
{
	queue_close(queue);
	pg_pool_close(pool);
	pg_return(&conn);
	arena_clear(&arena);
}

static int corectl(const char *arguments)
{
	return run_program(&arena, "corectl", arguments, &output);
}

static void assert_says(const char *text)
{
	ck_assert_msg(strstr(output, text), "%s\n-- lacks: %s", output, text);
}

/* The id of the one job that can be begun now, "" when there is none. */
static const char *reserve(void)
{
	struct job *jobs = NULL;
	size_t count = 0;
	ck_assert_msg(queue_reserve(queue, pool, queue_type("send-email"), 1, 300, &arena, &jobs,
				    &count, &err) == OK,
		      "%s", err.detail);
	return count ? jobs[0].id : "";
}

START_TEST(test_usage)
{
	static const char *const bad[] = {"queue",
					  "queue nothing",
					  "queue peek",
					  "queue peek send-mail",
					  "queue pause send-mail",
					  "queue kick",
					  "queue kick 7",
					  "queue bury " WAITING,
					  "queue bury 7 reason",
					  "queue ls more"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(corectl(bad[i]) == EXIT_USAGE, "%s: %s", bad[i], output);
}
END_TEST

START_TEST(test_ls)
{
	const char *const ids[] = {WAITING};
	ck_assert_int_eq(queue_put(queue, "send-email", ids, 1, &err), OK);
	ck_assert_int_eq(corectl("queue ls"), 0);
	assert_says("generate-ticket-pdf");
	assert_says(DEAD);
	assert_says("HTTP 400");
	ck_assert_int_eq(corectl("queue ls --json"), 0);
	assert_says("{\"type\":\"send-email\",\"ready\":1,\"delayed\":0,\"waiting\":2,\"dead\":1,"
		    "\"oldestSeconds\":9");
	assert_says("\"dead\":[{\"id\":\"" DEAD "\",\"type\":\"send-email\",\"subjectId\":3,"
		    "\"state\":\"dead\",\"deliveries\":10,\"attempts\":3,");
	setenv("REDIS_QUEUE_URL", "redis://127.0.0.1:1", 1);
	ck_assert_int_eq(corectl("queue ls --json"), EXIT_FAILURE);
	assert_says("\"ready\":null,\"delayed\":null,\"waiting\":2,\"dead\":1");
}
END_TEST

START_TEST(test_peek)
{
	ck_assert_int_eq(corectl("queue peek send-email"), 0);
	const char *first = strstr(output, WAITING);
	const char *second = strstr(output, DELAYED);
	ck_assert(first && second && first < second);
	assert_says(DEAD);
	ck_assert_int_eq(corectl("queue peek generate-ticket-pdf --json"), 0);
	ck_assert_str_eq(output, "[]\n");
}
END_TEST

/* What a job is about, without an address. */
START_TEST(test_peek_payload)
{
	run_sql("INSERT INTO users (id) VALUES (1);"
		"INSERT INTO events (id, title, event_date, time_zone, location, max_attendees, "
		"currency, organizer_id) VALUES (5, 'E', now(), 'UTC', 'there', 10, 'EUR', 1);"
		"INSERT INTO guests (id, event_id, first_name, last_name, email, registered_by, "
		"attempt_id) VALUES (6, 5, 'A', 'B', 'a@example.com', 1, gen_random_uuid());"
		"INSERT INTO notifications (id, kind, event_id, guest_id) VALUES (1, "
		"'registration-confirmed', 5, 6)");
	ck_assert_int_eq(corectl("queue peek send-email --limit 1 --json"), 0);
	assert_says("\"payload\":{\"kind\": \"registration-confirmed\", \"status\": \"queued\", "
		    "\"causeId\": 0, \"eventId\": 5, \"guestId\": 6, \"notificationId\": 1}}]");
	ck_assert_ptr_null(strstr(output, "example.com"));
	ck_assert_ptr_null(strstr(output, DELAYED));
	ck_assert_int_eq(corectl("queue peek send-email"), 0);
	assert_says("\"guestId\": 6");
}
END_TEST

START_TEST(test_outbox_ls)
{
	ck_assert_int_eq(corectl("outbox ls --json"), 0);
	assert_says("{\"type\":\"send-email\",\"waiting\":1,\"running\":0,\"delayed\":1,\"dead\":1,"
		    "\"oldestSeconds\":9");
	run_sql("UPDATE outbox SET begun_at = now() WHERE id = '" WAITING "'");
	setenv("REDIS_QUEUE_URL", "redis://127.0.0.1:1", 1);
	ck_assert_int_eq(corectl("outbox ls"), 0);
	assert_says("send-email           0        1        1        1     9");
}
END_TEST

START_TEST(test_kick_all)
{
	run_sql("INSERT INTO outbox (id, job_type, subject_id, state) SELECT gen_random_uuid(), "
		"'generate-ticket-pdf', i, 'dead' FROM generate_series(1, 2500) i");
	ck_assert_int_eq(corectl("queue kick --all --type send-email --json"), 0);
	ck_assert_str_eq(output, "{\"type\":\"send-email\",\"jobs\":2}\n");
	ck_assert_str_eq(select_text("SELECT string_agg(state || deliveries, ' ' ORDER BY id) FROM "
				     "outbox WHERE job_type = 'send-email'"),
			 "sent0 sent2 sent0");
	ck_assert_str_eq(reserve(), DELAYED);
	ck_assert_str_eq(reserve(), DEAD);
	ck_assert_int_eq(corectl("queue kick --all"), 0);
	assert_says("2500 jobs kicked");
	ck_assert_str_eq(select_text("SELECT count(*) FROM outbox WHERE state = 'dead'"), "0");
	ck_assert_int_eq(corectl("queue kick --all"), 0);
	assert_says("0 jobs kicked");
	ck_assert_int_eq(corectl("queue ls --json"), 0);
	assert_says("{\"type\":\"generate-ticket-pdf\",\"ready\":2500,");
}
END_TEST

START_TEST(test_kick)
{
	ck_assert_int_eq(corectl("queue kick " NOBODY), EXIT_FAILURE);
	ck_assert_str_eq(reserve(), "");
	ck_assert_int_eq(corectl("queue kick " DEAD), 0);
	assert_says("kicked send-email");
	ck_assert_str_eq(
		select_text("SELECT concat_ws(' ', state, deliveries, attempts) FROM outbox"
			    " WHERE id = '" DEAD "'"),
		"sent 0 0");
	ck_assert_str_eq(reserve(), DEAD);
	ck_assert_int_eq(corectl("queue kick " DELAYED), 0);
	ck_assert_str_eq(reserve(), DELAYED);
}
END_TEST

START_TEST(test_bury)
{
	const char *const ids[] = {WAITING};
	ck_assert_int_eq(queue_put(queue, "send-email", ids, 1, &err), OK);
	ck_assert_int_eq(corectl("queue bury " WAITING " 'not wanted'"), 0);
	ck_assert_str_eq(
		select_text(
			"SELECT concat_ws(' ', state, last_error) FROM outbox WHERE id = '" WAITING
			"'"),
		"dead not wanted");
	ck_assert_str_eq(reserve(), "");
	ck_assert_int_eq(corectl("queue bury " WAITING " again"), EXIT_FAILURE);
}
END_TEST

START_TEST(test_pause_and_resume)
{
	const char *const ids[] = {WAITING};
	ck_assert_int_eq(corectl("queue pause send-email"), 0);
	ck_assert_int_eq(queue_put(queue, "send-email", ids, 1, &err), OK);
	ck_assert_str_eq(reserve(), "");
	ck_assert_int_eq(corectl("queue resume send-email"), 0);
	ck_assert_str_eq(reserve(), WAITING);
}
END_TEST

START_TEST(test_rebuild)
{
	ck_assert_int_eq(corectl("queue rebuild"), 0);
	assert_says("1 jobs put again");
	ck_assert_str_eq(reserve(), WAITING);
	ck_assert_int_eq(corectl("queue rebuild"), 0);
	assert_says("0 jobs put again");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("corectl queue");
	TCase *tc = tcase_create("queue");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_usage);
	tcase_add_test(tc, test_ls);
	tcase_add_test(tc, test_peek);
	tcase_add_test(tc, test_peek_payload);
	tcase_add_test(tc, test_outbox_ls);
	tcase_add_test(tc, test_kick);
	tcase_add_test(tc, test_kick_all);
	tcase_add_test(tc, test_bury);
	tcase_add_test(tc, test_pause_and_resume);
	tcase_add_test(tc, test_rebuild);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
