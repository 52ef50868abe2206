/*
 * problem: every way a call can fail, as one table.
 *
 * Each row gives the HTTP number, the RFC 9457 slug and title and what a worker does about it.
 * HTTP numbers of failures stand nowhere else. Fallible functions return `enum status` and take
 * `struct problem *err` last: it is untouched on success, outputs are untouched on failure.
 */
#ifndef COMMON_PROBLEM_H
#define COMMON_PROBLEM_H

#include "common/strbuf.h"

enum retry_class {
	RETRY_FINAL, /* trying again gives the same: a job is buried */
	RETRY_LATER, /* the world may have changed: a job is delayed */
};

/* X(name, HTTP status, slug, title, retry class); the slug is the last part of `type`. */
#define PROBLEM_TABLE(X)                                                                           \
	X(ST_MALFORMED, 400, "malformed", "The request cannot be read", RETRY_FINAL)               \
	X(ST_INVALID_QUERY, 400, "invalid-query", "A query parameter is invalid", RETRY_FINAL)     \
	X(ST_INVALID_HEADER, 400, "invalid-header", "A request header is invalid", RETRY_FINAL)    \
	X(ST_UNAUTHORIZED, 401, "unauthorized", "A valid token is required", RETRY_FINAL)          \
	X(ST_BAD_SIGNATURE, 401, "bad-signature", "The signature is not valid", RETRY_FINAL)       \
	X(ST_FORBIDDEN, 403, "forbidden", "You may not do this", RETRY_FINAL)                      \
	X(ST_NOT_FOUND, 404, "not-found", "There is no such thing", RETRY_FINAL)                   \
	X(ST_METHOD_NOT_ALLOWED, 405, "method-not-allowed", "The method is not allowed here",      \
	  RETRY_FINAL)                                                                             \
	X(ST_EVENT_NOT_OPEN, 409, "event-not-open", "The event is not open for this", RETRY_FINAL) \
	X(ST_ALREADY_REGISTERED, 409, "already-registered", "Already registered for this event",   \
	  RETRY_FINAL)                                                                             \
	X(ST_SOLD_OUT, 409, "sold-out", "No seat is left", RETRY_FINAL)                            \
	X(ST_SALES_CLOSED, 409, "sales-closed", "Sales of this ticket type are closed",            \
	  RETRY_FINAL)                                                                             \
	X(ST_INVALID_TRANSITION, 409, "invalid-transition", "Not possible in the present state",   \
	  RETRY_FINAL)                                                                             \
	X(ST_MAX_BELOW_ATTENDEES, 409, "max-below-attendees",                                      \
	  "The limit is below the number of attendees", RETRY_FINAL)                               \
	X(ST_QUANTITY_BELOW_SOLD, 409, "quantity-below-sold",                                      \
	  "The quantity is below the number sold", RETRY_FINAL)                                    \
	X(ST_HAS_GUESTS, 409, "has-guests", "The event has live guests", RETRY_FINAL)              \
	X(ST_HAS_SALES, 409, "has-sales", "There are sales already", RETRY_FINAL)                  \
	X(ST_TOO_MANY_HOLDS, 409, "too-many-holds", "Too many unpaid registrations", RETRY_FINAL)  \
	X(ST_ALREADY_VALIDATED, 409, "already-validated", "The ticket was admitted before",        \
	  RETRY_FINAL)                                                                             \
	X(ST_TICKET_CANCELLED, 409, "ticket-cancelled", "The ticket is cancelled", RETRY_FINAL)    \
	X(ST_WRONG_EVENT, 409, "wrong-event", "The ticket is for another event", RETRY_FINAL)      \
	X(ST_NOT_PAID, 409, "not-paid", "The registration is not paid", RETRY_FINAL)               \
	X(ST_VALIDATION_UNDONE, 409, "validation-undone", "This admission was undone",             \
	  RETRY_FINAL)                                                                             \
	X(ST_REFUND_EXCEEDS, 409, "refund-exceeds", "More than is left to refund", RETRY_FINAL)    \
	X(ST_IDEMPOTENCY_IN_FLIGHT, 409, "idempotency-in-flight",                                  \
	  "A request with this key is still running", RETRY_LATER)                                 \
	X(ST_PRECONDITION_FAILED, 412, "precondition-failed", "It was changed meanwhile",          \
	  RETRY_FINAL)                                                                             \
	X(ST_BODY_TOO_LARGE, 413, "body-too-large", "The request body is too large", RETRY_FINAL)  \
	X(ST_UNSUPPORTED_MEDIA_TYPE, 415, "unsupported-media-type",                                \
	  "The media type is not supported", RETRY_FINAL)                                          \
	X(ST_INVALID_BODY, 422, "invalid-body", "The request body is not valid", RETRY_FINAL)      \
	X(ST_UNKNOWN_TICKET_TYPE, 422, "unknown-ticket-type", "The event has no such ticket type", \
	  RETRY_FINAL)                                                                             \
	X(ST_INVALID_QR, 422, "invalid-qr", "The code is not a valid ticket", RETRY_FINAL)         \
	X(ST_IDEMPOTENCY_MISMATCH, 422, "idempotency-mismatch",                                    \
	  "The key was used for another request", RETRY_FINAL)                                     \
	X(ST_TOO_MANY_REQUESTS, 429, "too-many-requests", "Too many requests", RETRY_LATER)        \
	X(ST_INTERNAL_ERROR, 500, "internal-error", "Something went wrong on our side",            \
	  RETRY_LATER)                                                                             \
	X(ST_OVERLOADED, 503, "overloaded", "Too busy at the moment", RETRY_LATER)                 \
	X(ST_DATABASE_UNAVAILABLE, 503, "database-unavailable", "The database cannot be reached",  \
	  RETRY_LATER)                                                                             \
	X(ST_PAYMENT_UNAVAILABLE, 503, "payment-unavailable",                                      \
	  "The payment service cannot be reached", RETRY_LATER)                                    \
	X(ST_AUTH_UNAVAILABLE, 503, "auth-unavailable", "The auth service cannot be reached",      \
	  RETRY_LATER)

