/*
 * Guests from a file: what becomes of each row, what the report says, and that it holds when the
 * API is killed in the middle.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/support/documents.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { DONE_MS = 30000, ROWS = 2000, BAD_EVERY = 100 };

static void begin(void)
{
	suite_set("IMPORT_MAX_BYTES", "8388608");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- words ----------------------------------------------------------------------------------- */

static struct reply *send_as(const char *token, int64_t event_id, const char *query,
			     const char *type, const char *body)
{
	return say(&(struct saying){.method = "POST",
				    .url = text("%s/api/events/%lld/guests/import%s", suite_api(),
						(long long)event_id, query),
				    .token = token,
				    .content_type = type,
				    .body = body,
				    .timeout_ms = 60000});
}

/* The report once it has ended. */
static struct reply *report_of(int64_t import_id)
{
	int64_t until = clock_monotonic_us() + DONE_MS * US_PER_MS;

	for (;;) {
		struct reply *reply =
			api_get(token_organizer(), "/api/imports/%lld", (long long)import_id);
		const char *status = reply_text(reply, "data.status");

		ck_assert_int_eq(reply->status, 200);
		if (!strcmp(status, "done") || !strcmp(status, "failed"))
			return reply;
		ck_assert_msg(clock_monotonic_us() < until, "import does not end: %s", reply->body);
		reply_free(reply);
		clock_sleep_ms(20);
	}
}

static struct reply *import(const struct shop *shop, const char *query, const char *body)
{
	struct reply *taken = send_as(token_organizer(), shop->event_id, query, "text/csv", body);
	int64_t id;

	ck_assert_msg(taken->status == 202, "%d %s", taken->status, taken->body);
	id = reply_int(taken, "data.id");
	ck_assert_str_eq(reply_header(taken, "Location"), text("/api/imports/%lld", (long long)id));
	return report_of(id);
}

static void counts(const struct reply *report, int64_t created, int64_t updated, int64_t rejected)
{
	int64_t total = created + updated + rejected;

	ck_assert_msg(!strcmp(reply_text(report, "data.status"), "done"), "%s", report->body);
	ck_assert_msg(reply_int(report, "data.total") == total &&
			      reply_int(report, "data.processed") == total &&
			      reply_int(report, "data.created") == created &&
			      reply_int(report, "data.updated") == updated &&
			      reply_int(report, "data.rejected") == rejected,
		      "not %lld created, %lld updated, %lld rejected: %.999s", (long long)created,
		      (long long)updated, (long long)rejected, report->body);
}

/* "4:email:format", or without a column "4::format". */
static void has_error(const struct reply *report, int i, const char *want)
{
	const char *column = reply_text(report, text("data.errors.%d.column", i));
	const char *found =
		text("%lld:%s:%s", (long long)reply_int(report, text("data.errors.%d.line", i)),
		     column ? column : "", reply_text(report, text("data.errors.%d.code", i)));

	ck_assert_msg(!strcmp(found, want), "error %d is %s, not %s: %.999s", i, found, want,
		      report->body);
	ck_assert(reply_has(report, text("data.errors.%d.column", i)));
	ck_assert_ptr_nonnull(reply_text(report, text("data.errors.%d.detail", i)));
}

static int64_t guests(const struct shop *shop)
{
	return sql_int(
		"SELECT count(*) FROM guests WHERE event_id = %lld AND status <> 'cancelled'",
		(long long)shop->event_id);
}

/* Rows of which every hundredth lacks its address's @. */
static const char *many_rows(const struct shop *shop, int count)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "externalId,email,lastName,firstName,ticketTypeId\r\n");
	for (int i = 1; i <= count; i++)
		strbuf_addf(&out, "x-%d,g%d%cexample.com,\"Last, %d\",First,%lld\r\n", i, i,
			    i % BAD_EVERY ? '@' : '.', i, (long long)shop->type_id);
	return out.buf;
}

/* --- rows ------------------------------------------------------------------------------------ */

