/*
 * page: lists by page number or by cursor, `meta` and Link.
 *
 * A list's query schema starts with `struct page_query` (PAGE_FIELDS). A cursor names the sort key
 * and id of the last row seen, bound to its list and filters by a digest of the other parameters.
 */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "api/request.h"

/* A cursor may hold a title of 255 characters of 4 bytes. */
enum { PAGE_LIMIT_DEFAULT = 20, PAGE_LIMIT_MAX = 100, PAGE_MAX = 1000, PAGE_CURSOR_MAX = 2048 };

struct page_query {
	int64_t limit; /* 0: not given */
	int64_t page;
	const char *cursor;
};

/* clang-format off */
#define PAGE_FIELDS(type_, at)                                                                      \
	{.name = "limit", .type = FIELD_INT, .offset = offsetof(type_, at.limit), .min = 1,         \
	 .max = PAGE_LIMIT_MAX},                                                                   \
	{.name = "page", .type = FIELD_INT, .offset = offsetof(type_, at.page), .min = 1,           \
	 .max = PAGE_MAX},                                                                         \
	{.name = "cursor", .type = FIELD_STRING, .offset = offsetof(type_, at.cursor),                \
	 .max = PAGE_CURSOR_MAX}
/* clang-format on */

struct page {
	int64_t limit;
	int64_t page;      /* 0: by cursor */
	int64_t offset;    /* rows to skip when by page */
	const char *after; /* sort key of the last row seen, NULL: from the start */
	int64_t after_id;
};

/* Judge limit, page and cursor: ST_INVALID_QUERY. */
enum status page_open(struct request *req, const struct page_query *query, struct page *ret,
		      struct problem *err) MUST_CHECK;
/* The sort key of a list by time, TIME_NONE from the start: ST_INVALID_QUERY. */
enum status page_after_time(struct request *req, const struct page *page, int64_t *ret_us,
			    struct problem *err) MUST_CHECK;
/* Rows to ask the statement for: one more than the page holds, to learn whether more follow. */
static inline int64_t page_fetch(const struct page *page)
{
	return page->limit + 1;
}
/* Answer {"data": [...], "meta": …} and Link. `rows` are up to page_fetch rows; `total` < 0: not
 * asked for. key: sort key text and id of a row, for the next cursor (microseconds exact). */
struct page_key {
	const char *text;
	int64_t id;
};
typedef struct page_key page_key_fn(struct arena *arena, const void *row);
void answer_page(struct request *req, const struct page *page, const struct schema *schema,
		 const struct field_array *rows, int64_t total, page_key_fn *key);

#endif
