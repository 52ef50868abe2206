#include "worker-tickets/ticket_png.h"

#include <string.h>
#include <zlib.h>

static void add_u32(struct strbuf *out, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		strbuf_addc(out, (char)(value >> shift & 0xFF));
}

/* Length, type, data, CRC of type and data. */
static void add_chunk(struct strbuf *out, const char *type, const void *data, size_t len)
{
	add_u32(out, (uint32_t)len);

	size_t start = out->len;

	strbuf_add(out, type, 4);
	strbuf_add(out, data, len);
	add_u32(out, (uint32_t)crc32(0, (const Bytef *)out->buf + start, (uInt)(len + 4)));
}

static void add_header(struct strbuf *out, uint32_t side)
{
	CLEANUP(strbuf_release) struct strbuf header;

	strbuf_init(&header, NULL);
	add_u32(&header, side);
	add_u32(&header, side);
	/* 1 bit, greyscale, deflate, adaptive filters, not interlaced */
	strbuf_add(&header, "\1\0\0\0\0", 5);
	add_chunk(out, "IHDR", header.buf, header.len);
}

/* The lines of a row of modules, 8 pixels a byte, 1 is white: the first as it is (filter 0), the
 * others by what differs from the line above (filter 2), which is nothing. */
static void add_row(struct strbuf *lines, const uint8_t *cells, int size, int scale)
{
	int side = size * scale;
	size_t bytes = ((size_t)side + 7) / 8;
	uint8_t *line;

	strbuf_addc(lines, 0);
	strbuf_reserve(lines, (size_t)scale * (bytes + 1));
	line = memset(lines->buf + lines->len, 0, bytes);
	for (int x = 0, cell = 0; cell < size; cell++) {
		for (int end = x + scale; x < end; x++)
			line[x / 8] |= (uint8_t)(!cells[cell] << (7 - x % 8));
	}
	lines->len += bytes;
	for (int i = 1; i < scale; i++) {
		strbuf_addc(lines, 2);
		memset(lines->buf + lines->len, 0, bytes);
		lines->len += bytes;
	}
	lines->buf[lines->len] = '\0';
}

static void add_image(struct strbuf *out, const struct strbuf *lines)
{
	/* A level that looks longer saves 180 bytes and costs four times as much. */
	enum { LEVEL = 2 };
	CLEANUP(strbuf_release) struct strbuf packed;
	uLongf len = compressBound(lines->len);

	strbuf_init(&packed, NULL);
	strbuf_reserve(&packed, len);
	if (compress2((Bytef *)packed.buf, &len, (const Bytef *)lines->buf, lines->len, LEVEL) !=
	    Z_OK)
		fatal("zlib: out of memory");
	add_chunk(out, "IDAT", packed.buf, len);
}

void ticket_png_write(const uint8_t *cells, int size, int scale, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf lines;

	strbuf_init(&lines, NULL);
	for (int y = 0; y < size; y++)
		add_row(&lines, cells + (size_t)y * (size_t)size, size, scale);
	strbuf_add(out, "\x89PNG\r\n\x1a\n", 8);
	add_header(out, (uint32_t)(size * scale));
	add_image(out, &lines);
	add_chunk(out, "IEND", "", 0);
}
