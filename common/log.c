/*
 * log: lines are built in a buffer of their own and leave by one write.
 */
#include "common/log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log_mask.h"

/* A write of this size to a pipe that poll calls writable neither blocks nor splits. */
_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line fits into a pipe at once");

/* Bytes of a string before it is escaped, which can make it six times as long. */
enum { MESSAGE_MAX = 512, VALUE_MAX = 1024 };

static const char *service_name;
static enum log_level threshold = LOG_INFO;
static atomic_int_least64_t dropped;
static int out = STDOUT_FILENO; /* or the same pipe, opened not to wait */
/* Between poll and write no other thread may fill the pipe. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* A pipe can be opened once more, not to wait and for us alone, unless it is another user's. Then
 * poll says whether there is room, which holds while nobody else writes. */
static void open_pipe_again(void)
{
	struct stat info;

	if (out != STDOUT_FILENO)
		(void)close(out);
	out = STDOUT_FILENO;
	if (fstat(STDOUT_FILENO, &info) != 0 || !S_ISFIFO(info.st_mode))
		return;
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		out = fd;
}

void log_init(const char *service, enum log_level level)
{
	service_name = service;
	threshold = level;
	open_pipe_again();
}

int64_t log_dropped(void)
{
	return atomic_load(&dropped);
}

/* Cut after it is masked: else the cut could take the @ that tells an address. */
static void add_string(struct strbuf *text, const char *value, size_t max)
{
	CLEANUP(strbuf_release) struct strbuf masked;
	char cut[VALUE_MAX + 4];

	strbuf_init(&masked, NULL);
	if (log_needs_mask(value)) {
		log_add_masked(&masked, value);
		value = masked.buf;
	}
	size_t len = strnlen(value, max + 1);
	if (len <= max) {
		json_encode_string(text, value);
		return;
	}
	len = utf8_cut(value, len, max);
	memcpy(cut, value, len);
	memcpy(cut + len, "…", sizeof("…"));
	json_encode_string(text, cut);
}

/* A member that would not leave room for the end of the line is taken back. */
static void keep_if_fits(struct log_line *line, size_t before)
{
	if (line->text.len + sizeof("}\n") - 1 > LOG_LINE_MAX)
		strbuf_truncate(&line->text, before);
}

void log_open(struct log_line *line, enum log_level level, const char *message)
{
	char now[RFC3339_SIZE];

	line->on = level >= threshold;
	strbuf_init(&line->text, NULL);
	if (!line->on)
		return;
	strbuf_reserve(&line->text, MESSAGE_MAX);
	strbuf_addf(&line->text, "{\"timestamp\":\"%s\",\"level\":\"%s\"",
		    clock_format(clock_now_us(), now), level_names[level]);
	if (service_name != NULL)
		log_str(line, "service", service_name);
	strbuf_adds(&line->text, ",\"message\":");
	add_string(&line->text, message, MESSAGE_MAX);
}

void log_str(struct log_line *line, const char *name, const char *value)
{
	if (!line->on || value == NULL)
		return;
	size_t before = line->text.len;
	strbuf_addf(&line->text, ",\"%s\":", name);
	add_string(&line->text, value, VALUE_MAX);
	keep_if_fits(line, before);
}

void log_i64(struct log_line *line, const char *name, int64_t value)
{
	if (!line->on)
		return;
	size_t before = line->text.len;
	strbuf_addf(&line->text, ",\"%s\":", name);
	strbuf_add_i64(&line->text, value);
	keep_if_fits(line, before);
}

void log_ms(struct log_line *line, const char *name, int64_t us)
{
	if (!line->on)
		return;
	size_t before = line->text.len;
	/* Exact, and with a point in every locale. */
	uint64_t amount = us < 0 ? -(uint64_t)us : (uint64_t)us;
	strbuf_addf(&line->text, ",\"%s\":%s%llu.%03llu", name, us < 0 ? "-" : "",
		    (unsigned long long)(amount / 1000), (unsigned long long)(amount % 1000));
	keep_if_fits(line, before);
}

static bool has_room(void)
{
	struct pollfd stdout_poll = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&stdout_poll, 1, 0) == 1 && (stdout_poll.revents & POLLOUT) != 0;
}

static bool write_at_once(const char *text, size_t len)
{
	if (out == STDOUT_FILENO && !has_room())
		return false;
	ssize_t written;
	do {
		written = write(out, text, len);
	} while (written < 0 && errno == EINTR);
	return written == (ssize_t)len;
}

void log_write(const char *lines, size_t len)
{
	pthread_mutex_lock(&writing);
	bool written = write_at_once(lines, len);
	pthread_mutex_unlock(&writing);
	for (size_t i = 0; !written && i < len; i++)
		log_count_dropped(lines[i] == '\n');
}

void log_count_dropped(int64_t lines)
{
	atomic_fetch_add(&dropped, lines);
}

void log_close(struct log_line *line)
{
	if (line->on) {
		strbuf_adds(&line->text, "}\n");
		if (!log_writer_take(line->text.buf, line->text.len))
			log_write(line->text.buf, line->text.len);
	}
	strbuf_release(&line->text);
	line->on = false;
}

void log_message(enum log_level level, const char *fmt, ...)
{
	char message[2 * MESSAGE_MAX];
	struct log_line line;
	va_list args;

	if (level < threshold)
		return;
	va_start(args, fmt);
	int n = vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	log_open(&line, level, n < 0 ? fmt : message);
	log_close(&line);
}

void log_mask_email(const char *email, char *ret, size_t size)
{
	const char *at = strrchr(email, '@');
	size_t first = 0;

	if (at == NULL)
		at = "";
	else if (at > email)
		/* The first character, whatever its length; UTF-8 has four bytes at most. */
		for (first = 1; first < 4 && ((unsigned char)email[first] & 0xC0) == 0x80;)
			first++;
	char masked[512];
	(void)snprintf(masked, sizeof(masked), "%.*s***%s", (int)first, email, at);
	size_t len = utf8_cut(masked, strlen(masked), size - 1);
	memcpy(ret, masked, len);
	ret[len] = '\0';
}
