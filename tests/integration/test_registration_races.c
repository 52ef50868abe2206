/*
 * Registration under contention: no seat sold twice, none refused while one is free, no deadlock.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/pg.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum {
	SEATS = 50,
	BUYERS = 200,
	ROUNDS = 1000,
	DIRECT_SEATS = 20,
	DIRECT_BUYERS = 60,
	ROUNDS_OF_SETS = 40,
	WAIT_MS = 15000
};

static void begin(void)
{
	suite_set("HOLDS_PER_CALLER", "1000");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* How the database is asked; the combiner takes the single form for who is alone. */
enum form { SETS, SINGLES, BOTH };
static const char *const functions[] = {"register_guests", "register_guest"};

/* --- many for few seats ---------------------------------------------------------------------- */

struct rush {
	struct shop shop;
	const char *tag;
	_Atomic int made, sold_out, other, cancelled;
	int64_t guests[SEATS];
	enum form form; /* where it asks the database itself */
};

static void count_reply(struct rush *rush, const struct reply *reply)
{
	if (reply->status == 201)
		rush->made++;
	else if (!strcmp(reply_slug(reply), "sold-out"))
		rush->sold_out++;
	else
		rush->other++;
}

/* As a client does: a 503 says to come again. */
static struct reply *ask_for_seat(struct rush *rush, size_t i)
{
	const char *token = token_of((int64_t)(100 + i), "user");
	const char *name = text("%s%zu", rush->tag, i);
	struct reply *reply = shop_register(&rush->shop, token, name);

	for (int tries = 0; reply->status == 503 && tries < 20; tries++) {
		clock_sleep_ms(100);
		reply = shop_register(&rush->shop, token, name);
	}
	return reply;
}

static void buy(void *ctx, size_t i)
{
	count_reply(ctx, ask_for_seat(ctx, i));
}

static void expect_counters(const struct shop *shop, int want)
{
	ck_assert_int_eq(sql_int("SELECT current_attendees FROM events WHERE id = %lld",
				 (long long)shop->event_id),
			 want);
	ck_assert_int_eq(
		sql_int("SELECT sold FROM ticket_types WHERE id = %lld", (long long)shop->type_id),
		want);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE event_id = %lld AND status <> "
				 "'cancelled'",
				 (long long)shop->event_id),
			 want);
}

START_TEST(two_hundred_for_fifty_seats)
{
	struct rush rush = {.shop = shop_open(1000, "0", SEATS), .tag = "b"};

	crowd(BUYERS, buy, &rush);
	ck_assert_int_eq(rush.made, SEATS);
	ck_assert_int_eq(rush.sold_out, BUYERS - SEATS);
	ck_assert_int_eq(rush.other, 0);
	expect_counters(&rush.shop, SEATS);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(event_limit_over_two_types)
{
	struct rush rush = {.shop = shop_open(SEATS, "0", 100), .tag = "b"};
	struct rush other = rush;
	struct reply *second =
		api_post(token_organizer(),
			 text("/api/events/%lld/ticket-types", (long long)rush.shop.event_id),
			 "{\"name\":\"Second\",\"price\":0,\"quantity\":100}");

	ck_assert_int_eq(second->status, 201);
	other.shop.type_id = reply_int(second, "data.id");
	other.tag = "c";
	crowd(BUYERS / 4, buy, &rush);
	crowd(BUYERS / 4, buy, &other);
	ck_assert_int_eq(rush.made + other.made, SEATS);
	ck_assert_int_eq(rush.other + other.other, 0);
	ck_assert(audit_clean());
}
END_TEST

/* Straight to the function, a connection each: no process in between that could queue them. */
static void buy_directly(void *ctx, size_t i)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	struct rush *rush = ctx;
	struct problem err = {0};
	bool alone = rush->form == BOTH ? i % 2 : rush->form == SINGLES;
	const char *member = text(
		"jsonb_build_object('ord', 0, 'attempt_id', gen_random_uuid(), 'event_id', %lld, "
		"'caller_id', %d, 'is_admin', true, 'ticket_type_id', %lld, 'first_name', 'A', "
		"'last_name', 'B', 'email', 'd%zu@x.example', 'type', 'regular', 'ticket_code', "
		"gen_random_uuid(), 'job_id', gen_random_uuid(), 'payment_key', gen_random_uuid())",
		(long long)rush->shop.event_id, ORGANIZER, (long long)rush->shop.type_id, i);
	const char *call =
		alone ? text("SELECT outcome FROM register_guest(%s, 900, 10, 3000)", member)
		      : text("SELECT outcome FROM register_guests(jsonb_build_array(%s), "
			     "900, 10, 3000)",
			     member);

	/* a busy machine is slow to open so many at once */
	for (int tries = 0; tries < 20 && pg_connect(suite_database(), &conn, &err); tries++)
		clock_sleep_ms(100);
	if (!conn || pg_exec(conn, call, PG_NO_ARGS, &result, &err))
		rush->other++;
	else if (!strcmp(pg_text(result, 0, 0), "ok"))
		rush->made++;
	else
		rush->sold_out++;
}

