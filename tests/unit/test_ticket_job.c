/* Jobs of worker-tickets against a real PostgreSQL: what is stored, what is mailed, what is left
 * alone. */
#include <check.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "sql_tickets.h"
#include "tests/support/servers.h"
#include "worker-tickets/ticket_font.h"
#include "worker-tickets/ticket_job.h"
#include "worker-tickets/ticket_rows.h"
#include "worker-tickets/ticket_text.h"
#include "worker-tickets/ticket_tidy.h"

enum { TICKETS = 3 };

static struct arena arena;
static struct problem err;
static struct ticket_job job;
static struct pg_conn *admin;
static struct job jobs[TICKETS];
static struct job_outcome outcomes[TICKETS];
static char directory[64];

static struct pg_pool *open_pool(const char *url)
{
	size_t count = sql_common_count + sql_tickets_count;
	const struct pg_statement **statements = arena_calloc(&arena, count, sizeof(*statements));
	struct pg_pool *pool = NULL;

	memcpy(statements, sql_common, sql_common_count * sizeof(*statements));
	memcpy(statements + sql_common_count, sql_tickets, sql_tickets_count * sizeof(*statements));

	const struct pg_pool_options options = {.conninfo = url,
						.name = "test",
						.min = 0,
						.max = 4,
						.idle_ms = 30000,
						.wait_ms = 2000,
						.statement_timeout_ms = 5000,
						.lock_timeout_ms = 5000,
						.statements = statements,
						.statement_count = count};

	ck_assert_int_eq(pg_pool_open(&options, &pool, &err), OK);
	return pool;
}

