#include "tests/bench/generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

enum { ANSWER_MAX = 262144, READY_MAX = 256, GRACE_MS = 20000, NS_PER_US = 1000 };

struct connection {
	int fd;
	bool busy;
	int64_t due_us; /* when the request on its way was due */
	size_t have;    /* bytes of its answer */
	size_t whole;   /* its length, 0: the head is not here yet */
	int status;
	char *answer;
};

struct times {
	uint32_t *us;
	size_t count, room;
};

struct run {
	const struct generator *generator;
	struct generated result;
	struct connection *connections;
	struct connection **idle;
	size_t idle_count;
	int poll;
	int64_t begin_us, end_us, tick_us;
	uint64_t sent;
	size_t on_way;
	struct times good, refused;
};

/* --- connections ------------------------------------------------------------------------------ */

static void open_connection(struct run *run, struct connection *connection)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)run->generator->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int one = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    epoll_ctl(run->poll, EPOLL_CTL_ADD, connection->fd, &event))
		fatal("generator: no connection to port %d: %s", run->generator->port,
		      strerror(errno));
	connection->answer = realloc(connection->answer, ANSWER_MAX + 1);
	if (!connection->answer)
		fatal("out of memory");
}

static void open_all(struct run *run)
{
	size_t count = run->generator->connections;

	run->connections = calloc(count, sizeof(*run->connections));
	run->idle = calloc(count, sizeof(void *));
	run->poll = epoll_create1(EPOLL_CLOEXEC);
	if (!run->connections || !run->idle || run->poll < 0)
		fatal("generator: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		open_connection(run, &run->connections[i]);
		run->idle[run->idle_count++] = &run->connections[i];
	}
}

static void close_all(struct run *run)
{
	for (size_t i = 0; i < run->generator->connections; i++) {
		close(run->connections[i].fd);
		free(run->connections[i].answer);
	}
	close(run->poll);
	free(run->connections);
	free(run->idle);
	free(run->good.us);
	free(run->refused.us);
}

/* --- requests --------------------------------------------------------------------------------- */

static void write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return; /* the missing answer tells */
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

