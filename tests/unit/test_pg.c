/* pg against a real PostgreSQL. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/servers.h"

static const struct pg_statement sql_echo = {
	"echo", "SELECT $1::text AS text_value, $2::bigint AS big_value, $3::boolean AS truth,"
		" $4::timestamptz AS at_time, $5::numeric(12,2) AS price, $6::bytea AS bytes"};
static const struct pg_statement sql_arrays = {
	"arrays", "SELECT t, n, at, b FROM unnest($1::text[], $2::bigint[], $3::timestamptz[],"
		  " $4::bytea[]) AS a(t, n, at, b)"};
static const struct pg_statement sql_insert = {"insert",
					       "INSERT INTO box (id, word) VALUES ($1, $2)"};
static const struct pg_statement sql_count = {"count", "SELECT count(*) FROM box"};
static const struct pg_statement sql_sleep = {"sleep", "SELECT pg_sleep($1::bigint / 1000.0)"};
static const struct pg_statement sql_pid = {"pid", "SELECT pg_backend_pid()"};
static const struct pg_statement sql_wrong = {"wrong", "SELECT nothing FROM nowhere"};
static const struct pg_statement *const statements[] = {&sql_echo,  &sql_arrays, &sql_insert,
							&sql_count, &sql_sleep,  &sql_pid};
static const struct pg_statement *const with_wrong[] = {&sql_echo, &sql_wrong, &sql_pid};

static const char *url;
static struct arena arena;
static struct problem err;
static struct pg_pool_options options;
static struct pg_pool *pool;

static void setup(void)
{
	PG_LEASED conn = NULL;

	arena_init(&arena, 4096);
	url = servers_database_create_empty("pg");
	ck_assert_int_eq(pg_connect(url, &conn, &err), OK);
	ck_assert_int_eq(
		pg_exec(conn,
			"CREATE TABLE box (id bigint CONSTRAINT box_pk PRIMARY KEY,"
			" word text NOT NULL);"
			"CREATE TABLE late (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)",
			PG_NO_ARGS, NULL, &err),
		OK);
	options = (struct pg_pool_options){.conninfo = url,
					   .name = "test-pool",
					   .min = 1,
					   .max = 3,
					   .idle_ms = 30000,
					   .wait_ms = 200,
					   .statement_timeout_ms = 700,
					   .lock_timeout_ms = 300,
					   .statements = statements,
					   .statement_count = ARRAY_LEN(statements)};
	ck_assert_int_eq(pg_pool_open(&options, &pool, &err), OK);
}

static void teardown(void)
{
	pg_pool_close(pool);
	arena_clear(&arena);
}

static int64_t one(struct pg_conn *conn, const struct pg_statement *statement)
{
	PG_RESULT result = NULL;

	ck_assert_msg(pg_query(conn, statement, PG_NO_ARGS, &result, &err) == OK, "%s", err.detail);
	return pg_i64(result, 0, 0);
}

static int64_t one_sql(struct pg_conn *conn, const char *sql)
{
	PG_RESULT result = NULL;

	ck_assert_msg(pg_exec(conn, sql, PG_NO_ARGS, &result, &err) == OK, "%s", err.detail);
	return pg_i64(result, 0, 0);
}

static enum status put(struct pg_conn *conn, int64_t id, const char *word)
{
	return pg_query(conn, &sql_insert, PG_ARGS(PG_I64(id), PG_TEXT(word)), NULL, &err);
}

static struct pg_conn *lease(void)
{
	struct pg_conn *conn = NULL;

	ck_assert_msg(pg_lease(pool, &conn, &err) == OK, "%s", err.detail);
	return conn;
}

START_TEST(values_go_there_and_back)
{
	PG_LEASED conn = lease();
	PG_RESULT result = NULL;
	struct slice bytes;

	ck_assert_int_eq(pg_query(conn, &sql_echo,
				  PG_ARGS(PG_TEXT("it's \"so\" \\ {x} é"), PG_I64(INT64_MIN),
					  PG_BOOL(true), PG_TIME(INT64_C(1769940000123456)),
					  PG_MONEY(-5), PG_BYTES("a\0b\\", 4)),
				  &result, &err),
			 OK);
	ck_assert_uint_eq(pg_rows(result), 1);
	ck_assert_str_eq(pg_text(result, 0, pg_column(result, "text_value")),
			 "it's \"so\" \\ {x} é");
	ck_assert(pg_i64(result, 0, 1) == INT64_MIN);
	ck_assert(pg_bool(result, 0, 2));
	ck_assert(pg_time(result, 0, 3) == INT64_C(1769940000123456));
	ck_assert(pg_money(result, 0, 4) == -5);
	bytes = pg_bytes(result, 0, 5, &arena);
	ck_assert_uint_eq(bytes.len, 4);
	ck_assert_mem_eq(bytes.at, "a\0b\\", 4);
}
END_TEST

START_TEST(null_values)
{
	PG_LEASED conn = lease();
	PG_RESULT result = NULL;

	ck_assert_int_eq(pg_query(conn, &sql_echo,
				  PG_ARGS(PG_TEXT(NULL), PG_ID(0), PG_NULL, PG_TIME(TIME_NONE),
					  PG_NULL, PG_BYTES(NULL, 0)),
				  &result, &err),
			 OK);
	for (size_t i = 0; i < 6; i++)
		ck_assert(pg_is_null(result, 0, i));
	ck_assert_ptr_null(pg_text(result, 0, 0));
	ck_assert(pg_i64(result, 0, 1) == 0);
	ck_assert(!pg_bool(result, 0, 2));
	ck_assert(pg_time(result, 0, 3) == TIME_NONE);
	ck_assert_ptr_null(pg_bytes(result, 0, 5, &arena).at);
}
END_TEST

START_TEST(arrays_keep_every_byte)
{
	const char *const texts[] = {"plain", "", "NULL", "a\"b\\c,{}", NULL, "né\n"};
	const int64_t numbers[] = {1, -2, 0, INT64_MAX, 5, 6};
	const int64_t times[] = {0, TIME_NONE, 1, 2, 3, 4};
	const struct slice blobs[] = {{"x", 1},      {NULL, 0}, {"", 0},
				      {"\0\xff", 2}, {"q", 1},  {"r", 1}};
	PG_LEASED conn = lease();
	PG_RESULT result = NULL;

	ck_assert_msg(pg_query(conn, &sql_arrays,
			       PG_ARGS(PG_TEXT_ARRAY(texts, 6), PG_I64_ARRAY(numbers, 6),
				       PG_TIME_ARRAY(times, 6), PG_BYTES_ARRAY(blobs, 6)),
			       &result, &err) == OK,
		      "%s", err.detail);
	ck_assert_uint_eq(pg_rows(result), 6);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_pstr_eq(pg_text(result, i, 0), texts[i]);
		ck_assert(pg_i64(result, i, 1) == numbers[i]);
		ck_assert(pg_time(result, i, 2) == times[i]);

		struct slice blob = pg_bytes(result, i, 3, &arena);

		ck_assert_uint_eq(blob.len, blobs[i].len);
		ck_assert(!blob.len || !memcmp(blob.at, blobs[i].at, blob.len));
	}
	ck_assert(pg_is_null(result, 1, 3));
	ck_assert(!pg_is_null(result, 2, 3));
}
END_TEST

START_TEST(empty_arrays)
{
	PG_LEASED conn = lease();
	PG_RESULT result = NULL;

	ck_assert_int_eq(pg_query(conn, &sql_arrays,
				  PG_ARGS(PG_TEXT_ARRAY(NULL, 0), PG_I64_ARRAY(NULL, 0),
					  PG_TIME_ARRAY(NULL, 0), PG_BYTES_ARRAY(NULL, 0)),
				  &result, &err),
			 OK);
	ck_assert_uint_eq(pg_rows(result), 0);
}
END_TEST

struct row {
	const char *text_value;
	int64_t big_value;
	bool truth;
	int64_t at_time;
	int64_t price;
	int64_t missing_time;
	int color;
};
static const char *const colors[] = {"red", "green", NULL};
#define ROW_FIELD(json_name, field_type, member)                                                   \
	{                                                                                          \
		.name = (json_name), .type = (field_type), .offset = offsetof(struct row, member)  \
	}
static const struct field row_fields[] = {
	ROW_FIELD("textValue", FIELD_STRING, text_value),
	ROW_FIELD("bigValue", FIELD_INT, big_value),
	ROW_FIELD("truth", FIELD_BOOL, truth),
	ROW_FIELD("atTime", FIELD_TIME, at_time),
	ROW_FIELD("price", FIELD_MONEY, price),
	ROW_FIELD("missingTime", FIELD_TIME, missing_time),
	{"color", FIELD_ENUM, 0, offsetof(struct row, color), 0, 0, colors, NULL, NULL},
};
static const struct schema row_schema = SCHEMA(row_fields, struct row);

START_TEST(rows_become_structs)
{
	PG_LEASED conn = lease();
	PG_RESULT result = NULL;
	struct field_array rows;
	struct row *row;

	ck_assert_int_eq(pg_exec(conn,
				 "SELECT 'w' || n AS text_value, n AS big_value, n = 2 AS truth,"
				 " timestamptz '1970-01-01 00:00:01+00' AS at_time, 12.34 AS price,"
				 " 'green' AS color FROM generate_series(1, 2) n",
				 PG_NO_ARGS, &result, &err),
			 OK);
	rows = pg_scan_all(result, &row_schema, &arena);
	ck_assert_uint_eq(rows.count, 2);
	row = (struct row *)rows.items + 1;
	ck_assert_str_eq(row->text_value, "w2");
	ck_assert(row->big_value == 2 && row->truth && row->price == 1234 && row->color == 1);
	ck_assert(row->at_time == US_PER_S && row->missing_time == TIME_NONE);
}
END_TEST

START_TEST(constraint_is_told_and_hides_nothing)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(put(conn, 1, "one"), OK);
	ck_assert_int_eq(put(conn, 1, "again"), ST_INTERNAL_ERROR);
	ck_assert_str_eq(pg_sqlstate(conn), "23505");
	ck_assert_str_eq(pg_constraint(conn), "box_pk");
	ck_assert(!pg_should_retry(conn));
	ck_assert_int_eq(put(conn, 2, "two"), OK);
	ck_assert_int_eq(one(conn, &sql_count), 2);
}
END_TEST

/* Else a refusal on a connection that once met a deadlock would be tried again and again. */
START_TEST(failure_is_forgotten_by_the_next_statement)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(
		pg_exec(conn, "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", PG_NO_ARGS, NULL, &err),
		ST_OVERLOADED);
	ck_assert(pg_should_retry(conn));
	ck_assert_int_eq(put(conn, 1, "one"), OK);
	ck_assert(!pg_should_retry(conn));
	ck_assert_str_eq(pg_sqlstate(conn), "");
	ck_assert_int_eq(put(conn, 1, "again"), ST_INTERNAL_ERROR);
	ck_assert_str_eq(pg_constraint(conn), "box_pk");
	ck_assert_int_eq(put(conn, 2, "two"), OK);
	ck_assert_str_eq(pg_constraint(conn), "");
}
END_TEST

