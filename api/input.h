/*
 * input: what a request carries: body, query string, keys; judged in the contract's order.
 */
#ifndef API_INPUT_H
#define API_INPUT_H

#include "api/request.h"

/* 413, 415, 400, then 422 (ST_INVALID_BODY with every violation). Fills body, input, query and the
 * idempotency key. */
enum status input_read(struct request *req, struct problem *err) MUST_CHECK;
/* A query string without a body: GET and HEAD. */
enum status input_read_query(struct request *req, struct problem *err) MUST_CHECK;

#endif
