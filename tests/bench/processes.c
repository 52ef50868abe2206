#include "tests/bench/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/servers.h"
#include "tests/support/suite.h"

/* Ticks of a process with its children that ended, and who made it. */
static long long ticks(int pid, int *ret_parent)
{
	FILE *file = fopen(text("/proc/%d/stat", pid), "re");
	long long user = 0, system = 0, children_user = 0, children_system = 0;
	char line[1024] = "";
	char *rest;

	*ret_parent = 0;
	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	rest = strrchr(line, ')');
	if (!rest ||
	    sscanf(rest, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld",
		   ret_parent, &user, &system, &children_user, &children_system) != 5)
		return 0;
	return user + system + children_user + children_system;
}

static double seconds_of(int pid)
{
	int parent;

	return pid > 0 ? (double)ticks(pid, &parent) / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double seconds_of_children(int parent)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	double seconds = 0;
	int its_parent;

	while (all && (entry = readdir(all))) {
		int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid && ticks(pid, &its_parent) && its_parent == parent)
			seconds += seconds_of(pid);
	}
	if (all)
		closedir(all);
	return seconds;
}

struct cpu cpu_now(void)
{
	struct cpu cpu = {{0}};
	int postgres = servers_pid(SERVER_POSTGRES);

	cpu.seconds[COST_LOAD] = seconds_of((int)getpid());
	for (unsigned part = SUITE_API; part <= SUITE_EMAIL; part <<= 1)
		cpu.seconds[COST_SUITE] += seconds_of(suite_pid((enum suite_part)part));
	cpu.seconds[COST_POSTGRES] = seconds_of(postgres) + seconds_of_children(postgres);
	cpu.seconds[COST_REDIS] =
		seconds_of(servers_pid(SERVER_REDIS)) + seconds_of(servers_pid(SERVER_REDIS_QUEUE));
	return cpu;
}

struct cpu cpu_between(const struct cpu *from, const struct cpu *to)
{
	struct cpu cpu;

	for (int i = 0; i < COST_COUNT; i++)
		cpu.seconds[i] = to->seconds[i] - from->seconds[i];
	return cpu;
}

double memory_mb(int pid, const char *what)
{
	FILE *file = fopen(text("/proc/%d/status", pid), "re");
	char line[256];
	double mb = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, what, strlen(what)))
			mb = (double)strtol(line + strlen(what) + 1, NULL, 10) / 1024;
	if (file)
		fclose(file);
	return mb;
}