START_TEST(open_transaction_rolls_back_at_return)
{
	struct pg_conn *conn = lease();

	ck_assert_int_eq(pg_begin(conn, &err), OK);
	ck_assert(pg_in_transaction(conn));
	ck_assert_int_eq(put(conn, 1, "x"), OK);
	pg_return(&conn);
	ck_assert_ptr_null(conn);
	conn = lease();
	ck_assert(!pg_in_transaction(conn));
	ck_assert_int_eq(one(conn, &sql_count), 0);
	pg_return(&conn);
}
END_TEST

START_TEST(commit_of_a_failed_transaction_fails)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_begin(conn, &err), OK);
	ck_assert_int_eq(put(conn, 1, "x"), OK);
	ck_assert_int_eq(put(conn, 1, "x"), ST_INTERNAL_ERROR);
	ck_assert_int_eq(pg_commit(conn, &err), ST_INTERNAL_ERROR);
	ck_assert(!pg_in_transaction(conn));
	ck_assert_int_eq(one(conn, &sql_count), 0);
}
END_TEST

START_TEST(a_transaction_tells_whether_it_touched_a_row)
{
	PG_LEASED conn = lease();
	static const char *const idle[] = {"SELECT 1 WHERE false", "DELETE FROM late WHERE false"};
	static const char *const busy[] = {"SELECT 1", "INSERT INTO late VALUES (7)"};

	for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
		ck_assert_int_eq(pg_begin(conn, &err), OK);
		ck_assert_int_eq(pg_exec(conn, idle[i], PG_NO_ARGS, NULL, &err), OK);
		ck_assert_int_eq(pg_commit(conn, &err), OK);
		ck_assert(!pg_touched(conn));
		ck_assert_int_eq(pg_begin(conn, &err), OK);
		ck_assert_int_eq(pg_exec(conn, busy[i], PG_NO_ARGS, NULL, &err), OK);
		ck_assert_int_eq(pg_exec(conn, idle[i], PG_NO_ARGS, NULL, &err), OK);
		ck_assert_int_eq(pg_commit(conn, &err), OK);
		ck_assert(pg_touched(conn));
	}
}
END_TEST

