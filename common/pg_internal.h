/*
 * pg_internal: what the files of pg share. The only place that opens libpq.
 */
#ifndef COMMON_PG_INTERNAL_H
#define COMMON_PG_INTERNAL_H

/* libpq's own tags are `struct pg_conn` and `struct pg_result`: kept apart from ours. */
#define pg_conn libpq_conn
#define pg_result libpq_result
#include <libpq-fe.h>
#undef pg_conn
#undef pg_result

#include "common/pg.h"

enum { SQLSTATE_SIZE = 6, CONSTRAINT_SIZE = 64, PARAMS_MAX = 64 };

struct pg_conn {
	PGconn *link;
	struct pg_pool *pool; /* NULL: outside any pool */
	int64_t limit_ms;     /* longest wait for an answer; 0: none */
	int64_t idle_at_us;   /* monotonic: when it came back to the pool */
	bool touched;         /* a statement since BEGIN gave or changed rows */
	bool lost;            /* the link is dead or out of step: never use it again */
	char sqlstate[SQLSTATE_SIZE];
	char constraint[CONSTRAINT_SIZE];
	bool prepared[]; /* which of its pool's statements are */
};

static inline PGresult *pg_raw(const struct pg_result *result)
{
	return (PGresult *)(uintptr_t)result;
}

/* libpq's view of a parameter list; texts made here live in `text`. */
struct pg_args {
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	int formats[PARAMS_MAX];
	size_t offsets[PARAMS_MAX]; /* into text, where values[i] is made here */
	struct strbuf text;
};

void pg_args_init(struct pg_args *args, const struct pg_param *params, size_t count);
void pg_args_release(struct pg_args *args);

/* Prepare all statements of the connection's pool at once. */
enum status pg_prepare_all(struct pg_conn *conn, struct problem *err) MUST_CHECK;
/* The statements of a pool, sorted by address. */
const struct pg_statement *const *pg_pool_statements(const struct pg_pool *pool, size_t *ret_count);
/* A statement's place among them, -1 when it is none of them. */
ssize_t pg_pool_find_statement(const struct pg_pool *pool, const struct pg_statement *statement);
/* Run SQL without parameters and drop its result. */
enum status pg_command(struct pg_conn *conn, const char *sql, struct problem *err) MUST_CHECK;
/* A pool for its metrics: threads in line now, waits given up since the start. */
struct pg_pool_line {
	const char *name;
	size_t max;
	size_t waiting;
	uint64_t timeouts;
};
struct pg_pool_line pg_pool_line(struct pg_pool *pool);
/* Close the link and free. */
void pg_conn_free(struct pg_conn *conn);

#endif
