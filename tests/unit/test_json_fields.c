#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
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

enum colour { RED, GREEN, BLUE };
static const char *const colour_names[] = {"red", "green", "blue", NULL};

static const char *check_no_x(const void *value)
{
	return strchr(*(const char *const *)value, 'x') ? "must not hold an x" : NULL;
}

struct leaf {
	const char *name;
	int64_t price;
	struct presence presence;
};

struct thing {
	const char *text;
	int64_t number;
	int64_t id;
	int64_t price;
	bool flag;
	int colour;
	int64_t at;
	struct leaf *leaf;
	struct field_array leaves;
	const char *secret;
	const char *odd;
	struct presence presence;
};

enum { THING_TEXT, THING_NUMBER, THING_ID, THING_PRICE, THING_FLAG, THING_COLOUR, THING_AT };

/* clang-format off */
#define LEAF(field, kind) .name = #field, .type = (kind), .offset = offsetof(struct leaf, field)
static const struct field leaf_fields[] = {
	{LEAF(name, FIELD_STRING), .flags = FIELD_REQUIRED, .min = 1, .max = 10},
	{LEAF(price, FIELD_MONEY), .max = 9999999999},
};
static const struct schema leaf_schema = SCHEMA_INPUT(leaf_fields, struct leaf);

#define THING(field, kind) .name = #field, .type = (kind), .offset = offsetof(struct thing, field)
static const struct field thing_fields[] = {
	{THING(text, FIELD_STRING), .flags = FIELD_REQUIRED, .min = 2, .max = 5},
	{THING(number, FIELD_INT), .min = -10, .max = 10},
	{THING(id, FIELD_ID), .flags = FIELD_NULLABLE | FIELD_OMIT_NULL},
	{THING(price, FIELD_MONEY), .max = 9999999999},
	{THING(flag, FIELD_BOOL)},
	{THING(colour, FIELD_ENUM), .flags = FIELD_NULLABLE, .names = colour_names},
	{THING(at, FIELD_TIME), .flags = FIELD_NULLABLE},
	{THING(leaf, FIELD_OBJECT), .flags = FIELD_NULLABLE, .nested = &leaf_schema},
	{THING(leaves, FIELD_ARRAY), .min = 1, .max = 3, .nested = &leaf_schema},
	{THING(secret, FIELD_STRING), .flags = FIELD_INPUT_ONLY, .check = check_no_x},
	{.name = "o~d/d", .type = FIELD_STRING, .flags = FIELD_OMIT_NULL,
	 .offset = offsetof(struct thing, odd), .max = 1},
};
static const struct schema thing_schema = SCHEMA_INPUT(thing_fields, struct thing);
/* clang-format on */

static enum status decode(const char *text, enum json_mode mode, struct thing *ret,
			  struct problem *err)
{
	struct json_document *doc;
	ck_assert_msg(json_parse(&arena, text, strlen(text), &doc, err) == OK, "%s: %s", text,
		      err->detail);
	return json_decode(&arena, doc, &thing_schema, mode, ret, err);
}

static struct thing decode_good(const char *text, enum json_mode mode)
{
	struct problem err = {0};
	struct thing thing;
	memset(&thing, 0x5A, sizeof(thing));
	enum status st = decode(text, mode, &thing, &err);
	ck_assert_msg(st == OK, "%s: %s", text, err.violations ? err.violations->where : "");
	ck_assert_int_eq(err.status, OK);
	ck_assert_ptr_null(err.violations);
	return thing;
}

/* "pointer code, pointer code", in the order found. */
static const char *violations_text(const struct problem *err)
{
	const char *text = "";
	for (const struct violation *v = err->violations; v; v = v->next) {
		ck_assert_str_ne(v->detail, "");
		text = arena_printf(&arena, "%s%s%s %s", text, *text ? ", " : "", v->where,
				    v->code);
	}
	return text;
}

struct field_case {
	const char *text;
	const char *violations; /* "" = good */
};