START_TEST(commit_tells_of_deferred_constraints)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_begin(conn, &err), OK);
	ck_assert_int_eq(pg_exec(conn, "INSERT INTO late VALUES (1), (1)", PG_NO_ARGS, NULL, &err),
			 OK);
	ck_assert_int_eq(pg_commit(conn, &err), ST_INTERNAL_ERROR);
	ck_assert_str_eq(pg_sqlstate(conn), "23505");
}
END_TEST

START_TEST(committed_is_kept)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_begin(conn, &err), OK);
	ck_assert_int_eq(put(conn, 1, "x"), OK);
	ck_assert_int_eq(pg_commit(conn, &err), OK);
	ck_assert_int_eq(one(conn, &sql_count), 1);
}
END_TEST

START_TEST(statement_timeout_is_overload)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_query(conn, &sql_sleep, PG_ARGS(PG_I64(5000)), NULL, &err),
			 ST_OVERLOADED);
	ck_assert_str_eq(pg_sqlstate(conn), "57014");
	ck_assert_int_eq(one(conn, &sql_count), 0);
}
END_TEST

START_TEST(lock_timeout_is_overload)
{
	PG_LEASED holder = lease();
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_begin(holder, &err), OK);
	ck_assert_int_eq(pg_exec(holder, "LOCK TABLE box", PG_NO_ARGS, NULL, &err), OK);
	ck_assert_int_eq(put(conn, 1, "x"), ST_OVERLOADED);
	ck_assert_str_eq(pg_sqlstate(conn), "55P03");
}
END_TEST

