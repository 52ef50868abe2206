/* email_job against a real PostgreSQL, a real Redis and the stand-in platform. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "sql_email.h"
#include "tests/support/servers.h"
#include "tests/support/standin.h"
#include "worker-email/email_job.h"

enum { TIMEOUT_MS = 300, STATEMENTS_MAX = 64 };

static struct arena arena;
static struct problem err;
static struct pg_pool *pool;
static struct queue *queue;
static struct email_context context;
static struct credential_keys keys;

static void must(enum status status)
{
	ck_assert_msg(status == OK, "status %d: %s", (int)status, err.detail);
}

static void sql(const char *text)
{
	PG_LEASED conn = NULL;
	must(pg_lease(pool, &conn, &err));
	must(pg_exec(conn, text, PG_NO_ARGS, NULL, &err));
}

/* The first column of the first row; "" for NULL, "-" when there is no row. */
static const char *ask(const char *text)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	must(pg_lease(pool, &conn, &err));
	must(pg_exec(conn, text, PG_NO_ARGS, &rows, &err));
	if (pg_rows(rows) == 0)
		return "-";
	return pg_is_null(rows, 0, 0) ? "" : arena_strdup(&arena, pg_text(rows, 0, 0));
}

static void open_pool(void)
{
	static const struct pg_statement *all[STATEMENTS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < sql_common_count; i++)
		all[count++] = sql_common[i];
	for (size_t i = 0; i < sql_email_count; i++)
		all[count++] = sql_email[i];
	struct pg_pool_options options = {.conninfo = servers_database_url("email_job"),
					  .name = "email-test",
					  .min = 1,
					  .max = 4,
					  .wait_ms = 1000,
					  .statement_timeout_ms = 5000,
					  .lock_timeout_ms = 2000,
					  .statements = all,
					  .statement_count = count};
	must(pg_pool_open(&options, &pool, &err));
}

/* Guest 1: free, no type. Guest 2: a ticket. Guest 3: unpaid. Guest 4: paid, cancelled, refunded.
 */
static void insert_people(void)
{
	sql("INSERT INTO users (id) VALUES (1);"
	    "INSERT INTO events (id, title, event_date, time_zone, location, max_attendees,"
	    " currency, organizer_id, status, change_seq)"
	    " VALUES (1, 'Fête & Co', '2026-07-14T18:30Z', 'Europe/Paris', 'Nîmes', 100, 'EUR', 1,"
	    " 'published', 2);"
	    "INSERT INTO ticket_types (id, event_id, name, price, quantity)"
	    " VALUES (1, 1, 'Balcon', 1234.50, 50);"
	    "INSERT INTO guests (id, event_id, first_name, last_name, email, ticket_type_id, "
	    "status,"
	    " registered_by, attempt_id, cancelled_at)"
	    " SELECT n, 1, 'Zoé', 'Guest' || n, 'zoe' || n || '@example.com',"
	    " CASE WHEN n > 1 THEN 1 END,"
	    " (ARRAY['registered', 'confirmed', 'pending', 'cancelled'])[n], 1, gen_random_uuid(),"
	    " CASE n WHEN 4 THEN now() END FROM generate_series(1, 4) n;"
	    "INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, status,"
	    " qr_code_data) VALUES"
	    " (12, 1, 2, 1, 'EVT-2222-2222-2222-2222', 'ready', 'Q'),"
	    " (14, 1, 4, 1, 'EVT-4444-4444-4444-4444', 'cancelled', NULL);"
	    "INSERT INTO payments (id, event_id, guest_id, method, status, amount, currency,"
	    " payment_key, intent_id, expires_at, paid_at, refunded_amount) VALUES"
	    " (3, 1, 3, 'intent', 'requires_payment', 1234.50, 'EUR', gen_random_uuid(), 'pi_3',"
	    "  now() + interval '15 min', NULL, 0),"
	    " (4, 1, 4, 'intent', 'succeeded', 1234.50, 'EUR', gen_random_uuid(), 'pi_4', NULL,"
	    "  now(), 1234.50);"
	    "INSERT INTO refunds (id, payment_id, amount, currency, status, cause, done_at)"
	    " VALUES (3, 4, 234.50, 'EUR', 'done', 'asked', now()),"
	    " (4, 4, 1000, 'EUR', 'done', 'registration-cancelled', now())");
}

