/*
 * CSV record by record, JSON rows one by one, whatever the window shows of them.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/guests/csv.h"
#include "api/guests/json_rows.h"

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 4096);
}

static void teardown(void)
{
	arena_clear(&arena);
}

static enum csv_result next(const char *text, bool last, struct csv_record *ret)
{
	return csv_next(&arena, ',', (struct slice){text, strlen(text)}, last, ret);
}

/* The cells between bars. */
static const char *shown(const struct csv_record *record)
{
	struct strbuf out;

	strbuf_init(&out, &arena);
	strbuf_adds(&out, "");
	for (size_t i = 0; i < record->count; i++) {
		strbuf_addc(&out, '|');
		strbuf_add(&out, record->cells[i].at, record->cells[i].len);
	}
	strbuf_addc(&out, '|');
	return out.buf;
}

static const struct {
	const char *text;
	const char *cells;
	size_t used;
	int lines;
} good[] = {
	{"a,b,c\nd", "|a|b|c|", 6, 1},
	{"a,b,c\r\nd", "|a|b|c|", 7, 1},
	{"a,b", "|a|b|", 3, 1},
	{",,\n", "||||", 3, 1},
	{"\"a,b\",c\n", "|a,b|c|", 8, 1},
	{"\"a\"\"b\"\n", "|a\"b|", 7, 1},
	{"\"\"\"\"\n", "|\"|", 5, 1},
	{"\"\"\n", "||", 3, 1},
	{"\"a\nb\",c\n", "|a\nb|c|", 8, 2},
	{"\"a\r\nb\r\n\",c\r\nx", "|a\r\nb\r\n|c|", 12, 3},
	{"\"last\"", "|last|", 6, 1},
	{"a;b\n", "|a;b|", 4, 1},
	{"\xc3\xa9,'=1\n", "|\xc3\xa9|'=1|", 7, 1},
};

START_TEST(records)
{
	struct csv_record record;

	ck_assert_int_eq(next(good[_i].text, true, &record), CSV_RECORD);
	ck_assert_ptr_null(record.fault);
	ck_assert_str_eq(shown(&record), good[_i].cells);
	ck_assert_uint_eq(record.used, good[_i].used);
	ck_assert_int_eq(record.lines, good[_i].lines);
}
END_TEST

/* The fault is the first line's alone: what follows is read as if nothing had been. */
static const char *const bad[] = {
	"a\"b,c\nnext,1\n", "\"a\"b,c\nnext,1\n", "\"a,c\nnext,1\n",    "a,\"b\nnext,1\n",
	"a\rb\nnext,1\n",   "\"a\" ,b\nnext,1\n", "\"a\nnext,1\n\"b\n", "a,\"x\"\"\nnext,1\n",
};

START_TEST(faults)
{
	struct csv_record record;

	ck_assert_int_eq(next(bad[_i], true, &record), CSV_RECORD);
	ck_assert_ptr_nonnull(record.fault);
	ck_assert_int_eq(record.lines, 1);
	ck_assert_int_eq(next(bad[_i] + record.used, true, &record), CSV_RECORD);
	ck_assert_ptr_null(record.fault);
	ck_assert_str_eq(shown(&record), "|next|1|");
}
END_TEST

/* Every prefix asks for more, and gives the same once there is more. */
START_TEST(windows_of_any_size)
{
	struct csv_record whole, part;
	size_t len = strlen(good[_i].text);

	next(good[_i].text, true, &whole);
	for (size_t n = 0; n < len; n++) {
		struct slice text = {good[_i].text, n};
		enum csv_result result = csv_next(&arena, ',', text, false, &part);

		if (n < whole.used) {
			ck_assert_int_eq(result, CSV_MORE);
			continue;
		}
		/* A quote at the very end may be half of two. */
		if (result == CSV_MORE)
			continue;
		ck_assert_int_eq(result, CSV_RECORD);
		ck_assert_str_eq(shown(&part), shown(&whole));
	}
}
END_TEST

START_TEST(blank_lines_and_the_end)
{
	struct csv_record record;

	ck_assert_int_eq(next("\nx", true, &record), CSV_RECORD);
	ck_assert_uint_eq(record.count, 0);
	ck_assert_uint_eq(record.used, 1);
	ck_assert_int_eq(next("\r\nx", true, &record), CSV_RECORD);
	ck_assert_uint_eq(record.used, 2);
	ck_assert_ptr_null(record.fault);
	ck_assert_int_eq(next("", true, &record), CSV_END);
	ck_assert_int_eq(next("", false, &record), CSV_MORE);
}
END_TEST

static char *repeated(const char *start, char c, size_t count, const char *end)
{
	char *text = malloc(strlen(start) + count + strlen(end) + 1);

	memcpy(text, start, strlen(start) + 1);
	memset(text + strlen(start), c, count);
	memcpy(text + strlen(start) + count, end, strlen(end) + 1);
	return text;
}

START_TEST(long_records)
{
	struct csv_record record;
	char *text = repeated("\"", 'x', CSV_RECORD_MAX, "\nnext\n");

	/* an open quote is given up after 16 KiB, not at the end of the file */
	ck_assert_int_eq(next(text, false, &record), CSV_RECORD);
	ck_assert_ptr_nonnull(record.fault);
	ck_assert_str_eq(text + record.used, "next\n");
	free(text);
	text = repeated("", 'x', CSV_LINE_MAX, "");
	ck_assert_int_eq(next(text, false, &record), CSV_UNREADABLE);
	free(text);
	text = repeated("", ',', CSV_CELLS_MAX, "\n");
	ck_assert_int_eq(next(text, true, &record), CSV_RECORD);
	ck_assert_ptr_nonnull(record.fault);
	free(text);
}
END_TEST