/* What a PATCH meets: only what is there is looked at. */
static const struct field_case patch_cases[] = {
	{"{}", ""},
	{"[]", " type"},
	{"7", " type"},
	{"null", " type"},
	{"{\"text\":null}", "/text null"},
	{"{\"Text\":\"abc\"}", "/Text unknown"},
	{"{\"a/b~c\":1,\"\":2}", "/a~1b~0c unknown, / unknown"},
	/* characters, not bytes */
	{"{\"text\":\"a\"}", "/text too-short"},
	{"{\"text\":\"\"}", "/text too-short"},
	{"{\"text\":\"\xC3\xA9\"}", "/text too-short"},
	{"{\"text\":\"\xC3\xA9\xC3\xA9\"}", ""},
	{"{\"text\":\"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xC3\xA9\xE5\xB1\xB1\"}", ""},
	{"{\"text\":\"abcde\"}", ""},
	{"{\"text\":\"abcdef\"}", "/text too-long"},
	{"{\"text\":\"\\ud83d\\ude00aaaa\"}", ""},
	{"{\"text\":\"\\ud83d\\ude00aaaaa\"}", "/text too-long"},
	{"{\"text\":12}", "/text type"},
	{"{\"text\":[\"ab\"]}", "/text type"},
	{"{\"text\":\"a\\tb\\r\\n\"}", ""},
	{"{\"text\":\"a\\u0001b\"}", "/text format"},
	{"{\"text\":\"a\\u001bb\"}", "/text format"},
	{"{\"text\":\"abcdef\\b\"}", "/text too-long, /text format"},
	{"{\"o~d/d\":\"ab\"}", "/o~0d~1d too-long"},
	{"{\"secret\":\"x\"}", "/secret format"},
	{"{\"secret\":\"\"}", ""},
	/* integers */
	{"{\"number\":-10}", ""},
	{"{\"number\":10}", ""},
	{"{\"number\":1e1}", ""},
	{"{\"number\":-11}", "/number too-small"},
	{"{\"number\":11}", "/number too-large"},
	{"{\"number\":1e400}", "/number too-large"},
	{"{\"number\":-1e400}", "/number too-small"},
	{"{\"number\":1.5}", "/number type"},
	{"{\"number\":1e-400}", "/number type"},
	{"{\"number\":\"1\"}", "/number type"},
	{"{\"number\":true}", "/number type"},
	{"{\"number\":null}", "/number null"},
	{"{\"id\":0}", "/id too-small"},
	{"{\"id\":-0}", "/id too-small"},
	{"{\"id\":-1}", "/id too-small"},
	{"{\"id\":9223372036854775807}", ""},
	{"{\"id\":9223372036854775808}", "/id too-large"},
	{"{\"id\":18446744073709551617}", "/id too-large"},
	{"{\"id\":-9223372036854775809}", "/id too-small"},
	{"{\"id\":null}", ""},
	{"{\"id\":{}}", "/id type"},
	/* money */
	{"{\"price\":1.005}", "/price decimals"},
	{"{\"price\":0.001}", "/price decimals"},
	{"{\"price\":1e-3}", "/price decimals"},
	{"{\"price\":99999999.99}", ""},
	{"{\"price\":100000000}", "/price too-large"},
	{"{\"price\":100000000.00}", "/price too-large"},
	{"{\"price\":-0.01}", "/price too-small"},
	{"{\"price\":-0}", ""},
	{"{\"price\":\"1.00\"}", "/price type"},
	/* the rest */
	{"{\"flag\":1}", "/flag type"},
	{"{\"flag\":\"true\"}", "/flag type"},
	{"{\"colour\":\"Red\"}", "/colour enum"},
	{"{\"colour\":\"\"}", "/colour enum"},
	{"{\"colour\":1}", "/colour type"},
	{"{\"at\":\"2026-02-01T10:00:00\"}", "/at format"},
	{"{\"at\":\"2026-02-30T10:00:00Z\"}", "/at format"},
	{"{\"at\":1}", "/at type"},
	{"{\"leaf\":1}", "/leaf type"},
	{"{\"leaf\":[]}", "/leaf type"},
	{"{\"leaf\":null}", ""},
	{"{\"leaf\":{}}", "/leaf/name required"},
	{"{\"leaf\":{\"name\":\"n\",\"x\":1}}", "/leaf/x unknown"},
	{"{\"leaves\":{}}", "/leaves type"},
	{"{\"leaves\":[]}", "/leaves too-few"},
	{"{\"leaves\":[{\"name\":\"a\"},{\"name\":\"a\"},{\"name\":\"a\"}]}", ""},
	{"{\"leaves\":[1,1,1,1]}", "/leaves too-many"},
	{"{\"leaves\":[{\"name\":\"\"},7,{\"price\":1.001}]}",
	 "/leaves/0/name too-short, /leaves/1 type, /leaves/2/price decimals, "
	 "/leaves/2/name required"},
};

