/* corectl audit: each row that contradicts others is found and named. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "common/credential.h"
#include "common/pg.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"

#define SECRET "a secret for the codes of the tests, long enough"

static struct arena arena;
static struct problem err;
static struct pg_conn *conn;
static const char *output; /* of the last run, stderr too */

static int corectl(const char *arguments)
{
	return run_program(&arena, "corectl", arguments, &output);
}

static void run_sql(const char *sql)
{
	ck_assert_msg(pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) == OK, "%s: %s", sql, err.detail);
}

static const char *qr_of(int64_t ticket, int64_t event, int64_t guest, int64_t issued_ms)
{
	struct credential_keys keys;
	const struct credential_qr qr = {ticket, event, guest, issued_ms};
	char *text = arena_alloc(&arena, CREDENTIAL_QR_SIZE);

	ck_assert_int_eq(credential_keys_parse(SECRET, &keys, &err), OK);
	credential_qr_make(&keys, &qr, text);
	return text;
}

/* Two events, each with a sold and paid, admitted ticket, and every number right. */
static const char fixture[] =
	"INSERT INTO users (id) VALUES (1);"
	"INSERT INTO events (id, title, event_date, time_zone, location, max_attendees, currency,"
	" organizer_id, current_attendees, status)"
	" SELECT e, 'E', now() + interval '1 h', 'UTC', 'there', 10, 'EUR', 1, 1, 'published'"
	" FROM generate_series(1, 2) e;"
	"INSERT INTO ticket_types (id, event_id, name, price, quantity, sold)"
	" SELECT e, e, 'T', 10, 5, 1 FROM generate_series(1, 2) e;"
	"INSERT INTO guests (id, event_id, first_name, last_name, email, ticket_type_id, status,"
	" status_before, checked_in_at, registered_by, attempt_id)"
	" SELECT e, e, 'A', 'B', 'a@example.com', e, 'checked_in', 'confirmed', now(), 1,"
	" gen_random_uuid() FROM generate_series(1, 2) e;"
	"INSERT INTO tickets (id, event_id, guest_id, ticket_type_id, ticket_code, qr_code_data, "
	"status,"
	" is_validated, validated_at, issued_at_ms, mailed_issue)"
	" SELECT e, e, e, e, 'EVT-' || e, 'Q', 'ready', true, now(), 1000, 1"
	" FROM generate_series(1, 2) e;"
	"INSERT INTO documents (ticket_id, doc_version, pdf, qr_svg, qr_png, pdf_sha256)"
	" SELECT e, 1, '%PDF-1.4', '<svg', '\\x89504e470d0a1a0a00', sha256('%PDF-1.4')"
	" FROM generate_series(1, 2) e;"
	"INSERT INTO ticket_scans (id, event_id, ticket_id, guest_id, outcome, validated_at, "
	"scanned_by)"
	" SELECT e, e, e, e, 'admitted', now(), 1 FROM generate_series(1, 2) e;"
	"INSERT INTO payments (id, event_id, guest_id, method, status, amount, currency, "
	"payment_key,"
	" paid_at) SELECT e, e, e, 'on_site', 'succeeded', 10, 'EUR', gen_random_uuid(), now()"
	" FROM generate_series(1, 2) e;"
	"INSERT INTO notifications (id, kind, event_id, guest_id, cause_id, status, attempts, "
	"sent_at)"
	" SELECT e, 'ticket-issued', e, e, 1, 'sent', 1, now() FROM generate_series(1, 2) e;"
	"INSERT INTO idempotency_keys (caller_id, key, fingerprint, state, status, guest_id, "
	"expires_at)"
	" SELECT 1, 'key-' || e, '', 'done', 201, e, now() + interval '1 h'"
	" FROM generate_series(1, 2) e;"
	"INSERT INTO statistics_deltas (event_id, ticket_type_id, quarter, kind, n, amount)"
	" SELECT e, e, quarter_of(now()), k, 1, CASE k WHEN 'gross' THEN 10 ELSE 0 END"
	" FROM generate_series(1, 2) e, unnest(ARRAY['guests', 'confirmed', 'check_ins', 'gross']) "
	"AS k";

