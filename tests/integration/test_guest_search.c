/*
 * The search for guests: what lies beside them says what they say, whoever writes; what it reads;
 * and guests from before it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/chaos/dice.h"
#include "tests/support/admission.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { IMPORT_MS = 20000 };

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- every writer ------------------------------------------------------------------------------
 */

static const char drift[] =
	"SELECT count(*) FROM guests g FULL JOIN guest_search s ON s.guest_id = g.id "
	"WHERE (s.event_id, s.words) IS DISTINCT FROM (g.event_id, "
	"lower(g.first_name || ' ' || g.last_name || ' ' || g.email))";

static void is_exact(int64_t guests)
{
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guest_search"), guests);
	ck_assert_int_eq(sql_int(drift), 0);
}

static void is_found(const struct shop *shop, const char *words, int count)
{
	struct reply *reply = api_get(token_organizer(), "/api/events/%lld/guests?search=%s&page=1",
				      (long long)shop->event_id, words);

	ck_assert_msg(reply->status == 200, "%s", reply->body);
	ck_assert_msg(reply_count(reply, "data") == count, "%s: %s", words, reply->body);
	ck_assert_int_eq(reply_int(reply, "meta.total"), count);
}

static void register_set(const struct shop *shop)
{
	sql("SELECT count(*) FROM register_guests((SELECT jsonb_agg(jsonb_build_object('ord', i, "
	    "'attempt_id', gen_random_uuid(), 'event_id', %lld::bigint, 'caller_id', 10, "
	    "'is_admin', false, 'ticket_type_id', %lld::bigint, 'first_name', 'Set', 'last_name', "
	    "'Ö' || i, 'email', 'SET' || i || '@example.com', 'type', 'regular', 'ticket_code', "
	    "'EVT-0000-0000-0000-000' || i, 'job_id', gen_random_uuid(), 'payment_key', "
	    "gen_random_uuid(), 'again', "
	    "false)) FROM generate_series(1, 3) i), 900, 10, 3000)",
	    (long long)shop->event_id, (long long)shop->type_id);
}

static void import(const struct shop *shop, const char *rows)
{
	struct reply *taken = api_post(
		token_organizer(),
		text("/api/events/%lld/guests/import", (long long)shop->event_id), "%s", rows);

	ck_assert_msg(taken->status == 202, "%s", taken->body);
	ck_assert(
		sql_becomes(IMPORT_MS, "0", "SELECT count(*) FROM imports WHERE status <> 'done'"));
}

START_TEST(says_what_guests_say)
{
	struct shop shop = shop_open(100, "0", 100);
	struct guest one = new_guest(&shop, "one");
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);

	is_exact(1);
	register_set(&shop);
	is_exact(4);
	is_found(&shop, "set+%C3%B62", 1);
	is_found(&shop, "set3%40", 1);
	import(&shop, "{\"rows\":[{\"firstName\":\"Im\",\"lastName\":\"Port\",\"email\":"
		      "\"i@x.example\",\"externalId\":\"e1\"},{\"firstName\":\"Im\",\"lastName\":"
		      "\"Two\",\"email\":\"j@x.example\",\"externalId\":\"e2\"}]}");
	is_exact(6);
	is_found(&shop, "im+", 2);
	import(&shop, "{\"rows\":[{\"firstName\":\"Other\",\"lastName\":\"Port\",\"email\":"
		      "\"k@x.example\",\"externalId\":\"e1\"}]}");
	is_exact(6);
	is_found(&shop, "other+port+k%40", 1);
	is_found(&shop, "im+", 1);
	ck_assert_int_eq(api_patch(token_organizer(), text("%s/%lld", path, (long long)one.id),
				   "{\"lastName\":\"Renamed\"}")
				 ->status,
			 200);
	is_exact(6);
	is_found(&shop, "renamed", 1);
	ck_assert_int_eq(
		api_post(token_organizer(), text("%s/%lld/cancel", path, (long long)one.id), NULL)
			->status,
		200);
	is_exact(6);
	is_found(&shop, "renamed", 1);
	ck_assert_int_eq(api_delete(token_organizer(), "%s/%lld", path, (long long)one.id)->status,
			 204);
	is_exact(6); /* the guest goes on as a row that no list shows */
	is_found(&shop, "renamed", 0);
	ck_assert(audit_clean());
}
END_TEST

