/*
 * What a token says of its bearer, and whether that holds now and here.
 */
#include <string.h>

#include "common/clock.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/jwt_internal.h"
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

enum status jwt_claims_read(const struct jwt_options *options, struct arena *arena,
			    struct slice json, int64_t now_us, struct jwt_claims *ret,
			    struct problem *err)
{
	struct payload payload;
	struct problem ignored = {.status = OK};
	if (json_read(arena, json.at, json.len, &payload_schema, &payload, &ignored) != OK)
		return refuse(err, "The token's claims cannot be read.");
	enum status status = check_time(&payload, now_us, err);
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