START_TEST(several_statements_with_a_failing_one)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_exec(conn,
				 "INSERT INTO box VALUES (1, 'a'); SELECT 1/0;"
				 " INSERT INTO box VALUES (2, 'b')",
				 PG_NO_ARGS, NULL, &err),
			 ST_INTERNAL_ERROR);
	ck_assert_str_eq(pg_sqlstate(conn), "22012");
	ck_assert_ptr_nonnull(strstr(err.detail, "division by zero"));
	ck_assert_int_eq(one(conn, &sql_count), 0);
}
END_TEST

START_TEST(copy_does_not_hang)
{
	PG_LEASED conn = lease();

	ck_assert_int_eq(pg_exec(conn, "COPY box FROM STDIN", PG_NO_ARGS, NULL, &err),
			 ST_DATABASE_UNAVAILABLE);
}
END_TEST

START_TEST(a_statement_that_does_not_prepare_fails_each_lease)
{
	struct pg_pool *other = NULL;
	struct pg_conn *conn = NULL;
	size_t open = 9;

	options.statements = with_wrong;
	options.statement_count = ARRAY_LEN(with_wrong);
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	ck_assert_int_eq(pg_lease(other, &conn, &err), ST_INTERNAL_ERROR);
	ck_assert_ptr_nonnull(strstr(err.detail, "nowhere"));
	ck_assert_ptr_null(conn);
	{
		PG_LEASED fixer = lease();

		ck_assert_int_eq(pg_exec(fixer, "CREATE TABLE nowhere (nothing int)", PG_NO_ARGS,
					 NULL, &err),
				 OK);
	}
	ck_assert_int_eq(pg_lease(other, &conn, &err), OK);
	ck_assert(one(conn, &sql_pid) > 0);
	pg_return(&conn);
	pg_pool_counts(other, &open, NULL);
	ck_assert_uint_eq(open, 1);
	pg_pool_close(other);
}
END_TEST

