#include "common/json_internal.h"

#include <string.h>

struct scanner {
	char *text;
	size_t len;
	size_t at;
	struct strbuf *numbers;
	const char *fault; /* the first one */
};

static bool scan_value(struct scanner *s, unsigned depth);

static bool fail(struct scanner *s, const char *fault)
{
	if (!s->fault)
		s->fault = fault;
	return false;
}

/* The next byte, -1 at the end. */
static int peek(const struct scanner *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static bool take(struct scanner *s, char c)
{
	if (peek(s) != (unsigned char)c)
		return false;
	s->at++;
	return true;
}

static void skip_space(struct scanner *s)
{
	while (json_one_of(peek(s), " \t\n\r"))
		s->at++;
}

/* Four hexadecimal digits behind \u, -1 when they are not. */
static int take_hex4(struct scanner *s)
{
	int value = 0;
	for (int i = 0; i < 4; i++) {
		int c = peek(s);
		if (c >= '0' && c <= '9')
			value = value * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + c - 'A' + 10;
		else
			return -1;
		s->at++;
	}
	return value;
}

static bool scan_unicode_escape(struct scanner *s)
{
	int unit = take_hex4(s);
	if (unit < 0)
		return fail(s, "has a bad \\u escape");
	if (unit == 0)
		return fail(s, "holds the character NUL");
	if (unit < 0xD800 || unit > 0xDFFF)
		return true;
	if (unit > 0xDBFF || !take(s, '\\') || !take(s, 'u'))
		return fail(s, "has a lone surrogate");
	int low = take_hex4(s);
	if (low < 0xDC00 || low > 0xDFFF)
		return fail(s, "has a lone surrogate");
	return true;
}

static bool scan_escape(struct scanner *s)
{
	s->at++;
	if (take(s, 'u'))
		return scan_unicode_escape(s);
	if (!json_one_of(peek(s), "\"\\/bfnrt"))
		return fail(s, "has a bad escape");
	s->at++;
	return true;
}

static bool scan_character(struct scanner *s)
{
	bool valid;
	size_t step =
		json_utf8_step((const unsigned char *)s->text + s->at, s->len - s->at, &valid);
	if (!valid)
		return fail(s, "is not UTF-8");
	s->at += step;
	return true;
}

static bool scan_string(struct scanner *s)
{
	s->at++;
	for (;;) {
		int c = peek(s);
		if (c < 0)
			return fail(s, "ends within a string");
		if (c == 0)
			return fail(s, "holds the character NUL");
		if (c < 0x20)
			return fail(s, "has a bare control character in a string");
		if (c == '"')
			break;
		if (!(c == '\\' ? scan_escape(s) : scan_character(s)))
			return false;
	}
	s->at++;
	return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
	size_t len = strlen(word);
	if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
		return fail(s, "has a bad word");
	s->at += len;
	return true;
}

static bool scan_number(struct scanner *s)
{
	size_t len = json_number_length(s->text + s->at, s->len - s->at);
	if (len == 0)
		return fail(s, s->at < s->len ? "has a bad value" : "ends too early");
	strbuf_add(s->numbers, s->text + s->at, len);
	strbuf_addc(s->numbers, '\0');
	memset(s->text + s->at, ' ', len);
	s->text[s->at] = '0';
	s->at += len;
	return true;
}

static bool scan_name(struct scanner *s)
{
	if (peek(s) != '"')
		return fail(s, "lacks the name of a member");
	if (!scan_string(s))
		return false;
	skip_space(s);
	return take(s, ':') || fail(s, "lacks a colon");
}

static bool scan_container(struct scanner *s, unsigned depth, char close)
{
	if (depth > JSON_DEPTH_MAX)
		return fail(s, "is nested too deep");
	s->at++;
	skip_space(s);
	if (take(s, close))
		return true;
	do {
		skip_space(s);
		if (close == '}' && !scan_name(s))
			return false;
		skip_space(s);
		if (!scan_value(s, depth))
			return false;
		skip_space(s);
	} while (take(s, ','));
	return take(s, close) || fail(s, "lacks a comma or a closing bracket");
}

static bool scan_value(struct scanner *s, unsigned depth)
{
	switch (peek(s)) {
	case '{':
		return scan_container(s, depth + 1, '}');
	case '[':
		return scan_container(s, depth + 1, ']');
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

static bool scan_text(struct scanner *s)
{
	if (s->len >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
		return fail(s, "starts with a byte order mark");
	skip_space(s);
	if (s->at == s->len)
		return fail(s, "is empty");
	if (!scan_value(s, 0))
		return false;
	skip_space(s);
	return s->at == s->len || fail(s, "goes on behind its end");
}

enum status json_scan(char *text, size_t len, struct strbuf *numbers, struct problem *err)
{
	struct scanner s = {.text = text, .len = len, .numbers = numbers};
	if (scan_text(&s))
		return OK;
	return problem_set(err, ST_MALFORMED, "The JSON text %s (at byte %zu).", s.fault, s.at);
}