static const struct field_case create_cases[] = {
	{"{\"text\":\"ab\"}", ""},
	{"[]", " type"},
	{"{}", "/text required"},
	{"{\"text\":null}", "/text null"},
	{"{\"number\":1.5,\"zzz\":1,\"flag\":null,\"at\":\"now\"}",
	 "/number type, /zzz unknown, /flag null, /at format, /text required"},
};

static void expect(const struct field_case *c, enum json_mode mode)
{
	struct problem err = {0};
	struct thing thing, before;
	memset(&thing, 0x5A, sizeof(thing));
	memcpy(&before, &thing, sizeof(thing));
	enum status st = decode(c->text, mode, &thing, &err);
	ck_assert_msg(strcmp(violations_text(&err), c->violations) == 0, "%s: %s", c->text,
		      violations_text(&err));
	ck_assert_int_eq(st, c->violations[0] ? ST_INVALID_BODY : OK);
	ck_assert_int_eq(err.status, st);
	ck_assert_int_eq(st == OK, memcmp(&thing, &before, sizeof(thing)) != 0);
}

START_TEST(each_bound_of_each_field)
{
	expect(&patch_cases[_i], JSON_PATCH);
}
END_TEST

START_TEST(a_new_thing_needs_what_is_required)
{
	expect(&create_cases[_i], JSON_CREATE);
}
END_TEST

START_TEST(values_arrive)
{
	struct thing t =
		decode_good("{\"text\":\"\\u00e9\\ud83d\\ude00\",\"number\":-7,"
			    "\"price\":49.90,\"flag\":true,\"colour\":\"blue\","
			    "\"at\":\"2026-02-01T11:00:00.5+01:00\","
			    "\"leaf\":{\"name\":\"n\",\"price\":1e2},"
			    "\"leaves\":[{\"name\":\"a\",\"price\":0.05},{\"name\":\"b\"}]}",
			    JSON_CREATE);
	ck_assert_str_eq(t.text, "\xC3\xA9\xF0\x9F\x98\x80");
	ck_assert_int_eq(t.number, -7);
	ck_assert_int_eq(t.id, 0);
	ck_assert_int_eq(t.price, 4990);
	ck_assert(t.flag);
	ck_assert_int_eq(t.colour, BLUE);
	ck_assert_int_eq(t.at, INT64_C(1769940000500000));
	ck_assert_str_eq(t.leaf->name, "n");
	ck_assert_int_eq(t.leaf->price, 10000);
	ck_assert_uint_eq(t.leaf->presence.given, 3);
	ck_assert_uint_eq(t.leaves.count, 2);
	const struct leaf *leaves = t.leaves.items;
	ck_assert_int_eq(leaves[0].price, 5);
	ck_assert_str_eq(leaves[1].name, "b");
	ck_assert_int_eq(leaves[1].price, 0);
	ck_assert_uint_eq(leaves[1].presence.given, 1);
	ck_assert(!field_given(&t.presence, THING_ID));
	ck_assert(field_given(&t.presence, THING_AT));
}
END_TEST

START_TEST(a_patch_tells_absent_from_null)
{
	struct thing t =
		decode_good("{\"at\":null,\"id\":null,\"colour\":null,\"flag\":false}", JSON_PATCH);
	const unsigned nulls = 1u << THING_AT | 1u << THING_ID | 1u << THING_COLOUR;
	ck_assert_uint_eq(t.presence.given, nulls | 1u << THING_FLAG);
	ck_assert_uint_eq(t.presence.null, nulls);
	ck_assert_int_eq(t.at, TIME_NONE);
	ck_assert_int_eq(t.colour, -1);
	t = decode_good("{}", JSON_PATCH);
	ck_assert_uint_eq(t.presence.given, 0);
	ck_assert_int_eq(t.at, TIME_NONE);
	ck_assert_ptr_null(t.leaf);
}
END_TEST

struct id_case {
	const char *text;
	int64_t value;
};
static const struct id_case ids[] = {
	{"1", 1},
	{"9007199254740993", INT64_C(9007199254740993)},
	{"9223372036854775807", INT64_MAX},
	{"4600000000000001", INT64_C(4600000000000001)},
	{"9223372036854775807.000", INT64_MAX},
	{"922337203685477580.7e1", INT64_MAX},
	{"1e18", INT64_C(1000000000000000000)},
	{"1200e-2", 12},
	{"100000000000000000000000000000000e-30", 100},
	{"0.0000000000000000000000000000000000000000000000000000000000000000000000001e73", 1},
};

