/*
 * Tokens: header and claims of the input under a good signature, so that what lies behind it is
 * reached; and the input as the token itself, which must be refused.
 */
#include <string.h>

#include "common/jwks.h"
#include "common/sign.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US INT64_C(1900000000000000)
#define US_PER_S INT64_C(1000000)

static const char secret[] = "a secret that no input can know, 123456";
static struct jwt_options options = {
	.secret = {secret, sizeof(secret) - 1}, .issuer = "auth", .audience = "core"};
/* Public keys that no input has the other halves of. */
static const char keys[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d\","
			   "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
			   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\","
			   "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void load_keys(void)
{
	struct problem err = {0};

	options.jwks = jwks_open(NULL, 0);
	MUST(jwks_load(options.jwks, (struct slice){keys, sizeof(keys) - 1}, &err) == OK);
}

static void sign(struct strbuf *token, const char *header, const char *claims)
{
	uint8_t mac[SHA256_SIZE];

	base64url_encode(token, header, strlen(header));
	strbuf_addc(token, '.');
	base64url_encode(token, claims, strlen(claims));
	sign_hmac(options.secret, token->buf, token->len, mac);
	strbuf_addc(token, '.');
	base64url_encode(token, mac, sizeof(mac));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	struct jwt_claims claims;
	struct problem err = {0};
	struct strbuf token;
	char *header;

	if (!options.jwks)
		load_keys();
	MUST(jwt_verify(&options, arena, (const char *)data, size, NOW_US, &claims, &err) ==
	     ST_UNAUTHORIZED);
	header = fuzz_text(&input, arena);
	strbuf_init(&token, arena);
	sign(&token, header, fuzz_text(&input, arena));
	if (jwt_verify(&options, arena, token.buf, token.len, NOW_US, &claims, &err)) {
		MUST(err.status == ST_UNAUTHORIZED && *err.detail);
		return 0;
	}
	MUST(token.len <= JWT_TOKEN_MAX && strstr(header, "HS256"));
	MUST(claims.user_id > 0 && claims.expires_at > NOW_US - JWT_LEEWAY_S * US_PER_S);
	return 0;
}
