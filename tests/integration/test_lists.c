/*
 * Lists: filters, orders, pages and cursors.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* Titles of a list in its order, "a,b,c". */
static const char *titles(const char *token, const char *query)
{
	struct reply *reply = api_get(token, "/api/events?%s", query);
	const char *all = "";

	ck_assert_msg(reply->status == 200, "%s: %d %s", query, reply->status, reply->body);
	for (int i = 0; i < reply_count(reply, "data"); i++)
		all = text("%s%s%s", all, i ? "," : "",
			   reply_text(reply, text("data.%d.title", i)));
	return all;
}

/* --- events -------------------------------------------------------------------------------------
 */

static void insert_event(const char *title, const char *description, int organizer,
			 const char *status, const char *date)
{
	sql("INSERT INTO events (title, description, event_date, time_zone, location, "
	    "max_attendees, "
	    "currency, organizer_id, status, created_at) VALUES ('%s', '%s', '%s', 'UTC', 'Here', "
	    "10, "
	    "'EUR', %d, '%s', now() + (SELECT count(*) FROM events) * interval '1 second')",
	    title, description, date, organizer, status);
}

static void insert_events(void)
{
	sql("INSERT INTO users (id) VALUES (%d), (%d)", ORGANIZER, OTHER_ORGANIZER);
	insert_event("Draft", "x", ORGANIZER, "draft", "2090-01-01T00:00:00Z");
	insert_event("Alpha", "100% pure", ORGANIZER, "published", "2090-03-01T12:00:00Z");
	insert_event("beta", "snake_case", OTHER_ORGANIZER, "active", "2090-02-01T23:59:59.999Z");
	insert_event("Gamma", "Über ALPHA", OTHER_ORGANIZER, "completed", "2090-02-01T00:00:00Z");
	insert_event("Delta", "back\\slash", ORGANIZER, "cancelled", "2090-05-01T00:00:00Z");
	insert_event("Gone", "alpha", ORGANIZER, "published", "2090-05-01T00:00:00Z");
	sql("UPDATE events SET deleted_at = now() WHERE title = 'Gone'");
}

static const struct {
	const char *query;
	const char *titles;
} filters[] = {
	{"", "Gamma,beta,Alpha"},
	{"status=published", "Alpha"},
	{"status=draft", ""},
	{"status=cancelled", ""},
	{"organizerId=2", "Alpha"},
	{"organizerId=3&status=active", "beta"},
	{"search=ALPHA", "Gamma,Alpha"},
	{"search=%C3%BCber", "Gamma"},
	{"search=100%25", "Alpha"},
	{"search=%25", "Alpha"},
	{"search=_", "beta"},
	{"search=snake_case", "beta"},
	{"search=sn%25case", ""},
	{"search=back%5Cslash", ""},
	{"search=nothing", ""},
	{"dateFrom=2090-02-01T23:59:59.999Z", "beta,Alpha"},
	{"dateFrom=2090-02-02T01:00:00%2B01:00", "Alpha"},
	{"dateFrom=2090-02-02", "Alpha"},
	{"dateTo=2090-02-01", "Gamma,beta"},
	{"dateTo=2090-02-01T00:00:00Z", "Gamma"},
	{"dateFrom=2090-02-01&dateTo=2090-02-01", "Gamma,beta"},
	{"sort=eventDate", "Gamma,beta,Alpha"},
	{"sort=-eventDate", "Alpha,beta,Gamma"},
	{"sort=-createdAt&limit=2", "Gamma,beta"},
	{"page=2&limit=2", "Alpha"},
	{"page=1000&limit=100", ""},
};

START_TEST(filters_of_events)
{
	insert_events();
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		ck_assert_msg(!strcmp(titles(NULL, filters[i].query), filters[i].titles), "%s: %s",
			      filters[i].query, titles(NULL, filters[i].query));
	/* By title in the database's order, whichever it is. */
	ck_assert_str_eq(titles(NULL, "sort=title"),
			 sql("SELECT string_agg(title, ',' ORDER BY title, id) FROM events WHERE "
			     "title IN ('Alpha', 'beta', 'Gamma')"));
	ck_assert(!reply_has(api_get(NULL, "/api/events"), "data.0.ticketTypes"));
}
END_TEST

