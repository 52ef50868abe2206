/*
 * Rows of a file of guests up to their fields: each is taken, or has violations that name a field.
 * The file comes from memory instead of the database, in chunks of the size that the input says.
 * The input: format, size of a chunk, then the file.
 */
#include <string.h>

#include "api/guests/import_reader.h"
#include "tests/fuzz/fuzz.h"

static struct slice file;
static size_t chunk;

/* --- in place of import_source.c ------------------------------------------------------------- */

void import_source_seek(struct import_source *source, int64_t offset)
{
	source->offset = offset;
	source->taken = 0;
	strbuf_truncate(&source->window, 0);
}

struct slice import_source_text(const struct import_source *source, bool *ret_last)
{
	size_t len = source->window.len - source->taken;

	*ret_last = source->offset + (int64_t)source->window.len >= (int64_t)file.len;
	return (struct slice){len ? source->window.buf + source->taken : "", len};
}

enum status import_source_more(struct import_source *source, struct problem *err)
{
	size_t end = (size_t)source->offset + source->window.len;
	size_t more = file.len - end < chunk ? file.len - end : chunk;

	MUST(more > 0);
	strbuf_add(&source->window, file.at + end, more);
	(void)err;
	return OK;
}

void import_source_skip(struct import_source *source, size_t len)
{
	MUST(source->taken + len <= source->window.len);
	source->taken += len;
}

int64_t import_source_offset(const struct import_source *source)
{
	return source->offset + (int64_t)source->taken;
}

/* --------------------------------------------------------------------------------------------- */

static void check_row(const struct import_reader *reader, struct arena *arena,
		      const struct import_raw *raw)
{
	struct guest_input guest;
	struct problem bad = {0};

	if (import_reader_decode(reader, arena, raw, &guest, &bad) == OK) {
		MUST(guest.first_name && guest.last_name && guest.email);
		return;
	}
	MUST(bad.status == ST_INVALID_BODY || bad.status == ST_MALFORMED);
	for (const struct violation *v = bad.violations; v; v = v->next)
		MUST(v->where[0] != '/' && *v->code && *v->detail);
}

static void read_all(struct import_reader *reader, struct arena *arena)
{
	struct import_fault fault = {0};
	enum import_found found;
	struct import_raw raw;
	int line = 0;

	MUST(import_reader_open(reader, arena, 0, 1, &found, &fault, NULL) == OK);
	while (found == IMPORT_ROW) {
		MUST(import_reader_next(reader, arena, &raw, &found, &fault, NULL) == OK);
		if (found != IMPORT_ROW)
			break;
		MUST(raw.line > line);
		line = raw.line;
		check_row(reader, arena, &raw);
	}
	MUST(found != IMPORT_UNREADABLE || (fault.code && fault.detail));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct import_reader reader = {.format = fuzz_byte(&input) & 1 ? IMPORT_JSON : IMPORT_CSV};

	chunk = (size_t)fuzz_byte(&input) * 16 + 1;
	file = fuzz_rest(&input);
	if (!file.len)
		return 0;
	strbuf_init(&reader.source.window, NULL);
	read_all(&reader, fuzz_arena());
	strbuf_release(&reader.source.window);
	return 0;
}
