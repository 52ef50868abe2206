/*
 * jwks: the public keys that tokens are signed for, as a JSON Web Key Set (RFC 7517) at an address.
 *
 * A thread of its own fetches the set: at the start, every `refresh_s`, and when a token names a
 * key that is not known. Only that token's request waits for it, at most WAITING_MAX requests at
 * once and not much longer than one fetch may take; all others go on with the keys there are.
 * However many tokens name unknown keys, there are at most two fetches in any 60 s. (Until the
 * first set came, it is tried every 5 s, whatever tokens say.) A fetch that fails, and a set
 * without any key of use, change nothing: the keys stay. A key that a later set lacks is gone.
 *
 * Thread safe.
 */
#ifndef COMMON_JWKS_H
#define COMMON_JWKS_H

#include "common/jwt_internal.h"

enum {
	JWKS_BYTES_MAX = 65536, /* of a document */
	JWKS_KEYS_MAX = 64,     /* in a document */
};

struct jwks;

/* Begins to fetch at once, in the background. `url` (http or https) is copied; NULL: there are only
 * the keys that jwks_load brings. After http_client_init. */
struct jwks *jwks_open(const char *url, int64_t refresh_s);
void jwks_close(struct jwks *jwks);
/* Take the keys of this document in place of those before. ST_MALFORMED: it is too large, no set,
 * or has no key of use; then nothing changes. Kinds of keys that are not known are left out. */
enum status jwks_load(struct jwks *jwks, struct slice document, struct problem *err) MUST_CHECK;
/* The key of that id and algorithm; without an id (NULL) the only one of that algorithm. The caller
 * drops it. ST_UNAUTHORIZED: there is none; ST_AUTH_UNAVAILABLE: not known, since the address does
 * not answer, or too many wait for it. */
enum status jwks_key(struct jwks *jwks, const char *kid, enum jwt_alg alg, struct jwt_key **ret_key,
		     uint64_t *ret_generation, struct problem *err) MUST_CHECK;
/* Changes whenever keys do; never 0. What was verified under an earlier one is to be judged again.
 */
uint64_t jwks_generation(const struct jwks *jwks);

/* --- for the document's reader (jwks_document.c) ---------------------------------------------- */

struct jwks_keys {
	struct jwt_key *keys[JWKS_KEYS_MAX];
	size_t count;
};
/* The keys of use in a document. ST_MALFORMED as jwks_load says. */
enum status jwks_parse(struct arena *arena, struct slice document, struct jwks_keys *ret,
		       struct problem *err) MUST_CHECK;

#endif
