#include "api/observe.h"

#include <stdio.h>
#include <string.h>

#include "api/observe_metrics.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/sign.h"

/* --- trace context (W3C Trace Context 1, 3.2) ------------------------------------------------- */

enum { TRACE_ID = 32, SPAN_ID = 16, TRACEPARENT = 55 };

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static bool all_zero(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

/* "vv-<32 hex>-<16 hex>-ff"; a version to come may append "-…". */
static bool traceparent_valid(const char *text)
{
	size_t len = strlen(text);

	if (len < TRACEPARENT || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return false;
	if (!is_hex(text, 2) || !is_hex(text + 3, TRACE_ID) || !is_hex(text + 36, SPAN_ID) ||
	    !is_hex(text + 53, 2))
		return false;
	if (!strncmp(text, "ff", 2) || all_zero(text + 3, TRACE_ID) || all_zero(text + 36, SPAN_ID))
		return false;
	return len == TRACEPARENT || (strncmp(text, "00", 2) != 0 && text[TRACEPARENT] == '-');
}

/* Random hex digits, never all zero, which would mean none. */
static void random_hex(char *ret, size_t digits)
{
	uint8_t bytes[TRACE_ID / 2];

	do {
		ids_random(bytes, digits / 2);
		sign_hex(bytes, digits / 2, ret);
	} while (all_zero(ret, digits));
}

/* Only the sampled flag is known to version 00. */
static bool sampled(char last_digit)
{
	return strchr("13579bdf", last_digit) != NULL;
}

const char *observe_traceparent(struct request *req)
{
	const char *given = http_header(req->http, "traceparent");
	char trace[TRACE_ID + 1], span[SPAN_ID + 1];
	const char *flags = "00";

	random_hex(span, SPAN_ID);
	if (given && traceparent_valid(given)) {
		memcpy(trace, given + 3, TRACE_ID);
		trace[TRACE_ID] = '\0';
		flags = sampled(given[54]) ? "01" : "00";
	} else {
		random_hex(trace, TRACE_ID);
	}
	return arena_printf(req->arena, "00-%s-%s-%s", trace, span, flags);
}

/* --- the line of a request -------------------------------------------------------------------- */

/* From the handler to `done`, which runs on the same thread before the arena is reset. */
struct observed {
	struct request *req;
	const char *url;
	const char *user_agent;
	const char *error; /* of an answer that is our fault */
};

static _Thread_local struct observed observed;

/* Is this parameter the signed link's token, however its name is escaped? */
static bool is_token(struct arena *arena, const char *param, size_t len)
{
	const char *equals = memchr(param, '=', len);
	const char *name;

	if (!equals)
		return false;
	name = http_decode(arena, param, (size_t)(equals - param), true);
	return name && !strcmp(name, "token");
}

/* Path and query; a signed link's token opens a ticket and stays out of the logs. */
static const char *loggable_url(struct arena *arena, const char *path, const char *query)
{
	struct strbuf url;

	strbuf_init(&url, arena);
	strbuf_adds(&url, path);
	for (char before = '?'; query && *query; before = '&') {
		size_t len = strcspn(query, "&");

		strbuf_addc(&url, before);
		if (is_token(arena, query, len))
			strbuf_adds(&url, "token=***");
		else
			strbuf_add(&url, query, len);
		query += len + (query[len] == '&');
	}
	return url.buf;
}

void observe_begin(struct request *req)
{
	const struct http_exchange *http = req->http;
	const char *agent = http_header(http, "User-Agent");

	observed = (struct observed){.req = req};
	observed.url = loggable_url(req->arena, http->path, http->query);
	observed.user_agent = agent ? arena_strdup(req->arena, agent) : NULL;
	observe_count_begin();
}

void observe_end(struct request *req, const struct problem *err)
{
	if (err && problem_row(err->status)->http >= problem_row(ST_INTERNAL_ERROR)->http)
		observed.error = arena_strdup(req->arena, err->detail);
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
	log_str(&line, "ip", exchange->remote_addr);
	if (req && req->caller.signed_in)
		log_i64(&line, "userId", req->caller.user_id);
	log_str(&line, "requestId", exchange->request_id);
	log_str(&line, "traceparent", req ? req->traceparent : NULL);
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
}
