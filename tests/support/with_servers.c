/*
 * with-servers COMMAND ARG...: runs the command with private PostgreSQL and Redis servers, named by
 * TEST_POSTGRES_URL, TEST_REDIS_URL and TEST_REDIS_QUEUE_URL, and exits as the command did.
 */
#include <stdlib.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/servers.h"

int main(int argc, char **argv)
{
	int status = 0;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: with-servers COMMAND ARG...\n");
		return EXIT_USAGE;
	}
	servers_start_private();
	setenv("TEST_POSTGRES_URL", servers_address(SERVER_POSTGRES), 1);
	setenv("TEST_REDIS_URL", servers_address(SERVER_REDIS), 1);
	setenv("TEST_REDIS_QUEUE_URL", servers_address(SERVER_REDIS_QUEUE), 1);
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 1;
	servers_stop();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
