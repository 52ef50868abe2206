/*
 * Files as large as they may be: 100,000 rows in, a million guests out, in little memory.
 */
#include <check.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum {
	ROWS = 100000,
	BAD = 1000,
	GUESTS = 1000000,
	DONE_MS = 600000,
	IMPORT_GROWTH_KB = 50 * 1024,
	EXPORT_GROWTH_KB = 8 * 1024,
	FIRST_BYTE_MS = 200,
};

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* "VmHWM" is the peak, "VmRSS" what is held now. */
static long api_kb(const char *name)
{
	FILE *file = fopen(text("/proc/%d/status", suite_pid(SUITE_API)), "re");
	char line[256];
	long kb = 0;

	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			kb = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(file);
	return kb;
}

static double seconds_since(int64_t start_us)
{
	return (double)(clock_monotonic_us() - start_us) / (double)US_PER_S;
}

/* --- in -------------------------------------------------------------------------------------- */

static struct strbuf rows_of(const struct shop *shop)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "firstName,lastName,email,phone,ticketTypeId,externalId\r\n");
	for (int i = 1; i <= ROWS; i++)
		strbuf_addf(&out,
			    "First %d,\"Last, %d\",guest%d%cexample.com,+3361%07d,%lld,x-%d\r\n", i,
			    i, i, i % (ROWS / BAD) ? '@' : '.', i, (long long)shop->type_id, i);
	return out;
}

static struct reply *send_rows(const struct shop *shop, const char *query,
			       const struct strbuf *body, const char *type)
{
	struct reply *reply =
		say(&(struct saying){.method = "POST",
				     .url = text("%s/api/events/%lld/guests/import%s", suite_api(),
						 (long long)shop->event_id, query),
				     .token = token_organizer(),
				     .content_type = type,
				     .body = body->buf,
				     .body_len = body->len,
				     .timeout_ms = 120000});

	ck_assert_msg(reply->status == 202, "%d %s", reply->status, reply->body);
	return reply;
}

static struct reply *report_of(const struct reply *taken)
{
	ck_assert(
		sql_becomes(DONE_MS, "0",
			    "SELECT count(*) FROM imports WHERE status IN ('queued', 'running')"));
	return api_get(token_organizer(), "/api/imports/%lld",
		       (long long)reply_int(taken, "data.id"));
}

static void right_report(const struct reply *report)
{
	ck_assert_str_eq(reply_text(report, "data.status"), "done");
	ck_assert_int_eq(reply_int(report, "data.total"), ROWS);
	ck_assert_int_eq(reply_int(report, "data.processed"), ROWS);
	ck_assert_int_eq(reply_int(report, "data.created"), ROWS - BAD);
	ck_assert_int_eq(reply_int(report, "data.updated"), 0);
	ck_assert_int_eq(reply_int(report, "data.rejected"), BAD);
	ck_assert_int_eq(reply_count(report, "data.errors"), BAD);
	for (int i = 0; i < BAD; i++)
		ck_assert_int_eq(reply_int(report, text("data.errors.%d.line", i)),
				 (i + 1) * (ROWS / BAD) + 1);
}

START_TEST(rows_killed_in_the_middle)
{
	struct shop shop = shop_open(ROWS, "0", ROWS);
	struct strbuf rows = rows_of(&shop);
	long idle_kb = api_kb("VmHWM"), first_kb, second_kb;
	int64_t start_us = clock_monotonic_us(), resumed_us;
	struct reply *taken = send_rows(&shop, "", &rows, "text/csv");
	double sent_s = seconds_since(start_us);

	ck_assert(sql_becomes(DONE_MS, "t", "SELECT processed > 40000 FROM imports"));
	first_kb = api_kb("VmHWM");
	suite_kill(SUITE_API);
	suite_start(SUITE_API);
	resumed_us = clock_monotonic_us();
	right_report(report_of(taken));
	second_kb = api_kb("VmHWM");
	printf("import: %d rows, %zu bytes sent in %.1f s; from 40000 on %.1f s after the kill; "
	       "memory "
	       "%ld KB idle, at most %ld and %ld KB\n",
	       ROWS, rows.len, sent_s, seconds_since(resumed_us), idle_kb, first_kb, second_kb);
	ck_assert_int_lt(first_kb - idle_kb, IMPORT_GROWTH_KB);
	ck_assert_int_lt(second_kb - idle_kb, IMPORT_GROWTH_KB);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), ROWS - BAD);
	ck_assert_int_eq(sql_int("SELECT count(DISTINCT subject_id) FROM outbox"), ROWS - BAD);
	/* no worker runs here, and a job that waits so long is a finding */
	sql("UPDATE outbox SET created_at = now(), next_at = now()");
	ck_assert(audit_clean());
}
END_TEST