static void setup(void)
{
	arena_init(&arena, 65536);
	err = (struct problem){0};
	servers_flush_redis();
	standin_reset();
	open_pool();
	sql("TRUNCATE users, outbox CASCADE");
	insert_people();
	struct redis_options redis = {servers_redis_queue_url(), "test", 500, 1000};
	must(queue_open(&redis, &queue, &err));
	must(credential_keys_parse("0123456789abcdef0123456789abcdef", &keys, &err));
	context = (struct email_context){
		.pool = pool,
		.service = {.url = standin_url(), .service_token = "svc", .timeout_ms = TIMEOUT_MS},
		.links = {"http://localhost:3001", &keys}};
	must(email_delays_parse("0", &context, &err));
	breaker_init(&context.breaker, 200 * US_PER_MS, US_PER_S);
}

static void teardown(void)
{
	queue_close(queue);
	pg_pool_close(pool);
	arena_clear(&arena);
}

/* --- jobs ------------------------------------------------------------------------------------- */

#define CAUSE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* A mail and its job, put; gives the job's id. */
static const char *put_mail(const char *kind, int guest, int cause)
{
	char *id = arena_alloc(&arena, UUID_SIZE);
	ids_uuid7(id);
	sql(arena_printf(&arena,
			 "WITH n AS (INSERT INTO notifications (kind, event_id, guest_id, cause_id)"
			 " VALUES ('%s', 1, %d, %d) RETURNING id)"
			 "INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)"
			 " SELECT '%s', 'send-email', n.id, 'req-1', '" CAUSE "' FROM n",
			 kind, guest, cause, id));
	must(queue_put(queue, "send-email", (const char *const *)&id, 1, &err));
	return id;
}

static const char *ticket_mail(void)
{
	return put_mail("ticket-issued", 2, 1);
}

/* One at a time, so that none is left reserved behind a test's back. */
static size_t reserve(struct job **ret)
{
	size_t count = 0;
	must(queue_move_due(queue, "send-email", NULL, &err));
	must(queue_reserve(queue, pool, queue_type("send-email"), 1, 20, &arena, ret, &count,
			   &err));
	return count;
}

static struct job reserve_one(void)
{
	struct job *jobs;
	for (int i = 0; i < 100; i++) {
		if (reserve(&jobs) > 0)
			return jobs[0];
	}
	ck_abort_msg("no job comes");
}

/* What the worker's loop does with an outcome. */
static void settle(const struct job *job, const struct job_outcome *outcome)
{
	bool buried = false;
	switch (outcome->result) {
	case JOB_DONE:
		must(queue_done(queue, job, 1, &err));
		return;
	case JOB_WAIT:
		must(queue_release(queue, pool, job, 1, &err));
		return;
	case JOB_LOST:
		return;
	case JOB_FAILED:
		break;
	}
	if (problem_retry(outcome->problem.status) == RETRY_FINAL)
		must(queue_bury(queue, pool, job, outcome->problem.detail, &err));
	else
		must(queue_retry(queue, pool, job, outcome->counted, outcome->delay_ms,
				 outcome->problem.detail, &buried, &err));
}

static struct job_outcome work(void)
{
	struct job job = reserve_one();
	struct job_outcome outcome = {0};
	email_run(&context, &arena, &job, 1, &outcome);
	settle(&job, &outcome);
	return outcome;
}

static enum job_result result(void)
{
	return work().result;
}

static struct field_array mail_calls(void)
{
	return standin_calls(&arena, "notification");
}

static const struct standin_call *only_call(void)
{
	struct field_array calls = mail_calls();
	ck_assert_uint_eq(calls.count, 1);
	return calls.items;
}

static void assert_row(const char *expected)
{
	ck_assert_str_eq(ask("SELECT status || ' ' || attempts FROM notifications"), expected);
}

/* --- delivery --------------------------------------------------------------------------------- */

