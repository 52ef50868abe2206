/*
 * Lists from a streaming replica: read there, never older than the reader's own write, and good
 * answers whatever becomes of the replica or of Redis. Writes go to one API, reads to another.
 */
#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SOON_MS = 30000, MARK_MS = 10000, LAG_MAX_MS = 3000 };

static enum suite_part writer, reader;

/* --- speaking ---------------------------------------------------------------------------------
 */

static struct reply *ask(enum suite_part api, const char *method, const char *token,
			 const char *path, const char *body)
{
	return say(&(struct saying){.method = method,
				    .url = text("%s%s", suite_api_of(api), path),
				    .token = token,
				    .body = body});
}

static struct reply *read_list(const char *token, const char *path)
{
	return ask(reader, "GET", token, path, NULL);
}

/* Lists that the reading API answered so, as its metrics count them. */
static int64_t lists(const char *outcome)
{
	struct reply *reply = say(&(struct saying){
		.method = "GET", .url = text("%s/metrics", suite_metrics_of(reader))});
	const char *series = text("\ndb_replica_reads_total{outcome=\"%s\"} ", outcome);
	const char *at = strstr(reply->body, series);

	return at ? strtoll(at + strlen(series), NULL, 10) : 0;
}

/* An admin who never writes. */
static const char *onlooker(void)
{
	return token_of(77, "admin");
}

/* Look on until a list comes from the replica. */
static bool replica_is_read(int64_t ms)
{
	int64_t until = clock_monotonic_us() + ms * US_PER_MS;
	int64_t before = lists("replica");

	while (lists("replica") == before) {
		if (clock_monotonic_us() > until)
			return false;
		ck_assert_int_eq(read_list(onlooker(), "/api/events")->status, 200);
		clock_sleep_ms(50);
	}
	return true;
}

/* A statement on the replica; its first value. */
static const char *on_replica(const char *statement)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	struct problem err = {0};
	const char *database = strrchr(suite_database(), '/');

	if (pg_connect(text("%s%s", servers_address(SERVER_REPLICA), database), &conn, &err) ||
	    pg_exec(conn, statement, PG_NO_ARGS, &result, &err))
		ck_abort_msg("%s: %s", statement, err.detail);
	return pg_rows(result) && !pg_is_null(result, 0, 0) ? text("%s", pg_text(result, 0, 0))
							    : NULL;
}

static void delay_replay(const char *by)
{
	on_replica(text("ALTER SYSTEM SET recovery_min_apply_delay = '%s'", by));
	on_replica("SELECT pg_reload_conf()");
}

static void begin(void)
{
	writer = SUITE_API;
	reader = suite_nth(SUITE_API, 1);
	suite_set("DB_REPLICA_HOST", "127.0.0.1");
	suite_set("DB_REPLICA_PORT", text("%d", servers_port(SERVER_REPLICA)));
	suite_begin(SUITE_PLATFORM | SUITE_API);
	suite_start(reader);
	/* Marks that were set before it began may live for so long. */
	ck_assert_int_eq(read_list(onlooker(), "/api/events")->status, 200);
	ck_assert_int_eq(lists("replica"), 0);
	ck_assert(replica_is_read(SOON_MS));
}

/* --- what is read ----------------------------------------------------------------------------- */

static struct shop opened(void)
{
	struct shop shop = shop_open(10, "12.50", 10);

	ck_assert_int_eq(shop_register(&shop, token_user(), "ada")->status, 201);
	ck_assert_int_eq(shop_register(&shop, token_user(), "zoe")->status, 201);
	return shop;
}

static bool replica_caught_up(void)
{
	const char *want = sql("SELECT pg_current_wal_flush_lsn()");
	int64_t until = clock_monotonic_us() + SOON_MS * US_PER_MS;

	while (strcmp(on_replica(text("SELECT pg_last_wal_replay_lsn() >= '%s'::pg_lsn", want)),
		      "t") != 0) {
		if (clock_monotonic_us() > until)
			return false;
		clock_sleep_ms(20);
	}
	return true;
}

