#include "common/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/ids.h"
#include "common/memory.h"
#include "common/trace.h"

enum {
	BODY_MAX = 1 << 20,
	BACKOFF_FIRST_MS =
		100, /* the first wait is random below this, each next below twice more */
	BACKOFF_MAX_MS = 5000,
	RETRY_AFTER_MAX_S = 86400,
	STALL_S = 30, /* less than a byte a second for so long: cut */
	FIRST_FAILURE = 400,
	FIRST_SERVER_FAILURE = 500,
};

/* How one attempt ended. */
struct attempt {
	CURLcode code;
	size_t body_max;
	bool too_large;
	int status; /* 0: no whole answer */
	int retry_after_s;
	int number; /* 1: the first */
	struct strbuf body;
};

static pthread_key_t handle_key;

static void free_handle(void *handle)
{
	curl_easy_cleanup(handle);
}

void http_client_init(void)
{
	/* An option that found no memory would be left out: a DELETE would be sent as a GET. */
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_alloc, free, memory_realloc,
				 memory_strdup, memory_calloc) != CURLE_OK)
		fatal("libcurl cannot be initialised");
	if (pthread_key_create(&handle_key, free_handle) != 0)
		fatal("no thread-specific key is left");
}

/* This thread's handle with default options; its open connections are kept. */
static CURL *fresh_handle(void)
{
	CURL *handle = pthread_getspecific(handle_key);
	if (handle != NULL) {
		curl_easy_reset(handle);
		return handle;
	}
	handle = curl_easy_init();
	if (handle == NULL || pthread_setspecific(handle_key, handle) != 0)
		fatal("out of memory");
	return handle;
}

/* --- headers ----------------------------------------------------------------------------------*/

static void free_headers(struct curl_slist **headers)
{
	curl_slist_free_all(*headers);
}

static void append(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);
	if (longer == NULL)
		fatal("out of memory");
	*headers = longer;
}

static bool has_control(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return true;
	return false;
}

/* "name: prefix value" for a value that is there. */
static enum status add_header(struct arena *arena, struct curl_slist **headers, const char *name,
			      const char *value, struct problem *err)
{
	if (value == NULL)
		return OK;
	if (has_control(value))
		return problem_set(err, ST_UPSTREAM_REFUSED,
				   "the value for %s holds control characters",
				   name[0] != '\0' ? name : "a header");
	append(headers, arena_printf(arena, "%s%s", name, value));
	return OK;
}

/* `context`: of the call's own span. */
static enum status make_headers(struct arena *arena, const struct http_call *call,
				const char *context, struct curl_slist **headers,
				struct problem *err)
{
	const char *parent = context ? arena_strndup(arena, context, TRACEPARENT_LEN) : NULL;
	const struct http_header_row {
		const char *name, *value;
	} rows[] = {
		{"X-Service-Token: ", call->service_token},
		{"Authorization: Bearer ", call->bearer},
		{"Idempotency-Key: ", call->idempotency_key},
		{"X-Request-Id: ", call->request_id},
		{"traceparent: ", parent},
		{"tracestate: ", context ? trace_state(context) : NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum status st = add_header(arena, headers, rows[i].name, rows[i].value, err);
		if (st != OK)
			return st;
	}
	for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++) {
		enum status st = add_header(arena, headers, "", call->headers[i], err);
		if (st != OK)
			return st;
	}
	append(headers, "Accept: application/json");
	append(headers, "Expect:"); /* else curl waits a second before larger bodies */
	/* Without a value curl leaves the header out, else it names a form. */
	append(headers, call->body != NULL ? "Content-Type: application/json" : "Content-Type:");
	return OK;
}

/* --- one attempt ------------------------------------------------------------------------------*/

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
	struct attempt *attempt = ctx;
	size_t len = size * count;
	if (attempt->body.len + len > attempt->body_max) {
		attempt->too_large = true;
		return 0;
	}
	strbuf_add(&attempt->body, data, len);
	return len;
}

