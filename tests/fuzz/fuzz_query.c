/*
 * Method, path and query string of a request: the router, the query tables of all routes, the
 * cursor. The input: method NUL path NUL query.
 */
#include <string.h>

#include "api/page.h"
#include "api/query.h"
#include "api/router.h"
#include "common/json.h"
#include "tests/fuzz/fuzz.h"

static void check_refusal(const struct problem *err)
{
	MUST(err->status == ST_INVALID_QUERY && err->violations);
	for (const struct violation *v = err->violations; v; v = v->next)
		MUST(utf8_length(v->where, strlen(v->where)) != SIZE_MAX);
}

/* The first field of a list's query table is that of its page. */
static bool is_list(const struct schema *schema)
{
	return schema->count > 2 && !strcmp(schema->fields[2].name, "cursor");
}

static void try_page(struct request *req, const struct schema *schema, const char *query)
{
	struct problem err = {0};
	struct page page;
	int64_t after_us;

	if (page_open(req,
		      (const struct page_query *)(const void *)(query + schema->fields[0].offset),
		      &page, &err)) {
		check_refusal(&err);
		return;
	}
	MUST(page.limit >= 1 && page.limit <= PAGE_LIMIT_MAX);
	MUST(page.offset >= 0 && page.offset < (int64_t)PAGE_MAX * PAGE_LIMIT_MAX);
	if (page_after_time(req, &page, &after_us, &err))
		check_refusal(&err);
}

static void try_route(struct request *req, const struct route *route)
{
	struct problem err = {0};
	const void *query = NULL;

	req->route = route;
	if (query_decode(req, route->query, &query, &err)) {
		check_refusal(&err);
		return;
	}
	if (route->query && is_list(route->query))
		try_page(req, route->query, query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	struct http_exchange http = {.arena = arena};
	struct request req = {.arena = arena, .http = &http};
	struct problem err = {0};

	http.method = fuzz_text(&input, arena);
	http.path = fuzz_text(&input, arena);
	http.query = fuzz_text(&input, arena);
	if (route_find(&req, http.method, http.path, &err))
		MUST(err.status == ST_NOT_FOUND ||
		     (err.status == ST_METHOD_NOT_ALLOWED && err.allow));
	else
		MUST(req.route && req.ids[0] >= 0 && req.ids[1] >= 0);
	for (size_t i = 0; i < route_count; i++)
		try_route(&req, &routes[i]);
	return 0;
}
