/*
 * faultproxy SEED NAME=PORT:TARGET...: TCP links of 127.0.0.1 that go bad on command.
 *
 * Commands come on standard input, a socket or a terminal, one a line, and each is answered `done`
 * once it holds: `NAME MODE NUMBER`. What a mode does stands at enum mode. Ends with its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/chaos/dice.h"

enum mode {
	MODE_OK,
	MODE_LATENCY,  /* each chunk waits NUMBER milliseconds, up to a half more or less */
	MODE_CUT,      /* every connection is reset once it has brought NUMBER bytes of answers */
	MODE_HALFOPEN, /* accepted, and nothing goes on; reset when the mode ends */
	MODE_DRIP,     /* NUMBER bytes every 20 ms */
	MODE_REFUSE,   /* reset at once, and no connection is taken */
	MODE_COUNT
};
static const char *const modes[MODE_COUNT] = {"ok", "latency", "cut", "halfopen", "drip", "refuse"};

enum {
	LINKS_MAX = 16,
	PAIRS_MAX = 1500,
	BUFFER = 32 << 10,
	DRIP_US = 20000,
	IDLE_MS = 1000,
	LINE_SIZE = 128,
};

struct link {
	char name[32];
	int port, target;
	int fd; /* listens; -1: refuses */
	enum mode mode;
	int64_t number;
};

/* What one side sent and the other has not got yet. */
struct flow {
	int from, to;
	size_t len, sent;
	int64_t due_us; /* when more of it may go on */
	bool ended;     /* `from` will send no more */
	bool closed;    /* and `to` knows */
	char buf[BUFFER];
};

struct pair {
	struct link *link;
	struct flow ask, answer;
	int64_t answered; /* bytes since the link's last command */
};

static struct link links[LINKS_MAX];
static size_t link_count;
static struct pair *pairs[PAIRS_MAX];
static size_t pair_count;
static struct dice dice;

static struct sockaddr_in address(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_at(int port)
{
	struct sockaddr_in at = address(port);
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 512) != 0)
		fatal("faultproxy: port %d: %s", port, strerrordesc_np(errno));
	return fd;
}

