/*
 * strbuf: growth by doubling; an empty buffer owns nothing (cap 0).
 */
#include "common/strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 128 };

/* What `buf` points to before the first growth; never written. */
static char empty[1];

void strbuf_init(struct strbuf *sb, struct arena *arena)
{
	sb->buf = empty;
	sb->len = 0;
	sb->cap = 0;
	sb->arena = arena;
}

void strbuf_release(struct strbuf *sb)
{
	if (sb->arena == NULL && sb->cap > 0)
		free(sb->buf);
	strbuf_init(sb, sb->arena);
}

static void grow(struct strbuf *sb, size_t need)
{
	size_t cap = sb->cap < FIRST_CAP ? FIRST_CAP : sb->cap;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	char *fresh;
	if (sb->arena != NULL) {
		fresh = arena_alloc(sb->arena, cap);
		if (sb->len > 0)
			memcpy(fresh, sb->buf, sb->len);
	} else {
		fresh = realloc(sb->cap > 0 ? sb->buf : NULL, cap);
		if (fresh == NULL)
			fatal("out of memory: %zu bytes", cap);
	}
	fresh[sb->len] = '\0';
	sb->buf = fresh;
	sb->cap = cap;
}

void strbuf_reserve(struct strbuf *sb, size_t extra)
{
	if (extra > SIZE_MAX - sb->len - 1)
		fatal("out of memory: %zu and %zu bytes", sb->len, extra);
	size_t need = sb->len + extra + 1;
	if (need > sb->cap)
		grow(sb, need);
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	strbuf_reserve(sb, len);
	if (len > 0)
		memcpy(sb->buf + sb->len, data, len);
	sb->len += len;
	sb->buf[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *text)
{
	strbuf_add(sb, text, strlen(text));
}

void strbuf_addc(struct strbuf *sb, char c)
{
	strbuf_reserve(sb, 1);
	sb->buf[sb->len++] = c;
	sb->buf[sb->len] = '\0';
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list args;
	size_t room = sb->cap > sb->len ? sb->cap - sb->len : 0;

	va_start(args, fmt);
	int len = vsnprintf(room > 0 ? sb->buf + sb->len : NULL, room, fmt, args);
	va_end(args);
	if (len < 0)
		fatal("cannot format \"%s\"", fmt);
	if ((size_t)len >= room) {
		strbuf_reserve(sb, (size_t)len);
		va_start(args, fmt);
		(void)vsnprintf(sb->buf + sb->len, (size_t)len + 1, fmt, args);
		va_end(args);
	}
	sb->len += (size_t)len;
}

void strbuf_add_i64(struct strbuf *sb, int64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	/* Unsigned, since -INT64_MIN has no place in int64_t. */
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		digits[--at] = '-';
	strbuf_add(sb, digits + at, sizeof(digits) - at);
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
	assert(len <= sb->len);
	sb->len = len;
	if (sb->cap > 0)
		sb->buf[len] = '\0';
}

static const char *html_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void strbuf_add_html(struct strbuf *sb, const char *text)
{
	size_t run;

	for (; *text != '\0'; text += run) {
		run = strcspn(text, "&<>\"'");
		strbuf_add(sb, text, run);
		const char *entity = html_entity(text[run]);
		if (entity != NULL) {
			strbuf_adds(sb, entity);
			run++;
		}
	}
}
