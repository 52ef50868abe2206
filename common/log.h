/*
 * log: one JSON object a line on stdout. Only the edges log: request done, job done, start, stop.
 *
 * Lines are written whole by one write(2); a line that cannot be written at once is dropped and
 * counted (a log that blocks never blocks the service). stdout keeps its flags, which other
 * processes share: a pipe is opened again, the rest is asked by poll(2). Addresses in any text are
 * masked (log_mask.h). No line is longer than LOG_LINE_MAX: long strings are cut, members that do
 * not fit are left out. Thread safe. Between log_writer_start and log_writer_stop lines leave on a
 * thread of their own, some milliseconds later, up to 1 MB of them waiting.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/strbuf.h"

/* What a pipe takes at once or not at all (PIPE_BUF). */
enum { LOG_LINE_MAX = 4096 };

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `service` becomes the member of that name in every line; it is kept by reference. Lines go to
 * what stdout is now. Before threads. */
void log_init(const char *service, enum log_level level);

/* Before other threads log, and when they have ended: what waits is written. */
void log_writer_start(void);
void log_writer_stop(void);

/* A line in the making: open with log_open, add members, end with log_close, which writes it.
 * A level below the configured one makes all of them do nothing. */
struct log_line {
	struct strbuf text;
	bool on;
};
void log_open(struct log_line *line, enum log_level level, const char *message);
void log_str(struct log_line *line, const char *name, const char *value); /* NULL: left out */
void log_i64(struct log_line *line, const char *name, int64_t value);
void log_ms(struct log_line *line, const char *name, int64_t us); /* as milliseconds, 3 decimals */
void log_close(struct log_line *line);

/* A line with a formatted message and nothing else. */
void log_message(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* An address with its local part masked: z***@example.com. */
void log_mask_email(const char *email, char *ret, size_t size);
/* Lines dropped since start. */
int64_t log_dropped(void);

#endif
