/*
 * Tokens signed with private keys: each algorithm, and what is only made to look like one.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/jwks.h"
#include "common/sign.h"
#include "tests/support/dialogue.h"
#include "tests/support/signer.h"

static const int64_t now_s = 1767225600;
static const char secret[] = "a secret of at least thirty-two bytes";

static struct arena arena;
static struct jwt_options options;
static const char *const algorithms[] = {"RS256", "ES256", "EdDSA"};
static struct signer *signers[ARRAY_LEN(algorithms)], *stranger;

static void load(const char *document)
{
	struct problem err = {0};
	enum status status =
		jwks_load(options.jwks, (struct slice){document, strlen(document)}, &err);
	ck_assert_msg(status == OK, "%s", err.detail);
}

static void setup(void)
{
	arena_init(&arena, 8192);
	options = (struct jwt_options){.jwks = jwks_open(NULL, 0)};
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		signers[i] = signer_new(algorithms[i], algorithms[i]);
	stranger = signer_new("RS256", "RS256");
	load(signer_set(signers[0], signers[1], signers[2], (const struct signer *)NULL));
}

static void teardown(void)
{
	jwks_close(options.jwks);
	arena_clear(&arena);
}

static const char *claims_with(const char *more)
{
	return text("{\"sub\":\"42\",\"exp\":%lld%s}", (long long)now_s + 600, more);
}

static enum status verify_text(const char *token, size_t len, struct problem *err)
{
	struct jwt_claims claims = {.user_id = -7};
	enum status status =
		jwt_verify(&options, &arena, token, len, now_s * US_PER_S, &claims, err);
	ck_assert_int_eq(claims.user_id, status == OK ? 42 : -7);
	return status;
}

static void assert_accepted(const char *token)
{
	struct problem err = {0};
	ck_assert_msg(verify_text(token, strlen(token), &err) == OK, "%s: %s", token, err.detail);
}

static void assert_refused(const char *token, const char *reason)
{
	struct problem err = {0};
	ck_assert_msg(verify_text(token, strlen(token), &err) == ST_UNAUTHORIZED, "%s", token);
	ck_assert_msg(strstr(err.detail, reason), "%s, not %s", err.detail, reason);
}

/* Another HS256 secret or none at all. */
static const char *hs256(const char *header, const char *key)
{
	uint8_t mac[SHA256_SIZE];
	struct strbuf out;
	strbuf_init(&out, &arena);
	base64url_encode(&out, header, strlen(header));
	strbuf_addc(&out, '.');
	base64url_encode(&out, claims_with(""), strlen(claims_with("")));
	sign_hmac((struct slice){key, strlen(key)}, out.buf, out.len, mac);
	strbuf_addc(&out, '.');
	base64url_encode(&out, mac, sizeof(mac));
	return out.buf;
}

/* A token whose signature is this. */
static const char *with_signature(const char *token, const void *signature, size_t len)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	strbuf_add(&out, token, (size_t)(strrchr(token, '.') - token) + 1);
	base64url_encode(&out, signature, len);
	return out.buf;
}

static struct slice signature_of(const char *token)
{
	struct slice signature;
	const char *at = strrchr(token, '.') + 1;
	ck_assert(base64url_decode(&arena, at, strlen(at), &signature));
	return signature;
}

START_TEST(test_each_algorithm)
{
	const char *token = signer_token(signers[_i], claims_with(""));
	assert_accepted(token);
	/* Without an id the only key of the algorithm serves. */
	assert_accepted(signer_sign(signers[_i], text("{\"alg\":\"%s\"}", algorithms[_i]),
				    claims_with("")));
	/* Not in the set, whatever it calls itself. */
	struct signer *other = signer_new(algorithms[_i], algorithms[_i]);
	assert_refused(signer_token(other, claims_with("")), "signature is not valid");
	assert_refused(signer_token(signer_new(algorithms[_i], "new"), claims_with("")),
		       "key is not known");
}
END_TEST

START_TEST(test_every_flip_refused)
{
	const char *good = signer_token(signers[_i], claims_with(""));
	size_t len = strlen(good);
	for (size_t at = 0; at < len; at++) {
		char *flipped = arena_strdup(&arena, good);
		struct problem err = {0};
		flipped[at] = (char)(flipped[at] ^ 1 << at % 7);
		ck_assert_msg(verify_text(flipped, len, &err) == ST_UNAUTHORIZED, "byte %zu", at);
	}
}
END_TEST

