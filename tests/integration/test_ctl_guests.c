/* corectl ticket, import and export, on a suite at work. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strbuf.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SOON_MS = 30000 };

static const char *output; /* of the last run, stderr too */

static void begin(void)
{
	suite_set("IMPORT_MAX_BYTES", "200000");
	suite_begin(SUITE_ALL);
}

static void end(void)
{
	if (system(text("rm -f /var/tmp/core-service-ctl-%d-*", (int)getpid())) != 0)
		ck_abort_msg("files are left");
	suite_end();
}

#define corectl(...) suite_ask_corectl(&output, __VA_ARGS__)

static void assert_says(const char *what)
{
	ck_assert_msg(strstr(output, what), "%s\n-- lacks: %s", output, what);
}

/* A file of that name with that text; its path. */
static const char *file_of(const char *name, const char *content)
{
	const char *path = text("/var/tmp/core-service-ctl-%d-%s", (int)getpid(), name);
	FILE *file = fopen(path, "we");

	ck_assert_msg(file && fputs(content, file) >= 0 && fclose(file) == 0, "%s", path);
	return path;
}

/* --- tickets --------------------------------------------------------------------------------- */

/* A guest with a ready ticket; the ticket's id. */
static int64_t ticket_ready(const struct shop *shop)
{
	struct reply *reply = shop_register(shop, token_user(), "zoe");

	ck_assert_int_eq(reply->status, 201);
	ck_assert(sql_becomes(SOON_MS, "ready", "SELECT status FROM tickets"));
	return sql_int("SELECT id FROM tickets");
}

static const char *code(void)
{
	return sql("SELECT ticket_code FROM tickets");
}

START_TEST(verify_says_what_the_door_would_say)
{
	struct shop shop = shop_open(10, "0", 10);
	int64_t id = ticket_ready(&shop);
	const char *qr = sql("SELECT qr_code_data FROM tickets");

	ck_assert_msg(corectl("ticket verify %s --json", code()) == 0, "%s", output);
	assert_says(text("[{\"verdict\":\"admits\",\"form\":\"code\",\"ticketId\":%lld,",
			 (long long)id));
	assert_says("\"eventStatus\":\"published\",\"guestStatus\":\"confirmed\"");
	ck_assert_int_eq(corectl("ticket verify %s", qr), 0);
	assert_says("admits   qr");
	ck_assert_int_eq(corectl("ticket verify - <%s", file_of("qr", text("%s\n", qr))), 0);
	ck_assert_int_eq(corectl("ticket verify evt-0000-0000-0000-0000"), EXIT_FAILURE);
	assert_says("not-found");
	ck_assert_int_eq(corectl("ticket verify A%s", qr), EXIT_FAILURE);
	assert_says("invalid-qr");
	/* It is no check-in: the door still admits, and then verify knows. */
	ck_assert_int_eq(api_post(token_organizer(), "/api/tickets/validate",
				  "{\"eventId\":%lld,\"qrCode\":\"%s\"}", (long long)shop.event_id,
				  qr)
				 ->status,
			 200);
	ck_assert_int_eq(corectl("ticket verify %s", qr), EXIT_FAILURE);
	assert_says("already-validated");
}
END_TEST