/* One database for all cases but those that change the schema. */
static const char shared[] = "ctl_audit";

static const char empty[] =
	"TRUNCATE users, events, payment_messages, ticket_scans, outbox, idempotency_keys, "
	"statistics_deltas, event_statistics, audit_runs CASCADE";

static void make_rows(const char *database)
{
	setenv("DATABASE_URL", servers_database_url(database), 1);
	ck_assert_int_eq(pg_connect(servers_database_url(database), &conn, &err), OK);
	run_sql(empty);
	run_sql(fixture);
	for (int64_t i = 1; i <= 2; i++)
		run_sql(arena_printf(&arena,
				     "UPDATE tickets SET qr_code_data = '%s' WHERE id = %lld",
				     qr_of(i, i, i, 1000), (long long)i));
}

static void setup(void)
{
	arena_init(&arena, 65536);
	setenv("QR_SIGNATURE_SECRET", SECRET, 1);
	make_rows(shared);
}

static void teardown(void)
{
	pg_return(&conn);
	arena_clear(&arena);
}

START_TEST(test_nothing_wrong)
{
	ck_assert_msg(corectl("audit") == 0, "%s", output);
	ck_assert_str_eq(output, "no drift\n");
	/* Jobs that wait as they may. */
	run_sql("INSERT INTO notifications (id, kind, event_id, guest_id) VALUES (9, "
		"'event-changed', 1, 1);"
		"INSERT INTO outbox (id, job_type, subject_id, created_at, next_at) VALUES"
		" (gen_random_uuid(), 'send-email', 9, now() - interval '21 min', now() + interval "
		"'9 s'),"
		" (gen_random_uuid(), 'generate-ticket-pdf', 1, now(), now())");
	ck_assert_int_eq(corectl("audit --json"), 0);
	ck_assert_str_eq(output, "[]\n");
}
END_TEST

#define GUEST_2_FREED                                                                              \
	"UPDATE guests SET status = 'cancelled', cancelled_at = now(), checked_in_at = NULL, "     \
	"status_before = NULL WHERE id = 2"
#define PAYMENT(columns, values)                                                                   \
	"INSERT INTO payments (id, event_id, guest_id, amount, currency, payment_key, " columns    \
	") VALUES (3, 2, 2, 1, 'EUR', gen_random_uuid(), " values ")"