enum status {
	OK = 0,
#define X(name, http, slug, title, retry) name,
	PROBLEM_TABLE(X)
#undef X
		ST_COUNT,
	/* Never shown to a client: */
	ST_ANSWERED = 1000,   /* the response is set already (an idempotent replay, a 304) */
	ST_UPSTREAM_DOWN,     /* another service did not answer, or answered 408, 425, 429, 5xx */
	ST_UPSTREAM_REFUSED,  /* another service answered another 4xx: final */
	ST_REDIS_UNAVAILABLE, /* Redis cannot be reached or answered an error */
	ST_JOB_LOST,          /* the lease on a job went to somebody else: drop the result */
	ST_CONFIG,            /* a configuration value is missing or wrong: exit 78 */
};

/* One invalid field of a body (pointer: RFC 6901) or one invalid query parameter (its name). */
struct violation {
	const char *where;
	const char *code;
	const char *detail;
	struct violation *next;
};

struct problem {
	enum status status;
	char detail[256];
	int retry_after_s;            /* 0: the default of the status */
	struct violation *violations; /* in the order found; memory of the request's arena */
	struct violation **tail;
	const char *extension; /* further JSON members without the comma, e.g.
				  "\"validatedAt\":\"…\"" */
	const char *allow;     /* 405: value of the Allow header */
};

struct problem_row {
	enum status status;
	int http;
	const char *slug;
	const char *title;
	enum retry_class retry;
};

/* The row of a status; statuses that are never shown give the row of ST_INTERNAL_ERROR (their
 * retry class is their own: see problem_retry). */
const struct problem_row *problem_row(enum status status);
/* The i-th row of the table, NULL past the end: for pages and documents made of it. */
const struct problem_row *problem_at(size_t i);
/* What a worker does about a failure. */
enum retry_class problem_retry(enum status status);
/* The status whose slug this is (as SQL functions return it), OK for "ok", ST_INTERNAL_ERROR
 * when there is none. */
enum status problem_from_slug(const char *slug);

/* Fill `err` (may be NULL) and return `status`, so that failing is one line. */
enum status problem_set(struct problem *err, enum status status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Append one violation; texts are copied to the arena. */
void problem_violation(struct problem *err, struct arena *arena, const char *where,
		       const char *code, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The application/problem+json document (RFC 9457): type, title, status, detail, instance,
 * requestId, errors, extension. `instance` is the request path, may hold any bytes. */
void problem_render(struct strbuf *out, const struct problem *err, const char *instance,
		    const char *request_id);

#endif