/* Whoever else writes, with whatever statement. */
START_TEST(says_what_any_statement_left)
{
	struct shop shop = shop_open(100, "0", 100);
	long long event = shop.event_id, other = shop_open(100, "0", 100).event_id;

	sql("INSERT INTO guests (event_id, first_name, last_name, email, registered_by, "
	    "attempt_id) SELECT %lld, 'A', i, i || '@x.example', 2, gen_random_uuid() FROM "
	    "generate_series(1, 50) AS i",
	    event);
	is_exact(50);
	sql("UPDATE guests SET first_name = 'B', email = 'b.' || email");
	is_exact(50);
	sql("UPDATE guests SET event_id = %lld WHERE last_name = '7'", other);
	is_exact(50);
	sql("UPDATE guests SET id = id + 1000 WHERE last_name = '8'");
	is_exact(50);
	sql("DELETE FROM guests WHERE last_name LIKE '1%%'");
	is_exact(39);
	sql("WITH gone AS (DELETE FROM guests WHERE last_name = '2' RETURNING *) "
	    "INSERT INTO guests SELECT * FROM gone");
	is_exact(39);
	sql("BEGIN; UPDATE guests SET first_name = 'C'; ROLLBACK");
	is_exact(39);
	sql("TRUNCATE guests CASCADE");
	is_exact(0);
}
END_TEST

/* What the table is there for. */
START_TEST(a_check_in_leaves_it_alone)
{
	struct guest guest = only_guest();
	const char *before = sql("SELECT xmin::text || ctid::text FROM guest_search");

	ck_assert_int_eq(scan(printed(&guest))->status, 200);
	ck_assert_int_eq(api_delete(token_organizer(), "/api/events/%lld/guests/%lld/check-in",
				    (long long)guest.shop.event_id, (long long)guest.id)
				 ->status,
			 204);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE status = 'confirmed'"), 1);
	ck_assert_str_eq(sql("SELECT xmin::text || ctid::text FROM guest_search"), before);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM pg_indexes WHERE tablename = 'guests' AND "
				 "indexdef LIKE '%%USING gin%%'"),
			 0);
}
END_TEST

/* New guests wait in the index's pending list for the duty: whoever registers never sorts them in.
 */
START_TEST(a_duty_sorts_new_guests_in)
{
	struct guest guest = only_guest();

	sql("CREATE EXTENSION pgstattuple");
	/* more than once: the first may be what the duty does when the process starts */
	for (int round = 0; round < 2; round++) {
		sql("INSERT INTO guests (event_id, first_name, last_name, email, registered_by, "
		    "attempt_id) SELECT %lld, 'A', 'B', 'g%d-' || i || '@example.com', 10, "
		    "gen_random_uuid() FROM generate_series(1, 1000) AS i",
		    (long long)guest.shop.event_id, round);
		ck_assert(sql_becomes(
			10000, "0",
			"SELECT pending_tuples FROM pgstatginindex('idx_guest_search_words')"));
	}
}
END_TEST

/* --- what is found -----------------------------------------------------------------------------
 */

enum { FOUND_GUESTS = 1500, QUESTIONS = 400 };

static const char *const patterns[] = {"%",        "%a%",      "%zo%",  "%zoé%", "%ZOÉ%",
				       "%first1%", "%\\_%",    "%\\%%", "% b %", "%r7 las%",
				       "%x.ex%",   "%nobody%", "%qq%",  "%é b%", "%first12 b%",
				       "%7@%",     "%\\\\%"};

/* $1 event, $2 last one seen, $3 limit, $4 offset, $5 status, $6 type, $7 pattern: the answers of
 * the search, and those of a plain statement. */