START_TEST(rows_become_guests)
{
	struct shop shop = shop_open(100, "25", 100);
	struct reply *report =
		import(&shop, "",
		       text("\xef\xbb\xbf"
			    "firstName;lastName;email;phone;ticketTypeId;type;externalId;locale\r\n"
			    "Zoé;Nguyễn;zoe@example.com;+33612345678;%lld;vip;crm-1;fr\r\n"
			    "\"A \"\"B\"\"\";\"C;D\";b@example.com;'+33612345679;;;;\r\n",
			    (long long)shop.type_id));

	counts(report, 2, 0, 0);
	ck_assert_int_eq(reply_count(report, "data.errors"), 0);
	ck_assert_int_eq(reply_int(report, "data.eventId"), shop.event_id);
	ck_assert(!reply_true(report, "data.dryRun"));
	/* a price counts as paid elsewhere */
	ck_assert_str_eq(
		sql("SELECT first_name || last_name || email || phone || type || external_id "
		    "|| locale || g.status || t.status FROM guests g JOIN tickets t ON "
		    "t.guest_id = g.id WHERE g.email = 'zoe@example.com'"),
		"ZoéNguyễnzoe@example.com+33612345678vipcrm-1frconfirmedpending");
	ck_assert_str_eq(
		sql("SELECT first_name || last_name || phone || type || locale || status FROM "
		    "guests WHERE email = 'b@example.com' AND external_id IS NULL"),
		"A \"B\"C;D+33612345679regularenregistered");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments"), 0);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM outbox o JOIN notifications n ON n.id = "
				 "o.subject_id AND o.job_type = 'send-email' AND n.kind = "
				 "'registration-confirmed'"),
			 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM import_chunks"), 0);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(bad_rows_are_told)
{
	struct shop shop = shop_open(100, "0", 1);
	struct reply *report =
		import(&shop, "",
		       text("email,firstName,lastName,type,ticketTypeId,phone\n"
			    "a@example.com,A,B,,%lld,\n"    /* 2: takes the only seat of the type */
			    "A@Example.com,A,B,,,\n"        /* 3: the same address */
			    "b.example.com,,B,king,x,12\n"  /* 4: five faults */
			    "\"c@example.com\"x,A,B,,,\n"   /* 5: quoting */
			    "d@example.com,A,B\n"           /* 6: cells are missing */
			    "\n"                            /* 7: blank, no row */
			    "e@example.com,\"A\nE\",B,,,\n" /* 8, 9: a line end in a name */
			    "f@example.com,A,B,,%lld,\n"    /* 10: sold out */
			    "g@example.com,\xff,B,,,\n"     /* 11: not UTF-8 */
			    "h@example.com,A,B,,999999,\n"  /* 12: no such type */
			    "i@example.com,I,J,,,\n",       /* 13 */
			    (long long)shop.type_id, (long long)shop.type_id));
	static const char *const errors[] = {
		"3:email:already-registered",
		"4:email:format",
		"4:type:enum",
		"4:ticketTypeId:type",
		"4:phone:format",
		"4:firstName:required",
		"5::format",
		"6::too-few",
		"8:firstName:format",
		"10:ticketTypeId:sold-out",
		"11:firstName:encoding",
		"12:ticketTypeId:unknown-ticket-type",
	};

	counts(report, 2, 0, 8);
	ck_assert_int_eq(reply_count(report, "data.errors"), ARRAY_LEN(errors));
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		has_error(report, (int)i, errors[i]);
	ck_assert_int_eq(guests(&shop), 2);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(external_ids_change_guests)
{
	struct shop shop = shop_open(100, "0", 100);
	struct reply *report;

	counts(import(&shop, "?notify=false",
		      text("externalId,firstName,lastName,email,phone,ticketTypeId\n"
			   "1,A,B,a@example.com,+331,%lld\n2,C,D,c@example.com,+332,%lld\n",
			   (long long)shop.type_id, (long long)shop.type_id)),
	       2, 0, 0);
	documents_made();
	sql("DELETE FROM outbox");
	/* addresses are handed on within the file, row by row */
	report = import(&shop, "",
			"externalId,firstName,lastName,email,type\n"
			"1,New,B,new@example.com,vip\n"
			"3,E,F,a@example.com,\n"
			"2,C,D,new@example.com,\n"
			"3,E,F,f@example.com,\n"
			"4,G,H,A@example.com,\n");
	counts(report, 2, 2, 1);
	has_error(report, 0, "4:email:already-registered");
	ck_assert_str_eq(
		sql("SELECT string_agg(external_id || first_name || email || type || "
		    "coalesce(phone, '-') || edit_version, ' ' ORDER BY external_id) FROM guests"),
		"1Newnew@example.comvip+3312 2Cc@example.comregular+3321 "
		"3Ef@example.comregular-2 4GA@example.comregular-1");
	/* a changed name makes the page anew, and mails nothing */
	ck_assert_str_eq(
		sql("SELECT string_agg(t.status || t.doc_version || t.mailed_issue, ' ' ORDER "
		    "BY g.external_id) FROM tickets t JOIN guests g ON g.id = t.guest_id"),
		"pending21 ready11");
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'"), 1);
	/* the type stays: a row that wants another is no change */
	report = import(&shop, "",
			text("externalId,firstName,lastName,email,ticketTypeId\n"
			     "4,G,H,a@example.com,%lld\n",
			     (long long)shop.type_id));
	counts(report, 0, 0, 1);
	has_error(report, 0, "2:ticketTypeId:invalid-transition");
	sql("UPDATE tickets SET status = 'pending'");
	sql("INSERT INTO outbox (id, job_type, subject_id) SELECT gen_random_uuid(), "
	    "'generate-ticket-pdf', id FROM tickets WHERE id NOT IN (SELECT subject_id FROM outbox "
	    "WHERE job_type = 'generate-ticket-pdf')");
	ck_assert(audit_clean());
}
END_TEST

START_TEST(capacity_and_closed_events)
{
	struct shop shop = shop_open(2, "0", 100);
	struct reply *report = import(&shop, "",
				      "firstName,lastName,email\nA,B,a@x.example\nA,B,b@x.example\n"
				      "A,B,c@x.example\n");

	counts(report, 2, 0, 1);
	has_error(report, 0, "4::sold-out");
	ck_assert_int_eq(api_post(token_organizer(),
				  text("/api/events/%lld/cancel", (long long)shop.event_id), NULL)
				 ->status,
			 200);
	report = import(&shop, "", "firstName,lastName,email\nA,B,d@x.example\n");
	counts(report, 0, 0, 1);
	has_error(report, 0, "2::event-not-open");
}
END_TEST

START_TEST(sales_windows_do_not_bind)
{
	struct shop shop = shop_open(10, "0", 10);

	sql("UPDATE ticket_types SET sales_end_at = now() - interval '1 day'");
	counts(import(&shop, "",
		      text("firstName,lastName,email,ticketTypeId\nA,B,a@x.example,%lld\n",
			   (long long)shop.type_id)),
	       1, 0, 0);
}
END_TEST

START_TEST(without_notify_nothing_is_mailed)
{
	struct shop shop = shop_open(10, "0", 10);

	suite_start(SUITE_TICKETS);
	counts(import(&shop, "?notify=false",
		      text("firstName,lastName,email,ticketTypeId\nA,B,a@x.example,%lld\n"
			   "A,B,b@x.example,\n",
			   (long long)shop.type_id)),
	       2, 0, 0);
	ck_assert(sql_becomes(DONE_MS, "ready", "SELECT status FROM tickets"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications"), 0);
	ck_assert(sql_becomes(DONE_MS, "0", "SELECT count(*) FROM outbox"));
	suite_stop(SUITE_TICKETS);
}
END_TEST

START_TEST(json_rows)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *taken = send_as(
		token_organizer(), shop.event_id, "", "application/json",
		text("{\"rows\":[{\"firstName\":\"Zo\\u00e9\",\"lastName\":\"B\",\"email\":"
		     "\"a@x.example\",\"ticketTypeId\":%lld},"
		     "{\"firstName\":\"A\",\"email\":7,\"nick\":1},17,"
		     "{\"firstName\":\"'=A\",\"lastName\":\"B\",\"email\":\"b@x.example\"}]}",
		     (long long)shop.type_id));
	struct reply *report;

	ck_assert_int_eq(taken->status, 202);
	report = report_of(reply_int(taken, "data.id"));
	counts(report, 2, 0, 2);
	has_error(report, reply_count(report, "data.errors") - 1, "3::type");
	ck_assert_int_eq(reply_int(report, "data.errors.0.line"), 2);
	ck_assert_str_eq(sql("SELECT string_agg(first_name, ' ' ORDER BY id) FROM guests"),
			 "Zoé '=A");
}
END_TEST

/* --- files ----------------------------------------------------------------------------------- */

static const struct {
	const char *type, *body, *error;
} unreadable[] = {
	{"text/csv", "", "1::required"},
	{"text/csv", "firstName,lastName\nA,B\n", "1:email:required"},
	{"text/csv", "firstName,lastName,email,nick\nA,B,a@x.example,n\n", "1:nick:unknown"},
	{"text/csv", "email,lastName,email,firstName\nA,B,C,D\n", "1:email:duplicate"},
	{"text/csv", "\"email,firstName\nA,B\n", "1::format"},
	{"application/json", "{\"rows\":[{\"firstName\":\"A\"},{]}", "2::malformed"},
	{"application/json",
	 "{\"rows\":[{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@x.ex\"}",
	 "2::malformed"},
	{"application/json", "[]", "1::malformed"},
	{"application/json", "{\"rows\":[{\"a\":\"\\u0000\"}]}", "1::malformed"},
};

START_TEST(unreadable_files_fail)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *taken = send_as(token_organizer(), shop.event_id, "", unreadable[_i].type,
				      unreadable[_i].body);
	struct reply *report;

	ck_assert_msg(taken->status == 202, "%d %s", taken->status, taken->body);
	report = report_of(reply_int(taken, "data.id"));
	ck_assert_str_eq(reply_text(report, "data.status"), "failed");
	ck_assert_int_eq(reply_int(report, "data.created"), 0);
	ck_assert_int_eq(reply_count(report, "data.errors"), 1);
	has_error(report, 0, unreadable[_i].error);
	ck_assert_int_eq(guests(&shop), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM import_chunks"), 0);
}
END_TEST

START_TEST(a_header_alone_is_done)
{
	struct shop shop = shop_open(10, "0", 10);

	counts(import(&shop, "", "firstName, lastName ,email"), 0, 0, 0);
}
END_TEST

START_TEST(too_many_rows_fail)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *report;
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "firstName,lastName,email\n");
	for (int i = 1; i <= 100001; i++)
		strbuf_addf(&out, "A,B,g%d@x.example\n", i);
	report = import(&shop, "", out.buf);
	ck_assert_str_eq(reply_text(report, "data.status"), "failed");
	has_error(report, 0, "100002::too-many");
	ck_assert_int_eq(guests(&shop), 0);
}
END_TEST

