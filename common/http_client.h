/*
 * http_client: outgoing JSON calls (libcurl) with one deadline over all attempts.
 *
 * Retries are per call: connection failures, 429, 502, 503, 504, with full jitter, never past the
 * deadline; `Retry-After` is honoured. Redirects are not followed, only http and https are spoken,
 * proxies of the environment are not used, answers are capped at 1 MiB or what the call says. One
 * curl handle a thread.
 * A call with a trace context is a span of its own in that trace, retries included.
 */
#ifndef COMMON_HTTP_CLIENT_H
#define COMMON_HTTP_CLIENT_H

#include "common/problem.h"

struct http_call {
	const char *method;          /* "GET", "POST" */
	const char *url;             /* absolute */
	const char *body;            /* JSON, or NULL */
	const char *service_token;   /* X-Service-Token, or NULL */
	const char *bearer;          /* Authorization: Bearer, or NULL */
	const char *idempotency_key; /* or NULL */
	const char *request_id;      /* X-Request-Id, or NULL */
	const char *traceparent;     /* context of the caller (common/trace.h), or NULL: no trace */
	const char *peer;            /* name of the service in spans, or NULL */
	const char *const *headers;  /* further ones, "Name: value", NULL-terminated; or NULL */
	int64_t timeout_ms;          /* one attempt */
	int64_t budget_ms;           /* all attempts and waits */
	int attempts;                /* at most, >= 1 */
	size_t body_max;             /* bytes of the answer; 0: 1 MiB */
};

struct http_answer {
	int status;        /* the service's HTTP number */
	struct slice body; /* in the arena, NUL-terminated */
	int retry_after_s; /* 0: none was said */
	bool unsent;       /* no connection came about: the service saw nothing of the call */
};

/* Once, in main, before threads. */
void http_client_init(void);
/* Perform. OK: an answer below 400 came. ST_UPSTREAM_REFUSED: 4xx but 408, 425, 429 (ret_answer is
 * filled). ST_UPSTREAM_DOWN: no answer, a cut one, or another failure number (ret_answer->status
 * is 0, or the last number). */
enum status http_call(struct arena *arena, const struct http_call *call,
		      struct http_answer *ret_answer, struct problem *err) MUST_CHECK;

#endif
