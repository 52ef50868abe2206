/*
 * limits: how often a caller may ask (RATE_LIMIT_…; off where nothing is set).
 *
 * A caller who is signed in is counted as that user, whatever the address; everybody else, also who
 * brings a bad token, by address. It is counted once the token is judged and before anything is
 * looked up; who is refused is not charged. Health, service calls and the payment webhook are not
 * counted.
 *
 * All processes share the budgets through Redis. Where that does not answer within
 * RATE_LIMIT_WAIT_MS, each process counts by itself, with the same numbers.
 */
#ifndef API_LIMITS_H
#define API_LIMITS_H

#include "api/request.h"

struct limits;

/* NULL when no limit is configured. ST_CONFIG. */
enum status limits_open(struct app *app, const char *redis_url, struct limits **ret,
			struct problem *err) MUST_CHECK;
void limits_close(struct limits *limits);
/* Count this request; `status` is what became of its token. ST_TOO_MANY_REQUESTS, else `status`. */
enum status limits_check(struct request *req, enum status status, struct problem *err) MUST_CHECK;
/* Count what only the outcome tells: a code at the door that is no ticket's. */
void limits_outcome(struct request *req, enum status status);
/* Add RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) to the answer. */
void limits_answer(struct request *req);

#endif
