#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_queue.h"
#include "sql_ctl.h"

enum { CONNECT_MS = 2000, COMMAND_MS = 5000, PEEK_ROWS = 20, DEAD_ROWS = 1000 };

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
	const char *request_id;
	const char *payload; /* JSON: what it is about, as things stand */
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
	{.name = "requestId",
	 .type = FIELD_STRING,
	 .flags = FIELD_OMIT_NULL,
	 .offset = offsetof(struct job_row, request_id)},
	{.name = "payload",
	 .type = FIELD_RAW,
	 .flags = FIELD_OMIT_NULL,
	 .offset = offsetof(struct job_row, payload)},
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

/* --- connection --- */

enum status ctl_open_queue(struct ctl *ctl, struct queue **ret, struct problem *err)
{
	struct redis_options options = {
		.url = config_redis_queue_url(&ctl->config.common, &ctl->arena),
		.client_name = "corectl",
		.connect_timeout_ms = CONNECT_MS,
		.command_timeout_ms = COMMAND_MS,
	};
	return queue_open(&options, ret, err);
}

void ctl_close_queue(struct queue **queue)
{
	if (*queue)
		queue_close(*queue);
}

/* --- queue ls --- */

size_t ctl_type_names(struct ctl *ctl, const char *const **ret)
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
	size_t count = ctl_type_names(ctl, &names);
	enum status status = ctl_connect(ctl, &conn, err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_queue_types_list,
				    PG_ARGS(PG_TEXT_ARRAY(names, count)), &type_schema,
				    &ret->queues, err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_queue_dead, PG_ARGS(PG_I64(DEAD_ROWS)),
				    &job_schema, &ret->dead, err);
	return status;
}

/* What Redis holds; where it cannot be reached the two numbers stay unknown. */
static enum status read_depths(struct ctl *ctl, struct field_array *rows, struct problem *err)
{
	CTL_QUEUE queue = NULL;
	struct type_row *items = rows->items;
	for (size_t i = 0; i < rows->count; i++)
		items[i].ready = items[i].delayed = (double)NAN;
	enum status status = ctl_open_queue(ctl, &queue, err);
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

int ctl_queue_peek(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	struct field_array jobs;
	struct problem err = {.status = OK};
	enum status status = ctl_connect(ctl, &conn, &err);
	if (status == OK)
		status = ctl_select(ctl, conn, &sql_queue_peek,
				    PG_ARGS(PG_TEXT(ctl_value(ctl, "TYPE")),
					    PG_I64(ctl_count(ctl, "--limit", PEEK_ROWS))),
				    &job_schema, &jobs, &err);
	if (status != OK)
		return ctl_fail(&err);
	ctl_print(ctl, &job_schema, jobs.items, jobs.count);
	return EXIT_SUCCESS;
}

struct pausing {
	const char *type;
	bool paused;
};
static const struct field pausing_fields[] = {
	{.name = "type", .type = FIELD_STRING, .offset = offsetof(struct pausing, type)},
	{.name = "paused", .type = FIELD_BOOL, .offset = offsetof(struct pausing, paused)},
};
static const struct schema pausing_schema = SCHEMA(pausing_fields, struct pausing);

static int set_paused(struct ctl *ctl, bool paused)
{
	CTL_QUEUE queue = NULL;
	struct problem err = {.status = OK};
	struct pausing pausing = {ctl_value(ctl, "TYPE"), paused};
	enum status status = ctl_open_queue(ctl, &queue, &err);
	if (status == OK)
		status = queue_pause(queue, pausing.type, paused, &err);
	if (status != OK)
		return ctl_fail(&err);
	return ctl_say(ctl, &pausing_schema, &pausing, "%s is %s", pausing.type,
		       paused ? "paused" : "running");
}

int ctl_queue_pause(struct ctl *ctl)
{
	return set_paused(ctl, true);
}

int ctl_queue_resume(struct ctl *ctl)
{
	return set_paused(ctl, false);
}
