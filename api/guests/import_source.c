#include "api/guests/import_source.h"

#include <string.h>

#include "sql_api.h"

enum { PIECE_BYTES = 64 * 1024, ARENA_BLOCK = 2 * PIECE_BYTES };

void import_source_init(struct import_source *source, struct request *req, int64_t import_id,
			int64_t size)
{
	*source = (struct import_source){.req = req, .import_id = import_id, .size = size};
	strbuf_init(&source->window, NULL);
}

void import_source_clear(struct import_source *source)
{
	strbuf_release(&source->window);
}

void import_source_seek(struct import_source *source, int64_t offset)
{
	source->offset = offset;
	source->taken = 0;
	strbuf_truncate(&source->window, 0);
}

struct slice import_source_text(const struct import_source *source, bool *ret_last)
{
	size_t len = source->window.len - source->taken;

	*ret_last = source->offset + (int64_t)source->window.len >= source->size;
	return (struct slice){len ? source->window.buf + source->taken : "", len};
}

/* Forget what was skipped. */
static void compact(struct import_source *source)
{
	size_t left = source->window.len - source->taken;

	if (!source->taken)
		return;
	memmove(source->window.buf, source->window.buf + source->taken, left);
	strbuf_truncate(&source->window, left);
	source->offset += (int64_t)source->taken;
	source->taken = 0;
}

static enum status append(struct import_source *source, struct arena *arena, struct problem *err)
{
	int64_t end = source->offset + (int64_t)source->window.len;
	PG_RESULT result = NULL;
	struct slice piece;
	enum status status;

	status = request_query(source->req, &sql_import_piece,
			       PG_ARGS(PG_I64(source->import_id), PG_I64(end / IMPORT_CHUNK_BYTES),
				       PG_I64(end % IMPORT_CHUNK_BYTES + 1), PG_I64(PIECE_BYTES)),
			       &result, err);
	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_INTERNAL_ERROR, "a chunk of the import is gone");
	piece = pg_bytes(result, 0, 0, arena);
	if (!piece.len)
		return problem_set(err, ST_INTERNAL_ERROR, "a chunk of the import is short");
	strbuf_add(&source->window, piece.at, piece.len);
	return OK;
}

enum status import_source_more(struct import_source *source, struct problem *err)
{
	struct arena arena;
	enum status status;

	compact(source);
	arena_init(&arena, ARENA_BLOCK);
	status = append(source, &arena, err);
	arena_clear(&arena);
	return status;
}

void import_source_skip(struct import_source *source, size_t len)
{
	source->taken += len;
}

int64_t import_source_offset(const struct import_source *source)
{
	return source->offset + (int64_t)source->taken;
}
