#include "common/credential.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/sign.h"

static const char one_secret[] = "0123456789abcdef0123456789abcdef";
static const struct credential_qr sample = {
	.ticket_id = 55, .event_id = 7, .guest_id = 91, .issued_ms = 1767225600123};

static struct arena arena;
static struct credential_keys keys;

static struct credential_keys parse(const char *value)
{
	struct credential_keys ret;
	ck_assert_int_eq(credential_keys_parse(value, &ret, NULL), OK);
	return ret;
}

static void setup(void)
{
	arena_init(&arena, 4096);
	keys = parse(one_secret);
}

static void teardown(void)
{
	arena_clear(&arena);
}

static bool opens(const struct credential_keys *with, const char *text, size_t len,
		  struct credential_qr *ret)
{
	struct problem err = {.status = OK};
	enum status status = credential_qr_open(with, &arena, text, len, ret, &err);
	if (status != OK) {
		ck_assert_int_eq(status, ST_INVALID_QR);
		ck_assert_str_eq(err.detail, "The code is not one of our tickets'");
		ck_assert_ptr_null(err.violations);
	}
	return status == OK;
}

static void assert_refused(const char *text, size_t len)
{
	struct credential_qr untouched = {.ticket_id = -1};
	ck_assert_msg(!opens(&keys, text, len, &untouched), "%.*s", (int)len, text);
	ck_assert_int_eq(untouched.ticket_id, -1);
}

static void assert_opens_to(const struct credential_keys *with, const char *text,
			    const struct credential_qr *expected)
{
	struct credential_qr qr;
	ck_assert_msg(opens(with, text, strlen(text), &qr), "%s", text);
	ck_assert_int_eq(qr.ticket_id, expected->ticket_id);
	ck_assert_int_eq(qr.event_id, expected->event_id);
	ck_assert_int_eq(qr.guest_id, expected->guest_id);
	ck_assert_int_eq(qr.issued_ms, expected->issued_ms);
}

/* The text in every way that one wrong bit can make it. */
static void assert_flips_refused(const char *text)
{
	size_t len = strlen(text);
	char flipped[512];
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(flipped, text, len + 1);
			flipped[i] = (char)(flipped[i] ^ (1 << bit));
			assert_refused(flipped, len);
		}
	}
}

START_TEST(test_round_trip_at_bounds)
{
	static const int64_t ids[] = {1,        127, 128, 16383, 16384, INT64_C(9007199254740993),
				      INT64_MAX};
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
			struct credential_qr qr = {ids[i], ids[k], ids[ARRAY_LEN(ids) - 1 - i],
						   k == 0 ? 0 : ids[k]};
			char text[CREDENTIAL_QR_SIZE];
			credential_qr_make(&keys, &qr, text);
			ck_assert_uint_lt(strlen(text), CREDENTIAL_QR_SIZE);
			ck_assert_uint_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
					  strlen(text));
			assert_opens_to(&keys, text, &qr);
		}
	}
}
END_TEST

START_TEST(test_every_flip_refused)
{
	char text[CREDENTIAL_QR_SIZE];
	credential_qr_make(&keys, &sample, text);
	assert_flips_refused(text);
	struct credential_qr large = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
	credential_qr_make(&keys, &large, text);
	assert_flips_refused(text);
}
END_TEST

START_TEST(test_other_texts_refused)
{
	char text[CREDENTIAL_QR_SIZE];
	credential_qr_make(&keys, &sample, text);
	size_t len = strlen(text);
	for (size_t cut = 0; cut < len; cut++) {
		assert_refused(text, cut);
		assert_refused(text + len - cut, cut);
	}
	for (int c = 0; c < 256; c++) {
		char longer[CREDENTIAL_QR_SIZE + 1];
		memcpy(longer, text, len);
		longer[len] = (char)c;
		assert_refused(longer, len + 1);
		longer[0] = (char)c;
		memcpy(longer + 1, text, len);
		assert_refused(longer, len + 1);
	}
	char lower[CREDENTIAL_QR_SIZE];
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)tolower((unsigned char)text[i]);
	assert_refused(lower, len);
	char huge[1000];
	memset(huge, 'A', sizeof(huge));
	assert_refused(huge, sizeof(huge));
}
END_TEST

