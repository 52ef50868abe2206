/*
 * The API and its database fail under load: what was promised is there, nothing else is said than
 * 503, nobody is cut, and all goes on by itself.
 */
#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/aftermath.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"

enum {
	BUYERS = 8,
	EACH_MAX = 2000,
	SERVED_MS = 30000,
	ANSWER_MS = 5000,
	RECOVERY_MS = 5000,
	OUTAGE_MS = 700,
	KEYED = 60,
	ORPHANS = 2,
};

static void begin(void)
{
	suite_begin(SUITE_ALL);
}

static void end(void)
{
	suite_end();
}

/* --- a load of registrations ------------------------------------------------------------------ */

/* Buyers register one guest after another, until they are told to stop or find nobody. */
struct load {
	struct shop shop;
	_Atomic bool stop;
	_Atomic int accepted, unavailable, odd, slow, refused;
	_Atomic int64_t last_accepted_us;
	int64_t guests[BUYERS][EACH_MAX];
	int counts[BUYERS];
};

static void judge(struct load *load, size_t i, const struct reply *reply, int64_t took_us)
{
	const char *slug = reply_slug(reply);

	load->slow += took_us > ANSWER_MS * US_PER_MS;
	if (reply->status == 201) {
		load->guests[i][load->counts[i]++] = reply_int(reply, "data.id");
		load->accepted++;
		load->last_accepted_us = clock_monotonic_us();
	} else if (reply->status == 503 &&
		   (!strcmp(slug, "database-unavailable") || !strcmp(slug, "overloaded"))) {
		load->unavailable++;
	} else {
		fprintf(stderr, "answered %d %s\n", reply->status, reply->body);
		load->odd++;
	}
}

static void buy(struct load *load, size_t i)
{
	for (int n = 0; n < EACH_MAX && !load->stop; n++) {
		int64_t begun_us = clock_monotonic_us();
		struct reply *reply = shop_register(
			&load->shop, token_of((int64_t)(100 + i), "user"), text("b%zu-%d", i, n));

		if (reply->refused) {
			load->refused++;
			return;
		}
		judge(load, i, reply, clock_monotonic_us() - begun_us);
		reply_free(reply);
	}
}

/* Each promised guest is there. */
static int64_t promised(const struct load *load)
{
	int64_t found = 0;

	for (size_t i = 0; i < BUYERS; i++) {
		const char *ids = "0";

		for (int n = 0; n < load->counts[i]; n++)
			ids = text("%s,%lld", ids, (long long)load->guests[i][n]);
		found += sql_int("SELECT count(*) FROM guests WHERE id IN (%s) AND status = "
				 "'confirmed'",
				 ids);
	}
	return found;
}

static void await_accepted(const struct load *load, int more)
{
	int want = load->accepted + more;

	while (load->accepted < want)
		clock_sleep_ms(5);
}

/* --- PostgreSQL restarted --------------------------------------------------------------------- */

static int ready_status(void)
{
	return api_get(NULL, "/health/ready")->status;
}

static void restart_database(struct load *load)
{
	int64_t back_us;

	await_accepted(load, 50);
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	if (ready_status() != 503)
		load->odd++;
	clock_sleep_ms(OUTAGE_MS);
	servers_resume(SERVER_POSTGRES);
	back_us = clock_monotonic_us();
	while (load->last_accepted_us < back_us &&
	       clock_monotonic_us() - back_us < RECOVERY_MS * US_PER_MS)
		clock_sleep_ms(5);
	if (load->last_accepted_us < back_us || !suite_ready(RECOVERY_MS))
		load->odd++;
	await_accepted(load, 50);
	load->stop = true;
}

static void buy_or_restart(void *ctx, size_t i)
{
	struct load *load = ctx;

	if (i < BUYERS)
		buy(load, i);
	else
		restart_database(load);
}

START_TEST(database_restarted_under_load)
{
	static struct load load;

	load.shop = shop_open(100000, "0", 100000);
	crowd(BUYERS + 1, buy_or_restart, &load);
	ck_assert_int_eq(load.odd, 0);
	ck_assert_int_eq(load.slow, 0);
	ck_assert_int_gt(load.unavailable, 0);
	ck_assert_int_eq(promised(&load), load.accepted);
	/* A 503 may hide a registration whose commit was not heard of. */
	ck_assert(each_served_once((int)sql_int("SELECT count(*) FROM guests"), SERVED_MS));
}
END_TEST

/* --- the API killed between commit and answer ------------------------------------------------- */

struct keyed {
	struct shop shop;
	const struct shop *shops; /* one for each, when not NULL */
	const char *tag;
	int guests; /* that the killer waits for */
	struct pg_conn *holder;
	struct reply *replies[KEYED];
};

static struct reply *register_keyed(const struct keyed *keyed, size_t i)
{
	const struct shop *shop = keyed->shops ? &keyed->shops[i] : &keyed->shop;
	const char *key = text("Idempotency-Key: %s%zu", keyed->tag, i);
	const char *body =
		text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"%s%zu@x.example\","
		     "\"ticketTypeId\":%lld}",
		     keyed->tag, i, (long long)shop->type_id);

	return api_send("POST", token_user(),
			text("/api/events/%lld/guests", (long long)shop->event_id), body,
			(const char *const[]){key, NULL});
}

