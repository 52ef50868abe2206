/*
 * bench-httpd PORT THREADS BYTES: the least that CivetWeb can do for a request: one handler, one
 * write of so many ready bytes. The limit of answers that need no database.
 */
#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

static char *answer;
static size_t answer_len;

static int handle(struct mg_connection *conn)
{
	mg_write(conn, answer, answer_len);
	return 200;
}

static void build_answer(size_t bytes)
{
	answer = calloc(1, bytes + 256);
	if (!answer)
		exit(EXIT_FAILURE);
	answer_len = (size_t)snprintf(answer, 256,
				      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				      "Content-Length: %zu\r\n\r\n",
				      bytes);
	memset(answer + answer_len, 'x', bytes);
	answer_len += bytes;
}

int main(int argc, char **argv)
{
	const struct mg_callbacks callbacks = {.begin_request = handle};

	if (argc != 4) {
		fprintf(stderr, "usage: bench-httpd PORT THREADS BYTES\n");
		return 64;
	}
	const char *options[] = {"listening_ports",
				 argv[1],
				 "num_threads",
				 argv[2],
				 "enable_keep_alive",
				 "yes",
				 "keep_alive_timeout_ms",
				 "75000",
				 "connection_queue",
				 "256",
				 "listen_backlog",
				 "1024",
				 "tcp_nodelay",
				 "1",
				 NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	build_answer(strtoul(argv[3], NULL, 10));
	mg_init_library(0);
	if (!mg_start(&callbacks, NULL, options)) {
		fprintf(stderr, "bench-httpd: cannot listen on %s\n", argv[1]);
		return EXIT_FAILURE;
	}
	for (;;)
		pause();
}