START_TEST(many_statements_are_prepared)
{
	static struct pg_statement made[300];
	static const struct pg_statement *list[300];
	static char made_names[300][16];
	struct pg_pool *other = NULL;
	struct pg_conn *conn = NULL;

	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		snprintf(made_names[i], sizeof(made_names[i]), "s%zu", i);
		made[i] = (struct pg_statement){made_names[i], "SELECT pg_backend_pid()"};
		list[i] = &made[i];
	}
	options.statements = list;
	options.statement_count = ARRAY_LEN(list);
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	ck_assert_int_eq(pg_lease(other, &conn, &err), OK);
	ck_assert(one(conn, &made[0]) > 0 && one(conn, &made[299]) > 0);
	pg_return(&conn);
	pg_pool_close(other);
}
END_TEST

static void *lease_and_count(void *done)
{
	struct problem own = {0};

	for (int i = 0; i < 50; i++) {
		struct pg_conn *conn = NULL;

		if (pg_lease(pool, &conn, &own) != OK ||
		    pg_query(conn, &sql_count, PG_NO_ARGS, NULL, &own) != OK)
			break;
		pg_return(&conn);
		++*(int *)done;
	}
	return NULL;
}

static int64_t prepared_on(struct pg_conn *conn)
{
	return one_sql(conn, "SELECT count(*) FROM pg_prepared_statements");
}

/* Most connections of a pool use few of many statements. */
START_TEST(only_the_first_connection_prepares_them_all)
{
	struct pg_conn *first = lease();
	struct pg_conn *second = lease();

	ck_assert_int_eq(prepared_on(first), ARRAY_LEN(statements));
	ck_assert_int_eq(prepared_on(second), 0);
	ck_assert_int_eq(one(second, &sql_count), 0);
	ck_assert_int_eq(one(second, &sql_count), 0);
	ck_assert_int_eq(pg_begin(second, &err), OK);
	ck_assert(one(second, &sql_pid) > 0);
	pg_rollback(second);
	ck_assert_int_eq(prepared_on(second), 2); /* it outlives its transaction */
	ck_assert(one(second, &sql_pid) > 0);
	pg_return(&first);
	pg_return(&second);
}
END_TEST

START_TEST(on_demand_a_wrong_statement_fails_alone)
{
	struct pg_pool *other = NULL;
	struct pg_conn *conn = NULL;

	options.statements = with_wrong;
	options.statement_count = ARRAY_LEN(with_wrong);
	options.on_demand = true;
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	ck_assert_int_eq(pg_lease(other, &conn, &err), OK);
	ck_assert_int_eq(prepared_on(conn), 0);
	ck_assert_int_eq(pg_query(conn, &sql_wrong, PG_NO_ARGS, NULL, &err), ST_INTERNAL_ERROR);
	ck_assert_ptr_nonnull(strstr(err.detail, "nowhere"));
	ck_assert(one(conn, &sql_pid) > 0);
	ck_assert_int_eq(
		pg_exec(conn, "CREATE TABLE nowhere (nothing int)", PG_NO_ARGS, NULL, &err), OK);
	ck_assert_int_eq(pg_query(conn, &sql_wrong, PG_NO_ARGS, NULL, &err), OK);
	ck_assert_int_eq(prepared_on(conn), 2);
	pg_return(&conn);
	pg_pool_close(other);
}
END_TEST

static void *begin_pool(void *other)
{
	pg_pool_begin(other);
	return NULL;
}

/* Whoever comes while the first connection is opened gets it, instead of a second one as dear. */
START_TEST(the_first_connection_is_opened_once)
{
	struct pg_pool *other = NULL;
	struct pg_conn *conn = NULL;
	pthread_t beginner;
	size_t open = 9, leased = 9;

	options.later = options.min;
	options.wait_ms = 5000;
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	pg_pool_counts(other, &open, NULL);
	ck_assert_uint_eq(open, 0);
	pthread_create(&beginner, NULL, begin_pool, other);
	while (open == 0)
		pg_pool_counts(other, &open, NULL);
	ck_assert_int_eq(pg_lease(other, &conn, &err), OK);
	ck_assert_int_eq(prepared_on(conn), ARRAY_LEN(statements));
	pthread_join(beginner, NULL);
	pg_return(&conn);
	pg_pool_counts(other, &open, &leased);
	ck_assert_uint_eq(open, 1);
	ck_assert_uint_eq(leased, 0);
	pg_pool_close(other);
}
END_TEST