START_TEST(ten_thousand_errors_are_told)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *report;
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "firstName,lastName,email\n");
	for (int i = 1; i <= 10200; i++)
		strbuf_addf(&out, "A,B,none%d\n", i);
	strbuf_adds(&out, "A,B,good@x.example\n");
	report = import(&shop, "", out.buf);
	counts(report, 1, 0, 10200);
	ck_assert_int_eq(reply_count(report, "data.errors"), 10000);
	has_error(report, 0, "2:email:format");
	has_error(report, 9999, "10001:email:format");
}
END_TEST

START_TEST(the_body_is_judged_before_it_is_kept)
{
	struct shop shop = shop_open(10, "0", 10);
	int64_t id = shop.event_id;
	const char *csv = "firstName,lastName,email\n";
	struct strbuf large;
	struct reply *reply;

	strbuf_init(&large, NULL);
	while (large.len <= 8388608)
		strbuf_adds(&large, csv);
	reply = send_as(token_organizer(), id, "", "text/csv", large.buf);
	ck_assert_str_eq(reply_slug(reply), "body-too-large");
	/* also when no length was named */
	reply = say(&(struct saying){
		.method = "POST",
		.url = text("%s/api/events/%lld/guests/import", suite_api(), (long long)id),
		.token = token_organizer(),
		.content_type = "text/csv",
		.body = large.buf,
		.headers = (const char *const[]){"Transfer-Encoding: chunked", NULL}});
	ck_assert_str_eq(reply_slug(reply), "body-too-large");
	reply = send_as(token_organizer(), id, "", "text/plain", csv);
	ck_assert_str_eq(reply_slug(reply), "unsupported-media-type");
	reply = send_as(token_organizer(), id, "?dryRun=1", "text/csv", csv);
	ck_assert(reply_violates(reply, "dryRun", NULL));
	reply = send_as(token_user(), id, "", "text/csv", csv);
	ck_assert_str_eq(reply_slug(reply), "forbidden");
	reply = send_as(NULL, id, "", "text/csv", csv);
	ck_assert_str_eq(reply_slug(reply), "unauthorized");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM imports"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM import_chunks"), 0);
}
END_TEST