/* What is wrong, the check that finds it, the row that it names, and what it says of it. */
static const struct {
	const char *wrong;
	const char *check, *id, *says;
} cases[] = {
	{"UPDATE events SET current_attendees = 2 WHERE id = 2", "event-attendees", "2",
	 "current_attendees is 2 of 10, live guests are 1"},
	{"ALTER TABLE events DROP CONSTRAINT ck_events_attendees;"
	 "ALTER TABLE events DROP CONSTRAINT events_max_attendees_check;"
	 "UPDATE events SET max_attendees = 0 WHERE id = 2",
	 "event-attendees", "2", "1 of 0"},
	{"UPDATE ticket_types SET sold = 2 WHERE id = 2", "ticket-type-sold", "2",
	 "sold is 2 of 5"},
	{"DROP INDEX uq_guests_email_event;"
	 "INSERT INTO guests (id, event_id, first_name, last_name, email, registered_by, "
	 "attempt_id)"
	 " VALUES (3, 2, 'A', 'B', 'A@EXAMPLE.com', 1, gen_random_uuid())",
	 "live-guest", "2", "2 live guests of one address: 2 3"},
	{"DROP INDEX uq_guests_external_id; UPDATE guests SET external_id = 'x' WHERE id = 2;"
	 "INSERT INTO guests (id, event_id, first_name, last_name, email, external_id, "
	 "registered_by,"
	 " attempt_id) VALUES (3, 2, 'A', 'B', 'b@example.com', 'x', 1, gen_random_uuid())",
	 "live-guest", "2", "one external id: 2 3"},
	{"UPDATE tickets SET status = 'cancelled' WHERE id = 2", "guest-tickets", "2",
	 "has 0 live tickets"},
	{"UPDATE guests SET ticket_type_id = NULL WHERE id = 2", "ticket-guest", "2",
	 "differ in event or ticket type"},
	{"ALTER TABLE tickets DROP CONSTRAINT tickets_ticket_code_key;"
	 "UPDATE tickets SET ticket_code = 'EVT-1' WHERE id = 2",
	 "ticket-code", "1", "tickets 1 2 have one code"},
	{"INSERT INTO retired_codes (ticket_code, ticket_id) VALUES ('EVT-2', 1)", "ticket-code",
	 "2", "retired from ticket 1"},
	{"UPDATE tickets SET doc_version = 2 WHERE id = 2", "ticket-document", "2",
	 "document is of version 1"},
	{"DELETE FROM documents WHERE ticket_id = 2", "ticket-document", "2",
	 "document is missing"},
	{"UPDATE ticket_types SET page_seq = 1", "ticket-document", "2", "from before a change"},
	{"UPDATE documents SET pdf = '%PDF-1.5' WHERE ticket_id = 2", "document-bytes", "2",
	 "another digest"},
	{"UPDATE documents SET pdf = 'P', pdf_sha256 = sha256('P') WHERE ticket_id = 2",
	 "document-bytes", "2", "the PDF is none"},
	{"UPDATE documents SET qr_png = 'x' WHERE ticket_id = 2", "document-bytes", "2", "no PNG"},
	{"UPDATE documents SET qr_svg = 'x' WHERE ticket_id = 2", "document-bytes", "2", "no SVG"},
	{"UPDATE documents SET location = '0/ticket-2-v1', pdf = NULL, qr_svg = NULL, qr_png = NULL"
	 " WHERE ticket_id = 2",
	 "document-file", "2", "0/ticket-2-v1: lies in a directory"},
	{"UPDATE tickets SET qr_code_data = 'x' WHERE id = 2", "ticket-qr", "2", "does not verify"},
	{"UPDATE tickets SET qr_code_data = (SELECT qr_code_data FROM tickets WHERE id = 1)"
	 " WHERE id = 2",
	 "ticket-qr", "2", "names ticket 1, event 1, guest 1, issue 1000"},
	{"UPDATE tickets SET issued_at_ms = 1001 WHERE id = 2", "ticket-qr", "2", "issue 1000"},
	{"UPDATE tickets SET is_validated = false, validated_at = NULL WHERE id = 2",
	 "ticket-check-in", "2", "validated at no time, guest 2 is checked_in"},
	{"UPDATE tickets SET validated_at = now() - interval '1 s' WHERE id = 2", "ticket-check-in",
	 "2", "guest 2 is checked_in since"},
	{"DELETE FROM guest_search WHERE guest_id = 2", "guest-search", "2",
	 "no search finds the guest"},
	{"INSERT INTO guest_search (guest_id, event_id, words) VALUES (9, 2, 'z')", "guest-search",
	 "9", "a search finds a guest who is not there"},
	{"UPDATE guest_search SET event_id = 1 WHERE guest_id = 2", "guest-search", "2",
	 "guest is of event 2, found in event 1"},
	{"UPDATE guest_search SET words = 'a b z@example.com' WHERE guest_id = 2", "guest-search",
	 "2", "guest is found by other words than it has"},
	{"DELETE FROM ticket_scans WHERE id = 2", "guest-scans", "2",
	 "has 0 admissions that stand"},
	{"INSERT INTO ticket_scans (id, event_id, ticket_id, guest_id, outcome, validated_at, "
	 "scanned_by)"
	 " VALUES (3, 2, 2, 2, 'admitted', now(), 1)",
	 "guest-scans", "2", "has 2 admissions that stand"},
	{"UPDATE ticket_scans SET validated_at = now() - interval '1 s' WHERE id = 2",
	 "guest-scans", "2", "has 1 admissions that stand, the last of"},
	{"INSERT INTO ticket_scans (id, event_id, ticket_id, guest_id, outcome, scanned_by,"
	 " undone) VALUES (3, 2, 2, 2, 'admitted', 1, true)",
	 "guest-scans", "2", "1 admissions were taken back, 0 undos are on record"},
	{"UPDATE notifications SET sent_at = NULL WHERE id = 2", "mail", "2",
	 "is sent, at no time"},
	{"UPDATE tickets SET mailed_issue = 0 WHERE id = 2", "mail", "2",
	 "ready at issue 1, mailed was 0"},
	{"UPDATE notifications SET cause_id = 2 WHERE id = 2", "mail", "2",
	 "tells of issue 2 of a ticket that has 1"},
	{GUEST_2_FREED, "mail", "2", "no mail told of it"},
	{"UPDATE guests SET status = 'pending', checked_in_at = NULL, status_before = NULL WHERE "
	 "id = 2;" PAYMENT("method, status, intent_id, expires_at",
			   "'intent', 'requires_payment', 'pi_3', now() + interval '1 h'"),
	 "mail", "3", "payment waits for guest 2, whom no mail told"},
	{"INSERT INTO outbox (id, job_type, subject_id, created_at, next_at) VALUES"
	 " ('00000000-0000-7000-8000-000000000002', 'generate-ticket-pdf', 2,"
	 " now() - interval '21 min', now() - interval '21 min')",
	 "outbox", "00000000-0000-7000-8000-000000000002", "generate-ticket-pdf of 2 waits"},
	{"UPDATE tickets SET status = 'pending' WHERE id = 2", "job-missing", "2",
	 "ticket is pending and has no job"},
	{"UPDATE notifications SET status = 'queued' WHERE id = 2", "job-missing", "2",
	 "notification ticket-issued is queued"},
	{"INSERT INTO outbox (id, job_type, subject_id) VALUES"
	 " ('00000000-0000-7000-8000-000000000002', 'send-email', 77)",
	 "job-cause", "00000000-0000-7000-8000-000000000002", "send-email of 77, which does not"},
	{"INSERT INTO outbox (id, job_type, subject_id) VALUES"
	 " ('00000000-0000-7000-8000-000000000002', 'send-email', 2)",
	 "job-cause", "00000000-0000-7000-8000-000000000002", "send-email of 2, which is sent"},
	{"INSERT INTO outbox (id, job_type, subject_id, state) VALUES"
	 " ('00000000-0000-7000-8000-000000000002', 'generate-ticket-pdf', 2, 'dead')",
	 "job-cause", "00000000-0000-7000-8000-000000000002", "is dead for no reason"},
	{"UPDATE statistics_deltas SET n = 2 WHERE kind = 'confirmed' AND event_id = 2",
	 "event-statistics", "2", "statistics say 2 confirmed of ticket type 2, the rows 1"},
	{"UPDATE statistics_deltas SET ticket_type_id = NULL WHERE kind = 'guests' AND event_id = "
	 "2",
	 "event-statistics", "2", "statistics say 0 guests of ticket type 2, the rows 1"},
	{"DELETE FROM statistics_deltas WHERE kind = 'gross' AND event_id = 2", "event-statistics",
	 "2", "statistics say 0 gross, the rows 10.00"},
	{"UPDATE payments SET refunded_amount = 1 WHERE id = 2", "payment", "2",
	 "its refunds done are 0"},
	{"UPDATE payments SET refunding_amount = 1 WHERE id = 2", "payment", "2",
	 "its refunds under way are 0"},
	{"INSERT INTO refunds (payment_id, amount, currency, status, cause)"
	 " VALUES (2, 1, 'CHF', 'dead', 'asked')",
	 "payment", "2", "is in CHF, the money came in EUR"},
	{GUEST_2_FREED, "guest-money", "2", "has 10.00 that nobody gives back"},
	{PAYMENT("method, status", "'intent', 'failed'"), "guest-money", "2",
	 "has 1 open payments"},
	{"UPDATE guests SET status = 'pending', checked_in_at = NULL, status_before = NULL WHERE "
	 "id = 2",
	 "guest-money", "2", "has no payment that may still come"},
	{"UPDATE payments SET method = 'intent', status = 'expired', paid_at = NULL WHERE id = 2",
	 "guest-money", "2", "has payments, none of which was paid"},
	{"INSERT INTO refunds (payment_id, amount, currency, status, cause, done_at)"
	 " VALUES (2, 10, 'EUR', 'done', 'asked', now());"
	 "UPDATE payments SET refunded_amount = 10 WHERE id = 2;"
	 "UPDATE guests SET status = 'confirmed', checked_in_at = NULL, status_before = NULL WHERE "
	 "id = 2",
	 "guest-money", "2", "had paid and has everything back"},
	{"INSERT INTO payment_messages (webhook_id, type, intent_id, state, body, received_at)"
	 " VALUES ('m', 'payment.succeeded', 'pi_x', 'waiting', '', now() - interval '61 min')",
	 "payment-message", "m", "payment.succeeded of pi_x waits"},
	{"INSERT INTO payment_messages (webhook_id, type, intent_id, state, body)"
	 " VALUES ('m', 'payment.succeeded', 'pi_x', 'applied', '')",
	 "payment-message", "m", "was applied, its payment is missing"},
	{"UPDATE payments SET event_id = 1 WHERE id = 2", "cross-event", "2",
	 "payment is of event 1, its guest of 2"},
	{"UPDATE notifications SET event_id = 1 WHERE id = 2", "cross-event", "2",
	 "notification is of event 1"},
	{"UPDATE ticket_scans SET event_id = 1 WHERE id = 2", "cross-event", "2",
	 "scan is of event 1"},
	{"UPDATE ticket_scans SET guest_id = 1 WHERE id = 2", "cross-event", "2",
	 "scan is of guest 1, its ticket of 2"},
	{"UPDATE statistics_deltas SET ticket_type_id = 2 WHERE event_id = 1 AND kind = 'gross'",
	 "cross-event", "1", "statistics of ticket type 2, which is of event 2"},
	{"UPDATE guests SET attempt_id = '00000000-0000-4000-8000-000000000000'", "idempotency",
	 "1", "guests 1 2 are of one attempt"},
	{"UPDATE idempotency_keys SET guest_id = 77 WHERE key = 'key-2'", "idempotency", "key-2",
	 "made guest 77, who does not exist"},
	{"UPDATE idempotency_keys SET caller_id = 5 WHERE key = 'key-2'", "idempotency", "key-2",
	 "key of caller 5 made guest 2, who was registered by 1"},
	{"UPDATE idempotency_keys SET guest_id = 1", "idempotency", "key-1", "2 keys made guest 1"},
	{"UPDATE idempotency_keys SET state = 'held', deadline_at = now() - interval '11 min'"
	 " WHERE key = 'key-2'",
	 "idempotency", "key-2", "holds guest 2 since"},
	{"UPDATE events SET event_date = now() - interval '11 min' WHERE id = 2", "late", "2",
	 "event is published, and should have gone on"},
	{"UPDATE events SET status = 'cancelled' WHERE id = 2; UPDATE events SET cancel_after = "
	 "NULL;"
	 "UPDATE guests SET status = 'confirmed', checked_in_at = NULL, status_before = NULL WHERE "
	 "id = 2",
	 "late", "2", "event is cancelled, 1 guests are not"},
	{PAYMENT("method, status, expires_at", "'intent', 'failed', now() - interval '11 min'"),
	 "late", "3", "hold of guest 2 ended"},
	{PAYMENT("method, status, deadline_at", "'intent', 'created', now() - interval '11 min'"),
	 "late", "3", "its request ended"},
	{PAYMENT("method, status, void_at", "'intent', 'void', now() - interval '11 min'"), "late",
	 "3", "to be cancelled since"},
	{"INSERT INTO refunds (id, payment_id, amount, currency, status, cause, next_at)"
	 " VALUES (3, 2, 1, 'EUR', 'failed', 'asked', now() - interval '11 min')",
	 "late", "3", "refund is failed and was due"},
	{"INSERT INTO imports (id, event_id, created_by, status, format, dry_run, notify, next_at)"
	 " VALUES (3, 2, 1, 'queued', 'csv', false, false, now() - interval '11 min')",
	 "late", "3", "import is queued at row 0"},
};