static void note_time(struct times *times, int64_t us)
{
	if (times->count == times->room) {
		times->room = times->room ? 2 * times->room : 65536;
		times->us = realloc(times->us, times->room * sizeof(uint32_t));
		if (!times->us)
			fatal("out of memory");
	}
	times->us[times->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static enum verdict verdict_on(const struct run *run, const struct connection *connection)
{
	if (run->generator->judge)
		return run->generator->judge(connection->status, connection->answer);
	return connection->status == run->generator->wanted ? VERDICT_GOOD : VERDICT_WRONG;
}

static void note_wrong(struct run *run, int status)
{
	if (!run->result.wrong++)
		run->result.wrong_status = status;
}

static void note_answer(struct run *run, const struct connection *connection)
{
	int64_t us = clock_monotonic_us() - connection->due_us;

	switch (verdict_on(run, connection)) {
	case VERDICT_GOOD:
		note_time(&run->good, us);
		break;
	case VERDICT_REFUSED:
		note_time(&run->refused, us);
		break;
	case VERDICT_WRONG:
		note_wrong(run, connection->status);
		break;
	}
}

static void rest(struct run *run, struct connection *connection)
{
	connection->busy = false;
	run->on_way--;
	run->idle[run->idle_count++] = connection;
}

static void open_again(struct run *run, struct connection *connection)
{
	close(connection->fd);
	open_connection(run, connection);
}

static void send_next(struct run *run, struct connection *connection, int64_t due_us)
{
	char request[GENERATOR_REQUEST_MAX];
	size_t len = run->generator->make(run->generator->ctx, request);
	uint64_t cut_every = run->generator->cut_every;

	connection->busy = true;
	connection->due_us = due_us;
	connection->have = connection->whole = 0;
	run->sent++;
	run->on_way++;
	write_all(connection->fd, request, len);
	if (cut_every && run->sent % cut_every == 0) {
		run->result.cut++;
		open_again(run, connection);
		rest(run, connection);
	}
}

/* --- answers ---------------------------------------------------------------------------------- */

/* Does the head end yet? Then the status and where the answer ends are known. */
static void read_head(struct connection *connection)
{
	static const char field[] = "\r\nContent-Length: ";
	char *end, *length;

	connection->answer[connection->have] = '\0';
	end = strstr(connection->answer, "\r\n\r\n");
	if (!end)
		return;
	connection->status = (int)strtol(connection->answer + strlen("HTTP/1.1 "), NULL, 10);
	connection->whole = (size_t)(end - connection->answer) + 4;
	length = memmem(connection->answer, connection->whole, field, strlen(field));
	if (length)
		connection->whole += strtoul(length + strlen(field), NULL, 10);
	if (connection->whole > ANSWER_MAX)
		fatal("generator: an answer of %zu bytes", connection->whole);
}

/* The peer closed: its answer, if one was due, is wrong. */
static void on_closed(struct run *run, struct connection *connection)
{
	open_again(run, connection);
	if (!connection->busy)
		return;
	note_wrong(run, 0);
	run->result.unanswered++;
	rest(run, connection);
}

static void on_readable(struct run *run, struct connection *connection)
{
	ssize_t n = recv(connection->fd, connection->answer + connection->have,
			 ANSWER_MAX - connection->have, 0);

	if (n <= 0) {
		on_closed(run, connection);
		return;
	}
	connection->have += (size_t)n;
	if (!connection->whole)
		read_head(connection);
	if (!connection->whole || connection->have < connection->whole)
		return;
	connection->answer[connection->have] = '\0';
	note_answer(run, connection);
	rest(run, connection);
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool may_send(const struct run *run)
{
	return !run->generator->most || run->sent < run->generator->most;
}

static void send_due(struct run *run)
{
	double rate = run->generator->rate;

	while (run->idle_count && may_send(run)) {
		int64_t now_us = clock_monotonic_us();
		int64_t due_us = now_us;

		if (rate > 0)
			due_us = run->begin_us +
				 (int64_t)((double)run->sent * (double)US_PER_S / rate);
		if (due_us > now_us || now_us >= run->end_us)
			return;
		send_next(run, run->idle[--run->idle_count], due_us);
	}
}

/* Until something arrives, or the next request is due. */
static void wait_readable(struct run *run)
{
	struct epoll_event ready[READY_MAX];
	struct timespec wait = {.tv_nsec = 1000 * NS_PER_US * (run->generator->rate > 0 ? 0 : 10)};
	int n;

	if (run->generator->rate > 0 && run->generator->every_us) {
		const struct timespec nap = {.tv_nsec = run->generator->every_us * NS_PER_US};

		nanosleep(&nap, NULL);
	} else if (run->generator->rate > 0) {
		int64_t due_us = run->begin_us + (int64_t)((double)run->sent * (double)US_PER_S /
							   run->generator->rate);
		int64_t us = due_us - clock_monotonic_us();

		wait.tv_nsec = us <= 0 && run->idle_count ? 0 : us < 50 ? 50000 : us * NS_PER_US;
		if (wait.tv_nsec > 10000000)
			wait.tv_nsec = 10000000;
	}
	n = epoll_pwait2(run->poll, ready, READY_MAX, &wait, NULL);
	for (int i = 0; i < n; i++)
		on_readable(run, ready[i].data.ptr);
}

static bool goes_on(const struct run *run, int64_t now_us)
{
	if (now_us > run->end_us + GRACE_MS * US_PER_MS)
		return false;
	return run->on_way > 0 || (now_us < run->end_us && may_send(run));
}

static int compare_times(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_ms(const struct times *times, double share)
{
	size_t n = times->count;

	return n ? times->us[(size_t)((double)(n - 1) * share)] / 1000.0 : 0;
}

static void sum_up(struct run *run)
{
	struct generated *result = &run->result;

	result->seconds = (double)(clock_monotonic_us() - run->begin_us) / (double)US_PER_S;
	result->answers = run->good.count;
	result->refused = run->refused.count;
	result->wrong += run->on_way;
	result->unanswered += run->on_way;
	if (run->good.us)
		qsort(run->good.us, run->good.count, sizeof(uint32_t), compare_times);
	if (run->refused.us)
		qsort(run->refused.us, run->refused.count, sizeof(uint32_t), compare_times);
	result->p50_ms = percentile_ms(&run->good, 0.50);
	result->p99_ms = percentile_ms(&run->good, 0.99);
	result->longest_ms = percentile_ms(&run->good, 1);
	result->refused_p99_ms = percentile_ms(&run->refused, 0.99);
	result->refused_longest_ms = percentile_ms(&run->refused, 1);
}

static void tick(struct run *run)
{
	int64_t now_us = clock_monotonic_us();

	if (!run->generator->tick || now_us < run->tick_us || now_us >= run->end_us)
		return;
	run->tick_us = now_us + US_PER_S;
	run->generator->tick(run->generator->ctx);
}

struct generated generator_run(const struct generator *generator)
{
	struct run run = {.generator = generator};

	open_all(&run);
	run.begin_us = clock_monotonic_us();
	run.end_us = run.begin_us + (int64_t)(generator->seconds * (double)US_PER_S);
	while (goes_on(&run, clock_monotonic_us())) {
		tick(&run);
		send_due(&run);
		wait_readable(&run);
	}
	sum_up(&run);
	close_all(&run);
	return run.result;
}
