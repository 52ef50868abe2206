/*
 * httpd_wire: what the files of httpd share and nobody else sees.
 *
 * A server thread serves one connection at a time, so what is known about a connection lives in its
 * thread. CivetWeb offers no socket, no deadline and no count of what was accepted; the calls it
 * makes into libc are therefore answered by functions of this program (httpd_drain.c): `listen`,
 * `accept` and `poll`.
 */
#ifndef COMMON_HTTPD_WIRE_H
#define COMMON_HTTPD_WIRE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/httpd.h"

struct mg_connection;
struct mg_context;
struct mg_request_info;

struct httpd_thread;

struct httpd {
	struct mg_context *context;
	http_handler *handler;
	http_handler *done;
	void *ctx;
	bool keeps_alive;
	int64_t write_timeout_us;
	int port;
	int listen_fd;
	_Atomic(bool) draining;
	_Atomic(int64_t) cut_us; /* monotonic: answers in pieces end then; 0: no drain */
	_Atomic(bool) ends_idle; /* connections between two requests are ended, see httpd_drain */
	pthread_mutex_t lock;    /* of the list of threads */
	struct httpd_thread *threads;
	_Atomic(int) in_flight;
	_Atomic(int64_t) accepted;
	_Atomic(int64_t) closed;
};

/* One of the server's threads. */
struct httpd_thread {
	struct httpd *httpd;
	struct arena arena;
	bool master;         /* accepts, serves nothing */
	bool foreign;        /* the handler's own code runs: its polls are not the server's */
	int fd;              /* of the connection served, -1: not known yet */
	int64_t deadline_us; /* monotonic; 0: none. When it has passed, polling fails. */
	bool refused;        /* the connection's last request was answered by httpd itself */
	bool linger;         /* take what the peer still sends before closing */
	bool between;        /* nothing of a next request has come */
	pthread_mutex_t lock;
	int idle_fd; /* under lock: the connection while the thread waits between requests, or -1 */
	struct httpd_thread *next;
};

/* The request's side of CivetWeb. */
struct http_wire {
	struct mg_connection *conn;
	const struct mg_request_info *info;
	struct httpd_thread *thread;
	bool chunked;
	bool body_done;
	bool wants_continue;
	int64_t consumed;
	bool stream_broken;
	bool stream_chunked;
	bool stream_whole;
};

enum { HTTPD_MAX_REQUEST = 16384, HTTPD_HEADERS_LIMIT = 63 };

/* The thread of the server that runs this code; NULL on other threads. */
extern _Thread_local struct httpd_thread *httpd_self;
/* The server that this thread is starting: its listening socket is the next one. */
extern _Thread_local struct httpd *httpd_starting;

/* Let the thread's connection be ended while it is idle, from another thread or at once. */
void httpd_end_idle(struct httpd_thread *thread);
/* Value of the first header of that name, any case; NULL. */
const char *httpd_header(const struct mg_request_info *info, const char *name);
/* Why this request is unsafe to serve; NULL when it is not. */
const char *httpd_guard(const struct mg_request_info *info);
/* Send exchange->response in one write; decides whether the connection lives on. */
void httpd_send(struct http_exchange *exchange);
/* Decide whether the connection lives on; the value of the Connection header, NULL: none. */
const char *httpd_connection(struct http_exchange *exchange);
/* Status line and headers. `length` < 0: the body comes in chunks, or to the connection's end. */
void httpd_add_head(struct strbuf *out, const struct http_exchange *exchange,
		    struct mg_connection *conn, int64_t length);
/* One write by the deadline of a slow reader; false: not all of it went out. */
bool httpd_write(struct httpd_thread *thread, struct mg_connection *conn, const char *data,
		 size_t len);
/* Answer with a problem, once, and close; for requests that never reach the handler. */
void httpd_refuse(struct httpd_thread *thread, struct mg_connection *conn,
		  const struct problem *err);
/* Take what is left of the body if it is little and comes soon. True: the body is at its end. */
bool httpd_finish_body(struct http_wire *wire);
/* Half-close and read what the peer still sends, for a bounded time, so that closing does not
 * destroy the answer on its way. */
void httpd_linger(int fd);

#endif
