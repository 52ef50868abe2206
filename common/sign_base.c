#include "common/sign.h"

#include <string.h>

/* One of RFC 4648's alphabets: each character carries `bits` bits, the first ones first. */
struct alphabet {
	unsigned bits;
	const char *characters;
};

static const struct alphabet base64 = {
	6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};
static const struct alphabet base64url = {
	6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
static const struct alphabet base32 = {5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"};

/* Value of a character, -1: not in the alphabet. */
static int value_of(const struct alphabet *alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (alphabet->bits == 6 && c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (alphabet->bits == 6 && c >= '0' && c <= '9')
		return c - '0' + 52;
	if (alphabet->bits == 5)
		return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
	if (c == alphabet->characters[62])
		return 62;
	return c == alphabet->characters[63] ? 63 : -1;
}

static void encode(struct strbuf *out, const struct alphabet *alphabet, const void *data,
		   size_t len)
{
	const uint8_t *bytes = data;
	const uint32_t mask = (1U << alphabet->bits) - 1;
	uint32_t held = 0;
	unsigned held_bits = 0;
	strbuf_reserve(out, len * 8 / alphabet->bits + 4);
	for (size_t i = 0; i < len; i++) {
		held = held << 8 | bytes[i];
		held_bits += 8;
		while (held_bits >= alphabet->bits) {
			held_bits -= alphabet->bits;
			strbuf_addc(out, alphabet->characters[held >> held_bits & mask]);
		}
	}
	if (held_bits > 0)
		strbuf_addc(out, alphabet->characters[held << (alphabet->bits - held_bits) & mask]);
}

/* The one text that encodes these bytes, or nothing: no character may be superfluous and the bits
 * behind the last byte must be zero. */
static bool decode(struct arena *arena, const struct alphabet *alphabet, const char *text,
		   size_t len, struct slice *ret)
{
	uint8_t *bytes = arena_alloc(arena, len * alphabet->bits / 8 + 1);
	size_t count = 0;
	uint32_t held = 0;
	unsigned held_bits = 0;
	for (size_t i = 0; i < len; i++) {
		int value = value_of(alphabet, text[i]);
		if (value < 0)
			return false;
		held = held << alphabet->bits | (uint32_t)value;
		held_bits += alphabet->bits;
		if (held_bits >= 8) {
			held_bits -= 8;
			bytes[count++] = (uint8_t)(held >> held_bits);
		}
	}
	if (held_bits >= alphabet->bits || (held & ((1U << held_bits) - 1)) != 0)
		return false;
	*ret = (struct slice){(const char *)bytes, count};
	return true;
}

bool base64url_decode(struct arena *arena, const char *text, size_t len, struct slice *ret)
{
	return decode(arena, &base64url, text, len, ret);
}

void base64url_encode(struct strbuf *out, const void *data, size_t len)
{
	encode(out, &base64url, data, len);
}

bool base64_decode(struct arena *arena, const char *text, size_t len, struct slice *ret)
{
	if (len % 4 != 0)
		return false;
	for (int padding = 0; padding < 2 && len > 0 && text[len - 1] == '='; padding++)
		len--;
	return decode(arena, &base64, text, len, ret);
}

void base64_encode(struct strbuf *out, const void *data, size_t len)
{
	encode(out, &base64, data, len);
	for (size_t padding = (3 - len % 3) % 3; padding > 0; padding--)
		strbuf_addc(out, '=');
}

void base32_encode(struct strbuf *out, const void *data, size_t len)
{
	encode(out, &base32, data, len);
}

bool base32_decode(struct arena *arena, const char *text, size_t len, struct slice *ret)
{
	return decode(arena, &base32, text, len, ret);
}
