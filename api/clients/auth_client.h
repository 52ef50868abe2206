/*
 * auth_client: asks the Auth Service whether a token still holds (revocation).
 */
#ifndef API_CLIENTS_AUTH_CLIENT_H
#define API_CLIENTS_AUTH_CLIENT_H

#include "api/request.h"
#include "common/sign.h"

struct recall *auth_client_cache(void);
/* GET /api/auth/validate with the user's bearer, answers cached 30 s by the token's digest. Adopts
 * the roles and names the service gives. ST_UNAUTHORIZED when it says no or means another user,
 * ST_AUTH_UNAVAILABLE when it does not answer within the upstream budget. */
enum status auth_client_validate(struct request *req, const char *token,
				 const uint8_t digest[SHA256_SIZE], struct jwt_claims *claims,
				 struct problem *err) MUST_CHECK;

#endif
