/*
 * jwt: verification of JSON Web Tokens (RFC 7515, 7519, 8725): HS256 by shared secrets; RS256,
 * ES256 and EdDSA by public keys. Configuration says which of the two are accepted, and each key
 * serves one algorithm: a token's header only picks among them. Thread safe.
 *
 * jwt.c has the public keys (OpenSSL), jwt_verify.c the token, jwt_claims.c what it says.
 */
#ifndef COMMON_JWT_H
#define COMMON_JWT_H

#include "common/problem.h"

struct jwks;

enum { ROLE_ADMIN = 1, ROLE_ORGANIZER = 2, ROLE_STAFF = 4, ROLE_USER = 8 };
enum { JWT_TOKEN_MAX = 4096, JWT_LEEWAY_S = 60 };

struct jwt_options {
	struct slice secret;   /* of HS256; empty: such tokens are not accepted */
	struct slice previous; /* the secret before, while it is changed; empty: none */
	struct jwks *jwks;     /* public keys; NULL: only HS256 is accepted */
	const char *issuer;    /* checked when not NULL */
	const char *audience;  /* checked when not NULL: `aud` is it or contains it */
};

struct jwt_claims {
	int64_t user_id; /* `sub`, a decimal string */
	unsigned roles;  /* ROLE_… bits of `roles` (array) or `role`; unknown names are ignored */
	const char *email;
	const char *first_name; /* given_name or firstName */
	const char *last_name;  /* family_name or lastName */
	int64_t expires_at;     /* microseconds */
	uint64_t keys;          /* jwks_generation of the key; 0: a shared secret */
};

/* Verify and read; texts go to the arena. ST_UNAUTHORIZED with a reason fit for a client. Refused:
 * over 4 KiB, another alg, none, an unknown key, `crit` or `b64`, `typ` other than JWT / at+jwt,
 * missing or past exp, nbf ahead, wrong iss or aud, no usable sub. `jku`, `x5u`, `jwk` and their
 * kin are not looked at. ST_AUTH_UNAVAILABLE: the key is not known, and it cannot be told whether
 * it should be, see jwks_key. */
enum status jwt_verify(const struct jwt_options *options, struct arena *arena, const char *token,
		       size_t len, int64_t now_us, struct jwt_claims *ret,
		       struct problem *err) MUST_CHECK;
/* Mint a token by `secret` (corectl token, tests). */
void jwt_mint(const struct jwt_options *options, struct strbuf *out,
	      const struct jwt_claims *claims);
/* ROLE_ bit of a name, 0 when unknown. */
unsigned jwt_role(const char *name);

#endif