START_TEST(test_finds)
{
	const char *named;

	if (strstr(cases[_i].wrong, "ALTER ") || strstr(cases[_i].wrong, "DROP ")) {
		pg_return(&conn);
		(void)servers_database_create("ctl_audit_schema");
		make_rows("ctl_audit_schema");
	}
	run_sql(cases[_i].wrong);
	named = arena_printf(&arena, "{\"check\":\"%s\",\"id\":\"%s\",\"detail\":\"",
			     cases[_i].check, cases[_i].id);
	ck_assert_msg(corectl("audit --json") == EXIT_FAILURE, "%s: %s", cases[_i].wrong, output);
	ck_assert_msg(strstr(output, named) && strstr(output, cases[_i].says),
		      "%s: %s\nlacks %s %s", cases[_i].wrong, output, named, cases[_i].says);
}
END_TEST

/* However much is wrong, a bounded part of it is shown, and it is said that there is more. */
START_TEST(test_limit)
{
	run_sql("INSERT INTO payment_messages (webhook_id, type, intent_id, state, body, "
		"received_at)"
		" SELECT 'm' || i, 'payment.succeeded', 'pi_' || i, 'waiting', '', now() - i * "
		"interval '2 h'"
		" FROM generate_series(1, 300) i");
	ck_assert_int_eq(corectl("audit --limit 3"), EXIT_FAILURE);
	ck_assert_ptr_nonnull(strstr(output, "payment-message: more than the 3 rows shown"));
	ck_assert_int_eq(corectl("audit --json 2>/dev/null | grep -o webhook | wc -l"), 0);
	ck_assert_int_eq(corectl("audit --json 2>/dev/null | grep -o payment-message | wc -l"), 0);
	ck_assert_str_eq(output, "100\n");
}
END_TEST

