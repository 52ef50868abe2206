#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"
#include "common/ids.h"
#include "common/queue.h"
#include "sql_ctl.h"

enum { CONNECT_MS = 2000, COMMAND_MS = 5000, STATEMENT_MS = 60000, POOL_IDLE_MS = 1000 };

/* --- what the listings show --- */

struct type_row {
	const char *type;
	double ready; /* in Redis; NaN: it cannot be reached */
	double delayed;
	int64_t waiting; /* rows that are to be done */
	int64_t dead;
	int64_t oldest_seconds;
};

static const struct field type_fields[] = {
	{.name = "type", .type = FIELD_STRING, .offset = offsetof(struct type_row, type)},
	{.name = "ready", .type = FIELD_DOUBLE, .offset = offsetof(struct type_row, ready)},
	{.name = "delayed", .type = FIELD_DOUBLE, .offset = offsetof(struct type_row, delayed)},
	{.name = "waiting", .type = FIELD_INT, .offset = offsetof(struct type_row, waiting)},
	{.name = "dead", .type = FIELD_INT, .offset = offsetof(struct type_row, dead)},
	{.name = "oldestSeconds",
	 .type = FIELD_INT,
	 .offset = offsetof(struct type_row, oldest_seconds)},
};
static const struct schema type_schema = SCHEMA(type_fields, struct type_row);

struct job_row {
	const char *id;
	const char *type;
	int64_t subject_id;
	const char *state;
	int64_t deliveries;
	int64_t attempts;
	int64_t next_at;
	int64_t created_at;
	const char *reason;
};

static const struct field job_fields[] = {
	{.name = "id", .type = FIELD_STRING, .offset = offsetof(struct job_row, id)},
	{.name = "type", .type = FIELD_STRING, .offset = offsetof(struct job_row, type)},
	{.name = "subjectId", .type = FIELD_ID, .offset = offsetof(struct job_row, subject_id)},
	{.name = "state", .type = FIELD_STRING, .offset = offsetof(struct job_row, state)},
	{.name = "deliveries", .type = FIELD_INT, .offset = offsetof(struct job_row, deliveries)},
	{.name = "attempts", .type = FIELD_INT, .offset = offsetof(struct job_row, attempts)},
	{.name = "nextAt", .type = FIELD_TIME, .offset = offsetof(struct job_row, next_at)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = offsetof(struct job_row, created_at)},
	{.name = "reason", .type = FIELD_STRING, .offset = offsetof(struct job_row, reason)},
};
static const struct schema job_schema = SCHEMA(job_fields, struct job_row);

struct listing {
	struct field_array queues;
	struct field_array dead;
};

static const struct field listing_fields[] = {
	{.name = "queues",
	 .type = FIELD_ARRAY,
	 .offset = offsetof(struct listing, queues),
	 .nested = &type_schema},
	{.name = "dead",
	 .type = FIELD_ARRAY,
	 .offset = offsetof(struct listing, dead),
	 .nested = &job_schema},
};
static const struct schema listing_schema = SCHEMA(listing_fields, struct listing);

/* --- connections --- */

static enum status open_queue(struct ctl *ctl, struct queue **ret, struct problem *err)
{
	struct redis_options options = {
		.url = config_redis_queue_url(&ctl->config.common, &ctl->arena),
		.client_name = "corectl",
		.connect_timeout_ms = CONNECT_MS,
		.command_timeout_ms = COMMAND_MS,
	};
	return queue_open(&options, ret, err);
}

static void release_queue(struct queue **queue)
{
	if (*queue)
		queue_close(*queue);
}
#define QUEUE_OPENED CLEANUP(release_queue) struct queue *

