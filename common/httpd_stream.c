/*
 * Answers in pieces: chunked transfer (RFC 9112 7.1), or for HTTP/1.0 the connection's end.
 */
#include <civetweb.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/httpd_wire.h"

enum { CHUNK_HEAD = 24 };

/* The handler's own code runs: the server's polls are made with its deadline nevertheless. */
static bool write_served(struct http_exchange *exchange, const char *data, size_t len)
{
	struct httpd_thread *thread = exchange->wire->thread;
	bool foreign = thread->foreign;
	thread->foreign = false;
	bool sent = httpd_write(thread, exchange->wire->conn, data, len);
	thread->foreign = foreign;
	return sent;
}

/* What is missing must be seen: the connection ends without the last chunk. */
static bool fail(struct http_exchange *exchange)
{
	exchange->wire->stream_broken = true;
	mg_disable_connection_keep_alive(exchange->wire->conn);
	return false;
}

static bool is_cut_off(const struct http_wire *wire)
{
	int64_t cut_us = atomic_load(&wire->thread->httpd->cut_us);
	return cut_us != 0 && clock_monotonic_us() >= cut_us;
}

void http_stream_begin(struct http_exchange *exchange)
{
	struct http_wire *wire = exchange->wire;
	bool chunked = strcmp(wire->info->http_version, "1.1") == 0;
	struct strbuf head;
	strbuf_init(&head, exchange->arena);
	if (!chunked)
		exchange->response.close = true;
	const char *connection = httpd_connection(exchange);
	httpd_add_head(&head, exchange, wire->conn, -1);
	if (chunked)
		strbuf_adds(&head, "Transfer-Encoding: chunked\r\n");
	if (connection != NULL)
		strbuf_addf(&head, "Connection: %s\r\n", connection);
	strbuf_adds(&head, "\r\n");
	exchange->streamed = true;
	wire->stream_chunked = chunked;
	if (!write_served(exchange, head.buf, head.len))
		fail(exchange);
}

bool http_stream_write(struct http_exchange *exchange, const char *data, size_t len)
{
	struct http_wire *wire = exchange->wire;
	if (wire->stream_broken)
		return false;
	if (is_cut_off(wire))
		return fail(exchange);
	if (len == 0 || strcmp(exchange->method, "HEAD") == 0)
		return true;
	if (!wire->stream_chunked)
		return write_served(exchange, data, len) || fail(exchange);
	struct strbuf chunk CLEANUP(strbuf_release);
	char size[CHUNK_HEAD];
	snprintf(size, sizeof(size), "%zx\r\n", len);
	strbuf_init(&chunk, NULL);
	strbuf_reserve(&chunk, len + sizeof(size) + 2);
	strbuf_adds(&chunk, size);
	strbuf_add(&chunk, data, len);
	strbuf_adds(&chunk, "\r\n");
	return write_served(exchange, chunk.buf, chunk.len) || fail(exchange);
}

void http_stream_end(struct http_exchange *exchange)
{
	static const char last[] = "0\r\n\r\n";
	struct http_wire *wire = exchange->wire;
	wire->stream_whole = !wire->stream_broken;
	if (!wire->stream_whole || !wire->stream_chunked || strcmp(exchange->method, "HEAD") == 0)
		return;
	if (!write_served(exchange, last, sizeof(last) - 1))
		fail(exchange);
}
