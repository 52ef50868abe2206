/*
 * jwt: verification of JSON Web Tokens (RFC 7519, RFC 8725): HS256, the algorithm fixed by
 * configuration and never by the token. Thread safe.
 */
#ifndef COMMON_JWT_H
#define COMMON_JWT_H

#include "common/problem.h"

enum { ROLE_ADMIN = 1, ROLE_ORGANIZER = 2, ROLE_STAFF = 4, ROLE_USER = 8 };
enum { JWT_TOKEN_MAX = 4096, JWT_LEEWAY_S = 60 };

struct jwt_options {
	struct slice secret;
	const char *issuer;   /* checked when not NULL */
	const char *audience; /* checked when not NULL: `aud` is it or contains it */
};

struct jwt_claims {
	int64_t user_id; /* `sub`, a decimal string */
	unsigned roles;  /* ROLE_… bits of `roles` (array) or `role`; unknown names are ignored */
	const char *email;
	const char *first_name; /* given_name or firstName */
	const char *last_name;  /* family_name or lastName */
	int64_t expires_at;     /* microseconds */
};

/* Verify and read; texts go to the arena. ST_UNAUTHORIZED with a reason fit for a client. Refused:
 * over 4 KiB, another alg, none, `crit`, `typ` other than JWT / at+jwt, missing or past exp, nbf
 * ahead, wrong iss or aud, no usable sub. */
enum status jwt_verify(const struct jwt_options *options, struct arena *arena, const char *token,
		       size_t len, int64_t now_us, struct jwt_claims *ret,
		       struct problem *err) MUST_CHECK;
/* Mint a token (corectl token, tests). */
void jwt_mint(const struct jwt_options *options, struct strbuf *out,
	      const struct jwt_claims *claims);
/* ROLE_ bit of a name, 0 when unknown. */
unsigned jwt_role(const char *name);

#endif
