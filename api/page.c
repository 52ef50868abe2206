#include "api/page.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/sign.h"

enum { BINDING_LEN = 16 };

/* Is this parameter one that says where in the list we are? */
static bool positional(const char *pair)
{
	return !strncmp(pair, "page=", 5) || !strncmp(pair, "cursor=", 7) ||
	       !strncmp(pair, "limit=", 6);
}

/* Digest of the list's path and its filters, in the order given: what a cursor is bound to. */
static void binding(struct request *req, char ret[2 * SHA256_SIZE + 1])
{
	const char *at = req->http->query ? req->http->query : "";
	struct strbuf text;
	uint8_t sum[SHA256_SIZE];

	strbuf_init(&text, req->arena);
	strbuf_adds(&text, req->http->path);
	while (*at) {
		size_t len = strcspn(at, "&");

		if (len && !positional(at)) {
			strbuf_addc(&text, '&');
			strbuf_add(&text, at, len);
		}
		at += len + (at[len] == '&');
	}
	sign_sha256(text.buf, text.len, sum);
	sign_hex(sum, sizeof(sum), ret);
	ret[BINDING_LEN] = '\0';
}

/* A cursor is base64url of "<binding> <id> <sort key>". */
static bool read_cursor(struct request *req, const char *cursor, struct page *page)
{
	char bound[2 * SHA256_SIZE + 1];
	struct slice raw;
	const char *id_at, *blank;
	char *text;

	if (!base64url_decode(req->arena, cursor, strlen(cursor), &raw))
		return false;
	text = arena_strndup(req->arena, raw.at, raw.len);
	binding(req, bound);
	if (strncmp(text, bound, BINDING_LEN) != 0 || text[BINDING_LEN] != ' ')
		return false;
	id_at = text + BINDING_LEN + 1;
	blank = strchr(id_at, ' ');
	if (!blank || !ids_parse(id_at, (size_t)(blank - id_at), &page->after_id))
		return false;
	page->after = blank + 1;
	return utf8_length(page->after, strlen(page->after)) != SIZE_MAX;
}

static char *make_cursor(struct request *req, const struct page_key *key)
{
	char bound[2 * SHA256_SIZE + 1];
	struct strbuf out;
	const char *text;

	binding(req, bound);
	text = arena_printf(req->arena, "%s %lld %s", bound, (long long)key->id, key->text);
	strbuf_init(&out, req->arena);
	base64url_encode(&out, text, strlen(text));
	return out.buf;
}

static enum status refuse(struct request *req, const char *parameter, const char *what,
			  struct problem *err)
{
	problem_set(err, ST_INVALID_QUERY, "The query string has an invalid parameter");
	problem_violation(err, req->arena, parameter, "invalid", "%s", what);
	return ST_INVALID_QUERY;
}

enum status page_open(struct request *req, const struct page_query *query, struct page *ret,
		      struct problem *err)
{
	struct page page = {.limit = query->limit ? query->limit : PAGE_LIMIT_DEFAULT,
			    .page = query->page};

	if (query->page && query->cursor)
		return refuse(req, "cursor", "and page exclude each other", err);
	if (query->page)
		page.offset = (query->page - 1) * page.limit;
	if (query->cursor && !read_cursor(req, query->cursor, &page))
		return refuse(req, "cursor", "is not a cursor of this list and these filters", err);
	*ret = page;
	return OK;
}

enum status page_after_time(struct request *req, const struct page *page, int64_t *ret_us,
			    struct problem *err)
{
	if (!page->after) {
		*ret_us = TIME_NONE;
		return OK;
	}
	if (!clock_parse_rfc3339(page->after, strlen(page->after), ret_us))
		return refuse(req, "cursor", "is not a cursor of this list", err);
	return OK;
}

/* The list's own address with another position. */
static char *list_url(struct request *req, const char *position)
{
	const char *at = req->http->query ? req->http->query : "";
	struct strbuf url;

	strbuf_init(&url, req->arena);
	strbuf_adds(&url, req->http->path);
	strbuf_addc(&url, '?');
	while (*at) {
		size_t len = strcspn(at, "&");

		if (len && strncmp(at, "page=", 5) != 0 && strncmp(at, "cursor=", 7) != 0) {
			strbuf_add(&url, at, len);
			strbuf_addc(&url, '&');
		}
		at += len + (at[len] == '&');
	}
	strbuf_adds(&url, position);
	return url.buf;
}

static void add_link(struct request *req, struct strbuf *links, const char *rel,
		     const char *position)
{
	if (links->len)
		strbuf_adds(links, ", ");
	strbuf_addf(links, "<%s>; rel=\"%s\"", list_url(req, position), rel);
}

/* RFC 8288: by page first, prev, next, last; by cursor next. */
static void set_links(struct request *req, const struct page *page, int64_t total, const char *next)
{
	struct strbuf links;

	strbuf_init(&links, req->arena);
	if (page->page) {
		int64_t last = total > 0 ? (total + page->limit - 1) / page->limit : 1;

		if (last > PAGE_MAX)
			last = PAGE_MAX;
		add_link(req, &links, "first", "page=1");
		if (page->page > 1)
			add_link(req, &links, "prev",
				 arena_printf(req->arena, "page=%lld", (long long)page->page - 1));
		if (page->page < last)
			add_link(req, &links, "next",
				 arena_printf(req->arena, "page=%lld", (long long)page->page + 1));
		add_link(req, &links, "last",
			 arena_printf(req->arena, "page=%lld", (long long)last));
	} else if (next) {
		add_link(req, &links, "next", arena_printf(req->arena, "cursor=%s", next));
	}
	if (links.len)
		http_add_header(req->http, "Link", links.buf);
}

void answer_page(struct request *req, const struct page *page, const struct schema *schema,
		 const struct field_array *rows, int64_t total, page_key_fn *key)
{
	size_t count = rows->count;
	const char *next = NULL;
	struct strbuf body;

	if (count > (size_t)page->limit) {
		const char *last =
			(const char *)rows->items + (size_t)(page->limit - 1) * schema->size;
		struct page_key last_key = key(req->arena, last);

		count = (size_t)page->limit;
		next = make_cursor(req, &last_key);
	}
	strbuf_init(&body, req->arena);
	strbuf_adds(&body, "{\"data\":");
	json_encode_array(&body, schema, rows->items, count);
	strbuf_addf(&body, ",\"meta\":{\"limit\":%lld", (long long)page->limit);
	if (page->page)
		strbuf_addf(&body, ",\"page\":%lld,\"total\":%lld", (long long)page->page,
			    (long long)total);
	if (next) {
		strbuf_adds(&body, ",\"nextCursor\":");
		json_encode_string(&body, next);
	}
	strbuf_adds(&body, "}}");
	answer_bytes(req, req->route->success, "application/json",
		     (struct slice){body.buf, body.len});
	set_links(req, page, total, next);
}
