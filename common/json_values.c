#include "common/json_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

/* A body with more is broken in one way over and over; the answer stays small. */
enum { VIOLATIONS_MAX = 200 };

static void add_pointer(struct strbuf *out, const struct json_path *at)
{
	if (!at)
		return;
	add_pointer(out, at->up);
	strbuf_addc(out, '/');
	if (!at->name) {
		strbuf_add_i64(out, (int64_t)at->index);
		return;
	}
	for (const char *c = at->name; *c; c++) {
		if (*c == '~')
			strbuf_adds(out, "~0");
		else if (*c == '/')
			strbuf_adds(out, "~1");
		else
			strbuf_addc(out, *c);
	}
}

bool json_violate(struct json_decoder *d, const struct json_path *at, const char *code,
		  const char *fmt, ...)
{
	if (d->violations++ >= VIOLATIONS_MAX && !d->lenient)
		return false;
	char detail[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	struct strbuf pointer;
	strbuf_init(&pointer, d->arena);
	add_pointer(&pointer, at);
	if (d->lenient) {
		snprintf(d->misfit, sizeof(d->misfit), "\"%.64s\" %.160s",
			 pointer.len ? pointer.buf : "", detail);
		return false;
	}
	if (d->violations == 1)
		(void)problem_set(d->err, ST_INVALID_BODY, "Fields of the body are not valid.");
	if (d->err)
		problem_violation(d->err, d->arena, pointer.len ? pointer.buf : "", code, "%s",
				  detail);
	return false;
}

int64_t json_upper_bound(const struct field *field)
{
	return field->max ? field->max : INT64_MAX;
}

static bool check_characters(struct json_decoder *d, const struct json_path *at,
			     const struct field *field, const char *text)
{
	int64_t count = (int64_t)utf8_length(text, strlen(text));
	bool fit = true;
	if (count < field->min)
		fit = json_violate(d, at, "too-short", "must have at least %" PRId64 " characters",
				   field->min);
	else if (count > json_upper_bound(field))
		fit = json_violate(d, at, "too-long", "must have at most %" PRId64 " characters",
				   field->max);
	if (d->lenient)
		return fit;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < 0x20 && !json_one_of(*c, "\t\n\r"))
			return json_violate(d, at, "format", "must not hold control characters");
	}
	return fit;
}

bool json_decode_string(struct json_decoder *d, const struct json_path *at,
			const struct field *field, const cJSON *node, void *member)
{
	if (!cJSON_IsString(node))
		return json_violate(d, at, "type", "must be a string");
	if (!check_characters(d, at, field, node->valuestring))
		return false;
	*(const char **)member = node->valuestring;
	return true;
}

/* A limit as the client writes it. */
static const char *limit_text(struct json_decoder *d, int64_t limit, int scale)
{
	if (scale == 0)
		return arena_printf(d->arena, "%" PRId64, limit);
	struct strbuf text;
	strbuf_init(&text, d->arena);
	json_encode_money(&text, limit);
	return text.buf;
}

static bool decode_number(struct json_decoder *d, const struct json_path *at, const cJSON *node,
			  int scale, int64_t min, int64_t max, int64_t *member)
{
	if (!cJSON_IsNumber(node))
		return json_violate(d, at, "type",
				    scale ? "must be a number" : "must be an integer");
	const char *text = node->valuestring;
	int64_t value = 0;
	enum json_decimal outcome = json_decimal(text, strlen(text), scale, &value);
	if (outcome == DECIMAL_FRACTION && scale)
		return json_violate(d, at, "decimals", "must have at most %d decimals", scale);
	if (outcome == DECIMAL_FRACTION)
		return json_violate(d, at, "type", "must be an integer");
	if (outcome == DECIMAL_TOO_SMALL || (outcome == DECIMAL_EXACT && value < min))
		return json_violate(d, at, "too-small", "must be at least %s",
				    limit_text(d, min, scale));
	if (outcome == DECIMAL_TOO_LARGE || value > max)
		return json_violate(d, at, "too-large", "must be at most %s",
				    limit_text(d, max, scale));
	*member = value;
	return true;
}

bool json_decode_int(struct json_decoder *d, const struct json_path *at, const struct field *field,
		     const cJSON *node, void *member)
{
	return decode_number(d, at, node, 0, field->min, json_upper_bound(field), member);
}

bool json_decode_id(struct json_decoder *d, const struct json_path *at, const struct field *field,
		    const cJSON *node, void *member)
{
	int64_t min = field->min > 1 ? field->min : 1;
	return decode_number(d, at, node, 0, min, json_upper_bound(field), member);
}

bool json_decode_money(struct json_decoder *d, const struct json_path *at,
		       const struct field *field, const cJSON *node, void *member)
{
	return decode_number(d, at, node, 2, field->min, json_upper_bound(field), member);
}

bool json_decode_bool(struct json_decoder *d, const struct json_path *at,
		      const struct field *field UNUSED, const cJSON *node, void *member)
{
	if (!cJSON_IsBool(node))
		return json_violate(d, at, "type", "must be true or false");
	*(bool *)member = cJSON_IsTrue(node);
	return true;
}

bool json_decode_enum(struct json_decoder *d, const struct json_path *at, const struct field *field,
		      const cJSON *node, void *member)
{
	if (!cJSON_IsString(node))
		return json_violate(d, at, "type", "must be a string");
	for (int i = 0; field->names[i]; i++) {
		if (strcmp(field->names[i], node->valuestring) == 0) {
			*(int *)member = i;
			return true;
		}
	}
	struct strbuf known;
	strbuf_init(&known, d->arena);
	strbuf_adds(&known, "must be one of");
	for (int i = 0; field->names[i]; i++)
		strbuf_addf(&known, "%s %s", i ? "," : "", field->names[i]);
	return json_violate(d, at, "enum", "%s", known.buf);
}

bool json_decode_time(struct json_decoder *d, const struct json_path *at,
		      const struct field *field UNUSED, const cJSON *node, void *member)
{
	if (!cJSON_IsString(node))
		return json_violate(d, at, "type", "must be a string");
	int64_t value;
	if (!clock_parse_rfc3339(node->valuestring, strlen(node->valuestring), &value))
		return json_violate(d, at, "format",
				    "must be an RFC 3339 date-time with an offset");
	*(int64_t *)member = value;
	return true;
}
