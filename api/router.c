#include "api/router.h"

#include <string.h>

/* One path segment: from *at up to the next slash or the end; moves *at behind it. */
static struct slice next_segment(const char **at)
{
	size_t len = strcspn(*at, "/");
	struct slice segment = {*at, len};

	*at += len;
	if (**at == '/')
		(*at)++;
	return segment;
}

struct match {
	int64_t ids[2];
	size_t id_count;
	struct slice slug;
};

static bool match_segment(struct slice pattern, struct slice segment, struct match *match)
{
	if (pattern.at[0] != '{')
		return pattern.len == segment.len && !memcmp(pattern.at, segment.at, segment.len);
	if (!strncmp(pattern.at, "{slug}", pattern.len)) {
		match->slug = segment;
		return segment.len > 0;
	}
	if (match->id_count == ARRAY_LEN(match->ids))
		return false;
	return ids_parse(segment.at, segment.len, &match->ids[match->id_count++]);
}

static bool match_path(const char *pattern, const char *path, struct match *ret)
{
	struct match match = {0};

	while (*pattern && *path) {
		struct slice want = next_segment(&pattern);
		struct slice have = next_segment(&path);

		if (!match_segment(want, have, &match))
			return false;
		/* A slash at the end of either alone makes it another path. */
		if ((pattern[-1] == '/') != (path[-1] == '/'))
			return false;
	}
	if (*pattern || *path)
		return false;
	*ret = match;
	return true;
}

static void take(struct request *req, const struct route *route, const struct match *match)
{
	req->route = route;
	memcpy(req->ids, match->ids, sizeof(req->ids));
	if (match->slug.len)
		req->slug = arena_strndup(req->arena, match->slug.at, match->slug.len);
}

static void add_method(struct strbuf *allow, const char *method)
{
	if (allow->len)
		strbuf_adds(allow, ", ");
	strbuf_adds(allow, method);
	if (!strcmp(method, "GET"))
		strbuf_adds(allow, ", HEAD");
}

enum status route_find(struct request *req, const char *method, const char *path,
		       struct problem *err)
{
	const char *wanted = strcmp(method, "HEAD") ? method : "GET";
	struct match match;
	struct strbuf allow;

	strbuf_init(&allow, req->arena);
	for (size_t i = 0; i < route_count; i++) {
		if (!match_path(routes[i].pattern, path, &match))
			continue;
		if (!strcmp(routes[i].method, wanted)) {
			take(req, &routes[i], &match);
			return OK;
		}
		add_method(&allow, routes[i].method);
	}
	if (!allow.len)
		return problem_set(err, ST_NOT_FOUND, "Nothing is served at this path");
	add_method(&allow, "OPTIONS");
	problem_set(err, ST_METHOD_NOT_ALLOWED, "%s is not allowed here", method);
	if (err)
		err->allow = allow.buf;
	return ST_METHOD_NOT_ALLOWED;
}
