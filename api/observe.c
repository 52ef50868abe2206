#include "api/observe.h"

#include <string.h>

#include "api/observe_metrics.h"
#include "common/clock.h"
#include "common/log.h"

/* --- the span of a request ---------------------------------------------------------------- */

void observe_trace(struct request *req)
{
	const char *context = trace_accept(req->arena, http_header_list(req->http, "traceparent"),
					   http_header_list(req->http, "tracestate"));

	req->traceparent = trace_begin(&req->span, req->arena, context);
}

/* Probes begin no traces: they would be most of them. */
static bool is_worth_telling(const struct request *req)
{
	bool probe = req->route && req->route->flags & ROUTE_UNBOUNDED;

	return req->span.recorded && (!probe || *req->span.parent_id);
}

/* A path of anything but words and ids of ours may hold what is nobody's business, and so stays
 * out; queries always do. */
static void end_span(const struct request *req, const char *error)
{
	const struct route *route = req->route;
	const char *method = observe_method(req->http->method);
	const struct trace_attribute attributes[] = {
		{"http.request.method", method, 0},
		{"http.route", route ? route->pattern : NULL, 0},
		{"url.path", route && !req->slug ? req->http->path : NULL, 0},
		{"url.scheme", "http", 0},
		{"http.response.status_code", NULL, req->http->response.status},
	};

	if (is_worth_telling(req))
		trace_end(&req->span, &(struct trace_report){
					      .kind = TRACE_SERVER,
					      .verb = method,
					      .object = route ? route->pattern : NULL,
					      .error = error,
					      .attributes = attributes,
					      .count = ARRAY_LEN(attributes),
				      });
}

/* --- the line of a request ---------------------------------------------------------------- */

/* From the handler to `done`, which runs on the same thread before the arena is reset. */
struct observed {
	struct request *req;
	const char *url;
	const char *user_agent;
	const char *error;   /* of an answer that is our fault */
	const char *slug;    /* the problem's, for its span */
	const char *address; /* the caller's; NULL: the peer's */
};

static _Thread_local struct observed observed;

/* Where the caller is: the peer, or whom a proxy that is trusted names. */
static const char *address_of(const struct request *req)
{
	const struct http_exchange *http = req->http;
	const struct proxies *proxies = &req->app->proxies;
	char *address;

	if (!proxies->count)
		return http->remote_addr;
	address = arena_alloc(req->arena, ADDRESS_TEXT_SIZE);
	client_address(proxies, http->remote_addr, http_header_list(http, "X-Forwarded-For"),
		       address);
	return address;
}

void observe_begin(struct request *req)
{
	const struct http_exchange *http = req->http;
	const char *agent = http_header(http, "User-Agent");

	observed = (struct observed){.req = req};
	observed.user_agent = agent ? arena_strdup(req->arena, agent) : NULL;
	observed.address = address_of(req);
	observe_count_begin();
}

void observe_end(struct request *req, const struct problem *err)
{
	const struct problem_row *row = err ? problem_row(err->status) : NULL;

	observed.url = observe_url(req);
	if (row && row->http >= problem_row(ST_INTERNAL_ERROR)->http) {
		observed.error = arena_strdup(req->arena, err->detail);
		observed.slug = row->slug;
	}
	observe_count_end();
}

static void log_request(const struct http_exchange *exchange, const struct observed *seen,
			int64_t duration_us)
{
	const struct request *req = seen->req;
	struct log_line line;

	log_open(&line, seen->error ? LOG_ERROR : LOG_INFO, "HTTP Request");
	log_str(&line, "method", exchange->method);
	log_str(&line, "url", seen->url);
	log_i64(&line, "statusCode", exchange->response.status);
	log_ms(&line, "duration", duration_us);
	log_str(&line, "userAgent", seen->user_agent);
	log_str(&line, "ip", seen->address ? seen->address : exchange->remote_addr);
	if (req && req->caller.signed_in)
		log_i64(&line, "userId", req->caller.user_id);
	log_str(&line, "requestId", exchange->request_id);
	if (req)
		trace_log(&line, &req->span);
	log_str(&line, "error", seen->error);
	log_close(&line);
}

void observe_sent(struct http_exchange *exchange)
{
	struct observed seen = observed;
	int64_t duration_us = clock_monotonic_us() - exchange->started_us;

	observed = (struct observed){0};
	if (!seen.req || seen.req->http != exchange) {
		seen = (struct observed){0};
		duration_us = exchange->started_us ? duration_us : 0;
	}
	observe_count(seen.req, exchange, duration_us);
	log_request(exchange, &seen, duration_us);
	if (seen.req)
		end_span(seen.req, seen.slug);
}
