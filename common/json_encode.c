#include "common/json_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static const char replacement_character[] = "\xEF\xBF\xBD";

static void encode_escape(struct strbuf *out, char c)
{
	static const char plain[] = "\"\\\b\t\n\f\r";
	static const char letters[] = "\"\\btnfr";
	static const char hex[] = "0123456789abcdef";
	const char *known = strchr(plain, c);
	if (known) {
		strbuf_addc(out, '\\');
		strbuf_addc(out, letters[known - plain]);
		return;
	}
	strbuf_adds(out, "\\u00");
	strbuf_addc(out, hex[(unsigned char)c >> 4]);
	strbuf_addc(out, hex[(unsigned char)c & 15]);
}

/* Bytes from `at` that need no change. */
static size_t plain_length(const unsigned char *at, size_t left)
{
	size_t n = 0;
	while (n < left && at[n] >= 0x20 && at[n] != '"' && at[n] != '\\') {
		bool valid;
		size_t step = json_utf8_step(at + n, left - n, &valid);
		if (!valid)
			break;
		n += step;
	}
	return n;
}

void json_encode_string(struct strbuf *out, const char *text)
{
	if (!text) {
		strbuf_adds(out, "null");
		return;
	}
	const unsigned char *at = (const unsigned char *)text;
	size_t left = strlen(text);
	strbuf_addc(out, '"');
	for (;;) {
		size_t step = plain_length(at, left);
		strbuf_add(out, at, step);
		at += step;
		left -= step;
		if (left == 0)
			break;
		step = 1;
		if (*at < 0x80) {
			encode_escape(out, (char)*at);
		} else {
			bool valid;
			step = json_utf8_step(at, left, &valid);
			strbuf_adds(out, replacement_character);
		}
		at += step;
		left -= step;
	}
	strbuf_addc(out, '"');
}

void json_encode_money(struct strbuf *out, int64_t minor)
{
	uint64_t size = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
	if (minor < 0)
		strbuf_addc(out, '-');
	strbuf_add_i64(out, (int64_t)(size / 100));
	unsigned cents = (unsigned)(size % 100);
	if (cents == 0)
		return;
	strbuf_addc(out, '.');
	strbuf_addc(out, (char)('0' + cents / 10));
	if (cents % 10)
		strbuf_addc(out, (char)('0' + cents % 10));
}

/* The fewest digits that give the same double again. */
static void encode_double(struct strbuf *out, double value)
{
	char text[32];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	strbuf_adds(out, text);
}

static void encode_time(struct strbuf *out, int64_t us)
{
	char text[RFC3339_SIZE];
	strbuf_addc(out, '"');
	strbuf_adds(out, clock_format(us, text));
	strbuf_addc(out, '"');
}

/* NULL when the index is none of the names. */
static const char *enum_name(const struct field *field, int index)
{
	for (int i = 0; i <= index && field->names[i]; i++) {
		if (i == index)
			return field->names[i];
	}
	return NULL;
}

static bool is_null(const struct field *field, const void *member)
{
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_RAW:
		return !*(const char *const *)member;
	case FIELD_OBJECT:
		return !*(const void *const *)member;
	case FIELD_ID:
		return *(const int64_t *)member == 0;
	case FIELD_TIME:
		return *(const int64_t *)member == TIME_NONE;
	case FIELD_ENUM:
		return !enum_name(field, *(const int *)member);
	case FIELD_DOUBLE:
		return !isfinite(*(const double *)member);
	case FIELD_INT:
	case FIELD_MONEY:
	case FIELD_BOOL:
	case FIELD_ARRAY:
	case FIELD_STRINGS:
		return false;
	}
	return true;
}

static void encode_strings(struct strbuf *out, const struct field_array *array)
{
	const char *const *items = array->items;
	strbuf_addc(out, '[');
	for (size_t i = 0; i < array->count; i++) {
		if (i > 0)
			strbuf_addc(out, ',');
		json_encode_string(out, items[i]);
	}
	strbuf_addc(out, ']');
}

static void encode_value(struct strbuf *out, const struct field *field, const void *member)
{
	switch (field->type) {
	case FIELD_STRING:
		json_encode_string(out, *(const char *const *)member);
		break;
	case FIELD_RAW:
		strbuf_adds(out, *(const char *const *)member);
		break;
	case FIELD_INT:
	case FIELD_ID:
		strbuf_add_i64(out, *(const int64_t *)member);
		break;
	case FIELD_MONEY:
		json_encode_money(out, *(const int64_t *)member);
		break;
	case FIELD_BOOL:
		strbuf_adds(out, *(const bool *)member ? "true" : "false");
		break;
	case FIELD_ENUM:
		json_encode_string(out, enum_name(field, *(const int *)member));
		break;
	case FIELD_TIME:
		encode_time(out, *(const int64_t *)member);
		break;
	case FIELD_DOUBLE:
		encode_double(out, *(const double *)member);
		break;
	case FIELD_OBJECT:
		json_encode(out, field->nested, *(const void *const *)member);
		break;
	case FIELD_STRINGS:
		encode_strings(out, member);
		break;
	case FIELD_ARRAY: {
		const struct field_array *array = member;
		json_encode_array(out, field->nested, array->items, array->count);
		break;
	}
	}
}

void json_encode(struct strbuf *out, const struct schema *schema, const void *value)
{
	char before = '{';
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		const void *member = (const char *)value + field->offset;
		bool null = is_null(field, member);
		if ((field->flags & FIELD_INPUT_ONLY) || (null && (field->flags & FIELD_OMIT_NULL)))
			continue;
		strbuf_addc(out, before);
		before = ',';
		json_encode_string(out, field->name);
		strbuf_addc(out, ':');
		if (null)
			strbuf_adds(out, "null");
		else
			encode_value(out, field, member);
	}
	if (before == '{')
		strbuf_addc(out, '{');
	strbuf_addc(out, '}');
}

void json_encode_array(struct strbuf *out, const struct schema *schema, const void *items,
		       size_t count)
{
	strbuf_addc(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			strbuf_addc(out, ',');
		json_encode(out, schema, (const char *)items + i * schema->size);
	}
	strbuf_addc(out, ']');
}