static enum status open_pool(struct ctl *ctl, struct pg_pool **ret, struct problem *err)
{
	struct pg_pool_options options = {
		.conninfo = config_database_url(&ctl->config.common, &ctl->arena),
		.name = "corectl",
		.max = 2,
		.idle_ms = POOL_IDLE_MS,
		.wait_ms = COMMAND_MS,
		.statement_timeout_ms = STATEMENT_MS,
		.lock_timeout_ms = COMMAND_MS,
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
#define POOL_OPENED CLEANUP(release_pool) struct pg_pool *

/* --- queue ls --- */

static size_t type_names(struct ctl *ctl, const char *const **ret)
{
	size_t count = 0;
	while (queue_types[count].name)
		count++;
	const char **names = arena_calloc(&ctl->arena, count, sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = queue_types[i].name;
	*ret = names;
	return count;
}

static enum status read_listing(struct ctl *ctl, struct listing *ret, struct problem *err)
{
	PG_LEASED conn = NULL;
	const char *const *names;
	size_t count = type_names(ctl, &names);
	enum status status = ctl_connect(ctl, &conn, err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_queue_types_list,
				    PG_ARGS(PG_TEXT_ARRAY(names, count)), &type_schema,
				    &ret->queues, err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_queue_dead, PG_NO_ARGS, &job_schema, &ret->dead,
				    err);
	return status;
}

/* What Redis holds; where it cannot be reached the two numbers stay unknown. */
static enum status read_depths(struct ctl *ctl, struct field_array *rows, struct problem *err)
{
	QUEUE_OPENED queue = NULL;
	struct type_row *items = rows->items;
	for (size_t i = 0; i < rows->count; i++)
		items[i].ready = items[i].delayed = (double)NAN;
	enum status status = open_queue(ctl, &queue, err);
	for (size_t i = 0; i < rows->count && status == OK; i++) {
		int64_t ready = 0;
		int64_t delayed = 0;
		status = queue_depth(queue, items[i].type, &ready, &delayed, err);
		if (status != OK)
			break;
		items[i].ready = (double)ready;
		items[i].delayed = (double)delayed;
	}
	return status;
}

static void print_listing(struct ctl *ctl, const struct listing *listing)
{
	if (ctl->json) {
		struct strbuf out;
		strbuf_init(&out, &ctl->arena);
		json_encode(&out, &listing_schema, listing);
		(void)puts(out.buf);
		return;
	}
	ctl_print(ctl, &type_schema, listing->queues.items, listing->queues.count);
	if (listing->dead.count == 0)
		return;
	(void)puts("\ndead:");
	ctl_print(ctl, &job_schema, listing->dead.items, listing->dead.count);
}

int ctl_queue_ls(struct ctl *ctl)
{
	struct listing listing;
	struct problem err = {.status = OK};
	if (read_listing(ctl, &listing, &err) != OK)
		return ctl_fail(&err);
	enum status status = read_depths(ctl, &listing.queues, &err);
	print_listing(ctl, &listing);
	return status == OK ? EXIT_SUCCESS : ctl_fail(&err);
}

/* --- one type --- */

static int unknown_type(const char *name)
{
	return ctl_usage("queue: %s is no job type; queue ls names them", name);
}

int ctl_queue_peek(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	struct field_array jobs;
	struct problem err = {.status = OK};
	const char *type = ctl->args[0];
	if (!queue_type(type))
		return unknown_type(type);
	enum status status = ctl_connect(ctl, &conn, &err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_queue_peek, PG_ARGS(PG_TEXT(type)), &job_schema,
				    &jobs, &err);
	if (status != OK)
		return ctl_fail(&err);
	ctl_print(ctl, &job_schema, jobs.items, jobs.count);
	return EXIT_SUCCESS;
}

static int set_paused(struct ctl *ctl, bool paused)
{
	QUEUE_OPENED queue = NULL;
	struct problem err = {.status = OK};
	const char *type = ctl->args[0];
	if (!queue_type(type))
		return unknown_type(type);
	enum status status = open_queue(ctl, &queue, &err);
	if (status == OK)
		status = queue_pause(queue, type, paused, &err);
	if (status != OK)
		return ctl_fail(&err);
	(void)printf("%s is %s\n", type, paused ? "paused" : "running");
	return EXIT_SUCCESS;
}

int ctl_queue_pause(struct ctl *ctl)
{
	return set_paused(ctl, true);
}

int ctl_queue_resume(struct ctl *ctl)
{
	return set_paused(ctl, false);
}

/* --- one job --- */

/* Change the row; *ret_type: the job's type in the arena. ST_NOT_FOUND: no such row. */
static enum status change_job(struct ctl *ctl, const struct pg_statement *statement,
			      const char *reason, const char **ret_type, struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	const char *id = ctl->args[0];
	const struct pg_param params[] = {PG_TEXT(id), PG_TEXT(reason)};
	enum status status = ctl_connect(ctl, &conn, err);
	if (status == OK)
		status = pg_exec(conn, statement->sql, params, reason ? 2 : 1, &result, err);
	if (status != OK)
		return status;
	if (pg_rows(result) == 0)
		return problem_set(err, ST_NOT_FOUND, "there is no such job %s", id);
	*ret_type = arena_strdup(&ctl->arena, pg_text(result, 0, 0));
	return OK;
}

int ctl_queue_kick(struct ctl *ctl)
{
	QUEUE_OPENED queue = NULL;
	struct problem err = {.status = OK};
	const char *type = NULL;
	const char *const ids[] = {ctl->args[0]};
	if (!ids_is_uuid(ids[0]))
		return ctl_usage("queue kick: %s is no job id", ids[0]);
	enum status status = change_job(ctl, &sql_queue_kick, NULL, &type, &err);
	if (status == OK)
		status = open_queue(ctl, &queue, &err);
	if (status == OK)
		status = queue_kick(queue, type, ids, 1, &err);
	if (status != OK)
		return ctl_fail(&err);
	(void)printf("kicked %s %s\n", type, ids[0]);
	return EXIT_SUCCESS;
}

/* The row decides: a worker that meets the entry of a dead row drops it. */
int ctl_queue_bury(struct ctl *ctl)
{
	struct problem err = {.status = OK};
	const char *type = NULL;
	if (!ids_is_uuid(ctl->args[0]))
		return ctl_usage("queue bury: %s is no job id", ctl->args[0]);
	if (change_job(ctl, &sql_queue_bury, ctl->args[1], &type, &err) != OK)
		return ctl_fail(&err);
	(void)printf("buried %s %s\n", type, ctl->args[0]);
	return EXIT_SUCCESS;
}

int ctl_queue_rebuild(struct ctl *ctl)
{
	POOL_OPENED pool = NULL;
	QUEUE_OPENED queue = NULL;
	struct problem err = {.status = OK};
	size_t put = 0;
	enum status status = open_pool(ctl, &pool, &err);
	if (status == OK)
		status = open_queue(ctl, &queue, &err);
	if (status == OK)
		status = queue_recover(queue, pool, true, &put, &err);
	if (status != OK)
		return ctl_fail(&err);
	(void)printf("%zu jobs put again\n", put);
	return EXIT_SUCCESS;
}