static void set_safety(CURL *handle, int64_t timeout_ms, size_t body_max)
{
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_PROXY, "");
	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body_max);
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(handle, CURLOPT_USERAGENT, "core-service/" CORE_VERSION);
}

static void set_request(CURL *handle, const struct http_call *call, struct curl_slist *headers)
{
	curl_easy_setopt(handle, CURLOPT_URL, call->url);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
	if (call->body != NULL) {
		curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)strlen(call->body));
		curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body);
	} else if (strcasecmp(call->method, "POST") == 0) {
		curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "");
	}
	if (strcasecmp(call->method, "HEAD") == 0)
		curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method);
}

static void read_outcome(CURL *handle, struct attempt *ret)
{
	long status = 0;
	curl_off_t wait_s = 0;
	if (ret->code != CURLE_OK)
		return;
	curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
	/* Seconds, whichever form the header had. */
	curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &wait_s);
	ret->status = (int)status;
	if (wait_s > 0)
		ret->retry_after_s = wait_s < RETRY_AFTER_MAX_S ? (int)wait_s : RETRY_AFTER_MAX_S;
}

static void try_once(struct arena *arena, const struct http_call *call, struct curl_slist *headers,
		     int64_t timeout_ms, struct attempt *ret)
{
	CURL *handle = fresh_handle();
	*ret = (struct attempt){.code = CURLE_OK,
				.body_max = call->body_max > 0 ? call->body_max : BODY_MAX};
	strbuf_init(&ret->body, arena);
	set_safety(handle, timeout_ms, ret->body_max);
	set_request(handle, call, headers);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, ret);
	ret->code = curl_easy_perform(handle);
	ret->too_large = ret->too_large || ret->code == CURLE_FILESIZE_EXCEEDED;
	read_outcome(handle, ret);
	/* Nothing of this call may be reached through the kept handle. */
	curl_easy_reset(handle);
}

/* --- all attempts -----------------------------------------------------------------------------*/

static bool is_unsent(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
}

/* Did the request certainly not reach the service, or is it safe to send twice? */
static bool may_repeat(const struct http_call *call, CURLcode code)
{
	return is_unsent(code) || call->idempotency_key != NULL ||
	       strcasecmp(call->method, "GET") == 0 || strcasecmp(call->method, "HEAD") == 0;
}

static bool is_transport_failure(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_OPERATION_TIMEDOUT || code == CURLE_GOT_NOTHING ||
	       code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE ||
	       code == CURLE_SSL_CONNECT_ERROR;
}

static bool is_worth_retrying(const struct http_call *call, const struct attempt *attempt)
{
	if (attempt->too_large)
		return false;
	if (attempt->code != CURLE_OK)
		return is_transport_failure(attempt->code) && may_repeat(call, attempt->code);
	return attempt->status == 429 || attempt->status == 502 || attempt->status == 503 ||
	       attempt->status == 504;
}

/* Milliseconds before attempt `done` + 1: full jitter, and what the service asked for. */
static int64_t wait_before_next(const struct attempt *attempt, int done)
{
	int64_t cap_ms = BACKOFF_MAX_MS;
	if (done < 6)
		cap_ms = (int64_t)BACKOFF_FIRST_MS << (done - 1);
	int64_t wait_ms = (int64_t)ids_random_below((uint64_t)cap_ms);
	return (int64_t)attempt->retry_after_s * 1000 + wait_ms;
}

static int64_t left_ms(int64_t deadline_us)
{
	return (deadline_us - clock_monotonic_us()) / US_PER_MS;
}

/* Attempts until one settles it, the number or the time is up. */
static void try_all(struct arena *arena, const struct http_call *call, struct curl_slist *headers,
		    struct attempt *ret)
{
	int64_t deadline_us = clock_monotonic_us() + call->budget_ms * US_PER_MS;
	int64_t left = call->budget_ms;
	for (int done = 1; left > 0; done++) {
		try_once(arena, call, headers, left < call->timeout_ms ? left : call->timeout_ms,
			 ret);
		ret->number = done;
		if (done >= call->attempts || !is_worth_retrying(call, ret))
			return;
		int64_t wait_ms = wait_before_next(ret, done);
		if (wait_ms >= left_ms(deadline_us))
			return;
		clock_sleep_ms(wait_ms);
		left = left_ms(deadline_us);
	}
}

