/*
 * auth_client: asks the Auth Service whether a token still holds (revocation).
 */
#ifndef API_CLIENTS_AUTH_CLIENT_H
#define API_CLIENTS_AUTH_CLIENT_H

#include "api/app.h"

/* GET /api/auth/validate with the user's bearer, answers cached 30 s by the token's digest. Adopts
 * the roles and names the service gives. ST_UNAUTHORIZED when it says no or means another user,
 * ST_AUTH_UNAVAILABLE when it does not answer within the upstream budget. */
enum status auth_client_validate(struct app *app, struct arena *arena, const char *token,
				 const char *request_id, const char *traceparent,
				 struct jwt_claims *claims, struct problem *err) MUST_CHECK;

#endif