static const char question[] =
	"WITH a AS (SELECT created_at, id FROM guests WHERE id = $2::bigint), plain AS ("
	" SELECT g.* FROM guests g WHERE g.event_id = $1::bigint AND g.deleted_at IS NULL"
	" AND (g.first_name || ' ' || g.last_name || ' ' || g.email) ILIKE $7::text"
	" AND ($5::text IS NULL OR g.status = $5) AND ($6::text IS NULL OR g.type = $6)) "
	"SELECT ARRAY(SELECT guests_found($1, (SELECT created_at FROM a), (SELECT id FROM a), "
	"$3::bigint, $4::bigint, $5, $6, NULL, $7))::text, "
	"ARRAY(SELECT p.id FROM plain p LEFT JOIN a ON true WHERE a.id IS NULL"
	" OR (p.created_at, p.id) < (a.created_at, a.id) ORDER BY p.created_at DESC, p.id DESC"
	" LIMIT $3 OFFSET $4)::text, "
	"guests_found_count($1, $5, $6, NULL, $7), (SELECT count(*) FROM plain)";

static void ask(struct pg_conn *conn, struct dice *dice, int64_t event)
{
	const char *pattern = patterns[dice_below(dice, ARRAY_LEN(patterns))];
	const char *status = dice_below(dice, 3) ? NULL : "cancelled";
	const char *type = dice_below(dice, 4) ? NULL : "vip";
	int64_t after = dice_below(dice, 2) ? 0 : dice_below(dice, FOUND_GUESTS);
	int64_t limit = 1 + dice_below(dice, 100);
	int64_t offset = dice_below(dice, 3) ? 0 : dice_below(dice, 900);
	struct problem err = {0};
	PG_RESULT said = NULL;

	ck_assert_msg(pg_exec(conn, question,
			      PG_ARGS(PG_I64(event), PG_I64(after), PG_I64(limit), PG_I64(offset),
				      PG_TEXT(status), PG_TEXT(type), PG_TEXT(pattern)),
			      &said, &err) == OK,
		      "%s", err.detail);
	ck_assert_msg(!strcmp(pg_text(said, 0, 0), pg_text(said, 0, 1)),
		      "%s %s %s after %lld, %lld from %lld: %s, not %s", pattern, status, type,
		      (long long)after, (long long)limit, (long long)offset, pg_text(said, 0, 0),
		      pg_text(said, 0, 1));
	ck_assert_int_eq(pg_i64(said, 0, 2), pg_i64(said, 0, 3));
}

START_TEST(finds_what_a_plain_search_finds)
{
	long long event = shop_open(100, "0", 100).event_id;
	long long other = shop_open(100, "0", 100).event_id;
	struct dice dice = {1};
	struct problem err = {0};
	struct pg_conn *conn = NULL;

	sql("INSERT INTO guests (event_id, first_name, last_name, email, type, status, "
	    "cancelled_at, "
	    "deleted_at, registered_by, attempt_id, created_at) SELECT CASE i %% 4 WHEN 3 THEN "
	    "%lld ELSE %lld END, "
	    "(ARRAY['First' || i, 'Zoé', 'a_b', 'x%%y'])[1 + i %% 40 / 13], CASE i %% 9 WHEN 4 "
	    "THEN "
	    "'B' ELSE 'Last' || i END, i || '@x.example', CASE i %% 50 WHEN 3 THEN 'vip' ELSE "
	    "'regular' END, CASE i %% 30 WHEN 7 THEN 'cancelled' ELSE 'registered' END, CASE i %% "
	    "30 WHEN 7 THEN now() END, CASE i %% 60 WHEN 7 THEN now() END, 2, gen_random_uuid(), "
	    "now() - i / 3 * interval '1 s' FROM generate_series(1, %d) AS i",
	    other, event, FOUND_GUESTS);
	ck_assert_int_eq(pg_connect(suite_database(), &conn, &err), OK);
	for (int i = 0; i < QUESTIONS; i++)
		ask(conn, &dice, event);
	pg_return(&conn);
}
END_TEST

