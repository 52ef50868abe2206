#include "worker-tickets/ticket_haru.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/* It crashes where it finds no memory. */
static void *haru_alloc(HPDF_UINT size)
{
	return memory_alloc(size);
}

/* No pool of its own: what that gives is not aligned. */
HPDF_Doc ticket_haru_new(HPDF_Error_Handler handler, void *user)
{
	return HPDF_NewEx(handler, haru_alloc, free, 0, user);
}

/* What a stream of libharu stands on. */
struct reader {
	struct slice bytes;
	size_t at;
};

static HPDF_STATUS reader_read(HPDF_Stream stream, HPDF_BYTE *to, HPDF_UINT *len)
{
	struct reader *reader = stream->attr;
	size_t rest = reader->bytes.len - reader->at;
	bool end = rest < *len;

	if (end)
		*len = (HPDF_UINT)rest;
	memcpy(to, reader->bytes.at + reader->at, *len);
	reader->at += *len;
	return end ? HPDF_STREAM_EOF : HPDF_OK;
}

static HPDF_STATUS reader_seek(HPDF_Stream stream, HPDF_INT by, HPDF_WhenceMode whence)
{
	struct reader *reader = stream->attr;
	int64_t len = (int64_t)reader->bytes.len, at = by;

	if (whence == HPDF_SEEK_CUR)
		at += (int64_t)reader->at;
	else if (whence == HPDF_SEEK_END)
		at += len;
	if (at < 0 || at > len)
		return HPDF_SetError(stream->error, HPDF_FILE_IO_ERROR, 0);
	reader->at = (size_t)at;
	return HPDF_OK;
}

static HPDF_INT32 reader_tell(HPDF_Stream stream)
{
	const struct reader *reader = stream->attr;

	return (HPDF_INT32)reader->at;
}

static HPDF_UINT32 reader_size(HPDF_Stream stream)
{
	const struct reader *reader = stream->attr;

	return (HPDF_UINT32)reader->bytes.len;
}

/* The document frees it with the font. */
static HPDF_Stream reader_open(HPDF_Doc doc, struct arena *arena, struct slice bytes)
{
	struct reader *reader = ARENA_NEW(arena, struct reader);
	HPDF_Stream stream = HPDF_GetMem(doc->mmgr, sizeof(*stream));

	reader->bytes = bytes;
	*stream = (HPDF_Stream_Rec){
		.sig_bytes = HPDF_STREAM_SIG_BYTES,
		.type = HPDF_STREAM_UNKNOWN,
		.mmgr = doc->mmgr,
		.error = doc->mmgr->error,
		.read_fn = reader_read,
		.seek_fn = reader_seek,
		.tell_fn = reader_tell,
		.size_fn = reader_size,
		.attr = reader,
	};
	return stream;
}

const char *ticket_haru_font(HPDF_Doc doc, struct arena *arena, struct slice font, const char *tag)
{
	char tag_of_its_own[HPDF_TTF_FONT_TAG_LEN + 1];
	HPDF_FontDef def = HPDF_TTFontDef_Load(doc->mmgr, reader_open(doc, arena, font), HPDF_TRUE);

	if (!def || HPDF_Doc_RegisterFontDef(doc, def)) {
		HPDF_CheckError(&doc->error);
		return NULL;
	}
	memcpy(tag_of_its_own, tag, sizeof(tag_of_its_own));
	HPDF_TTFontDef_SetTagName(def, tag_of_its_own);
	return def->base_font;
}
