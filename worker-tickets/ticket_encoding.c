#include "worker-tickets/ticket_encoding.h"

#include <string.h>

#include "worker-tickets/ticket_font.h"

const char *const ticket_encoding_names[TICKET_ENCODINGS] = {
	[ENCODING_WESTERN] = "WinAnsiEncoding",
	[ENCODING_CENTRAL] = "CP1250",
	[ENCODING_CYRILLIC] = "CP1251",
	[ENCODING_GREEK] = "CP1253",
	[ENCODING_TURKISH] = "CP1254",
	[ENCODING_BALTIC] = "CP1257",
	[ENCODING_UTF8] = "UTF-8",
};

static uint16_t tables[ENCODING_UTF8][ENCODING_CODES];

/* Their names in a PDF (Delta, Omega, mu) mean the signs U+2206, U+2126 and U+00B5 to readers,
 * which then find no glyph: Adobe Glyph List. */
static const uint16_t ambiguous[] = {0x0394, 0x03A9, 0x03BC};

static bool is_ambiguous(uint32_t character)
{
	for (size_t i = 0; i < ARRAY_LEN(ambiguous); i++) {
		if (ambiguous[i] == character)
			return true;
	}
	return false;
}

void ticket_encoding_init(uint16_t given[ENCODING_UTF8][ENCODING_CODES])
{
	memcpy(tables, given, sizeof(tables));
}

/* 0: the encoding does not have it. */
static uint8_t code_of(enum ticket_encoding encoding, uint32_t character)
{
	const uint16_t *table = tables[encoding];

	if (is_ambiguous(character))
		return 0;
	if (character < ENCODING_CODES && table[character] == character)
		return (uint8_t)character;
	for (unsigned code = ' '; code < ENCODING_CODES; code++) {
		if (table[code] == character)
			return (uint8_t)code;
	}
	return 0;
}

bool ticket_encoding_covers(enum ticket_encoding encoding, const char *text)
{
	if (encoding == ENCODING_UTF8)
		return true;
	while (*text) {
		if (!code_of(encoding, ticket_font_next(&text)))
			return false;
	}
	return true;
}

const char *ticket_encoding_encode(enum ticket_encoding encoding, struct arena *arena,
				   const char *text)
{
	char *out, *at;

	if (encoding == ENCODING_UTF8)
		return text;
	at = out = arena_alloc(arena, strlen(text) + 1);
	while (*text)
		*at++ = (char)code_of(encoding, ticket_font_next(&text));
	*at = '\0';
	return out;
}