START_TEST(all_who_wait_for_a_first_connection_get_one)
{
	struct pg_pool *other = NULL, *usual = pool;
	pthread_t threads[12];
	int done[12] = {0};

	options.later = options.min;
	options.wait_ms = 5000;
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	pool = other;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, lease_and_count, &done[i]);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(done[i], 50);
	}
	pool = usual;
	pg_pool_close(other);
}
END_TEST

START_TEST(last_returned_is_lent_first)
{
	struct pg_conn *a = lease();
	struct pg_conn *b = lease();
	int64_t pid = one(b, &sql_pid);
	size_t open = 0;
	size_t leased = 0;

	pg_pool_counts(pool, &open, &leased);
	ck_assert(open == 2 && leased == 2);
	pg_return(&a);
	pg_return(&b);
	a = lease();
	ck_assert_int_eq(one(a, &sql_pid), pid);
	pg_return(&a);
	pg_pool_counts(pool, &open, &leased);
	ck_assert(open == 2 && leased == 0);
}
END_TEST

START_TEST(waiting_is_bounded)
{
	struct pg_conn *held[3] = {lease(), lease(), lease()};
	struct pg_conn *more = NULL;
	int64_t start_us = clock_monotonic_us();

	ck_assert_int_eq(pg_lease(pool, &more, &err), ST_OVERLOADED);
	ck_assert_ptr_null(more);
	ck_assert_int_ge(clock_monotonic_us() - start_us, 190 * US_PER_MS);
	pg_return(&held[0]);
	more = lease();
	pg_return(&more);
	pg_return(&held[1]);
	pg_return(&held[2]);
}
END_TEST

START_TEST(many_threads_share_few_connections)
{
	pthread_t threads[12];
	int done[12] = {0};
	size_t open = 0;
	size_t leased = 9;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, lease_and_count, &done[i]);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(done[i], 50);
	}
	pg_pool_counts(pool, &open, &leased);
	ck_assert(open <= 3 && leased == 0);
}
END_TEST

START_TEST(idle_connections_are_closed_down_to_min)
{
	struct pg_pool *other = NULL;
	struct pg_conn *conns[3] = {NULL};
	size_t open = 0;

	options.idle_ms = 50;
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(pg_lease(other, &conns[i], &err), OK);
	for (size_t i = 0; i < 3; i++)
		pg_return(&conns[i]);
	pg_pool_counts(other, &open, NULL);
	ck_assert_uint_eq(open, 3);
	clock_sleep_ms(80);
	pg_pool_counts(other, &open, NULL);
	ck_assert_uint_eq(open, 1);
	pg_pool_close(other);
}
END_TEST

START_TEST(session_settings)
{
	PG_LEASED conn = lease();
	PG_RESULT result = NULL;

	ck_assert_int_eq(pg_exec(conn,
				 "SELECT current_setting('TimeZone'),"
				 " current_setting('statement_timeout'),"
				 " current_setting('lock_timeout'),"
				 " current_setting('application_name'),"
				 " current_setting('idle_in_transaction_session_timeout'),"
				 " current_setting('client_encoding')",
				 PG_NO_ARGS, &result, &err),
			 OK);
	ck_assert_str_eq(pg_text(result, 0, 0), "UTC");
	ck_assert_str_eq(pg_text(result, 0, 1), "700ms");
	ck_assert_str_eq(pg_text(result, 0, 2), "300ms");
	ck_assert_str_eq(pg_text(result, 0, 3), "test-pool");
	ck_assert_str_eq(pg_text(result, 0, 4), "1400ms");
	ck_assert_str_eq(pg_text(result, 0, 5), "UTF8");
}
END_TEST

START_TEST(bad_address_is_a_configuration_fault)
{
	struct pg_pool *other = NULL;

	options.conninfo = "postgresql://[broken";
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), ST_CONFIG);
	ck_assert_ptr_null(other);
}
END_TEST

