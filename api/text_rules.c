#include "api/text_rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *text_of(const void *value)
{
	const char *const *text = value;

	return *text;
}

/* In UTF-8: U+0000 to U+001F, U+007F to U+009F with the line end of EBCDIC, and Unicode's own ends
 * of lines and paragraphs, U+2028 and U+2029. */
static bool is_control(const char *at)
{
	const unsigned char *c = (const unsigned char *)at;

	return *c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0) ||
	       (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9));
}

const char *text_one_line(const void *value)
{
	const char *text = text_of(value);
	size_t visible = 0;

	for (const char *at = text; text && *at; at++) {
		if (is_control(at))
			return "has a control character";
		visible += *at != ' ';
	}
	return !text || visible ? NULL : "is blank";
}

static const char *domain_fault(const char *domain)
{
	size_t label = 0;

	for (const char *at = domain;; at++) {
		if (*at && *at != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > 63)
			return "is not an email address";
		if (!*at)
			return NULL;
		label = 0;
	}
}

const char *text_email(const void *value)
{
	const char *text = text_of(value);
	const char *at = text ? strchr(text, '@') : NULL;

	if (!text)
		return NULL;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f || strchr("\"(),:;<>[]\\", *c))
			return "is not an email address";
	if (!at || at == text || at - text > 64 || strchr(at + 1, '@'))
		return "is not an email address";
	return domain_fault(at + 1);
}

const char *text_phone(const void *value)
{
	const char *text = text_of(value);
	size_t digits;

	if (!text)
		return NULL;
	digits = *text == '+' ? strspn(text + 1, "0123456789") : 0;
	if (digits < 2 || digits > 15 || text[1 + digits] || text[1] == '0')
		return "is not an E.164 number such as +33612345678";
	return NULL;
}