/* RFC 7515 A.2 and A.3: exp is 1300819380 and there is no sub; RFC 8037 A.4: no claims at all. */
START_TEST(test_rfc_vectors)
{
	static const char payload[] = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9"
				      "leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	load("{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd"
	     "_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1"
	     "W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQO"
	     "S-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
	     "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"},{\"kty\":\"EC\",\"crv\":"
	     "\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
	     "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"OKP\",\"crv\":"
	     "\"Ed25519\","
	     "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
	assert_refused(text("eyJhbGciOiJSUzI1NiJ9.%s.cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
			    "dzERat0XF9g2VtQgr9PJbu3XO"
			    "iZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
			    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRF"
			    "diuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
			    "eSN9383LcOLn"
			    "6_dO--xi12jzDwusC-"
			    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgG"
			    "Y9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
			    payload),
		       "expired");
	assert_refused(text("eyJhbGciOiJFUzI1NiJ9.%s.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFC"
			    "gfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
			    payload),
		       "expired");
	assert_refused("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0Jzln"
		       "LWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		       "claims cannot be read");
}
END_TEST

/* The header picks among the keys, it never says how a key is to be used (RFC 8725, 2.1). */
START_TEST(test_confused_algorithms)
{
	const char *const publics[] = {signer_pem(signers[0]), signer_modulus(signers[0]),
				       signer_jwk(signers[0], ""), "RS256"};
	for (size_t i = 0; i < ARRAY_LEN(publics); i++) {
		const char *header = "{\"alg\":\"HS256\",\"kid\":\"RS256\"}";
		options.secret = (struct slice){NULL, 0};
		assert_refused(hs256(header, publics[i]), "algorithm");
		options.secret = (struct slice){secret, strlen(secret)};
		assert_refused(hs256(header, publics[i]), "signature is not valid");
		assert_refused(hs256("{\"alg\":\"RS256\",\"kid\":\"RS256\"}", publics[i]),
			       "signature is not valid");
	}
	/* Our own secret serves HS256 alone. */
	assert_accepted(hs256("{\"alg\":\"HS256\",\"kid\":\"RS256\"}", secret));
	assert_refused(hs256("{\"alg\":\"RS256\",\"kid\":\"RS256\"}", secret), "signature is not");
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		for (size_t j = 0; j < ARRAY_LEN(algorithms); j++) {
			const char *header = text("{\"alg\":\"%s\",\"kid\":\"%s\"}", algorithms[j],
						  algorithms[i]);
			const char *token = signer_sign(signers[i], header, claims_with(""));
			if (i == j)
				assert_accepted(token);
			else
				assert_refused(token, "key is not known");
		}
	}
}
END_TEST

START_TEST(test_headers)
{
	static const struct {
		const char *more; /* after alg */
		const char *reason;
	} cases[] = {
		{"", NULL},
		{",\"kid\":\"RS256\"", NULL},
		{",\"kid\":\"rs256\"", "key is not known"},
		{",\"kid\":\"\"", "key is not known"},
		{",\"kid\":\"../../../../dev/null\"", "key is not known"},
		{",\"kid\":\"' OR 1=1 --\"", "key is not known"},
		{",\"kid\":\"RS256\\u0000x\"", "header"},
		{",\"kid\":null", "key is not known"},
		{",\"kid\":7", "key is not known"},
		{",\"kid\":[\"RS256\"]", "key is not known"},
		{",\"kid\":\"RS256\",\"kid\":\"RS256\"", "header"},
		{",\"alg\":\"RS256\"", "header"},
		{",\"crit\":[\"b64\"],\"b64\":false", "extensions"},
		{",\"b64\":false", "extensions"},
		{",\"b64\":true", "extensions"},
		{",\"crit\":[]", "extensions"},
		{",\"typ\":\"at+jwt\"", NULL},
		{",\"typ\":\"dpop+jwt\"", "type"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *token = signer_sign(
			signers[0], text("{\"alg\":\"RS256\"%s}", cases[i].more), claims_with(""));
		if (cases[i].reason)
			assert_refused(token, cases[i].reason);
		else
			assert_accepted(token);
	}
	char huge[2000] = {0};
	memset(huge, 'k', sizeof(huge) - 1);
	assert_refused(signer_sign(signers[0], text("{\"alg\":\"RS256\",\"kid\":\"%s\"}", huge),
				   claims_with("")),
		       "key is not known");
	/* EdDSA's newer name (RFC 9864). */
	assert_accepted(signer_sign(signers[2], "{\"alg\":\"Ed25519\",\"kid\":\"EdDSA\"}",
				    claims_with("")));
}
END_TEST

/* A key that comes with the token, or an address for one, is nobody's. */
START_TEST(test_keys_of_the_token)
{
	const char *const members[] = {
		text("\"jwk\":%s", signer_jwk(stranger, "")),
		"\"jku\":\"http://127.0.0.1:9/keys\"",
		"\"x5u\":\"file:///etc/passwd\"",
		"\"x5c\":[\"MIIB\"]",
	};
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *header = text("{\"alg\":\"RS256\",\"kid\":\"RS256\",%s}", members[i]);
		assert_refused(signer_sign(stranger, header, claims_with("")),
			       "signature is not valid");
		assert_accepted(signer_sign(signers[0], header, claims_with("")));
	}
}
END_TEST

START_TEST(test_signature_shapes)
{
	const char *token = signer_token(signers[_i], claims_with(""));
	struct slice signature = signature_of(token);
	char *longer = arena_calloc(&arena, signature.len + 1, 1);
	char *zeros = arena_calloc(&arena, signature.len, 1);
	memcpy(longer, signature.at, signature.len);
	assert_accepted(with_signature(token, signature.at, signature.len));
	for (size_t len = 0; len < signature.len; len += len < 70 ? 1 : 61)
		assert_refused(with_signature(token, signature.at, len), "signature is not valid");
	assert_refused(with_signature(token, longer, signature.len + 1), "signature is not valid");
	assert_refused(with_signature(token, zeros, signature.len), "signature is not valid");
	memset(zeros, 0xff, signature.len);
	assert_refused(with_signature(token, zeros, signature.len), "signature is not valid");
	assert_refused(text("%s=", token), "signature cannot be read");
	assert_refused(text("%s==", token), "signature cannot be read");
	assert_refused(text("%sA", token), "signature");
	assert_refused(text("%.*s", (int)(strrchr(token, '.') - token), token), "not a signed");
	/* The classic's other form: DER instead of r and s. */
	static const unsigned char der[] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
	assert_refused(with_signature(token, der, sizeof(der)), "signature is not valid");
}
END_TEST

START_TEST(test_claims)
{
	static const struct {
		const char *claims;
		const char *reason;
	} cases[] = {
		{"\"sub\":\"42\",\"exp\":1767225541", NULL},
		{"\"sub\":\"42\",\"exp\":1767225540", "expired"},
		{"\"sub\":\"42\",\"exp\":1767226200,\"nbf\":1767225660", NULL},
		{"\"sub\":\"42\",\"exp\":1767226200,\"nbf\":1767225661", "valid yet"},
		{"\"sub\":\"42\"", "exp"},
		{"\"exp\":1767226200", "sub"},
		{"\"sub\":42,\"exp\":1767226200", "sub"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *token =
			signer_token(signers[_i], text("{\"iss\":\"auth\",\"aud\":\"core\",%s}",
						       cases[i].claims));
		if (cases[i].reason)
			assert_refused(token, cases[i].reason);
		else
			assert_accepted(token);
	}
	options.issuer = "auth";
	options.audience = "core";
	assert_accepted(signer_token(signers[_i],
				     claims_with(",\"iss\":\"auth\",\"aud\":[\"core\",\"x\"]")));
	assert_refused(signer_token(signers[_i], claims_with(",\"iss\":\"eve\",\"aud\":\"core\"")),
		       "issuer");
	assert_refused(signer_token(signers[_i], claims_with(",\"iss\":\"auth\",\"aud\":\"shop\"")),
		       "somebody else");
}
END_TEST

START_TEST(test_a_huge_token)
{
	size_t size = 1 << 20;
	char *pad = arena_calloc(&arena, size + 1, 1);
	memset(pad, 'x', size);
	assert_refused(signer_token(signers[0], claims_with(text(",\"pad\":\"%s\"", pad))),
		       "too long");
	assert_refused(pad, "too long");
}
END_TEST

/* While a secret is changed both sign; and a public key may take its place meanwhile. */
START_TEST(test_previous_secret)
{
	static const char before[] = "the secret that was in force before";
	const char *header = "{\"alg\":\"HS256\"}";
	const char *new_token = hs256(header, secret), *old_token = hs256(header, before);
	options.secret = (struct slice){secret, strlen(secret)};
	assert_accepted(new_token);
	assert_refused(old_token, "signature is not valid");
	options.previous = (struct slice){before, strlen(before)};
	assert_accepted(new_token);
	assert_accepted(old_token);
	assert_refused(hs256(header, "neither of the two, though long enough"), "signature is not");
	assert_accepted(signer_token(signers[1], claims_with("")));
	struct jwks *keys = options.jwks;
	options.jwks = NULL;
	assert_refused(signer_token(signers[1], claims_with("")), "algorithm");
	options.jwks = keys;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jwt_keys");
	TCase *tc = tcase_create("keys");
	int each = (int)ARRAY_LEN(algorithms);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_each_algorithm, 0, each);
	tcase_add_loop_test(tc, test_every_flip_refused, 0, each);
	tcase_add_test(tc, test_rfc_vectors);
	tcase_add_test(tc, test_confused_algorithms);
	tcase_add_test(tc, test_headers);
	tcase_add_test(tc, test_keys_of_the_token);
	tcase_add_loop_test(tc, test_signature_shapes, 0, each);
	tcase_add_loop_test(tc, test_claims, 0, each);
	tcase_add_test(tc, test_a_huge_token);
	tcase_add_test(tc, test_previous_secret);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