/* The host wins over the address, which says all else, and what it asks of its own hosts. */
START_TEST(another_host_for_the_same_database)
{
	const char *port = strrchr(servers_address(SERVER_POSTGRES), ':') + 1;
	struct pg_pool *other = NULL;
	PG_LEASED conn = NULL;

	options.conninfo = "postgresql://postgres@127.0.0.1:1/pg?target_session_attrs=standby";
	options.host = "localhost";
	options.port = (int)strtol(port, NULL, 10);
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	ck_assert_msg(pg_lease(other, &conn, &err) == OK, "%s", err.detail);
	ck_assert_int_gt(one(conn, &sql_pid), 0);
	pg_return(&conn);
	pg_pool_close(other);
}
END_TEST

START_TEST(database_away_is_no_failure_at_open)
{
	char nowhere[64];
	struct pg_pool *other = NULL;
	struct pg_conn *conn = NULL;
	size_t open = 9;

	snprintf(nowhere, sizeof(nowhere), "postgresql://postgres@127.0.0.1:%d/x",
		 servers_free_port());
	options.conninfo = nowhere;
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	ck_assert_int_eq(pg_lease(other, &conn, &err), ST_DATABASE_UNAVAILABLE);
	ck_assert_int_eq(pg_lease(other, &conn, &err), ST_DATABASE_UNAVAILABLE);
	pg_pool_counts(other, &open, NULL);
	ck_assert_uint_eq(open, 0);
	pg_pool_close(other);
}
END_TEST

START_TEST(terminated_backend_is_seen_once)
{
	struct pg_conn *a = lease();
	struct pg_conn *b = lease();
	struct pg_conn *killer = lease();
	int64_t pid = one(a, &sql_pid);
	char sql[96];
	size_t open = 0;

	pg_return(&b);
	pg_return(&a); /* on top now */
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld, 5000)::int", (long long)pid);
	ck_assert_int_eq(one_sql(killer, sql), 1);
	a = lease();
	ck_assert_int_eq(put(a, 1, "x"), ST_DATABASE_UNAVAILABLE);
	ck_assert_int_eq(put(a, 1, "x"), ST_DATABASE_UNAVAILABLE);
	ck_assert_int_eq(pg_begin(a, &err), ST_DATABASE_UNAVAILABLE);
	pg_return(&a);
	/* b was idle when the link was found dead, so it is not trusted either */
	pg_pool_counts(pool, &open, NULL);
	ck_assert_uint_eq(open, 1);
	a = lease();
	ck_assert_int_eq(put(a, 1, "x"), OK);
	pg_return(&a);
	ck_assert_int_eq(one(killer, &sql_count), 1);
	pg_return(&killer);
}
END_TEST

START_TEST(restart_costs_one_failure)
{
	struct pg_conn *conns[3] = {lease(), lease(), lease()};
	struct pg_conn *conn = NULL;
	int failures = 0;

	for (size_t i = 0; i < 3; i++)
		pg_return(&conns[i]);
	servers_restart_postgres(true);
	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(pg_lease(pool, &conn, &err), OK);
		failures += pg_query(conn, &sql_count, PG_NO_ARGS, NULL, &err) != OK;
		pg_return(&conn);
	}
	ck_assert_int_eq(failures, 1);
}
END_TEST

START_TEST(down_is_unavailable)
{
	struct pg_conn *conn = lease();
	struct pg_conn *more = NULL;

	ck_assert_int_eq(pg_begin(conn, &err), OK);
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	ck_assert_int_eq(put(conn, 1, "x"), ST_DATABASE_UNAVAILABLE);
	ck_assert_int_eq(pg_commit(conn, &err), ST_DATABASE_UNAVAILABLE);
	pg_return(&conn);
	ck_assert_int_eq(pg_lease(pool, &more, &err), ST_DATABASE_UNAVAILABLE);
	servers_resume(SERVER_POSTGRES);
	conn = lease();
	ck_assert_int_eq(one(conn, &sql_count), 0);
	pg_return(&conn);
}
END_TEST

/* A server so busy that it says nothing for four seconds, and then hangs up; twice. */
static void *keep_silent(void *listener)
{
	for (int i = 0; i < 2; i++) {
		int fd = accept(*(int *)listener, NULL, NULL);

		clock_sleep_ms(4000);
		close(fd);
	}
	return NULL;
}

