/*
 * jwt_internal: what the files of jwt and jwks share: algorithms, public keys, claims.
 */
#ifndef COMMON_JWT_INTERNAL_H
#define COMMON_JWT_INTERNAL_H

#include "common/jwt.h"

enum { JWT_KID_MAX = 255 }; /* characters */

enum jwt_alg { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA };

/* The algorithm of a JWS or JWK `alg`; false: none that is accepted. Ed25519 (RFC 9864) is EdDSA on
 * the one curve that we take. */
bool jwt_alg_find(const char *name, enum jwt_alg *ret) MUST_CHECK;

/* --- public keys (jwt.c) ---------------------------------------------------------------------- */

/* The bytes of a JWK's members (RFC 7518 §6, RFC 8037 §2). */
struct jwt_public {
	enum jwt_alg alg; /* the only one that the key serves */
	struct slice n, e;
	struct slice x, y;
};

/* Read-only once made, so that any number of threads may verify with it. */
struct jwt_key;

/* A key with one holder; NULL: not fit. An RSA modulus has 2048 to 8192 bits, a point lies on its
 * curve. `kid` is copied, NULL: none. */
struct jwt_key *jwt_key_make(const struct jwt_public *from, const char *kid) MUST_CHECK;
/* One holder more, one less; the last one frees. */
struct jwt_key *jwt_key_hold(struct jwt_key *key);
void jwt_key_drop(struct jwt_key *key);
enum jwt_alg jwt_key_alg(const struct jwt_key *key);
const char *jwt_key_id(const struct jwt_key *key); /* NULL: none */
/* Is it this key's signature, in the form that JWS gives it, over the text? */
bool jwt_key_verifies(const struct jwt_key *key, struct slice text,
		      struct slice signature) MUST_CHECK;

/* --- claims (jwt_claims.c) -------------------------------------------------------------------- */

/* Read and judge the payload of a token whose signature holds. */
enum status jwt_claims_read(const struct jwt_options *options, struct arena *arena,
			    struct slice json, int64_t now_us, struct jwt_claims *ret,
			    struct problem *err) MUST_CHECK;

#endif
