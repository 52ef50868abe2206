/*
 * token_cache: verified tokens, kept by their digest until they expire, so that a token is read and
 * its signature computed once, not with every request.
 *
 * Only what held is kept. A change of the public keys forgets what they had signed. What the Auth
 * Service says of a token (AUTH_VALIDATION=remote) is no part of it. Thread safe.
 */
#ifndef API_TOKEN_CACHE_H
#define API_TOKEN_CACHE_H

#include "api/app.h"
#include "common/sign.h"

struct recall *token_cache_new(void);
/* jwt_verify, or what it said of the same token before. */
enum status token_verify(struct app *app, struct arena *arena, const char *token,
			 const uint8_t digest[SHA256_SIZE], struct jwt_claims *ret,
			 struct problem *err) MUST_CHECK;

#endif
