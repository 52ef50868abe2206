/*
 * What is committed together: registrations of many events, with one that breaks, beside an event
 * that somebody holds; scans; and what is read together.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/admission.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { CALLERS = 24, EVENTS = 4, HOLDERS = 8, WAIT_MS = 10000, STEP_MS = 10 };

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* A transaction of somebody else. */
static struct pg_conn *other;

static void other_says(const char *statement)
{
	struct problem err = {0};

	if (!other && pg_connect(suite_database(), &other, &err))
		ck_abort_msg("%s", err.detail);
	if (pg_exec(other, statement, PG_NO_ARGS, NULL, &err))
		ck_abort_msg("%s", err.detail);
}

/* Statements of the API that wait for a lock now. */
static bool api_waits_for_lock(void)
{
	return sql_int("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
		       "AND wait_event_type = 'Lock' AND query LIKE '%%register_guest%%'") > 0;
}

static void wait_for(bool (*what)(void))
{
	int64_t until = clock_monotonic_us() + WAIT_MS * US_PER_MS;

	while (!what()) {
		ck_assert_int_lt(clock_monotonic_us(), until);
		clock_sleep_ms(STEP_MS);
	}
}

/* A client comes again after a 503. */
static int register_at(const struct shop *shop, size_t i, const char *name)
{
	const char *token = token_of((int64_t)(100 + i), "user");
	struct reply *reply = shop_register(shop, token, name);

	for (int tries = 0; reply->status == 503 && tries < 20; tries++)
		reply = shop_register(shop, token, name);
	return reply->status;
}

/* --- many events, one transaction --------------------------------------------------------------
 */

struct gathering {
	struct shop shops[EVENTS];
	const char *odd_name; /* of the caller in the middle */
	_Atomic int asked, made, failed, other;
};

static _Atomic int *asked;
static int expected;

static bool all_have_asked(void)
{
	return *asked >= expected;
}

/* The first waits in its transaction, so that the others gather; the last lets it go. */
static void gather(void *ctx, size_t i)
{
	struct gathering *all = ctx;
	const char *name = i == CALLERS / 2 ? all->odd_name : text("together%zu", i);
	int status;

	if (i == CALLERS) {
		wait_for(api_waits_for_lock);
		wait_for(all_have_asked);
		clock_sleep_ms(200); /* what was asked is on its way: more only helps */
		other_says("ROLLBACK");
		return;
	}
	if (i > 0)
		wait_for(api_waits_for_lock);
	all->asked++;
	status = register_at(&all->shops[i % EVENTS], i, name);
	all->made += status == 201;
	all->failed += status == 500;
	all->other += status != 201 && status != 500;
}

static void run_gathering(struct gathering *all)
{
	for (int i = 0; i < EVENTS; i++)
		all->shops[i] = shop_open(1000, "0", 1000);
	/* callers are known before: their mirror does not wait */
	for (size_t i = 0; i < CALLERS; i++)
		api_post(token_of((int64_t)(100 + i), "user"), "/api/tickets/validate", "{}");
	asked = &all->asked;
	expected = CALLERS - 1; /* without the first */
	other_says("BEGIN");
	other_says("LOCK TABLE outbox IN EXCLUSIVE MODE");
	crowd(CALLERS + 1, gather, all);
	pg_return(&other);
	other = NULL;
}

START_TEST(events_share_a_transaction)
{
	struct gathering all = {.odd_name = "odd"};

	run_gathering(&all);
	ck_assert_int_eq(all.made, CALLERS);
	ck_assert_int_eq(sql_int("SELECT count(DISTINCT event_id) FROM guests"), EVENTS);
	ck_assert_int_lt(sql_int("SELECT count(DISTINCT xmin::text) FROM guests"), CALLERS / 2);
	ck_assert_int_gt(sql_int("SELECT max(n) FROM (SELECT count(DISTINCT event_id) AS n "
				 "FROM guests GROUP BY xmin::text) g"),
			 1);
	ck_assert(audit_clean());
}
END_TEST

/* Who breaks the batch fails alone, and the others are not committed one by one for it. */
START_TEST(one_that_breaks_fails_alone)
{
	struct gathering all = {.odd_name = "odd"};

	sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.email "
	    "LIKE 'odd@%%' THEN RAISE EXCEPTION 'odd' USING ERRCODE = '22000'; END IF; "
	    "NEW.phone := pg_current_xact_id(); RETURN NEW; END $$");
	sql("CREATE TRIGGER refuse BEFORE INSERT ON guests FOR EACH ROW EXECUTE FUNCTION refuse()");
	run_gathering(&all);
	ck_assert_int_eq(all.made, CALLERS - 1);
	ck_assert_int_eq(all.failed, 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), CALLERS - 1);
	ck_assert_int_lt(sql_int("SELECT count(DISTINCT phone) FROM guests"), CALLERS / 2);
	ck_assert(audit_clean());
}
END_TEST