/* A caller of a pool is refused after two seconds; a command waits longer. */
START_TEST(a_command_waits_longer_for_a_connection_than_a_pool)
{
	int port, listener = servers_listen(&port);
	char silent[64];
	struct pg_conn *conn = NULL;
	struct pg_pool *other = NULL;
	pthread_t thread;
	int64_t begin_us;

	snprintf(silent, sizeof(silent), "postgresql://127.0.0.1:%d/x?sslmode=disable", port);
	options.conninfo = silent;
	options.min = 0;
	ck_assert_int_eq(pg_pool_open(&options, &other, &err), OK);
	ck_assert_int_eq(pthread_create(&thread, NULL, keep_silent, &listener), 0);
	begin_us = clock_monotonic_us();
	ck_assert_int_eq(pg_lease(other, &conn, &err), ST_DATABASE_UNAVAILABLE);
	ck_assert_int_lt(clock_monotonic_us() - begin_us, 3900 * US_PER_MS);
	pg_pool_close(other);
	begin_us = clock_monotonic_us();
	ck_assert_int_eq(pg_connect(silent, &conn, &err), ST_DATABASE_UNAVAILABLE);
	ck_assert_int_ge(clock_monotonic_us() - begin_us, 3900 * US_PER_MS);
	pthread_join(thread, NULL);
	close(listener);
}
END_TEST

START_TEST(frozen_server_meets_the_deadline)
{
	PG_LEASED conn = lease();
	pid_t backend = (pid_t)one(conn, &sql_pid);
	int64_t start_us = clock_monotonic_us();

	kill(backend, SIGSTOP);
	ck_assert_int_eq(pg_query(conn, &sql_count, PG_NO_ARGS, NULL, &err),
			 ST_DATABASE_UNAVAILABLE);
	kill(backend, SIGCONT);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 4 * US_PER_S);
}
END_TEST

static TCase *topic(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *pg_suite(void)
{
	Suite *suite = suite_create("pg");
	TCase *values = topic(suite, "values");
	TCase *failures = topic(suite, "failures");
	TCase *lending = topic(suite, "pool");
	TCase *dead = topic(suite, "dead links");

	tcase_add_test(values, values_go_there_and_back);
	tcase_add_test(values, null_values);
	tcase_add_test(values, arrays_keep_every_byte);
	tcase_add_test(values, empty_arrays);
	tcase_add_test(values, rows_become_structs);
	tcase_add_test(failures, constraint_is_told_and_hides_nothing);
	tcase_add_test(failures, failure_is_forgotten_by_the_next_statement);
	tcase_add_test(failures, open_transaction_rolls_back_at_return);
	tcase_add_test(failures, commit_of_a_failed_transaction_fails);
	tcase_add_test(failures, a_transaction_tells_whether_it_touched_a_row);
	tcase_add_test(failures, commit_tells_of_deferred_constraints);
	tcase_add_test(failures, committed_is_kept);
	tcase_add_test(failures, statement_timeout_is_overload);
	tcase_add_test(failures, lock_timeout_is_overload);
	tcase_add_test(failures, several_statements_with_a_failing_one);
	tcase_add_test(failures, copy_does_not_hang);
	tcase_add_test(lending, a_statement_that_does_not_prepare_fails_each_lease);
	tcase_add_test(lending, many_statements_are_prepared);
	tcase_add_test(lending, only_the_first_connection_prepares_them_all);
	tcase_add_test(lending, on_demand_a_wrong_statement_fails_alone);
	tcase_add_test(lending, the_first_connection_is_opened_once);
	tcase_add_test(lending, all_who_wait_for_a_first_connection_get_one);
	tcase_add_test(lending, another_host_for_the_same_database);
	tcase_add_test(lending, last_returned_is_lent_first);
	tcase_add_test(lending, waiting_is_bounded);
	tcase_add_test(lending, many_threads_share_few_connections);
	tcase_add_test(lending, idle_connections_are_closed_down_to_min);
	tcase_add_test(lending, session_settings);
	tcase_add_test(lending, bad_address_is_a_configuration_fault);
	tcase_add_test(lending, database_away_is_no_failure_at_open);
	tcase_add_test(dead, terminated_backend_is_seen_once);
	tcase_add_test(dead, restart_costs_one_failure);
	tcase_add_test(dead, down_is_unavailable);
	tcase_add_test(dead, a_command_waits_longer_for_a_connection_than_a_pool);
	tcase_add_test(dead, frozen_server_meets_the_deadline);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(pg_suite());
	int failed;

	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
