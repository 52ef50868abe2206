#include <check.h>
#include <math.h>
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

static struct strbuf *fresh(void)
{
	struct strbuf *out = ARENA_NEW(&arena, struct strbuf);
	strbuf_init(out, &arena);
	return out;
}

struct string_case {
	const char *text;
	const char *json;
};
static const struct string_case strings[] = {
	{NULL, "null"},
	{"", "\"\""},
	{"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
	{"\b\t\n\f\r\x01\x1F\x7F", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7F\""},
	{"\xC3\xA9\xF0\x9F\x98\x80\xE2\x80\xA8", "\"\xC3\xA9\xF0\x9F\x98\x80\xE2\x80\xA8\""},
	{"a\xFFz", "\"a\xEF\xBF\xBDz\""},
	{"\xC3", "\"\xEF\xBF\xBD\""},
	{"\xF0\x9F\x98", "\"\xEF\xBF\xBD\""},
	{"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{"\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{"\xE2\x82\"", "\"\xEF\xBF\xBD\\\"\""},
};

START_TEST(strings_are_escaped)
{
	struct strbuf *out = fresh();
	json_encode_string(out, strings[_i].text);
	ck_assert_str_eq(out->buf, strings[_i].json);
	struct json_document *doc;
	ck_assert_int_eq(json_parse(&arena, out->buf, out->len, &doc, NULL), OK);
}
END_TEST

struct money_case {
	int64_t minor;
	const char *json;
};
static const struct money_case moneys[] = {
	{0, "0"},
	{5, "0.05"},
	{10, "0.1"},
	{4990, "49.9"},
	{5000, "50"},
	{9999999999, "99999999.99"},
	{-5, "-0.05"},
	{-4990, "-49.9"},
	{INT64_MAX, "92233720368547758.07"},
	{INT64_MIN, "-92233720368547758.08"},
};

START_TEST(money_is_short_and_exact)
{
	struct strbuf *out = fresh();
	json_encode_money(out, moneys[_i].minor);
	ck_assert_str_eq(out->buf, moneys[_i].json);
	int64_t back;
	ck_assert(money_parse(out->buf, out->len, &back));
	ck_assert_int_eq(back, moneys[_i].minor);
}
END_TEST

static const char *const no_money[] = {
	"",
	" 1",
	"1 ",
	"1.",
	"0.005",
	"1.001",
	"NaN",
	"-",
	"1,5",
	"+1",
	"01",
	"1e-3",
	"abc",
	".5",
	"1e99",
	"0x1",
	"--1",
	"92233720368547758.08",
	"-92233720368547758.09",
	"1e99999999999999999999",
};

START_TEST(no_money_is_refused)
{
	int64_t minor = 42;
	ck_assert(!money_parse(no_money[_i], strlen(no_money[_i]), &minor));
	ck_assert_int_eq(minor, 42);
}
END_TEST

START_TEST(money_of_numeric_text)
{
	int64_t minor;
	ck_assert(money_parse("49.90", 5, &minor) && minor == 4990);
	ck_assert(money_parse("49.9000000", 10, &minor) && minor == 4990);
	ck_assert(money_parse("-0.01", 5, &minor) && minor == -1);
	ck_assert(money_parse("0e99999999999999999999", 22, &minor) && minor == 0);
	ck_assert(money_parse("0.00", 4, &minor) && minor == 0);
	ck_assert(money_parse("1e2", 3, &minor) && minor == 10000);
	ck_assert(money_parse("12.345", 5, &minor) && minor == 1234);
}
END_TEST

START_TEST(characters_are_counted)
{
	ck_assert_uint_eq(utf8_length("", 0), 0);
	ck_assert_uint_eq(utf8_length("abc", 3), 3);
	ck_assert_uint_eq(utf8_length("a\0b", 3), 3);
	ck_assert_uint_eq(utf8_length("\xC3\xA9\xE5\xB1\xB1\xF0\x9F\x98\x80", 9), 3);
	ck_assert_uint_eq(utf8_length("\xC3\xA9", 1), SIZE_MAX);
	ck_assert_uint_eq(utf8_length("a\x80", 2), SIZE_MAX);
}
END_TEST

struct outgoing {
	const char *raw;
	double ratio;
};
static const struct field outgoing_fields[] = {
	{.name = "raw",
	 .type = FIELD_RAW,
	 .flags = FIELD_OMIT_NULL,
	 .offset = offsetof(struct outgoing, raw)},
	{.name = "ratio",
	 .type = FIELD_DOUBLE,
	 .flags = FIELD_OMIT_NULL,
	 .offset = offsetof(struct outgoing, ratio)},
};
static const struct schema outgoing_schema = SCHEMA(outgoing_fields, struct outgoing);

START_TEST(raw_text_and_doubles)
{
	const struct outgoing rows[] = {
		{"[1]", 0.1},    {NULL, (double)NAN}, {NULL, (double)INFINITY},
		{NULL, 1.0 / 3}, {NULL, 66.67},       {NULL, 25},
	};
	struct strbuf *out = fresh();
	json_encode_array(out, &outgoing_schema, rows, ARRAY_LEN(rows));
	ck_assert_str_eq(out->buf,
			 "[{\"raw\":[1],\"ratio\":0.1},{},{},"
			 "{\"ratio\":0.3333333333333333},{\"ratio\":66.67},{\"ratio\":25}]");
	struct strbuf *none = fresh();
	json_encode_array(none, &outgoing_schema, NULL, 0);
	ck_assert_str_eq(none->buf, "[]");
}
END_TEST

START_TEST(output_types_cannot_be_sent_in)
{
	struct json_document *doc;
	struct problem err = {0};
	struct outgoing in;
	ck_assert_int_eq(json_parse(&arena, "{\"raw\":1}", 9, &doc, &err), OK);
	ck_assert_int_eq(json_decode(&arena, doc, &outgoing_schema, JSON_CREATE, &in, &err),
			 ST_INVALID_BODY);
	ck_assert_str_eq(err.violations->where, "/raw");
	ck_assert_str_eq(err.violations->code, "unknown");
}
END_TEST

static Suite *json_encode_suite(void)
{
	Suite *suite = suite_create("json encode");
	TCase *output = tcase_create("output");
	tcase_add_checked_fixture(output, setup, teardown);
	tcase_add_loop_test(output, strings_are_escaped, 0, ARRAY_LEN(strings));
	tcase_add_loop_test(output, money_is_short_and_exact, 0, ARRAY_LEN(moneys));
	tcase_add_loop_test(output, no_money_is_refused, 0, ARRAY_LEN(no_money));
	tcase_add_test(output, money_of_numeric_text);
	tcase_add_test(output, characters_are_counted);
	tcase_add_test(output, raw_text_and_doubles);
	tcase_add_test(output, output_types_cannot_be_sent_in);
	suite_add_tcase(suite, output);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(json_encode_suite());
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
