/*
 * Jobs as rows of the outbox: kicked, buried, counted, put again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_queue.h"
#include "common/crash_point.h"
#include "common/ids.h"
#include "sql_ctl.h"

enum { STATEMENT_MS = 60000, LOCK_MS = 5000, POOL_IDLE_MS = 1000, KICK_BATCH = 1000 };

/* --- one job, or all ------------------------------------------------------------------------- */

struct done {
	const char *type; /* NULL: of several */
	const char *id;
	int64_t jobs;
};
#define AT(member) offsetof(struct done, member)
static const struct field done_fields[] = {
	{.name = "type", .type = FIELD_STRING, .flags = FIELD_OMIT_NULL, .offset = AT(type)},
	{.name = "id", .type = FIELD_STRING, .flags = FIELD_OMIT_NULL, .offset = AT(id)},
	{.name = "jobs", .type = FIELD_INT, .offset = AT(jobs)},
};
#undef AT
static const struct schema done_schema = SCHEMA(done_fields, struct done);

/* Tell Redis of the rows (id, job_type, sorted by type) that are to be done now. */
static enum status kick_rows(struct queue *queue, const struct pg_result *rows, struct problem *err)
{
	const char *ids[KICK_BATCH];
	size_t n = 0, count = pg_rows(rows);
	enum status status = OK;

	for (size_t i = 0; i < count && !status; i++) {
		const char *type = pg_text(rows, i, 1);
		bool last = i + 1 == count || strcmp(pg_text(rows, i + 1, 1), type) != 0;

		ids[n++] = pg_text(rows, i, 0);
		if (!last)
			continue;
		status = queue_kick(queue, type, ids, n, err);
		n = 0;
	}
	return status;
}

/* Up to a batch of rows, committed before Redis hears of them. */
static enum status kick_some(struct ctl *ctl, struct pg_conn *conn, struct queue *queue,
			     struct done *done, struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status;

	status = pg_exec(conn, sql_queue_kick.sql,
			 PG_ARGS(PG_TEXT(done->id), PG_TEXT(done->type), PG_I64(KICK_BATCH)), &rows,
			 err);
	if (status)
		return status;
	CRASH_POINT("corectl.kicked");
	done->jobs = (int64_t)pg_rows(rows);
	if (done->id && done->jobs)
		done->type = arena_strdup(&ctl->arena, pg_text(rows, 0, 1));
	return kick_rows(queue, rows, err);
}

/* What is kicked is neither dead nor delayed any more, so this ends. */
static enum status kick(struct ctl *ctl, struct done *done, struct problem *err)
{
	PG_LEASED conn = NULL;
	CTL_QUEUE queue = NULL;
	int64_t sum = 0;
	enum status status = ctl_connect(ctl, &conn, err);

	if (!status)
		status = ctl_open_queue(ctl, &queue, err);
	while (!status) {
		status = kick_some(ctl, conn, queue, done, err);
		sum += status ? 0 : done->jobs;
		if (done->jobs < KICK_BATCH)
			break;
	}
	done->jobs = sum;
	return status;
}

int ctl_queue_kick(struct ctl *ctl)
{
	struct problem err = {.status = OK};
	struct done done = {.id = ctl_value(ctl, "JOB"), .type = ctl_value(ctl, "--type")};

	if (ctl_flag(ctl, "--all") == (done.id != NULL))
		return ctl_usage(ctl, "either JOB or --all is given");
	if (kick(ctl, &done, &err))
		return ctl_fail(&err);
	if (done.id && !done.jobs) {
		(void)problem_set(&err, ST_NOT_FOUND, "there is no such job %s", done.id);
		return ctl_fail(&err);
	}
	if (done.id)
		return ctl_say(ctl, &done_schema, &done, "kicked %s %s", done.type, done.id);
	return ctl_say(ctl, &done_schema, &done, "%lld jobs kicked", (long long)done.jobs);
}