START_TEST(test_a_mail_is_handed_over)
{
	const char *id = ticket_mail();
	ck_assert_int_eq(result(), JOB_DONE);
	const struct standin_call *call = only_call();
	ck_assert_str_eq(call->method, "POST");
	ck_assert_str_eq(call->path, "/api/notifications/email");
	ck_assert_str_eq(call->service_token, "svc");
	ck_assert_str_eq(call->idempotency_key, id);
	ck_assert_str_eq(call->request_id, "req-1");
	ck_assert_int_eq(strncmp(call->traceparent, CAUSE, 36), 0); /* in that trace */
	ck_assert_str_ne(call->traceparent, CAUSE);
	assert_row("sent 1");
	ck_assert_int_eq(strncmp(ask("SELECT service_id FROM notifications"), "ntf_", 4), 0);
	ck_assert_str_ne(ask("SELECT sent_at::text FROM notifications"), "");
	ck_assert_str_eq(ask("SELECT count(*)::text FROM outbox"), "0");
}
END_TEST

START_TEST(test_a_replayed_job_sends_one_mail)
{
	ticket_mail();
	struct job job = reserve_one();
	struct job_outcome outcome = {0};
	email_run(&context, &arena, &job, 1, &outcome);
	ck_assert_int_eq(outcome.result, JOB_DONE);
	email_run(&context, &arena, &job, 1, &outcome);
	ck_assert_int_eq(outcome.result, JOB_LOST);
	ck_assert_int_eq(standin_count("notification"), 1);
}
END_TEST

/* A worker that slept past its lease: the call is harmless under its key, its record is refused. */
START_TEST(test_a_job_that_went_to_another_worker_is_left_alone)
{
	ticket_mail();
	struct job job = reserve_one();
	struct job_outcome outcome = {0};
	sql("UPDATE outbox SET deliveries = deliveries + 1");
	email_run(&context, &arena, &job, 1, &outcome);
	ck_assert_int_eq(outcome.result, JOB_LOST);
	assert_row("queued 0");
	job.deliveries++;
	email_run(&context, &arena, &job, 1, &outcome);
	ck_assert_int_eq(outcome.result, JOB_DONE);
	ck_assert_int_eq(standin_count("notification"), 2);
	ck_assert_int_eq(standin_count("mails"), 1);
}
END_TEST

struct kind_case {
	const char *kind;
	int guest;
	int cause;
	const char *before; /* makes it so */
	const char *word_en, *word_fr;
};
static const struct kind_case kind_cases[] = {
	{"registration-confirmed", 1, 0, "", "registered for Fête & Co", "inscription à Fête & Co"},
	{"payment-due", 3, 3, "", "1,234.50",
	 "1\xe2\x80\xaf"
	 "234,50"},
	{"ticket-issued", 2, 1, "", "Your ticket for", "Votre billet pour"},
	{"registration-cancelled", 4, 0, "", "1,000.00 EUR in all, is refunded", "est annulée"},
	{"event-cancelled", 2, 0, "UPDATE events SET status = 'cancelled'", "Cancelled:", "Annulé"},
	{"event-changed", 2, 2, "", "New date or place", "Nouvelle date"},
	{"refund-done", 4, 4, "", "has been refunded: 1,000.00 EUR.", "remboursé à hauteur de"},
};

static void deliver(const struct kind_case *c, const char *locale, const char *word)
{
	sql(arena_printf(&arena, "UPDATE guests SET locale = '%s'", locale));
	if (c->before[0])
		sql(c->before);
	put_mail(c->kind, c->guest, c->cause);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_row("sent 1");
	const struct standin_call *call = only_call();
	ck_assert_msg(strstr(call->text, word) != NULL, "%s lacks %s", call->text, word);
	ck_assert_ptr_nonnull(
		strstr(call->text, arena_printf(&arena, "\"to\":\"zoe%d@", c->guest)));
	ck_assert_ptr_nonnull(strstr(call->text, c->kind));
	ck_assert_ptr_null(strstr(call->text, "{{"));
	ck_assert_ptr_null(strstr(call->text, "pi_3"));
}

START_TEST(test_each_mail_in_english)
{
	deliver(&kind_cases[_i], "en", kind_cases[_i].word_en);
}
END_TEST

START_TEST(test_each_mail_in_french)
{
	deliver(&kind_cases[_i], "fr", kind_cases[_i].word_fr);
}
END_TEST

START_TEST(test_dates_are_those_of_the_event)
{
	sql("UPDATE events SET time_zone = 'Asia/Kathmandu', event_date = '2026-07-14T18:30Z'");
	ticket_mail();
	ck_assert_int_eq(result(), JOB_DONE);
	ck_assert_ptr_nonnull(
		strstr(only_call()->text, "Wednesday, 15 July 2026 at 00:15 (Asia/Kathmandu)"));
}
END_TEST

