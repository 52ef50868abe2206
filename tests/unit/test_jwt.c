#include "common/jwt.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/sign.h"

static const char key[] = "a secret of at least thirty-two bytes";
static const char header_json[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
static const int64_t now_s = 1767225600;

static struct arena arena;
static struct jwt_options options;

static void setup(void)
{
	arena_init(&arena, 8192);
	options = (struct jwt_options){.secret = {key, strlen(key)}};
}

static void teardown(void)
{
	arena_clear(&arena);
}

/* A token of these JSON texts, signed with our key whatever its header says. */
static const char *token_of(const char *header, const char *claims)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	base64url_encode(&out, header, strlen(header));
	strbuf_addc(&out, '.');
	base64url_encode(&out, claims, strlen(claims));
	uint8_t mac[SHA256_SIZE];
	sign_hmac(options.secret, out.buf, out.len, mac);
	strbuf_addc(&out, '.');
	base64url_encode(&out, mac, sizeof(mac));
	return out.buf;
}

/* Claims that would do, and more members. */
static const char *claims_with(const char *more)
{
	return arena_printf(&arena, "{\"sub\":\"42\",\"exp\":%lld%s}", (long long)now_s + 600,
			    more);
}

static enum status verify_text(const char *token, size_t len, struct jwt_claims *ret,
			       struct problem *err)
{
	return jwt_verify(&options, &arena, token, len, now_s * US_PER_S, ret, err);
}

static void assert_accepted(const char *token, struct jwt_claims *ret)
{
	struct problem err = {.status = OK};
	enum status status = verify_text(token, strlen(token), ret, &err);
	ck_assert_msg(status == OK, "%s: %s", token, err.detail);
}

static void assert_refused(const char *token, const char *reason)
{
	struct problem err = {.status = OK};
	struct jwt_claims untouched = {.user_id = -7};
	ck_assert_msg(verify_text(token, strlen(token), &untouched, &err) == ST_UNAUTHORIZED, "%s",
		      token);
	ck_assert_int_eq(untouched.user_id, -7);
	ck_assert_msg(strstr(err.detail, reason), "%s, not %s", err.detail, reason);
}

START_TEST(test_rfc7515_vector)
{
	/* Appendix A.1: the key is its JWK's "k", exp is 1300819380; it has no sub. */
	struct slice jwk;
	const char *k = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
			"1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
	ck_assert(base64url_decode(&arena, k, strlen(k), &jwk));
	options.secret = jwk;
	const char *token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
			    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
			    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
			    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	assert_refused(token, "expired");
	struct problem err = {.status = OK};
	struct jwt_claims claims;
	ck_assert_int_eq(jwt_verify(&options, &arena, token, strlen(token),
				    INT64_C(1300819379) * US_PER_S, &claims, &err),
			 ST_UNAUTHORIZED);
	ck_assert_str_eq(err.detail, "The token has no usable sub.");
}
END_TEST

START_TEST(test_mint_and_verify)
{
	options.issuer = "auth";
	options.audience = "core";
	struct jwt_claims given = {.user_id = INT64_MAX,
				   .roles = ROLE_ADMIN | ROLE_USER,
				   .email = "zo\xc3\xa9\"\\@example.com",
				   .first_name = "Zo\xc3\xa9",
				   .last_name = "Nguy\xe1\xbb\x85n",
				   .expires_at = (now_s + 10) * US_PER_S};
	struct strbuf out;
	strbuf_init(&out, &arena);
	strbuf_adds(&out, "Bearer ");
	jwt_mint(&options, &out, &given);
	struct jwt_claims claims;
	assert_accepted(out.buf + strlen("Bearer "), &claims);
	ck_assert_int_eq(claims.user_id, INT64_MAX);
	ck_assert_uint_eq(claims.roles, ROLE_ADMIN | ROLE_USER);
	ck_assert_str_eq(claims.email, given.email);
	ck_assert_str_eq(claims.first_name, given.first_name);
	ck_assert_str_eq(claims.last_name, given.last_name);
	ck_assert_int_eq(claims.expires_at, given.expires_at);
}
END_TEST

