#include "tests/bench/profile.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/suite.h"

/* Of each core: often enough for some hundred samples a second, and no multiple of a timer's. */
#define SAMPLES_A_SECOND "997"
enum { BEGIN_MS = 400 }; /* until perf has opened its counters */

static const char *name = "load";
static pid_t perf;

void profile_name(const char *load)
{
	name = load;
}

static char *path(const char *dir)
{
	char *ret = strdup(text("%s/%s.data", dir, name));

	for (char *at = ret + strlen(dir) + 1; *at; at++)
		if (*at == ' ' || *at == ',' || *at == '/')
			*at = '-';
	return ret;
}

void profile_begin(void)
{
	const char *dir = getenv("BENCH_PROFILE");
	char *file;

	if (!dir)
		return;
	file = path(dir);
	perf = fork();
	if (perf == 0) {
		execlp("perf", "perf", "record", "--quiet", "--all-cpus", "--freq",
		       SAMPLES_A_SECOND, "--output", file, (char *)NULL);
		_exit(127);
	}
	free(file);
	clock_sleep_ms(BEGIN_MS);
}

void profile_end(void)
{
	if (perf <= 0)
		return;
	kill(perf, SIGINT);
	waitpid(perf, NULL, 0);
	perf = 0;
}
