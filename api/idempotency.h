/*
 * idempotency: the first answer to a caller's key, kept 24 hours, written with its effect.
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "api/request.h"

/* Read the header: ST_INVALID_HEADER unless 1 to 255 visible ASCII characters. Fingerprints
 * method, path and body. No header: no key, no fingerprint. */
enum status idempotency_read(struct request *req, struct problem *err) MUST_CHECK;
/* More of a body that is not kept whole: always in pieces of the same size but the last. */
void idempotency_add(struct request *req, struct slice piece);
/* In the open transaction (or on its own, to judge before a 422): ST_ANSWERED with the first
 * answer set, ST_IDEMPOTENCY_MISMATCH, ST_IDEMPOTENCY_IN_FLIGHT, or OK: go on. */
enum status idempotency_begin(struct request *req, struct problem *err) MUST_CHECK;
/* Store the answer that is set. */
enum status idempotency_store(struct request *req, struct problem *err) MUST_CHECK;
/* Set the response to an answer that was stored. */
void idempotency_replay(struct request *req, int status, const char *body, const char *location,
			const char *etag);

#endif