/* A file as large as it may be, most of it one JSON text on one line. */
START_TEST(the_largest_json)
{
	struct shop shop = shop_open(ROWS, "0", ROWS);
	long idle_kb = api_kb("VmHWM");
	int64_t start_us = clock_monotonic_us();
	struct strbuf rows;
	struct reply *report;

	strbuf_init(&rows, NULL);
	strbuf_adds(&rows, "{\"rows\":[");
	for (int i = 1; i <= ROWS; i++)
		strbuf_addf(&rows,
			    "%s{\"firstName\":\"%099d\",\"lastName\":\"%099d\",\"email\":"
			    "\"g%d@example.com\",\"externalId\":\"%099d\",%*s\"type\":\"vip\"}",
			    i > 1 ? "," : "", i, i, i, i, 220, "");
	strbuf_adds(&rows, "]}");
	report = report_of(send_rows(&shop, "?notify=false", &rows, "application/json"));
	printf("import: JSON of %zu bytes in %.1f s; memory %ld KB idle, at most %ld KB\n",
	       rows.len, seconds_since(start_us), idle_kb, api_kb("VmHWM"));
	ck_assert_int_eq(reply_int(report, "data.created"), ROWS);
	ck_assert_int_lt(api_kb("VmHWM") - idle_kb, IMPORT_GROWTH_KB);
}
END_TEST

START_TEST(a_dry_run)
{
	struct shop shop = shop_open(ROWS, "0", ROWS);
	struct strbuf rows = rows_of(&shop);
	int64_t start_us = clock_monotonic_us();

	right_report(report_of(send_rows(&shop, "?dryRun=true", &rows, "text/csv")));
	printf("import: dry run of %d rows in %.1f s\n", ROWS, seconds_since(start_us));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 0);
}
END_TEST

/* --- out ------------------------------------------------------------------------------------- */

struct arrival {
	int64_t first_us;
	size_t bytes, lines;
};

static size_t arrive(char *data, size_t size, size_t count, void *into)
{
	struct arrival *arrival = into;

	if (!arrival->first_us)
		arrival->first_us = clock_monotonic_us();
	arrival->bytes += size * count;
	for (size_t i = 0; i < size * count; i++)
		arrival->lines += data[i] == '\n';
	return size * count;
}

START_TEST(a_million_guests)
{
	struct shop shop = shop_open(10, "0", 10);
	struct curl_slist *headers =
		curl_slist_append(NULL, text("Authorization: Bearer %s", token_organizer()));
	struct arrival arrival = {0};
	CURL *curl = curl_easy_init();
	int64_t start_us;
	long idle_kb;

	/* cancelled ones need no seat, and are given out alike */
	sql("INSERT INTO guests (event_id, first_name, last_name, email, status, cancelled_at, "
	    "registered_by, attempt_id) SELECT %lld, 'First ' || i, 'Last', 'g' || i || "
	    "'@x.example', "
	    "'cancelled', now(), %d, gen_random_uuid() FROM generate_series(1, %d) AS i",
	    (long long)shop.event_id, ORGANIZER, GUESTS);
	sql("ANALYZE guests");
	api_get(token_organizer(), "/api/events/%lld/guests", (long long)shop.event_id);
	idle_kb = api_kb("VmHWM");
	curl_easy_setopt(
		curl, CURLOPT_URL,
		text("%s/api/events/%lld/guests/export", suite_api(), (long long)shop.event_id));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, arrive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &arrival);
	start_us = clock_monotonic_us();
	ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK);
	printf("export: %zu lines, %zu bytes in %.1f s, first byte after %.0f ms; memory %ld KB "
	       "idle, "
	       "at most %ld KB\n",
	       arrival.lines, arrival.bytes, seconds_since(start_us),
	       (double)(arrival.first_us - start_us) / (double)US_PER_MS, idle_kb, api_kb("VmHWM"));
	ck_assert_uint_eq(arrival.lines, GUESTS + 1);
	ck_assert_int_lt(arrival.first_us - start_us, FIRST_BYTE_MS * US_PER_MS);
	ck_assert_int_lt(api_kb("VmHWM") - idle_kb, EXPORT_GROWTH_KB);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("large_files");
	TCase *tc = tcase_create("large_files");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 900);
	tcase_add_test(tc, rows_killed_in_the_middle);
	tcase_add_test(tc, the_largest_json);
	tcase_add_test(tc, a_dry_run);
	tcase_add_test(tc, a_million_guests);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? 0 : 1;
}
