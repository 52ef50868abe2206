/*
 * observe_url: the address of a request as it may be logged. A ticket's code, a signed link's
 * token, the words of a search or what a client mistook for ours stay out: of the path, words and
 * numbers are shown; of the query, parameters that the route knows, with values that can hold no
 * secret.
 */
#include <string.h>

#include "api/observe_metrics.h"
#include "api/query.h"

enum { SEGMENT_MAX = 32 };
#define MASK "***"
#define DIGITS "0123456789"
#define WORD "abcdefghijklmnopqrstuvwxyz-_."

static bool spans(const char *text, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(set, text[i]))
			return false;
	return true;
}

static void add_path(struct strbuf *url, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len <= SEGMENT_MAX && (spans(path, len, WORD) || spans(path, len, DIGITS)))
			strbuf_add(url, path, len);
		else
			strbuf_adds(url, MASK);
		path += len;
		for (; *path == '/'; path++)
			strbuf_addc(url, '/');
	}
}

static const struct field *parameter(const struct route *route, const char *name)
{
	const struct schema *schema = route ? route->query : NULL;

	for (size_t i = 0; schema && i < schema->count; i++)
		if (!strcmp(schema->fields[i].name, name))
			return &schema->fields[i];
	return NULL;
}

/* Free text may be anything; so may a value that is none of its type. */
static bool harmless(const struct field *field, const char *value)
{
	size_t len = strlen(value);

	switch (field->type) {
	case FIELD_INT:
	case FIELD_ID:
		return spans(value, len, DIGITS "-") && len <= SEGMENT_MAX;
	case FIELD_TIME:
		return spans(value, len, DIGITS "TZtz:.+-") && len <= SEGMENT_MAX;
	case FIELD_BOOL:
		return !strcmp(value, "true") || !strcmp(value, "false");
	case FIELD_ENUM:
		for (int i = 0; field->names[i]; i++)
			if (!strcmp(field->names[i], value))
				return true;
		return false;
	default:
		return false;
	}
}

static void add_parameter(const struct request *req, struct strbuf *url, const char *at, size_t len)
{
	const char *equals = memchr(at, '=', len);
	size_t name_len = equals ? (size_t)(equals - at) : len;
	const char *name = http_decode(req->arena, at, name_len, true);
	const struct field *field = name ? parameter(req->route, name) : NULL;
	const char *value;

	if (!field) {
		strbuf_adds(url, MASK);
		return;
	}
	strbuf_adds(url, field->name);
	if (!equals)
		return;
	value = http_decode(req->arena, equals + 1, len - name_len - 1, true);
	strbuf_addf(url, "=%s", value && harmless(field, value) ? value : MASK);
}

const char *observe_url(const struct request *req)
{
	const char *query = req->http->query;
	struct strbuf url;

	strbuf_init(&url, req->arena);
	strbuf_reserve(&url, 1);
	add_path(&url, req->http->path);
	for (char before = '?'; query && *query; before = '&') {
		size_t len = strcspn(query, "&");

		strbuf_addc(&url, before);
		if (len > 0)
			add_parameter(req, &url, query, len);
		query += len + (query[len] == '&');
	}
	return url.buf;
}