static void ask_or_kill_midway(void *ctx, size_t i)
{
	struct keyed *keyed = ctx;

	if (i < KEYED) {
		keyed->replies[i] = register_keyed(keyed, i);
		return;
	}
	while (sql_int("SELECT count(*) FROM guests") < keyed->guests)
		;
	suite_kill(SUITE_API);
}

static void ask_or_kill_waiting(void *ctx, size_t i)
{
	struct keyed *keyed = ctx;

	if (i < ORPHANS) {
		keyed->replies[i] = register_keyed(keyed, i);
		return;
	}
	while (sql_int("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") <
	       ORPHANS)
		clock_sleep_ms(5);
	suite_kill(SUITE_API);
	pg_return(&keyed->holder);
}

/* Asked again until it is decided: the database may not have noticed yet that the API died, and
 * then the first request is still running. */
static struct reply *register_again(const struct keyed *keyed, size_t i)
{
	int64_t until = clock_monotonic_us() + SERVED_MS * US_PER_MS;
	struct reply *reply = register_keyed(keyed, i);

	while (reply->status == 409 && !strcmp(reply_slug(reply), "idempotency-in-flight") &&
	       clock_monotonic_us() < until) {
		clock_sleep_ms(20);
		reply = register_keyed(keyed, i);
	}
	return reply;
}

/* The same requests again: the guest that was promised, else the one that is there, else a new
 * one. */
static void repeat(struct keyed *keyed, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct reply *again = register_again(keyed, i);

		ck_assert_int_eq(again->status, 201);
		if (keyed->replies[i]->status == 201)
			ck_assert_int_eq(reply_int(again, "data.id"),
					 reply_int(keyed->replies[i], "data.id"));
	}
}

START_TEST(api_killed_in_the_middle)
{
	struct keyed keyed = {.shop = shop_open(1000, "0", 1000), .tag = "m", .guests = KEYED / 3};

	crowd(KEYED + 1, ask_or_kill_midway, &keyed);
	suite_start(SUITE_API);
	repeat(&keyed, KEYED);
	ck_assert(each_served_once(KEYED, SERVED_MS));
}
END_TEST

/* Their statements wait in the database for their events when the API dies, and commit then: nobody
 * answers, nobody puts their jobs. An event each, since those for one event wait for each other in
 * the API, and no more than it lets wait for held events at once. */
START_TEST(api_killed_between_commit_and_answer)
{
	struct shop shops[ORPHANS];
	struct keyed keyed = {.shops = shops, .tag = "o"};
	struct problem err = {0};

	for (size_t i = 0; i < ORPHANS; i++)
		shops[i] = shop_open(1000, "0", 1000);

	if (pg_connect(suite_database(), &keyed.holder, &err) ||
	    pg_exec(keyed.holder, "BEGIN; SELECT FROM events FOR UPDATE", PG_NO_ARGS, NULL, &err))
		ck_abort_msg("%s", err.detail);
	crowd(ORPHANS + 1, ask_or_kill_waiting, &keyed);
	ck_assert(sql_becomes(5000, text("%d", ORPHANS), "SELECT count(*) FROM guests"));
	for (size_t i = 0; i < ORPHANS; i++)
		ck_assert_int_eq(keyed.replies[i]->status, 0);
	suite_start(SUITE_API);
	for (size_t i = 0; i < ORPHANS; i++) {
		struct reply *again = register_again(&keyed, i);

		ck_assert_int_eq(again->status, 201);
		ck_assert_str_eq(reply_header(again, "Idempotent-Replayed"), "true");
	}
	ck_assert(each_served_once(ORPHANS, SERVED_MS));
}
END_TEST

/* --- SIGTERM under load ----------------------------------------------------------------------- */

struct stopping {
	struct load load;
	int exit_status;
};

static void buy_or_stop(void *ctx, size_t i)
{
	struct stopping *stopping = ctx;

	if (i < BUYERS) {
		buy(&stopping->load, i);
		return;
	}
	await_accepted(&stopping->load, 100);
	stopping->exit_status = suite_stop(SUITE_API);
}

START_TEST(api_stopped_under_load)
{
	static struct stopping stopping;

	stopping.load.shop = shop_open(100000, "0", 100000);
	crowd(BUYERS + 1, buy_or_stop, &stopping);
	ck_assert_int_eq(stopping.exit_status, 0);
	ck_assert_int_eq(stopping.load.odd, 0);
	ck_assert_int_eq(stopping.load.unavailable, 0);
	ck_assert_int_eq(stopping.load.refused, BUYERS);
	/* All that is there was promised, and the other way round. */
	ck_assert_int_eq(promised(&stopping.load), stopping.load.accepted);
	ck_assert(each_served_once(stopping.load.accepted, SERVED_MS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("faults of the API");
	TCase *cases = tcase_create("faults of the API");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start_private();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, database_restarted_under_load);
	tcase_add_test(cases, api_killed_in_the_middle);
	tcase_add_test(cases, api_killed_between_commit_and_answer);
	tcase_add_test(cases, api_stopped_under_load);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