/* --- an event that somebody holds --------------------------------------------------------------
 */

struct held {
	struct shop held, free;
	_Atomic bool released;
	_Atomic int asked, made, early;
};

static void buy_beside(void *ctx, size_t i)
{
	struct held *held = ctx;

	if (i == 0) {
		/* none of these may need what is held */
		wait_for(api_waits_for_lock);
		for (size_t n = 0; n < 5; n++)
			held->early +=
				register_at(&held->free, 500 + n, text("free%zu", n)) == 201 &&
				!held->released;
		wait_for(all_have_asked);
		clock_sleep_ms(200); /* what was asked is on its way: more only helps */
		held->released = true;
		other_says("ROLLBACK");
		return;
	}
	held->asked++;
	held->made += register_at(&held->held, i, text("held%zu", i)) == 201;
}

static void hold(struct held *held, const char *row)
{
	other_says("BEGIN");
	other_says(row);
	asked = &held->asked;
	expected = HOLDERS;
	crowd(1 + HOLDERS, buy_beside, held);
	pg_return(&other);
	other = NULL;
	ck_assert_int_eq(held->early, 5);
	ck_assert_int_eq(held->made, HOLDERS);
	ck_assert(audit_clean());
}

START_TEST(a_held_event_does_not_stop_the_others)
{
	struct held held = {.held = shop_open(1000, "0", 1000), .free = shop_open(1000, "0", 1000)};

	hold(&held, text("SELECT FROM events WHERE id = %lld FOR NO KEY UPDATE",
			 (long long)held.held.event_id));
}
END_TEST

/* The batch has the event and waits for the type; who comes for the event waits for the batch. */
START_TEST(a_batch_on_its_way_does_not_stop_other_events)
{
	struct held held = {.held = shop_open(1000, "0", 1000), .free = shop_open(1000, "0", 1000)};

	hold(&held, text("SELECT FROM ticket_types WHERE id = %lld FOR UPDATE",
			 (long long)held.held.type_id));
	ck_assert_int_lt(sql_int("SELECT count(DISTINCT xmin::text) FROM guests "
				 "WHERE event_id = %lld",
				 (long long)held.held.event_id),
			 4);
}
END_TEST

/* --- scans -------------------------------------------------------------------------------------
 */

static bool scans_wait_for_lock(void)
{
	return sql_int("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
		       "AND wait_event_type = 'Lock' AND query LIKE '%%admit_tickets%%'") > 0;
}

struct door {
	const char *codes[CALLERS];
	_Atomic int asked, admitted;
};

static void scan_together(void *ctx, size_t i)
{
	struct door *door = ctx;

	if (i == CALLERS) {
		wait_for(scans_wait_for_lock);
		wait_for(all_have_asked);
		clock_sleep_ms(200);
		other_says("ROLLBACK");
		return;
	}
	door->asked++;
	for (int tries = 0; tries < 20; tries++) {
		int status = scan(door->codes[i])->status;

		door->admitted += status == 200;
		if (status != 503)
			break;
	}
}

START_TEST(scans_share_a_transaction)
{
	struct door door = {0};
	struct shop shop = shop_open(1000, "0", 1000);

	for (size_t i = 0; i < CALLERS; i++) {
		struct guest guest = new_guest(&shop, text("door%zu", i));

		door.codes[i] = printed(&guest);
	}
	asked = &door.asked;
	expected = CALLERS - 1;
	other_says("BEGIN");
	other_says("LOCK TABLE ticket_scans IN EXCLUSIVE MODE");
	crowd(CALLERS + 1, scan_together, &door);
	pg_return(&other);
	other = NULL;
	ck_assert_int_eq(door.admitted, CALLERS);
	ck_assert_int_lt(sql_int("SELECT count(DISTINCT xmin::text) FROM ticket_scans"),
			 CALLERS / 2);
	ck_assert(audit_clean());
}
END_TEST

/* --- plans ------------------------------------------------------------------------------------ */

enum { CROWDED = 20000 };

static int64_t rows_read(const char *table)
{
	return sql_int("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables "
		       "WHERE relname = '%s'",
		       table);
}

/* Servers tell what a session did some seconds later. */
static bool told(const char *table, int64_t changes)
{
	return sql_becomes(30000, "true",
			   text("SELECT (n_tup_ins + n_tup_upd >= %lld)::text "
				"FROM pg_stat_user_tables WHERE relname = '%s'",
				(long long)changes, table));
}

