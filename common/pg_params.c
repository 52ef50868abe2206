/*
 * pg_params: parameters as PostgreSQL reads them: texts, array literals, bytes and arrays of bytes
 * in binary form.
 */
#include <assert.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg_internal.h"

void pg_args_release(struct pg_args *args)
{
	strbuf_release(&args->text);
}

static void add_money(struct strbuf *out, int64_t minor)
{
	uint64_t size = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;

	strbuf_addf(out, "%s%llu.%02llu", minor < 0 ? "-" : "", (unsigned long long)(size / 100),
		    (unsigned long long)(size % 100));
}

/* An element of an array literal: quoted, so that no text is taken for NULL or for syntax. */
static void add_quoted(struct strbuf *out, const char *text)
{
	strbuf_addc(out, '"');
	for (size_t n; *text; text += n) {
		n = strcspn(text, "\"\\");
		strbuf_add(out, text, n);
		if (text[n]) {
			strbuf_addc(out, '\\');
			strbuf_addc(out, text[n]);
			n++;
		}
	}
	strbuf_addc(out, '"');
}

static void add_time(struct strbuf *out, int64_t us)
{
	char buf[RFC3339_SIZE];

	strbuf_adds(out, clock_format_us(us, buf));
}

static void add_element(struct strbuf *out, const struct pg_param *param, size_t i)
{
	const char *text = NULL;
	int64_t number = 0;

	switch (param->type) {
	case PG_PARAM_TEXT_ARRAY:
		text = ((const char *const *)param->at)[i];
		if (text)
			add_quoted(out, text);
		break;
	case PG_PARAM_TIME_ARRAY:
		number = ((const int64_t *)param->at)[i];
		text = number == TIME_NONE ? NULL : "";
		if (text)
			add_time(out, number);
		break;
	default:
		text = "";
		strbuf_add_i64(out, ((const int64_t *)param->at)[i]);
		break;
	}
	if (!text)
		strbuf_adds(out, "NULL");
}

static void add_array(struct strbuf *out, const struct pg_param *param)
{
	strbuf_addc(out, '{');
	for (size_t i = 0; i < param->len; i++) {
		if (i)
			strbuf_addc(out, ',');
		add_element(out, param, i);
	}
	strbuf_addc(out, '}');
}

static void add_u32(struct strbuf *out, uint32_t value)
{
	const char bytes[] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8),
			      (char)value};

	strbuf_add(out, bytes, sizeof(bytes));
}

/* As array_recv reads it: dimensions, whether there are NULLs, type of the elements; length and
 * first index; each element after its length. As text it would be twice as long, and parsed. */
static void add_bytes_array(struct strbuf *out, const struct slice *items, size_t count)
{
	enum { BYTEA_OID = 17, HEADER = 20 };
	size_t size = HEADER;

	for (size_t i = 0; i < count; i++)
		size += sizeof(uint32_t) + items[i].len;
	strbuf_reserve(out, size + 1);
	add_u32(out, count > 0);
	add_u32(out, 1);
	add_u32(out, BYTEA_OID);
	if (count > 0) {
		add_u32(out, (uint32_t)count);
		add_u32(out, 1);
	}
	for (size_t i = 0; i < count; i++) {
		add_u32(out, items[i].at ? (uint32_t)items[i].len : UINT32_MAX);
		if (items[i].at)
			strbuf_add(out, items[i].at, items[i].len);
	}
}

/* Writes the parameter's text behind what is in `out`; false: its value needs none. */
static bool add_param(struct strbuf *out, const struct pg_param *param)
{
	switch (param->type) {
	case PG_PARAM_NULL:
	case PG_PARAM_TEXT:
	case PG_PARAM_BYTES:
		return false;
	case PG_PARAM_I64:
		strbuf_add_i64(out, param->value);
		break;
	case PG_PARAM_BOOL:
		strbuf_addc(out, param->value ? 't' : 'f');
		break;
	case PG_PARAM_TIME:
		if (param->value == TIME_NONE)
			return false;
		add_time(out, param->value);
		break;
	case PG_PARAM_MONEY:
		add_money(out, param->value);
		break;
	case PG_PARAM_TEXT_ARRAY:
	case PG_PARAM_I64_ARRAY:
	case PG_PARAM_TIME_ARRAY:
		add_array(out, param);
		break;
	case PG_PARAM_BYTES_ARRAY:
		add_bytes_array(out, param->at, param->len);
		break;
	}
	strbuf_addc(out, '\0');
	return true;
}

/* Bytes that the caller or the text holds; the length of a text is its own. */
static int binary_len(const struct pg_param *param, size_t text_len)
{
	if (param->type == PG_PARAM_BYTES)
		return (int)param->len;
	return param->type == PG_PARAM_BYTES_ARRAY ? (int)text_len - 1 : 0;
}

static void add_args(struct pg_args *args, const struct pg_param *params, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum pg_param_type type = params[i].type;
		size_t start = args->text.len;

		args->offsets[i] = add_param(&args->text, &params[i]) ? start : SIZE_MAX;
		args->formats[i] = type == PG_PARAM_BYTES || type == PG_PARAM_BYTES_ARRAY;
		args->lengths[i] = binary_len(&params[i], args->text.len - start);
	}
}

void pg_args_init(struct pg_args *args, const struct pg_param *params, size_t count)
{
	assert(count <= PARAMS_MAX);
	strbuf_init(&args->text, NULL);
	add_args(args, params, count);
	/* Only now: the buffer moves while it grows. */
	for (size_t i = 0; i < count; i++) {
		bool own = args->offsets[i] != SIZE_MAX;
		bool points = params[i].type == PG_PARAM_TEXT || params[i].type == PG_PARAM_BYTES;

		args->values[i] = points ? params[i].at : NULL;
		if (own)
			args->values[i] = args->text.buf + args->offsets[i];
	}
}