START_TEST(connections_side_by_side)
{
	struct rush rush = {.shop = shop_open(1000, "0", DIRECT_SEATS), .form = (enum form)_i};

	crowd(DIRECT_BUYERS, buy_directly, &rush);
	ck_assert_int_eq(rush.other, 0);
	ck_assert_int_eq(rush.made, DIRECT_SEATS);
	ck_assert_int_eq(rush.sold_out, DIRECT_BUYERS - DIRECT_SEATS);
	ck_assert(audit_clean());
}
END_TEST

/* The lock taken out: the same crowd must now come out wrong, or the test above sees nothing. */
START_TEST(without_locks_the_crowd_comes_out_wrong)
{
	bool wrong = false;

	sql("DO $$ BEGIN EXECUTE regexp_replace(pg_get_functiondef('%s'::regproc), "
	    "'FOR NO KEY UPDATE( SKIP LOCKED)?', '', 'g'); END $$",
	    functions[_i]);
	/* Chance decides when two meet. */
	for (int round = 0; round < 10 && !wrong; round++) {
		struct rush rush = {.shop = shop_open(1000, "0", DIRECT_SEATS),
				    .form = (enum form)_i};

		crowd(DIRECT_BUYERS, buy_directly, &rush);
		wrong = rush.made != DIRECT_SEATS || rush.sold_out != DIRECT_BUYERS - DIRECT_SEATS;
	}
	ck_assert(wrong);
}
END_TEST

/* --- seats that come back -------------------------------------------------------------------- */

/* The first fifty cancel; the others try until they have a seat, or are refused after the last
 * cancel was answered. */
static void cancel_or_buy(void *ctx, size_t i)
{
	struct rush *rush = ctx;

	if (i < SEATS) {
		struct reply *reply =
			api_post(token_organizer(),
				 text("/api/events/%lld/guests/%lld/cancel",
				      (long long)rush->shop.event_id, (long long)rush->guests[i]),
				 NULL);

		rush->other += reply->status != 200;
		rush->cancelled++;
		return;
	}
	for (;;) {
		bool last = rush->cancelled == SEATS;
		struct reply *reply = ask_for_seat(rush, i);
		bool refused = !strcmp(reply_slug(reply), "sold-out");

		if (!refused || last) {
			count_reply(rush, reply);
			return;
		}
		clock_sleep_ms(20);
	}
}

START_TEST(cancelled_seats_are_sold_again)
{
	struct rush rush = {.shop = shop_open(1000, "0", SEATS), .tag = "late"};

	for (int i = 0; i < SEATS; i++) {
		struct reply *reply = shop_register(&rush.shop, token_user(), text("first%d", i));

		ck_assert_int_eq(reply->status, 201);
		rush.guests[i] = reply_int(reply, "data.id");
	}
	crowd(SEATS + 80, cancel_or_buy, &rush);
	ck_assert_int_eq(rush.other, 0);
	ck_assert_int_eq(rush.made, SEATS);
	ck_assert_int_eq(rush.sold_out, 80 - SEATS);
	expect_counters(&rush.shop, SEATS);
	ck_assert(audit_clean());
}
END_TEST

