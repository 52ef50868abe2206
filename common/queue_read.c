/*
 * queue_read: out of the stream: what was kept, then abandoned jobs, then new ones.
 */
#include <string.h>

#include "common/clock.h"
#include "common/crash_point.h"
#include "common/queue_internal.h"

enum {
	CLAIM_EVERY_MS = 1000,
	CLAIM_STEPS = 10, /* one step looks at ten entries */
	SWEEP_EVERY_S = 600,
	SWEEP_IDLE_MS = 3600000,
	PAUSED_WAIT_MS = 200,
	BLOCK_GRACE_MS = 2000,
};

static const char *stream_of(struct queue *queue, const char *type)
{
	return arena_printf(&queue->scratch, "{%s}", type);
}

/* --- reading the stream ------------------------------------------------------------------------
 */

/* [entry id, [name, value, …]] */
static bool parse_entry(const redisReply *reply, struct queue_entry *ret)
{
	const redisReply *fields;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str)
		return false;
	memset(ret, 0, sizeof(*ret));
	strncpy(ret->entry_id, reply->element[0]->str, sizeof(ret->entry_id) - 1);
	fields = reply->element[1];
	if (fields->type != REDIS_REPLY_ARRAY)
		return true; /* deleted meanwhile: acknowledged as an entry without an id */
	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		const char *name = fields->element[i]->str;
		const char *value = fields->element[i + 1]->str;

		if (name && value && strcmp(name, "id") == 0 && ids_is_uuid(value))
			memcpy(ret->id, value, UUID_SIZE);
	}
	return true;
}

/* Adds the entries of a list; what is not a job is taken out of the stream at once, else it would
 * be delivered for ever. */
static void take_entries(struct queue *queue, const char *type, const redisReply *list,
			 struct queue_entries *entries)
{
	struct problem ignored = {0};
	struct queue_entry entry;

	for (size_t i = 0; list->type == REDIS_REPLY_ARRAY && i < list->elements; i++) {
		if (!parse_entry(list->element[i], &entry))
			continue;
		if (*entry.id)
			queue_entries_add(entries, &entry);
		else if (queue_forget(queue, type, &entry, 1, &ignored) != OK)
			return; /* it comes again */
	}
}

/* From 0, else jobs put before the first worker came would be skipped. */
static enum status make_group(struct queue *queue, struct redis *redis, const char *type,
			      struct problem *err)
{
	struct redis_command command;
	REDIS_REPLY reply = NULL;
	enum status status;

	redis_command_init(&command, &queue->scratch);
	redis_word(&command, "XGROUP");
	redis_word(&command, "CREATE");
	redis_word(&command, stream_of(queue, type));
	redis_word(&command, QUEUE_GROUP);
	redis_word(&command, "0");
	redis_word(&command, "MKSTREAM");
	status = redis_run(redis, &command, &reply, err);
	if (status == OK && redis_is_error(reply, NULL) && !redis_is_error(reply, "BUSYGROUP"))
		return redis_refused(reply, err);
	return status;
}

/* A command on the group, which is made first where it is missing (a new or emptied Redis). */
static enum status group_command(struct queue *queue, struct redis *redis, const char *type,
				 const struct redis_command *command, redisReply **ret_reply,
				 struct problem *err)
{
	for (int round = 0;; round++) {
		REDIS_REPLY reply = NULL;
		enum status status = redis_run(redis, command, &reply, err);

		if (status != OK)
			return status;
		if (!redis_is_error(reply, NULL)) {
			*ret_reply = reply;
			reply = NULL;
			return OK;
		}
		if (!redis_is_error(reply, "NOGROUP") || round > 0)
			return redis_refused(reply, err);
		status = make_group(queue, redis, type, err);
		if (status != OK)
			return status;
	}
}

/* Where the other connection had to be opened anew, this one is stale too. */
static enum status open_blocking(struct queue *queue, struct problem *err)
{
	uint64_t era = redis_connections(queue->commands);

	if (queue->blocking && queue->blocking_era != era) {
		redis_close(queue->blocking);
		queue->blocking = NULL;
	}
	queue->blocking_era = era;
	return queue->blocking ? OK : redis_open(&queue->options, &queue->blocking, err);
}

static enum status read_new(struct queue *queue, const char *type, size_t max, int64_t block_ms,
			    struct queue_entries *entries, struct problem *err)
{
	struct redis_command command;
	REDIS_REPLY reply = NULL;
	enum status status;

	status = open_blocking(queue, err);
	if (status != OK)
		return status;
	/* Shorter than the block, the job that comes next would go to a dead socket. */
	redis_set_limit(queue->blocking, block_ms + BLOCK_GRACE_MS);
	redis_command_init(&command, &queue->scratch);
	redis_word(&command, "XREADGROUP");
	redis_word(&command, "GROUP");
	redis_word(&command, QUEUE_GROUP);
	redis_word(&command, queue_consumer());
	redis_word(&command, "COUNT");
	redis_word_i64(&command, (int64_t)max);
	if (block_ms > 0) { /* BLOCK 0 waits for ever */
		redis_word(&command, "BLOCK");
		redis_word_i64(&command, block_ms);
	}
	redis_word(&command, "STREAMS");
	redis_word(&command, stream_of(queue, type));
	redis_word(&command, ">");
	status = group_command(queue, queue->blocking, type, &command, &reply, err);
	if (status != OK)
		return status;
	if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
	    reply->element[0]->elements == 2)
		take_entries(queue, type, reply->element[0]->element[1], entries);
	return OK;
}

