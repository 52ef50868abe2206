#include "tests/sweeps/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/strbuf.h"
#include "tests/support/dialogue.h"
#include "tests/support/servers.h"

enum { NAME_SIZE = 96, CALLS_MAX = 4096, CHUNK = 16384, HEAD = 5, VERSION = 196608 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the rule and what it counts */
static struct wire_rule rule;
static bool ruled;
static int calls, failed;
static size_t answered;
static const char *names[CALLS_MAX];

/* A link between a program and the server. */
struct link {
	int near, far;             /* the program, the server */
	char name[NAME_SIZE];      /* application_name */
	char statement[NAME_SIZE]; /* the last one that was named */
	struct strbuf in;          /* what the program sent and is not worked off */
	struct strbuf out;         /* what the server sent and is not taken apart */
};

/* --- sockets ---------------------------------------------------------------------------------- */

static int dial(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static bool put(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* False: the end. */
static bool take(int fd, struct strbuf *into)
{
	char chunk[CHUNK];
	ssize_t n;

	do
		n = recv(fd, chunk, sizeof(chunk), 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	strbuf_add(into, chunk, (size_t)n);
	return true;
}

static void drop_front(struct strbuf *buf, size_t len)
{
	memmove(buf->buf, buf->buf + len, buf->len - len);
	buf->len -= len;
}

static uint32_t number_at(const char *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return ntohl(n);
}

/* --- the rule --------------------------------------------------------------------------------- */

static bool lists(const char *names_list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names_list; len && (at = strstr(at, name)); at += len)
		if ((at == names_list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static bool matches(const struct link *link, const char *call)
{
	if (!ruled || !lists(rule.links, link->name))
		return false;
	if (rule.call)
		return !strcmp(rule.call, call);
	return rule.opening || (strcmp(call, "open") != 0 && strcmp(call, "prepare") != 0);
}

/* Count the call; *ret says what becomes of it. False: no rule is for it. */
static bool judge(const struct link *link, const char *call, struct wire_rule *ret)
{
	bool counts;

	pthread_mutex_lock(&lock);
	counts = matches(link, call);
	*ret = (struct wire_rule){0};
	if (counts) {
		if (calls < CALLS_MAX)
			names[calls] = text("%s", call);
		calls++;
		*ret = rule;
		if (rule.fault != WIRE_CUT &&
		    (calls < rule.first || calls >= rule.first + rule.count))
			ret->fault = WIRE_COUNT;
		failed += ret->fault != WIRE_COUNT && ret->fault != WIRE_CUT;
	}
	pthread_mutex_unlock(&lock);
	return counts;
}

/* How much of an answer of that length goes on; *ret_cut: and then the link ends. */
static size_t portion(size_t len, bool *ret_cut)
{
	size_t going = len;

	pthread_mutex_lock(&lock);
	*ret_cut = false;
	if (ruled && rule.fault == WIRE_CUT && answered + len >= rule.bytes && !failed) {
		going = rule.bytes - answered;
		*ret_cut = true;
		failed++;
	}
	answered += len;
	pthread_mutex_unlock(&lock);
	return going;
}

void wire_set(const struct wire_rule *new_rule)
{
	pthread_mutex_lock(&lock);
	ruled = new_rule != NULL;
	if (new_rule)
		rule = *new_rule;
	calls = failed = 0;
	answered = 0;
	pthread_mutex_unlock(&lock);
}

int wire_calls(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = calls;
	pthread_mutex_unlock(&lock);
	return n;
}

int wire_failed(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = failed;
	pthread_mutex_unlock(&lock);
	return n;
}

size_t wire_answered(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = answered;
	pthread_mutex_unlock(&lock);
	return n;
}

const char *wire_call(int i)
{
	const char *name;

	pthread_mutex_lock(&lock);
	name = i < calls && i < CALLS_MAX ? names[i] : NULL;
	pthread_mutex_unlock(&lock);
	return name;
}

/* --- messages --------------------------------------------------------------------------------- */

/* Length of the first message with its type, 0: it is not whole yet. */
static size_t first_message(const struct strbuf *buf, size_t from)
{
	size_t len;

	if (buf->len < from + HEAD)
		return 0;
	len = 1 + number_at(buf->buf + from + 1);
	return buf->len >= from + len ? len : 0;
}

/* Read the server's answer up to ReadyForQuery; its length in link->out. 0: the server is gone, and
 * what it said last is in link->out. */
static size_t read_answer(struct link *link)
{
	size_t at = 0;

	for (;;) {
		size_t len = first_message(&link->out, at);
		struct pollfd fds[2] = {{.fd = link->far, .events = POLLIN},
					{.fd = link->near, .events = POLLRDHUP}};

		if (len && link->out.buf[at] == 'Z')
			return at + len;
		at += len;
		if (len)
			continue;
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && !fds[0].revents)
			return 0;
		if (!take(link->far, &link->out))
			return 0;
	}
}

/* Run SQL of our own: its answer is left in link->out. */
static size_t ask(struct link *link, const char *sql)
{
	size_t len = strlen(sql) + 1;
	uint32_t size = htonl((uint32_t)(len + 4));

	if (!put(link->far, "Q", 1) || !put(link->far, &size, 4) || !put(link->far, sql, len))
		return 0;
	return read_answer(link);
}

static bool pass_answer(struct link *link, size_t len)
{
	bool whole = put(link->near, link->out.buf, len);

	drop_front(&link->out, len);
	return whole;
}

/* --- faults; true: the link goes on ----------------------------------------------------------- */

static bool fail_with(struct link *link, const char *call, const char *sqlstate)
{
	size_t len;

	/* A commit that fails has ended its transaction. */
	if (!strncmp(call, "COMMIT", 6)) {
		len = ask(link, "ROLLBACK");
		drop_front(&link->out, len);
	}
	len = ask(link, text("DO $$BEGIN RAISE EXCEPTION 'as the sweep says' USING ERRCODE = '%s'; "
			     "END$$",
			     sqlstate));
	return len && pass_answer(link, len);
}

static bool end_session(struct link *link)
{
	size_t len = ask(link, "DO $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); "
			       "PERFORM pg_sleep(10); END$$");

	put(link->near, link->out.buf, len ? len : link->out.len);
	return false;
}

static bool pass(struct link *link, size_t unit, bool counted)
{
	bool cut = false;
	size_t len, going;

	if (!put(link->far, link->in.buf, unit))
		return false;
	len = read_answer(link);
	if (!len) {
		put(link->near, link->out.buf, link->out.len);
		return false;
	}
	going = counted ? portion(len, &cut) : len;
	if (!cut)
		return pass_answer(link, len);
	put(link->near, link->out.buf, going);
	return false;
}

static bool unheard(struct link *link, size_t unit)
{
	if (put(link->far, link->in.buf, unit))
		read_answer(link);
	return false;
}

static bool work(struct link *link, const char *call, size_t unit)
{
	struct wire_rule what;
	bool counted = judge(link, call, &what);

	switch (what.fault) {
	case WIRE_ERROR:
		return fail_with(link, call, what.sqlstate);
	case WIRE_FATAL:
		return end_session(link);
	case WIRE_LOST:
		return false;
	case WIRE_UNHEARD:
		return unheard(link, unit);
	case WIRE_COUNT:
	case WIRE_CUT:
		break;
	}
	return pass(link, unit, counted);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Length of the first call in link->in, 0: it is not whole yet; -1 when the program says goodbye.
 */
static ssize_t first_call(struct link *link, char name[NAME_SIZE])
{
	size_t at = 0, len;

	*name = '\0';
	while ((len = first_message(&link->in, at))) {
		const char *message = link->in.buf + at;

		at += len;
		switch (*message) {
		case 'P':
			snprintf(name, NAME_SIZE, "prepare");
			break;
		case 'B': /* name of the portal, then of the statement */
			snprintf(name, NAME_SIZE, "%s",
				 message + HEAD + strlen(message + HEAD) + 1);
			break;
		case 'Q':
			snprintf(name, NAME_SIZE, "%s", message + HEAD);
			return (ssize_t)at;
		case 'S':
			return (ssize_t)at;
		case 'X':
			return -1;
		default:
			break;
		}
	}
	return 0;
}

/* "COMMIT of guest_set_status": what a transaction's last words are about. */
static const char *label_of(struct link *link, const char *name)
{
	bool plain = strstr("COMMIT ROLLBACK SAVEPOINT newest ROLLBACK TO SAVEPOINT newest", name);

	if (!strcmp(name, "BEGIN") || !strcmp(name, "prepare"))
		return name;
	if (plain)
		return text("%s of %s", name, link->statement);
	snprintf(link->statement, sizeof(link->statement), "%s", name);
	return name;
}

static bool work_off(struct link *link)
{
	char name[NAME_SIZE];
	ssize_t unit;

	while ((unit = first_call(link, name)) > 0) {
		if (!work(link, label_of(link, name), (size_t)unit))
			return false;
		drop_front(&link->in, (size_t)unit);
	}
	return unit == 0;
}

/* --- a connection ----------------------------------------------------------------------------- */

static void read_name(struct link *link, size_t len)
{
	const char *at = link->in.buf + 8, *end = link->in.buf + len;

	while (at < end && *at) {
		const char *value = at + strlen(at) + 1;

		if (!strcmp(at, "application_name"))
			snprintf(link->name, sizeof(link->name), "%s", value);
		at = value + strlen(value) + 1;
	}
}

static void refuse(const struct link *link, const char *sqlstate)
{
	char message[128];
	int len = snprintf(message + HEAD, sizeof(message) - HEAD,
			   "SFATAL%cVFATAL%cC%s%cMas the sweep says%c%c", 0, 0, sqlstate, 0, 0, 0);
	uint32_t size = htonl((uint32_t)len + 4);

	message[0] = 'E';
	memcpy(message + 1, &size, 4);
	put(link->near, message, (size_t)len + HEAD);
}

static bool open_far(struct link *link, size_t len, int target)
{
	struct wire_rule what;

	judge(link, "open", &what);
	if (what.fault == WIRE_ERROR || what.fault == WIRE_FATAL) {
		refuse(link, what.fault == WIRE_FATAL ? "57P03" : what.sqlstate);
		return false;
	}
	if (what.fault == WIRE_LOST)
		return false;
	link->far = dial(target);
	if (link->far < 0 || !put(link->far, link->in.buf, len))
		return false;
	drop_front(&link->in, len);
	len = read_answer(link);
	return what.fault != WIRE_UNHEARD && len && pass_answer(link, len);
}

/* The first message has no type. */
static bool begin(struct link *link, int target)
{
	for (;;) {
		size_t len = link->in.len >= 8 ? number_at(link->in.buf) : 0;

		if (len && link->in.len >= len) {
			if (number_at(link->in.buf + 4) != VERSION)
				return false;
			read_name(link, len);
			return open_far(link, len, target);
		}
		if (!take(link->near, &link->in))
			return false;
	}
}

static void serve(struct link *link)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = link->near, .events = POLLIN},
					{.fd = link->far, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents) { /* unasked: a notice, or the server's end */
			bool more = take(link->far, &link->out);

			if (!pass_answer(link, link->out.len) || !more)
				return;
		}
		if (fds[0].revents && (!take(link->near, &link->in) || !work_off(link)))
			return;
	}
}

struct door {
	int fd, target;
};
struct visit {
	int near, target;
};

static void *serve_one(void *ctx)
{
	struct visit *visit = ctx;
	struct link link = {.near = visit->near, .far = -1};

	strbuf_init(&link.in, NULL);
	strbuf_init(&link.out, NULL);
	if (begin(&link, visit->target))
		serve(&link);
	close(link.near);
	if (link.far >= 0)
		close(link.far);
	strbuf_release(&link.in);
	strbuf_release(&link.out);
	free(visit);
	return NULL;
}

static void *take_visits(struct door *door, void *(*serve_visit)(void *))
{
	int one = 1;

	for (;;) {
		int near = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
		struct visit *visit;
		pthread_t thread;

		if (near < 0)
			continue;
		setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		visit = malloc(sizeof(*visit));
		if (!visit)
			abort();
		*visit = (struct visit){near, door->target};
		if (pthread_create(&thread, NULL, serve_visit, visit) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

static void *accept_all(void *ctx)
{
	return take_visits(ctx, serve_one);
}

static int open_door(int target, void *(*run)(void *))
{
	struct door *door = malloc(sizeof(*door));
	pthread_t thread;
	int port;

	if (!door)
		abort();
	signal(SIGPIPE, SIG_IGN);
	door->target = target;
	door->fd = servers_listen(&port);
	if (pthread_create(&thread, NULL, run, door) != 0)
		fatal("wire: no thread");
	pthread_detach(thread);
	return port;
}

int wire_start(int target)
{
	return open_door(target, accept_all);
}

/* --- any bytes -------------------------------------------------------------------------------- */

static _Atomic size_t plain_limit = SIZE_MAX, plain_answered;

/* The answer up to the limit, then the end. */
static void *serve_plain(void *ctx)
{
	struct visit *visit = ctx;
	int far = dial(visit->target);
	size_t passed = 0, limit = plain_limit;
	struct strbuf buf;
	bool on = far >= 0;

	strbuf_init(&buf, NULL);
	while (on) {
		struct pollfd fds[2] = {{.fd = visit->near, .events = POLLIN},
					{.fd = far, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0)
			continue;
		buf.len = 0;
		if (fds[0].revents)
			on = take(visit->near, &buf) && put(far, buf.buf, buf.len);
		buf.len = 0;
		if (fds[1].revents && (on = take(far, &buf))) {
			size_t going = passed + buf.len >= limit ? limit - passed : buf.len;

			on = put(visit->near, buf.buf, going) && passed + buf.len < limit;
			passed += going;
		}
	}
	plain_answered = passed;
	close(visit->near);
	close(far);
	strbuf_release(&buf);
	free(visit);
	return NULL;
}

static void *accept_plain(void *ctx)
{
	return take_visits(ctx, serve_plain);
}

int wire_start_plain(int target)
{
	return open_door(target, accept_plain);
}

void wire_cut_plain(size_t bytes)
{
	plain_limit = bytes;
}

size_t wire_plain_answered(void)
{
	return plain_answered;
}
