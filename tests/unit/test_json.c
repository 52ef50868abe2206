#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 65536);
}

static void teardown(void)
{
	arena_clear(&arena);
}

static enum status parse_bytes(const char *text, size_t len, struct problem *err)
{
	struct json_document *doc = NULL;
	enum status st = json_parse(&arena, text, len, &doc, err);
	ck_assert((st == OK) == (doc != NULL));
	return st;
}

struct text_case {
	const char *text;
	size_t len;
};
/* clang-format off */
#define TEXT(s) {(s), sizeof(s) - 1}
/* clang-format on */

static const struct text_case good_texts[] = {
	TEXT("{}"),
	TEXT("[]"),
	TEXT(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"),
	TEXT("0"),
	TEXT("-0"),
	TEXT("-0.0e-0"),
	TEXT("1e400"),
	TEXT("1E+5"),
	TEXT("123456789012345678901234567890123456789012345678901234567890123456789012345678901"),
	TEXT("\"\""),
	TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""),
	TEXT("\"\\ud83d\\ude00\""),
	TEXT("\"\\u0001\""),
	TEXT("\"\x7F\""),
	TEXT("\"\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF\""),
	TEXT("\"\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF\""),
	TEXT("true"),
	TEXT("[null,false,\"[\"]"),
	TEXT("{\"a\":1,\"A\":2,\"\":3}"),
	TEXT("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}"),
	/* depth 32 */
	TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
};

START_TEST(good_text_is_read)
{
	const struct text_case *c = &good_texts[_i];
	struct problem err = {0};
	ck_assert_msg(parse_bytes(c->text, c->len, &err) == OK, "%s: %s", c->text, err.detail);
	ck_assert_int_eq(err.status, OK);
}
END_TEST

static const struct text_case bad_texts[] = {
	TEXT(""),
	TEXT("  "),
	TEXT("\xEF\xBB\xBF{}"),
	TEXT("{} x"),
	TEXT("{}{}"),
	TEXT("{}\0"),
	TEXT("\0{}"),
	TEXT("{\"a\":1,}"),
	TEXT("[1,]"),
	TEXT("[,1]"),
	TEXT("[1 2]"),
	TEXT("[1"),
	TEXT("[1}"),
	TEXT("{\"a\"}"),
	TEXT("{\"a\":}"),
	TEXT("{a:1}"),
	TEXT("{'a':1}"),
	TEXT("{1:1}"),
	TEXT("{\"a\""),
	TEXT("{\"a"),
	TEXT("]"),
	TEXT("// x\n{}"),
	TEXT("01"),
	TEXT("-01"),
	TEXT("00"),
	TEXT("1."),
	TEXT("1.e5"),
	TEXT(".5"),
	TEXT("-"),
	TEXT("-a"),
	TEXT("+1"),
	TEXT("1e"),
	TEXT("1e+"),
	TEXT("0x10"),
	TEXT("1_0"),
	TEXT("NaN"),
	TEXT("Infinity"),
	TEXT("nul"),
	TEXT("True"),
	TEXT("truex"),
	TEXT("\"a\0b\""),
	TEXT("\"a\\u0000b\""),
	TEXT("{\"a\\u0000b\":1}"),
	TEXT("\"\t\""),
	TEXT("\"\n\""),
	TEXT("\"\x1F\""),
	TEXT("\"\\x41\""),
	TEXT("\"\\\0\""),
	TEXT("\"\\u12G4\""),
	TEXT("\"\\u12"),
	TEXT("\"\\"),
	TEXT("\"\\ud800\""),
	TEXT("\"\\udc00\""),
	TEXT("\"\\ud800\\u0041\""),
	TEXT("\"\\ud800\\ud800\""),
	TEXT("\"\\ud800x\""),
	TEXT("\"\\ud800\\"),
	/* UTF-8: stray continuation, overlong, surrogates, beyond U+10FFFF, cut short */
	TEXT("\"\x80\""),
	TEXT("\"\xC0\x80\""),
	TEXT("\"\xC1\xBF\""),
	TEXT("\"\xE0\x9F\xBF\""),
	TEXT("\"\xF0\x8F\xBF\xBF\""),
	TEXT("\"\xED\xA0\x80\""),
	TEXT("\"\xED\xBF\xBF\""),
	TEXT("\"\xF4\x90\x80\x80\""),
	TEXT("\"\xF5\x80\x80\x80\""),
	TEXT("\"\xFF\""),
	TEXT("\"\xC3\""),
	TEXT("\"\xE2\x82\""),
	TEXT("\"\xF0\x9F\x98\""),
	TEXT("\"\xF0\x9F\x98"),
	TEXT("\xC3\xA9"),
	/* the same name twice, however written, at any depth */
	TEXT("{\"a\":1,\"a\":1}"),
	TEXT("{\"a\":1,\"b\":2,\"\\u0061\":3}"),
	TEXT("{\"\":1,\"\":1}"),
	TEXT("[{\"x\":{\"\xC3\xA9\":1,\"\\u00E9\":2}}]"),
	/* depth 33 */
	TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
};