/* --- calendar entries ------------------------------------------------------------------------- */

/* The last call's body holds each of the lines, as JSON writes them. */
static void assert_entry(const char *const lines[], size_t count)
{
	struct field_array calls = mail_calls();
	ck_assert_uint_gt(calls.count, 0);
	const struct standin_call *call = calls.items;
	const char *body = call[calls.count - 1].text;
	for (size_t i = 0; i < count; i++) {
		const char *line = arena_printf(&arena, "\\r\\n%s\\r\\n", lines[i]);
		ck_assert_msg(strstr(body, line) != NULL, "%s lacks %s", body, lines[i]);
	}
}

/* Issued, moved, cancelled: one entry with a rising sequence, its moments in UTC whatever the
 * event's zone and the session's. */
START_TEST(test_a_ticket_has_one_calendar_entry_to_its_end)
{
	static const char *const issued[] = {
		"METHOD:PUBLISH",
		"UID:guest-2@core-service.localhost",
		"SEQUENCE:2",
		"DTSTART:20260714T183000Z",
		"SUMMARY:Fête & Co",
		"LOCATION:Nîmes",
		"ORGANIZER;CN=\\\"Olga Org\\\":mailto:olga@example.com"};
	static const char *const moved[] = {"METHOD:PUBLISH", "UID:guest-2@core-service.localhost",
					    "SEQUENCE:3", "DTSTART:20260715T181500Z",
					    "DTEND:20260715T231500Z"};
	static const char *const cancelled[] = {"METHOD:CANCEL", "STATUS:CANCELLED",
						"UID:guest-2@core-service.localhost", "SEQUENCE:4",
						"DTSTART:20260715T181500Z"};
	sql("UPDATE users SET email = 'olga@example.com', first_name = 'Olga', last_name = 'Org'");
	ticket_mail();
	ck_assert_int_eq(result(), JOB_DONE);
	assert_entry(issued, ARRAY_LEN(issued));
	ck_assert_ptr_null(strstr(only_call()->text, "DTEND"));
	sql("UPDATE events SET time_zone = 'Asia/Kathmandu', event_date = '2026-07-16T00:00+05:45',"
	    " end_date = '2026-07-16T05:00+05:45', change_seq = 3");
	put_mail("event-changed", 2, 3);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_entry(moved, ARRAY_LEN(moved));
	sql("UPDATE events SET status = 'cancelled'");
	put_mail("event-cancelled", 2, 0);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_entry(cancelled, ARRAY_LEN(cancelled));
}
END_TEST

START_TEST(test_a_cancelled_registration_takes_its_entry_away)
{
	static const char *const lines[] = {"METHOD:CANCEL", "UID:guest-4@core-service.localhost",
					    "SEQUENCE:3"};
	put_mail("registration-cancelled", 4, 0);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_entry(lines, ARRAY_LEN(lines));
}
END_TEST

START_TEST(test_no_ticket_no_entry)
{
	put_mail("registration-confirmed", 1, 0);
	ck_assert_int_eq(result(), JOB_DONE);
	ck_assert_ptr_null(strstr(only_call()->text, "\"ics\""));
}
END_TEST

/* One key, one mail: a service that compares would refuse a retry that says something else. */
START_TEST(test_a_retry_says_the_same)
{
	ticket_mail();
	sql("UPDATE notifications SET created_at = now() - interval '1 h'");
	standin_script("\"service\":\"notification\",\"behaviour\":\"status\",\"status\":500,"
		       "\"times\":1");
	ck_assert_int_eq(result(), JOB_FAILED);
	clock_sleep_ms(1100); /* the entry's stamp counts seconds */
	ck_assert_int_eq(result(), JOB_DONE);
	struct field_array calls = mail_calls();
	const struct standin_call *call = calls.items;
	ck_assert_uint_eq(calls.count, 2);
	ck_assert_ptr_nonnull(strstr(call[0].text, "DTSTAMP:"));
	ck_assert_str_eq(call[0].text, call[1].text);
}
END_TEST

/* --- what later events have overtaken --------------------------------------------------------- */

