/*
 * queue_settle: what becomes of a reserved job. The outbox row decides, fenced by deliveries; Redis
 * follows.
 */
#include <string.h>
#include <strings.h>

#include "common/crash_point.h"
#include "common/queue_internal.h"
#include "sql_common.h"

/* --- the Redis side ----------------------------------------------------------------------------
 */

enum status queue_forget(struct queue *queue, const char *type, const struct queue_entry *entries,
			 size_t count, struct problem *err)
{
	struct redis_command args;

	if (!count)
		return OK;
	queue_args(queue, &args);
	redis_word(&args, QUEUE_GROUP);
	for (size_t i = 0; i < count; i++) {
		redis_word(&args, entries[i].id);
		redis_word(&args, entries[i].entry_id);
	}
	return queue_script(queue, SCRIPT_DONE, type, &args, NULL, err);
}

enum status queue_delay(struct queue *queue, const char *type, const struct queue_entry *entry,
			int64_t delay_ms, struct problem *err)
{
	struct redis_command args;

	queue_args(queue, &args);
	redis_word(&args, QUEUE_GROUP);
	redis_word(&args, entry->id);
	redis_word(&args, entry->entry_id);
	redis_word_i64(&args, delay_ms);
	return queue_script(queue, SCRIPT_DELAY, type, &args, NULL, err);
}

enum status queue_hold(struct queue *queue, const char *type, const struct queue_entry *entries,
		       size_t count, bool *ret_ours, struct problem *err)
{
	struct redis_command args;
	REDIS_REPLY reply = NULL;
	enum status status;

	queue_args(queue, &args);
	redis_word(&args, QUEUE_GROUP);
	redis_word(&args, queue_consumer());
	for (size_t i = 0; i < count; i++)
		redis_word(&args, entries[i].entry_id);
	status = queue_script(queue, SCRIPT_TOUCH, type, &args, &reply, err);
	if (status != OK)
		return status;
	for (size_t i = 0; ret_ours && i < count; i++)
		ret_ours[i] = i < reply->elements && reply->element[i]->integer == 1;
	return OK;
}

enum status queue_requeue(struct queue *queue, const char *type, const struct queue_entry *entries,
			  size_t count, struct problem *err)
{
	struct redis_command args;

	if (!count)
		return OK;
	queue_args(queue, &args);
	redis_word(&args, QUEUE_GROUP);
	redis_word(&args, queue_consumer());
	for (size_t i = 0; i < count; i++) {
		redis_word(&args, entries[i].id);
		redis_word(&args, entries[i].entry_id);
	}
	return queue_script(queue, SCRIPT_REQUEUE, type, &args, NULL, err);
}

static struct queue_entry entry_of(const struct job *job)
{
	struct queue_entry entry = {0};

	strncpy(entry.entry_id, job->entry_id, sizeof(entry.entry_id) - 1);
	memcpy(entry.id, job->id, sizeof(entry.id));
	return entry;
}

/* The entries of those jobs for which `which` says yes (NULL: of all). */
static struct queue_entry *entries_of(struct queue *queue, const struct job *jobs, size_t count,
				      const bool *which, size_t *ret_count)
{
	struct queue_entry *entries = arena_calloc(&queue->scratch, count, sizeof(*entries));
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (!which || which[i])
			entries[n++] = entry_of(&jobs[i]);
	}
	*ret_count = n;
	return entries;
}

enum status queue_touch(struct queue *queue, const struct job *jobs, size_t count,
			struct problem *err)
{
	struct queue_entry *entries;
	size_t n = 0;

	if (!count)
		return OK;
	arena_reset(&queue->scratch);
	entries = entries_of(queue, jobs, count, NULL, &n);
	return queue_hold(queue, jobs[0].type->name, entries, n, NULL, err);
}

enum status queue_done(struct queue *queue, const struct job *jobs, size_t count,
		       struct problem *err)
{
	struct queue_entry *entries;
	size_t n = 0;
	enum status status;

	if (!count)
		return OK;
	arena_reset(&queue->scratch);
	entries = entries_of(queue, jobs, count, NULL, &n);
	CRASH_POINT("queue.finishing");
	status = queue_forget(queue, jobs[0].type->name, entries, n, err);
	CRASH_POINT("queue.finished");
	return status;
}

/* --- the outbox side ---------------------------------------------------------------------------
 */

/* Run a statement over (ids, deliveries) that returns the ids it found; marks them. */
static enum status fenced(struct pg_conn *conn, const struct pg_statement *statement,
			  const struct job *jobs, size_t count, bool *ret_found,
			  struct problem *err)
{
	struct arena arena;
	const char **ids;
	int64_t *deliveries;
	PG_RESULT result = NULL;
	enum status status;

