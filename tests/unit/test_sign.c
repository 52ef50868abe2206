#include "common/sign.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static char long_key[131]; /* of 0xaa, see setup */

static void setup(void)
{
	arena_init(&arena, 1024);
	memset(long_key, 0xaa, sizeof(long_key));
}

static void teardown(void)
{
	arena_clear(&arena);
}

static struct slice text_slice(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static void assert_hex(const uint8_t digest[SHA256_SIZE], const char *expected)
{
	char hex[2 * SHA256_SIZE + 1];
	sign_hex(digest, SHA256_SIZE, hex);
	ck_assert_str_eq(hex, expected);
}

/* FIPS 180-4 examples. */
START_TEST(test_sha256)
{
	uint8_t digest[SHA256_SIZE];
	sign_sha256("", 0, digest);
	assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sign_sha256("abc", 3, digest);
	assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

/* RFC 4231, test cases 1, 2 and 6. */
static const struct {
	struct slice key;
	const char *text;
	const char *mac;
} hmac_cases[] = {
	{{"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20},
	 "Hi There",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{{"Jefe", 4},
	 "what do ya want for nothing?",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{{long_key, sizeof(long_key)},
	 "Test Using Larger Than Block-Size Key - Hash Key First",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

/* Each key twice in a row and then the others: a kept key must never answer for another. */
static void check_hmac_cases(void)
{
	for (size_t i = 0; i < 12 * ARRAY_LEN(hmac_cases); i++) {
		size_t at = (i / 2 + i / 7) % ARRAY_LEN(hmac_cases);
		uint8_t mac[SHA256_SIZE];
		sign_hmac(hmac_cases[at].key, hmac_cases[at].text, strlen(hmac_cases[at].text),
			  mac);
		assert_hex(mac, hmac_cases[at].mac);
	}
}

START_TEST(test_hmac)
{
	check_hmac_cases();
	uint8_t prefix_mac[SHA256_SIZE];
	uint8_t mac[SHA256_SIZE];
	sign_hmac((struct slice){"Jefe", 3}, "x", 1, prefix_mac);
	sign_hmac((struct slice){"Jefe", 4}, "x", 1, mac);
	ck_assert(!sign_equal(mac, sizeof(mac), prefix_mac, sizeof(prefix_mac)));
}
END_TEST

static void *run_hmac(void *unused UNUSED)
{
	for (int i = 0; i < 200; i++)
		check_hmac_cases();
	return NULL;
}

START_TEST(test_hmac_in_threads)
{
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_hmac, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(test_equal)
{
	ck_assert(sign_equal("abc", 3, "abc", 3));
	ck_assert(sign_equal("", 0, "", 0));
	ck_assert(!sign_equal("abc", 3, "abd", 3));
	ck_assert(!sign_equal("abc", 3, "abcd", 4));
	ck_assert(!sign_equal("abc", 3, "", 0));
}
END_TEST

START_TEST(test_hex)
{
	char hex[9];
	sign_hex("\x00\x7f\x80\xff", 4, hex);
	ck_assert_str_eq(hex, "007f80ff");
	uint8_t bytes[4] = {0};
	ck_assert(sign_unhex("007f80ff", 8, bytes));
	ck_assert_mem_eq(bytes, "\x00\x7f\x80\xff", 4);
	static const char *const bad[] = {"0", "0g", "g0", "0F", " 0", "0x", "é", "00 0"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!sign_unhex(bad[i], strlen(bad[i]), bytes), "%s", bad[i]);
	ck_assert(sign_unhex("", 0, bytes));
}
END_TEST

typedef bool decode_fn(struct arena *, const char *, size_t, struct slice *);
typedef void encode_fn(struct strbuf *, const void *, size_t);

static void assert_both_ways(encode_fn *encode, decode_fn *decode, const void *data, size_t len,
			     const char *text)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	encode(&out, data, len);
	if (text)
		ck_assert_str_eq(out.buf, text);
	struct slice back;
	ck_assert_msg(decode(&arena, out.buf, out.len, &back), "%s", out.buf);
	ck_assert_uint_eq(back.len, len);
	ck_assert(memcmp(back.at, data, len) == 0);
}

/* RFC 4648, section 10. */
START_TEST(test_base_vectors)
{
	static const struct {
		const char *data, *base64, *base64url, *base32;
	} cases[] = {
		{"", "", "", ""},
		{"f", "Zg==", "Zg", "MY"},
		{"fo", "Zm8=", "Zm8", "MZXQ"},
		{"foo", "Zm9v", "Zm9v", "MZXW6"},
		{"foob", "Zm9vYg==", "Zm9vYg", "MZXW6YQ"},
		{"fooba", "Zm9vYmE=", "Zm9vYmE", "MZXW6YTB"},
		{"foobar", "Zm9vYmFy", "Zm9vYmFy", "MZXW6YTBOI"},
		{"\xfb\xff\xfe", "+//+", "-__-", "7P774"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *data = cases[i].data;
		size_t len = strlen(data);
		assert_both_ways(base64_encode, base64_decode, data, len, cases[i].base64);
		assert_both_ways(base64url_encode, base64url_decode, data, len, cases[i].base64url);
		assert_both_ways(base32_encode, base32_decode, data, len, cases[i].base32);
	}
}
END_TEST

START_TEST(test_base_every_length)
{
	uint8_t data[300];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(data); len++) {
		assert_both_ways(base64_encode, base64_decode, data, len, NULL);
		assert_both_ways(base64url_encode, base64url_decode, data, len, NULL);
		assert_both_ways(base32_encode, base32_decode, data, len, NULL);
	}
}
END_TEST

static void assert_refused(decode_fn *decode, const char *text)
{
	struct slice untouched = {"x", 7};
	ck_assert_msg(!decode(&arena, text, strlen(text), &untouched), "%s", text);
	ck_assert_uint_eq(untouched.len, 7);
}

START_TEST(test_base_refusals)
{
	static const char *const bad_url[] = {"Z",    "Zg==", "Zg=",   "Zh",     "Zm9",   "Zm9vY",
					      "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n", " Zm9v", "Zm9vé"};
	for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
		assert_refused(base64url_decode, bad_url[i]);
	static const char *const bad_base64[] = {"Zg",   "Zg=",  "Zh==",     "Zm9=", "Z===", "====",
						 "Zm-v", "Zm_v", "Zg==Zg==", "=Zg=", "Zm9v="};
	for (size_t i = 0; i < ARRAY_LEN(bad_base64); i++)
		assert_refused(base64_decode, bad_base64[i]);
	static const char *const bad_base32[] = {"M",  "my", "MZ======", "MZXW6Y", "MZX", "MZ",
						 "M1", "M8", "M0",       "MY=",    " MY", "MY "};
	for (size_t i = 0; i < ARRAY_LEN(bad_base32); i++)
		assert_refused(base32_decode, bad_base32[i]);
	struct slice ret;
	ck_assert(!base64url_decode(&arena, "Zm\0v", 4, &ret));
}
END_TEST

/* The example of the Standard Webhooks specification. */
static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char other[] = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
static const char id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char stamp[] = "1614265330";
static const char body[] = "{\"test\": 2432232314}";
static const char signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

static bool verify(const char *secrets, const char *header)
{
	return sign_webhook_verify(&arena, secrets, id, stamp, text_slice(body), header);
}

START_TEST(test_webhook_vector)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	sign_webhook(&out, secret, id, stamp, text_slice(body));
	ck_assert_str_eq(out.buf, signature);
	ck_assert(verify(secret, signature));
	ck_assert(!verify(other, signature));
	ck_assert(!sign_webhook_verify(&arena, secret, id, "1614265331", text_slice(body),
				       signature));
	ck_assert(
		!sign_webhook_verify(&arena, secret, "msg_q", stamp, text_slice(body), signature));
	ck_assert(!sign_webhook_verify(&arena, secret, id, stamp, text_slice("{}"), signature));
}
END_TEST

START_TEST(test_webhook_lists)
{
	ck_assert(verify(arena_printf(&arena, "%s,%s", other, secret), signature));
	ck_assert(verify(arena_printf(&arena, "%s , %s", secret, other), signature));
	ck_assert(verify(secret, arena_printf(&arena, "v1,AAAA %s", signature)));
	ck_assert(verify(secret, arena_printf(&arena, "v1a,AAAA  %s v2,x", signature)));
	ck_assert(!verify(secret, ""));
	ck_assert(!verify(secret, "v1,"));
	ck_assert(!verify(secret, signature + 3));
	ck_assert(!verify(secret, arena_printf(&arena, "v2,%s", signature + 3)));
	ck_assert(!verify(secret, arena_printf(&arena, "V1,%s", signature + 3)));
	ck_assert(!verify(secret, arena_strndup(&arena, signature, strlen(signature) - 1)));
	ck_assert(!verify("", signature));
	ck_assert(!verify(secret + 6, signature));
}
END_TEST

START_TEST(test_webhook_flips)
{
	size_t prefix_len = strlen("v1,");
	for (size_t i = prefix_len; signature[i]; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char *flipped = arena_strdup(&arena, signature);
			flipped[i] = (char)(flipped[i] ^ (1 << bit));
			ck_assert_msg(!verify(secret, flipped), "byte %zu bit %d", i, bit);
		}
	}
}
END_TEST

START_TEST(test_webhook_secrets_valid)
{
	ck_assert(sign_webhook_secrets_valid(secret));
	ck_assert(sign_webhook_secrets_valid(arena_printf(&arena, "%s,%s", secret, other)));
	static const char *const bad[] = {"",
					  ",",
					  "whsec_",
					  "secret",
					  "whsec_!!!!",
					  "whsec_AAA",
					  "whsec_AAAA,",
					  "whsec_AAAA,,whsec_AAAA",
					  "whsec_AAAA whsec_AAAA"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!sign_webhook_secrets_valid(bad[i]), "%s", bad[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sign");
	TCase *tc = tcase_create("sign");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_sha256);
	tcase_add_test(tc, test_hmac);
	tcase_add_test(tc, test_hmac_in_threads);
	tcase_add_test(tc, test_equal);
	tcase_add_test(tc, test_hex);
	tcase_add_test(tc, test_base_vectors);
	tcase_add_test(tc, test_base_every_length);
	tcase_add_test(tc, test_base_refusals);
	tcase_add_test(tc, test_webhook_vector);
	tcase_add_test(tc, test_webhook_lists);
	tcase_add_test(tc, test_webhook_flips);
	tcase_add_test(tc, test_webhook_secrets_valid);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