static const struct kind_case overtaken_cases[] = {
	{"ticket-issued", 2, 1, "UPDATE guests SET status = 'cancelled', cancelled_at = now()", "",
	 ""},
	{"ticket-issued", 2, 1, "UPDATE tickets SET issue = 2", "", ""},
	{"ticket-issued", 2, 1, "UPDATE events SET status = 'cancelled'", "", ""},
	{"payment-due", 3, 3, "UPDATE payments SET status = 'succeeded', paid_at = now()", "", ""},
	{"payment-due", 3, 3, "UPDATE payments SET expires_at = now()", "", ""},
	{"event-changed", 2, 1, "", "", ""},
	{"registration-cancelled", 2, 0, "", "", ""},
};

START_TEST(test_an_overtaken_mail_is_dropped)
{
	const struct kind_case *c = &overtaken_cases[_i];
	put_mail(c->kind, c->guest, c->cause);
	if (c->before[0])
		sql(c->before);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_row("dropped 0");
	ck_assert_str_ne(ask("SELECT last_error FROM notifications"), "");
	ck_assert_str_eq(ask("SELECT count(*)::text FROM outbox"), "0");
	ck_assert_int_eq(standin_count("notification"), 0);
}
END_TEST

START_TEST(test_a_job_without_a_mail_is_done)
{
	ticket_mail();
	sql("DELETE FROM notifications");
	ck_assert_int_eq(result(), JOB_DONE);
	ck_assert_str_eq(ask("SELECT count(*)::text FROM outbox"), "0");
}
END_TEST

/* --- together --------------------------------------------------------------------------------- */

enum { TOGETHER = 4 };
static const char transactions[] = "SELECT count(DISTINCT xmin::text)::text FROM notifications "
				   "WHERE status = 'sent'";

/* One mail each for guests 1 and 2, and further ones for guest 1. */
static void reserve_together(struct job jobs[TOGETHER])
{
	size_t have = 0;
	for (int i = 0; i < TOGETHER; i++) {
		if (i == 1)
			ticket_mail();
		else
			put_mail("registration-confirmed", 1, i);
	}
	while (have < TOGETHER)
		jobs[have++] = reserve_one();
}

static void run_together(const struct job *jobs, enum job_result second)
{
	struct job_outcome outcomes[TOGETHER] = {0};
	email_run(&context, &arena, jobs, TOGETHER, outcomes);
	for (int i = 0; i < TOGETHER; i++)
		ck_assert_int_eq(outcomes[i].result, i == 1 ? second : JOB_DONE);
}

START_TEST(test_a_batch_is_recorded_at_once)
{
	struct job jobs[TOGETHER];
	reserve_together(jobs);
	run_together(jobs, JOB_DONE);
	ck_assert_int_eq(standin_count("mails"), TOGETHER);
	ck_assert_str_eq(ask(transactions), "1");
	ck_assert_str_eq(ask("SELECT count(*)::text FROM outbox"), "0");
}
END_TEST

START_TEST(test_slow_calls_are_recorded_one_by_one)
{
	struct job jobs[TOGETHER];
	reserve_together(jobs);
	standin_script("\"service\":\"notification\",\"behaviour\":\"slow\",\"delayMs\":100");
	run_together(jobs, JOB_DONE);
	ck_assert_str_eq(ask(transactions), "4");
}
END_TEST

START_TEST(test_a_lost_job_leaves_its_batch)
{
	struct job jobs[TOGETHER];
	reserve_together(jobs);
	sql("UPDATE outbox SET deliveries = deliveries + 1 WHERE subject_id = (SELECT id FROM "
	    "notifications WHERE kind = 'ticket-issued')");
	run_together(jobs, JOB_LOST);
	ck_assert_str_eq(ask("SELECT status FROM notifications WHERE guest_id = 2"), "queued");
	ck_assert_str_eq(ask("SELECT count(*)::text FROM outbox"), "1");
}
END_TEST

START_TEST(test_one_that_breaks_fails_alone)
{
	struct job jobs[TOGETHER];
	reserve_together(jobs);
	sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
	    "$$ BEGIN RAISE EXCEPTION 'odd' USING ERRCODE = '22000'; END $$;"
	    "CREATE TRIGGER refuse BEFORE UPDATE ON notifications FOR EACH ROW"
	    " WHEN (OLD.kind = 'ticket-issued') EXECUTE FUNCTION refuse()");
	run_together(jobs, JOB_FAILED);
	sql("DROP FUNCTION refuse CASCADE");
	ck_assert_str_eq(ask("SELECT string_agg(subject_id::text, ' ') = (SELECT id::text FROM "
			     "notifications WHERE status = 'queued') FROM outbox"),
			 "t");
}
END_TEST

