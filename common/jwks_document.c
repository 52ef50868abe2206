/*
 * A key set's document: which of its keys are of use.
 */
#include <string.h>

#include "common/json.h"
#include "common/jwks.h"
#include "common/sign.h"

/* A JWK as read; what does not fit its field is null. */
struct jwk {
	struct presence presence;
	const char *kty;
	const char *alg;
	const char *kid;
	const char *use;
	struct field_array key_ops;
	const char *crv;
	const char *n, *e, *x, *y;
	const char *d;
};
struct document {
	struct field_array keys;
};

enum { JWK_ALG, JWK_KID, JWK_USE, JWK_KEY_OPS, JWK_D };

#define JWK(json, kind, member, most)                                                              \
	{                                                                                          \
		.name = (json), .type = (kind), .offset = offsetof(struct jwk, member),            \
		.max = (most)                                                                      \
	}

static const struct field jwk_fields[] = {
	[JWK_ALG] = JWK("alg", FIELD_STRING, alg, 0),
	[JWK_KID] = JWK("kid", FIELD_STRING, kid, JWT_KID_MAX),
	[JWK_USE] = JWK("use", FIELD_STRING, use, 0),
	[JWK_KEY_OPS] = JWK("key_ops", FIELD_STRINGS, key_ops, 0),
	[JWK_D] = JWK("d", FIELD_STRING, d, 0),
	JWK("kty", FIELD_STRING, kty, 0),
	JWK("crv", FIELD_STRING, crv, 0),
	JWK("n", FIELD_STRING, n, 0),
	JWK("e", FIELD_STRING, e, 0),
	JWK("x", FIELD_STRING, x, 0),
	JWK("y", FIELD_STRING, y, 0),
};
static const struct schema jwk_schema = SCHEMA_INPUT(jwk_fields, struct jwk);
static const struct field document_fields[] = {
	{.name = "keys",
	 .type = FIELD_ARRAY,
	 .flags = FIELD_REQUIRED,
	 .offset = offsetof(struct document, keys),
	 .nested = &jwk_schema},
};
static const struct schema document_schema = SCHEMA(document_fields, struct document);

static const struct {
	const char *kty;
	const char *crv; /* NULL: has none */
	enum jwt_alg alg;
} kinds[] = {
	{"RSA", NULL, JWT_RS256},
	{"EC", "P-256", JWT_ES256},
	{"OKP", "Ed25519", JWT_EDDSA},
};

/* Is a text that was given this one? Whatever was not given is. */
static bool agrees(const struct jwk *jwk, unsigned field, const char *text, const char *wanted)
{
	return !field_given(&jwk->presence, field) || (text && strcmp(text, wanted) == 0);
}

static bool may_verify(const struct jwk *jwk)
{
	const char *const *ops = jwk->key_ops.items;
	if (!agrees(jwk, JWK_USE, jwk->use, "sig"))
		return false;
	if (!field_given(&jwk->presence, JWK_KEY_OPS))
		return true;
	for (size_t i = 0; i < jwk->key_ops.count; i++) {
		if (strcmp(ops[i], "verify") == 0)
			return true;
	}
	return false;
}

/* The one algorithm of a key: what its kind allows, unless it says that it is for another. */
static bool algorithm_of(const struct jwk *jwk, enum jwt_alg *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		enum jwt_alg said = kinds[i].alg;
		if (!jwk->kty || strcmp(jwk->kty, kinds[i].kty) != 0)
			continue;
		if (kinds[i].crv && (!jwk->crv || strcmp(jwk->crv, kinds[i].crv) != 0))
			continue;
		if (field_given(&jwk->presence, JWK_ALG) &&
		    (!jwk->alg || !jwt_alg_find(jwk->alg, &said)))
			return false;
		*ret = kinds[i].alg;
		return said == kinds[i].alg;
	}
	return false;
}

static bool decode(struct arena *arena, const char *text, struct slice *ret)
{
	*ret = (struct slice){"", 0};
	return !text || base64url_decode(arena, text, strlen(text), ret);
}

/* NULL: of no use to us. A private half that lies in public signs for everybody. */
static struct jwt_key *key_of(struct arena *arena, const struct jwk *jwk)
{
	struct jwt_public from;
	if (!algorithm_of(jwk, &from.alg) || !may_verify(jwk) || field_given(&jwk->presence, JWK_D))
		return NULL;
	if (field_given(&jwk->presence, JWK_KID) && !jwk->kid)
		return NULL;
	if (!decode(arena, jwk->n, &from.n) || !decode(arena, jwk->e, &from.e) ||
	    !decode(arena, jwk->x, &from.x) || !decode(arena, jwk->y, &from.y))
		return NULL;
	return jwt_key_make(&from, jwk->kid);
}

enum status jwks_parse(struct arena *arena, struct slice document, struct jwks_keys *ret,
		       struct problem *err)
{
	struct document read;
	if (document.len > JWKS_BYTES_MAX)
		return problem_set(err, ST_MALFORMED, "the key set has over %d bytes",
				   JWKS_BYTES_MAX);
	enum status status =
		json_read(arena, document.at, document.len, &document_schema, &read, err);
	if (status != OK)
		return status;
	if (read.keys.count > JWKS_KEYS_MAX)
		return problem_set(err, ST_MALFORMED, "the key set has over %d keys",
				   JWKS_KEYS_MAX);
	const struct jwk *jwks = read.keys.items;
	struct jwks_keys keys = {.count = 0};
	for (size_t i = 0; i < read.keys.count; i++) {
		struct jwt_key *key = key_of(arena, &jwks[i]);
		if (key)
			keys.keys[keys.count++] = key;
	}
	if (keys.count == 0)
		return problem_set(err, ST_MALFORMED, "the key set has no key of use");
	*ret = keys;
	return OK;
}