/* The row decides: a worker that meets the entry of a dead row drops it. */
int ctl_queue_bury(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	struct problem err = {.status = OK};
	struct done done = {.id = ctl_value(ctl, "JOB"), .jobs = 1};
	enum status status = ctl_connect(ctl, &conn, &err);

	if (!status)
		status = pg_exec(conn, sql_queue_bury.sql,
				 PG_ARGS(PG_TEXT(done.id), PG_TEXT(ctl_value(ctl, "REASON"))),
				 &rows, &err);
	if (!status && pg_rows(rows) == 0)
		status = problem_set(&err, ST_NOT_FOUND, "no job %s waits", done.id);
	if (status)
		return ctl_fail(&err);
	done.type = pg_text(rows, 0, 0);
	return ctl_say(ctl, &done_schema, &done, "buried %s %s", done.type, done.id);
}

/* --- all of them ----------------------------------------------------------------------------- */

struct outbox_row {
	const char *type;
	int64_t waiting; /* to be begun now */
	int64_t running; /* begun, and neither finished nor delayed */
	int64_t delayed;
	int64_t dead;
	int64_t oldest_seconds;
};
#define AT(member) offsetof(struct outbox_row, member)
static const struct field outbox_fields[] = {
	{.name = "type", .type = FIELD_STRING, .offset = AT(type)},
	{.name = "waiting", .type = FIELD_INT, .offset = AT(waiting)},
	{.name = "running", .type = FIELD_INT, .offset = AT(running)},
	{.name = "delayed", .type = FIELD_INT, .offset = AT(delayed)},
	{.name = "dead", .type = FIELD_INT, .offset = AT(dead)},
	{.name = "oldestSeconds", .type = FIELD_INT, .offset = AT(oldest_seconds)},
};
#undef AT
static const struct schema outbox_schema = SCHEMA(outbox_fields, struct outbox_row);

int ctl_outbox_ls(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	struct field_array rows;
	struct problem err = {.status = OK};
	const char *const *names;
	size_t count = ctl_type_names(ctl, &names);
	enum status status = ctl_connect(ctl, &conn, &err);

	if (!status)
		status = ctl_select(ctl, conn, &sql_outbox_ls, PG_ARGS(PG_TEXT_ARRAY(names, count)),
				    &outbox_schema, &rows, &err);
	if (status)
		return ctl_fail(&err);
	ctl_print(ctl, &outbox_schema, rows.items, rows.count);
	return EXIT_SUCCESS;
}

static enum status open_pool(struct ctl *ctl, struct pg_pool **ret, struct problem *err)
{
	struct pg_pool_options options = {
		.conninfo = config_database_url(&ctl->config.common, &ctl->arena),
		.name = "corectl",
		.max = 2,
		.idle_ms = POOL_IDLE_MS,
		.wait_ms = LOCK_MS,
		.statement_timeout_ms = STATEMENT_MS,
		.reports = true,
		.lock_timeout_ms = LOCK_MS,
		.statements = sql_common,
		.statement_count = sql_common_count,
	};

	return pg_pool_open(&options, ret, err);
}

static void release_pool(struct pg_pool **pool)
{
	if (*pool)
		pg_pool_close(*pool);
}

int ctl_outbox_put(struct ctl *ctl)
{
	CLEANUP(release_pool) struct pg_pool *pool = NULL;
	CTL_QUEUE queue = NULL;
	struct problem err = {.status = OK};
	struct done done = {0};
	size_t put = 0;
	enum status status = open_pool(ctl, &pool, &err);

	if (!status)
		status = ctl_open_queue(ctl, &queue, &err);
	if (!status)
		status = queue_recover(queue, pool, true, &put, &err);
	if (status)
		return ctl_fail(&err);
	done.jobs = (int64_t)put;
	return ctl_say(ctl, &done_schema, &done, "%zu jobs put again", put);
}