/* Only while the call of the first mail runs. */
static void *cancel_meanwhile(void *ret_cancelled)
{
	struct problem failed = {0};
	PG_LEASED conn = NULL;
	bool reached = false;
	for (int i = 0; i < 1000 && !reached; i++) {
		clock_sleep_ms(2);
		reached = standin_count("notification") > 0;
	}
	*(bool *)ret_cancelled =
		reached && pg_lease(pool, &conn, &failed) == OK &&
		pg_exec(conn,
			"UPDATE guests SET status = 'cancelled', cancelled_at = now() WHERE id = 2",
			PG_NO_ARGS, NULL, &failed) == OK;
	return NULL;
}

START_TEST(test_what_a_slow_call_overtook_is_dropped)
{
	struct job jobs[TOGETHER];
	pthread_t thread;
	bool cancelled = false;
	reserve_together(jobs);
	standin_script("\"service\":\"notification\",\"behaviour\":\"slow\",\"delayMs\":250,"
		       "\"times\":1");
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel_meanwhile, &cancelled), 0);
	run_together(jobs, JOB_DONE);
	pthread_join(thread, NULL);
	ck_assert(cancelled);
	ck_assert_str_eq(ask("SELECT status FROM notifications WHERE guest_id = 2"), "dropped");
	ck_assert_int_eq(standin_count("mails"), TOGETHER - 1);
}
END_TEST

/* --- a service that fails --------------------------------------------------------------------- */

START_TEST(test_500_twice_then_ok_is_delivered_once)
{
	const char *id = ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"status\",\"status\":500,"
		       "\"times\":2");
	ck_assert_int_eq(result(), JOB_FAILED);
	assert_row("queued 1");
	ck_assert_int_eq(result(), JOB_FAILED);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_row("sent 3");
	ck_assert_str_eq(ask("SELECT last_error FROM notifications"), "");
	struct field_array calls = mail_calls();
	const struct standin_call *call = calls.items;
	ck_assert_uint_eq(calls.count, 3);
	for (size_t i = 0; i < calls.count; i++)
		ck_assert_str_eq(call[i].idempotency_key, id);
	ck_assert_int_eq(standin_count("mails"), 1);
}
END_TEST

START_TEST(test_three_failures_bury)
{
	ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"status\",\"status\":500");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(result(), JOB_FAILED);
	assert_row("failed 3");
	ck_assert_str_eq(ask("SELECT state || ' ' || attempts FROM outbox"), "dead 3");
	ck_assert_ptr_nonnull(strstr(ask("SELECT last_error FROM notifications"), "500"));
	struct job *jobs;
	ck_assert_uint_eq(reserve(&jobs), 0);
	ck_assert_int_eq(standin_count("notification"), 3);
}
END_TEST

START_TEST(test_a_refusal_buries_at_once)
{
	ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"status\",\"status\":400");
	struct job_outcome outcome = work();
	ck_assert_int_eq(outcome.problem.status, ST_UPSTREAM_REFUSED);
	ck_assert(outcome.counted);
	assert_row("failed 1");
	ck_assert_str_eq(ask("SELECT state FROM outbox"), "dead");
	ck_assert_int_eq(standin_count("notification"), 1);
}
END_TEST

START_TEST(test_a_kicked_mail_goes_out_after_all)
{
	const char *id = ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"status\",\"status\":400,"
		       "\"times\":1");
	ck_assert_int_eq(result(), JOB_FAILED);
	sql("UPDATE outbox SET state = 'sent', attempts = 0");
	must(queue_kick(queue, "send-email", &id, 1, &err));
	ck_assert_int_eq(result(), JOB_DONE);
	assert_row("sent 1");
}
END_TEST

static const int retried_numbers[] = {408, 425, 429, 502, 503};

