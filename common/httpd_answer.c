/*
 * Answering: one buffer, one write; whether the connection lives on.
 */
#include <assert.h>
#include <civetweb.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/httpd_wire.h"
#include "common/ids.h"

enum {
	RETRY_AFTER_S = 2,           /* when the problem says nothing else */
	SLOWEST_BYTES_PER_S = 16384, /* a reader slower than this is cut */
	DATE_SIZE = 40,
	WORD_MAX = 2048,
};

/* Printable, no line ends: safe as a header's value. */
static bool is_safe_value(const char *value)
{
	for (; *value != '\0'; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

void http_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
	struct http_response *response = &exchange->response;
	assert(response->header_count < HTTP_HEADERS_MAX);
	if (!is_safe_value(value) || response->header_count == HTTP_HEADERS_MAX)
		return;
	response->headers[response->header_count++] =
		(struct http_header){name, arena_strdup(exchange->arena, value)};
}

static void add_problem_headers(struct http_exchange *exchange, const struct problem *err, int http)
{
	if (http == 429 || http == 503 || err->retry_after_s > 0) {
		int seconds = err->retry_after_s > 0 ? err->retry_after_s : RETRY_AFTER_S;
		http_add_header(exchange, "Retry-After",
				arena_printf(exchange->arena, "%d", seconds));
	}
	if (http == 401)
		http_add_header(exchange, "WWW-Authenticate", "Bearer");
	if (http == 405 && err->allow != NULL)
		http_add_header(exchange, "Allow", err->allow);
}

static void set_problem(struct http_exchange *exchange, const struct problem *err,
			const char *instance)
{
	struct strbuf body;
	strbuf_init(&body, exchange->arena);
	problem_render(&body, err, instance, exchange->request_id);
	exchange->response.status = problem_row(err->status)->http;
	exchange->response.content_type = "application/problem+json";
	exchange->response.body = (struct slice){body.buf, body.len};
	add_problem_headers(exchange, err, exchange->response.status);
}

void http_respond_problem(struct http_exchange *exchange, const struct problem *err)
{
	set_problem(exchange, err, exchange->path);
}

/* --- does the connection live on? -------------------------------------------------------------*/

static bool has_token(const char *list, const char *token)
{
	size_t len = strlen(token);
	while (*list != '\0') {
		list += strspn(list, ", \t");
		size_t word = strcspn(list, ", \t");
		if (word == len && strncasecmp(list, token, len) == 0)
			return true;
		list += word;
	}
	return false;
}

/* The peer's wish, as CivetWeb reads it (it ends every connection whose header names anything but
 * keep-alive), but that close wins. */
static bool peer_keeps(const struct mg_request_info *info)
{
	const char *wish = httpd_header(info, "Connection");
	if (wish == NULL)
		return strcmp(info->http_version, "1.1") == 0;
	return has_token(wish, "keep-alive") && !has_token(wish, "close");
}

/* Decide, and leave the connection in the state that goes with it. */
static bool keep_connection(const struct http_exchange *exchange)
{
	struct http_wire *wire = exchange->wire;
	struct httpd_thread *thread = wire->thread;
	bool wish = peer_keeps(wire->info);
	bool close = exchange->response.close || exchange->response.cut;
	bool keep = wish && !close && !atomic_load(&thread->httpd->draining) &&
		    thread->httpd->keeps_alive;
	if (keep && !wire->body_done)
		keep = httpd_finish_body(wire);
	if (keep)
		return true;
	mg_disable_connection_keep_alive(wire->conn);
	/* A peer that goes on sending would be answered by a reset, which destroys the answer. */
	thread->linger = wish || !wire->body_done;
	return false;
}

/* --- sending ----------------------------------------------------------------------------------*/

static void add_date(struct strbuf *out)
{
	static _Thread_local time_t cached_at;
	static _Thread_local char cached[DATE_SIZE];
	time_t now = (time_t)(clock_now_us() / US_PER_S);
	if (now != cached_at) {
		struct tm utc;
		gmtime_r(&now, &utc);
		strftime(cached, sizeof(cached), "%a, %d %b %Y %H:%M:%S GMT", &utc);
		cached_at = now;
	}
	strbuf_adds(out, "Date: ");
	strbuf_adds(out, cached);
	strbuf_adds(out, "\r\n");
}

static void add_header(struct strbuf *out, const char *name, const char *value)
{
	strbuf_adds(out, name);
	strbuf_adds(out, ": ");
	strbuf_adds(out, value);
	strbuf_adds(out, "\r\n");
}

/* Numbers whose answers end with their headers (RFC 9110 §6.4.1). */
static bool is_bodyless(int status)
{
	return status < 200 || status == 204 || status == 304;
}

void httpd_add_head(struct strbuf *out, const struct http_exchange *exchange,
		    struct mg_connection *conn, int64_t length)
{
	const struct http_response *response = &exchange->response;
	strbuf_adds(out, "HTTP/1.1 ");
	strbuf_add_i64(out, response->status);
	strbuf_addc(out, ' ');
	strbuf_adds(out, mg_get_response_code_text(conn, response->status));
	strbuf_adds(out, "\r\n");
	add_date(out);
	if (response->content_type != NULL && !is_bodyless(response->status))
		add_header(out, "Content-Type", response->content_type);
	if (!is_bodyless(response->status) && length >= 0) {
		strbuf_adds(out, "Content-Length: ");
		strbuf_add_i64(out, length);
		strbuf_adds(out, "\r\n");
	}
	add_header(out, "X-Content-Type-Options", "nosniff");
	if (exchange->request_id != NULL && is_safe_value(exchange->request_id))
		add_header(out, "X-Request-Id", exchange->request_id);
	for (size_t i = 0; i < response->header_count; i++)
		add_header(out, response->headers[i].name, response->headers[i].value);
}

bool httpd_write(struct httpd_thread *thread, struct mg_connection *conn, const char *data,
		 size_t len)
{
	int64_t allowance_us = (int64_t)len * US_PER_S / SLOWEST_BYTES_PER_S;
	thread->deadline_us = clock_monotonic_us() + thread->httpd->write_timeout_us + allowance_us;
	int sent = mg_write(conn, data, len);
	thread->deadline_us = 0;
	if (sent >= 0 && (size_t)sent == len)
		return true;
	mg_disable_connection_keep_alive(conn);
	return false;
}

static void send_answer(struct httpd_thread *thread, struct mg_connection *conn,
			const struct http_exchange *exchange, const char *connection)
{
	const struct http_response *response = &exchange->response;
	struct strbuf out;
	strbuf_init(&out, exchange->arena);
	strbuf_reserve(&out, response->body.len + 1024);
	httpd_add_head(&out, exchange, conn, (int64_t)response->body.len);
	if (connection != NULL)
		add_header(&out, "Connection", connection);
	strbuf_adds(&out, "\r\n");
	bool head = strcmp(exchange->method, "HEAD") == 0;
	if (!head && !is_bodyless(response->status))
		strbuf_add(&out, response->body.at, response->body.len);
	if (response->cut)
		strbuf_truncate(&out,
				response->body.len > 1 ? out.len - response->body.len / 2 : 0);
	if (out.len > 0)
		(void)httpd_write(thread, conn, out.buf, out.len);
}

const char *httpd_connection(struct http_exchange *exchange)
{
	if (!keep_connection(exchange))
		return "close";
	return strcmp(exchange->wire->info->http_version, "1.0") == 0 ? "keep-alive" : NULL;
}

void httpd_send(struct http_exchange *exchange)
{
	struct http_wire *wire = exchange->wire;
	if (exchange->streamed && !wire->stream_whole)
		mg_disable_connection_keep_alive(wire->conn);
	if (!exchange->streamed)
		send_answer(wire->thread, wire->conn, exchange, httpd_connection(exchange));
}

/* What CivetWeb could not parse it gives out as it lies in the buffer, to the block's end. */
static bool is_one_word(const char *text)
{
	for (size_t len = 0; text != NULL && len < WORD_MAX; len++) {
		if (text[len] == '\0')
			return len > 0;
		if ((unsigned char)text[len] <= ' ' || (unsigned char)text[len] >= 0x7f)
			return false;
	}
	return false;
}

void httpd_refuse(struct httpd_thread *thread, struct mg_connection *conn,
		  const struct problem *err)
{
	const struct mg_request_info *info = mg_get_request_info(conn);
	char request_id[UUID_SIZE];
	ids_uuid7(request_id);
	struct http_exchange exchange = {
		.arena = &thread->arena,
		.request_id = request_id,
		.method = is_one_word(info->request_method) ? info->request_method : "-",
		.remote_addr = info->remote_addr,
		.started_us = clock_monotonic_us(),
	};
	set_problem(&exchange, err, is_one_word(info->request_uri) ? info->request_uri : NULL);
	exchange.response.close = true;
	thread->refused = true;
	thread->linger = true;
	mg_disable_connection_keep_alive(conn);
	send_answer(thread, conn, &exchange, "close");
	if (thread->httpd->done != NULL) {
		thread->foreign = true;
		thread->httpd->done(thread->httpd->ctx, &exchange);
		thread->foreign = false;
	}
	arena_reset(&thread->arena);
}
