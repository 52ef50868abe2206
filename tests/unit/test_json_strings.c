#include "common/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct bag {
	struct field_array names;
};

static const struct field bag_fields[] = {
	{.name = "names",
	 .type = FIELD_STRINGS,
	 .offset = offsetof(struct bag, names),
	 .min = 1,
	 .max = 3},
};
static const struct schema bag_schema = SCHEMA(bag_fields, struct bag);

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 1024);
}

static void teardown(void)
{
	arena_clear(&arena);
}

/* What was read, written again. */
static const char *written(const struct bag *bag)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	json_encode(&out, &bag_schema, bag);
	return out.buf;
}

/* The codes of the violations of a strict reading; "" when it fits and is written the same. */
static const char *codes(const char *text)
{
	struct json_document *doc;
	struct bag bag;
	struct problem err = {.status = OK};
	ck_assert_int_eq(json_parse(&arena, text, strlen(text), &doc, &err), OK);
	if (json_decode(&arena, doc, &bag_schema, JSON_CREATE, &bag, &err) == OK) {
		ck_assert_str_eq(written(&bag), text);
		return "";
	}
	struct strbuf out;
	strbuf_init(&out, &arena);
	for (const struct violation *v = err.violations; v; v = v->next)
		strbuf_addf(&out, "%s %s;", v->where, v->code);
	return out.buf;
}

START_TEST(strict_reading)
{
	ck_assert_str_eq(codes("{\"names\":[\"a\"]}"), "");
	ck_assert_str_eq(codes("{\"names\":[\"\",\"\xc3\xa9\\\"\",\"c\"]}"), "");
	ck_assert_str_eq(codes("{\"names\":\"a\"}"), "/names type;");
	ck_assert_str_eq(codes("{\"names\":{}}"), "/names type;");
	ck_assert_str_eq(codes("{\"names\":[]}"), "/names too-few;");
	ck_assert_str_eq(codes("{\"names\":[1,2,3,4]}"), "/names too-many;");
	ck_assert_str_eq(codes("{\"names\":[\"a\",2,[\"c\"]]}"), "/names/1 type;/names/2 type;");
}
END_TEST

static struct bag read_bag(const char *text)
{
	struct bag bag;
	ck_assert_int_eq(json_read(&arena, text, strlen(text), &bag_schema, &bag, NULL), OK);
	return bag;
}

START_TEST(lenient_reading)
{
	struct bag bag = read_bag("{\"names\":\"alone\"}");
	ck_assert_str_eq(written(&bag), "{\"names\":[\"alone\"]}");
	bag = read_bag("{\"names\":[\"a\",\"b\"]}");
	ck_assert_str_eq(written(&bag), "{\"names\":[\"a\",\"b\"]}");
	static const char *const unfit[] = {"{}",
					    "{\"names\":null}",
					    "{\"names\":7}",
					    "{\"names\":[]}",
					    "{\"names\":[\"a\",null]}",
					    "{\"names\":[\"a\",\"b\",\"c\",\"d\"]}"};
	for (size_t i = 0; i < ARRAY_LEN(unfit); i++)
		ck_assert_uint_eq(read_bag(unfit[i]).names.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_strings");
	TCase *tc = tcase_create("strings");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, strict_reading);
	tcase_add_test(tc, lenient_reading);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