/* --- documents in a directory ---------------------------------------------------------------- */

static const char *dir;

static const char *below(const char *name)
{
	return arena_printf(&arena, "%s/%s", dir, name);
}

/* As old as `age_s`: what is young may be on its way. */
static void put_file(const char *name, const char *text, int age_s)
{
	const char *path = below(name);
	struct stat info;
	FILE *file = fopen(path, "we");

	ck_assert_msg(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_eq(
		utime(path, &(struct utimbuf){info.st_mtime - age_s, info.st_mtime - age_s}), 0);
}

static void put_documents(void)
{
	for (int i = 1; i <= 2; i++) {
		put_file(arena_printf(&arena, "0/ticket-%d-v1.pdf", i), "%PDF-1.4", 3600);
		put_file(arena_printf(&arena, "0/ticket-%d-v1.svg", i), "<svg/>", 3600);
		put_file(arena_printf(&arena, "0/ticket-%d-v1.png", i), "\x89PNG\r\n", 3600);
	}
}

static void setup_files(void)
{
	setup();
	dir = mkdtemp(arena_strdup(&arena, "/var/tmp/core-service-audit.XXXXXX"));
	ck_assert_ptr_nonnull(dir);
	setenv("DOCUMENTS_URL", arena_printf(&arena, "file://%s", dir), 1);
	ck_assert_int_eq(mkdir(below("0"), 0755), 0);
	put_documents();
	run_sql("UPDATE documents SET location = '0/ticket-' || ticket_id || '-v1', pdf = NULL,"
		" qr_svg = NULL, qr_png = NULL");
}

static void teardown_files(void)
{
	ck_assert_int_eq(system(arena_printf(&arena, "rm -rf '%s'", dir)), 0);
	teardown();
}

START_TEST(test_files)
{
	static const struct {
		const char *name, *text, *says;
	} files[] = {
		{"0/ticket-2-v1.pdf", "%PDF-1.5",
		 "\"document-file\",\"id\":\"2\",\"detail\":\"0/ticket-2-v1: the PDF has another "
		 "digest"},
		{"0/ticket-2-v1.svg", "no", "the QR image is no SVG"},
		{"0/ticket-2-v1.png", "no", "the QR image is no PNG"},
		{"0/ticket-2-v2-1.pdf", "x",
		 "\"stray-file\",\"id\":\"0/ticket-2-v2-1.pdf\",\"detail\":\"is not the document "
		 "of "
		 "ticket 2"},
		{"0/ticket-77-v1.png", "x",
		 "0/ticket-77-v1.png\",\"detail\":\"is not the document of ticket 77"},
		{"0/ticket-2-v1.pdf.0b2c.tmp", "x",
		 "0/ticket-2-v1.pdf.0b2c.tmp\",\"detail\":\"is no document"},
		{"notes.txt", "x", "notes.txt\",\"detail\":\"is no document"},
	};

	ck_assert_msg(corectl("audit") == 0, "%s", output);
	put_file("0/ticket-2-v1.pdf.young.tmp", "x", 0);
	ck_assert_msg(corectl("audit") == 0, "%s", output);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		put_file(files[i].name, files[i].text, 3600);
		ck_assert_int_eq(corectl("audit --json"), EXIT_FAILURE);
		ck_assert_msg(strstr(output, files[i].says), "%s: %s", files[i].name, output);
		put_documents();
	}
	ck_assert_int_eq(unlink(below("0/ticket-1-v1.pdf")), 0);
	ck_assert_int_eq(corectl("audit --check document-file"), EXIT_FAILURE);
	ck_assert_ptr_nonnull(strstr(output, "0/ticket-1-v1: the PDF cannot be read"));
}
END_TEST