START_TEST(test_headers)
{
	static const struct {
		const char *header;
		const char *reason; /* NULL: accepted */
	} cases[] = {
		{"{\"alg\":\"HS256\"}", NULL},
		{"{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"x\",\"jku\":\"http://evil/\"}",
		 NULL},
		{"{\"typ\":\"jwt\",\"alg\":\"HS256\"}", NULL},
		{"{\"typ\":\"at+jwt\",\"alg\":\"HS256\"}", NULL},
		{"{\"alg\":\"none\"}", "algorithm"},
		{"{\"alg\":\"None\"}", "algorithm"},
		{"{\"alg\":\"nOnE\"}", "algorithm"},
		{"{\"alg\":\"\"}", "algorithm"},
		{"{\"alg\":\"RS256\",\"typ\":\"JWT\"}", "algorithm"},
		{"{\"alg\":\"HS512\",\"typ\":\"JWT\"}", "algorithm"},
		{"{\"alg\":\"hs256\",\"typ\":\"JWT\"}", "algorithm"},
		{"{\"alg\":\"HS256 \"}", "algorithm"},
		{"{\"alg\":[\"HS256\"]}", "algorithm"},
		{"{\"ALG\":\"HS256\"}", "algorithm"},
		{"{\"typ\":\"JWT\"}", "algorithm"},
		{"{\"alg\":null}", "algorithm"},
		{"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "extensions"},
		{"{\"alg\":\"HS256\",\"crit\":[]}", "extensions"},
		{"{\"alg\":\"HS256\",\"crit\":null}", "extensions"},
		{"{\"alg\":\"HS256\",\"crit\":\"exp\"}", "extensions"},
		{"{\"alg\":\"HS256\",\"typ\":\"JWE\"}", "type"},
		{"{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", "type"},
		{"{\"alg\":\"HS256\",\"typ\":\"\"}", "type"},
		{"{\"alg\":\"HS256\",\"typ\":1}", "type"},
		{"{\"alg\":\"HS256\",\"typ\":null}", "type"},
		{"{\"alg\":\"none\",\"alg\":\"HS256\"}", "header"},
		{"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "header"},
		{"{\"alg\":\"HS256\"", "header"},
		{"{\"alg\":\"HS256\"}x", "header"},
		{"[\"HS256\"]", "header"},
		{"\"HS256\"", "header"},
		{"", "header"},
		{"{\"alg\":\"HS256\",\"x\":\"\\u0000\"}", "header"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *token = token_of(cases[i].header, claims_with(""));
		struct jwt_claims claims;
		if (cases[i].reason)
			assert_refused(token, cases[i].reason);
		else
			assert_accepted(token, &claims);
	}
}
END_TEST

START_TEST(test_times)
{
	static const struct {
		const char *claims;
		const char *reason;
	} cases[] = {
		{"\"exp\":1767225600", NULL},      /* now */
		{"\"exp\":1767225541", NULL},      /* past, within the leeway */
		{"\"exp\":1767225540", "expired"}, /* 60 s ago */
		{"\"exp\":1", "expired"},
		{"\"iat\":1767225600", "exp"},
		{"\"exp\":null", "exp"},
		{"\"exp\":\"1767226600\"", "exp"},
		{"\"exp\":-1", "exp"},
		{"\"exp\":0", "exp"},
		{"\"exp\":1767226600.5", "exp"},
		{"\"exp\":9223372036854775807", "exp"},
		{"\"exp\":1e300", "exp"},
		{"\"exp\":true", "exp"},
		{"\"Exp\":1767226600", "exp"},
		{"\"exp\":253402300799", NULL},
		{"\"exp\":1767226600,\"nbf\":1767225600", NULL},
		{"\"exp\":1767226600,\"nbf\":1767225660", NULL}, /* ahead, within the leeway */
		{"\"exp\":1767226600,\"nbf\":1767225661", "valid yet"},
		{"\"exp\":1767226600,\"nbf\":\"1\"", "nbf"},
		{"\"exp\":1767226600,\"nbf\":null", "nbf"},
		{"\"exp\":1767226600,\"exp\":1767226601", "claims"},
		{"\"exp\":1,\"exp\":1767226600", "claims"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *token = token_of(
			header_json, arena_printf(&arena, "{\"sub\":\"42\",%s}", cases[i].claims));
		struct jwt_claims claims;
		if (cases[i].reason)
			assert_refused(token, cases[i].reason);
		else
			assert_accepted(token, &claims);
	}
}
END_TEST

START_TEST(test_parties)
{
	static const struct {
		const char *more;
		const char *reason;
	} cases[] = {
		{",\"iss\":\"auth\",\"aud\":\"core\"", NULL},
		{",\"iss\":\"auth\",\"aud\":[\"x\",\"core\"]", NULL},
		{",\"iss\":\"auth\",\"aud\":[\"x\"]", "somebody else"},
		{",\"iss\":\"auth\",\"aud\":[]", "somebody else"},
		{",\"iss\":\"auth\",\"aud\":[\"core\",1]", "somebody else"},
		{",\"iss\":\"auth\",\"aud\":\"cor\"", "somebody else"},
		{",\"iss\":\"auth\",\"aud\":{\"core\":1}", "somebody else"},
		{",\"iss\":\"auth\"", "somebody else"},
		{",\"iss\":\"Auth\",\"aud\":\"core\"", "issuer"},
		{",\"iss\":[\"auth\"],\"aud\":\"core\"", "issuer"},
		{",\"aud\":\"core\"", "issuer"},
	};
	struct jwt_claims claims;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *token = token_of(header_json, claims_with(cases[i].more));
		options.issuer = "auth";
		options.audience = "core";
		if (cases[i].reason)
			assert_refused(token, cases[i].reason);
		else
			assert_accepted(token, &claims);
		options.issuer = NULL;
		options.audience = NULL;
		assert_accepted(token, &claims);
	}
}
END_TEST

START_TEST(test_subjects)
{
	static const char *const good[] = {"1", "42", "9223372036854775807"};
	static const char *const bad[] = {
		"\"\"",        "\"0\"",   "\"-1\"", "\"+1\"",  "\"01\"",
		"\"1.0\"",     "\"1e3\"", "\" 1\"", "\"1 \"",  "\"0x1\"",
		"\"abc\"",     "42",      "null",   "[\"1\"]", "\"9223372036854775808\"",
		"\"\xd9\xa1\""};
	struct jwt_claims claims;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_accepted(token_of(header_json,
					 arena_printf(&arena, "{\"sub\":\"%s\",\"exp\":1767226600}",
						      good[i])),
				&claims);
		ck_assert_int_eq(claims.user_id, strtoll(good[i], NULL, 10));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(
			token_of(header_json,
				 arena_printf(&arena, "{\"sub\":%s,\"exp\":1767226600}", bad[i])),
			"sub");
	assert_refused(token_of(header_json, "{\"exp\":1767226600}"), "sub");
}
END_TEST

START_TEST(test_roles)
{
	static const struct {
		const char *more;
		unsigned roles;
	} cases[] = {
		{"", 0},
		{",\"role\":\"admin\"", ROLE_ADMIN},
		{",\"roles\":[\"organizer\",\"staff\",\"user\"]",
		 ROLE_ORGANIZER | ROLE_STAFF | ROLE_USER},
		{",\"roles\":[\"user\"],\"role\":\"admin\"", ROLE_USER},
		{",\"roles\":[],\"role\":\"admin\"", 0},
		{",\"roles\":[\"root\",\"Admin\",\"admin \",\"\"]", 0},
		{",\"roles\":[\"user\",\"future\"]", ROLE_USER},
		{",\"roles\":[\"admin\",1]", 0},
		{",\"roles\":{\"admin\":true}", 0},
		{",\"roles\":null,\"role\":\"admin\"", 0},
		{",\"role\":7", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct jwt_claims claims;
		assert_accepted(token_of(header_json, claims_with(cases[i].more)), &claims);
		ck_assert_msg(claims.roles == cases[i].roles, "%s: %u", cases[i].more,
			      claims.roles);
	}
	ck_assert_uint_eq(jwt_role("organizer"), ROLE_ORGANIZER);
	ck_assert_uint_eq(jwt_role("Organizer"), 0);
}
END_TEST

START_TEST(test_names)
{
	struct jwt_claims claims;
	assert_accepted(
		token_of(header_json, claims_with(",\"firstName\":\"A\",\"lastName\":\"B\"")),
		&claims);
	ck_assert_str_eq(claims.first_name, "A");
	ck_assert_str_eq(claims.last_name, "B");
	ck_assert_ptr_null(claims.email);
	assert_accepted(
		token_of(header_json, claims_with(",\"firstName\":\"A\",\"given_name\":\"C\","
						  "\"family_name\":7,\"lastName\":\"D\"")),
		&claims);
	ck_assert_str_eq(claims.first_name, "C");
	ck_assert_str_eq(claims.last_name, "D");
	/* What the mirror's columns cannot hold is as if it were not said. */
	char longer[257] = {0};
	memset(longer, 'x', 256);
	assert_accepted(token_of(header_json, claims_with(arena_printf(&arena,
								       ",\"email\":\"%s\","
								       "\"given_name\":\"%s\"",
								       longer, longer + 155))),
			&claims);
	ck_assert_ptr_null(claims.email);
	ck_assert_ptr_null(claims.first_name);
	assert_accepted(token_of(header_json, claims_with(arena_printf(&arena, ",\"email\":\"%s\"",
								       longer + 1))),
			&claims);
	ck_assert_str_eq(claims.email, longer + 1);
}
END_TEST

START_TEST(test_shapes)
{
	const char *good = token_of(header_json, claims_with(""));
	size_t len = strlen(good);
	const char *last = strrchr(good, '.');
	struct problem err = {.status = OK};
	struct jwt_claims claims;
	assert_accepted(good, &claims);
	assert_refused("", "not a signed");
	assert_refused(".", "not a signed");
	assert_refused("..", "header");
	assert_refused("abc", "not a signed");
	assert_refused(arena_printf(&arena, "%s.", good), "not a signed");
	assert_refused(arena_printf(&arena, "%s.e30.e30", good), "not a signed");
	assert_refused(arena_printf(&arena, "%s=", good), "signature");
	assert_refused(arena_printf(&arena, " %s", good), "header");
	assert_refused(arena_printf(&arena, "%s\n", good), "signature");
	assert_refused(arena_strndup(&arena, good, (size_t)(last - good) + 1), "signature");
	assert_refused(arena_strndup(&arena, good, len - 1), "signature");
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(verify_text(good, cut, &claims, &err), ST_UNAUTHORIZED);
	/* A signed payload that is no JSON object. */
	assert_refused(token_of(header_json, "[]"), "claims");
	assert_refused(token_of(header_json, "{"), "claims");
	assert_refused(token_of(header_json, "{\"sub\":\"1\",\"sub\":\"2\",\"exp\":1767226600}"),
		       "claims");
	assert_refused(token_of(header_json, "{\"x\":\"\xff\"}"), "claims");
}
END_TEST

START_TEST(test_every_flip_refused)
{
	const char *good = token_of(header_json, claims_with(",\"role\":\"user\""));
	size_t len = strlen(good);
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char *flipped = arena_strdup(&arena, good);
			flipped[i] = (char)(flipped[i] ^ (1 << bit));
			struct jwt_claims claims;
			struct problem err = {.status = OK};
			ck_assert_msg(verify_text(flipped, len, &claims, &err) == ST_UNAUTHORIZED,
				      "byte %zu bit %d", i, bit);
			ck_assert(err.detail[0] != '\0');
		}
	}
}
END_TEST

START_TEST(test_other_key)
{
	const char *good = token_of(header_json, claims_with(""));
	options.secret.len--;
	assert_refused(good, "signature is not valid");
}
END_TEST

/* Tokens of exactly the longest length, and of one byte more. */
START_TEST(test_length_bound)
{
	for (size_t padding = 2900; padding < 5000; padding++) {
		char *pad = arena_alloc(&arena, padding + 1);
		memset(pad, 'x', padding);
		const char *token = token_of(
			header_json, claims_with(arena_printf(&arena, ",\"pad\":\"%s\"", pad)));
		size_t len = strlen(token);
		struct jwt_claims claims;
		if (len <= JWT_TOKEN_MAX)
			assert_accepted(token, &claims);
		else
			assert_refused(token, "too long");
		if (len < JWT_TOKEN_MAX - 8)
			padding += (JWT_TOKEN_MAX - 8 - len) * 3 / 4;
		if (len > JWT_TOKEN_MAX + 8)
			padding += 300;
		arena_reset(&arena);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jwt");
	TCase *tc = tcase_create("jwt");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_rfc7515_vector);
	tcase_add_test(tc, test_mint_and_verify);
	tcase_add_test(tc, test_headers);
	tcase_add_test(tc, test_times);
	tcase_add_test(tc, test_parties);
	tcase_add_test(tc, test_subjects);
	tcase_add_test(tc, test_roles);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_shapes);
	tcase_add_test(tc, test_every_flip_refused);
	tcase_add_test(tc, test_other_key);
	tcase_add_test(tc, test_length_bound);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
