/*
 * The calls that CivetWeb makes into libc, answered here so that a server can be emptied without
 * cutting a request and a slow peer can be held to a deadline, and the emptying itself.
 *
 * These are the process's only `listen`, `accept` and `poll`: for threads that are not a server's
 * they do what libc's do.
 */
#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/httpd_wire.h"

enum {
	SETTLE_MS =
		100, /* the accept queue stays empty so long: handshakes under way had their time */
	STEP_MS = 2,
	CROWDED_MS = 10,
	IDLE_GRACE_MS = 1000, /* so long nobody spoke: who is about to may still do so */
	LINGER_MS = 500,
	LINGER_BYTES = 16 << 20,
};

_Thread_local struct httpd_thread *httpd_self;
_Thread_local struct httpd *httpd_starting;

int listen(int fd, int backlog)
{
	if (httpd_starting != NULL)
		httpd_starting->listen_fd = fd;
	return (int)syscall(SYS_listen, fd, backlog);
}

static void nap_when_crowded(int error)
{
	if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
		clock_sleep_ms(CROWDED_MS); /* else the accepting thread spins until one closes */
}

int accept(int fd, __SOCKADDR_ARG address, socklen_t *restrict len)
{
	if (httpd_self == NULL || !httpd_self->master)
		return accept4(fd, address, len, 0);
	/* Counted before the kernel gives it away, so that an empty queue means all are counted. */
	struct httpd *httpd = httpd_self->httpd;
	atomic_fetch_add(&httpd->accepted, 1);
	int got = accept4(fd, address, len, SOCK_CLOEXEC);
	if (got < 0) {
		int error = errno;
		atomic_fetch_sub(&httpd->accepted, 1);
		nap_when_crowded(error);
		errno = error;
	}
	return got;
}

static int poll_plain(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec wait = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
	return ppoll(fds, count, timeout_ms < 0 ? NULL : &wait, NULL);
}

static int give_up(struct pollfd *pollfd)
{
	/* A failing poll ends a read at once, a write only when its next attempt fails too. */
	if ((pollfd->events & POLLOUT) != 0)
		shutdown(pollfd->fd, SHUT_RDWR);
	pollfd->revents = 0;
	errno = ETIMEDOUT;
	return -1;
}

static int poll_until(struct pollfd *pollfd, int timeout_ms, int64_t deadline_us)
{
	int64_t left_us = deadline_us - clock_monotonic_us();
	if (left_us <= 0)
		return give_up(pollfd);
	int64_t left_ms = left_us / US_PER_MS + 1;
	bool last = timeout_ms < 0 || left_ms <= timeout_ms;
	int result = poll_plain(pollfd, 1, last ? (int)left_ms : timeout_ms);
	return result == 0 && last ? give_up(pollfd) : result;
}

static void set_idle(struct httpd_thread *self, int fd)
{
	pthread_mutex_lock(&self->lock);
	self->idle_fd = fd;
	pthread_mutex_unlock(&self->lock);
}

/* Wait for the first byte of a next request; a drain may end the connection meanwhile. */
static int poll_idle(struct httpd_thread *self, struct pollfd *pollfd, int timeout_ms)
{
	set_idle(self, pollfd->fd);
	if (atomic_load(&self->httpd->ends_idle))
		httpd_end_idle(self);
	int result = poll_plain(pollfd, 1, timeout_ms);
	set_idle(self, -1);
	if (result > 0)
		self->between = false;
	return result;
}

/* Apart from `poll`, whose declaration says that it only writes to `fds`. */
__attribute__((noinline)) static int poll_served(struct httpd_thread *self, struct pollfd *pollfd,
						 int timeout_ms)
{
	self->fd = pollfd->fd;
	if (self->deadline_us == 0)
		return self->between ? poll_idle(self, pollfd, timeout_ms)
				     : poll_plain(pollfd, 1, timeout_ms);
	return poll_until(pollfd, timeout_ms, self->deadline_us);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct httpd_thread *self = httpd_self;
	if (self == NULL || self->master || self->foreign || count != 1)
		return poll_plain(fds, count, timeout_ms);
	return poll_served(self, fds, timeout_ms);
}

void httpd_linger(int fd)
{
	char sink[16384];
	int64_t deadline_us = clock_monotonic_us() + LINGER_MS * US_PER_MS;
	size_t taken = 0;
	shutdown(fd, SHUT_WR);
	while (taken < LINGER_BYTES) {
		int64_t left_us = deadline_us - clock_monotonic_us();
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		if (left_us <= 0 || poll_plain(&pollfd, 1, (int)(left_us / US_PER_MS) + 1) <= 0)
			return;
		ssize_t got = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
		if (got <= 0)
			return;
		taken += (size_t)got;
	}
}