/* One abandoned job: alone, since what was delivered before may be what crashed its worker. */
static enum status claim_one(struct queue *queue, const struct queue_type *type,
			     struct queue_entries *entries, struct problem *err)
{
	for (int step = 0; step < CLAIM_STEPS && !entries->count; step++) {
		struct redis_command command;
		REDIS_REPLY reply = NULL;
		enum status status;

		redis_command_init(&command, &queue->scratch);
		redis_word(&command, "XAUTOCLAIM");
		redis_word(&command, stream_of(queue, type->name));
		redis_word(&command, QUEUE_GROUP);
		redis_word(&command, queue_consumer());
		redis_word_i64(&command, type->time_to_run_ms);
		redis_word(&command, *queue->claim_cursor ? queue->claim_cursor : "0-0");
		redis_word(&command, "COUNT");
		redis_word(&command, "1");
		status = group_command(queue, queue->commands, type->name, &command, &reply, err);
		if (status != OK)
			return status;
		if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
		    !reply->element[0]->str)
			return redis_refused(reply, err);
		strncpy(queue->claim_cursor, reply->element[0]->str,
			sizeof(queue->claim_cursor) - 1);
		take_entries(queue, type->name, reply->element[1], entries);
		CRASH_POINT_IF(entries->count, "queue.reclaimed");
		if (strcmp(queue->claim_cursor, "0-0") == 0)
			break;
	}
	return OK;
}

/* Consumers of processes that crashed stay behind, empty once their jobs are claimed. */
static void sweep_consumers(struct queue *queue, const struct queue_type *type)
{
	struct problem ignored = {0};
	struct redis_command args;

	if (clock_monotonic_us() < queue->sweep_at_us)
		return;
	queue_args(queue, &args);
	redis_word(&args, QUEUE_GROUP);
	redis_word_i64(&args, SWEEP_IDLE_MS);
	if (queue_script(queue, SCRIPT_SWEEP, type->name, &args, NULL, &ignored) == OK)
		queue->sweep_at_us = clock_monotonic_us() + SWEEP_EVERY_S * US_PER_S;
}

static enum status look_for_abandoned(struct queue *queue, const struct queue_type *type,
				      struct queue_entries *entries, struct problem *err)
{
	enum status status;

	if (clock_monotonic_us() < queue->claim_at_us)
		return OK;
	status = claim_one(queue, type, entries, err);
	if (status != OK)
		return status;
	sweep_consumers(queue, type);
	/* Where there was one, there may be more. */
	if (!entries->count)
		queue->claim_at_us = clock_monotonic_us() + CLAIM_EVERY_MS * US_PER_MS;
	return OK;
}

/* What was read before and not begun, as far as it is still ours. */
static enum status take_kept(struct queue *queue, const struct queue_type *type, size_t max,
			     struct queue_entries *entries, struct problem *err)
{
	struct queue_entries *kept = &queue->kept;
	size_t count = kept->count < max ? kept->count : max;
	bool *ours = arena_calloc(&queue->scratch, count, sizeof(*ours));
	enum status status;

	if (!count)
		return OK;
	status = queue_hold(queue, type->name, kept->items, count, ours, err);
	if (status != OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		if (ours[i])
			queue_entries_add(entries, &kept->items[i]);
	}
	kept->count -= count;
	memmove(kept->items, kept->items + count, kept->count * sizeof(*kept->items));
	return OK;
}

static enum status is_paused(struct queue *queue, const char *type, bool *ret_paused,
			     struct problem *err)
{
	REDIS_REPLY reply = NULL;
	enum status status =
		redis_call(queue->commands, &reply, err, "EXISTS",
			   arena_printf(&queue->scratch, "{%s}:paused", type), (char *)NULL);

	if (status == OK)
		*ret_paused = reply->integer == 1;
	return status;
}

enum status queue_gather(struct queue *queue, const struct queue_type *type, size_t max,
			 int64_t block_ms, struct queue_entries *entries, struct problem *err)
{
	bool paused = false;
	enum status status = is_paused(queue, type->name, &paused, err);

	if (status != OK)
		return status;
	if (paused) {
		clock_sleep_ms(block_ms < PAUSED_WAIT_MS ? block_ms : PAUSED_WAIT_MS);
		return OK;
	}
	status = take_kept(queue, type, max, entries, err);
	if (status != OK || entries->count)
		return status;
	status = look_for_abandoned(queue, type, entries, err);
	if (status != OK || entries->count)
		return status;
	return read_new(queue, type->name, max, block_ms, entries, err);
}
