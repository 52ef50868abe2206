/*
 * Statistics over HTTP: what is cached and what is not, sums of an organizer, the run that folds,
 * and readers beside it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cache.h"
#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static struct reply *figures(int64_t event_id, const char *period)
{
	return must(api_get(token_organizer(), "/api/events/%lld/statistics?period=%s",
			    (long long)event_id, period),
		    200);
}

static struct reply *aggregate(const char *token)
{
	const char *header = token ? text("X-Service-Token: %s", token) : NULL;

	return api_send("POST", NULL, "/api/internal/statistics/aggregate", NULL,
			(const char *const[]){header, NULL});
}

static int64_t event_in(const char *zone)
{
	struct reply *reply = must(
		api_post(
			token_organizer(), "/api/events",
			"{\"title\":\"A talk\",\"eventDate\":\"2099-01-01T00:00:00Z\",\"location\":"
			"\"Somewhere\",\"timeZone\":\"%s\",\"maxAttendees\":10,\"ticketTypes\":"
			"[{\"name\":\"One\",\"price\":0,\"quantity\":10}]}",
			zone),
		201);

	return reply_int(reply, "data.id");
}

/* --- the cache --- */

static struct cache *cache;
static struct arena arena;

static void open_cache(void)
{
	const struct redis_options options = {
		.url = servers_redis_url(), .connect_timeout_ms = 1000, .command_timeout_ms = 1000};
	struct problem err = {0};

	arena_init(&arena, 4096);
	ck_assert_int_eq(cache_open(&options, 3600, &cache, &err), OK);
}

START_TEST(parts_are_at_most_five_seconds_old)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *key = text("stats:event:%lld:24h", (long long)shop.event_id);
	int64_t begun = clock_monotonic_us();
	struct slice kept;
	struct reply *first;

	open_cache();
	cache_delete(cache, key);
	first = figures(shop.event_id, "24h");
	must(shop_register(&shop, token_user(), "zoe"), 201);
	ck_assert_int_eq(reply_int(figures(shop.event_id, "all"), "data.totalGuests"), 1);
	ck_assert_str_eq(figures(shop.event_id, "24h")->body, first->body);
	ck_assert(cache_get(cache, &arena, key, &kept));
	ck_assert_mem_eq(kept.at, first->body, first->len);
	ck_assert(!cache_get(cache, &arena, text("stats:event:%lld:all", (long long)shop.event_id),
			     &kept));
	while (reply_int(figures(shop.event_id, "24h"), "data.totalGuests") == 0) {
		ck_assert_int_lt(clock_monotonic_us() - begun, 5 * US_PER_S);
		clock_sleep_ms(50);
	}
	ck_assert_int_gt(clock_monotonic_us() - begun, 3 * US_PER_S);
	cache_close(cache);
}
END_TEST

/* What is cached is for who may see it. */
START_TEST(cached_figures_keep_their_rights)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld/statistics", (long long)shop.event_id);

	figures(shop.event_id, "24h");
	must(api_get(token_user(), "%s", path), 403);
	must(api_get(token_other_organizer(), "%s", path), 403);
	must(api_get(NULL, "%s", path), 401);
	must(api_get(token_admin(), "%s", path), 200);
}
END_TEST

START_TEST(without_redis_figures_are_computed)
{
	struct shop shop;

	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	suite_set("REDIS_URL", text("redis://127.0.0.1:%d", servers_free_port()));
	suite_start(SUITE_API);
	shop = shop_open(10, "0", 10);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(reply_int(figures(shop.event_id, "1h"), "data.totalGuests"), i);
		must(shop_register(&shop, token_user(), text("g%d", i)), 201);
	}
}
END_TEST

/* --- what the figures are --- */

START_TEST(figures_of_an_event)
{
	struct shop shop = shop_open(10, "49.90", 8);
	long long event = shop.event_id;
	struct reply *reply, *guest;
	const char *type = text("%lld", (long long)shop.type_id);

	for (int i = 0; i < 4; i++)
		guest = must(shop_register(&shop, token_user(), text("g%d", i)), 201);
	must(api_post(token_organizer(),
		      text("/api/events/%lld/guests/%lld/confirm", event,
			   (long long)reply_int(guest, "data.id")),
		      NULL),
	     200);
	must(api_post(token_organizer(),
		      text("/api/events/%lld/guests/%lld/check-in", event,
			   (long long)reply_int(guest, "data.id")),
		      NULL),
	     200);
	reply = figures(event, "all");
	ck_assert_msg(
		strstr(reply->body,
		       text("{\"data\":{\"eventId\":%lld,\"period\":\"all\",\"totalGuests\":4,"
			    "\"confirmedGuests\":1,\"checkedInGuests\":1,\"checkInRate\":0.25,"
			    "\"ticketStats\":[{\"ticketTypeId\":%s,\"name\":\"Standard\","
			    "\"sold\":4,\"validated\":1,\"quantity\":8}],\"revenueStats\":"
			    "{\"currency\":\"EUR\",\"gross\":49.9,\"refunded\":0,\"net\":49.9,"
			    "\"payments\":1},\"generatedAt\":\"",
			    event, type)),
		"%s", reply->body);
}
END_TEST