START_TEST(reissue_voids_the_old_code)
{
	struct shop shop = shop_open(10, "0", 10);
	int64_t id = ticket_ready(&shop);
	const char *old_qr = sql("SELECT qr_code_data FROM tickets");
	const char *old_code = code();

	ck_assert(sql_becomes(SOON_MS, "1",
			      "SELECT count(*) FROM notifications WHERE status = 'sent'"));
	ck_assert_msg(corectl("ticket reissue %lld --json", (long long)id) == 0, "%s", output);
	assert_says(text("\"ticketCode\":\"%s\",\"status\":\"pending\"", code()));
	assert_says(text("\"links\":{\"pdf\":\"%s/api/tickets/%lld/pdf?token=", suite_api(),
			 (long long)id));
	ck_assert_str_ne(code(), old_code);
	ck_assert(sql_becomes(SOON_MS, "ready", "SELECT status FROM tickets"));
	ck_assert(sql_becomes(SOON_MS, "2",
			      "SELECT count(*) FROM notifications WHERE status = 'sent'"));
	ck_assert_int_eq(corectl("ticket verify %s", old_code), EXIT_FAILURE);
	assert_says("ticket-cancelled");
	ck_assert_int_eq(corectl("ticket verify %s", old_qr), EXIT_FAILURE);
	assert_says("ticket-cancelled");
	ck_assert_int_eq(corectl("ticket verify %s", code()), 0);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(reissue_refuses)
{
	struct shop shop = shop_open(10, "0", 10);
	int64_t id = ticket_ready(&shop);
	const char *guest = sql("SELECT id FROM guests");

	ck_assert_int_eq(corectl("ticket reissue 77"), EXIT_FAILURE);
	assert_says("There is no such ticket");
	ck_assert_int_eq(corectl("ticket reissue %lld QR_SIGNATURE_SECRET=", (long long)id),
			 EXIT_USAGE);
	suite_set("QR_SIGNATURE_SECRET", "");
	ck_assert_int_eq(corectl("ticket reissue %lld", (long long)id), EXIT_CONFIG);
	assert_says("QR_SIGNATURE_SECRET is missing");
	suite_set("QR_SIGNATURE_SECRET", suite_qr_secret);
	ck_assert_int_eq(
		api_post(token_organizer(),
			 text("/api/events/%lld/guests/%s/cancel", (long long)shop.event_id, guest),
			 "{}")
			->status,
		200);
	ck_assert_int_eq(corectl("ticket reissue %lld", (long long)id), EXIT_FAILURE);
	assert_says("The ticket is cancelled");
}
END_TEST

/* The row is the truth: the API puts the job when it finds it. */
START_TEST(reissue_without_the_queue)
{
	struct shop shop = shop_open(10, "0", 10);
	int64_t id = ticket_ready(&shop);

	suite_set("REDIS_QUEUE_URL", "redis://127.0.0.1:1");
	ck_assert_int_eq(corectl("ticket reissue %lld", (long long)id), 0);
	assert_says("done, but its jobs wait for the queue");
	suite_set("REDIS_QUEUE_URL", servers_redis_queue_url());
	ck_assert(sql_becomes(SOON_MS, "ready 2", "SELECT status || ' ' || issue FROM tickets"));
}
END_TEST

/* --- import ---------------------------------------------------------------------------------- */

static const char three_rows[] = "firstName,lastName,email,externalId\r\n"
				 "Zoé,Nguyễn,zoe@example.com,1\r\n"
				 "Łukasz,Żółć,lukasz@example.com,2\r\n"
				 "Nobody,,nobody,3\r\n";

START_TEST(import_reports)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = file_of("guests.csv", three_rows);

	ck_assert_int_eq(corectl("import %lld %s --dry-run", (long long)shop.event_id, path),
			 EXIT_FAILURE);
	assert_says("(dry run) is done: 3 of 3 rows, 2 created, 0 updated, 1 rejected");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 0);
	ck_assert_int_eq(corectl("import %lld %s --no-mails", (long long)shop.event_id, path),
			 EXIT_FAILURE);
	assert_says("line 4, lastName: required: ");
	assert_says("line 4, email: format: ");
	ck_assert_str_eq(
		sql("SELECT string_agg(first_name || ' ' || registered_by, ', ' ORDER BY id) "
		    "FROM guests"),
		"Zoé 2, Łukasz 2");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications"), 0);
	/* Again, from standard input: they are changed now. */
	ck_assert_int_eq(corectl("import %lld - --json <%s", (long long)shop.event_id, path),
			 EXIT_FAILURE);
	assert_says("\"created\":0,\"updated\":2,\"rejected\":1,\"errors\":[{\"line\":4,\"column\":"
		    "\"email\"");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM import_chunks"), 0);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(import_of_json_as_somebody)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = file_of(
		"guests.json", text("{\"rows\":[{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":"
				    "\"a@example.com\",\"ticketTypeId\":%lld}]}",
				    (long long)shop.type_id));

	(void)api_get(token_user(), "/api/events"); /* who is known from a token */
	ck_assert_int_eq(shop_register(&shop, token_user(), "somebody")->status, 201);
	ck_assert_msg(corectl("import %lld %s --as %d", (long long)shop.event_id, path, USER) == 0,
		      "%s", output);
	assert_says("1 of 1 rows, 1 created");
	ck_assert_int_eq(sql_int("SELECT registered_by FROM guests WHERE first_name = 'A'"), USER);
	ck_assert(sql_becomes(SOON_MS, "2", "SELECT count(*) FROM tickets WHERE status = 'ready'"));
	ck_assert(sql_becomes(SOON_MS, "0", "SELECT count(*) FROM outbox"));
}
END_TEST

