/*
 * pg: the one door to PostgreSQL: pool, leases, prepared statements, transactions.
 *
 * Statements are .sql files compiled in (see the Makefile): `schema sql/event_get.sql` becomes
 * `sql_event_get`. The first connection of a pool prepares them all, so that a wrong one is seen at
 * the start; later ones prepare a statement when they first use it. A lease is one connection for
 * one unit of work; never hold it across a call to another service. A lost connection is dropped
 * from the pool at return. Every call has a client-side deadline (statement time-out + 1 s).
 */
#ifndef COMMON_PG_H
#define COMMON_PG_H

#include "common/json.h"

struct pg_pool;
struct pg_conn;

struct pg_statement {
	const char *name;
	const char *sql;
};

/* A parameter; build with the PG_… macros. */
enum pg_param_type {
	PG_PARAM_NULL,
	PG_PARAM_TEXT,
	PG_PARAM_I64,
	PG_PARAM_BOOL,
	PG_PARAM_TIME,
	PG_PARAM_MONEY,
	PG_PARAM_BYTES,
	PG_PARAM_TEXT_ARRAY,
	PG_PARAM_I64_ARRAY,
	PG_PARAM_TIME_ARRAY,
	PG_PARAM_BYTES_ARRAY,
};
struct pg_param {
	enum pg_param_type type;
	const void *at; /* text, bytes, or the array */
	int64_t value;  /* number, time, boolean */
	size_t len;     /* of bytes; elements of an array */
};
#define PG_NULL ((struct pg_param){PG_PARAM_NULL, NULL, 0, 0})
#define PG_TEXT(s) ((struct pg_param){PG_PARAM_TEXT, (s), 0, 0}) /* NULL: SQL NULL */
#define PG_I64(n) ((struct pg_param){PG_PARAM_I64, NULL, (n), 0})
/* An id where 0 means none: SQL NULL. */
#define PG_ID(n) ((struct pg_param){(n) ? PG_PARAM_I64 : PG_PARAM_NULL, NULL, (n), 0})
#define PG_BOOL(b) ((struct pg_param){PG_PARAM_BOOL, NULL, (b), 0})
#define PG_TIME(us) ((struct pg_param){PG_PARAM_TIME, NULL, (us), 0}) /* TIME_NONE: SQL NULL */
#define PG_MONEY(minor) ((struct pg_param){PG_PARAM_MONEY, NULL, (minor), 0}) /* as "12.34" */
#define PG_BYTES(p, n) ((struct pg_param){PG_PARAM_BYTES, (p), 0, (n)})
/* const char *const[] (NULL elements: SQL NULL), const int64_t[], const struct slice[]. */
#define PG_TEXT_ARRAY(p, n) ((struct pg_param){PG_PARAM_TEXT_ARRAY, (p), 0, (n)})
#define PG_I64_ARRAY(p, n) ((struct pg_param){PG_PARAM_I64_ARRAY, (p), 0, (n)})
#define PG_TIME_ARRAY(p, n) ((struct pg_param){PG_PARAM_TIME_ARRAY, (p), 0, (n)})
#define PG_BYTES_ARRAY(p, n) ((struct pg_param){PG_PARAM_BYTES_ARRAY, (p), 0, (n)})
/* The parameter list of a call: PG_ARGS(PG_I64(id), PG_TEXT(name)), or PG_NO_ARGS. */
#define PG_ARGS(...)                                                                               \
	(const struct pg_param[]){__VA_ARGS__},                                                    \
		sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)
#define PG_NO_ARGS NULL, 0

struct pg_pool_options {
	const char *conninfo; /* URI or keywords */
	const char *host;     /* instead of the conninfo's; NULL: that one */
	int port;             /* 0: the conninfo's */
	const char *name;     /* application_name, and the label of its metrics */
	size_t min, max;      /* connections kept open, and at most */
	size_t later; /* of min: left to pg_pool_begin and pg_pool_fill, or to who leases first */
	int64_t idle_ms; /* closed after so long unused, down to min */
	int64_t wait_ms; /* longest wait for a lease: then ST_OVERLOADED */
	int64_t statement_timeout_ms;
	int64_t lock_timeout_ms;
	const struct pg_statement *const *statements;
	size_t statement_count;
	bool on_demand; /* another pool's first connection prepares these statements */
	/* Statements over whole tables. Else plans go by index: a session keeps a plan that it made
	 * when the tables were nearly empty, and one that reads them whole is ruinous soon after.
	 */
	bool reports;
};

/* Open the pool and its first `min` connections. A database that is away is no failure: leases try
 * again. A statement that does not prepare fails each lease with ST_INTERNAL_ERROR, until all have
 * been prepared once. */
enum status pg_pool_open(const struct pg_pool_options *options, struct pg_pool **ret_pool,
			 struct problem *err) MUST_CHECK;
/* Open the first connection, in the caller's time; who leases meanwhile gets it. */
void pg_pool_begin(struct pg_pool *pool);
/* Open what is missing of `min`, in the caller's time. */
void pg_pool_fill(struct pg_pool *pool);
/* Close; all leases must be back. */
void pg_pool_close(struct pg_pool *pool);
/* Connections open and leased now; either pointer may be NULL. */
void pg_pool_counts(struct pg_pool *pool, size_t *ret_open, size_t *ret_leased);
/* Show the pool among the metrics (db_pool_*, labelled by its name) from now on; it must stay open
 * as long as they are served. */
void pg_pool_show(struct pg_pool *pool);

