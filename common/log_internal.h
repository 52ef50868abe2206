/*
 * log_internal: between the lines and the thread that writes them.
 */
#ifndef COMMON_LOG_INTERNAL_H
#define COMMON_LOG_INTERNAL_H

#include "common/log.h"

/* Write whole lines, LOG_LINE_MAX bytes at most, at once or not at all; counts what is dropped. */
void log_write(const char *lines, size_t len);
/* Leave a line to the writer's thread. False: there is none. */
bool log_writer_take(const char *line, size_t len) MUST_CHECK;
/* A line that nobody will write. */
void log_count_dropped(int64_t lines);

#endif
