#include "api/guests/json_rows.h"

#include <string.h>

struct scan {
	const char *text;
	size_t len, at;
	bool last;
	const char *fault;
};

static enum json_rows_result broken(struct scan *s, const char *why)
{
	s->fault = why;
	return JSON_ROWS_BROKEN;
}

static enum json_rows_result at_end(struct scan *s)
{
	if (s->last)
		return broken(s, "the JSON text ends early");
	if (s->len >= JSON_ROW_MAX)
		return broken(s, "a row is longer than 64 KiB");
	return JSON_ROWS_MORE;
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->len && s->text[s->at] && strchr(" \t\r\n", s->text[s->at]))
		s->at++;
}

/* Blanks, then these characters. ITEM: they were there. */
static enum json_rows_result expect(struct scan *s, const char *word, const char *why)
{
	skip_blanks(s);
	for (; *word; word++, s->at++) {
		if (s->at == s->len)
			return at_end(s);
		if (s->text[s->at] != *word)
			return broken(s, why);
	}
	return JSON_ROWS_ITEM;
}

static enum json_rows_result open_array(struct scan *s)
{
	static const char why[] = "the body must be {\"rows\": [ ... ]}";
	enum json_rows_result result = expect(s, "{", why);

	if (result == JSON_ROWS_ITEM)
		result = expect(s, "\"rows\"", why);
	if (result == JSON_ROWS_ITEM)
		result = expect(s, ":", why);
	if (result == JSON_ROWS_ITEM)
		result = expect(s, "[", why);
	return result;
}

/* Behind the last item's bracket. */
static enum json_rows_result close_object(struct scan *s)
{
	enum json_rows_result result = expect(s, "}", "only the member rows is known");

	if (result != JSON_ROWS_ITEM)
		return result;
	skip_blanks(s);
	if (s->at < s->len)
		return broken(s, "something stands behind the JSON text");
	return s->last ? JSON_ROWS_END : at_end(s);
}

/* Up to the quote that ends the string; `at` is behind the one that begins it. */
static enum json_rows_result skip_string(struct scan *s)
{
	for (; s->at < s->len; s->at++) {
		if (s->text[s->at] == '"') {
			s->at++;
			return JSON_ROWS_ITEM;
		}
		s->at += s->text[s->at] == '\\';
	}
	s->at = s->len;
	return at_end(s);
}

/* One step of nesting; a bare word ends before what cannot be of it. */
static enum json_rows_result skip_value(struct scan *s)
{
	size_t depth = 0;

	while (s->at < s->len) {
		char c = s->text[s->at];

		if (depth == 0 && strchr(",]} \t\r\n", c))
			return JSON_ROWS_ITEM;
		s->at++;
		if (c == '"' && skip_string(s) != JSON_ROWS_ITEM)
			return at_end(s);
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		if (depth == 0 && strchr("}]\"", c))
			return JSON_ROWS_ITEM;
	}
	return at_end(s);
}

static enum json_rows_result take_item(struct scan *s, struct slice *ret)
{
	enum json_rows_result result;
	size_t start;

	skip_blanks(s);
	start = s->at;
	result = skip_value(s);
	if (result != JSON_ROWS_ITEM)
		return result;
	if (s->at == start)
		return broken(s, "a row is missing");
	if (s->at - start > JSON_ROW_MAX)
		return broken(s, "a row is longer than 64 KiB");
	*ret = (struct slice){s->text + start, s->at - start};
	return JSON_ROWS_ITEM;
}

static enum json_rows_result next(struct scan *s, bool first, struct slice *ret)
{
	enum json_rows_result result = first ? open_array(s) : JSON_ROWS_ITEM;

	if (result != JSON_ROWS_ITEM)
		return result;
	skip_blanks(s);
	if (s->at == s->len)
		return at_end(s);
	if (s->text[s->at] == ']') {
		s->at++;
		return close_object(s);
	}
	if (!first && s->text[s->at] != ',')
		return broken(s, "rows must be separated by commas");
	s->at += !first;
	return take_item(s, ret);
}

enum json_rows_result json_rows_next(bool first, struct slice text, bool last,
				     struct json_rows_item *ret)
{
	struct scan s = {.text = text.at, .len = text.len, .last = last};
	struct slice item = {NULL, 0};
	enum json_rows_result result = next(&s, first, &item);

	*ret = (struct json_rows_item){item, s.at, s.fault};
	return result;
}
