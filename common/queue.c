/*
 * queue: the job types, opening and closing, and what operators ask.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/queue_internal.h"

enum { SCRATCH_BLOCK = 16384, CONSUMER_RANDOM = 4, HOST_SIZE = 64 };

/* Mails: three calls in all, after 10 s and after 60 s. Documents fail by our own fault only, so
 * just their deliveries count. */
const struct queue_type queue_types[] = {
	{"generate-ticket-pdf", 0, 10, 60000, 1000, 300000, 2},
	{"send-email", 3, 10, 60000, 10000, 600000, 6},
	{"void-intent", 3, 10, 30000, 5000, 600000, 6},
	{NULL, 0, 0, 0, 0, 0, 0},
};

const struct queue_type *queue_type(const char *name)
{
	for (const struct queue_type *type = queue_types; type->name; type++) {
		if (strcmp(type->name, name) == 0)
			return type;
	}
	return NULL;
}

/* host-pid-random; a forked child is a consumer of its own. */
const char *queue_consumer(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char name[CONSUMER_SIZE];
	static pid_t owner;
	unsigned char random[CONSUMER_RANDOM];
	char host[HOST_SIZE] = "host";

	pthread_mutex_lock(&lock);
	if (owner != getpid()) {
		ids_random(random, sizeof(random));
		if (gethostname(host, sizeof(host) - 1) != 0)
			host[0] = '\0';
		snprintf(name, sizeof(name), "%s-%d-%02x%02x%02x%02x", host, (int)getpid(),
			 random[0], random[1], random[2], random[3]);
		owner = getpid();
	}
	pthread_mutex_unlock(&lock);
	return name;
}

static char *own_copy(const char *text)
{
	char *own = text ? strdup(text) : NULL;

	if (text && !own)
		fatal("queue: out of memory");
	return own;
}

enum status queue_open(const struct redis_options *options, struct queue **ret, struct problem *err)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	enum status status;

	if (!queue)
		fatal("queue: out of memory");
	arena_init(&queue->scratch, SCRATCH_BLOCK);
	queue->options = *options;
	queue->options.url = queue->url = own_copy(options->url);
	queue->options.client_name = queue->client_name = own_copy(options->client_name);
	status = redis_open(&queue->options, &queue->commands, err);
	if (status != OK) {
		queue_close(queue);
		return status;
	}
	*ret = queue;
	return OK;
}

void queue_close(struct queue *queue)
{
	if (!queue)
		return;
	redis_close(queue->commands);
	redis_close(queue->blocking);
	arena_clear(&queue->scratch);
	free(queue->kept.items);
	free(queue->url);
	free(queue->client_name);
	free(queue);
}

void queue_entries_add(struct queue_entries *entries, const struct queue_entry *entry)
{
	if (entries->count == entries->cap) {
		entries->cap = entries->cap ? entries->cap * 2 : 32;
		entries->items = realloc(entries->items, entries->cap * sizeof(*entries->items));
		if (!entries->items)
			fatal("queue: out of memory");
	}
	entries->items[entries->count++] = *entry;
}

static enum status key_number(struct queue *queue, const char *command, const char *key,
			      int64_t *ret, struct problem *err)
{
	REDIS_REPLY reply = NULL;
	enum status status = redis_call(queue->commands, &reply, err, command, key, (char *)NULL);

	if (status == OK)
		*ret = reply->integer;
	return status;
}

enum status queue_depth(struct queue *queue, const char *type, int64_t *ret_ready,
			int64_t *ret_delayed, struct problem *err)
{
	int64_t ready = 0;
	enum status status;

	arena_reset(&queue->scratch);
	status =
		key_number(queue, "XLEN", arena_printf(&queue->scratch, "{%s}", type), &ready, err);
	if (status != OK)
		return status;
	status = key_number(queue, "ZCARD", arena_printf(&queue->scratch, "{%s}:delayed", type),
			    ret_delayed, err);
	if (status == OK)
		*ret_ready = ready;
	return status;
}

enum status queue_pause(struct queue *queue, const char *type, bool paused, struct problem *err)
{
	const char *key;

	arena_reset(&queue->scratch);
	key = arena_printf(&queue->scratch, "{%s}:paused", type);
	if (paused)
		return redis_call(queue->commands, NULL, err, "SET", key, "1", (char *)NULL);
	return redis_call(queue->commands, NULL, err, "DEL", key, (char *)NULL);
}

/* The value of a server setting, "" when it cannot be asked. */
static const char *setting(struct queue *queue, struct arena *arena, const char *name)
{
	struct problem ignored = {0};
	REDIS_REPLY reply = NULL;

	if (redis_call(queue->commands, &reply, &ignored, "CONFIG", "GET", name, (char *)NULL) !=
		    OK ||
	    reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || !reply->element[1]->str)
		return "";
	return arena_strdup(arena, reply->element[1]->str);
}

const char *queue_check_server(struct queue *queue, struct arena *arena)
{
	const char *policy = setting(queue, arena, "maxmemory-policy");
	const char *append_only = setting(queue, arena, "appendonly");

	if (*policy && strcmp(policy, "noeviction") != 0)
		return arena_printf(
			arena,
			"the queue's Redis has maxmemory-policy %s: jobs may be evicted, "
			"set noeviction",
			policy);
	if (strcmp(append_only, "no") == 0)
		return "the queue's Redis has appendonly no: a restart empties the queue until it "
		       "is "
		       "recovered from the database";
	return NULL;
}

void queue_leave(struct queue *queue, const struct queue_type *type)
{
	struct problem ignored = {0};
	struct redis_command args;

	arena_reset(&queue->scratch);
	if (queue_requeue(queue, type->name, queue->kept.items, queue->kept.count, &ignored) != OK)
		return; /* their leases run out */
	queue->kept.count = 0;
	queue_args(queue, &args);
	redis_word(&args, QUEUE_GROUP);
	redis_word(&args, queue_consumer());
	if (queue_script(queue, SCRIPT_LEAVE, type->name, &args, NULL, &ignored) != OK)
		return; /* swept later */
}
