/*
 * httpd: the HTTP/1.1 server of every binary (CivetWeb): options, guards, one write an answer,
 * drain.
 *
 * The handler runs on one of the server's threads, one request at a time a thread, with an arena
 * that is reset after the answer. It reads what it needs from the exchange, may read the body, and
 * fills `response`; httpd sends it in one write. Framing that is unsafe behind a proxy is answered
 * before the handler is called: 400 with a problem document (guards: CL with TE, two CL, no Host,
 * more than 63 headers, control bytes, %00, bare LF); what CivetWeb raises itself too.
 */
#ifndef COMMON_HTTPD_H
#define COMMON_HTTPD_H

#include "common/problem.h"

struct httpd;
struct http_wire; /* CivetWeb's connection */

enum { HTTP_HEADERS_MAX = 16 };

struct http_header {
	const char *name;
	const char *value;
};

struct http_response {
	int status;
	const char *content_type; /* NULL: no body */
	struct slice body;
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t header_count;
	bool close; /* Connection: close */
	bool cut;   /* send half of the body, nothing without one, and hang up: stand-ins fail so */
};

/* One request and its answer. Texts live until the handler returns. */
struct http_exchange {
	struct arena *arena;
	const char *method; /* as sent; HEAD is given as HEAD, its body is dropped on sending */
	const char *path;   /* raw: still percent-encoded, without the query */
	const char *query;  /* raw, NULL when there is none */
	const char *remote_addr;
	int64_t started_us;     /* clock_monotonic_us at the first byte of handling */
	int64_t content_length; /* -1: chunked; 0: no body */
	struct http_response response;
	const char *request_id; /* set by the handler; shown in problems raised by httpd */
	bool streamed;          /* the answer went out, or is going, by http_stream_… */
	struct http_wire *wire;
};

typedef void http_handler(void *ctx, struct http_exchange *exchange);

struct httpd_options {
	int port;            /* 0: the system chooses, see httpd_port */
	const char *address; /* "0.0.0.0" by default when NULL */
	int threads;
	int connection_queue;
	int64_t request_timeout_ms;
	int64_t keep_alive_timeout_ms;
	http_handler *handler;
	/* After the answer was sent, for the log line and metrics: response.status is what went
	 * out. For requests that httpd refused itself path is NULL, method is "-" when it could
	 * not be read, and no header is to be had. */
	http_handler *done;
	void *ctx;
};

enum status httpd_start(const struct httpd_options *options, struct httpd **ret,
			struct problem *err) MUST_CHECK;
int httpd_port(const struct httpd *httpd);
/* Requests being handled now. */
int httpd_in_flight(const struct httpd *httpd);
/* Stop taking connections, answer what was accepted (with Connection: close), end connections that
 * stay idle for a second, then stop; cut what is left after `deadline_ms`. Frees. */
void httpd_drain(struct httpd *httpd, int64_t deadline_ms);

/* Value of the first header of that name, any case; NULL. */
const char *http_header(const struct http_exchange *exchange, const char *name);
/* Values of all headers of that name as one list with commas (RFC 9110, 5.3), in the arena; NULL.
 */
const char *http_header_list(const struct http_exchange *exchange, const char *name);
/* Read the whole body into the arena (NUL behind it): ST_BODY_TOO_LARGE over `max` bytes (judged by
 * Content-Length before reading), ST_MALFORMED when it ends early or took longer than
 * `deadline_ms`. Answers Expect: 100-continue first. */
enum status http_read_body(struct http_exchange *exchange, size_t max, int64_t deadline_ms,
			   struct slice *ret_body, struct problem *err) MUST_CHECK;
/* Read the next piece of the body: `size` bytes, fewer at its end, 0 behind it. Failures as
 * http_read_body's; `max` is the whole body's bound, `deadline_ms` this piece's. */
enum status http_read_piece(struct http_exchange *exchange, char *buf, size_t size, size_t max,
			    int64_t deadline_ms, size_t *ret_len, struct problem *err) MUST_CHECK;
/* Add a response header; value is copied to the arena. Values with control bytes are dropped. */
void http_add_header(struct http_exchange *exchange, const char *name, const char *value);
/* Set the response to a problem document: status, Retry-After for 429 and 503, WWW-Authenticate
 * for 401, Allow for 405. */
void http_respond_problem(struct http_exchange *exchange, const struct problem *err);

/*
 * An answer of any length, in pieces: http_stream_begin sends the head made of `response` (its body
 * is not looked at), chunked, or for HTTP/1.0 up to the connection's end. After it the response
 * cannot be changed. http_stream_write is false once the peer is gone, too slow, or a drain cuts
 * long answers off: the handler then just returns, and the peer sees that the answer is cut.
 * http_stream_end says that it is whole. For HEAD the pieces are dropped.
 */
void http_stream_begin(struct http_exchange *exchange);
bool http_stream_write(struct http_exchange *exchange, const char *data, size_t len) MUST_CHECK;
void http_stream_end(struct http_exchange *exchange);

/* Percent-decode one path segment or query value into the arena (plus to blank when `query`).
 * NULL: bad escape, %00, or not UTF-8. */
char *http_decode(struct arena *arena, const char *text, size_t len, bool query);

/* A small server for /metrics and /health/live on its own port and threads (API and workers). */
enum status httpd_start_metrics(int port, struct httpd **ret, struct problem *err) MUST_CHECK;

#endif