/* 4xx that say "later", not "no". */
static bool is_refusal(int status)
{
	return status >= FIRST_FAILURE && status < FIRST_SERVER_FAILURE && status != 408 &&
	       status != 425 && status != 429;
}

static enum status judge(const struct attempt *attempt, struct problem *err)
{
	if (attempt->too_large)
		return problem_set(err, ST_UPSTREAM_DOWN, "the answer is over %zu bytes",
				   attempt->body_max);
	if (attempt->status == 0)
		return problem_set(err, ST_UPSTREAM_DOWN, "no answer: %s",
				   curl_easy_strerror(attempt->code));
	if (attempt->status < FIRST_FAILURE)
		return OK;
	enum status st = is_refusal(attempt->status) ? ST_UPSTREAM_REFUSED : ST_UPSTREAM_DOWN;
	problem_set(err, st, "the service answered %d", attempt->status);
	if (err != NULL)
		err->retry_after_s = attempt->retry_after_s;
	return st;
}

/* --- the call's span --------------------------------------------------------------------------*/

/* Host and port of an address that was called, without what may stand before or behind them. */
static const char *host_of(struct arena *arena, const char *url, int64_t *ret_port)
{
	CURLU *parts = curl_url();
	char *host = NULL, *port = NULL;
	const char *copy = NULL;
	if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		copy = arena_strdup(arena, host);
		*ret_port = strtoll(port, NULL, 10);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return copy;
}

static const char *failure_of(struct arena *arena, const struct attempt *attempt)
{
	if (attempt->status >= FIRST_FAILURE)
		return arena_printf(arena, "%d", attempt->status);
	if (attempt->status != 0 && !attempt->too_large)
		return NULL;
	return attempt->code == CURLE_OPERATION_TIMEDOUT ? "timeout" : "connection";
}

/* The path stays out: of what it holds this file knows nothing. */
static void end_span(struct arena *arena, const struct trace_span *span,
		     const struct http_call *call, const struct attempt *attempt)
{
	int64_t port = 0;
	if (!span->recorded)
		return;
	const char *host = host_of(arena, call->url, &port);
	const struct trace_attribute attributes[] = {
		{"http.request.method", call->method, 0},
		{"peer.service", call->peer, 0},
		{"server.address", host, 0},
		{"server.port", NULL, port},
		{"http.response.status_code", NULL, attempt->status},
		{"http.request.resend_count", NULL, attempt->number - 1},
	};
	trace_end(span, &(struct trace_report){
				.kind = TRACE_CLIENT,
				.verb = call->method,
				.object = call->peer,
				.error = failure_of(arena, attempt),
				.attributes = attributes,
				.count = ARRAY_LEN(attributes),
			});
}

enum status http_call(struct arena *arena, const struct http_call *call,
		      struct http_answer *ret_answer, struct problem *err)
{
	CLEANUP(free_headers) struct curl_slist *headers = NULL;
	struct attempt attempt = {.code = CURLE_OPERATION_TIMEDOUT, .number = 1};
	struct trace_span span = {0};
	const char *context = NULL;
	*ret_answer = (struct http_answer){.body = {"", 0}};
	if (call->traceparent != NULL)
		context = trace_begin(&span, arena, call->traceparent);
	enum status st = make_headers(arena, call, context, &headers, err);
	if (st != OK)
		return st;
	try_all(arena, call, headers, &attempt);
	end_span(arena, &span, call, &attempt);
	if (attempt.status != 0)
		*ret_answer = (struct http_answer){
			.status = attempt.status,
			.body = {attempt.body.buf, attempt.body.len},
			.retry_after_s = attempt.retry_after_s,
		};
	ret_answer->unsent = is_unsent(attempt.code);
	return judge(&attempt, err);
}
