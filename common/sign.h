/*
 * sign: digests, MACs and the texts they travel in (OpenSSL). Thread safe.
 */
#ifndef COMMON_SIGN_H
#define COMMON_SIGN_H

#include "common/strbuf.h"

enum { SHA256_SIZE = 32 };

void sign_sha256(const void *data, size_t len, uint8_t ret[SHA256_SIZE]);
/* HMAC-SHA256 (RFC 2104). The key must not be empty (assert). */
void sign_hmac(struct slice key, const void *data, size_t len, uint8_t ret[SHA256_SIZE]);
/* Constant time in the contents; different lengths are different. */
bool sign_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* Lower-case hex; ret has 2 * len + 1 bytes. */
void sign_hex(const void *data, size_t len, char *ret);
/* Lower case only; ret has len / 2 bytes. */
bool sign_unhex(const char *text, size_t len, uint8_t *ret) MUST_CHECK;

/* Strict RFC 4648 §5 base64url without padding: other characters, blanks, padding and non-zero
 * trailing bits are refused. Decoded bytes go to the arena. */
bool base64url_decode(struct arena *arena, const char *text, size_t len,
		      struct slice *ret) MUST_CHECK;
void base64url_encode(struct strbuf *out, const void *data, size_t len);
/* RFC 4648 §4 with padding (webhook secrets and signatures). */
bool base64_decode(struct arena *arena, const char *text, size_t len, struct slice *ret) MUST_CHECK;
void base64_encode(struct strbuf *out, const void *data, size_t len);
/* Upper-case base32 of RFC 4648 §6 without padding; decoding refuses everything not canonical. */
void base32_encode(struct strbuf *out, const void *data, size_t len);
bool base32_decode(struct arena *arena, const char *text, size_t len, struct slice *ret) MUST_CHECK;

/* Standard Webhooks 1.0: is one of the `v1,<base64>` signatures (space separated) in `header` the
 * HMAC-SHA256 of "id.timestamp.body" under one of the secrets ("whsec_<base64>[,whsec_…]")? */
bool sign_webhook_verify(struct arena *arena, const char *secrets, const char *id,
			 const char *timestamp, struct slice body, const char *header) MUST_CHECK;
/* The header value that such a sender makes with the first secret. */
void sign_webhook(struct strbuf *out, const char *secrets, const char *id, const char *timestamp,
		  struct slice body);
/* Is this configuration value a list of such secrets? */
bool sign_webhook_secrets_valid(const char *secrets) MUST_CHECK;

#endif