static int connect_to(int port)
{
	struct sockaddr_in at = address(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

/* With a reset, so that the peer is told at once. */
static void reset(int fd)
{
	struct linger hard = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* The last pair takes its place. */
static void drop_pair(size_t i)
{
	reset(pairs[i]->ask.from);
	reset(pairs[i]->ask.to);
	free(pairs[i]);
	pairs[i] = pairs[--pair_count];
}

static void drop_pairs_of(const struct link *link)
{
	for (size_t i = pair_count; i-- > 0;)
		if (pairs[i]->link == link)
			drop_pair(i);
}

static void take_connection(struct link *link)
{
	int one = 1, far;
	int near = accept4(link->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct pair *pair;

	if (near < 0)
		return;
	far = pair_count < PAIRS_MAX ? connect_to(link->target) : -1;
	if (far < 0) {
		reset(near);
		return;
	}
	setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		fatal("faultproxy: no memory");
	pair->link = link;
	pair->ask.from = pair->answer.to = near;
	pair->ask.to = pair->answer.from = far;
	pairs[pair_count++] = pair;
}

/* --- commands --------------------------------------------------------------------------------- */

static void set_mode(struct link *link, enum mode mode, int64_t number)
{
	if (link->mode == MODE_HALFOPEN || mode == MODE_REFUSE)
		drop_pairs_of(link);
	if (mode == MODE_REFUSE && link->fd >= 0)
		close(link->fd);
	if (mode == MODE_REFUSE)
		link->fd = -1;
	else if (link->fd < 0)
		link->fd = listen_at(link->port);
	link->mode = mode;
	link->number = number;
	for (size_t i = 0; i < pair_count; i++)
		pairs[i]->answered = 0;
}

static void obey(const char *line)
{
	char name[32], mode_name[16];
	long long number = 0;

	if (sscanf(line, "%31s %15s %lld", name, mode_name, &number) < 2)
		fatal("faultproxy: not understood: %s", line);
	for (size_t i = 0; i < link_count; i++)
		for (int mode = 0; mode < MODE_COUNT; mode++)
			if (!strcmp(links[i].name, name) && !strcmp(modes[mode], mode_name)) {
				set_mode(&links[i], (enum mode)mode, number);
				printf("done\n");
				fflush(stdout);
				return;
			}
	fatal("faultproxy: no such link or mode: %s", line);
}

/* False: the input has ended. */
static bool read_commands(void)
{
	static char line[LINE_SIZE];
	static size_t len;
	ssize_t got = read(STDIN_FILENO, line + len, sizeof(line) - 1 - len);
	char *end;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	len += (size_t)got;
	line[len] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		obey(line);
		len -= (size_t)(end + 1 - line);
		memmove(line, end + 1, len + 1);
	}
	return len < sizeof(line) - 1;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static int64_t delay_of(const struct link *link)
{
	int64_t us = link->number * US_PER_MS;

	return link->mode == MODE_LATENCY && us ? us / 2 + dice_below(&dice, (int)us) : 0;
}

/* False: the connection is over. */
static bool fill(const struct link *link, struct flow *flow, int64_t now)
{
	ssize_t got = recv(flow->from, flow->buf, BUFFER, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->ended = got == 0;
	flow->len = (size_t)got;
	flow->sent = 0;
	flow->due_us = now + delay_of(link);
	return true;
}

static bool pour(const struct link *link, struct flow *flow, int64_t now)
{
	size_t len = flow->len - flow->sent;
	ssize_t put;

	if (link->mode == MODE_DRIP && len > (size_t)link->number)
		len = (size_t)link->number;
	put = send(flow->to, flow->buf + flow->sent, len, MSG_NOSIGNAL);
	if (put < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	flow->sent += (size_t)put;
	if (flow->sent == flow->len)
		flow->sent = flow->len = 0;
	if (link->mode == MODE_DRIP)
		flow->due_us = now + DRIP_US;
	return true;
}

/* Send on what is due, up to the byte at which the link cuts. */
static bool move(struct pair *pair, struct flow *flow, int64_t now)
{
	const struct link *link = pair->link;
	size_t before = flow->len - flow->sent;
	bool counted = link->mode == MODE_CUT && flow == &pair->answer;

	if (counted && pair->answered + (int64_t)before >= link->number) {
		size_t rest = (size_t)(link->number - pair->answered);

		(void)!send(flow->to, flow->buf + flow->sent, rest, MSG_NOSIGNAL);
		return false;
	}
	if (!pour(link, flow, now))
		return false;
	if (counted)
		pair->answered += (int64_t)(before - (flow->len - flow->sent));
	return true;
}

static bool work_flow(struct pair *pair, struct flow *flow, short in, short out, int64_t now)
{
	if (flow->len == 0 && !flow->ended && (in & (POLLIN | POLLHUP | POLLERR)) &&
	    !fill(pair->link, flow, now))
		return false;
	if (flow->len > 0 && now >= flow->due_us && (out & (POLLOUT | POLLHUP | POLLERR)) &&
	    !move(pair, flow, now))
		return false;
	if (flow->ended && flow->len == 0 && !flow->closed) {
		shutdown(flow->to, SHUT_WR);
		flow->closed = true;
	}
	return !(pair->ask.closed && pair->answer.closed);
}

/* --- the loop --------------------------------------------------------------------------------- */

static short wanted(const struct flow *in, const struct flow *out, int64_t now)
{
	return (short)((in->len == 0 && !in->ended ? POLLIN : 0) |
		       (out->len > 0 && now >= out->due_us ? POLLOUT : 0));
}

static void sooner(const struct flow *flow, int64_t now, int64_t *us)
{
	if (flow->len > 0 && flow->due_us > now && flow->due_us - now < *us)
		*us = flow->due_us - now;
}

/* Fill the list and say how long nothing is due: input, then links, then two a pair. */
static int prepare(struct pollfd *list, int64_t now)
{
	int64_t us = IDLE_MS * US_PER_MS;
	struct pollfd *at = list;

	*at++ = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	for (size_t i = 0; i < link_count; i++)
		*at++ = (struct pollfd){.fd = links[i].fd, .events = POLLIN};
	for (size_t i = 0; i < pair_count; i++) {
		struct pair *pair = pairs[i];
		bool dead = pair->link->mode == MODE_HALFOPEN;
		short near = wanted(&pair->ask, &pair->answer, now);
		short far = wanted(&pair->answer, &pair->ask, now);

		*at++ = (struct pollfd){.fd = dead || !near ? -1 : pair->ask.from, .events = near};
		*at++ = (struct pollfd){.fd = dead || !far ? -1 : pair->ask.to, .events = far};
		sooner(&pair->ask, now, &us);
		sooner(&pair->answer, now, &us);
	}
	return (int)(us / US_PER_MS) + 1;
}

static void work(const struct pollfd *list)
{
	const struct pollfd *of_pairs = list + 1 + link_count;
	int64_t now = clock_monotonic_us();

	for (size_t i = pair_count; i-- > 0;) {
		struct pair *pair = pairs[i];
		short near = of_pairs[2 * i].revents, far = of_pairs[2 * i + 1].revents;

		if (!work_flow(pair, &pair->ask, near, far, now) ||
		    !work_flow(pair, &pair->answer, far, near, now))
			drop_pair(i);
	}
	for (size_t i = 0; i < link_count; i++)
		if (list[1 + i].revents & POLLIN)
			take_connection(&links[i]);
}

static void open_link(const char *text)
{
	struct link *link = &links[link_count++];

	if (link_count > LINKS_MAX ||
	    sscanf(text, "%31[^=]=%d:%d", link->name, &link->port, &link->target) != 3)
		fatal("faultproxy: NAME=PORT:TARGET, not %s", text);
	link->fd = listen_at(link->port);
}

int main(int argc, char **argv)
{
	static struct pollfd list[1 + LINKS_MAX + 2 * PAIRS_MAX];

	if (argc < 3)
		fatal("usage: faultproxy SEED NAME=PORT:TARGET...");
	dice.state = strtoull(argv[1], NULL, 10);
	for (int i = 2; i < argc; i++)
		open_link(argv[i]);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int wait_ms = prepare(list, clock_monotonic_us());
		bool commanded;

		if (poll(list, 1 + link_count + 2 * pair_count, wait_ms) < 0)
			continue;
		commanded = list[0].revents != 0;
		work(list);
		if (commanded && !read_commands())
			return 0;
	}
}
