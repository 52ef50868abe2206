#include "api/token_cache.h"

#include <string.h>

#include "common/clock.h"
#include "common/jwks.h"
#include "common/recall.h"

enum { ENTRIES = 4096, TEXTS = 3, TEXTS_SIZE = 384 };

/* Claims with their texts in one piece, NUL behind each; length 0: NULL. */
struct kept {
	int64_t user_id;
	int64_t expires_at;
	uint64_t keys;
	unsigned roles;
	uint16_t lens[TEXTS]; /* with the NUL */
	char texts[TEXTS_SIZE];
};

struct recall *token_cache_new(void)
{
	return recall_new(ENTRIES, sizeof(struct kept));
}

/* False: the texts are too long to be kept. */
static bool pack(const struct jwt_claims *claims, struct kept *ret)
{
	const char *texts[TEXTS] = {claims->email, claims->first_name, claims->last_name};
	size_t at = 0;

	*ret = (struct kept){.user_id = claims->user_id,
			     .expires_at = claims->expires_at,
			     .keys = claims->keys,
			     .roles = claims->roles};
	for (size_t i = 0; i < TEXTS; i++) {
		size_t len = texts[i] ? strlen(texts[i]) + 1 : 0;

		if (len > TEXTS_SIZE - at)
			return false;
		if (len)
			memcpy(ret->texts + at, texts[i], len);
		ret->lens[i] = (uint16_t)len;
		at += len;
	}
	return true;
}

static void unpack(struct arena *arena, const struct kept *kept, struct jwt_claims *ret)
{
	const char *texts[TEXTS] = {NULL};
	size_t at = 0;

	for (size_t i = 0; i < TEXTS; i++) {
		if (kept->lens[i])
			texts[i] = arena_strndup(arena, kept->texts + at, kept->lens[i] - 1U);
		at += kept->lens[i];
	}
	*ret = (struct jwt_claims){.user_id = kept->user_id,
				   .roles = kept->roles,
				   .email = texts[0],
				   .first_name = texts[1],
				   .last_name = texts[2],
				   .expires_at = kept->expires_at,
				   .keys = kept->keys};
}

static bool still_signed(const struct app *app, const struct kept *kept)
{
	return !kept->keys || (app->jwt.jwks && kept->keys == jwks_generation(app->jwt.jwks));
}

enum status token_verify(struct app *app, struct arena *arena, const char *token,
			 const uint8_t digest[SHA256_SIZE], struct jwt_claims *ret,
			 struct problem *err)
{
	int64_t now = clock_now_us();
	struct kept kept;
	enum status status;

	if (recall_get(app->tokens, digest, now, &kept) && still_signed(app, &kept)) {
		unpack(arena, &kept, ret);
		return OK;
	}
	status = jwt_verify(&app->jwt, arena, token, strlen(token), now, ret, err);
	if (!status && pack(ret, &kept))
		recall_put(app->tokens, digest, ret->expires_at + JWT_LEEWAY_S * US_PER_S, &kept);
	return status;
}
