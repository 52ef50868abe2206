#include "tests/support/raw.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/strbuf.h"
#include "tests/support/suite.h"

enum { SILENCE_S = 5, CHUNK = 16384 };

int raw_dial(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(strrchr(suite_api(), ':') + 1)),
	};
	struct timeval silence = {.tv_sec = SILENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) != 0)
		fatal("raw: the API does not take connections");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
	return fd;
}

const char *raw_exchange(const char *bytes, size_t len)
{
	char chunk[CHUNK];
	struct strbuf heard;
	int fd = raw_dial();
	ssize_t got;

	strbuf_init(&heard, NULL);
	strbuf_reserve(&heard, 1);
	/* What the API refuses early it need not read: an unsent rest is no fault here. */
	while (len > 0 && (got = send(fd, bytes, len, MSG_NOSIGNAL)) > 0) {
		bytes += got;
		len -= (size_t)got;
	}
	while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		strbuf_add(&heard, chunk, (size_t)got);
	close(fd);
	return heard.buf;
}

/* The final answer: whatever says 100 stands before it. */
static const char *skip_continue(const char *heard)
{
	const char *end;

	while (!strncmp(heard, "HTTP/1.1 100", 12) && (end = strstr(heard, "\r\n\r\n")))
		heard = end + 4;
	return heard;
}

struct reply *raw_say(const char *bytes, size_t len)
{
	const char *heard = skip_continue(raw_exchange(bytes, len));
	const char *end = strstr(heard, "\r\n\r\n");
	struct reply *reply = calloc(1, sizeof(*reply));
	const char *length;

	reply->headers = strndup(heard, end ? (size_t)(end - heard) + 2 : 0);
	reply->body = strdup(end ? end + 4 : "");
	reply->len = strlen(reply->body);
	if (sscanf(heard, "HTTP/1.1 %d", &reply->status) != 1)
		reply->status = 0;
	length = reply_header(reply, "Content-Length");
	if (length && (size_t)atoll(length) < reply->len) {
		reply->len = (size_t)atoll(length);
		reply->body[reply->len] = '\0';
	}
	reply->json = cJSON_Parse(reply->body);
	return reply;
}

struct reply *raw_ask(const char *fmt, ...)
{
	char *made;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&made, fmt, args) < 0)
		abort();
	va_end(args);
	return raw_say(made, strlen(made));
}