START_TEST(an_import_is_its_managers_alone)
{
	struct shop shop = shop_open(10, "0", 10);
	int64_t id = reply_int(import(&shop, "", "firstName,lastName,email\n"), "data.id");

	ck_assert_int_eq(api_get(token_admin(), "/api/imports/%lld", (long long)id)->status, 200);
	ck_assert_int_eq(
		api_get(token_other_organizer(), "/api/imports/%lld", (long long)id)->status, 404);
	ck_assert_int_eq(api_get(token_user(), "/api/imports/%lld", (long long)id)->status, 404);
	ck_assert_int_eq(api_get(NULL, "/api/imports/%lld", (long long)id)->status, 401);
	ck_assert_int_eq(api_get(token_organizer(), "/api/imports/%lld", (long long)id + 1)->status,
			 404);
}
END_TEST

START_TEST(a_key_imports_once)
{
	struct shop shop = shop_open(2000, "0", 2000);
	const char *const key[] = {"Idempotency-Key: import-1", NULL};
	struct saying saying = {.method = "POST",
				.url = text("%s/api/events/%lld/guests/import", suite_api(),
					    (long long)shop.event_id),
				.token = token_organizer(),
				.content_type = "text/csv",
				.body = many_rows(&shop, 500),
				.headers = key};
	struct reply *first = say(&saying), *second = say(&saying);

	ck_assert_int_eq(first->status, 202);
	ck_assert_int_eq(second->status, 202);
	ck_assert_str_eq(reply_header(second, "Idempotent-Replayed"), "true");
	ck_assert_int_eq(reply_int(first, "data.id"), reply_int(second, "data.id"));
	saying.body = many_rows(&shop, 501);
	ck_assert_str_eq(reply_slug(say(&saying)), "idempotency-mismatch");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM imports"), 1);
	report_of(reply_int(first, "data.id"));
}
END_TEST