/* The same from the replica as from the primary, for each route that may read there. */
static void lists_are_the_same(const struct shop *shop)
{
	long long event = (long long)shop->event_id;
	const char *paths[] = {
		"/api/events?sort=title&page=1",
		text("/api/events/%lld/ticket-types", event),
		text("/api/events/%lld/guests?search=ada", event),
		text("/api/events/%lld/guests/export", event),
		text("/api/events/%lld/guests/%lld/payments", event,
		     (long long)sql_int("SELECT min(id) FROM guests")),
	};
	const char *marked = token_of(78, "admin");

	ck_assert_int_eq(
		ask(writer, "PUT", marked, text("/api/events/%lld/staff/79", event), NULL)->status,
		204);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		int64_t replica = lists("replica"), marks = lists("marked");
		struct reply *there = read_list(onlooker(), paths[i]), *here;

		ck_assert_int_eq(lists("replica"), replica + 1);
		here = read_list(marked, paths[i]);
		ck_assert_int_eq(lists("marked"), marks + 1);
		ck_assert_int_eq(there->status, 200);
		ck_assert_str_eq(there->body, here->body);
	}
}

/* Single things, statistics and anonymous callers do not go there. */
static void all_else_reads_the_primary(const struct shop *shop)
{
	int64_t before = lists("replica");
	const char *event = text("/api/events/%lld", (long long)shop->event_id);

	ck_assert_int_eq(read_list(onlooker(), event)->status, 200);
	ck_assert_int_eq(read_list(onlooker(), text("%s/statistics", event))->status, 200);
	ck_assert_int_eq(read_list(NULL, "/api/events")->status, 200);
	ck_assert_int_eq(lists("replica"), before);
}

/* --- a replica that goes ---------------------------------------------------------------------- */

struct onlookers {
	_Atomic bool over;
	_Atomic int good, bad;
	_Atomic int64_t slowest_us;
};

static void look_on(void *ctx, size_t i)
{
	struct onlookers *all = ctx;

	while (!all->over) {
		int64_t begun = clock_monotonic_us(), took;
		struct reply *reply =
			read_list(token_of((int64_t)(200 + i), "admin"), "/api/events?limit=5");

		took = clock_monotonic_us() - begun;
		*(reply->status == 200 ? &all->good : &all->bad) += 1;
		if (took > all->slowest_us)
			all->slowest_us = took;
		reply_free(reply);
		clock_sleep_ms(5);
	}
}

/* Every process of the server: each is a group of its own. */
static void signal_replica(int signal)
{
	int pid = servers_pid(SERVER_REPLICA);

	if (system(text("kill -%d %d $(cat /proc/%d/task/%d/children)", signal, pid, pid, pid)))
		ck_abort_msg("the replica is not there");
}

static void kill_it(struct onlookers *all)
{
	servers_halt(SERVER_REPLICA, SIGQUIT);
	clock_sleep_ms(3000);
	all->over = true;
}

static void freeze_it(struct onlookers *all)
{
	signal_replica(SIGSTOP);
	clock_sleep_ms(5000);
	signal_replica(SIGCONT);
	all->over = true;
}

struct mishap {
	struct onlookers all;
	void (*happens)(struct onlookers *all);
};
enum { ONLOOKERS = 6 };

/* The last of the crowd does it to the replica while all the others read. */
static void look_on_or_act(void *ctx, size_t i)
{
	struct mishap *mishap = ctx;

	if (i < ONLOOKERS)
		look_on(&mishap->all, i);
	else
		mishap->happens(&mishap->all);
}

static void nobody_notices(void (*happens)(struct onlookers *all), int64_t slowest_ms)
{
	struct mishap mishap = {.happens = happens};

	ck_assert(replica_is_read(SOON_MS));
	crowd(ONLOOKERS + 1, look_on_or_act, &mishap);
	printf("%d lists, the slowest took %lld ms\n", mishap.all.good,
	       (long long)(mishap.all.slowest_us / US_PER_MS));
	ck_assert_int_eq(mishap.all.bad, 0);
	ck_assert_int_gt(mishap.all.good, 100);
	ck_assert_int_le(mishap.all.slowest_us, slowest_ms * US_PER_MS);
}

