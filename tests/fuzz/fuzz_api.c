/*
 * The whole API over a socket, with a real database: whatever comes in, each answer is HTTP, none
 * is 500, and the service stays alive. Runs below with-servers.
 *
 * The input is what is sent, with bytes that stand for what an input could not know: \1 an
 * Authorization header of an organizer, \2 one of a user, \3 the id of an event, \4 of a free
 * ticket type in it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/jwt.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/servers.h"

int core_api_main(int argc, char **argv); /* api/main.c */
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { ANSWER_MAX = 1 << 20, READY_MS = 20000, ANSWER_S = 20 };

static const char secret[] = "a secret for tokens that is long enough";
static int port;
static struct {
	char bearer[2][1024];
	char event_id[24], type_id[24];
} known;

/* --- one conversation ------------------------------------------------------------------------ */

static int dial_once(void)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	MUST(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	rc = errno;
	close(fd);
	errno = rc;
	return -1;
}

/* libFuzzer's clock is a signal, which may come meanwhile. */
static int dial(void)
{
	int fd;

	do {
		fd = dial_once();
	} while (fd < 0 && errno == EINTR);
	return fd;
}

/* Send, say that nothing follows, and take all that comes until the end. */
static const char *converse(const char *text, size_t len)
{
	static char answer[ANSWER_MAX];
	size_t got = 0;
	ssize_t n;
	int fd = dial();

	if (fd < 0)
		return NULL;
	if (send(fd, text, len, MSG_NOSIGNAL) >= 0)
		shutdown(fd, SHUT_WR);
	while ((n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0)) > 0)
		got += (size_t)n;
	close(fd);
	answer[got] = '\0';
	return answer;
}

/* --- start ----------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
	static char name[] = "core-api";
	char *argv[] = {name, NULL};

	(void)arg;
	exit(core_api_main(1, argv));
}

static void mint(int64_t user_id, unsigned roles, char ret[1024])
{
	const struct jwt_options options = {.secret = {secret, strlen(secret)}};
	struct strbuf token;

	strbuf_init(&token, fuzz_arena());
	jwt_mint(&options, &token,
		 &(struct jwt_claims){.user_id = user_id,
				      .roles = roles,
				      .expires_at = clock_now_us() + 86400 * US_PER_S});
	snprintf(ret, 1024, "Authorization: Bearer %s\r\n", token.buf);
}

static void set_up(void)
{
	port = servers_free_port();
	setenv("PORT", arena_printf(fuzz_arena(), "%d", port), 1);
	setenv("METRICS_PORT", "0", 1);
	setenv("DATABASE_URL", servers_database_create("fuzz_api"), 1);
	setenv("REDIS_URL", servers_redis_url(), 1);
	setenv("REDIS_QUEUE_URL", servers_redis_queue_url(), 1);
	setenv("JWT_SECRET", secret, 1);
	setenv("SHARED_SERVICE_TOKEN", secret, 1);
	setenv("QR_SIGNATURE_SECRET", secret, 1);
	setenv("PAYMENT_WEBHOOK_SECRET", "whsec_dGhlIHN0YW5kLWluIHBsYXRmb3JtJ3Mgd2ViaG9vayE=", 1);
	setenv("PAYMENT_SERVICE_URL", "http://127.0.0.1:1", 1);
	setenv("NODE_ENV", "test", 1);
	setenv("LOG_LEVEL", "error", 1);
	setenv("UPSTREAM_BUDGET_MS", "100", 1);
	/* So that an input which announces more than it sends is over soon. */
	setenv("BODY_DEADLINE_MS", "200", 1);
	setenv("REQUEST_TIMEOUT_MS", "200", 1);
	setenv("KEEP_ALIVE_MS", "100", 1);
}

/* The number behind `name` in an answer. */
static void take_id(const char *answer, const char *name, char ret[24])
{
	const char *at = answer ? strstr(answer, name) : NULL;

	MUST(at);
	snprintf(ret, 24, "%lld", strtoll(at + strlen(name), NULL, 10));
}

static void make_event(void)
{
	static const char body[] =
		"{\"title\":\"Fuzz\",\"eventDate\":\"2090-01-01T00:00:00Z\",\"location\":\"Here\","
		"\"maxAttendees\":100000,"
		"\"ticketTypes\":[{\"name\":\"Free\",\"price\":0,\"quantity\":100000},"
		"{\"name\":\"Box\",\"price\":10,\"quantity\":100000}]}";
	const char *answer, *request;

	request = arena_printf(fuzz_arena(),
			       "POST /api/events HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n"
			       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			       known.bearer[0], strlen(body), body);
	answer = converse(request, strlen(request));
	take_id(answer, "\"data\":{\"id\":", known.event_id);
	take_id(strstr(answer, "\"ticketTypes\":"), "\"id\":", known.type_id);
	request = arena_printf(fuzz_arena(),
			       "POST /api/events/%s/publish HTTP/1.1\r\nHost: x\r\n%s"
			       "Connection: close\r\nContent-Length: 0\r\n\r\n",
			       known.event_id, known.bearer[0]);
	MUST(strstr(converse(request, strlen(request)), "\"published\""));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char ready[] = "GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n";
	int64_t until = clock_monotonic_us() + READY_MS * US_PER_MS;
	const char *answer = NULL;
	pthread_t thread;

	(void)argc;
	(void)argv;
	servers_start();
	set_up();
	MUST(pthread_create(&thread, NULL, serve, NULL) == 0);
	while (!answer || !strstr(answer, " 200 ")) {
		MUST(clock_monotonic_us() < until);
		clock_sleep_ms(20);
		answer = converse(ready, strlen(ready));
	}
	mint(1, ROLE_ORGANIZER, known.bearer[0]);
	mint(2, ROLE_USER, known.bearer[1]);
	make_event();
	return 0;
}

/* --- inputs ---------------------------------------------------------------------------------- */

static const char *filled_in(const uint8_t *data, size_t size, struct strbuf *out)
{
	const char *const words[] = {known.bearer[0], known.bearer[1], known.event_id,
				     known.type_id};

	for (size_t i = 0; i < size; i++) {
		if (data[i] >= 1 && data[i] <= ARRAY_LEN(words))
			strbuf_adds(out, words[data[i] - 1]);
		else
			strbuf_addc(out, (char)data[i]);
	}
	return out->buf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf request;
	const char *answer;

	strbuf_init(&request, fuzz_arena());
	strbuf_adds(&request, "");
	answer = converse(filled_in(data, size, &request), request.len);
	if (!answer)
		fprintf(stderr, "connect: %s\n", strerrordesc_np(errno));
	MUST(answer);
	MUST(!*answer || !strncmp(answer, "HTTP/1.1 ", 9));
	MUST(!strstr(answer, "HTTP/1.1 500"));
	return 0;
}