START_TEST(whose_drafts)
{
	insert_events();
	ck_assert_str_eq(titles(token_user(), ""), "Gamma,beta,Alpha");
	ck_assert_str_eq(titles(token_organizer(), ""), "Delta,Gamma,beta,Alpha,Draft");
	ck_assert_str_eq(titles(token_other_organizer(), ""), "Gamma,beta,Alpha");
	ck_assert_str_eq(titles(token_admin(), ""), "Delta,Gamma,beta,Alpha,Draft");
	ck_assert_str_eq(titles(token_organizer(), "status=draft"), "Draft");
	sql("INSERT INTO event_staff (event_id, user_id) SELECT id, %d FROM events WHERE title = "
	    "'Draft'",
	    STAFF);
	ck_assert_str_eq(titles(token_of(STAFF, "user"), "status=draft"), "Draft");
	ck_assert_int_eq(reply_int(api_get(token_organizer(), "/api/events?page=1"), "meta.total"),
			 5);
	ck_assert_int_eq(reply_int(api_get(NULL, "/api/events?page=1"), "meta.total"), 3);
}
END_TEST

/* --- pages and cursors --------------------------------------------------------------------------
 */

START_TEST(meta_and_links)
{
	struct reply *reply;

	insert_events();
	reply = api_get(NULL, "/api/events?limit=1&page=2&sort=eventDate");
	ck_assert_int_eq(reply_int(reply, "meta.limit"), 1);
	ck_assert_int_eq(reply_int(reply, "meta.page"), 2);
	ck_assert_int_eq(reply_int(reply, "meta.total"), 3);
	ck_assert(reply_has(reply, "meta.nextCursor"));
	ck_assert_str_eq(reply_header(reply, "Link"),
			 "</api/events?limit=1&sort=eventDate&page=1>; rel=\"first\", "
			 "</api/events?limit=1&sort=eventDate&page=1>; rel=\"prev\", "
			 "</api/events?limit=1&sort=eventDate&page=3>; rel=\"next\", "
			 "</api/events?limit=1&sort=eventDate&page=3>; rel=\"last\"");
	reply = api_get(NULL, "/api/events");
	ck_assert_int_eq(reply_int(reply, "meta.limit"), 20);
	ck_assert(!reply_has(reply, "meta.total") && !reply_has(reply, "meta.page"));
	ck_assert(!reply_has(reply, "meta.nextCursor"));
	ck_assert_ptr_null(reply_header(reply, "Link"));
	reply = api_get(NULL, "/api/events?limit=3&page=1");
	ck_assert(!reply_has(reply, "meta.nextCursor"));
}
END_TEST

/* Follow nextCursor to the end; each row's mark must be new. `between` runs after each page. */
static int walk(const char *list, const char *between)
{
	bool *seen = calloc(100000, sizeof(*seen));
	const char *cursor = "";
	int count = 0;

	while (cursor) {
		struct reply *reply = api_get(token_organizer(), "%s%s", list, cursor);
		const char *next = reply_text(reply, "meta.nextCursor");

		ck_assert_msg(reply->status == 200, "%s: %s", cursor, reply->body);
		for (int i = 0; i < reply_count(reply, "data"); i++, count++) {
			int64_t id = reply_int(reply, text("data.%d.id", i));

			ck_assert_msg(!seen[id], "%lld again", (long long)id);
			seen[id] = true;
		}
		cursor = next ? text("&cursor=%s", next) : NULL;
		if (between)
			sql("%s", between);
	}
	free(seen);
	return count;
}

START_TEST(walk_by_cursor)
{
	static const char *const sorts[] = {"-createdAt", "eventDate", "-eventDate", "title"};
	const char *one_more = "INSERT INTO events (title, event_date, time_zone, location, "
			       "max_attendees, currency, organizer_id, status) VALUES ('Same', "
			       "'2090-01-01', 'UTC', 'Here', 1, 'EUR', 2, 'published')";

	insert_events();
	sql("TRUNCATE events CASCADE");
	sql("INSERT INTO events (title, event_date, time_zone, location, max_attendees, currency, "
	    "organizer_id, status, created_at) SELECT 'Same', '2090-01-01', 'UTC', 'Here', 1, "
	    "'EUR', "
	    "2, 'published', '2026-01-01T00:00:00.123456Z' FROM generate_series(1, 250)");
	for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
		ck_assert_int_eq(walk(text("/api/events?limit=17&sort=%s", sorts[i]), NULL), 250);
	ck_assert_int_eq(walk("/api/events?limit=7", one_more), 250);
}
END_TEST

/* --- what is refused ----------------------------------------------------------------------------
 */

