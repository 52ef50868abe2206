#include "tests/chaos/links.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static const char *const names[WAY_COUNT] = {"db-api-0", "db-api-1", "db-workers", "redis",
					     "queue",    "platform", "api-0",      "api-1"};

static int ports[WAY_COUNT];
static pid_t proxy;
static int control;

static int port_in(const char *url)
{
	return (int)strtol(strrchr(url, ':') + 1, NULL, 10);
}

static int target_of(enum way way, const int api_port[APIS])
{
	switch (way) {
	case WAY_DB_API0:
	case WAY_DB_API1:
	case WAY_DB_WORKERS:
		return servers_port(SERVER_POSTGRES);
	case WAY_REDIS:
		return servers_port(SERVER_REDIS);
	case WAY_QUEUE:
		return servers_port(SERVER_REDIS_QUEUE);
	case WAY_PLATFORM:
		return port_in(suite_platform());
	default:
		return api_port[way - WAY_API0];
	}
}

NORETURN static void become_proxy(int end, uint64_t seed, const int api_port[APIS])
{
	struct arena arena;
	char *argv[WAY_COUNT + 3] = {(char[]){"faultproxy"}};

	if (asprintf(&argv[1], "%llu", (unsigned long long)seed) < 0)
		_exit(127);
	for (int i = 0; i < WAY_COUNT; i++)
		if (asprintf(&argv[2 + i], "%s=%d:%d", names[i], ports[i],
			     target_of((enum way)i, api_port)) < 0)
			_exit(127);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(end, STDIN_FILENO);
	dup2(end, STDOUT_FILENO);
	arena_init(&arena, 512);
	execv(run_path(&arena, "faultproxy"), argv);
	_exit(127);
}

void links_start(uint64_t seed, const int api_port[APIS])
{
	int ends[2];

	for (int i = 0; i < WAY_COUNT; i++)
		ports[i] = servers_free_port();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		fatal("links: no socket pair");
	proxy = fork();
	if (proxy == 0)
		become_proxy(ends[1], seed, api_port);
	close(ends[1]);
	control = ends[0];
	if (proxy < 0)
		fatal("links: the proxy does not start");
	links_mend();
}

void links_stop(void)
{
	close(control);
	waitpid(proxy, NULL, 0);
}

int links_port(enum way way)
{
	return ports[way];
}

const char *links_name(enum way way)
{
	return names[way];
}

void links_set(enum way way, const char *mode, int64_t number)
{
	char answer[5];

	if (dprintf(control, "%s %s %lld\n", names[way], mode, (long long)number) < 0 ||
	    recv(control, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer) ||
	    memcmp(answer, "done\n", sizeof(answer)) != 0)
		fatal("links: the proxy does not do %s %s", names[way], mode);
}

void links_mend(void)
{
	for (int i = 0; i < WAY_COUNT; i++)
		links_set((enum way)i, "ok", 0);
}