/* --- a set of members in one call ------------------------------------------------------------ */

/* One random member but for its `ord`; a small space of callers, addresses and keys, so that they
 * collide often. */
static const char *member(const struct shop *shop, const int64_t types[3], unsigned *seed)
{
	int kind = rand_r(seed) % 4;
	int caller = rand_r(seed) % 6 ? 10 + rand_r(seed) % 3 : ORGANIZER;
	const char *type = kind == 3 ? "null" : text("%lld", (long long)types[kind]);
	const char *key = rand_r(seed) % 3 ? "null" : text("\"k%d\"", rand_r(seed) % 4);
	const char *external = rand_r(seed) % 6 ? "null" : text("\"x%d\"", rand_r(seed) % 3);
	int address = rand_r(seed) % 12;

	return text("\"attempt_id\":\"%s\",\"event_id\":%lld,\"caller_id\":%d,"
		    "\"is_admin\":false,\"ticket_type_id\":%s,\"first_name\":\"A\",\"last_name\":"
		    "\"B\",\"email\":\"%c%d@x.example\",\"type\":\"%s\",\"ticket_code\":\"%s\","
		    "\"job_id\":\"%s\",\"payment_key\":\"%s\",\"idempotency_key\":%s,"
		    "\"fingerprint\":\"%02x\",\"external_id\":%s,\"locale\":%s}",
		    sql("SELECT gen_random_uuid()"), (long long)shop->event_id, caller, type,
		    rand_r(seed) % 2 ? 'a' : 'A', address, rand_r(seed) % 10 ? "regular" : "vip",
		    sql("SELECT gen_random_uuid()"), sql("SELECT gen_random_uuid()"),
		    sql("SELECT gen_random_uuid()"), key, address * 4 + kind, external,
		    rand_r(seed) % 2 ? "\"fr\"" : "null");
}

/* What callers are told, in order, and what is in the tables then; ids and moments aside. */
static const char said[] =
	"SELECT concat_ws(E'\\n', "
	"(SELECT string_agg(concat_ws(' ', outcome, replayed, status, locale, id IS NULL, "
	"created_at IS NULL, ticket_id IS NULL, ticket_code, job_id, job_type, payment_id IS NULL, "
	"payment_key, amount, currency, expires_at - created_at, deadline_at - created_at, "
	"event_title), E'\\n' ORDER BY ord) FROM out_), "
	"(SELECT string_agg(concat_ws(' ', email, g.type, status, ticket_type_id, locale, phone, "
	"external_id, registered_by, attempt_id), E'\\n' ORDER BY attempt_id) FROM guests g), "
	"(SELECT string_agg(concat_ws(' ', attempt_id, t.ticket_type_id, ticket_code, t.status), "
	"E'\\n' ORDER BY ticket_code) FROM tickets t JOIN guests g ON g.id = t.guest_id), "
	"(SELECT string_agg(concat_ws(' ', attempt_id, method, p.status, amount, currency, "
	"deadline_at - p.created_at, expires_at - p.created_at), E'\\n' ORDER BY attempt_id) "
	"FROM payments p JOIN guests g ON g.id = p.guest_id), "
	"(SELECT string_agg(concat_ws(' ', attempt_id, kind, n.status), E'\\n' ORDER BY "
	"attempt_id) "
	"FROM notifications n JOIN guests g ON g.id = n.guest_id), "
	"(SELECT string_agg(concat_ws(' ', o.id, job_type, coalesce(t.ticket_code, g.email)), "
	"E'\\n' "
	"ORDER BY o.id) FROM outbox o LEFT JOIN tickets t ON job_type = 'generate-ticket-pdf' AND "
	"t.id = subject_id LEFT JOIN notifications n ON job_type = 'send-email' AND n.id = "
	"subject_id LEFT JOIN guests g ON g.id = n.guest_id), "
	"(SELECT string_agg(concat_ws(' ', ticket_type_id, kind, n), E'\\n' ORDER BY "
	"ticket_type_id, "
	"kind) FROM (SELECT ticket_type_id, kind, sum(n) AS n FROM statistics_deltas GROUP BY 1, "
	"2) "
	"d), "
	"(SELECT string_agg(concat_ws(' ', caller_id, key, encode(fingerprint, 'hex'), state, "
	"k.status, g.attempt_id, result - '{ord,id,ticket_id,payment_id,created_at,expires_at}'"
	"::text[], expires_at - k.created_at), E'\\n' ORDER BY caller_id, key) "
	"FROM idempotency_keys k LEFT JOIN guests g ON g.id = k.guest_id), "
	"(SELECT string_agg(current_attendees::text, ' ' ORDER BY id) FROM events), "
	"(SELECT string_agg(sold::text, ' ' ORDER BY id) FROM ticket_types)) AS t";

