/*
 * queue_reserve: the begin of what was read, in the outbox.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/crash_point.h"
#include "common/queue_internal.h"
#include "sql_common.h"

static void fill_job(struct job *job, const struct queue_type *type,
		     const struct queue_entry *entry, const struct pg_result *rows, size_t row,
		     struct arena *arena)
{
	const char *request_id = pg_text(rows, row, pg_column(rows, "request_id"));
	const char *traceparent = pg_text(rows, row, pg_column(rows, "traceparent"));

	memcpy(job->id, entry->id, UUID_SIZE);
	job->type = type;
	job->entry_id = arena_strdup(arena, entry->entry_id);
	job->subject_id = pg_i64(rows, row, pg_column(rows, "subject_id"));
	job->deliveries = (int)pg_i64(rows, row, pg_column(rows, "deliveries"));
	job->attempts = (int)pg_i64(rows, row, pg_column(rows, "attempts"));
	job->request_id = request_id ? arena_strdup(arena, request_id) : NULL;
	job->traceparent = traceparent ? arena_strdup(arena, traceparent) : NULL;
}

static size_t find_row(const struct pg_result *rows, const char *id)
{
	for (size_t row = 0; row < pg_rows(rows); row++) {
		if (strcasecmp(pg_text(rows, row, 0), id) == 0)
			return row;
	}
	return SIZE_MAX;
}

static bool has_job(const struct job *jobs, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(jobs[i].id, id) == 0)
			return true;
	}
	return false;
}

/* Sort the entries by what the outbox said of them. */
static void sort_out(struct queue *queue, const struct queue_type *type,
		     const struct queue_entries *entries, const struct pg_result *rows,
		     struct arena *arena, struct job *jobs, size_t *ret_count)
{
	struct queue_entry *gone =
		arena_calloc(&queue->scratch, entries->count, sizeof(struct queue_entry));
	struct problem ignored = {0};
	size_t gone_count = 0;
	size_t count = 0;

	for (size_t i = 0; i < entries->count; i++) {
		const struct queue_entry *entry = &entries->items[i];
		size_t row = find_row(rows, entry->id);
		const char *verdict = row == SIZE_MAX ? "gone" : pg_text(rows, row, 1);

		if (strcmp(verdict, "begun") == 0 && !has_job(jobs, count, entry->id))
			fill_job(&jobs[count++], type, entry, rows, row, arena);
		else if (strcmp(verdict, "later") == 0)
			queue_entries_add(&queue->kept, entry);
		else if (strcmp(verdict, "early") != 0)
			gone[gone_count++] = *entry; /* a second entry of one job too */
		else if (queue_delay(queue, type->name, entry, pg_i64(rows, row, 2), &ignored) !=
			 OK)
			continue; /* its lease runs out, then it comes again */
	}
	*ret_count = count;
	CRASH_POINT_IF(gone_count, "queue.gone");
	/* Where Redis fails now, they come again and are acknowledged then. */
	if (queue_forget(queue, type->name, gone, gone_count, &ignored) != OK)
		return;
}

static enum status begin(struct queue *queue, struct pg_pool *pool, const struct queue_type *type,
			 const struct queue_entries *entries, struct arena *arena,
			 struct job **ret_jobs, size_t *ret_count, struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	const char **ids = arena_calloc(&queue->scratch, entries->count, sizeof(*ids));
	struct job *jobs = arena_calloc(arena, entries->count, sizeof(*jobs));
	enum status status = pg_lease(pool, &conn, err);

	if (status != OK)
		return status;
	for (size_t i = 0; i < entries->count; i++)
		ids[i] = entries->items[i].id;
	status = pg_query(conn, &sql_outbox_begin,
			  PG_ARGS(PG_TEXT_ARRAY(ids, entries->count), PG_I64(type->max_deliveries)),
			  &rows, err);
	if (status != OK)
		return status;
	pg_return(&conn);
	CRASH_POINT("queue.begun");
	sort_out(queue, type, entries, rows, arena, jobs, ret_count);
	*ret_jobs = jobs;
	return OK;
}

static void entries_free(struct queue_entries *entries)
{
	free(entries->items);
}

enum status queue_reserve(struct queue *queue, struct pg_pool *pool, const struct queue_type *type,
			  size_t max, int64_t block_ms, struct arena *arena, struct job **ret_jobs,
			  size_t *ret_count, struct problem *err)
{
	CLEANUP(entries_free) struct queue_entries entries = {0};
	size_t count = 0;
	enum status status;

	arena_reset(&queue->scratch);
	status = queue_gather(queue, type, max, block_ms, &entries, err);
	if (status != OK)
		return status;
	CRASH_POINT_IF(entries.count, "queue.read");
	if (entries.count)
		status = begin(queue, pool, type, &entries, arena, ret_jobs, &count, err);
	if (status == OK) {
		*ret_count = count;
		return OK;
	}
	for (size_t i = 0; i < entries.count; i++)
		queue_entries_add(&queue->kept, &entries.items[i]);
	return status;
}