static const struct {
	const char *query;
	const char *parameter;
} refused[] = {
	{"colour=red", "colour"},
	{"limit=0", "limit"},
	{"limit=101", "limit"},
	{"limit=ten", "limit"},
	{"limit=1.5", "limit"},
	{"limit=", "limit"},
	{"limit", "limit"},
	{"limit=1&limit=1", "limit"},
	{"page=0", "page"},
	{"page=1001", "page"},
	{"page=-1", "page"},
	{"status=open", "status"},
	{"status=DRAFT", "status"},
	{"organizerId=0", "organizerId"},
	{"organizerId=x", "organizerId"},
	{"organizerId=9223372036854775808", "organizerId"},
	{"search=", "search"},
	{"search=%ff", "search"},
	{"search=%zz", "search"},
	{"search=a%00b", "search"},
	{"dateFrom=2090-01-01T00:00:00", "dateFrom"},
	{"dateTo=soon", "dateTo"},
	{"sort=price", "sort"},
	{"cursor=x", "cursor"},
	{"cursor=AAAA", "cursor"},
};

START_TEST(bad_queries)
{
	struct reply *reply;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		reply = api_get(NULL, "/api/events?%s", refused[i].query);
		ck_assert_msg(reply->status == 400 && !strcmp(reply_slug(reply), "invalid-query") &&
				      reply_violates(reply, refused[i].parameter, NULL),
			      "%s: %d %s", refused[i].query, reply->status, reply->body);
		ck_assert_ptr_nonnull(reply_text(reply, "errors.0.parameter"));
	}
	reply = api_get(NULL, "/api/events?limit=0&colour=red&sort=x");
	ck_assert_int_eq(reply_count(reply, "errors"), 3);
	reply = api_post(token_organizer(), "/api/events?dry=true", "{}");
	ck_assert_str_eq(reply_slug(reply), "invalid-query");
	reply = api_get(NULL, "/health/live?x=1");
	ck_assert_int_eq(reply->status, 400);
}
END_TEST

START_TEST(cursors_are_bound)
{
	struct reply *reply;
	const char *cursor;

	insert_events();
	reply = api_get(NULL, "/api/events?limit=1&sort=eventDate&search=a");
	cursor = reply_text(reply, "meta.nextCursor");
	ck_assert_ptr_nonnull(cursor);
#define WITH_CURSOR(path) api_get(token_organizer(), path "&cursor=%s", cursor)
	ck_assert_int_eq(WITH_CURSOR("/api/events?limit=2&sort=eventDate&search=a")->status, 200);
	reply = WITH_CURSOR("/api/events?limit=1&sort=eventDate&search=b");
	ck_assert(reply->status == 400 && reply_violates(reply, "cursor", NULL));
	reply = WITH_CURSOR("/api/events?limit=1&sort=-eventDate&search=a");
	ck_assert(reply->status == 400 && reply_violates(reply, "cursor", NULL));
	reply = WITH_CURSOR("/api/events?limit=1");
	ck_assert(reply->status == 400 && reply_violates(reply, "cursor", NULL));
	reply = WITH_CURSOR("/api/events/2/guests?sort=eventDate&search=a");
	ck_assert_int_eq(reply->status, 400);
	reply = WITH_CURSOR("/api/events?page=1&sort=eventDate&search=a");
	ck_assert(reply->status == 400 && reply_violates(reply, "cursor", NULL));
}
END_TEST

/* --- guests -------------------------------------------------------------------------------------
 */

static int64_t found(const struct shop *shop, const char *query)
{
	struct reply *reply = api_get(token_organizer(), "/api/events/%lld/guests?page=1&%s",
				      (long long)shop->event_id, query);

	ck_assert_msg(reply->status == 200, "%s: %s", query, reply->body);
	ck_assert_int_eq(reply_count(reply, "data"), reply_int(reply, "meta.total"));
	return reply_int(reply, "meta.total");
}