/* Together in one call, or each in its own in turn; nothing of it stays. */
static const char *outcomes(const char *const *members, int count, bool together, enum form form)
{
	const char *script = "";

	for (int i = 0; i < count; i++)
		script = text("%s%s%s", script, i && together ? "," : "",
			      together ? members[i]
				       : text("INSERT INTO out_ SELECT * FROM %s('%s%s%s',900,2,"
					      "3000);",
					      functions[form], form == SETS ? "[" : "", members[i],
					      form == SETS ? "]" : ""));
	if (together)
		script = text("INSERT INTO out_ SELECT * FROM register_guests('[%s]',900,2,3000);",
			      script);
	return sql("BEGIN; CREATE TEMP TABLE out_ OF registration_outcome ON COMMIT DROP; %s"
		   "CREATE TEMP TABLE said_ ON COMMIT PRESERVE ROWS AS %s; "
		   "TRUNCATE idempotency_keys, guests, tickets, documents, payments, "
		   "notifications, outbox, statistics_deltas CASCADE; "
		   "UPDATE events SET current_attendees = 0; UPDATE ticket_types SET sold = 0; "
		   "COMMIT; "
		   "SELECT t FROM said_",
		   script, said);
}

static int64_t add_type(const struct shop *shop, int price, int quantity)
{
	return sql_int("INSERT INTO ticket_types (event_id, name, price, quantity) "
		       "VALUES (%lld, 'x', %d, %d) RETURNING id",
		       (long long)shop->event_id, price, quantity);
}

/* Now and then the event or a type is not on sale. */
static void close_some(const struct shop *shop, unsigned *seed)
{
	static const char *const statuses[] = {"draft", "completed", "active"};

	if (rand_r(seed) % 8 == 0)
		sql("UPDATE events SET status = '%s' WHERE id = %lld", statuses[rand_r(seed) % 3],
		    (long long)shop->event_id);
	if (rand_r(seed) % 4 == 0)
		sql("UPDATE ticket_types SET sales_start_at = now() + interval '1 hour' WHERE id = "
		    "%lld",
		    (long long)shop->type_id);
	if (rand_r(seed) % 8 == 0)
		sql("UPDATE ticket_types SET deleted_at = now() WHERE event_id = %lld",
		    (long long)shop->event_id);
}

START_TEST(a_set_comes_out_as_one_by_one)
{
	unsigned seed = 20260201;
	const char *others;

	for (int caller = 10; caller < 13; caller++)
		sql("INSERT INTO users (id) VALUES (%d) ON CONFLICT DO NOTHING", caller);
	for (int round = 0; round < ROUNDS_OF_SETS; round++) {
		struct shop shop = shop_open(3 + rand_r(&seed) % 8, "0", 1 + rand_r(&seed) % 4);
		int64_t types[3] = {shop.type_id, add_type(&shop, 0, 1 + rand_r(&seed) % 3),
				    add_type(&shop, 10, 1 + rand_r(&seed) % 6)};
		const char *bodies[16], *members[16];
		int count = 2 + rand_r(&seed) % 15;

		close_some(&shop, &seed);
		for (int i = 0; i < count; i++) {
			/* some come again, as after a COMMIT of unknown outcome */
			bodies[i] = i && rand_r(&seed) % 8 == 0 ? bodies[rand_r(&seed) % i]
								: member(&shop, types, &seed);
			members[i] = text("{\"ord\":%d,%s", i, bodies[i]);
		}
		others = outcomes(members, count, true, SETS);
		/* too long for the messages of ck_assert_str_eq */
		ck_assert_msg(!strcmp(outcomes(members, count, false, SETS), others),
			      "round %d: sets of one", round);
		ck_assert_msg(!strcmp(outcomes(members, count, false, SINGLES), others),
			      "round %d: singles", round);
	}
}
END_TEST

