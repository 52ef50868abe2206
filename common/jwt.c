#include "common/jwt.h"

#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/sign.h"

/* Seconds since 1970 that still fit microseconds. */
#define SECONDS_MAX (INT64_MAX / US_PER_S - INT64_C(2) * JWT_LEEWAY_S)

static const struct {
	const char *name;
	unsigned bit;
} roles[] = {
	{"admin", ROLE_ADMIN},
	{"organizer", ROLE_ORGANIZER},
	{"staff", ROLE_STAFF},
	{"user", ROLE_USER},
};

unsigned jwt_role(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].bit;
	}
	return 0;
}

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
	const char *crit;
};

enum { HEADER_ALG, HEADER_TYP, HEADER_CRIT };

static const struct field header_fields[] = {
	[HEADER_ALG] = {.name = "alg",
			.type = FIELD_STRING,
			.offset = offsetof(struct header, alg)},
	[HEADER_TYP] = {.name = "typ",
			.type = FIELD_STRING,
			.offset = offsetof(struct header, typ)},
	[HEADER_CRIT] = {.name = "crit",
			 .type = FIELD_STRING,
			 .offset = offsetof(struct header, crit)},
};
static const struct schema header_schema = SCHEMA_INPUT(header_fields, struct header);

/* The payload as read; what does not fit its field is null, and 0 for a number. */
struct payload {
	struct presence presence;
	const char *sub;
	int64_t exp;
	int64_t nbf;
	const char *iss;
	struct field_array aud;
	struct field_array roles;
	struct field_array role;
	const char *email;
	const char *given_name;
	const char *family_name;
	const char *first_name;
	const char *last_name;
};

enum { CLAIM_NBF, CLAIM_ROLES };
enum { EMAIL_MAX = 255, NAME_MAX_CHARACTERS = 100 };

#define CLAIM(json, kind, member, least, most)                                                     \
	{                                                                                          \
		.name = (json), .type = (kind), .offset = offsetof(struct payload, member),        \
		.min = (least), .max = (most)                                                      \
	}

static const struct field payload_fields[] = {
	[CLAIM_NBF] = CLAIM("nbf", FIELD_INT, nbf, 1, SECONDS_MAX),
	[CLAIM_ROLES] = CLAIM("roles", FIELD_STRINGS, roles, 0, 0),
	CLAIM("role", FIELD_STRINGS, role, 0, 0),
	CLAIM("exp", FIELD_INT, exp, 1, SECONDS_MAX),
	CLAIM("sub", FIELD_STRING, sub, 1, 0),
	CLAIM("iss", FIELD_STRING, iss, 0, 0),
	CLAIM("aud", FIELD_STRINGS, aud, 0, 0),
	CLAIM("email", FIELD_STRING, email, 1, EMAIL_MAX),
	CLAIM("given_name", FIELD_STRING, given_name, 1, NAME_MAX_CHARACTERS),
	CLAIM("family_name", FIELD_STRING, family_name, 1, NAME_MAX_CHARACTERS),
	CLAIM("firstName", FIELD_STRING, first_name, 1, NAME_MAX_CHARACTERS),
	CLAIM("lastName", FIELD_STRING, last_name, 1, NAME_MAX_CHARACTERS),
};
static const struct schema payload_schema = SCHEMA_INPUT(payload_fields, struct payload);

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

/* A part is base64url of a JSON object: read it by its table. */
static bool read_part(struct arena *arena, struct slice part, const struct schema *schema,
		      void *ret)
{
	struct slice json;
	struct problem ignored = {.status = OK};
	return base64url_decode(arena, part.at, part.len, &json) &&
	       json_read(arena, json.at, json.len, schema, ret, &ignored) == OK;
}

/* RFC 8725, 3.1 and 3.11: one algorithm, no extension that we would have to understand. */
static enum status check_header(struct arena *arena, struct slice part, struct problem *err)
{
	struct header header;
	if (!read_part(arena, part, &header_schema, &header))
		return refuse(err, "The token's header cannot be read.");
	if (!header.alg || strcmp(header.alg, "HS256") != 0)
		return refuse(err, "The token's algorithm is not accepted.");
	if (field_given(&header.presence, HEADER_CRIT))
		return refuse(err, "The token asks for extensions that are not known.");
	if (!field_given(&header.presence, HEADER_TYP))
		return OK;
	if (!header.typ ||
	    (strcasecmp(header.typ, "JWT") != 0 && strcasecmp(header.typ, "at+jwt") != 0))
		return refuse(err, "The token's type is not accepted.");
	return OK;
}

static enum status check_signature(const struct jwt_options *options, struct arena *arena,
				   const struct parts *parts, struct problem *err)
{
	struct slice given;
	uint8_t mac[SHA256_SIZE];
	if (!base64url_decode(arena, parts->signature.at, parts->signature.len, &given))
		return refuse(err, "The token's signature cannot be read.");
	sign_hmac(options->secret, parts->signed_text.at, parts->signed_text.len, mac);
	if (!sign_equal(given.at, given.len, mac, sizeof(mac)))
		return refuse(err, "The token's signature is not valid.");
	return OK;
}

