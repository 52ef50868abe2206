/*
 * queue_internal: what the files of queue share.
 */
#ifndef COMMON_QUEUE_INTERNAL_H
#define COMMON_QUEUE_INTERNAL_H

#include "common/queue.h"
#include "common/redis_internal.h"

#define QUEUE_GROUP "workers"
enum { ENTRY_ID_SIZE = 48, SHA1_HEX_SIZE = 41, CONSUMER_SIZE = 128 };

/* Scripts; each gets KEYS {type}, {type}:live, {type}:delayed. */
enum queue_script {
	SCRIPT_PUT,     /* mode put, kick or again; ids -> number put */
	SCRIPT_DELAY,   /* group, id, entry, milliseconds */
	SCRIPT_MOVE,    /* at most so many -> number moved */
	SCRIPT_DONE,    /* group, (id, entry)... */
	SCRIPT_REQUEUE, /* group, consumer, (id, entry)... */
	SCRIPT_TOUCH,   /* group, consumer, entry... -> 1 for each that is still ours, else 0 */
	SCRIPT_LEAVE,   /* group, consumer */
	SCRIPT_SWEEP,   /* group, idle milliseconds */
	SCRIPT_COUNT,
};

/* One entry of a stream. */
struct queue_entry {
	char entry_id[ENTRY_ID_SIZE];
	char id[UUID_SIZE];
};
struct queue_entries {
	struct queue_entry *items;
	size_t count, cap;
};

struct queue {
	struct redis *commands;
	struct redis *blocking; /* opened at the first blocking read */
	uint64_t blocking_era;  /* redis_connections of `commands` when it was opened */
	char *url, *client_name;
	struct redis_options options;
	struct arena scratch;                  /* of one call */
	char sha[SCRIPT_COUNT][SHA1_HEX_SIZE]; /* "" until loaded */
	struct queue_entries kept;             /* read, not begun */
	int64_t claim_at_us;                   /* when to look for abandoned jobs again */
	char claim_cursor[ENTRY_ID_SIZE];
	int64_t sweep_at_us;            /* when to look for dead consumers again */
	uint64_t recovered_connections; /* redis_connections at the last full recovery */
	char recover_cursor[UUID_SIZE];
	int64_t overdue_at_us; /* when to look for forgotten rows again */
};

/* Start a script's arguments in the scratch arena. */
void queue_args(struct queue *queue, struct redis_command *args);
/* Run a script; loads it first where Redis does not know it. `ret_reply` may be NULL. */
enum status queue_script(struct queue *queue, enum queue_script script, const char *type,
			 const struct redis_command *args, redisReply **ret_reply,
			 struct problem *err) MUST_CHECK;
/* This process's consumer name. */
const char *queue_consumer(void);
/* Put with a mode of SCRIPT_PUT; adds to *put_count (may be NULL). */
enum status queue_put_mode(struct queue *queue, const char *mode, const char *type,
			   const char *const *ids, size_t count, size_t *put_count,
			   struct problem *err) MUST_CHECK;
/* XACK, XDEL and HDEL of these entries. */
enum status queue_forget(struct queue *queue, const char *type, const struct queue_entry *entries,
			 size_t count, struct problem *err) MUST_CHECK;
/* Delay one entry. */
enum status queue_delay(struct queue *queue, const char *type, const struct queue_entry *entry,
			int64_t delay_ms, struct problem *err) MUST_CHECK;
/* Reset idle times; ret_ours[i] tells whether the entry is still this process's. */
enum status queue_hold(struct queue *queue, const char *type, const struct queue_entry *entries,
		       size_t count, bool *ret_ours, struct problem *err) MUST_CHECK;
/* Entries of ours go back to the end of the stream. */
enum status queue_requeue(struct queue *queue, const char *type, const struct queue_entry *entries,
			  size_t count, struct problem *err) MUST_CHECK;
/* Entries to begin: none when the type is paused or the wait is over. */
enum status queue_gather(struct queue *queue, const struct queue_type *type, size_t max,
			 int64_t block_ms, struct queue_entries *entries,
			 struct problem *err) MUST_CHECK;
void queue_entries_add(struct queue_entries *entries, const struct queue_entry *entry);

#endif
