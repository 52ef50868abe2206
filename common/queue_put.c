/*
 * queue_put: into the stream: new jobs, kicked ones, delayed ones that are due.
 */
#include "common/queue_internal.h"

#include "common/crash_point.h"

/* Ids of one script call: Redis serves nobody else meanwhile. */
enum { PUT_MAX = 256, MOVE_MAX = 500 };

static enum status put_some(struct queue *queue, const char *mode, const char *type,
			    const char *const *ids, size_t count, size_t *put_count,
			    struct problem *err)
{
	struct redis_command args;
	REDIS_REPLY reply = NULL;
	enum status status;

	queue_args(queue, &args);
	redis_word(&args, mode);
	for (size_t i = 0; i < count; i++)
		redis_word(&args, ids[i]);
	CRASH_POINT("queue.putting");
	status = queue_script(queue, SCRIPT_PUT, type, &args, &reply, err);
	CRASH_POINT("queue.put");
	if (status == OK && put_count)
		*put_count += (size_t)reply->integer;
	return status;
}

enum status queue_put_mode(struct queue *queue, const char *mode, const char *type,
			   const char *const *ids, size_t count, size_t *put_count,
			   struct problem *err)
{
	for (size_t done = 0; done < count; done += PUT_MAX) {
		size_t some = count - done < PUT_MAX ? count - done : PUT_MAX;
		enum status status = put_some(queue, mode, type, ids + done, some, put_count, err);

		if (status != OK)
			return status;
	}
	return OK;
}

enum status queue_put(struct queue *queue, const char *type, const char *const *ids, size_t count,
		      struct problem *err)
{
	arena_reset(&queue->scratch);
	return queue_put_mode(queue, "put", type, ids, count, NULL, err);
}

enum status queue_kick(struct queue *queue, const char *type, const char *const *ids, size_t count,
		       struct problem *err)
{
	arena_reset(&queue->scratch);
	return queue_put_mode(queue, "kick", type, ids, count, NULL, err);
}

enum status queue_move_due(struct queue *queue, const char *type, size_t *ret_moved,
			   struct problem *err)
{
	size_t moved = 0;
	size_t some = 0;

	arena_reset(&queue->scratch);
	do {
		struct redis_command args;
		REDIS_REPLY reply = NULL;
		enum status status;

		queue_args(queue, &args);
		redis_word_i64(&args, MOVE_MAX);
		status = queue_script(queue, SCRIPT_MOVE, type, &args, &reply, err);
		if (status != OK)
			return status;
		some = (size_t)reply->integer;
		moved += some;
		CRASH_POINT_IF(some, "queue.moved");
	} while (some == MOVE_MAX);
	if (ret_moved)
		*ret_moved = moved;
	return OK;
}
