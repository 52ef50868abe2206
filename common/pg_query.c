/*
 * pg_query: running statements: the wait for the answer, SQLSTATE to status, transactions.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg_internal.h"

enum { PREPARE_MAX = 64 };

/* --- waiting for the answer --------------------------------------------------------------------
 */

static int64_t deadline_of(const struct pg_conn *conn)
{
	return conn->limit_ms ? clock_monotonic_us() + conn->limit_ms * US_PER_MS : INT64_MAX;
}

/* Wait for the socket; false: the deadline passed or the link is dead. */
static bool wait_socket(PGconn *link, short events, int64_t deadline_us, short *ret_events)
{
	struct pollfd fd = {.fd = PQsocket(link), .events = events};
	int ready;

	do {
		int64_t left_us = deadline_us - clock_monotonic_us();
		int timeout_ms = deadline_us == INT64_MAX ? -1 : (int)(left_us / US_PER_MS) + 1;

		if (left_us <= 0 || fd.fd < 0)
			return false;
		ready = poll(&fd, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return false;
	*ret_events = fd.revents;
	return true;
}

/* Push out what is queued; reads meanwhile, so that neither side waits for the other. */
static bool flush(PGconn *link, int64_t deadline_us)
{
	int left;

	while ((left = PQflush(link)) > 0) {
		short events = 0;

		if (!wait_socket(link, POLLIN | POLLOUT, deadline_us, &events))
			return false;
		if ((events & POLLIN) && !PQconsumeInput(link))
			return false;
	}
	return left == 0;
}

/* The next result (NULL: none left) with a deadline; false: it did not come. */
static bool next_result(struct pg_conn *conn, int64_t deadline_us, PGresult **ret_result)
{
	while (PQisBusy(conn->link)) {
		short events = 0;

		if (!wait_socket(conn->link, POLLIN, deadline_us, &events))
			return false;
		if (!PQconsumeInput(conn->link))
			break; /* PQgetResult tells what the server said last */
	}
	*ret_result = PQgetResult(conn->link);
	return true;
}

static bool is_failure(const PGresult *result)
{
	ExecStatusType type = PQresultStatus(result);

	return type != PGRES_COMMAND_OK && type != PGRES_TUPLES_OK && type != PGRES_EMPTY_QUERY;
}

/* All results of one call: the last, or the first failure. NULL: no answer, the link is lost. */
static PGresult *collect(struct pg_conn *conn)
{
	int64_t deadline_us = deadline_of(conn);
	PGresult *kept = NULL;
	PGresult *result = NULL;

	if (!flush(conn->link, deadline_us))
		goto lost;
	for (;;) {
		if (!next_result(conn, deadline_us, &result))
			goto lost;
		if (!result)
			return kept;
		if (kept && is_failure(kept)) {
			PQclear(result);
			continue;
		}
		PQclear(kept);
		kept = result;
		/* COPY would wait for us. */
		if (PQresultStatus(result) == PGRES_COPY_IN ||
		    PQresultStatus(result) == PGRES_COPY_OUT)
			goto lost;
	}
lost:
	conn->lost = true;
	PQclear(kept);
	return NULL;
}

/* --- failures ----------------------------------------------------------------------------------
 */

static bool sqlstate_is(const char *state, const char *prefix)
{
	return strncmp(state, prefix, strlen(prefix)) == 0;
}

/* 25006: a primary that became a standby: another connection may reach the new primary. */
static enum status status_of(const char *state)
{
	static const char *const down[] = {"08", "57P0", "25006"};
	static const char *const busy[] = {"55P03", "53", "57014", "40001", "40P01"};

	for (size_t i = 0; i < ARRAY_LEN(down); i++) {
		if (sqlstate_is(state, down[i]))
			return ST_DATABASE_UNAVAILABLE;
	}
	for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
		if (sqlstate_is(state, busy[i]))
			return ST_OVERLOADED;
	}
	return ST_INTERNAL_ERROR;
}

static void keep(char *ret, size_t size, const char *text)
{
	size_t len = text ? strnlen(text, size - 1) : 0;

	if (len)
		memcpy(ret, text, len);
	ret[len] = '\0';
}

/* Remember why, and name the status. Only an internal error's detail holds the server's words: the
 * edge never shows that detail. */
static enum status fail(struct pg_conn *conn, const char *what, const PGresult *result,
			struct problem *err)
{
	const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	enum status status;

	keep(conn->sqlstate, sizeof(conn->sqlstate),
	     result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL);
	keep(conn->constraint, sizeof(conn->constraint),
	     result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL);
	if (!*conn->sqlstate || PQstatus(conn->link) == CONNECTION_BAD)
		conn->lost = true;
	status = conn->lost ? ST_DATABASE_UNAVAILABLE : status_of(conn->sqlstate);
	/* Prepared against what has changed since, or gone: the next lease prepares afresh. */
	if (status == ST_DATABASE_UNAVAILABLE || sqlstate_is(conn->sqlstate, "0A000") ||
	    sqlstate_is(conn->sqlstate, "26000"))
		conn->lost = true;
	if (status == ST_DATABASE_UNAVAILABLE)
		return problem_set(err, status, "the connection to the database was lost");
	if (status == ST_OVERLOADED)
		return problem_set(err, status, "the database is too busy");
	return problem_set(err, status, "%s: %s (%s)", what, message ? message : "failed",
			   conn->sqlstate);
}

/* After a send: the answer, judged. Takes `sent` as libpq gives it (0: failed). */
static enum status finish(struct pg_conn *conn, const char *what, int sent,
			  struct pg_result **ret_result, struct problem *err)
{
	PGresult *result = sent ? collect(conn) : NULL;

	*conn->sqlstate = '\0'; /* what failed before says nothing of this */
	*conn->constraint = '\0';
	if (!result || is_failure(result)) {
		enum status status = fail(conn, what, result, err);

		PQclear(result);
		return status;
	}
	if (strtoll(PQcmdTuples(result), NULL, 10) > 0)
		conn->touched = true;
	if (ret_result)
		*ret_result = (struct pg_result *)(void *)result;
	else
		PQclear(result);
	return OK;
}

static enum status refuse_lost(struct problem *err)
{
	return problem_set(err, ST_DATABASE_UNAVAILABLE, "the connection to the database was lost");
}

enum status pg_exec(struct pg_conn *conn, const char *sql, const struct pg_param *params,
		    size_t param_count, struct pg_result **ret_result, struct problem *err)
{
	CLEANUP(pg_args_release) struct pg_args args;

	pg_args_init(&args, params, param_count);
	if (conn->lost)
		return refuse_lost(err);
	/* Without parameters the simple protocol, which takes several statements. */
	return finish(conn, "SQL",
		      param_count ? PQsendQueryParams(conn->link, sql, (int)param_count, NULL,
						      args.values, args.lengths, args.formats, 0)
				  : PQsendQuery(conn->link, sql),
		      ret_result, err);
}

enum status pg_command(struct pg_conn *conn, const char *sql, struct problem *err)
{
	if (conn->lost)
		return refuse_lost(err);
	return finish(conn, sql, PQsendQuery(conn->link, sql), NULL, err);
}

bool pg_should_retry(const struct pg_conn *conn)
{
	return sqlstate_is(conn->sqlstate, "40001") || sqlstate_is(conn->sqlstate, "40P01");
}

const char *pg_sqlstate(const struct pg_conn *conn)
{
	return conn->sqlstate;
}

const char *pg_constraint(const struct pg_conn *conn)
{
	return conn->constraint;
}

/* --- preparing ---------------------------------------------------------------------------------
 */

/* Read the answers of a pipeline up to its sync; keeps the first failure. False: link lost. */
static bool collect_pipeline(struct pg_conn *conn, PGresult **ret_failure)
{
	int64_t deadline_us = deadline_of(conn);
	PGresult *result = NULL;

	if (!flush(conn->link, deadline_us))
		return false;
	for (;;) {
		ExecStatusType type;

		if (!next_result(conn, deadline_us, &result))
			return false;
		if (!result) {
			if (PQstatus(conn->link) == CONNECTION_BAD)
				return false;
			continue;
		}
		type = PQresultStatus(result);
		if (type == PGRES_FATAL_ERROR && !*ret_failure)
			*ret_failure = result;
		else
			PQclear(result);
		if (type == PGRES_PIPELINE_SYNC)
			return true;
	}
}

static enum status prepare_some(struct pg_conn *conn, const struct pg_statement *const *statements,
				size_t count, struct problem *err)
{
	PGresult *failure = NULL;
	enum status status = OK;
	int sent = PQenterPipelineMode(conn->link);

	for (size_t i = 0; i < count && sent; i++)
		sent = PQsendPrepare(conn->link, statements[i]->name, statements[i]->sql, 0, NULL);
	if (!sent || !PQpipelineSync(conn->link) || !collect_pipeline(conn, &failure))
		conn->lost = true;
	if (conn->lost || failure)
		status = fail(conn, "preparing statements", failure, err);
	PQclear(failure);
	PQexitPipelineMode(conn->link);
	return status;
}

enum status pg_prepare_all(struct pg_conn *conn, struct problem *err)
{
	size_t count = 0;
	const struct pg_statement *const *statements = pg_pool_statements(conn->pool, &count);

	/* In portions, so that answers never fill the socket while we still write. */
	for (size_t done = 0; done < count; done += PREPARE_MAX) {
		size_t some = count - done < PREPARE_MAX ? count - done : PREPARE_MAX;
		enum status status = prepare_some(conn, statements + done, some, err);

		if (status != OK)
			return status;
		memset(conn->prepared + done, true, some * sizeof(*conn->prepared));
	}
	return OK;
}

/* Prepared when this connection uses it first: most connections use few of many statements. */
static enum status prepare(struct pg_conn *conn, const struct pg_statement *statement,
			   struct problem *err)
{
	ssize_t at = conn->pool ? pg_pool_find_statement(conn->pool, statement) : -1;
	enum status status;

	if (at < 0 || conn->prepared[at])
		return OK;
	status = finish(conn, statement->name,
			PQsendPrepare(conn->link, statement->name, statement->sql, 0, NULL), NULL,
			err);
	if (status == OK)
		conn->prepared[at] = true;
	return status;
}

enum status pg_query(struct pg_conn *conn, const struct pg_statement *statement,
		     const struct pg_param *params, size_t param_count,
		     struct pg_result **ret_result, struct problem *err)
{
	CLEANUP(pg_args_release) struct pg_args args;
	enum status status;

	pg_args_init(&args, params, param_count);
	if (conn->lost)
		return refuse_lost(err);
	status = prepare(conn, statement, err);
	if (status != OK)
		return status;
	return finish(conn, statement->name,
		      PQsendQueryPrepared(conn->link, statement->name, (int)param_count,
					  args.values, args.lengths, args.formats, 0),
		      ret_result, err);
}

/* --- transactions ------------------------------------------------------------------------------
 */

enum status pg_begin(struct pg_conn *conn, struct problem *err)
{
	conn->touched = false;
	return pg_command(conn, "BEGIN", err);
}

enum status pg_commit(struct pg_conn *conn, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	if (conn->lost)
		return refuse_lost(err);
	status = finish(conn, "COMMIT", PQsendQuery(conn->link, "COMMIT"), &result, err);
	if (status != OK)
		return status;
	/* A failed transaction answers COMMIT with success and the tag ROLLBACK. */
	if (strcmp(PQcmdStatus(pg_raw(result)), "COMMIT") != 0)
		return problem_set(err, ST_INTERNAL_ERROR, "COMMIT was turned into ROLLBACK");
	return OK;
}

void pg_rollback(struct pg_conn *conn)
{
	struct problem ignored = {0};

	if (pg_command(conn, "ROLLBACK", &ignored) != OK)
		conn->lost = true;
}

enum status pg_savepoint(struct pg_conn *conn, struct problem *err)
{
	return pg_command(conn, "SAVEPOINT newest", err);
}

enum status pg_rollback_to_savepoint(struct pg_conn *conn, struct problem *err)
{
	return pg_command(conn, "ROLLBACK TO SAVEPOINT newest", err);
}

bool pg_touched(const struct pg_conn *conn)
{
	return conn->touched;
}

bool pg_in_transaction(const struct pg_conn *conn)
{
	PGTransactionStatusType state = PQtransactionStatus(conn->link);

	return state == PQTRANS_INTRANS || state == PQTRANS_INERROR;
}
