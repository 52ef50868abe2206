#include "common/crash_point.h"

#ifdef FAULT_POINTS
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"

enum { EXIT_AS_KILLED = 137 };

/* Nothing is flushed, closed or told: what the kernel and the servers hold is all that is left. */
void crash_point(const char *label)
{
	static _Atomic long passes;
	const char *wanted = config_environment("CRASH_POINT");
	const char *after = config_environment("CRASH_POINT_AFTER");

	if (!wanted || strcmp(wanted, label) != 0)
		return;
	if (++passes == (after ? strtol(after, NULL, 10) : 1))
		_exit(EXIT_AS_KILLED);
}
#endif