static void sql(const char *text)
{
	ck_assert_msg(pg_exec(admin, text, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
}

static char *ask(const char *text)
{
	PG_RESULT result = NULL;

	ck_assert_msg(pg_exec(admin, text, PG_NO_ARGS, &result, &err) == OK, "%s", err.detail);
	if (!pg_rows(result) || pg_is_null(result, 0, 0))
		return arena_strdup(&arena, "");
	return arena_strdup(&arena, pg_text(result, 0, 0));
}

/* Outbox rows for all tickets, begun once, and the jobs that go with them. */
static void put_jobs(void)
{
	sql("INSERT INTO outbox (id, job_type, subject_id, deliveries) "
	    "SELECT gen_random_uuid(), 'generate-ticket-pdf', id, 1 FROM tickets");
	for (int i = 0; i < TICKETS; i++) {
		char *id = ask(arena_printf(&arena,
					    "SELECT id::text FROM outbox WHERE subject_id = %d AND "
					    "job_type = 'generate-ticket-pdf'",
					    i + 1));

		jobs[i] = (struct job){.type = queue_type("generate-ticket-pdf"),
				       .entry_id = "0-1",
				       .subject_id = i + 1,
				       .deliveries = 1,
				       .request_id = "req-7",
				       .traceparent = "00-trace"};
		memcpy(jobs[i].id, id, UUID_SIZE);
	}
}

static void set_up(void)
{
	const char *url = servers_database_create("ticket_job");

	arena_init(&arena, 65536);
	ck_assert_int_eq(ticket_font_init(&err), OK);
	ck_assert_int_eq(ticket_text_init(&err), OK);
	ck_assert_int_eq(pg_connect(url, &admin, &err), OK);
	sql("INSERT INTO users (id, first_name, last_name) VALUES (9, 'Łukasz', 'Żółć');"
	    "INSERT INTO events (title, event_date, end_date, time_zone, location, max_attendees,"
	    " currency, organizer_id, status) VALUES ('Nuit', '2026-12-02 23:30Z',"
	    " '2026-12-03 18:00Z', 'Asia/Tokyo', 'Hall', 10, 'EUR', 9, 'published');"
	    "INSERT INTO ticket_types (event_id, name, price, quantity) VALUES (1, 'VIP', 49.9, 9);"
	    "INSERT INTO guests (event_id, first_name, last_name, email, ticket_type_id, status,"
	    " registered_by, attempt_id, locale) SELECT 1, 'Zoé', 'N° ' || n, n || '@example.com',"
	    " 1, 'confirmed', 9, gen_random_uuid(), 'fr' FROM generate_series(1, 3) n;"
	    "INSERT INTO tickets (event_id, guest_id, ticket_type_id, ticket_code)"
	    " SELECT 1, id, 1, 'EVT-' || id FROM guests ORDER BY id");
	job = (struct ticket_job){.pool = open_pool(url), .lock = PTHREAD_MUTEX_INITIALIZER};
	ck_assert_int_eq(credential_keys_parse("0123456789abcdef0123456789abcdef", &job.keys, &err),
			 OK);
	put_jobs();
}

static void tear_down(void)
{
	pg_pool_close(job.pool);
	pg_return(&admin);
	arena_clear(&arena);
}

static void run_all(void)
{
	ticket_job_run(&job, &arena, jobs, TICKETS, outcomes);
}

static void assert_results(enum job_result a, enum job_result b, enum job_result c)
{
	ck_assert_msg(outcomes[0].result == a, "1: %s", outcomes[0].problem.detail);
	ck_assert_msg(outcomes[1].result == b, "2: %s", outcomes[1].problem.detail);
	ck_assert_msg(outcomes[2].result == c, "3: %s", outcomes[2].problem.detail);
}

static void assert_says(const char *question, const char *answer)
{
	char *said = ask(question);

	ck_assert_msg(!strcmp(said, answer), "%s: %s, not %s", question, said, answer);
}

START_TEST(documents_are_stored_and_mailed)
{
	struct credential_qr opened;
	char *qr;

	run_all();
	assert_results(JOB_DONE, JOB_DONE, JOB_DONE);
	assert_says("SELECT count(*) FROM tickets WHERE status = 'ready' AND mailed_issue = 1",
		    "3");
	assert_says("SELECT count(*) FROM documents WHERE doc_version = 1 AND location IS NULL AND"
		    " substr(pdf, 1, 5) = '%PDF-' AND substr(qr_png, 2, 3) = 'PNG' AND"
		    " substr(qr_svg, 1, 4) = '<svg' AND pdf_sha256 = sha256(pdf)",
		    "3");
	assert_says("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'", "0");
	assert_says("SELECT count(*) FROM outbox o JOIN notifications n ON n.id = o.subject_id "
		    "WHERE o.job_type = 'send-email' AND o.request_id = 'req-7' AND o.traceparent ="
		    " '00-trace' AND n.kind = 'ticket-issued' AND n.status = 'queued' AND"
		    " n.cause_id = 1 AND n.event_id = 1",
		    "3");
	qr = ask("SELECT qr_code_data FROM tickets WHERE id = 2");
	ck_assert_int_eq(credential_qr_open(&job.keys, &arena, qr, strlen(qr), &opened, &err), OK);
	ck_assert_int_eq(opened.ticket_id, 2);
	ck_assert_int_eq(opened.guest_id, 2);
	ck_assert_int_eq(opened.event_id, 1);
	ck_assert_str_eq(arena_printf(&arena, "%lld", (long long)opened.issued_ms),
			 ask("SELECT issued_at_ms FROM tickets WHERE id = 2"));
}
END_TEST

START_TEST(one_mail_an_issue)
{
	run_all();
	sql("UPDATE tickets SET status = 'pending', doc_version = 2");
	put_jobs();
	run_all();
	assert_results(JOB_DONE, JOB_DONE, JOB_DONE);
	assert_says("SELECT count(*) FROM documents WHERE doc_version = 2", "3");
	assert_says("SELECT count(*) FROM notifications", "3");
	sql("UPDATE tickets SET status = 'pending', doc_version = 3, issue = 2 WHERE id = 1");
	put_jobs();
	run_all();
	assert_says("SELECT string_agg(guest_id || ':' || cause_id, ' ' ORDER BY id)"
		    " FROM notifications",
		    "1:1 2:1 3:1 1:2");
	assert_says("SELECT count(*) FROM outbox WHERE job_type = 'send-email'", "4");
}
END_TEST

START_TEST(a_second_delivery_does_nothing)
{
	run_all();
	sql("UPDATE documents SET created_at = '2020-01-01Z'");
	run_all();
	assert_results(JOB_LOST, JOB_LOST, JOB_LOST); /* the rows are gone */
	assert_says("SELECT count(*) FROM documents WHERE created_at = '2020-01-01Z'", "3");
	assert_says("SELECT count(*) FROM outbox", "3");
}
END_TEST

START_TEST(cancelled_tickets_are_left_alone)
{
	sql("UPDATE tickets SET status = 'cancelled' WHERE id = 2");
	run_all();
	assert_results(JOB_DONE, JOB_DONE, JOB_DONE);
	assert_says("SELECT string_agg(ticket_id::text, ' ' ORDER BY ticket_id) FROM documents",
		    "1 3");
	assert_says("SELECT status FROM tickets WHERE id = 2", "cancelled");
	assert_says("SELECT count(*) FROM notifications", "2");
}
END_TEST

START_TEST(a_lost_lease_completes_nothing)
{
	sql("UPDATE outbox SET deliveries = 2 WHERE subject_id = 3");
	run_all();
	assert_results(JOB_DONE, JOB_DONE, JOB_LOST);
	assert_says("SELECT string_agg(subject_id::text, ' ') FROM outbox"
		    " WHERE job_type = 'generate-ticket-pdf'",
		    "3");
}
END_TEST

START_TEST(a_bad_row_does_not_hold_up_others)
{
	sql("INSERT INTO events (title, event_date, time_zone, location, max_attendees, currency,"
	    " organizer_id) VALUES ('Bad', now(), 'Nowhere/None', 'Hall', 10, 'EUR', 9);"
	    "UPDATE tickets SET event_id = 2 WHERE id = 2");
	run_all();
	assert_results(JOB_DONE, JOB_FAILED, JOB_DONE);
	ck_assert_int_eq(outcomes[1].problem.status, ST_INTERNAL_ERROR);
	ck_assert_int_eq(outcomes[1].delay_ms, -1);
	assert_says("SELECT count(*) FROM documents", "2");
	assert_says("SELECT status FROM tickets WHERE id = 2", "pending");
	assert_says("SELECT count(*) FROM outbox WHERE subject_id = 2 AND"
		    " job_type = 'generate-ticket-pdf'",
		    "1");
}
END_TEST

/* In an arena of its own: the test's is in use meanwhile. */
static void *run_in_thread(void *own)
{
	ticket_job_run(&job, own, jobs, TICKETS, outcomes);
	return NULL;
}

/* Change tickets between the worker's reading and its writing: it waits for the row lock. */
static void overtake(const char *change)
{
	struct arena own;
	pthread_t thread;

	arena_init(&own, 65536);
	ck_assert_int_eq(pg_begin(admin, &err), OK);
	sql(change);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, &own), 0);
	while (!strcmp(ask("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0"))
		clock_sleep_ms(10);
	ck_assert_int_eq(pg_commit(admin, &err), OK);
	pthread_join(thread, NULL);
	arena_clear(&own);
}

START_TEST(an_overtaken_document_is_dropped)
{
	overtake("UPDATE tickets SET doc_version = 2 WHERE id = 1");
	assert_results(JOB_DONE, JOB_DONE, JOB_DONE);
	assert_says("SELECT status FROM tickets WHERE id = 1", "pending");
	assert_says("SELECT string_agg(ticket_id::text, ' ' ORDER BY ticket_id) FROM documents",
		    "2 3");
	assert_says("SELECT count(*) FROM notifications WHERE guest_id = 1", "0");
}
END_TEST

/* The event changed after the worker read it, and no ticket did yet. */
START_TEST(a_page_older_than_a_change_is_no_document)
{
	overtake("SELECT FROM tickets FOR UPDATE; UPDATE ticket_types SET page_seq = 7");
	assert_results(JOB_DONE, JOB_DONE, JOB_DONE);
	assert_says("SELECT count(*) FROM tickets WHERE status = 'ready' AND page_seq = 0", "3");
	assert_says("SELECT string_agg(DISTINCT ticket_status(t.status, t.page_seq, y.page_seq),"
		    " ' ') FROM tickets t JOIN ticket_types y ON y.id = t.ticket_type_id",
		    "pending");
	sql("UPDATE tickets SET status = 'pending', doc_version = 2");
	put_jobs();
	run_all();
	assert_says("SELECT string_agg(DISTINCT ticket_status(t.status, t.page_seq, y.page_seq),"
		    " ' ') FROM tickets t JOIN ticket_types y ON y.id = t.ticket_type_id",
		    "ready");
	assert_says("SELECT count(*) FROM notifications", "3");
}
END_TEST

START_TEST(an_absent_database_hands_back)
{
	pg_pool_close(job.pool);
	job.pool = open_pool("host=127.0.0.1 port=1 dbname=none");
	run_all();
	assert_results(JOB_WAIT, JOB_WAIT, JOB_WAIT);
}
END_TEST

START_TEST(the_page_reads_the_zones_clock)
{
	struct ticket_page *pages;
	size_t count;

	ck_assert_int_eq(ticket_rows_load(job.pool, &arena, jobs, TICKETS, &pages, &count, &err),
			 OK);
	ck_assert_uint_eq(count, TICKETS);

	const struct ticket *ticket = &pages[0].ticket;

	ck_assert_int_eq(ticket->starts.day, 3); /* 08:30 of the next day in Tokyo */
	ck_assert_int_eq(ticket->starts.weekday, 4);
	ck_assert_int_eq(ticket->starts.hour, 8);
	ck_assert_int_eq(ticket->starts.minute, 30);
	ck_assert_int_eq(ticket->ends.day, 4);
	ck_assert_int_eq(ticket->ends.hour, 3);
	ck_assert_int_eq(ticket->locale, TICKET_FR);
	ck_assert_int_eq(ticket->price, 4990);
	ck_assert_str_eq(ticket->guest, "Zoé N° 1");
	ck_assert_str_eq(ticket->organizer, "Łukasz Żółć");
}
END_TEST

/* Names of the files below the store, sorted, blanks between. */
static char *files(void)
{
	char *command =
		arena_printf(&arena, "cd %s && find . -type f | sort | tr '\\n' ' '", directory);
	char line[1024] = "";
	FILE *out = popen(command, "r");

	ck_assert_ptr_nonnull(out);
	ck_assert(fgets(line, sizeof(line), out) != NULL || !line[0]);
	pclose(out);
	return arena_strdup(&arena, line);
}

static void use_directory(void)
{
	strcpy(directory, "/tmp/ticket-job-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(
		ticket_store_open(arena_printf(&arena, "file://%s", directory), &job.store, &err),
		OK);
}

static void remove_directory(void)
{
	ck_assert_int_eq(system(arena_printf(&arena, "rm -r %s", directory)), 0);
}

START_TEST(a_directory_holds_the_newest_files_only)
{
	use_directory();
	sql("DELETE FROM outbox WHERE subject_id = 3; DELETE FROM tickets WHERE id = 3");
	run_all();
	ck_assert_str_eq(files(),
			 "./0/ticket-1-v1-0.pdf ./0/ticket-1-v1-0.png ./0/ticket-1-v1-0.svg "
			 "./0/ticket-2-v1-0.pdf ./0/ticket-2-v1-0.png ./0/ticket-2-v1-0.svg ");
	assert_says("SELECT count(*) FROM documents WHERE pdf IS NULL AND location = '0/ticket-' ||"
		    " ticket_id || '-v1-0' AND length(pdf_sha256) = 32",
		    "2");
	run_all(); /* delivered again: the files that the row names stay */
	sql("UPDATE tickets SET status = 'pending', doc_version = 2 WHERE id = 1");
	overtake("UPDATE tickets SET doc_version = 3 WHERE id = 1");
	ck_assert_str_eq(files(),
			 "./0/ticket-1-v1-0.pdf ./0/ticket-1-v1-0.png ./0/ticket-1-v1-0.svg "
			 "./0/ticket-2-v1-0.pdf ./0/ticket-2-v1-0.png ./0/ticket-2-v1-0.svg ");
	run_all();
	ck_assert_str_eq(files(),
			 "./0/ticket-1-v3-0.pdf ./0/ticket-1-v3-0.png ./0/ticket-1-v3-0.svg "
			 "./0/ticket-2-v1-0.pdf ./0/ticket-2-v1-0.png ./0/ticket-2-v1-0.svg ");
	assert_says("SELECT location FROM documents WHERE ticket_id = 1", "0/ticket-1-v3-0");
	remove_directory();
}
END_TEST

/* Two workers make the same version, one from a page that has changed since: what the one drops is
 * not what the other keeps, whatever the order. */
START_TEST(dropped_files_are_ones_own)
{
	const struct slice bytes = {"%PDF-", 5};
	struct ticket_documents old = {.ticket_id = 1,
				       .doc_version = 2,
				       .page_seq = 6,
				       .pdf = bytes,
				       .svg = bytes,
				       .png = bytes};
	struct ticket_documents new = old;

	use_directory();
	new.page_seq = 7;
	ck_assert_int_eq(ticket_store_write(&job.store, &arena, &old, 1, &err), OK);
	ck_assert_int_eq(ticket_store_write(&job.store, &arena, &new, 1, &err), OK);
	ticket_store_sweep(&job.store, &arena, &old, 1);
	ck_assert_str_eq(files(),
			 "./0/ticket-1-v2-7.pdf ./0/ticket-1-v2-7.png ./0/ticket-1-v2-7.svg ");
	remove_directory();
}
END_TEST

static void shell(const char *command)
{
	ck_assert_int_eq(system(arena_printf(&arena, "cd %s && %s", directory, command)), 0);
}

static int tidy(int64_t age_s)
{
	size_t removed = 0;

	ck_assert_msg(ticket_tidy(&job.store, job.pool, age_s, &removed, &err) == OK, "%s",
		      err.detail);
	return (int)removed;
}

/* What a killed worker left; what is young may still be recorded, what is nobody's is not ours. */
START_TEST(files_that_no_document_names_are_removed)
{
	use_directory();
	sql("DELETE FROM outbox WHERE subject_id > 1; DELETE FROM tickets WHERE id > 1");
	run_all();
	shell("touch 0/ticket-1-v2.pdf 0/ticket-1-v1-0.pdf.4b1c.tmp 0/ticket-2-v1.png"
	      " 0/ticket-3-v1.svg 0/ticket-1-v10.pdf 0/readme ticket-9-v1-0.pdf"
	      " && touch -d '2 hours ago' 0/* ticket* && touch 0/ticket-1-v3-0.pdf");
	ck_assert_int_eq(tidy(3600), 5);
	ck_assert_str_eq(files(),
			 "./0/readme ./0/ticket-1-v1-0.pdf ./0/ticket-1-v1-0.png "
			 "./0/ticket-1-v1-0.svg ./0/ticket-1-v3-0.pdf ./ticket-9-v1-0.pdf ");
	ck_assert_int_eq(tidy(3600), 0);
	remove_directory();
}
END_TEST

/* A worker slept so long between writing and recording that its files were taken for strays. */
START_TEST(documents_without_files_are_not_recorded)
{
	struct ticket_documents documents = {.ticket_id = 1, .doc_version = 1, .kept = true};
	PG_LEASED conn = NULL;

	use_directory();
	ck_assert_int_eq(ticket_store_write(&job.store, &arena, &documents, 1, &err), OK);
	ck_assert_int_eq(pg_lease(job.pool, &conn, &err), OK);
	ck_assert_int_eq(ticket_store_record(&job.store, conn, &arena, &documents, 1, &err), OK);
	ck_assert_int_eq(tidy(-60), 0);
	sql("DELETE FROM documents");
	ck_assert_int_eq(tidy(-60), 3);
	ck_assert_int_eq(ticket_store_record(&job.store, conn, &arena, &documents, 1, &err),
			 ST_INTERNAL_ERROR);
	ck_assert_ptr_nonnull(strstr(err.detail, "ticket-1-v1-0.pdf"));
	remove_directory();
}
END_TEST

START_TEST(a_full_directory_fails_the_jobs)
{
	use_directory();
	remove_directory();
	run_all();
	assert_results(JOB_FAILED, JOB_FAILED, JOB_FAILED);
	assert_says("SELECT count(*) FROM tickets WHERE status = 'pending'", "3");
}
END_TEST

START_TEST(bad_stores_are_refused)
{
	static const char *const urls[] = {"",
					   "postgres",
					   "postgres:x",
					   "file:relative",
					   "file://host/dir",
					   "file:///",
					   "file:///no/such/dir",
					   "file:///etc/passwd",
					   "s3://bucket",
					   "/tmp"};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct ticket_store store;

		if (!strcmp(urls[i], "file:///")) /* root may */
			continue;
		ck_assert_msg(ticket_store_open(urls[i], &store, &err) == ST_CONFIG, "%s", urls[i]);
		ck_assert_ptr_nonnull(strstr(err.detail, "DOCUMENTS_URL"));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ticket_job");
	TCase *tcase = tcase_create("job");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, documents_are_stored_and_mailed);
	tcase_add_test(tcase, one_mail_an_issue);
	tcase_add_test(tcase, a_second_delivery_does_nothing);
	tcase_add_test(tcase, cancelled_tickets_are_left_alone);
	tcase_add_test(tcase, a_lost_lease_completes_nothing);
	tcase_add_test(tcase, a_bad_row_does_not_hold_up_others);
	tcase_add_test(tcase, an_overtaken_document_is_dropped);
	tcase_add_test(tcase, a_page_older_than_a_change_is_no_document);
	tcase_add_test(tcase, an_absent_database_hands_back);
	tcase_add_test(tcase, the_page_reads_the_zones_clock);
	tcase_add_test(tcase, a_directory_holds_the_newest_files_only);
	tcase_add_test(tcase, files_that_no_document_names_are_removed);
	tcase_add_test(tcase, documents_without_files_are_not_recorded);
	tcase_add_test(tcase, dropped_files_are_ones_own);
	tcase_add_test(tcase, a_full_directory_fails_the_jobs);
	tcase_add_test(tcase, bad_stores_are_refused);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	servers_start();
	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