/* Borrow a connection (the one returned last first). ST_OVERLOADED, ST_DATABASE_UNAVAILABLE. */
enum status pg_lease(struct pg_pool *pool, struct pg_conn **ret_conn,
		     struct problem *err) MUST_CHECK;
/* Give it back; rolls an open transaction back. For CLEANUP: takes the variable's address. */
void pg_return(struct pg_conn **conn);
/* A connection variable that returns itself. */
#define PG_LEASED CLEANUP(pg_return) struct pg_conn *

/* One open connection outside any pool, nothing prepared: for commands, which rather wait than
 * fail: 10 s, where a pool's caller gets his answer after 2 (`connect_timeout` of the conninfo
 * overrides both). End: pg_return. */
enum status pg_connect(const char *conninfo, struct pg_conn **ret_conn,
		       struct problem *err) MUST_CHECK;

struct pg_result;
void pg_result_free(struct pg_result **result); /* for CLEANUP */
#define PG_RESULT CLEANUP(pg_result_free) struct pg_result *

/*
 * Run a prepared statement. Outside a transaction it commits by itself. `ret_result` may be NULL.
 * SQLSTATE to status: no connection, 57P0x, 08 -> ST_DATABASE_UNAVAILABLE · 55P03, 53xxx, 57014 ->
 * ST_OVERLOADED · 40001, 40P01 -> ST_OVERLOADED (pg_should_retry tells) · rest ->
 * ST_INTERNAL_ERROR. The detail holds the server's message; see pg_constraint.
 */
enum status pg_query(struct pg_conn *conn, const struct pg_statement *statement,
		     const struct pg_param *params, size_t param_count,
		     struct pg_result **ret_result, struct problem *err) MUST_CHECK;
/* The same for a statement that is not prepared, several without parameters too (migrations). */
enum status pg_exec(struct pg_conn *conn, const char *sql, const struct pg_param *params,
		    size_t param_count, struct pg_result **ret_result,
		    struct problem *err) MUST_CHECK;
/* Did the last statement on this connection end in a serialization failure or a deadlock? */
bool pg_should_retry(const struct pg_conn *conn);
/* SQLSTATE of the last statement ("": it succeeded or got no answer), and the constraint that its
 * failure names ("" if none). */
const char *pg_sqlstate(const struct pg_conn *conn);
const char *pg_constraint(const struct pg_conn *conn);

/* Transactions. pg_return rolls back what is open. A COMMIT that PostgreSQL turns into ROLLBACK is
 * ST_INTERNAL_ERROR; a link lost during COMMIT is ST_DATABASE_UNAVAILABLE (outcome unknown). */
enum status pg_begin(struct pg_conn *conn, struct problem *err) MUST_CHECK;
enum status pg_commit(struct pg_conn *conn, struct problem *err) MUST_CHECK;
void pg_rollback(struct pg_conn *conn);
/* In a transaction: what follows can be taken back alone. One at a time counts: the newest. */
enum status pg_savepoint(struct pg_conn *conn, struct problem *err) MUST_CHECK;
enum status pg_rollback_to_savepoint(struct pg_conn *conn, struct problem *err) MUST_CHECK;
/* Did any statement of the newest transaction give or change a row? */
bool pg_touched(const struct pg_conn *conn);
bool pg_in_transaction(const struct pg_conn *conn);

/* Reading a result; rows and columns from 0. Text is valid until the result is freed. */
size_t pg_rows(const struct pg_result *result);
/* Rows changed by an INSERT, UPDATE, DELETE. */
int64_t pg_affected(const struct pg_result *result);
bool pg_is_null(const struct pg_result *result, size_t row, size_t column);
const char *pg_text(const struct pg_result *result, size_t row, size_t column); /* NULL: SQL NULL */
int64_t pg_i64(const struct pg_result *result, size_t row, size_t column);      /* NULL: 0 */
bool pg_bool(const struct pg_result *result, size_t row, size_t column);
int64_t pg_time(const struct pg_result *result, size_t row, size_t column); /* NULL: TIME_NONE */
int64_t pg_money(const struct pg_result *result, size_t row, size_t column);
/* bytea, decoded into the arena. */
struct slice pg_bytes(const struct pg_result *result, size_t row, size_t column,
		      struct arena *arena);
/* Column of that name; fatal when there is none (our own mistake). */
size_t pg_column(const struct pg_result *result, const char *name);

/* Fill `ret` (zeroed first) from a row by a field table: each field takes the column named as its
 * snake_case; fields without a column are left at their null value. Text goes to the arena.
 * FIELD_ENUM columns hold the name. Nested objects and arrays are left alone. */
void pg_scan(const struct pg_result *result, size_t row, const struct schema *schema,
	     struct arena *arena, void *ret);
/* The same for a part of a row that joins several things: each field takes the column named
 * `prefix` and its snake_case. */
void pg_scan_part(const struct pg_result *result, size_t row, const char *prefix,
		  const struct schema *schema, struct arena *arena, void *ret);
/* The same for many rows, each with an arena of its own: the columns are looked up once. */
enum { PG_MAP_MAX = 64 };
struct pg_map {
	const struct schema *schema;
	int columns[PG_MAP_MAX];
};
void pg_map(const struct pg_result *result, const char *prefix, const struct schema *schema,
	    struct pg_map *ret);
void pg_scan_mapped(const struct pg_result *result, size_t row, const struct pg_map *map,
		    struct arena *arena, void *ret);
/* All rows, as an array in the arena. */
struct field_array pg_scan_all(const struct pg_result *result, const struct schema *schema,
			       struct arena *arena);

#endif
