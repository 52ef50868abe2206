/*
 * queue_recover: put again what the outbox has and Redis lacks.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/crash_point.h"
#include "common/queue_internal.h"
#include "sql_common.h"

enum { PAGE = 2000, OVERDUE_MAX = 1000, OVERDUE_EVERY_S = 60 };
#define MARKER "outbox:recovered" /* missing: this Redis was emptied since the last recovery */
#define FIRST_UUID "00000000-0000-0000-0000-000000000000"

/* Put the rows of a result (id, job_type), one script call a type and portion. */
static enum status put_rows(struct queue *queue, const char *mode, const struct pg_result *rows,
			    size_t *put_count, struct problem *err)
{
	size_t count = pg_rows(rows);
	const char **ids = arena_calloc(&queue->scratch, count, sizeof(*ids));
	bool *taken = arena_calloc(&queue->scratch, count, sizeof(*taken));

	for (size_t first = 0; first < count; first++) {
		const char *type = pg_text(rows, first, 1);
		size_t n = 0;
		enum status status;

		if (taken[first])
			continue;
		for (size_t i = first; i < count; i++) {
			if (taken[i] || strcmp(pg_text(rows, i, 1), type) != 0)
				continue;
			taken[i] = true;
			ids[n++] = pg_text(rows, i, 0);
		}
		status = queue_put_mode(queue, mode, type, ids, n, put_count, err);
		if (status != OK)
			return status;
	}
	return OK;
}

static enum status query(struct pg_pool *pool, const struct pg_statement *statement,
			 const struct pg_param *params, size_t param_count,
			 struct pg_result **ret_rows, struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = pg_lease(pool, &conn, err);

	if (status != OK)
		return status;
	return pg_query(conn, statement, params, param_count, ret_rows, err);
}

/* The rows behind the cursor; moves it, to the start again behind the last. */
static enum status recover_page(struct queue *queue, struct pg_pool *pool, size_t *put_count,
				bool *ret_last, struct problem *err)
{
	PG_RESULT rows = NULL;
	size_t count;
	enum status status =
		query(pool, &sql_outbox_waiting,
		      PG_ARGS(PG_TEXT(queue->recover_cursor), PG_I64(PAGE)), &rows, err);

	if (status != OK)
		return status;
	status = put_rows(queue, "put", rows, put_count, err);
	if (status != OK)
		return status;
	CRASH_POINT_IF(pg_rows(rows), "queue.page-recovered");
	count = pg_rows(rows);
	*ret_last = count < PAGE;
	snprintf(queue->recover_cursor, sizeof(queue->recover_cursor), "%s",
		 *ret_last ? FIRST_UUID : pg_text(rows, count - 1, 0));
	return OK;
}

static enum status recover_overdue(struct queue *queue, struct pg_pool *pool, size_t *put_count,
				   struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status;

	if (clock_monotonic_us() < queue->overdue_at_us)
		return OK;
	status = query(pool, &sql_outbox_overdue, PG_ARGS(PG_I64(OVERDUE_MAX)), &rows, err);
	if (status == OK)
		status = put_rows(queue, "again", rows, put_count, err);
	if (status == OK)
		queue->overdue_at_us = clock_monotonic_us() + OVERDUE_EVERY_S * US_PER_S;
	return status;
}

/* Is this Redis another than the one we recovered last, or an emptied one? */
static enum status look_for_loss(struct queue *queue, bool *ret_lost, struct problem *err)
{
	REDIS_REPLY reply = NULL;
	enum status status =
		redis_call(queue->commands, &reply, err, "EXISTS", MARKER, (char *)NULL);

	if (status != OK)
		return status;
	*ret_lost = reply->integer == 0 ||
		    queue->recovered_connections != redis_connections(queue->commands);
	return OK;
}

enum status queue_recover(struct queue *queue, struct pg_pool *pool, bool all, size_t *ret_put,
			  struct problem *err)
{
	bool lost = false;
	bool last = false;
	size_t put = 0, before;
	uint64_t connections;
	enum status status;

	arena_reset(&queue->scratch);
	status = look_for_loss(queue, &lost, err);
	if (status != OK)
		return status;
	connections = redis_connections(queue->commands);
	all = all || lost;
	if (all || !*queue->recover_cursor)
		memcpy(queue->recover_cursor, FIRST_UUID, sizeof(FIRST_UUID));
	do { /* where a page had lost rows, the next may have them too */
		before = put;
		arena_reset(&queue->scratch);
		status = recover_page(queue, pool, &put, &last, err);
		if (status != OK)
			return status;
	} while ((all || put > before) && !last);
	status = recover_overdue(queue, pool, &put, err);
	if (status != OK)
		return status;
	CRASH_POINT_IF(all && put, "queue.recovered");
	if (all) {
		status = redis_call(queue->commands, NULL, err, "SET", MARKER, "1", (char *)NULL);
		if (status != OK)
			return status;
		queue->recovered_connections = connections;
	}
	if (ret_put)
		*ret_put = put;
	return OK;
}