/* --- opposite flows -------------------------------------------------------------------------- */

static int64_t deadlocks(void)
{
	return sql_int("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
}

struct duel {
	struct shop shop;
	int64_t guest_id;
	const char *intent_id;
	int round;
	_Atomic int odd;
};

static void cancel_against_return(void *ctx, size_t i)
{
	struct duel *duel = ctx;
	struct reply *reply;

	if (i == 0)
		reply = api_post(token_user(),
				 text("/api/events/%lld/guests/%lld/cancel",
				      (long long)duel->shop.event_id, (long long)duel->guest_id),
				 NULL);
	else
		reply = shop_register(&duel->shop, token_user(), "same");
	if (i == 0 ? reply->status != 200
		   : reply->status != 201 && strcmp(reply_slug(reply), "already-registered") != 0)
		duel->odd++;
	if (i == 1 && reply->status == 201)
		duel->guest_id = reply_int(reply, "data.id");
}

START_TEST(cancel_against_registration_of_the_same_address)
{
	struct duel duel = {.shop = shop_open(10, "0", 10)};

	for (int round = 0; round < ROUNDS; round++) {
		if (!sql("SELECT 1 FROM guests WHERE status <> 'cancelled'"))
			duel.guest_id = reply_int(shop_register(&duel.shop, token_user(), "same"),
						  "data.id");
		crowd(2, cancel_against_return, &duel);
	}
	ck_assert_int_eq(duel.odd, 0);
	ck_assert_int_eq(deadlocks(), 0);
	ck_assert(audit_clean());
}
END_TEST

static void webhook_against_cancel(void *ctx, size_t i)
{
	struct duel *duel = ctx;

	if (i == 0)
		platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}",
			     duel->intent_id);
	else if (api_post(token_organizer(),
			  text("/api/events/%lld/cancel", (long long)duel->shop.event_id), NULL)
			 ->status != 200)
		duel->odd++;
}

START_TEST(webhook_against_event_cancel)
{
	struct duel duel = {0};

	for (int round = 0; round < ROUNDS; round++) {
		struct reply *guest;

		duel.shop = shop_open(10, "5", 10);
		guest = shop_register(&duel.shop, token_user(), "payer");
		ck_assert_int_eq(guest->status, 201);
		duel.intent_id = reply_text(guest, "data.payment.intentId");
		crowd(2, webhook_against_cancel, &duel);
	}
	ck_assert_int_eq(duel.odd, 0);
	ck_assert_int_eq(deadlocks(), 0);
	/* The money arrived in time, or is known to have come late. */
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM payments p WHERE status = 'succeeded' OR EXISTS "
			"(SELECT FROM payment_messages m WHERE m.intent_id = p.intent_id AND "
			"m.state = 'waiting')"),
		ROUNDS);
	ck_assert(audit_clean());
}
END_TEST

struct below {
	const char *method;
	const char *path; /* behind that of the guest */
	int status;
};
static const struct below flows[] = {{"POST", "/cancel", 200}, {"DELETE", "", 204}};

static void *ask_from_below(void *arg)
{
	struct below *below = arg;

	below->status = api_send(below->method, token_organizer(), below->path, NULL, NULL)->status;
	say_goodbye();
	return NULL;
}

static bool is_free(struct pg_conn *conn, const char *rows)
{
	struct problem err = {0};

	return pg_exec(conn, text("SELECT FROM %s FOR NO KEY UPDATE NOWAIT", rows), PG_NO_ARGS,
		       NULL, &err) == OK;
}

