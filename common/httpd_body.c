/*
 * Reading requests: headers, bodies within a deadline, percent-decoding.
 *
 * mg_read waits as long as the peer trickles; the thread's deadline ends that (see poll in
 * httpd_drain.c).
 */
#include <civetweb.h>
#include <string.h>

#include "common/clock.h"
#include "common/httpd_wire.h"
#include "common/json.h"

enum {
	SLICE_BYTES = 65536,
	REST_BYTES = 65536, /* an unread rest up to this is taken so that the connection may live */
	REST_MS = 200,
	ESCAPE_LEN = 3,
};

const char *http_header(const struct http_exchange *exchange, const char *name)
{
	return exchange->wire == NULL ? NULL : httpd_header(exchange->wire->info, name);
}

const char *http_header_list(const struct http_exchange *exchange, const char *name)
{
	const struct mg_request_info *info = exchange->wire ? exchange->wire->info : NULL;
	struct strbuf list = {0};
	for (int i = 0; info != NULL && i < info->num_headers; i++) {
		if (strcasecmp(info->http_headers[i].name, name) != 0)
			continue;
		if (list.buf == NULL)
			strbuf_init(&list, exchange->arena);
		else
			strbuf_addc(&list, ',');
		strbuf_adds(&list, info->http_headers[i].value);
	}
	return list.buf;
}

/* mg_read by the deadline: bytes read, 0 at the body's end, -1 when it was cut or late. */
static int read_slice(struct http_wire *wire, char *buf, size_t len, int64_t deadline_us)
{
	struct httpd_thread *thread = wire->thread;
	bool foreign = thread->foreign;
	thread->foreign = false;
	thread->deadline_us = deadline_us;
	int got = mg_read(wire->conn, buf, len);
	thread->deadline_us = 0;
	thread->foreign = foreign;
	if (got > 0)
		wire->consumed += got;
	bool at_end = wire->chunked ? got == 0 : wire->consumed == wire->info->content_length;
	if (at_end)
		wire->body_done = true;
	return got == 0 && !at_end ? -1 : got;
}

bool httpd_finish_body(struct http_wire *wire)
{
	char sink[4096];
	if (wire->wants_continue && wire->consumed == 0 && !wire->body_done)
		return false; /* the peer waits for our word before it sends */
	if (!wire->chunked && wire->info->content_length - wire->consumed > REST_BYTES)
		return false;
	int64_t limit = wire->consumed + REST_BYTES;
	int64_t deadline_us = clock_monotonic_us() + REST_MS * US_PER_MS;
	while (!wire->body_done && wire->consumed < limit)
		if (read_slice(wire, sink, sizeof(sink), deadline_us) < 0)
			return false;
	return wire->body_done;
}

static void say_continue(struct http_wire *wire)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (!wire->wants_continue || strcmp(wire->info->http_version, "1.1") != 0)
		return;
	wire->wants_continue = false;
	mg_write(wire->conn, text, sizeof(text) - 1);
}

static enum status body_cut(int64_t deadline_us, struct problem *err)
{
	if (clock_monotonic_us() >= deadline_us)
		return problem_set(err, ST_MALFORMED, "the body did not arrive in time");
	return problem_set(err, ST_MALFORMED, "the body is cut or its chunks are broken");
}

static enum status read_sized(struct http_exchange *exchange, int64_t deadline_us,
			      struct slice *ret_body, struct problem *err)
{
	struct http_wire *wire = exchange->wire;
	size_t total = (size_t)exchange->content_length;
	size_t len = 0;
	char *body = arena_alloc(exchange->arena, total + 1);
	while (len < total) {
		size_t want = total - len < SLICE_BYTES ? total - len : SLICE_BYTES;
		int got = read_slice(wire, body + len, want, deadline_us);
		if (got <= 0)
			return body_cut(deadline_us, err);
		len += (size_t)got;
	}
	*ret_body = (struct slice){body, len};
	return OK;
}

static enum status read_chunked(struct http_exchange *exchange, size_t max, int64_t deadline_us,
				struct slice *ret_body, struct problem *err)
{
	struct http_wire *wire = exchange->wire;
	char slice[4096];
	struct strbuf body;
	strbuf_init(&body, exchange->arena);
	while (!wire->body_done) {
		int got = read_slice(wire, slice, sizeof(slice), deadline_us);
		if (got < 0)
			return body_cut(deadline_us, err);
		strbuf_add(&body, slice, (size_t)got);
		if (body.len > max)
			return problem_set(err, ST_BODY_TOO_LARGE, "the limit is %zu bytes", max);
	}
	*ret_body = (struct slice){body.buf, body.len};
	return OK;
}

enum status http_read_body(struct http_exchange *exchange, size_t max, int64_t deadline_ms,
			   struct slice *ret_body, struct problem *err)
{
	int64_t deadline_us = clock_monotonic_us() + deadline_ms * US_PER_MS;
	if (exchange->content_length > 0 && (uint64_t)exchange->content_length > max)
		return problem_set(err, ST_BODY_TOO_LARGE, "the limit is %zu bytes", max);
	if (exchange->content_length != 0)
		say_continue(exchange->wire);
	if (exchange->content_length >= 0)
		return read_sized(exchange, deadline_us, ret_body, err);
	return read_chunked(exchange, max, deadline_us, ret_body, err);
}

enum status http_read_piece(struct http_exchange *exchange, char *buf, size_t size, size_t max,
			    int64_t deadline_ms, size_t *ret_len, struct problem *err)
{
	struct http_wire *wire = exchange->wire;
	int64_t deadline_us = clock_monotonic_us() + deadline_ms * US_PER_MS;
	size_t len = 0;
	if (exchange->content_length > 0 && (uint64_t)exchange->content_length > max)
		return problem_set(err, ST_BODY_TOO_LARGE, "the limit is %zu bytes", max);
	if (!wire->body_done)
		say_continue(wire);
	while (len < size && !wire->body_done) {
		int got = read_slice(wire, buf + len, size - len, deadline_us);
		if (got < 0)
			return body_cut(deadline_us, err);
		len += (size_t)got;
		if ((uint64_t)wire->consumed > max)
			return problem_set(err, ST_BODY_TOO_LARGE, "the limit is %zu bytes", max);
	}
	*ret_len = len;
	return OK;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte of the escape at `text`, -1 when it is none or is NUL. */
static int unescape(const char *text, size_t len)
{
	if (len < ESCAPE_LEN)
		return -1;
	int high = hex_value(text[1]);
	int low = hex_value(text[2]);
	if (high < 0 || low < 0 || high + low == 0)
		return -1;
	return high * 16 + low;
}

char *http_decode(struct arena *arena, const char *text, size_t len, bool query)
{
	char *ret = arena_alloc(arena, len + 1);
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '%') {
			ret[used] = text[i];
			if (query && text[i] == '+')
				ret[used] = ' ';
			used++;
			continue;
		}
		int byte = unescape(text + i, len - i);
		if (byte < 0)
			return NULL;
		ret[used++] = (char)(unsigned char)byte;
		i += ESCAPE_LEN - 1;
	}
	ret[used] = '\0';
	if (memchr(ret, '\0', used) != NULL || utf8_length(ret, used) == SIZE_MAX)
		return NULL;
	return ret;
}