/* --- dry runs -------------------------------------------------------------------------------- */

static const char *everything(void)
{
	return sql("SELECT md5(string_agg(x, ' ')) FROM (SELECT (g.*)::text AS x FROM guests g "
		   "UNION ALL "
		   "SELECT (t.*)::text FROM tickets t UNION ALL SELECT (e.*)::text FROM events e "
		   "UNION "
		   "ALL SELECT (y.*)::text FROM ticket_types y UNION ALL SELECT (o.*)::text FROM "
		   "outbox o UNION ALL SELECT (n.*)::text FROM notifications n UNION ALL SELECT "
		   "(d.*)::text FROM statistics_deltas d UNION ALL SELECT last_value::text FROM "
		   "guests_id_seq ORDER BY 1) s");
}

/* More rows than a slice, which decide each other across slices. */
static const char *tangled_rows(const struct shop *shop)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "externalId,firstName,lastName,email,ticketTypeId\n");
	for (int i = 0; i < 1300; i++)
		strbuf_addf(&out, "%s%d,F%d,L,g%d@x.example,%s\n", i % 3 ? "x" : "y", i % 700, i,
			    i * 7 % 900, i % 5 ? text("%lld", (long long)shop->type_id) : "");
	return out.buf;
}

START_TEST(a_dry_run_says_what_a_run_does)
{
	struct shop shop = shop_open(520, "0", 400);
	struct reply *dry, *wet;
	const char *before;

	counts(import(&shop, "",
		      "externalId,firstName,lastName,email\nx1,A,B,old@x.example\n"
		      "x4,A,B,g14@x.example\n"),
	       2, 0, 0);
	before = everything();
	dry = import(&shop, "?dryRun=true", tangled_rows(&shop));
	ck_assert(reply_true(dry, "data.dryRun"));
	ck_assert_str_eq(everything(), before);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM import_previews"), 0);
	wet = import(&shop, "", tangled_rows(&shop));
	ck_assert_int_gt(reply_int(wet, "data.created"), 0);
	ck_assert_int_gt(reply_int(wet, "data.updated"), 0);
	ck_assert_int_gt(reply_int(wet, "data.rejected"), 0);
	counts(dry, reply_int(wet, "data.created"), reply_int(wet, "data.updated"),
	       reply_int(wet, "data.rejected"));
	ck_assert_str_eq(strstr(dry->body, "\"errors\""), strstr(wet->body, "\"errors\""));
	ck_assert(audit_clean());
}
END_TEST

