/*
 * All guests as a file: what stands in it, that it comes at once and in flat memory, and that an
 * import takes it back.
 */
#include <check.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/support/raw.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { DONE_MS = 30000, MANY = 20000, FIRST_BYTE_MS = 200 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GROWTH_KB = 65536 }; /* what was freed is kept for a while, to be watched */
#else
enum { GROWTH_KB = 8192 };
#endif

static const char header[] =
	"id,firstName,lastName,email,phone,type,status,ticketTypeId,ticketType,"
	"ticketCode,externalId,locale,createdAt,checkedInAt\r\n";

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

static struct reply *export(const struct shop *shop)
{
	struct reply *reply = api_get(token_organizer(), "/api/events/%lld/guests/export",
				      (long long)shop->event_id);

	ck_assert_int_eq(reply->status, 200);
	ck_assert(!strncmp(reply->body, header, strlen(header)));
	return reply;
}

static int64_t add(const struct shop *shop, const char *first_name, const char *email,
		   const char *rest)
{
	struct reply *reply = api_post(
		token_organizer(), text("/api/events/%lld/guests", (long long)shop->event_id),
		"{\"firstName\":\"%s\",\"lastName\":\"L\",\"email\":\"%s\"%s}", first_name, email,
		rest);

	ck_assert_msg(reply->status == 201, "%s", reply->body);
	return reply_int(reply, "data.id");
}

static void import(const struct shop *shop, const char *body, int64_t created)
{
	struct reply *taken =
		say(&(struct saying){.method = "POST",
				     .url = text("%s/api/events/%lld/guests/import?notify=false",
						 suite_api(), (long long)shop->event_id),
				     .token = token_organizer(),
				     .content_type = "text/csv",
				     .body = body});

	ck_assert_int_eq(taken->status, 202);
	ck_assert(
		sql_becomes(DONE_MS, "0",
			    "SELECT count(*) FROM imports WHERE status IN ('queued', 'running')"));
	ck_assert_int_eq(sql_int("SELECT created FROM imports ORDER BY id DESC LIMIT 1"), created);
}

/* Guests straight into the tables. */
static void fill(const struct shop *shop, int count)
{
	sql("INSERT INTO guests (event_id, first_name, last_name, email, registered_by, "
	    "attempt_id) "
	    "SELECT %lld, 'First ' || i, 'Last', 'g' || i || '@x.example', %d, gen_random_uuid() "
	    "FROM "
	    "generate_series(1, %d) AS i",
	    (long long)shop->event_id, ORGANIZER, count);
	sql("UPDATE events SET current_attendees = %d", count);
	sql("INSERT INTO statistics_deltas (event_id, quarter, kind, n) SELECT %lld, "
	    "quarter_of(now()), k, %d FROM unnest(ARRAY['guests', 'registrations']) AS k",
	    (long long)shop->event_id, count);
}

START_TEST(columns_and_formulas)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *reply;
	const char *code;
	int64_t id;

	id = add(&shop, "=1+\\\"1\\\"", "a@x.example",
		 text(",\"phone\":\"+33612345678\",\"ticketTypeId\":%lld,\"externalId\":\"-x\"",
		      (long long)shop.type_id));
	ck_assert_int_eq(api_delete(token_organizer(), "/api/events/%lld/guests/%lld",
				    (long long)shop.event_id,
				    (long long)add(&shop, "Gone", "gone@x.example", ""))
				 ->status,
			 204);
	api_post(token_organizer(),
		 text("/api/events/%lld/guests/%lld/cancel", (long long)shop.event_id,
		      (long long)add(&shop, "Off, and away", "off@x.example", "")),
		 NULL);
	api_post(token_organizer(),
		 text("/api/events/%lld/guests/%lld/check-in", (long long)shop.event_id,
		      (long long)id),
		 NULL);
	code = sql("SELECT ticket_code FROM tickets");
	reply = export(&shop);
	ck_assert_str_eq(reply_header(reply, "Content-Type"),
			 "text/csv; charset=utf-8; header=present");
	ck_assert(
		!strncmp(reply_header(reply, "Content-Disposition"), "attachment; filename=", 21));
	ck_assert_str_eq(reply_header(reply, "Cache-Control"), "no-store");
	ck_assert_str_eq(reply_header(reply, "X-Content-Type-Options"), "nosniff");
	ck_assert_ptr_null(strstr(reply->body, "Gone"));
	ck_assert_ptr_nonnull(strstr(
		reply->body,
		text("%lld,\"'=1+\"\"1\"\"\",L,a@x.example,'+33612345678,regular,checked_in,%lld,"
		     "Standard,%s,'-x,en,2",
		     (long long)id, (long long)shop.type_id, code)));
	ck_assert_ptr_nonnull(strstr(reply->body, "\"Off, and away\",L,off@x.example,,regular,"
						  "cancelled,,,,,en,2"));
	ck_assert_str_eq(reply->body + reply->len - 4, "Z,\r\n");
}
END_TEST

