/*
 * auth: who is asking: the bearer token, the service token, the Auth Service, the users mirror.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/request.h"

/* Fill req->caller from the request. ST_UNAUTHORIZED when the route needs a token and there is no
 * good one, or a bad one came; ST_AUTH_UNAVAILABLE (AUTH_VALIDATION=remote). */
enum status auth_identify(struct request *req, struct problem *err) MUST_CHECK;
/* Write the caller into the users mirror, when its claims changed since this process last did. A
 * statement of its own, before any other lock. */
enum status auth_mirror(struct request *req, struct problem *err) MUST_CHECK;

#endif