/* --- on a live system ------------------------------------------------------------------------ */

/* It neither waits for writers nor makes them wait, and sees one moment. */
START_TEST(test_takes_no_locks)
{
	ck_assert_int_eq(pg_begin(conn, &err), OK);
	run_sql("UPDATE events SET current_attendees = 2;"
		"LOCK TABLE guests IN SHARE ROW EXCLUSIVE MODE");
	ck_assert_msg(corectl("audit") == 0, "%s", output);
	pg_rollback(conn);
	/* A lock that shuts readers out ends it soon, with the reason. */
	ck_assert_int_eq(pg_begin(conn, &err), OK);
	run_sql("LOCK TABLE guests IN ACCESS EXCLUSIVE MODE");
	ck_assert_int_eq(corectl("audit"), EXIT_FAILURE);
	ck_assert_msg(strstr(output, "too busy"), "%s", output);
}
END_TEST

/* One check alone; what was found is left for the metrics, check by check. */
START_TEST(test_leaves_its_result)
{
	PG_RESULT result = NULL;

	run_sql("UPDATE events SET current_attendees = 2");
	ck_assert_int_eq(corectl("audit"), EXIT_FAILURE);
	ck_assert_int_eq(corectl("audit --check mail"), 0);
	ck_assert_str_eq(output, "no drift\n");
	ck_assert_int_eq(pg_exec(conn,
				 "SELECT string_agg(name || ' ' || drift, ', ' ORDER BY name) FROM "
				 "audit_runs WHERE drift > 0 OR name = 'mail'",
				 PG_NO_ARGS, &result, &err),
			 OK);
	ck_assert_str_eq(pg_text(result, 0, 0), "event-attendees 2, mail 0");
}
END_TEST

/* Without the secret the rest is looked at, and it is said what is not. */
START_TEST(test_without_the_secret)
{
	unsetenv("QR_SIGNATURE_SECRET");
	ck_assert_int_eq(corectl("audit"), 0);
	ck_assert_ptr_nonnull(strstr(output, "QR codes are not looked at"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("corectl audit");
	TCase *rows = tcase_create("rows");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(rows, setup, teardown);
	tcase_set_timeout(rows, 60);
	tcase_add_test(rows, test_nothing_wrong);
	tcase_add_loop_test(rows, test_finds, 0, (int)ARRAY_LEN(cases));
	tcase_add_test(rows, test_limit);
	tcase_add_test(rows, test_takes_no_locks);
	tcase_add_test(rows, test_leaves_its_result);
	tcase_add_test(rows, test_without_the_secret);
	suite_add_tcase(suite, rows);
	tcase_add_checked_fixture(files, setup_files, teardown_files);
	tcase_set_timeout(files, 60);
	tcase_add_test(files, test_files);
	suite_add_tcase(suite, files);
	SRunner *runner = srunner_create(suite);
	servers_start();
	(void)servers_database_create(shared);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
