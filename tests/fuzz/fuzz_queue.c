/*
 * What a Redis might answer to a worker that asks for jobs: any bytes end in jobs with good ids, or
 * in a refusal. The input is what the server sends, whatever it is asked; then it hangs up.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/queue_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/servers.h"

enum { LIMIT_MS = 1000, JOBS = 8, ANSWER_MAX = 8192, KEPT = 16 };

static char url[64];
/* A connection may be served after the call that made it has given up. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char answer[ANSWER_MAX];
static size_t answer_len;

static void set_answer(const uint8_t *data, size_t size)
{
	pthread_mutex_lock(&lock);
	answer_len = size < ANSWER_MAX ? size : ANSWER_MAX;
	memcpy(answer, data, answer_len);
	pthread_mutex_unlock(&lock);
}

/* The connection stays open, unread, until so many more have come: who is served next need not wait
 * until this client has gone, and nobody loses an answer to a reset. */
static void serve_one(int fd)
{
	static int open[KEPT];
	static size_t turn;
	char said[ANSWER_MAX];
	size_t len;

	pthread_mutex_lock(&lock);
	len = answer_len;
	memcpy(said, answer, len);
	pthread_mutex_unlock(&lock);
	if (send(fd, said, len, MSG_NOSIGNAL) == (ssize_t)len)
		shutdown(fd, SHUT_WR);
	if (open[turn])
		close(open[turn]);
	open[turn] = fd;
	turn = (turn + 1) % KEPT;
}

static void *serve(void *listener)
{
	for (;;)
		serve_one(accept(*(int *)listener, NULL, NULL));
	return NULL;
}

static void start(void)
{
	static int listener;
	pthread_t thread;
	int port;

	listener = servers_listen(&port);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
	MUST(pthread_create(&thread, NULL, serve, &listener) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redis_options options = {
		.url = url,
		.client_name = "fuzz",
		.connect_timeout_ms = LIMIT_MS,
		.command_timeout_ms = LIMIT_MS,
	};
	struct queue_entries entries = {0};
	struct problem err = {0};
	struct queue *queue;

	if (!*url)
		start();
	options.url = url;
	set_answer(data, size);
	if (queue_open(&options, &queue, &err))
		return 0;
	if (queue_gather(queue, &queue_types[0], JOBS, 0, &entries, &err))
		MUST(*err.detail);
	for (size_t i = 0; i < entries.count; i++)
		MUST(ids_is_uuid(entries.items[i].id));
	free(entries.items);
	queue_close(queue);
	return 0;
}
