/*
 * signer: an Auth Service's key pairs: tokens signed with RS256, ES256 or EdDSA, and the JWKs that
 * they are verified by. Written over OpenSSL alone, so that it shares no mistake with common/jwt.
 * Texts live until the process ends.
 */
#ifndef TESTS_SUPPORT_SIGNER_H
#define TESTS_SUPPORT_SIGNER_H

#include "common/base.h"

struct signer;

/* `alg` is RS256, ES256 or EdDSA, perhaps with the size of the modulus: "RS256/1024". */
struct signer *signer_new(const char *alg, const char *kid);
/* {"kty":…}, with these further members (",\"use\":\"sig\""). */
const char *signer_jwk(const struct signer *signer, const char *more);
/* The n of an RSA key in base64url. */
const char *signer_modulus(const struct signer *signer);
/* PEM of the public half. */
const char *signer_pem(const struct signer *signer);
/* The JWS of these two JSON texts, signed in the key's way whatever the header says. */
const char *signer_sign(const struct signer *signer, const char *header, const char *claims);
/* The same with the header that the key has: alg, kid, typ. */
const char *signer_token(const struct signer *signer, const char *claims);
/* {"keys":[…]} of signers; NULL ends. */
const char *signer_set(const struct signer *first, ...) __attribute__((sentinel));

#endif
