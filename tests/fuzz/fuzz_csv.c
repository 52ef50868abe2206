/*
 * Files of guests: read through a window that grows by as little as the input says, a file gives
 * the same records as read at once, and no byte is read twice or left out.
 * The input: delimiter, size of the window's steps, then the file; the same for JSON rows.
 */
#include <string.h>

#include "api/guests/csv.h"
#include "api/guests/json_rows.h"
#include "tests/fuzz/fuzz.h"

/* The record at `at`, through a window that begins with `step` bytes. */
static enum csv_result read_stepwise(struct arena *arena, char delimiter, struct slice at,
				     size_t step, struct csv_record *ret)
{
	size_t shown = step < at.len ? step : at.len;
	enum csv_result result;

	for (;;) {
		bool last = shown == at.len;

		result = csv_next(arena, delimiter, (struct slice){at.at, shown}, last, ret);
		if (result != CSV_MORE)
			return result;
		MUST(!last);
		shown = shown + step < at.len ? shown + step : at.len;
	}
}

static void check_same(const struct csv_record *a, const struct csv_record *b)
{
	MUST(!a->fault == !b->fault && a->used == b->used && a->lines == b->lines);
	MUST(a->count == b->count);
	for (size_t i = 0; i < a->count && !a->fault; i++)
		MUST(a->cells[i].len == b->cells[i].len &&
		     !memcmp(a->cells[i].at, b->cells[i].at, a->cells[i].len));
}

static void read_csv(char delimiter, size_t step, struct slice file)
{
	struct arena *arena = fuzz_arena(), *other = fuzz_arena_other();

	while (file.len) {
		struct csv_record whole, stepwise;
		enum csv_result result = csv_next(arena, delimiter, file, true, &whole);

		MUST(result != CSV_MORE);
		MUST(read_stepwise(other, delimiter, file, step, &stepwise) == result);
		if (result != CSV_RECORD)
			return;
		MUST(whole.used > 0 && whole.used <= file.len && whole.count <= CSV_CELLS_MAX);
		check_same(&whole, &stepwise);
		file.at += whole.used;
		file.len -= whole.used;
	}
}

static void read_rows(struct slice file)
{
	struct json_rows_item item = {0};
	bool first = true;

	while (json_rows_next(first, file, true, &item) == JSON_ROWS_ITEM) {
		MUST(item.used > 0 && item.used <= file.len && item.text.len <= item.used);
		file.at += item.used;
		file.len -= item.used;
		first = false;
	}
}

/* What was written as cells is read as the same cells. */
static void write_and_read(struct slice text)
{
	struct arena *arena = fuzz_arena();
	const char *cell = arena_strndup(arena, text.at, text.len);
	struct csv_record record;
	struct slice plain;
	struct strbuf out;

	strbuf_init(&out, arena);
	csv_add_cell(&out, cell);
	strbuf_addc(&out, ',');
	csv_add_cell(&out, "end");
	strbuf_adds(&out, "\r\n");
	if (out.len > CSV_RECORD_MAX)
		return;
	MUST(csv_next(arena, ',', (struct slice){out.buf, out.len}, true, &record) == CSV_RECORD);
	MUST(!record.fault && record.count == 2 && record.used == out.len);
	plain = csv_plain(record.cells[0]);
	MUST(!record.cells[0].len || !strchr("=+-@\t\r", record.cells[0].at[0]));
	MUST(plain.len == strlen(cell) && !memcmp(plain.at, cell, plain.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	char delimiter = fuzz_byte(&input) & 1 ? ';' : ',';
	size_t step = fuzz_byte(&input) + 1u;
	struct slice file = fuzz_rest(&input);

	read_csv(delimiter, step, file);
	read_rows(file);
	write_and_read(file);
	return 0;
}