/* Level with all that it got, and a primary of its own: not read. The last test. */
static void a_promoted_one_is_not_read(void)
{
	int64_t before, behind = lists("behind");

	on_replica("SELECT pg_promote()");
	while (lists("behind") == behind)
		ck_assert_int_eq(read_list(onlooker(), "/api/events")->status, 200);
	before = lists("replica");
	clock_sleep_ms(LAG_MAX_MS);
	ck_assert_int_eq(read_list(onlooker(), "/api/events")->status, 200);
	ck_assert_int_eq(lists("replica"), before);
}

START_TEST(lists_come_from_the_replica_while_it_is_there)
{
	struct shop shop = opened();

	ck_assert(replica_caught_up());
	lists_are_the_same(&shop);
	all_else_reads_the_primary(&shop);
	/* One statement may be waited for, and one connection. */
	nobody_notices(freeze_it, 10000);
	nobody_notices(kill_it, 10000);
	servers_resume(SERVER_REPLICA);
	ck_assert(replica_is_read(SOON_MS));
	a_promoted_one_is_not_read();
}
END_TEST

/* --- a replica that lags ---------------------------------------------------------------------- */

enum { USERS = 6 };

struct histories {
	int64_t until_us;
	_Atomic int reads, writes, stale, failed;
};

static int64_t made_event(const char *token, int64_t user)
{
	char at[RFC3339_SIZE];
	struct reply *reply;

	clock_format(clock_now_us() + 30 * 24 * 3600 * US_PER_S, at);
	reply = ask(writer, "POST", token, "/api/events",
		    text("{\"title\":\"of %lld\",\"eventDate\":\"%s\",\"location\":\"The hall\","
			 "\"maxAttendees\":5,\"ticketTypes\":[{\"name\":\"One\","
			 "\"price\":0,\"quantity\":5}]}",
			 (long long)user, at));
	ck_assert_msg(reply->status == 201, "%s", reply->body);
	return reply_int(reply, "data.id");
}

/* Pauses between writes: some within a mark's life, some around its end. */
static int64_t pause_of(size_t i, int round)
{
	return i < USERS / 2 ? 100 + 700 * (int64_t)((i + (size_t)round) % 4)
			     : MARK_MS + 500 * (int64_t)(i % 3);
}

static bool shows(const struct reply *reply, const char *title)
{
	const char *found = reply_text(reply, "data.0.title");

	return found && !strcmp(found, title);
}

/* Change one's event at one API, and find the change in one's list at the other, until it is
 * changed anew. */
static void live(void *ctx, size_t i)
{
	struct histories *all = ctx;
	int64_t user = (int64_t)(300 + i), next_us;
	const char *token = token_of(user, "organizer");
	long long event = (long long)made_event(token, user);
	const char *mine = text("/api/events?organizerId=%lld&limit=1", (long long)user);

	for (int round = 0; clock_monotonic_us() < all->until_us; round++) {
		const char *title = text("change %d of %zu", round, i);
		struct reply *reply = ask(writer, "PATCH", token, text("/api/events/%lld", event),
					  text("{\"title\":\"%s\"}", title));

		all->writes++;
		all->failed += reply->status != 200;
		next_us = clock_monotonic_us() + pause_of(i, round) * US_PER_MS;
		while (clock_monotonic_us() < next_us) {
			reply = read_list(token, mine);
			all->reads++;
			all->failed += reply->status != 200;
			all->stale += !shows(reply, title);
			reply_free(reply);
			clock_sleep_ms(20);
		}
	}
}

static void everybody_reads_their_own_writes(int64_t seconds)
{
	struct histories all = {.until_us = clock_monotonic_us() + seconds * US_PER_S};

	crowd(USERS, live, &all);
	printf("%d writes, %d reads, %d of them older than the reader's write\n", all.writes,
	       all.reads, all.stale);
	ck_assert_int_eq(all.failed, 0);
	ck_assert_int_eq(all.stale, 0);
	ck_assert_int_gt(all.reads, 100);
}