static void type_deleted(int64_t event_id)
{
	sql("UPDATE ticket_types SET deleted_at = now() WHERE event_id = %lld",
	    (long long)event_id);
}

START_TEST(an_event_without_types_or_guests)
{
	int64_t event_id = event_in("UTC");
	struct reply *reply;

	type_deleted(event_id);
	reply = figures(event_id, "7d");
	ck_assert_int_eq(reply_count(reply, "data.ticketStats"), 0);
	ck_assert_int_eq(reply_int(reply, "data.totalGuests"), 0);
	ck_assert(reply_number(reply, "data.checkInRate") == 0);
	ck_assert(reply_number(reply, "data.revenueStats.net") == 0);
}
END_TEST

/* --- an organizer's events --- */

static void sell_on_site(const struct shop *shop, const char *name)
{
	struct reply *guest = must(shop_register(shop, token_user(), name), 201);

	must(api_post(token_organizer(),
		      text("/api/events/%lld/guests/%lld/confirm", (long long)shop->event_id,
			   (long long)reply_int(guest, "data.id")),
		      NULL),
	     200);
}

START_TEST(sums_of_an_organizer)
{
	struct shop euro = shop_open(10, "10.25", 10), dollar = shop_open(10, "3", 10);
	int64_t deleted = event_in("UTC");
	struct reply *reply;

	must(api_patch(token_organizer(), text("/api/events/%lld", (long long)dollar.event_id),
		       "{\"currency\":\"USD\"}"),
	     200);
	must(api_delete(token_organizer(), "/api/events/%lld", (long long)deleted), 204);
	sell_on_site(&euro, "a");
	sell_on_site(&euro, "b");
	sell_on_site(&dollar, "c");
	for (int i = 0; i < 2; i++) {
		reply = must(api_get(token_organizer(), "/api/statistics"), 200);
		ck_assert_str_eq(reply->body,
				 "{\"data\":{\"events\":2,\"totalGuests\":3,\"checkedInGuests\":0,"
				 "\"revenue\":[{\"currency\":\"EUR\",\"gross\":20.5,\"refunded\":0,"
				 "\"net\":20.5},{\"currency\":\"USD\",\"gross\":3,\"refunded\":0,"
				 "\"net\":3}]}}");
		must(aggregate(suite_service_token), 200);
	}
	ck_assert_str_eq(
		must(api_get(token_admin(), "/api/statistics?organizerId=%d", ORGANIZER), 200)
			->body,
		reply->body);
	ck_assert_str_eq(must(api_get(token_admin(), "/api/statistics"), 200)->body,
			 "{\"data\":{\"events\":0,\"totalGuests\":0,\"checkedInGuests\":0,"
			 "\"revenue\":[]}}");
	must(api_get(token_other_organizer(), "/api/statistics?organizerId=%d", ORGANIZER), 403);
	must(api_get(token_organizer(), "/api/statistics?organizerId=%d", ORGANIZER), 403);
	must(api_get(token_admin(), "/api/statistics?organizerId=x"), 400);
}
END_TEST

/* --- folding --- */

