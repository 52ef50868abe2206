/*
 * queue: jobs as Redis Streams, with the truth in PostgreSQL's outbox table.
 *
 * The words: put, reserve, done, retry, bury, kick. A job is a row of `outbox` (its id is the job's
 * id), inserted by the transaction that causes it; Redis carries only type and id. Keys of a type
 * T: the stream {T}, {T}:delayed (sorted set by due time), {T}:live (hash: job id to entry id). A
 * missing row means done, so a job delivered twice does nothing. Redis may be lost at any time:
 * queue_recover puts again what its live hash lacks.
 *
 * A struct queue belongs to one thread at a time. All of a process share one consumer name, so that
 * one thread may renew the leases of another.
 */
#ifndef COMMON_QUEUE_H
#define COMMON_QUEUE_H

#include "common/ids.h"
#include "common/pg.h"
#include "common/redis.h"
#include "common/trace.h"

/* One type of job: the row of the table of job types (queue_types). */
struct queue_type {
	const char *name;   /* "generate-ticket-pdf" */
	int max_attempts;   /* answered or timed-out calls, then bury; 0: only deliveries count */
	int max_deliveries; /* then bury */
	int64_t time_to_run_ms; /* lease without a heart-beat */
	int64_t backoff_ms;     /* of the first retry, before full jitter */
	int64_t backoff_max_ms;
	int backoff_factor; /* of each further retry */
};
/* All job types, NULL-name terminated. */
extern const struct queue_type queue_types[];
const struct queue_type *queue_type(const char *name); /* NULL: unknown */

struct queue;

/* A reserved job. Texts live in the arena given to queue_reserve. */
struct job {
	char id[UUID_SIZE];
	const struct queue_type *type;
	const char *entry_id; /* of the stream */
	int64_t subject_id;   /* outbox.subject_id: ticket, notification, payment … */
	int deliveries;       /* this delivery's number: the fence of every later update */
	int attempts;         /* calls answered or timed out before this one */
	const char *request_id;
	struct trace_span span;  /* of this delivery; begun by the worker's loop */
	const char *traceparent; /* context of what put the job; from then on of the span */
};

enum status queue_open(const struct redis_options *options, struct queue **ret,
		       struct problem *err) MUST_CHECK;
void queue_close(struct queue *queue);

/* Put jobs (ids of outbox rows) in one pipeline; an id that is live already is left alone. */
enum status queue_put(struct queue *queue, const char *type, const char *const *ids, size_t count,
		      struct problem *err) MUST_CHECK;
/* The same for delayed jobs too, which then wait no longer. */
enum status queue_kick(struct queue *queue, const char *type, const char *const *ids, size_t count,
		       struct problem *err) MUST_CHECK;
/* While a type is paused, nobody reserves it. */
enum status queue_pause(struct queue *queue, const char *type, bool paused,
			struct problem *err) MUST_CHECK;
/* Wait up to `block_ms` for up to `max` jobs, raise their deliveries in the outbox in one
 * statement; gone rows are acknowledged, rows over max_deliveries buried. *ret_count may be 0. A
 * job that was delivered before comes alone. One struct queue reserves one type. When PostgreSQL is
 * away, what was read is kept and begun by a later call. */
enum status queue_reserve(struct queue *queue, struct pg_pool *pool, const struct queue_type *type,
			  size_t max, int64_t block_ms, struct arena *arena, struct job **ret_jobs,
			  size_t *ret_count, struct problem *err) MUST_CHECK;
/* Keep the lease: reset idle times of these jobs. */
enum status queue_touch(struct queue *queue, const struct job *jobs, size_t count,
			struct problem *err) MUST_CHECK;
/* Delete the outbox rows of these jobs inside the caller's transaction, fenced by deliveries.
 * ret_done[i]: was it still ours? Lock order: by id. */
enum status queue_complete(struct pg_conn *conn, const struct job *jobs, size_t count,
			   bool *ret_done, struct problem *err) MUST_CHECK;
/* After the commit: acknowledge and delete the stream entries and their live ids. */
enum status queue_done(struct queue *queue, const struct job *jobs, size_t count,
		       struct problem *err) MUST_CHECK;
/* Delay: attempts + 1 when `counted`, next_at by the type's back-off or `delay_ms` (>= 0), error
 * text kept. Buries when attempts reach the maximum: *ret_buried. */
enum status queue_retry(struct queue *queue, struct pg_pool *pool, const struct job *job,
			bool counted, int64_t delay_ms, const char *reason, bool *ret_buried,
			struct problem *err) MUST_CHECK;
/* The row becomes dead with its reason. */
enum status queue_bury(struct queue *queue, struct pg_pool *pool, const struct job *job,
		       const char *reason, struct problem *err) MUST_CHECK;
/* Hand back jobs that were not begun: deliveries - 1, waiting again for anyone. */
enum status queue_release(struct queue *queue, struct pg_pool *pool, const struct job *jobs,
			  size_t count, struct problem *err) MUST_CHECK;

/* Move delayed jobs that are due into their stream. *ret_moved may be NULL. */
enum status queue_move_due(struct queue *queue, const char *type, size_t *ret_moved,
			   struct problem *err) MUST_CHECK;
/* Put again outbox rows (state sent, older than 5 s, next_at past) that Redis does not hold live.
 * `all` looks at every row, and so does a call that finds Redis connected anew or emptied; else
 * each call looks at the 2,000 rows behind those of the call before, and at 2,000 more as long as
 * some were lost. A row neither tried nor delayed for 15 min is put whatever Redis says. *ret_put
 * may be NULL. */
enum status queue_recover(struct queue *queue, struct pg_pool *pool, bool all, size_t *ret_put,
			  struct problem *err) MUST_CHECK;
/* Waiting + running, and delayed, of a type. */
enum status queue_depth(struct queue *queue, const char *type, int64_t *ret_ready,
			int64_t *ret_delayed, struct problem *err) MUST_CHECK;
/* Hand back what was read and not begun, and take this process's consumer out of the group when it
 * holds nothing (drain). */
void queue_leave(struct queue *queue, const struct queue_type *type);
/* What an operator should know of this Redis (maxmemory-policy, AOF); NULL when all is well. */
const char *queue_check_server(struct queue *queue, struct arena *arena);

/* Prepared statements of common (outbox), for a pool's table. */
extern const struct pg_statement *const sql_common[];
extern const size_t sql_common_count;

#endif