/* --- what is read ------------------------------------------------------------------------------
 */

enum { MANY = 20000, PAGE_ROWS = 2000 };

static int64_t rows_read(const char *table)
{
	return sql_int("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname "
		       "= '%s'",
		       table);
}

struct reading {
	int64_t guests, words; /* rows */
};

/* What a first page reads, by a connection of its own that then ends. */
static struct reading page_of(long long event, const char *pattern, int64_t want)
{
	struct problem err = {0};
	struct pg_conn *conn = NULL;
	PG_RESULT result = NULL;
	struct reading before = {rows_read("guests"), rows_read("guest_search")};

	ck_assert_int_eq(pg_connect(suite_database(), &conn, &err), OK);
	ck_assert_int_eq(pg_exec(conn,
				 text("SELECT count(*) FROM guests_found(%lld, NULL, NULL, 21, 0, "
				      "NULL, NULL, NULL, '%s')",
				      event, pattern),
				 PG_NO_ARGS, &result, &err),
			 OK);
	ck_assert_int_eq(pg_i64(result, 0, 0), want);
	ck_assert_int_eq(pg_exec(conn, "SELECT pg_stat_force_next_flush()", PG_NO_ARGS, NULL, &err),
			 OK);
	pg_return(&conn);
	clock_sleep_ms(100); /* its last words */
	return (struct reading){rows_read("guests") - before.guests,
				rows_read("guest_search") - before.words};
}

static void fill(long long event, const char *name)
{
	sql("INSERT INTO guests (event_id, first_name, last_name, email, registered_by, "
	    "attempt_id, created_at) SELECT %lld, '%s', 'B' || i, i || '@x.example', 2, "
	    "gen_random_uuid(), now() + i * interval '1 second' FROM generate_series(1, %d) AS i",
	    event, name, MANY);
}

/* Statistics that never heard of the pattern, and plans made on them. */
START_TEST(a_page_reads_a_page_and_at_most_its_event)
{
	long long all = shop_open(100, "0", 100).event_id, none = shop_open(100, "0", 100).event_id;
	struct reading read;

	sql("ALTER TABLE guests SET (autovacuum_enabled = false)");
	sql("ALTER TABLE guest_search SET (autovacuum_enabled = false)");
	fill(none, "Ada");
	sql("ANALYZE guests, guest_search");
	fill(all, "Zoë");
	read = page_of(all, "%zo%", 21);
	ck_assert_int_lt(read.guests, PAGE_ROWS);
	ck_assert_int_eq(read.words, 0);
	read = page_of(all, "%example%", 21);
	ck_assert_int_lt(read.guests, PAGE_ROWS);
	ck_assert_int_eq(read.words, 0);
	/* names that are everywhere but here */
	read = page_of(none, "%zoë b%", 0);
	ck_assert_int_lt(read.guests, PAGE_ROWS);
	ck_assert_int_lt(read.words, PAGE_ROWS);
	read = page_of(none, "%b1234 %", 1);
	ck_assert_int_lt(read.guests, PAGE_ROWS);
	ck_assert_int_lt(read.words, PAGE_ROWS);
	/* too short for the index: the event, and not the table */
	read = page_of(none, "%zo%", 0);
	ck_assert_int_lt(read.guests, PAGE_ROWS);
	ck_assert_int_le(read.words, MANY + PAGE_ROWS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guest search");
	TCase *kept = tcase_create("kept");
	SRunner *runner;
	int failed;

	servers_start();
	tcase_add_checked_fixture(kept, begin, end);
	tcase_set_timeout(kept, 60);
	tcase_add_test(kept, says_what_guests_say);
	tcase_add_test(kept, says_what_any_statement_left);
	tcase_add_test(kept, a_check_in_leaves_it_alone);
	tcase_add_test(kept, a_duty_sorts_new_guests_in);
	tcase_add_test(kept, finds_what_a_plain_search_finds);
	tcase_add_test(kept, a_page_reads_a_page_and_at_most_its_event);
	suite_add_tcase(suite, kept);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