/* A flow that starts from a guest must not hold it while it waits for the event, or whoever comes
 * from the event meets it crosswise. */
START_TEST(who_waits_for_the_event_holds_nothing_below)
{
	struct shop shop = shop_open(10, "0", 10);
	const struct below *flow = &flows[_i];
	int64_t guest = reply_int(shop_register(&shop, token_user(), "below"), "data.id");
	struct below below = {flow->method,
			      text("/api/events/%lld/guests/%lld%s", (long long)shop.event_id,
				   (long long)guest, flow->path),
			      0};
	PG_LEASED above = NULL;
	struct problem err = {0};
	pthread_t thread;

	ck_assert_int_eq(pg_connect(suite_database(), &above, &err), OK);
	ck_assert_int_eq(pg_begin(above, &err), OK);
	ck_assert(is_free(above, "events"));
	pthread_create(&thread, NULL, ask_from_below, &below);
	ck_assert(sql_becomes(WAIT_MS, "1",
			      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
			      "'Lock' AND datname = current_database()"));
	ck_assert(is_free(above, "ticket_types"));
	ck_assert(is_free(above, "guests"));
	ck_assert(is_free(above, "tickets"));
	ck_assert_int_eq(pg_commit(above, &err), OK);
	pthread_join(thread, NULL);
	ck_assert_int_eq(below.status, flow->status);
	ck_assert(audit_clean());
}
END_TEST

/* Two callers, two keys, two events, taken crosswise: each key is used for both events at once. */
static void crossed_keys(void *ctx, size_t i)
{
	struct duel *duel = ctx;
	const char *header = text("Idempotency-Key: r%d-%zu", duel->round, i % 2);
	struct shop shop = duel[i / 2].shop;
	const char *body =
		text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"r%d-%zu@x.example\","
		     "\"ticketTypeId\":%lld}",
		     duel->round, i, (long long)shop.type_id);
	struct reply *reply = api_send("POST", token_user(),
				       text("/api/events/%lld/guests", (long long)shop.event_id),
				       body, (const char *const[]){header, NULL});

	if (reply->status != 201 && strcmp(reply_slug(reply), "idempotency-mismatch") != 0 &&
	    strcmp(reply_slug(reply), "idempotency-in-flight") != 0)
		duel->odd++;
}

START_TEST(crossed_idempotency_keys)
{
	struct duel duels[2] = {{.shop = shop_open(5000, "0", 5000)},
				{.shop = shop_open(5000, "0", 5000)}};

	for (duels[0].round = 0; duels[0].round < ROUNDS; duels[0].round++)
		crowd(4, crossed_keys, duels);
	ck_assert_int_eq(duels[0].odd, 0);
	ck_assert_int_eq(deadlocks(), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"),
			 sql_int("SELECT count(*) FROM idempotency_keys WHERE state = 'done'"));
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registration races");
	TCase *cases = tcase_create("registration races");
	TCase *order = tcase_create("order");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, two_hundred_for_fifty_seats);
	tcase_add_test(cases, event_limit_over_two_types);
	tcase_add_loop_test(cases, connections_side_by_side, SETS, BOTH + 1);
	tcase_add_loop_test(cases, without_locks_the_crowd_comes_out_wrong, SETS, BOTH);
	tcase_add_test(cases, cancelled_seats_are_sold_again);
	tcase_add_test(cases, a_set_comes_out_as_one_by_one);
	tcase_add_test(cases, cancel_against_registration_of_the_same_address);
	tcase_add_test(cases, webhook_against_event_cancel);
	tcase_add_test(cases, crossed_idempotency_keys);
	tcase_add_checked_fixture(order, begin, end);
	tcase_set_timeout(order, 60);
	tcase_add_loop_test(order, who_waits_for_the_event_holds_nothing_below, 0,
			    (int)ARRAY_LEN(flows));
	suite_add_tcase(suite, cases);
	suite_add_tcase(suite, order);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