START_TEST(import_refuses)
{
	struct shop shop = shop_open(10, "0", 10);
	char *large = malloc(200002);

	memset(large, 'x', 200001);
	large[200001] = '\0';
	ck_assert_int_eq(corectl("import 77 %s", file_of("a.csv", three_rows)), EXIT_FAILURE);
	assert_says("There is no such event");
	ck_assert_int_eq(corectl("import %lld /nowhere/at/all", (long long)shop.event_id),
			 EXIT_FAILURE);
	assert_says("/nowhere/at/all: No such file");
	ck_assert_int_eq(
		corectl("import %lld %s", (long long)shop.event_id, file_of("large.csv", large)),
		EXIT_FAILURE);
	assert_says("larger than IMPORT_MAX_BYTES");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM imports"), 0);
	ck_assert_int_eq(corectl("import %lld %s", (long long)shop.event_id,
				 file_of("none.csv", "colour\r\nblue\r\n")),
			 EXIT_FAILURE);
	assert_says("is failed: 0 of 0 rows");
	free(large);
}
END_TEST

/* Nobody has to be there when the file is handed over. */
START_TEST(import_waits_for_an_api)
{
	struct shop shop = shop_open(10, "0", 10);

	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	ck_assert_int_eq(
		corectl("import %lld %s --no-wait", (long long)shop.event_id,
			file_of("late.csv", "firstName,lastName,email\r\nA,B,a@example.com\r\n")),
		0);
	assert_says("is queued: 0 of 0 rows");
	suite_start(SUITE_API);
	ck_assert(sql_becomes(SOON_MS, "done", "SELECT status FROM imports"));
	ck_assert_int_eq(corectl("import show %s", sql("SELECT id FROM imports")), 0);
	assert_says("is done: 1 of 1 rows, 1 created");
	ck_assert_int_eq(corectl("import show 77"), EXIT_FAILURE);
}
END_TEST

/* --- export ---------------------------------------------------------------------------------- */

/* To the byte what the API gives, over more than one page. */
START_TEST(export_is_the_apis)
{
	struct shop shop = shop_open(5000, "0", 10);
	struct strbuf file;
	const char *path = text("/var/tmp/core-service-ctl-%d-out.csv", (int)getpid());
	struct reply *reply;

	strbuf_init(&file, NULL);
	strbuf_adds(&file, "firstName,lastName,email\r\n\"=Łukasz, Ż\",B,a@example.com\r\n");
	for (int i = 0; i < 1500; i++)
		strbuf_addf(&file, "G%d,B,g%d@example.com\r\n", i, i);
	ck_assert_msg(corectl("import %lld %s --no-mails", (long long)shop.event_id,
			      file_of("many.csv", file.buf)) == 0,
		      "%s", output);
	reply = api_get(token_organizer(), "/api/events/%lld/guests/export",
			(long long)shop.event_id);
	ck_assert_int_eq(reply->status, 200);
	ck_assert_int_eq(corectl("export %lld", (long long)shop.event_id), 0);
	ck_assert_str_eq(output, reply->body);
	ck_assert_int_eq(corectl("export %lld --output %s --json", (long long)shop.event_id, path),
			 0);
	assert_says(text("{\"eventId\":%lld,\"rows\":1501,\"file\":\"%s\"}",
			 (long long)shop.event_id, path));
	ck_assert_int_eq(corectl("export %lld | cmp - %s", (long long)shop.event_id, path), 0);
	ck_assert_int_eq(corectl("export 77 --output /nowhere/at/all"), EXIT_FAILURE);
	assert_says("There is no such event");
	ck_assert_int_eq(corectl("export %lld --output /dev/full", (long long)shop.event_id),
			 EXIT_FAILURE);
	strbuf_release(&file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("corectl guests");
	TCase *tc = tcase_create("guests");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, verify_says_what_the_door_would_say);
	tcase_add_test(tc, reissue_voids_the_old_code);
	tcase_add_test(tc, reissue_refuses);
	tcase_add_test(tc, reissue_without_the_queue);
	tcase_add_test(tc, import_reports);
	tcase_add_test(tc, import_of_json_as_somebody);
	tcase_add_test(tc, import_refuses);
	tcase_add_test(tc, import_waits_for_an_api);
	tcase_add_test(tc, export_is_the_apis);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