/* --- crashes --------------------------------------------------------------------------------- */

START_TEST(killed_in_the_middle_and_run_again)
{
	struct shop shop = shop_open(ROWS, "0", ROWS);
	struct reply *taken =
		send_as(token_organizer(), shop.event_id, "", "text/csv", many_rows(&shop, ROWS));
	int64_t id = reply_int(taken, "data.id");
	struct reply *report;
	int64_t processed;

	ck_assert(sql_becomes(DONE_MS, "t", "SELECT processed > 0 FROM imports"));
	suite_kill(SUITE_API);
	processed = sql_int("SELECT processed FROM imports");
	ck_assert_int_gt(processed, 0);
	suite_start(SUITE_API);
	report = api_get(token_organizer(), "/api/imports/%lld", (long long)id);
	ck_assert_int_eq(reply_int(report, "data.total"), ROWS);
	ck_assert_int_ge(reply_int(report, "data.processed"), processed);
	report = report_of(id);
	counts(report, ROWS - ROWS / BAD_EVERY, 0, ROWS / BAD_EVERY);
	ck_assert_int_eq(reply_count(report, "data.errors"), ROWS / BAD_EVERY);
	for (int i = 0; i < ROWS / BAD_EVERY; i++)
		has_error(report, i, text("%d:email:format", (i + 1) * BAD_EVERY + 1));
	ck_assert_int_eq(guests(&shop), ROWS - ROWS / BAD_EVERY);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), ROWS - ROWS / BAD_EVERY);
	ck_assert_int_eq(sql_int("SELECT count(DISTINCT subject_id) FROM outbox"),
			 ROWS - ROWS / BAD_EVERY);
	ck_assert(audit_clean());
}
END_TEST

/* One slice twice: only one of them counts. */
START_TEST(two_processes_share_an_import)
{
	struct shop shop = shop_open(ROWS, "0", ROWS);
	struct reply *taken =
		send_as(token_organizer(), shop.event_id, "", "text/csv", many_rows(&shop, ROWS));
	int64_t id = reply_int(taken, "data.id");

	/* as if another process claimed whatever this one works on */
	for (int i = 0; i < 50; i++)
		sql("UPDATE imports SET next_at = now() WHERE status = 'running'");
	counts(report_of(id), ROWS - ROWS / BAD_EVERY, 0, ROWS / BAD_EVERY);
	ck_assert_int_eq(guests(&shop), ROWS - ROWS / BAD_EVERY);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("import");
	TCase *tc = tcase_create("import");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, rows_become_guests);
	tcase_add_test(tc, bad_rows_are_told);
	tcase_add_test(tc, external_ids_change_guests);
	tcase_add_test(tc, capacity_and_closed_events);
	tcase_add_test(tc, sales_windows_do_not_bind);
	tcase_add_test(tc, without_notify_nothing_is_mailed);
	tcase_add_test(tc, json_rows);
	tcase_add_loop_test(tc, unreadable_files_fail, 0, ARRAY_LEN(unreadable));
	tcase_add_test(tc, a_header_alone_is_done);
	tcase_add_test(tc, too_many_rows_fail);
	tcase_add_test(tc, ten_thousand_errors_are_told);
	tcase_add_test(tc, the_body_is_judged_before_it_is_kept);
	tcase_add_test(tc, an_import_is_its_managers_alone);
	tcase_add_test(tc, a_key_imports_once);
	tcase_add_test(tc, a_dry_run_says_what_a_run_does);
	tcase_add_test(tc, killed_in_the_middle_and_run_again);
	tcase_add_test(tc, two_processes_share_an_import);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? 0 : 1;
}