START_TEST(filters_of_guests)
{
	struct shop shop = shop_open(100, "0", 100);
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);
	struct reply *gone = shop_register(&shop, token_user(), "gone");

	shop_register(&shop, token_user(), "plain");
	api_post(token_organizer(), path,
		 "{\"firstName\":\"Zoé\",\"lastName\":\"O_Neil\",\"email\":\"Z@x.example\","
		 "\"type\":\"vip\"}");
	api_post(token_organizer(),
		 text("%s/%lld/cancel", path, (long long)reply_int(gone, "data.id")), NULL);
	ck_assert_int_eq(found(&shop, ""), 3);
	ck_assert_int_eq(found(&shop, "status=confirmed"), 1);
	ck_assert_int_eq(found(&shop, "status=cancelled"), 1);
	ck_assert_int_eq(found(&shop, "status=pending"), 0);
	ck_assert_int_eq(found(&shop, "type=vip"), 1);
	ck_assert_int_eq(found(&shop, text("ticketTypeId=%lld", (long long)shop.type_id)), 2);
	ck_assert_int_eq(found(&shop, "search=ZO%C3%89"), 1);
	ck_assert_int_eq(found(&shop, "search=zo%C3%A9+o_n"), 1);
	ck_assert_int_eq(found(&shop, "search=z@X.EXAMPLE"), 1);
	ck_assert_int_eq(found(&shop, "search=_"), 1);
	ck_assert_int_eq(found(&shop, "search=%25"), 0);
	ck_assert_int_eq(found(&shop, "search=guest"), 2);
	ck_assert_int_eq(api_get(token_organizer(), "%s?type=VIP", path)->status, 400);
	ck_assert_int_eq(api_get(token_organizer(), "%s?sort=eventDate", path)->status, 400);
	ck_assert_int_eq(api_get(token_user(), "%s?colour=red", path)->status, 403);
	ck_assert_int_eq(walk(text("%s?limit=1", path), NULL), 3);
	ck_assert_int_eq(walk(text("%s?limit=1&status=confirmed", path), NULL), 1);
	ck_assert_int_eq(
		walk(text("%s?limit=1&ticketTypeId=%lld", path, (long long)shop.type_id), NULL), 2);
	ck_assert_int_eq(walk(text("%s?limit=1&search=example", path), NULL), 3);
	api_delete(token_organizer(), "%s/%lld", path, (long long)reply_int(gone, "data.id"));
	ck_assert_int_eq(found(&shop, ""), 2);
}
END_TEST

/* --- growth ------------------------------------------------------------------------------------
 */

enum { MANY_GUESTS = 20000, SMALL_EVENTS = 2000, PAGES_ROWS = 1000 };

#define INSERT_GUESTS                                                                              \
	"INSERT INTO guests (event_id, first_name, last_name, email, status, cancelled_at, "       \
	"registered_by, attempt_id, created_at) SELECT %lld + i * %d, 'A', 'B', i || "             \
	"'@x.example', "                                                                           \
	"'cancelled', now(), 2, gen_random_uuid(), now() + i * interval '1 second' FROM "          \
	"generate_series(1, %d) AS i"

/* An event of many guests among events of one, and statistics that know it. */
static const char *fill_one_event(void)
{
	long long event_id = shop_open(100000, "0", 100000).event_id;

	sql("INSERT INTO events (title, description, event_date, time_zone, location, "
	    "max_attendees, currency, organizer_id, status) SELECT 'Small', 'x', '2090-01-01', "
	    "'UTC', 'Here', 10, 'EUR', 2, 'published' FROM generate_series(1, %d)",
	    SMALL_EVENTS);
	sql(INSERT_GUESTS, event_id, 0, MANY_GUESTS);
	sql(INSERT_GUESTS, event_id, 1, SMALL_EVENTS);
	sql("ANALYZE");
	return text("/api/events/%lld/guests", event_id);
}

/* Rows of guests that ended connections have looked at. */
static int64_t rows_read(void)
{
	suite_stop(SUITE_API);
	clock_sleep_ms(200); /* their last words */
	return sql_int("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname "
		       "= 'guests'");
}

/* Whatever the plans of a connection were made for: a page reads a page. */
START_TEST(a_page_of_many_guests_reads_a_page)
{
	const char *path = fill_one_event();
	struct reply *page;
	int64_t before;

	sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET plan_cache_mode = "
	    "force_generic_plan', current_database()); END $$");
	before = rows_read();
	suite_start(SUITE_API);
	page = api_get(token_organizer(), "%s", path);
	ck_assert_int_eq(reply_count(page, "data"), 20);
	page = api_get(token_organizer(), "%s?cursor=%s", path,
		       reply_text(page, "meta.nextCursor"));
	ck_assert_int_eq(reply_count(page, "data"), 20);
	page = api_get(token_organizer(), "%s?status=cancelled", path);
	ck_assert_int_eq(reply_count(page, "data"), 20);
	ck_assert_int_lt(rows_read() - before, PAGES_ROWS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lists");
	TCase *cases = tcase_create("lists");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, filters_of_events);
	tcase_add_test(cases, whose_drafts);
	tcase_add_test(cases, meta_and_links);
	tcase_add_test(cases, walk_by_cursor);
	tcase_add_test(cases, bad_queries);
	tcase_add_test(cases, cursors_are_bound);
	tcase_add_test(cases, filters_of_guests);
	tcase_add_test(cases, a_page_of_many_guests_reads_a_page);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