START_TEST(integers_are_exact)
{
	struct thing t = decode_good(arena_printf(&arena, "{\"id\":%s}", ids[_i].text), JSON_PATCH);
	ck_assert_int_eq(t.id, ids[_i].value);
}
END_TEST

START_TEST(numbers_stay_with_their_members)
{
	struct thing t = decode_good("{\"leaves\":[{\"name\":\"1\",\"price\":1},{\"price\":2.5,"
				     "\"name\":\"-7\"}],\"number\":3,\"text\":\"4.4\",\"id\":5}",
				     JSON_CREATE);
	const struct leaf *leaves = t.leaves.items;
	ck_assert_int_eq(leaves[0].price, 100);
	ck_assert_int_eq(leaves[1].price, 250);
	ck_assert_int_eq(t.number, 3);
	ck_assert_int_eq(t.id, 5);
	ck_assert_str_eq(t.text, "4.4");
}
END_TEST

START_TEST(violations_are_capped)
{
	struct strbuf text;
	strbuf_init(&text, &arena);
	strbuf_adds(&text, "{\"text\":\"abc\"");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&text, ",\"m%d\":0", i);
	strbuf_adds(&text, "}");
	struct problem err = {0};
	struct thing t;
	ck_assert_int_eq(decode(text.buf, JSON_CREATE, &t, &err), ST_INVALID_BODY);
	size_t count = 0;
	for (const struct violation *v = err.violations; v; v = v->next)
		count++;
	ck_assert_uint_eq(count, 200);
}
END_TEST

START_TEST(a_document_outlives_its_text)
{
	char text[] = "{\"text\":\"abc\",\"number\":7}";
	struct json_document *doc;
	struct problem err = {0};
	struct thing t;
	ck_assert_int_eq(json_parse(&arena, text, sizeof(text) - 1, &doc, &err), OK);
	memset(text, '!', sizeof(text));
	ck_assert_int_eq(json_decode(&arena, doc, &thing_schema, JSON_CREATE, &t, &err), OK);
	ck_assert_str_eq(t.text, "abc");
	ck_assert_int_eq(t.number, 7);
}
END_TEST

static enum status read_thing(const char *text, struct thing *ret, struct problem *err)
{
	return json_read(&arena, text, strlen(text), &thing_schema, ret, err);
}

START_TEST(reading_ignores_what_it_does_not_know)
{
	struct problem err = {0};
	struct thing t;
	ck_assert_int_eq(read_thing("{\"x\":[1],\"text\":\"ab\\u0001\",\"number\":\"7\",\"id\":1.5,"
				    "\"flag\":null,\"colour\":\"pink\",\"at\":7,\"leaf\":{\"x\":1},"
				    "\"leaves\":[1],\"secret\":\"xx\",\"price\":-1}",
				    &t, &err),
			 OK);
	ck_assert_int_eq(err.status, OK);
	ck_assert_str_eq(t.text, "ab\x01");
	ck_assert_int_eq(t.number, 0);
	ck_assert_int_eq(t.id, 0);
	ck_assert_int_eq(t.price, 0);
	ck_assert_int_eq(t.colour, -1);
	ck_assert_int_eq(t.at, TIME_NONE);
	ck_assert_ptr_null(t.leaf);
	ck_assert_uint_eq(t.leaves.count, 0);
	ck_assert_ptr_null(t.secret);
}
END_TEST

static const char *const unreadable[] = {
	"{}", "{\"text\":null}", "{\"text\":7}",      "{\"text\":\"abcdef\",\"number\":\"x\"}",
	"[]", "\"x\"",           "{\"text\":\"abc\"", "{\"text\":\"abc\",\"text\":\"abc\"}",
};

START_TEST(reading_refuses_what_does_not_fit)
{
	struct problem err = {0};
	struct thing t = {.number = 42};
	ck_assert_int_eq(read_thing(unreadable[_i], &t, &err), ST_MALFORMED);
	ck_assert_int_eq(err.status, ST_MALFORMED);
	ck_assert_ptr_null(err.violations);
	ck_assert_int_eq(t.number, 42);
}
END_TEST

static const char *encoded(const struct thing *thing)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	json_encode(&out, &thing_schema, thing);
	return out.buf;
}

