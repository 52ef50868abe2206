/*
 * A token's outside: its three parts, its header, its signature.
 */
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "common/jwks.h"
#include "common/jwt_internal.h"
#include "common/sign.h"

/* A token's three parts as sent; `signed_text` is what the signature covers. */
struct parts {
	struct slice header;
	struct slice payload;
	struct slice signature;
	struct slice signed_text;
};

struct header {
	struct presence presence;
	const char *alg;
	const char *typ;
	const char *kid;
	const char *crit;
	const char *b64;
};

enum { HEADER_TYP, HEADER_KID, HEADER_CRIT, HEADER_B64 };

#define HEADER(json, member, most)                                                                 \
	{                                                                                          \
		.name = (json), .type = FIELD_STRING, .offset = offsetof(struct header, member),   \
		.max = (most)                                                                      \
	}

static const struct field header_fields[] = {
	[HEADER_TYP] = HEADER("typ", typ, 0),
	[HEADER_KID] = HEADER("kid", kid, JWT_KID_MAX),
	[HEADER_CRIT] = HEADER("crit", crit, 0),
	[HEADER_B64] = HEADER("b64", b64, 0),
	HEADER("alg", alg, 0),
};
static const struct schema header_schema = SCHEMA_INPUT(header_fields, struct header);

static const struct {
	const char *name;
	enum jwt_alg alg;
} algorithms[] = {
	{"HS256", JWT_HS256}, {"RS256", JWT_RS256},   {"ES256", JWT_ES256},
	{"EdDSA", JWT_EDDSA}, {"Ed25519", JWT_EDDSA},
};

bool jwt_alg_find(const char *name, enum jwt_alg *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		if (strcmp(algorithms[i].name, name) != 0)
			continue;
		*ret = algorithms[i].alg;
		return true;
	}
	return false;
}

static enum status refuse(struct problem *err, const char *reason)
{
	return problem_set(err, ST_UNAUTHORIZED, "%s", reason);
}

static bool split(const char *token, size_t len, struct parts *ret)
{
	const char *end = token + len;
	const char *first = memchr(token, '.', len);
	if (!first)
		return false;
	const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return false;
	*ret = (struct parts){
		.header = {token, (size_t)(first - token)},
		.payload = {first + 1, (size_t)(second - first - 1)},
		.signature = {second + 1, (size_t)(end - second - 1)},
		.signed_text = {token, (size_t)(second - token)},
	};
	return true;
}

static bool read_header(struct arena *arena, struct slice part, struct header *ret)
{
	struct slice json;
	struct problem ignored = {.status = OK};
	return base64url_decode(arena, part.at, part.len, &json) &&
	       json_read(arena, json.at, json.len, &header_schema, ret, &ignored) == OK;
}

/* RFC 8725, 3.11: nothing but an access token, and no extension that we would have to understand.
 * b64 (RFC 7797) changes what is signed and is not for tokens. */
static enum status check_kind(const struct header *header, struct problem *err)
{
	const struct presence *presence = &header->presence;
	if (field_given(presence, HEADER_CRIT) || field_given(presence, HEADER_B64))
		return refuse(err, "The token asks for extensions that are not known.");
	if (field_given(presence, HEADER_TYP) &&
	    (!header->typ ||
	     (strcasecmp(header->typ, "JWT") != 0 && strcasecmp(header->typ, "at+jwt") != 0)))
		return refuse(err, "The token's type is not accepted.");
	return OK;
}

static bool has_mac(struct slice secret, const struct parts *parts, struct slice given)
{
	uint8_t mac[SHA256_SIZE];
	if (secret.len == 0)
		return false;
	sign_hmac(secret, parts->signed_text.at, parts->signed_text.len, mac);
	return sign_equal(given.at, given.len, mac, sizeof(mac));
}

/* The key is found by name and algorithm together, so that it serves no other. */
static enum status check_public(const struct jwt_options *options, const struct header *header,
				enum jwt_alg alg, const struct parts *parts, struct slice given,
				uint64_t *ret_generation, struct problem *err)
{
	struct jwt_key *key;
	if (field_given(&header->presence, HEADER_KID) && !header->kid)
		return refuse(err, "The token's key is not known.");
	enum status status = jwks_key(options->jwks, header->kid, alg, &key, ret_generation, err);
	if (status != OK)
		return status;
	if (!jwt_key_verifies(key, parts->signed_text, given))
		status = refuse(err, "The token's signature is not valid.");
	jwt_key_drop(key);
	return status;
}

static enum status check_signature(const struct jwt_options *options, struct arena *arena,
				   const struct header *header, const struct parts *parts,
				   uint64_t *ret_generation, struct problem *err)
{
	enum jwt_alg alg;
	struct slice given;
	bool known = header->alg && jwt_alg_find(header->alg, &alg);
	if (!known || (alg == JWT_HS256 ? options->secret.len == 0 : !options->jwks))
		return refuse(err, "The token's algorithm is not accepted.");
	if (!base64url_decode(arena, parts->signature.at, parts->signature.len, &given))
		return refuse(err, "The token's signature cannot be read.");
	if (alg != JWT_HS256)
		return check_public(options, header, alg, parts, given, ret_generation, err);
	if (has_mac(options->secret, parts, given) || has_mac(options->previous, parts, given))
		return OK;
	return refuse(err, "The token's signature is not valid.");
}

enum status jwt_verify(const struct jwt_options *options, struct arena *arena, const char *token,
		       size_t len, int64_t now_us, struct jwt_claims *ret, struct problem *err)
{
	struct parts parts;
	struct header header;
	struct slice json;
	uint64_t generation = 0; /* a shared secret has none */
	if (len > JWT_TOKEN_MAX)
		return refuse(err, "The token is too long.");
	if (!split(token, len, &parts))
		return refuse(err, "The token is not a signed JSON Web Token.");
	if (!read_header(arena, parts.header, &header))
		return refuse(err, "The token's header cannot be read.");
	enum status status = check_kind(&header, err);
	if (status == OK)
		status = check_signature(options, arena, &header, &parts, &generation, err);
	if (status != OK)
		return status;
	if (!base64url_decode(arena, parts.payload.at, parts.payload.len, &json))
		return refuse(err, "The token's claims cannot be read.");
	status = jwt_claims_read(options, arena, json, now_us, ret, err);
	if (status == OK)
		ret->keys = generation;
	return status;
}
