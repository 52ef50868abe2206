/*
 * base: what every file of the suite leans on: attributes, array length, the end of the road.
 */
#ifndef COMMON_BASE_H
#define COMMON_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_arg, first_arg) __attribute__((format(printf, fmt_arg, first_arg)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
/* Run `release(&variable)` when the variable leaves its scope (not across longjmp). */
#define CLEANUP(release) __attribute__((cleanup(release)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* sysexits.h numbers that operators see. */
enum { EXIT_USAGE = 64, EXIT_INTERNAL = 70, EXIT_CONFIG = 78 };

/* A text with its length; not owned. */
struct slice {
	const char *at;
	size_t len;
};

/* Name the calling thread, and those that it starts, for `top -H` and debuggers: cut at 15 bytes.
 */
void thread_name(const char *name);

/* The largest length <= max at which a text of `len` bytes can be cut without splitting a UTF-8
 * sequence. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* The one way to end on an exhausted resource: a line on stderr, exit EXIT_INTERNAL.
 * Of threads that get here together one tells. */
NORETURN void fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