static void fill_event(const struct shop *shop)
{
	sql("INSERT INTO guests (event_id, first_name, last_name, email, ticket_type_id, status, "
	    "registered_by, attempt_id) SELECT %lld, 'A', 'B', 'g' || i || '@example.com', %lld, "
	    "'confirmed', 10, gen_random_uuid() FROM generate_series(1, %d) AS i",
	    (long long)shop->event_id, (long long)shop->type_id, CROWDED);
	sql("INSERT INTO tickets (event_id, guest_id, ticket_type_id, ticket_code) "
	    "SELECT event_id, id, ticket_type_id, 'EVT-' || id FROM guests WHERE email LIKE "
	    "'g%%@example.com'");
	sql("SELECT pg_stat_force_next_flush()");
}

/* Sessions plan when the tables are empty, and keep that plan until they are analyzed: a whole
 * table read for a join would then cost nothing, and everything soon after. */
START_TEST(plans_of_empty_tables_stay_right)
{
	struct shop shop;
	struct guest first, second;
	int64_t guests, tickets;

	sql("ALTER TABLE guests SET (autovacuum_enabled = false)");
	sql("ALTER TABLE tickets SET (autovacuum_enabled = false)");
	shop = shop_open(100000, "0", 100000);
	first = new_guest(&shop, "first");
	second = new_guest(&shop, "second");
	ck_assert_int_eq(scan(printed(&first))->status, 200);
	fill_event(&shop);
	ck_assert(told("guests", CROWDED + 3));  /* with the one who came in */
	ck_assert(told("tickets", CROWDED + 3)); /* and was scanned */
	guests = rows_read("guests");
	tickets = rows_read("tickets");
	new_guest(&shop, "third");
	ck_assert_int_eq(scan(printed(&second))->status, 200);
	ck_assert(told("guests", CROWDED + 5));
	ck_assert(told("tickets", CROWDED + 5));
	ck_assert_int_lt(rows_read("guests") - guests, CROWDED / 10);
	ck_assert_int_lt(rows_read("tickets") - tickets, CROWDED / 10);
}
END_TEST

/* --- reads -------------------------------------------------------------------------------------
 */

struct library {
	struct shop shops[EVENTS];
	int64_t draft;
	_Atomic int wrong, reads;
};

static bool is_right(const struct library *library, size_t i, size_t n)
{
	const char *token = i % 2 ? token_organizer() : token_of((int64_t)(100 + i), "user");
	const struct shop *shop = &library->shops[(i + n) % EVENTS];
	struct reply *reply;

	if (n % 5 == 0)
		return api_get(token, "/api/events/%d", 999999)->status == 404;
	if (n % 5 == 1)
		return api_get(token, "/api/events/%lld", (long long)library->draft)->status ==
		       (i % 2 || i == 0 ? 200 : 404); /* caller 100 is staff */
	reply = api_get(token, "/api/events/%lld", (long long)shop->event_id);
	return reply->status == 200 && reply_int(reply, "data.id") == shop->event_id &&
	       reply_int(reply, "data.ticketTypes.0.id") == shop->type_id &&
	       reply_int(reply, "data.ticketTypes.1.eventId") == shop->event_id &&
	       reply_count(reply, "data.ticketTypes") == 2;
}

static void read_along(void *ctx, size_t i)
{
	struct library *library = ctx;

	for (size_t n = 0; n < 40; n++) {
		library->wrong += !is_right(library, i, n);
		library->reads++;
	}
}

START_TEST(readers_each_get_their_own)
{
	struct library library = {0};

	for (int i = 0; i < EVENTS; i++) {
		library.shops[i] = shop_open(1000, "0", 1000);
		api_post(
			token_organizer(),
			text("/api/events/%lld/ticket-types", (long long)library.shops[i].event_id),
			"{\"name\":\"Second\",\"price\":1,\"quantity\":7}");
	}
	library.draft =
		reply_int(api_post(token_organizer(), "/api/events",
				   "{\"title\":\"Draft\",\"location\":\"Hall\",\"maxAttendees\":10,"
				   "\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":5}],"
				   "\"eventDate\":\"2097-01-01T10:00:00Z\"}"),
			  "data.id");
	ck_assert_int_eq(
		api_put(token_organizer(), "/api/events/%lld/staff/100", (long long)library.draft)
			->status,
		204);
	crowd(CALLERS, read_along, &library);
	ck_assert_int_eq(library.wrong, 0);
	ck_assert_int_eq(library.reads, CALLERS * 40);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("together");
	TCase *tc = tcase_create("together");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, events_share_a_transaction);
	tcase_add_test(tc, one_that_breaks_fails_alone);
	tcase_add_test(tc, a_held_event_does_not_stop_the_others);
	tcase_add_test(tc, a_batch_on_its_way_does_not_stop_other_events);
	tcase_add_test(tc, scans_share_a_transaction);
	tcase_add_test(tc, plans_of_empty_tables_stay_right);
	tcase_add_test(tc, readers_each_get_their_own);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? 0 : 1;
}