START_TEST(delimiters)
{
	ck_assert_int_eq(csv_delimiter((struct slice){"a,b\n;;;", 7}), ',');
	ck_assert_int_eq(csv_delimiter((struct slice){"a;b\n", 4}), ';');
	ck_assert_int_eq(csv_delimiter((struct slice){"\"a,b,c\";d\n", 10}), ';');
	ck_assert_int_eq(csv_delimiter((struct slice){"a", 1}), ',');
}
END_TEST

static const struct {
	const char *text, *cell;
} cells[] = {
	{"plain", "plain"},
	{"a,b", "\"a,b\""},
	{"a;b", "\"a;b\""},
	{"a\"b", "\"a\"\"b\""},
	{"a\nb", "\"a\nb\""},
	{"=1+1", "'=1+1"},
	{"+33612345678", "'+33612345678"},
	{"-1", "'-1"},
	{"@x", "'@x"},
	{"\tx", "'\tx"},
	{"\rx", "\"'\rx\""},
	{"'=1", "''=1"},
	{"'quoted'", "'quoted'"},
	{"=\"x\"", "\"'=\"\"x\"\"\""},
	{"", ""},
};

START_TEST(cells_are_defused_and_back)
{
	struct csv_record record;
	struct strbuf out;
	struct slice back;

	strbuf_init(&out, &arena);
	strbuf_adds(&out, "");
	csv_add_cell(&out, cells[_i].text);
	ck_assert_str_eq(out.buf, cells[_i].cell);
	strbuf_adds(&out, ",\n");
	ck_assert_int_eq(next(out.buf, true, &record), CSV_RECORD);
	back = csv_plain(record.cells[0]);
	ck_assert_uint_eq(back.len, strlen(cells[_i].text));
	ck_assert_mem_eq(back.at, cells[_i].text, back.len);
}
END_TEST

/* --- JSON ------------------------------------------------------------------------------------ */

/* Items with bars between, and what ends them. */
static const char *items(const char *text, size_t window)
{
	struct strbuf out;
	size_t at = 0, len = strlen(text), shown_to = 0;
	struct json_rows_item item;

	strbuf_init(&out, &arena);
	strbuf_adds(&out, "");
	for (;;) {
		size_t end = shown_to < len ? shown_to : len;
		struct slice view = {text + at, end - at};

		switch (json_rows_next(at == 0, view, end == len, &item)) {
		case JSON_ROWS_MORE:
			shown_to = end + window;
			continue;
		case JSON_ROWS_ITEM:
			strbuf_add(&out, item.text.at, item.text.len);
			strbuf_addc(&out, '|');
			at += item.used;
			continue;
		case JSON_ROWS_END:
			strbuf_adds(&out, "end");
			return out.buf;
		case JSON_ROWS_BROKEN:
			ck_assert_ptr_nonnull(item.fault);
			strbuf_adds(&out, "broken");
			return out.buf;
		}
	}
}

static const struct {
	const char *text, *found;
} bodies[] = {
	{"{\"rows\":[]}", "end"},
	{" { \"rows\" : [ ] } \n", "end"},
	{"{\"rows\":[{\"a\":1},{\"b\":[2,3]}]}", "{\"a\":1}|{\"b\":[2,3]}|end"},
	{"{\"rows\":[ {} , 1 , \"x,]\" , null]}", "{}|1|\"x,]\"|null|end"},
	{"{\"rows\":[{\"a\":\"}]\\\"{\"}]}", "{\"a\":\"}]\\\"{\"}|end"},
	{"{\"rows\":[{\"a\":\"\\\\\"},{}]}", "{\"a\":\"\\\\\"}|{}|end"},
	{"{\"rows\":[{},]}", "{}|broken"},
	{"{\"rows\":[,{}]}", "broken"},
	{"{\"rows\":[{} {}]}", "{}|broken"},
	{"{\"rows\":[{}],\"more\":1}", "{}|broken"},
	{"{\"rows\":[{}]} x", "{}|broken"},
	{"{\"rows\":[{}]", "{}|broken"},
	{"{\"rows\":[{\"a\":", "broken"},
	{"{\"rows\":{}}", "broken"},
	{"[{}]", "broken"},
	{"", "broken"},
	{"{\"lines\":[]}", "broken"},
};

START_TEST(json_items)
{
	ck_assert_str_eq(items(bodies[_i].text, 1000), bodies[_i].found);
	ck_assert_str_eq(items(bodies[_i].text, 1), bodies[_i].found);
	ck_assert_str_eq(items(bodies[_i].text, 3), bodies[_i].found);
}
END_TEST

START_TEST(json_items_are_bounded)
{
	struct json_rows_item item;
	char *text = repeated("{\"rows\":[\"", 'x', JSON_ROW_MAX, "");

	ck_assert_int_eq(json_rows_next(true, (struct slice){text, strlen(text)}, false, &item),
			 JSON_ROWS_BROKEN);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("csv");
	TCase *tc = tcase_create("csv");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, records, 0, ARRAY_LEN(good));
	tcase_add_loop_test(tc, faults, 0, ARRAY_LEN(bad));
	tcase_add_loop_test(tc, windows_of_any_size, 0, ARRAY_LEN(good));
	tcase_add_test(tc, blank_lines_and_the_end);
	tcase_add_test(tc, long_records);
	tcase_add_test(tc, delimiters);
	tcase_add_loop_test(tc, cells_are_defused_and_back, 0, ARRAY_LEN(cells));
	tcase_add_loop_test(tc, json_items, 0, ARRAY_LEN(bodies));
	tcase_add_test(tc, json_items_are_bounded);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