START_TEST(test_numbers_that_say_later_are_retried)
{
	ticket_mail();
	standin_script(arena_printf(&arena,
				    "\"service\":\"notification\",\"behaviour\":\"status\","
				    "\"status\":%d,\"retryAfter\":7,\"times\":1",
				    retried_numbers[_i]));
	struct job_outcome outcome = work();
	ck_assert_int_eq(outcome.result, JOB_FAILED);
	ck_assert_int_eq(outcome.problem.status, ST_UPSTREAM_DOWN);
	ck_assert(outcome.counted);
	ck_assert_int_eq(outcome.delay_ms, 7000);
	ck_assert_str_eq(ask("SELECT (next_at > now() + interval '5 s')::text FROM outbox"),
			 "true");
}
END_TEST

START_TEST(test_a_hanging_service_times_out_and_is_retried)
{
	ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"hang\",\"delayMs\":2000,"
		       "\"times\":1");
	int64_t start_us = clock_monotonic_us();
	struct job_outcome outcome = work();
	ck_assert_int_lt(clock_monotonic_us() - start_us, 1500 * US_PER_MS);
	ck_assert_int_eq(outcome.result, JOB_FAILED);
	ck_assert(outcome.counted);
	ck_assert_int_eq(result(), JOB_DONE);
	assert_row("sent 2");
}
END_TEST

START_TEST(test_a_cut_answer_is_asked_for_again_under_the_same_key)
{
	ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"cut\",\"times\":1");
	ck_assert_int_eq(result(), JOB_FAILED);
	ck_assert_int_eq(result(), JOB_DONE);
	ck_assert_int_eq(standin_count("notification"), 2);
	ck_assert_int_eq(standin_count("mails"), 1);
}
END_TEST

START_TEST(test_an_accepted_mail_is_sent_whatever_the_body_says)
{
	ticket_mail();
	standin_script("\"service\":\"notification\",\"behaviour\":\"bad-body\",\"times\":1");
	ck_assert_int_eq(result(), JOB_DONE);
	assert_row("sent 1");
	ck_assert_str_eq(ask("SELECT service_id FROM notifications"), "");
}
END_TEST

START_TEST(test_nobody_listening_is_no_attempt)
{
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", servers_free_port());
	context.service.url = url;
	ticket_mail();
	struct job_outcome outcome = work();
	ck_assert_int_eq(outcome.result, JOB_FAILED);
	ck_assert(!outcome.counted);
	assert_row("queued 0");
	context.service.url = standin_url();
	ck_assert_int_eq(result(), JOB_DONE);
}
END_TEST

/* Five failures, then nothing but probes, and no mail loses an attempt by them. */
START_TEST(test_an_outage_buries_nothing)
{
	for (int guest = 1; guest <= 3; guest++)
		put_mail("refund-done", guest == 3 ? 4 : guest, guest);
	sql("UPDATE payments SET status = 'succeeded', paid_at = now(), guest_id = 1,"
	    " refunded_amount = 1 WHERE id = 3;"
	    "INSERT INTO payments (event_id, guest_id, method, status, amount, currency,"
	    " payment_key, paid_at, refunded_amount)"
	    " VALUES (1, 2, 'on_site', 'succeeded', 5, 'EUR', gen_random_uuid(), now(), 5);"
	    "INSERT INTO refunds (id, payment_id, amount, currency, status, cause, done_at)"
	    " SELECT CASE method WHEN 'intent' THEN 1 ELSE 2 END, id, 1, 'EUR', 'done', 'asked', "
	    "now()"
	    " FROM payments WHERE guest_id IN (1, 2)");
	standin_script("\"service\":\"notification\",\"behaviour\":\"status\",\"status\":500");
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(result(), JOB_FAILED);
	ck_assert(!email_ready(&context));
	ck_assert_int_eq(result(), JOB_WAIT);
	int probes = 0;
	for (int64_t end = clock_monotonic_us() + US_PER_S; clock_monotonic_us() < end;) {
		clock_sleep_ms(20);
		if (!email_ready(&context))
			continue;
		ck_assert_int_eq(result(), JOB_WAIT);
		probes++;
	}
	ck_assert_int_ge(probes, 2);
	ck_assert_int_le(probes, 3);
	ck_assert_int_eq(standin_count("notification"), 5 + probes);
	ck_assert_str_eq(ask("SELECT max(attempts)::text FROM outbox"), "2");
	ck_assert_str_eq(ask("SELECT count(*)::text FROM outbox WHERE state = 'dead'"), "0");
	standin_script("\"service\":\"notification\",\"behaviour\":\"ok\"");
	while (!email_ready(&context))
		clock_sleep_ms(20);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(result(), JOB_DONE);
	ck_assert_int_eq(standin_count("mails"), 3);
}
END_TEST