	arena_init(&arena, 4096);
	ids = arena_calloc(&arena, count, sizeof(*ids));
	deliveries = arena_calloc(&arena, count, sizeof(*deliveries));
	for (size_t i = 0; i < count; i++) {
		ids[i] = jobs[i].id;
		deliveries[i] = jobs[i].deliveries;
	}
	status = pg_query(conn, statement,
			  PG_ARGS(PG_TEXT_ARRAY(ids, count), PG_I64_ARRAY(deliveries, count)),
			  &result, err);
	arena_clear(&arena);
	if (status != OK)
		return status;
	memset(ret_found, 0, count * sizeof(*ret_found));
	for (size_t row = 0; row < pg_rows(result); row++) {
		for (size_t i = 0; i < count; i++) {
			if (strcasecmp(jobs[i].id, pg_text(result, row, 0)) == 0)
				ret_found[i] = true;
		}
	}
	return OK;
}

enum status queue_complete(struct pg_conn *conn, const struct job *jobs, size_t count,
			   bool *ret_done, struct problem *err)
{
	enum status status =
		count ? fenced(conn, &sql_outbox_complete, jobs, count, ret_done, err) : OK;

	CRASH_POINT_IF(count, "queue.completed");
	return status;
}

/* Full jitter: anything up to the exponential delay, so that what failed together does not come
 * back together. */
static int64_t backoff_ms(const struct job *job, bool counted)
{
	const struct queue_type *type = job->type;
	int tries = type->max_attempts ? job->attempts + counted : job->deliveries;
	int64_t delay_ms = type->backoff_ms;

	for (int i = 1; i < tries && delay_ms < type->backoff_max_ms; i++)
		delay_ms *= type->backoff_factor > 1 ? type->backoff_factor : 2;
	if (delay_ms > type->backoff_max_ms)
		delay_ms = type->backoff_max_ms;
	return (int64_t)ids_random_below((uint64_t)delay_ms + 1);
}

static enum status record_retry(struct pg_pool *pool, const struct job *job, bool counted,
				int64_t delay_ms, const char *reason, bool *ret_buried,
				struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	enum status status = pg_lease(pool, &conn, err);

	if (status != OK)
		return status;
	status =
		pg_query(conn, &sql_outbox_retry,
			 PG_ARGS(PG_TEXT(job->id), PG_I64(job->deliveries), PG_BOOL(counted),
				 PG_I64(job->type->max_attempts), PG_I64(job->type->max_deliveries),
				 PG_I64(delay_ms), PG_TEXT(reason)),
			 &result, err);
	if (status != OK)
		return status;
	if (pg_rows(result) == 0)
		return problem_set(err, ST_JOB_LOST, "job %s is no longer ours", job->id);
	*ret_buried = pg_bool(result, 0, 0);
	return OK;
}

enum status queue_retry(struct queue *queue, struct pg_pool *pool, const struct job *job,
			bool counted, int64_t delay_ms, const char *reason, bool *ret_buried,
			struct problem *err)
{
	struct queue_entry entry = entry_of(job);
	bool buried = false;
	enum status status;

	if (delay_ms < 0)
		delay_ms = backoff_ms(job, counted);
	status = record_retry(pool, job, counted, delay_ms, reason, &buried, err);
	if (status != OK)
		return status;
	arena_reset(&queue->scratch);
	CRASH_POINT("queue.retry-recorded");
	if (ret_buried)
		*ret_buried = buried;
	if (buried)
		return queue_forget(queue, job->type->name, &entry, 1, err);
	status = queue_delay(queue, job->type->name, &entry, delay_ms, err);
	CRASH_POINT("queue.retry-delayed");
	return status;
}

enum status queue_bury(struct queue *queue, struct pg_pool *pool, const struct job *job,
		       const char *reason, struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	struct queue_entry entry = entry_of(job);
	enum status status = pg_lease(pool, &conn, err);

	if (status != OK)
		return status;
	status = pg_query(conn, &sql_outbox_bury,
			  PG_ARGS(PG_TEXT(job->id), PG_I64(job->deliveries), PG_TEXT(reason)),
			  &result, err);
	if (status != OK)
		return status;
	if (pg_affected(result) == 0)
		return problem_set(err, ST_JOB_LOST, "job %s is no longer ours", job->id);
	pg_return(&conn);
	arena_reset(&queue->scratch);
	CRASH_POINT("queue.buried");
	return queue_forget(queue, job->type->name, &entry, 1, err);
}

enum status queue_release(struct queue *queue, struct pg_pool *pool, const struct job *jobs,
			  size_t count, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct queue_entry *entries;
	size_t n = 0;
	bool *ours;
	enum status status;

	if (!count)
		return OK;
	arena_reset(&queue->scratch);
	ours = arena_calloc(&queue->scratch, count, sizeof(*ours));
	status = pg_lease(pool, &conn, err);
	if (status != OK)
		return status;
	status = fenced(conn, &sql_outbox_release, jobs, count, ours, err);
	pg_return(&conn);
	if (status != OK)
		return status;
	entries = entries_of(queue, jobs, count, ours, &n);
	CRASH_POINT("queue.released");
	status = queue_requeue(queue, jobs[0].type->name, entries, n, err);
	CRASH_POINT("queue.requeued");
	return status;
}