START_TEST(what_was_exported_can_be_imported)
{
	struct shop from = shop_open(10, "0", 10), to = shop_open(10, "0", 10);
	static const char same[] =
		"SELECT string_agg(first_name || last_name || email || "
		"coalesce(phone, '-') || coalesce(external_id, '-') || locale || "
		"type, '|' ORDER BY email) FROM guests WHERE event_id = %lld";

	add(&from, "=1+1", "a@x.example", ",\"phone\":\"+33612345678\",\"externalId\":\"'=2\"");
	add(&from, "A \\\"B\\\", C;D", "b@x.example", ",\"locale\":\"fr\",\"type\":\"vip\"");
	add(&from, "'quoted'", "c@x.example", "");
	import(&to, export(&from)->body, 3);
	ck_assert_str_eq(sql(same, (long long)from.event_id), sql(same, (long long)to.event_id));
}
END_TEST

START_TEST(callers)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld/guests/export", (long long)shop.event_id);
	struct reply *head = api_send("HEAD", token_organizer(), path, NULL, NULL);

	ck_assert_int_eq(api_get(NULL, "%s", path)->status, 401);
	ck_assert_int_eq(api_get(token_user(), "%s", path)->status, 403);
	ck_assert_int_eq(api_get(token_organizer(), "%s?limit=1", path)->status, 400);
	ck_assert_int_eq(head->status, 200);
	ck_assert_uint_eq(head->len, 0);
	/* the connection is good for another */
	ck_assert_str_eq(export(&shop)->body, header);
}
END_TEST

/* A client of HTTP/1.0 knows no chunks: the end of the connection ends the file. */
START_TEST(http_1_0)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *request = text(
		"GET /api/events/%lld/guests/export HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n",
		(long long)shop.event_id, token_organizer());
	const char *answer = raw_exchange(request, strlen(request));

	ck_assert_ptr_nonnull(strstr(answer, " 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
	ck_assert_ptr_null(strstr(answer, "Transfer-Encoding"));
	ck_assert_str_eq(strstr(answer, "\r\n\r\n") + 4, header);
}
END_TEST

/* --- much of it ------------------------------------------------------------------------------ */

static long resident_kb(void)
{
	FILE *file = fopen(text("/proc/%d/status", suite_pid(SUITE_API)), "re");
	char line[256];
	long kb = 0;

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %ld", &kb) == 1)
			break;
	fclose(file);
	return kb;
}

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

static CURLcode fetch(const struct shop *shop, struct arrival *ret, long limit_bytes_per_s)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers =
		curl_slist_append(NULL, text("Authorization: Bearer %s", token_organizer()));
	CURLcode code;

	*ret = (struct arrival){0};
	curl_easy_setopt(
		curl, CURLOPT_URL,
		text("%s/api/events/%lld/guests/export", suite_api(), (long long)shop->event_id));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, arrive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
	curl_easy_setopt(curl, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)limit_bytes_per_s);
	if (limit_bytes_per_s)
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 1500L);
	code = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return code;
}

START_TEST(many_guests_in_flat_memory)
{
	struct shop shop = shop_open(MANY, "0", 10);
	struct arrival arrival;
	int64_t start_us;
	long before_kb;

	export(&shop);
	before_kb = resident_kb();
	fill(&shop, MANY);
	start_us = clock_monotonic_us();
	ck_assert_int_eq(fetch(&shop, &arrival, 0), CURLE_OK);
	ck_assert_uint_eq(arrival.lines, MANY + 1);
	ck_assert_int_lt(arrival.first_us - start_us, FIRST_BYTE_MS * US_PER_MS);
	ck_assert_int_lt(resident_kb() - before_kb, GROWTH_KB);
}
END_TEST

/* Who leaves in the middle stops the work; the thread and the connections are free again. */
START_TEST(a_client_that_leaves)
{
	struct shop shop = shop_open(100000, "0", 10);
	struct arrival arrival;

	fill(&shop, 100000);
	ck_assert_int_eq(fetch(&shop, &arrival, 20000), CURLE_OPERATION_TIMEDOUT);
	ck_assert_uint_lt(arrival.lines, 100000);
	ck_assert(sql_becomes(
		DONE_MS, "0",
		"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query "
		"LIKE '%first_name%ticket_code%' AND pid <> pg_backend_pid()"));
	ck_assert_int_eq(api_get(NULL, "/health/ready")->status, 200);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("export");
	TCase *tc = tcase_create("export");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, columns_and_formulas);
	tcase_add_test(tc, what_was_exported_can_be_imported);
	tcase_add_test(tc, callers);
	tcase_add_test(tc, http_1_0);
	tcase_add_test(tc, many_guests_in_flat_memory);
	tcase_add_test(tc, a_client_that_leaves);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? 0 : 1;
}
