/*
 * trace_context: reading and writing W3C Trace Context, level 1.
 */
#include <string.h>

#include "common/ids.h"
#include "common/sign.h"
#include "common/trace_internal.h"

/* Where the parts of a traceparent begin: vv-<32 hex>-<16 hex>-ff. */
enum { AT_TRACE = 3, AT_SPAN = 36, AT_FLAGS = 53, TRACE_DIGITS = 32, SPAN_DIGITS = 16 };
/* Of a tracestate: members that are read, bytes that are handed on (3.3.1.5). */
enum { MEMBERS_MAX = 32, STATE_MAX = 512 };

#define BLANKS " \t"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* --- traceparent (3.2) -------------------------------------------------------------------- */

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, DIGITS "abcdef") >= len;
}

static bool all_zero(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

/* Does it begin as every version's does? ff is none. Says nothing of what the ids are. */
static bool is_traceparent(const char *text)
{
	return strlen(text) >= TRACEPARENT_LEN && text[AT_TRACE - 1] == '-' &&
	       text[AT_SPAN - 1] == '-' && text[AT_FLAGS - 1] == '-' && is_hex(text, 2) &&
	       is_hex(text + AT_TRACE, TRACE_DIGITS) && is_hex(text + AT_SPAN, SPAN_DIGITS) &&
	       is_hex(text + AT_FLAGS, 2) && strncmp(text, "ff", 2) != 0;
}

/* A version to come may append "-…". */
static bool is_acceptable(const char *text)
{
	if (!is_traceparent(text) || all_zero(text + AT_TRACE, TRACE_DIGITS) ||
	    all_zero(text + AT_SPAN, SPAN_DIGITS))
		return false;
	if (text[TRACEPARENT_LEN] == '\0')
		return true;
	return strncmp(text, "00", 2) != 0 && text[TRACEPARENT_LEN] == '-';
}

/* The only flag known to version 00; others are cleared. */
static const char *flags_of(const char *traceparent)
{
	return strchr("13579bdf", traceparent[TRACEPARENT_LEN - 1]) ? "01" : "00";
}

/* --- tracestate (3.3) --------------------------------------------------------------------- */

static struct slice trim(struct slice text)
{
	while (text.len && strchr(BLANKS, *text.at)) {
		text.at++;
		text.len--;
	}
	while (text.len && strchr(BLANKS, text.at[text.len - 1]))
		text.len--;
	return text;
}

static bool is_key_part(const char *at, size_t len, size_t max, const char *first)
{
	return len > 0 && len <= max && strchr(first, *at) &&
	       strspn(at, LOWER DIGITS "_-*/") >= len;
}

/* key, or tenant@vendor. */
static bool is_key(const char *key, size_t len)
{
	const char *at = memchr(key, '@', len);

	if (!at)
		return is_key_part(key, len, 256, LOWER);
	return is_key_part(key, (size_t)(at - key), 241, LOWER DIGITS) &&
	       is_key_part(at + 1, len - (size_t)(at + 1 - key), 14, LOWER);
}

static bool is_member(struct slice member)
{
	const char *equals = memchr(member.at, '=', member.len);
	size_t key_len = equals ? (size_t)(equals - member.at) : 0;
	size_t value_len = equals ? member.len - key_len - 1 : 0;

	if (!is_key(member.at, key_len) || value_len == 0 || value_len > 256)
		return false;
	for (size_t i = 1; i <= value_len; i++)
		if (equals[i] < ' ' || equals[i] > '~' || equals[i] == '=')
			return false;
	return true;
}

/* One invalid member spoils the list. Members that do not fit are left out whole, the oldest first,
 * which stand at its end. NULL: nothing to hand on. */
static const char *accept_state(struct arena *arena, const char *list)
{
	struct strbuf state;
	size_t members = 0;
	bool full = false;

	strbuf_init(&state, arena);
	for (size_t len; list && *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		struct slice member = trim((struct slice){list, len});

		if (member.len == 0)
			continue;
		if (++members > MEMBERS_MAX || !is_member(member))
			return NULL;
		full = full || state.len + 1 + member.len > STATE_MAX;
		if (full)
			continue;
		if (state.len)
			strbuf_addc(&state, ',');
		strbuf_add(&state, member.at, member.len);
	}
	return state.len ? state.buf : NULL;
}

const char *trace_state(const char *context)
{
	return context[TRACEPARENT_LEN] == ' ' ? context + TRACEPARENT_LEN + 1 : NULL;
}

/* --- contexts ----------------------------------------------------------------------------- */

static const char *make(struct arena *arena, const char *trace_id, const char *span_id,
			const char *flags, const char *state)
{
	return arena_printf(arena, "00-%.*s-%.*s-%s%s%s", TRACE_DIGITS, trace_id, SPAN_DIGITS,
			    span_id, flags, state ? " " : "", state ? state : "");
}

/* Random hex digits, never all zero, which would mean none. */
static void random_hex(char *ret, size_t digits)
{
	uint8_t bytes[TRACE_DIGITS / 2];

	do {
		ids_random(bytes, digits / 2);
		sign_hex(bytes, digits / 2, ret);
	} while (all_zero(ret, digits));
}

const char *trace_accept(struct arena *arena, const char *traceparent, const char *tracestate)
{
	struct slice given;
	const char *text;

	if (!traceparent)
		return NULL;
	given = trim((struct slice){traceparent, strlen(traceparent)});
	text = arena_strndup(arena, given.at, given.len);
	if (!is_acceptable(text))
		return NULL;
	return make(arena, text + AT_TRACE, text + AT_SPAN, flags_of(text),
		    accept_state(arena, tracestate));
}

const char *trace_new(struct arena *arena)
{
	char trace_id[TRACE_ID_SIZE];

	random_hex(trace_id, TRACE_DIGITS);
	return make(arena, trace_id, "0000000000000000", trace_samples(trace_id) ? "01" : "00",
		    NULL);
}

const char *trace_begin(struct trace_span *ret, struct arena *arena, const char *context)
{
	const char *from = context && is_traceparent(context) ? context : trace_new(arena);

	*ret = (struct trace_span){0};
	memcpy(ret->trace_id, from + AT_TRACE, TRACE_DIGITS);
	if (!all_zero(from + AT_SPAN, SPAN_DIGITS))
		memcpy(ret->parent_id, from + AT_SPAN, SPAN_DIGITS);
	random_hex(ret->span_id, SPAN_DIGITS);
	trace_mark(ret, flags_of(from)[1] == '1');
	return make(arena, ret->trace_id, ret->span_id, flags_of(from), trace_state(from));
}
