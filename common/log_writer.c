/*
 * log_writer: lines leave on a thread of their own, many with one write.
 *
 * It rests a few milliseconds between writes, so that under load one wake-up serves many lines.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "common/log_internal.h"

enum { PENDING_MAX = 1 << 20, REST_MS = 5 };

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct strbuf pending; /* whole lines */
	bool runs;
	atomic_bool stopping;
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* Up to PIPE_BUF bytes of whole lines: what a pipe takes at once or not at all. */
static size_t portion(const char *text, size_t len)
{
	size_t end = len < LOG_LINE_MAX ? len : LOG_LINE_MAX;

	while (end > 0 && text[end - 1] != '\n')
		end--;
	return end;
}

static void write_lines(const struct strbuf *lines)
{
	const char *text = lines->buf;
	size_t left = lines->len;

	while (left > 0) {
		size_t len = portion(text, left);

		log_write(text, len);
		text += len;
		left -= len;
	}
}

/* False: stopped, and nothing is left. */
static bool wait_for_lines(struct strbuf *ret)
{
	pthread_mutex_lock(&writer.lock);
	while (!writer.pending.len && !writer.stopping)
		pthread_cond_wait(&writer.wake, &writer.lock);

	struct strbuf empty = *ret;
	bool some = writer.pending.len > 0;

	*ret = writer.pending;
	writer.pending = empty;
	pthread_mutex_unlock(&writer.lock);
	return some;
}

static void *run(void *unused UNUSED)
{
	struct strbuf lines;

	thread_name("log");
	strbuf_init(&lines, NULL);
	while (wait_for_lines(&lines)) {
		write_lines(&lines);
		strbuf_truncate(&lines, 0);
		if (!writer.stopping)
			clock_sleep_ms(REST_MS);
	}
	strbuf_release(&lines);
	return NULL;
}

void log_writer_start(void)
{
	sigset_t all, old;

	strbuf_init(&writer.pending, NULL);
	writer.stopping = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	writer.runs = pthread_create(&writer.thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void log_writer_stop(void)
{
	if (!writer.runs)
		return;
	pthread_mutex_lock(&writer.lock);
	writer.stopping = true;
	writer.runs = false;
	pthread_cond_signal(&writer.wake);
	pthread_mutex_unlock(&writer.lock);
	pthread_join(writer.thread, NULL);
	strbuf_release(&writer.pending);
}

bool log_writer_take(const char *line, size_t len)
{
	bool first = false;

	pthread_mutex_lock(&writer.lock);

	bool runs = writer.runs;

	if (runs && writer.pending.len + len <= PENDING_MAX) {
		first = !writer.pending.len;
		strbuf_add(&writer.pending, line, len);
	} else if (runs) {
		log_count_dropped(1);
	}
	pthread_mutex_unlock(&writer.lock);
	if (first)
		pthread_cond_signal(&writer.wake);
	return runs;
}