START_TEST(a_struct_goes_round)
{
	struct leaf leaves[] = {{.name = "a", .price = 4990}, {.name = "b"}};
	struct thing t = {
		.text = "\"\xC3\xA9\n",
		.number = -10,
		.id = INT64_MAX,
		.price = 5,
		.flag = true,
		.colour = GREEN,
		.at = INT64_C(1769940000123000),
		.leaf = &leaves[0],
		.leaves = {leaves, 2},
		.secret = "hidden",
	};
	const char *text = encoded(&t);
	ck_assert_str_eq(
		text, "{\"text\":\"\\\"\xC3\xA9\\n\",\"number\":-10,\"id\":9223372036854775807,"
		      "\"price\":0.05,\"flag\":true,\"colour\":\"green\","
		      "\"at\":\"2026-02-01T10:00:00.123Z\","
		      "\"leaf\":{\"name\":\"a\",\"price\":49.9},"
		      "\"leaves\":[{\"name\":\"a\",\"price\":49.9},{\"name\":\"b\",\"price\":0}]}");
	struct thing back = decode_good(text, JSON_CREATE);
	ck_assert_str_eq(encoded(&back), text);
}
END_TEST

START_TEST(null_values_go_out_as_null)
{
	struct thing t = {.at = TIME_NONE, .colour = -1};
	ck_assert_str_eq(encoded(&t), "{\"text\":null,\"number\":0,\"price\":0,\"flag\":false,"
				      "\"colour\":null,\"at\":null,\"leaf\":null,\"leaves\":[]}");
}
END_TEST

static bool price_needs_flag(const void *value)
{
	const struct thing *thing = value;
	return !thing->price || thing->flag;
}

static bool text_is_not_bad(const void *value)
{
	const struct thing *thing = value;
	return !thing->text || strcmp(thing->text, "bad") != 0;
}

START_TEST(rules_between_fields_join_the_other_violations)
{
	static const struct field_rule rules[] = {
		{"price", "format", "needs the flag", price_needs_flag},
		{"text", "enum", "must not be bad", text_is_not_bad},
		{"", "required", "must have something good", text_is_not_bad},
		{NULL, NULL, NULL, NULL},
	};
	const struct schema ruled = SCHEMA_RULES(thing_fields, struct thing, rules);
	const char *text = "{\"number\":11,\"text\":\"bad\",\"price\":1}";
	struct json_document *doc;
	struct problem err = {0};
	struct thing thing;
	ck_assert_int_eq(json_parse(&arena, text, strlen(text), &doc, &err), OK);
	ck_assert_int_eq(json_decode(&arena, doc, &ruled, JSON_CREATE, &thing, &err),
			 ST_INVALID_BODY);
	ck_assert_str_eq(violations_text(&err),
			 "/number too-large, /price format, /text enum,  required");
	/* What others say is not held to our rules. */
	text = "{\"text\":\"bad\",\"price\":1}";
	ck_assert_int_eq(json_read(&arena, text, strlen(text), &ruled, &thing, &err), OK);
}
END_TEST

static Suite *json_fields_suite(void)
{
	Suite *suite = suite_create("json fields");
	TCase *fields = tcase_create("fields");
	tcase_add_checked_fixture(fields, setup, teardown);
	tcase_add_loop_test(fields, each_bound_of_each_field, 0, ARRAY_LEN(patch_cases));
	tcase_add_loop_test(fields, a_new_thing_needs_what_is_required, 0, ARRAY_LEN(create_cases));
	tcase_add_loop_test(fields, integers_are_exact, 0, ARRAY_LEN(ids));
	tcase_add_test(fields, values_arrive);
	tcase_add_test(fields, a_patch_tells_absent_from_null);
	tcase_add_test(fields, numbers_stay_with_their_members);
	tcase_add_test(fields, violations_are_capped);
	tcase_add_test(fields, rules_between_fields_join_the_other_violations);
	tcase_add_test(fields, a_document_outlives_its_text);
	tcase_add_test(fields, reading_ignores_what_it_does_not_know);
	tcase_add_loop_test(fields, reading_refuses_what_does_not_fit, 0, ARRAY_LEN(unreadable));
	tcase_add_test(fields, a_struct_goes_round);
	tcase_add_test(fields, null_values_go_out_as_null);
	suite_add_tcase(suite, fields);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(json_fields_suite());
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