/* --- delays ----------------------------------------------------------------------------------- */

struct delays_case {
	const char *text;
	size_t count; /* 0: refused */
};
static const struct delays_case delays_cases[] = {
	{"10,60", 2},
	{"0", 1},
	{"86400", 1},
	{"1,2,3,4,5,6,7,8", 8},
	{"1,2,3,4,5,6,7,8,9", 0},
	{"", 0},
	{",", 0},
	{"10,", 0},
	{"10 60", 0},
	{"-1", 0},
	{"86401", 0},
	{"x", 0},
	{"10,,60", 0},
	{"99999999999999999999", 0},
};

START_TEST(test_delays)
{
	const struct delays_case *c = &delays_cases[_i];
	struct email_context parsed = {0};
	struct problem problem = {0};
	enum status status = email_delays_parse(c->text, &parsed, &problem);
	ck_assert_msg(status == (c->count ? OK : ST_CONFIG), "%s", c->text);
	ck_assert_uint_eq(parsed.delay_count, c->count);
	ck_assert(c->count || strstr(problem.detail, "MAIL_RETRY_DELAYS"));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("email_job");
	TCase *jobs = tcase_create("jobs");
	TCase *plain = tcase_create("delays");
	tcase_set_timeout(jobs, 20);
	tcase_add_checked_fixture(jobs, setup, teardown);
	tcase_add_test(jobs, test_a_mail_is_handed_over);
	tcase_add_test(jobs, test_a_replayed_job_sends_one_mail);
	tcase_add_test(jobs, test_a_job_that_went_to_another_worker_is_left_alone);
	tcase_add_loop_test(jobs, test_each_mail_in_english, 0, ARRAY_LEN(kind_cases));
	tcase_add_loop_test(jobs, test_each_mail_in_french, 0, ARRAY_LEN(kind_cases));
	tcase_add_test(jobs, test_dates_are_those_of_the_event);
	tcase_add_test(jobs, test_a_ticket_has_one_calendar_entry_to_its_end);
	tcase_add_test(jobs, test_a_cancelled_registration_takes_its_entry_away);
	tcase_add_test(jobs, test_no_ticket_no_entry);
	tcase_add_test(jobs, test_a_retry_says_the_same);
	tcase_add_loop_test(jobs, test_an_overtaken_mail_is_dropped, 0, ARRAY_LEN(overtaken_cases));
	tcase_add_test(jobs, test_a_job_without_a_mail_is_done);
	tcase_add_test(jobs, test_a_batch_is_recorded_at_once);
	tcase_add_test(jobs, test_slow_calls_are_recorded_one_by_one);
	tcase_add_test(jobs, test_a_lost_job_leaves_its_batch);
	tcase_add_test(jobs, test_one_that_breaks_fails_alone);
	tcase_add_test(jobs, test_what_a_slow_call_overtook_is_dropped);
	tcase_add_test(jobs, test_500_twice_then_ok_is_delivered_once);
	tcase_add_test(jobs, test_three_failures_bury);
	tcase_add_test(jobs, test_a_refusal_buries_at_once);
	tcase_add_test(jobs, test_a_kicked_mail_goes_out_after_all);
	tcase_add_loop_test(jobs, test_numbers_that_say_later_are_retried, 0,
			    ARRAY_LEN(retried_numbers));
	tcase_add_test(jobs, test_a_hanging_service_times_out_and_is_retried);
	tcase_add_test(jobs, test_a_cut_answer_is_asked_for_again_under_the_same_key);
	tcase_add_test(jobs, test_an_accepted_mail_is_sent_whatever_the_body_says);
	tcase_add_test(jobs, test_nobody_listening_is_no_attempt);
	tcase_add_test(jobs, test_an_outage_buries_nothing);
	tcase_add_loop_test(plain, test_delays, 0, ARRAY_LEN(delays_cases));
	suite_add_tcase(suite, jobs);
	suite_add_tcase(suite, plain);
	return suite;
}

int main(int argc UNUSED, char **argv)
{
	log_init("test_email_job", LOG_ERROR + 1);
	http_client_init();
	servers_start();
	servers_database_create("email_job");
	standin_start(argv[0]);
	SRunner *runner = srunner_create(make_suite());
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	standin_stop();
	servers_stop();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
