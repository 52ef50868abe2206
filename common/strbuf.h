/*
 * strbuf: a growing byte buffer, always followed by a NUL that `len` does not count.
 *
 * With an arena its memory belongs to the arena (growing leaves the old copy there until reset);
 * without one it is malloc'ed and ends with strbuf_release. Growth cannot fail (see fatal).
 */
#ifndef COMMON_STRBUF_H
#define COMMON_STRBUF_H

#include "common/arena.h"

struct strbuf {
	char *buf;
	size_t len;
	size_t cap;
	struct arena *arena; /* NULL: heap */
};

/* Start empty. `arena` may be NULL (heap). */
void strbuf_init(struct strbuf *sb, struct arena *arena);
/* Free a heap buffer; nothing for an arena's. Usable with CLEANUP. */
void strbuf_release(struct strbuf *sb);
/* Make room for `extra` more bytes. */
void strbuf_reserve(struct strbuf *sb, size_t extra);
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_adds(struct strbuf *sb, const char *text);
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Decimal, without printf. */
void strbuf_add_i64(struct strbuf *sb, int64_t value);
/* Cut to `len` bytes, len <= sb->len. */
void strbuf_truncate(struct strbuf *sb, size_t len);
/* Text as HTML character data: & < > " ' become entities. */
void strbuf_add_html(struct strbuf *sb, const char *text);

#endif
