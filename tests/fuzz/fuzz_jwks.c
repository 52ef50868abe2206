/*
 * Key sets: the input is the document. Whatever comes, a set that is not taken changes nothing, and
 * a key that is taken can be found, verifies nothing by chance and goes when the next set comes.
 */
#include <string.h>

#include "common/jwks.h"
#include "tests/fuzz/fuzz.h"

static const char other[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"other\","
			    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static bool holds_other(struct jwks *jwks)
{
	struct problem err = {0};
	struct jwt_key *key;
	uint64_t generation = 0;

	if (jwks_key(jwks, "other", JWT_EDDSA, &key, &generation, &err))
		return false;
	MUST(generation == jwks_generation(jwks));
	jwt_key_drop(key);
	return true;
}

static void look_at(struct arena *arena, struct slice document)
{
	struct problem err = {0};
	struct jwks_keys keys;

	if (jwks_parse(arena, document, &keys, &err))
		return;
	MUST(keys.count > 0 && keys.count <= JWKS_KEYS_MAX);
	for (size_t i = 0; i < keys.count; i++) {
		MUST(jwt_key_alg(keys.keys[i]) != JWT_HS256);
		MUST(!jwt_key_verifies(keys.keys[i], document, document));
		jwt_key_drop(keys.keys[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice document = {(const char *)data, size};
	struct jwks *jwks = jwks_open(NULL, 0);
	struct problem err = {0};
	enum status status;

	MUST(jwks_load(jwks, (struct slice){other, strlen(other)}, &err) == OK);
	status = jwks_load(jwks, document, &err);
	MUST(status == OK || (status == ST_MALFORMED && *err.detail));
	MUST(status == OK || holds_other(jwks));
	look_at(fuzz_arena(), document);
	jwks_close(jwks);
	return 0;
}