/* --- drain ------------------------------------------------------------------------------------*/

/* New connections are not refused but not heard: their SYN comes again, and finds another server
 * by then. Handshakes under way are completed: only a SYN without ACK is dropped. */
static void stop_hearing(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the TCP header's flags */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	struct sock_fprog program = {ARRAY_LEN(code), code};
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Connections that wait to be accepted. */
static unsigned waiting(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return 0;
	return info.tcpi_unacked;
}

static void empty_accept_queue(int fd, int64_t deadline_us)
{
	int64_t empty_since_us = clock_monotonic_us();
	for (;;) {
		int64_t now_us = clock_monotonic_us();
		if (waiting(fd) > 0)
			empty_since_us = now_us;
		if (now_us - empty_since_us >= SETTLE_MS * US_PER_MS || now_us >= deadline_us)
			return;
		clock_sleep_ms(STEP_MS);
	}
}

/* Close the listening socket under the accepting thread: a pipe that is never readable takes its
 * number. Returns the pipe's other end, -1 when there is none. */
static int replace_listener(int fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	shutdown(fd, SHUT_RDWR);
	/* By number: to a race detector this looks like two threads fighting over `fd`. */
	syscall(SYS_dup3, ends[0], fd, O_CLOEXEC);
	close(ends[0]);
	return ends[1];
}

static int close_door(struct httpd *httpd, int64_t deadline_us)
{
	if (httpd->listen_fd < 0)
		return -1;
	stop_hearing(httpd->listen_fd);
	empty_accept_queue(httpd->listen_fd, deadline_us);
	return replace_listener(httpd->listen_fd);
}

/* Ended for reading only: a request that came before is still read and answered. */
void httpd_end_idle(struct httpd_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	if (thread->idle_fd >= 0)
		shutdown(thread->idle_fd, SHUT_RD);
	pthread_mutex_unlock(&thread->lock);
}

static void end_idle_connections(struct httpd *httpd)
{
	atomic_store(&httpd->ends_idle, true);
	pthread_mutex_lock(&httpd->lock);
	for (struct httpd_thread *thread = httpd->threads; thread != NULL; thread = thread->next)
		httpd_end_idle(thread);
	pthread_mutex_unlock(&httpd->lock);
}

static bool is_empty(struct httpd *httpd)
{
	return atomic_load(&httpd->accepted) == atomic_load(&httpd->closed);
}

/* Each answer of a drain ends its connection. As long as some end, a proxy still uses those that it
 * kept: to end one of them now could cut a request that is on its way. */
static void wait_until_empty(struct httpd *httpd, int64_t deadline_us)
{
	int64_t now_us = clock_monotonic_us();
	int64_t idle_since_us = now_us, latest_us = now_us + (deadline_us - now_us) / 2;
	int64_t closed = atomic_load(&httpd->closed);
	while (!is_empty(httpd) && now_us < deadline_us) {
		if (atomic_load(&httpd->closed) != closed)
			idle_since_us = now_us;
		closed = atomic_load(&httpd->closed);
		if ((now_us - idle_since_us >= IDLE_GRACE_MS * US_PER_MS || now_us >= latest_us) &&
		    !atomic_load(&httpd->ends_idle))
			end_idle_connections(httpd);
		clock_sleep_ms(STEP_MS);
		now_us = clock_monotonic_us();
	}
}

void httpd_drain(struct httpd *httpd, int64_t deadline_ms)
{
	int64_t now_us = clock_monotonic_us();
	int64_t deadline_us = now_us + deadline_ms * US_PER_MS;
	/* Long answers end before the deadline, so that the rest is not cut with them. */
	atomic_store(&httpd->cut_us, now_us + deadline_ms * US_PER_MS / 2);
	atomic_store(&httpd->draining, true);
	int wake_fd = close_door(httpd, deadline_us);
	wait_until_empty(httpd, deadline_us);
	/* Wakes the accepting thread out of its poll of two seconds, to find that it shall stop. */
	if (wake_fd >= 0 && write(wake_fd, "", 1) < 0)
		errno = 0;
	mg_stop(httpd->context);
	if (wake_fd >= 0)
		close(wake_fd);
	pthread_mutex_destroy(&httpd->lock);
	free(httpd);
}
