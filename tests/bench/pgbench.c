#include "tests/bench/pgbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/servers.h"
#include "tests/support/suite.h"

double pgbench_rate(const char *name, int clients, double seconds, const char *defines)
{
	const char *command =
		text("/usr/lib/postgresql/15/bin/pgbench -n -M prepared -c %d -j 1 -T %d %s "
		     "-f tests/bench/pgbench/%s.sql '%s' 2>&1",
		     clients, (int)(seconds + 0.5), defines, name, suite_database());
	FILE *pipe = popen(command, "re"); // NOLINT(bugprone-command-processor)
	char line[1024], error[1024] = "";
	double rate = 0;

	while (pipe && fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "tps = %lf", &rate) != 1 && strstr(line, "ERROR") && !error[0])
			snprintf(error, sizeof(error), "%s", line);
	}
	if (!pipe || pclose(pipe) != 0)
		fatal("pgbench %s: %s", name, error);
	return rate;
}

double redis_rate(const char *command)
{
	FILE *pipe = popen(text("redis-benchmark -p %d -c 1 -P 64 -n 200000 --csv %s",
				servers_port(SERVER_REDIS_QUEUE), command),
			   "re"); // NOLINT(bugprone-command-processor)
	char line[1024];
	double rate = 0;

	/* "command","rps",... below a head; the command itself may have quotes */
	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *at = strstr(line, "\",\"");

		if (at)
			(void)sscanf(at + 3, "%lf", &rate);
	}
	if (!pipe || pclose(pipe) != 0 || rate <= 0)
		fatal("redis-benchmark: nothing measured");
	return rate;
}
