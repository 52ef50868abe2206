#include "worker-tickets/ticket_font.h"

#include <assert.h>
#include <string.h>

/* The Makefile makes the files and names their directory. */
#define EMBED(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #symbol "\n.global " #symbol "_end\n"                                   \
		".balign 16\n" #symbol ":\n.incbin \"" TICKET_FONT_DIR "/" file "\"\n" #symbol     \
		"_end:\n.byte 0\n.popsection\n");                                                  \
	extern const uint8_t symbol[] __attribute__((visibility("hidden")));                       \
	extern const uint8_t symbol##_end[] __attribute__((visibility("hidden")))

#define EMBED_FACE(face, file)                                                                     \
	EMBED(ticket_font_##face##_western, file "-western.ttf");                                  \
	EMBED(ticket_font_##face##_central, file "-central.ttf");                                  \
	EMBED(ticket_font_##face##_cyrillic, file "-cyrillic.ttf");                                \
	EMBED(ticket_font_##face##_greek, file "-greek.ttf");                                      \
	EMBED(ticket_font_##face##_turkish, file "-turkish.ttf");                                  \
	EMBED(ticket_font_##face##_baltic, file "-baltic.ttf");                                    \
	EMBED(ticket_font_##face##_whole, file ".ttf")

EMBED_FACE(regular, "NotoSans-Regular");
EMBED_FACE(bold, "NotoSans-Bold");

struct file {
	const uint8_t *data, *end;
};

#define FILE_OF(name)                                                                              \
	{                                                                                          \
		.data = ticket_font_##name, .end = ticket_font_##name##_end                        \
	}
#define FILES_OF(face)                                                                             \
	{                                                                                          \
		[ENCODING_WESTERN] = FILE_OF(face##_western),                                      \
		[ENCODING_CENTRAL] = FILE_OF(face##_central),                                      \
		[ENCODING_CYRILLIC] = FILE_OF(face##_cyrillic),                                    \
		[ENCODING_GREEK] = FILE_OF(face##_greek),                                          \
		[ENCODING_TURKISH] = FILE_OF(face##_turkish),                                      \
		[ENCODING_BALTIC] = FILE_OF(face##_baltic),                                        \
		[ENCODING_UTF8] = FILE_OF(face##_whole)                                            \
	}

static const struct file files[TICKET_FACES][TICKET_ENCODINGS] = {
	[TICKET_REGULAR] = FILES_OF(regular),
	[TICKET_BOLD] = FILES_OF(bold),
};

/* What is measured, in the whole font. */
struct font {
	const uint8_t *data;
	const uint8_t *cmap; /* the format 4 subtable */
	const uint8_t *hmtx;
	unsigned units_per_em, wide_count, segments;
	int ascent, descent;
};

static struct font fonts[TICKET_FACES];

static unsigned u16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static int i16(const uint8_t *at)
{
	return (int16_t)u16(at);
}

static uint32_t u32(const uint8_t *at)
{
	return (uint32_t)u16(at) << 16 | u16(at + 2);
}

/* A table by its tag: OpenType, "Table Directory". NULL: not there. */
static const uint8_t *find_table(const struct font *font, const char *tag)
{
	unsigned count = u16(font->data + 4);

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *row = font->data + 12 + (size_t)i * 16;

		if (!memcmp(row, tag, 4))
			return font->data + u32(row + 8);
	}
	return NULL;
}

/* The Unicode subtable of format 4: what libharu reads too, so both see the same characters. */
static const uint8_t *find_cmap(const struct font *font)
{
	const uint8_t *cmap = find_table(font, "cmap");
	unsigned count = cmap ? u16(cmap + 2) : 0;

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *row = cmap + 4 + (size_t)i * 8;
		const uint8_t *subtable = cmap + u32(row + 4);

		if (u16(row) == 3 && u16(row + 2) == 1 && u16(subtable) == 4)
			return subtable;
	}
	return NULL;
}

static bool read_tables(struct font *font)
{
	const uint8_t *head = find_table(font, "head");
	const uint8_t *hhea = find_table(font, "hhea");

	font->hmtx = find_table(font, "hmtx");
	font->cmap = find_cmap(font);
	if (!head || !hhea || !font->hmtx || !font->cmap)
		return false;
	font->units_per_em = u16(head + 18);
	font->ascent = i16(hhea + 4);
	font->descent = -i16(hhea + 6);
	font->wide_count = u16(hhea + 34);
	font->segments = u16(font->cmap + 6) / 2;
	return font->units_per_em > 0 && font->wide_count > 0;
}

enum status ticket_font_init(struct problem *err)
{
	for (size_t i = 0; i < ARRAY_LEN(fonts); i++) {
		fonts[i].data = files[i][ENCODING_UTF8].data;
		if (!read_tables(&fonts[i]))
			return problem_set(err, ST_INTERNAL_ERROR, "font %zu is damaged", i);
	}
	return OK;
}

struct slice ticket_font_data(enum ticket_face face, enum ticket_encoding encoding)
{
	const struct file *file = &files[face][encoding];

	return (struct slice){(const char *)file->data, (size_t)(file->end - file->data)};
}

/* OpenType, "cmap", format 4: ends, a pad, starts, deltas, offsets, each one array of `segments`.
 */
uint16_t ticket_font_glyph(enum ticket_face face, uint32_t character)
{
	const struct font *font = &fonts[face];
	const uint8_t *ends = font->cmap + 14;
	size_t stride = (size_t)font->segments * 2;
	size_t low = 0, high = font->segments;

	if (character > 0xFFFF)
		return 0;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (u16(ends + middle * 2) < character)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == font->segments)
		return 0;

	const uint8_t *start = ends + stride + 2 + low * 2;
	const uint8_t *delta = start + stride;
	const uint8_t *offset = delta + stride;

	if (u16(start) > character)
		return 0;
	if (!u16(offset))
		return (uint16_t)(character + u16(delta));

	unsigned glyph = u16(offset + u16(offset) + (size_t)(character - u16(start)) * 2);

	return glyph ? (uint16_t)(glyph + u16(delta)) : 0;
}

uint32_t ticket_font_next(const char **at)
{
	const uint8_t *p = (const uint8_t *)*at;
	int more = *p < 0x80 ? 0 : *p < 0xE0 ? 1 : *p < 0xF0 ? 2 : 3;
	uint32_t character = more ? *p & (0x3Fu >> more) : *p;

	for (int i = 1; i <= more && p[i]; i++)
		character = character << 6 | (p[i] & 0x3Fu);
	*at += strnlen(*at, (size_t)more + 1);
	return character;
}

bool ticket_font_covers(enum ticket_face face, const char *text)
{
	while (*text) {
		if (!ticket_font_glyph(face, ticket_font_next(&text)))
			return false;
	}
	return true;
}

double ticket_font_width(enum ticket_face face, const char *text, size_t len)
{
	const struct font *font = &fonts[face];
	const char *end = text + len;
	unsigned sum = 0;

	while (text < end) {
		unsigned glyph = ticket_font_glyph(face, ticket_font_next(&text));
		unsigned row = glyph < font->wide_count ? glyph : font->wide_count - 1;

		sum += u16(font->hmtx + (size_t)row * 4);
	}
	return (double)sum / font->units_per_em;
}

double ticket_font_ascent(enum ticket_face face)
{
	return (double)fonts[face].ascent / fonts[face].units_per_em;
}

double ticket_font_descent(enum ticket_face face)
{
	return (double)fonts[face].descent / fonts[face].units_per_em;
}