START_TEST(bad_text_is_malformed)
{
	const struct text_case *c = &bad_texts[_i];
	struct problem err = {0};
	/* An exact copy on the heap: reading one byte past it is caught by the sanitizer. */
	char *exact = malloc(c->len ? c->len : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, c->text, c->len);
	ck_assert_msg(parse_bytes(exact, c->len, &err) == ST_MALFORMED, "%s", c->text);
	ck_assert_int_eq(err.status, ST_MALFORMED);
	ck_assert_str_ne(err.detail, "");
	free(exact);
}
END_TEST

START_TEST(every_cut_of_a_text_is_malformed)
{
	static const char text[] =
		"{\"a\":[1.5e3,\"\\ud83d\\ude00\xC3\xA9\",true,null,{\"b\":{}}]}";
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		ck_assert_int_eq(parse_bytes(text, len, NULL), ST_MALFORMED);
	ck_assert_int_eq(parse_bytes(text, sizeof(text) - 1, NULL), OK);
}
END_TEST

START_TEST(deep_texts_are_refused)
{
	char brackets[2048];
	memset(brackets, '[', sizeof(brackets));
	ck_assert_int_eq(parse_bytes(brackets, sizeof(brackets), NULL), ST_MALFORMED);

	struct strbuf objects;
	strbuf_init(&objects, &arena);
	for (int i = 0; i < 10000; i++)
		strbuf_adds(&objects, "{\"a\":");
	strbuf_adds(&objects, "1");
	for (int i = 0; i < 10000; i++)
		strbuf_adds(&objects, "}");
	ck_assert_int_eq(parse_bytes(objects.buf, objects.len, NULL), ST_MALFORMED);
}
END_TEST

START_TEST(duplicates_are_found_among_many)
{
	struct strbuf text;
	strbuf_init(&text, &arena);
	strbuf_adds(&text, "{");
	for (int i = 0; i < 50000; i++)
		strbuf_addf(&text, "\"m%d\":%d,", i, i);
	size_t len = text.len;
	strbuf_adds(&text, "\"x\":1}");
	ck_assert_int_eq(parse_bytes(text.buf, text.len, NULL), OK);
	strbuf_truncate(&text, len);
	strbuf_adds(&text, "\"m777\":1}");
	struct problem err = {0};
	ck_assert_int_eq(parse_bytes(text.buf, text.len, &err), ST_MALFORMED);
	ck_assert_ptr_nonnull(strstr(err.detail, "m777"));
}
END_TEST

static Suite *json_suite(void)
{
	Suite *suite = suite_create("json");
	TCase *syntax = tcase_create("syntax");
	tcase_add_checked_fixture(syntax, setup, teardown);
	tcase_add_loop_test(syntax, good_text_is_read, 0, ARRAY_LEN(good_texts));
	tcase_add_loop_test(syntax, bad_text_is_malformed, 0, ARRAY_LEN(bad_texts));
	tcase_add_test(syntax, every_cut_of_a_text_is_malformed);
	tcase_add_test(syntax, deep_texts_are_refused);
	tcase_add_test(syntax, duplicates_are_found_among_many);
	suite_add_tcase(suite, syntax);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(json_suite());
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