START_TEST(a_run_needs_the_service_token)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *reply;

	/* the process folds by itself too: soon after its start, then a minute later */
	while (api_metric("sweeper_slices_total{duty=\"statistics\",outcome=\"done\"}") < 1)
		clock_sleep_ms(20);
	must(shop_register(&shop, token_user(), "zoe"), 201);
	must(aggregate(NULL), 401);
	must(aggregate("a guess"), 401);
	must(api_post(token_admin(), "/api/internal/statistics/aggregate", NULL), 401);
	ck_assert_int_gt(sql_int("SELECT count(*) FROM statistics_deltas"), 0);
	reply = must(aggregate(suite_service_token), 200);
	ck_assert_int_gt(reply_int(reply, "data.folded"), 0);
	ck_assert_ptr_nonnull(reply_text(reply, "data.until"));
	ck_assert_int_eq(reply_int(aggregate(suite_service_token), "data.folded"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM statistics_deltas"), 0);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(corectl_folds_and_shows)
{
	struct shop shop = shop_open(10, "7.50", 10);
	const char *output;

	setenv("DATABASE_URL", suite_database(), 1);
	arena_init(&arena, 4096);
	sell_on_site(&shop, "zoe");
	ck_assert_int_eq(run_program(&arena, "corectl", "stats aggregate", &output), 0);
	ck_assert_msg(!strncmp(output, "folded  until\n", 14), "%s", output);
	ck_assert_int_eq(run_program(&arena, "corectl", "stats aggregate --json", &output), 0);
	ck_assert_msg(strstr(output, "[{\"folded\":0,\"until\":\"20"), "%s", output);
	must(shop_register(&shop, token_user(), "not folded"), 422);
	must(shop_register(&shop, token_user(), "unfolded"), 201);
	ck_assert_int_eq(run_program(&arena, "corectl",
				     text("stats show %lld --json", (long long)shop.event_id),
				     &output),
			 0);
	ck_assert_msg(strstr(output,
			     "{\"ticketTypeId\":null,\"name\":\"all\",\"registrations\":2,"
			     "\"cancellations\":0,\"guests\":2,\"confirmed\":1,\"checkedIn\":0,"
			     "\"gross\":7.5,\"refunded\":0}"),
		      "%s", output);
	ck_assert_int_eq(run_program(&arena, "corectl",
				     text("stats show %lld", (long long)shop.event_id), &output),
			 0);
	ck_assert_msg(strstr(output, "Standard"), "%s", output);
	ck_assert_int_eq(run_program(&arena, "corectl", "stats show 999999", &output),
			 EXIT_FAILURE);
	ck_assert_int_eq(run_program(&arena, "corectl", "stats show x", &output), EXIT_USAGE);
}
END_TEST

enum { DELTAS = 60000, FOLDERS = 3, READERS = 3 };

struct side_by_side {
	int64_t event_id;
	_Atomic int64_t folded;
	_Atomic int odd;
};

static void fold_or_read(void *ctx, size_t i)
{
	struct side_by_side *side = ctx;

	for (int round = 0; round < 12; round++) {
		if (i < FOLDERS) {
			side->folded += sql_int("SELECT folded FROM fold_statistics(1500)");
			continue;
		}
		struct reply *reply = figures(side->event_id, "all");

		if (reply_int(reply, "data.totalGuests") != DELTAS ||
		    reply_number(reply, "data.revenueStats.gross") != DELTAS / 4.0)
			side->odd++;
	}
}

/* Whoever reads while runs fold side by side sees each delta once. */
START_TEST(readers_beside_runs)
{
	struct side_by_side side = {.event_id = event_in("UTC")};

	sql("INSERT INTO statistics_deltas (event_id, quarter, kind, n, amount) "
	    "SELECT %lld, quarter_of(now() - i %% 400 * interval '15 minutes'), k.kind, k.n, "
	    "k.amount "
	    "FROM generate_series(1, %d) AS i, "
	    "LATERAL (VALUES ('guests', 1, 0), ('gross', 1, 0.25)) AS k (kind, n, amount)",
	    (long long)side.event_id, DELTAS);
	crowd(FOLDERS + READERS, fold_or_read, &side);
	ck_assert_int_eq(side.odd, 0);
	ck_assert_int_gt(side.folded, 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM statistics_deltas"),
			 2 * DELTAS - side.folded);
	/* a backlog goes slice by slice, in one call */
	side.folded += reply_int(must(aggregate(suite_service_token), 200), "data.folded");
	ck_assert_int_eq(side.folded, 2 * DELTAS);
	fold_or_read(&side, FOLDERS);
	ck_assert_int_eq(side.odd, 0);
}
END_TEST

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

int main(void)
{
	Suite *suite = suite_create("statistics");
	TCase *cases = tcase_create("statistics");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, suite_end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, parts_are_at_most_five_seconds_old);
	tcase_add_test(cases, cached_figures_keep_their_rights);
	tcase_add_test(cases, without_redis_figures_are_computed);
	tcase_add_test(cases, figures_of_an_event);
	tcase_add_test(cases, an_event_without_types_or_guests);
	tcase_add_test(cases, sums_of_an_organizer);
	tcase_add_test(cases, a_run_needs_the_service_token);
	tcase_add_test(cases, corectl_folds_and_shows);
	tcase_add_test(cases, readers_beside_runs);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