/* Two seconds behind it is read, so that the marks alone keep a caller from an older answer. */
static void lag_of_two_seconds(void)
{
	int64_t before = lists("replica");

	delay_replay("2s");
	everybody_reads_their_own_writes(18);
	ck_assert_int_gt(lists("replica"), before);
	ck_assert_int_gt(lists("marked"), 0);
	delay_replay("0");
}

static int64_t first_id(struct reply *reply)
{
	return reply_int(reply, "data.0.id");
}

/* Paused: others may see what is up to 3 s old, and then the primary's. */
static void lag_of_ten_seconds(void)
{
	int64_t old, made, paused_us, before;

	old = made_event(token_organizer(), ORGANIZER);
	ck_assert(replica_caught_up());
	ck_assert(replica_is_read(SOON_MS));
	on_replica("SELECT pg_wal_replay_pause()");
	paused_us = clock_monotonic_us();
	made = made_event(token_organizer(), ORGANIZER);
	before = lists("replica");
	if (first_id(read_list(onlooker(), "/api/events")) == old)
		ck_assert_int_eq(lists("replica"), before + 1);
	while (first_id(read_list(onlooker(), "/api/events")) != made)
		ck_assert_int_le(clock_monotonic_us() - paused_us, (LAG_MAX_MS + 7000) * US_PER_MS);
	before = lists("replica");
	everybody_reads_their_own_writes(12);
	ck_assert_int_eq(lists("replica"), before);
	ck_assert_int_gt(lists("behind"), 0);
	on_replica("SELECT pg_wal_replay_resume()");
	ck_assert(replica_is_read(SOON_MS));
}

START_TEST(nobody_reads_older_than_his_own_write)
{
	lag_of_two_seconds();
	lag_of_ten_seconds();
}
END_TEST

/* --- Redis ------------------------------------------------------------------------------------ */

/* How long nobody reads the replica. */
static int64_t pause_in_reads_ms(int64_t begun)
{
	ck_assert(replica_is_read(SOON_MS));
	return (clock_monotonic_us() - begun) / US_PER_MS;
}

static void redis_away(void)
{
	const char *token = token_organizer();
	int64_t before, made, begun;

	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	/* Whoever comes first finds out; nobody has to wait for it. */
	made = made_event(token, ORGANIZER);
	before = lists("replica");
	ck_assert_int_eq(first_id(read_list(token, "/api/events?organizerId=2")), made);
	ck_assert_int_eq(first_id(read_list(onlooker(), "/api/events")), made);
	ck_assert_int_eq(lists("replica"), before);
	begun = clock_monotonic_us(); /* it answers before `servers_resume` knows */
	servers_resume(SERVER_REDIS_QUEUE);
	ck_assert_int_ge(pause_in_reads_ms(begun), MARK_MS);
}

/* Emptied, it still answers; what was marked is not known any more. */
static void redis_forgets(void)
{
	int64_t begun = clock_monotonic_us(), unmarked = lists("unmarked");

	servers_flush_redis();
	while (lists("unmarked") == unmarked) {
		ck_assert_int_lt(clock_monotonic_us() - begun, MARK_MS * US_PER_MS);
		read_list(onlooker(), "/api/events");
	}
	ck_assert_int_ge(pause_in_reads_ms(clock_monotonic_us()), MARK_MS - 1000);
}

START_TEST(without_marks_everybody_reads_the_primary)
{
	redis_away();
	redis_forgets();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replica");
	TCase *lag = tcase_create("lag"), *redis = tcase_create("redis"),
	      *gone = tcase_create("gone");
	TCase *const cases[] = {lag, redis, gone};
	SRunner *runner;
	int failed;

	tcase_add_test(lag, nobody_reads_older_than_his_own_write);
	tcase_add_test(redis, without_marks_everybody_reads_the_primary);
	tcase_add_test(gone, lists_come_from_the_replica_while_it_is_there);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		tcase_set_timeout(cases[i], 120);
		tcase_add_checked_fixture(cases[i], begin, suite_end);
		suite_add_tcase(suite, cases[i]);
	}
	runner = srunner_create(suite);
	servers_start_private();
	servers_start_replica();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