static enum status check_time(const struct payload *payload, int64_t now_us, struct problem *err)
{
	if (payload->exp == 0)
		return refuse(err, "The token has no usable exp.");
	if (now_us >= (payload->exp + JWT_LEEWAY_S) * US_PER_S)
		return refuse(err, "The token has expired.");
	if (!field_given(&payload->presence, CLAIM_NBF))
		return OK;
	if (payload->nbf == 0)
		return refuse(err, "The token has no usable nbf.");
	if (now_us < (payload->nbf - JWT_LEEWAY_S) * US_PER_S)
		return refuse(err, "The token is not valid yet.");
	return OK;
}

static bool contains(const struct field_array *strings, const char *text)
{
	const char *const *items = strings->items;
	for (size_t i = 0; i < strings->count; i++) {
		if (strcmp(items[i], text) == 0)
			return true;
	}
	return false;
}

static enum status check_parties(const struct jwt_options *options, const struct payload *payload,
				 struct problem *err)
{
	if (options->issuer && (!payload->iss || strcmp(payload->iss, options->issuer) != 0))
		return refuse(err, "The token's issuer is not accepted.");
	if (options->audience && !contains(&payload->aud, options->audience))
		return refuse(err, "The token is meant for somebody else.");
	return OK;
}

static unsigned role_bits(const struct payload *payload)
{
	bool many = field_given(&payload->presence, CLAIM_ROLES);
	const struct field_array *names = many ? &payload->roles : &payload->role;
	const char *const *items = names->items;
	unsigned bits = 0;
	for (size_t i = 0; i < names->count; i++)
		bits |= jwt_role(items[i]);
	return bits;
}

static enum status read_claims(const struct payload *payload, struct jwt_claims *ret,
			       struct problem *err)
{
	int64_t user_id;
	if (!payload->sub || !ids_parse(payload->sub, strlen(payload->sub), &user_id))
		return refuse(err, "The token has no usable sub.");
	*ret = (struct jwt_claims){
		.user_id = user_id,
		.roles = role_bits(payload),
		.email = payload->email,
		.first_name = payload->given_name ? payload->given_name : payload->first_name,
		.last_name = payload->family_name ? payload->family_name : payload->last_name,
		.expires_at = payload->exp * US_PER_S,
	};
	return OK;
}

enum status jwt_verify(const struct jwt_options *options, struct arena *arena, const char *token,
		       size_t len, int64_t now_us, struct jwt_claims *ret, struct problem *err)
{
	struct parts parts;
	if (len > JWT_TOKEN_MAX)
		return refuse(err, "The token is too long.");
	if (!split(token, len, &parts))
		return refuse(err, "The token is not a signed JSON Web Token.");
	enum status status = check_header(arena, parts.header, err);
	if (status == OK)
		status = check_signature(options, arena, &parts, err);
	if (status != OK)
		return status;
	struct payload payload;
	if (!read_part(arena, parts.payload, &payload_schema, &payload))
		return refuse(err, "The token's claims cannot be read.");
	status = check_time(&payload, now_us, err);
	if (status == OK)
		status = check_parties(options, &payload, err);
	return status == OK ? read_claims(&payload, ret, err) : status;
}

/* --- minting --- */

static void add_claim(struct strbuf *out, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_addf(out, ",\"%s\":", name);
	json_encode_string(out, value);
}

static void add_payload(struct strbuf *out, const struct jwt_options *options,
			const struct jwt_claims *claims)
{
	strbuf_addf(out, "{\"sub\":\"%lld\",\"exp\":%lld,\"roles\":[", (long long)claims->user_id,
		    (long long)(claims->expires_at / US_PER_S));
	const char *comma = "";
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (!(claims->roles & roles[i].bit))
			continue;
		strbuf_addf(out, "%s\"%s\"", comma, roles[i].name);
		comma = ",";
	}
	strbuf_addc(out, ']');
	add_claim(out, "iss", options->issuer);
	add_claim(out, "aud", options->audience);
	add_claim(out, "email", claims->email);
	add_claim(out, "given_name", claims->first_name);
	add_claim(out, "family_name", claims->last_name);
	strbuf_addc(out, '}');
}

void jwt_mint(const struct jwt_options *options, struct strbuf *out,
	      const struct jwt_claims *claims)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	size_t start = out->len;
	base64url_encode(out, header, strlen(header));
	strbuf_addc(out, '.');
	CLEANUP(strbuf_release) struct strbuf payload;
	strbuf_init(&payload, NULL);
	add_payload(&payload, options, claims);
	base64url_encode(out, payload.buf, payload.len);
	uint8_t mac[SHA256_SIZE];
	sign_hmac(options->secret, out->buf + start, out->len - start, mac);
	strbuf_addc(out, '.');
	base64url_encode(out, mac, sizeof(mac));
}