/* What a holder of the key could write but we never do. */
static void assert_signed_bytes_refused(const uint8_t *bytes, size_t len)
{
	uint8_t signed_text[128] = "EVTQR1";
	memcpy(signed_text + 6, bytes, len);
	uint8_t mac[SHA256_SIZE];
	sign_hmac((struct slice){one_secret, strlen(one_secret)}, signed_text, 6 + len, mac);
	uint8_t token[128];
	memcpy(token, bytes, len);
	memcpy(token + len, mac, 16);
	struct strbuf text;
	strbuf_init(&text, &arena);
	base32_encode(&text, token, len + 16);
	assert_refused(text.buf, text.len);
}

START_TEST(test_signed_nonsense_refused)
{
	static const struct {
		size_t len;
		uint8_t bytes[20];
	} cases[] = {
		{6, {2, 1, 1, 1, 1, 1}},       /* another version */
		{6, {1, 2, 1, 1, 1, 1}},       /* unknown key */
		{6, {1, 1, 0, 1, 1, 1}},       /* id 0 */
		{5, {1, 1, 1, 1, 1}},          /* a number is missing */
		{7, {1, 1, 1, 1, 1, 1, 1}},    /* one too many */
		{7, {1, 1, 0x81, 0, 1, 1, 1}}, /* not the shortest form */
		{6, {1, 1, 1, 1, 1, 0x81}},    /* ends in a number */
		{15, {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1, 1}},
		{2, {1, 1}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_signed_bytes_refused(cases[i].bytes, cases[i].len);
}
END_TEST

START_TEST(test_rotation)
{
	char old_text[CREDENTIAL_QR_SIZE];
	char new_text[CREDENTIAL_QR_SIZE];
	struct credential_keys rotating =
		parse("2:brand new secret, 1:0123456789abcdef0123456789abcdef");
	ck_assert_uint_eq(rotating.count, 2);
	credential_qr_make(&keys, &sample, old_text);
	credential_qr_make(&rotating, &sample, new_text);
	ck_assert_str_ne(old_text, new_text);
	assert_opens_to(&rotating, old_text, &sample);
	assert_opens_to(&rotating, new_text, &sample);
	assert_refused(new_text, strlen(new_text));
	struct credential_keys after = parse("2:brand new secret");
	struct credential_qr qr;
	ck_assert(!opens(&after, old_text, strlen(old_text), &qr));
	assert_opens_to(&after, new_text, &sample);
	/* The same id with another secret. */
	struct credential_keys wrong = parse("1:another secret");
	ck_assert(!opens(&wrong, old_text, strlen(old_text), &qr));
}
END_TEST

START_TEST(test_keys)
{
	struct credential_keys ret = parse("plain,with:punctuation");
	ck_assert_uint_eq(ret.count, 1);
	ck_assert_uint_eq(ret.keys[0].id, 1);
	ck_assert_uint_eq(ret.keys[0].secret.len, strlen("plain,with:punctuation"));
	ret = parse("255:a:b,7:c");
	ck_assert_uint_eq(ret.count, 2);
	ck_assert_uint_eq(ret.keys[0].id, 255);
	ck_assert(memcmp(ret.keys[0].secret.at, "a:b", 3) == 0);
	ck_assert_uint_eq(ret.keys[1].id, 7);
	static const char *const bad[] = {"",
					  "0:a",
					  "256:a",
					  "1:",
					  "1:a,",
					  "1:a,1:b",
					  "1:a,b",
					  "1:a,:b",
					  "1000:a",
					  "1:a,,2:b",
					  "1:a,2:b,3:c,4:d,5:e,6:f,7:g,8:h,9:i"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct problem err = {.status = OK};
		ck_assert_msg(credential_keys_parse(bad[i], &ret, &err) == ST_CONFIG, "%s", bad[i]);
		ck_assert_ptr_nonnull(strstr(err.detail, "QR_SIGNATURE_SECRET"));
	}
	ck_assert_int_eq(credential_keys_parse(NULL, &ret, NULL), ST_CONFIG);
}
END_TEST

static const char *json_text(const char *secret, const struct credential_qr *qr)
{
	const char *text = arena_printf(&arena, "EVT1|%lld|%lld|%lld|%lld",
					(long long)qr->ticket_id, (long long)qr->event_id,
					(long long)qr->guest_id, (long long)qr->issued_ms);
	uint8_t mac[SHA256_SIZE];
	sign_hmac((struct slice){secret, strlen(secret)}, text, strlen(text), mac);
	char hex[2 * SHA256_SIZE + 1];
	sign_hex(mac, sizeof(mac), hex);
	return arena_printf(&arena,
			    "{\"ticketId\":%lld,\"eventId\":%lld,\"guestId\":%lld,"
			    "\"timestamp\":%lld,\"signature\":\"%s\"}",
			    (long long)qr->ticket_id, (long long)qr->event_id,
			    (long long)qr->guest_id, (long long)qr->issued_ms, hex);
}

START_TEST(test_json_form)
{
	assert_opens_to(&keys, json_text(one_secret, &sample), &sample);
	struct credential_qr large = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
	assert_opens_to(&keys, json_text(one_secret, &large), &large);
	struct credential_keys rotating =
		parse("2:brand new secret,1:0123456789abcdef0123456789abcdef");
	assert_opens_to(&rotating, json_text(one_secret, &sample), &sample);
	assert_opens_to(&rotating, json_text("brand new secret", &sample), &sample);
	const char *foreign = json_text("brand new secret", &sample);
	assert_refused(foreign, strlen(foreign));
	/* The MAC of RFC 2104 computed elsewhere. */
	struct credential_keys known = parse("secret");
	struct credential_qr expected = {1, 2, 3, 1700000000000};
	assert_opens_to(&known,
			"{\"signature\":\"eeddf552cf3f502ea08b9d7d34790823"
			"5e0bbbf00265508e236edb606ea5adc1\",\"guestId\":3,"
			"\"timestamp\": 1700000000000,\"eventId\":2,\"ticketId\":1}",
			&expected);
}
END_TEST

START_TEST(test_json_refusals)
{
	const char *good = json_text(one_secret, &sample);
	assert_flips_refused(good);
	for (size_t cut = 0; cut < strlen(good); cut++)
		assert_refused(good, cut);
	static const char *const bad[] = {
		"{}",
		"{\"ticketId\":55}",
		"{\"ticketId\":55,\"eventId\":7,\"guestId\":91,\"timestamp\":1767225600123}",
		"{\"ticketId\":55,\"eventId\":7,\"guestId\":91,\"timestamp\":1767225600123,"
		"\"signature\":\"\"}",
		"{\"ticketId\":55,\"eventId\":7,\"guestId\":91,\"timestamp\":1767225600123,"
		"\"signature\":null}",
		"[]",
		"null",
		"{",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(bad[i], strlen(bad[i]));
	const char *twice = arena_printf(&arena, "{\"ticketId\":56,%s", good + 1);
	assert_refused(twice, strlen(twice));
	const char *unknown = arena_printf(&arena, "{\"x\":1,%s", good + 1);
	assert_refused(unknown, strlen(unknown));
	struct credential_qr zero = {0, 1, 1, 1};
	const char *of_zero = json_text(one_secret, &zero);
	assert_refused(of_zero, strlen(of_zero));
}
END_TEST

START_TEST(test_link)
{
	char token[CREDENTIAL_LINK_SIZE];
	credential_link_make(&keys, 55, "EVT-AAAA-BBBB", token);
	ck_assert_uint_eq(strlen(token), 23);
	ck_assert(credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBB", token));
	ck_assert(!credential_link_check(&keys, &arena, 56, "EVT-AAAA-BBBB", token));
	ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBC", token));
	ck_assert(!credential_link_check(&keys, &arena, 55, "", token));
	size_t len = strlen(token);
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char flipped[CREDENTIAL_LINK_SIZE];
			memcpy(flipped, token, len + 1);
			flipped[i] = (char)(flipped[i] ^ (1 << bit));
			ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBB",
							 flipped));
		}
	}
	for (size_t cut = 0; cut < len; cut++)
		ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBB",
						 arena_strndup(&arena, token, cut)));
	ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBB",
					 arena_printf(&arena, "%sA", token)));
	char huge[500];
	memset(huge, 'A', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBB", huge));
	struct credential_keys rotating = parse("9:new,1:0123456789abcdef0123456789abcdef");
	ck_assert(credential_link_check(&rotating, &arena, 55, "EVT-AAAA-BBBB", token));
	credential_link_make(&rotating, 55, "EVT-AAAA-BBBB", token);
	ck_assert(credential_link_check(&rotating, &arena, 55, "EVT-AAAA-BBBB", token));
	ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-AAAA-BBBB", token));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("credential");
	TCase *tc = tcase_create("credential");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_round_trip_at_bounds);
	tcase_add_test(tc, test_every_flip_refused);
	tcase_add_test(tc, test_other_texts_refused);
	tcase_add_test(tc, test_signed_nonsense_refused);
	tcase_add_test(tc, test_rotation);
	tcase_add_test(tc, test_keys);
	tcase_add_test(tc, test_json_form);
	tcase_add_test(tc, test_json_refusals);
	tcase_add_test(tc, test_link);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
