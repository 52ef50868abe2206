/*
 * The small server for /metrics and /health/live: its own port and threads, so that it answers
 * while the API's threads are all busy.
 */
#include <string.h>

#include "common/httpd.h"
#include "common/metrics.h"

enum { THREADS = 3, QUEUE = 16, TIMEOUT_MS = 5000 };

static void respond(struct http_exchange *exchange, const char *type, struct slice body)
{
	exchange->response.status = 200;
	exchange->response.content_type = type;
	exchange->response.body = body;
	http_add_header(exchange, "Cache-Control", "no-store");
}

static void respond_metrics(struct http_exchange *exchange)
{
	struct strbuf text;
	strbuf_init(&text, exchange->arena);
	metrics_render(&text);
	respond(exchange, "text/plain; version=0.0.4; charset=utf-8",
		(struct slice){text.buf, text.len});
}

static void respond_live(struct http_exchange *exchange)
{
	static const char body[] = "{\"status\":\"ok\"}";
	respond(exchange, "application/json", (struct slice){body, sizeof(body) - 1});
}

static void handle(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	struct problem err = {0};
	bool reading =
		strcmp(exchange->method, "GET") == 0 || strcmp(exchange->method, "HEAD") == 0;
	bool metrics = strcmp(exchange->path, "/metrics") == 0;
	if (!metrics && strcmp(exchange->path, "/health/live") != 0) {
		problem_set(&err, ST_NOT_FOUND, "only /metrics and /health/live are served here");
	} else if (!reading) {
		problem_set(&err, ST_METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
		err.allow = "GET, HEAD";
	} else if (metrics) {
		respond_metrics(exchange);
		return;
	} else {
		respond_live(exchange);
		return;
	}
	http_respond_problem(exchange, &err);
}

enum status httpd_start_metrics(int port, struct httpd **ret, struct problem *err)
{
	struct httpd_options options = {
		.port = port,
		.threads = THREADS,
		.connection_queue = QUEUE,
		.request_timeout_ms = TIMEOUT_MS,
		.keep_alive_timeout_ms = 0, /* an idle scraper must not hold one of few threads */
		.handler = handle,
	};
	return httpd_start(&options, ret, err);
}
