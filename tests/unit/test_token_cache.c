/*
 * Verified tokens are kept: what they said, how long, and what makes them be judged again.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/token_cache.h"
#include "common/clock.h"
#include "common/jwks.h"
#include "common/recall.h"
#include "tests/support/dialogue.h"
#include "tests/support/signer.h"

static const char secret[] = "a secret of at least thirty-two bytes";
static const char other_secret[] = "a secret that signed nothing of all this";

static struct app app;
static struct arena arena;
static struct signer *signer;

static void load(const struct signer *key)
{
	struct problem err = {0};
	const char *document = signer_set(key, (const struct signer *)NULL);
	ck_assert_int_eq(jwks_load(app.jwt.jwks, (struct slice){document, strlen(document)}, &err),
			 OK);
}

static void setup(void)
{
	memset(&app, 0, sizeof(app));
	arena_init(&arena, 4096);
	signer = signer_new("ES256", "a");
	app.jwt.secret = (struct slice){secret, strlen(secret)};
	app.jwt.jwks = jwks_open(NULL, 0);
	app.tokens = token_cache_new();
	load(signer);
}

static void teardown(void)
{
	recall_free(app.tokens);
	jwks_close(app.jwt.jwks);
	arena_clear(&arena);
}

static enum status verify_token(const char *token, struct jwt_claims *ret)
{
	uint8_t digest[SHA256_SIZE];
	struct problem err = {0};
	sign_sha256(token, strlen(token), digest);
	return token_verify(&app, &arena, token, digest, ret, &err);
}

static const char *minted(const struct jwt_claims *claims)
{
	CLEANUP(strbuf_release) struct strbuf out;
	strbuf_init(&out, NULL);
	jwt_mint(&app.jwt, &out, claims);
	return text("%s", out.buf);
}

static const char *signed_for(int64_t seconds)
{
	return signer_token(signer, text("{\"sub\":\"42\",\"exp\":%lld,\"role\":\"staff\"}",
					 (long long)(clock_now_us() / US_PER_S + seconds)));
}

static void assert_same(const struct jwt_claims *a, const struct jwt_claims *b)
{
	const char *const left[] = {a->email, a->first_name, a->last_name};
	const char *const right[] = {b->email, b->first_name, b->last_name};
	ck_assert_int_eq(a->user_id, b->user_id);
	ck_assert_uint_eq(a->roles, b->roles);
	ck_assert_int_eq(a->expires_at, b->expires_at);
	ck_assert_uint_eq(a->keys, b->keys);
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		ck_assert_msg(!left[i] == !right[i], "text %zu", i);
		if (left[i])
			ck_assert_str_eq(left[i], right[i]);
	}
}

/* Kept is told from judged by a secret that is another one meanwhile. */
START_TEST(test_kept_as_it_was)
{
	char name[101] = {0};
	memset(name, 'n', 100);
	const struct jwt_claims given[] = {
		{.user_id = INT64_MAX, .roles = ROLE_ADMIN | ROLE_USER},
		{.user_id = 1, .email = "zo\xc3\xa9@example.com"},
		{.user_id = 2, .first_name = "Zo\xc3\xa9", .last_name = "Nguy\xe1\xbb\x85n"},
		{.user_id = 3, .email = "a@example.com", .first_name = name, .last_name = name},
	};
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		struct jwt_claims claims = given[i], first, again;
		claims.expires_at = clock_now_us() / US_PER_S * US_PER_S + 600 * US_PER_S;
		const char *token = minted(&claims);
		ck_assert_int_eq(verify_token(token, &first), OK);
		assert_same(&claims, &first);
		app.jwt.secret = (struct slice){other_secret, strlen(other_secret)};
		ck_assert_int_eq(verify_token(token, &again), OK);
		assert_same(&first, &again);
		ck_assert_int_eq(verify_token(text("%sA", token), &again), ST_UNAUTHORIZED);
		app.jwt.secret = (struct slice){secret, strlen(secret)};
	}
}
END_TEST

/* Texts too long to be kept are only dearer. */
START_TEST(test_long_texts)
{
	char email[256] = {0}, name[101] = {0};
	memset(email, 'e', 255);
	memset(name, 'n', 100);
	struct jwt_claims claims = {.user_id = 7,
				    .email = email,
				    .first_name = name,
				    .last_name = name,
				    .expires_at = (clock_now_us() / US_PER_S + 600) * US_PER_S};
	const char *token = minted(&claims);
	for (int i = 0; i < 2; i++) {
		struct jwt_claims read;
		ck_assert_int_eq(verify_token(token, &read), OK);
		assert_same(&claims, &read);
	}
	app.jwt.secret = (struct slice){other_secret, strlen(other_secret)};
	ck_assert_int_eq(verify_token(token, &claims), ST_UNAUTHORIZED);
}
END_TEST

START_TEST(test_expires)
{
	struct jwt_claims claims;
	const char *token = signed_for(2 - JWT_LEEWAY_S);
	ck_assert_int_eq(verify_token(token, &claims), OK);
	ck_assert_int_eq(verify_token(token, &claims), OK);
	int64_t until = clock_monotonic_us() + 20 * US_PER_S;
	while (verify_token(token, &claims) == OK && clock_monotonic_us() < until)
		clock_sleep_ms(10);
	ck_assert_int_eq(verify_token(token, &claims), ST_UNAUTHORIZED);
}
END_TEST

START_TEST(test_a_withdrawn_key)
{
	struct jwt_claims claims;
	const char *token = signed_for(600);
	ck_assert_int_eq(verify_token(token, &claims), OK);
	ck_assert_uint_eq(claims.roles, ROLE_STAFF);
	ck_assert_uint_eq(claims.keys, jwks_generation(app.jwt.jwks));
	load(signer_new("ES256", "b"));
	ck_assert_int_eq(verify_token(token, &claims), ST_UNAUTHORIZED);
	load(signer);
	ck_assert_int_eq(verify_token(token, &claims), OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token_cache");
	TCase *tc = tcase_create("cache");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_kept_as_it_was);
	tcase_add_test(tc, test_long_texts);
	tcase_add_test(tc, test_expires);
	tcase_add_test(tc, test_a_withdrawn_key);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
