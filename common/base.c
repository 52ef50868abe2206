/*
 * base: the end of the road, names of threads, and where a text may be cut.
 */
#include "common/base.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

void thread_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	size_t cut = max;
	/* A sequence has at most three continuation bytes; more of them is no UTF-8 to spare. */
	while (cut > 0 && max - cut < 4 && ((unsigned char)text[cut] & 0xC0) == 0x80)
		cut--;
	return max - cut < 4 ? cut : max;
}

void fatal(const char *fmt, ...)
{
	static atomic_flag ending = ATOMIC_FLAG_INIT;
	char line[512] = "fatal: ";
	const size_t prefix = sizeof("fatal: ") - 1;
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(line + prefix, sizeof(line) - prefix - 1, fmt, args);
	va_end(args);

	size_t len = prefix + (n > 0 ? (size_t)n : 0);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	while (atomic_flag_test_and_set(&ending))
		pause(); /* another thread's line, by which the process ends */
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
	/* Not exit: handlers may need what has just run out, and other threads are running. */
	_exit(EXIT_INTERNAL);
}
