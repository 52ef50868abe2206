#include "common/log_mask.h"

#include <ctype.h>
#include <string.h>

#define MASK "***"

/* What a local part may have without quotes (RFC 5322 3.2.3, RFC 6531: all that is not ASCII), less
 * what ends a part of a URL. */
static bool is_local(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%'*+-^_`{|}~.", c) != NULL);
}

/* Length of an @ here, plain or escaped; 0: there is none. */
static size_t at_sign(const char *text)
{
	if (*text == '@')
		return 1;
	return strncmp(text, "%40", 3) == 0 ? 3 : 0;
}

/* Length of the first character. */
static size_t first_character(const char *text, size_t len)
{
	size_t first = 1;

	while (first < len && first < 4 && ((unsigned char)text[first] & 0xC0) == 0x80)
		first++;
	return first;
}

bool log_needs_mask(const char *text)
{
	return strchr(text, '@') != NULL || strstr(text, "%40") != NULL;
}

/* Where the local part begins that ends here, not before `begin`. */
static size_t local_start(const struct strbuf *out, size_t begin)
{
	size_t start = out->len;

	if (start > begin && out->buf[start - 1] == '"') {
		do {
			start--;
		} while (start > begin && out->buf[start - 1] != '"');
		return start;
	}
	while (start > begin && is_local(out->buf[start - 1]))
		start--;
	return start;
}

static void mask_local(struct strbuf *out, size_t begin)
{
	size_t start = local_start(out, begin);
	const char *local = out->buf + start;
	size_t len = out->len - start;

	if (len == 0 || (len >= strlen(MASK) && !memcmp(out->buf + out->len - 3, MASK, 3)))
		return;
	bool password = start > begin && local[-1] == ':';
	strbuf_truncate(out, start + (password ? 0 : first_character(local, len)));
	strbuf_adds(out, MASK);
}

void log_add_masked(struct strbuf *out, const char *text)
{
	size_t begin = out->len;

	while (*text != '\0') {
		size_t len = at_sign(text);

		if (len > 0)
			mask_local(out, begin);
		if (len == 0)
			len = 1;
		strbuf_add(out, text, len);
		text += len;
	}
}
