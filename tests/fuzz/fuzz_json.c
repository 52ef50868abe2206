/*
 * The door for JSON: what it lets through is UTF-8 without a NUL, and every input table of the
 * routes either takes it or names violations at places that are JSON Pointers (RFC 6901).
 */
#include <string.h>

#include "api/router.h"
#include "common/json.h"
#include "tests/fuzz/fuzz.h"

static void check_violations(const struct problem *err)
{
	MUST(err->status == ST_INVALID_BODY && err->violations);
	for (const struct violation *v = err->violations; v; v = v->next) {
		MUST(!*v->where || v->where[0] == '/');
		MUST(utf8_length(v->where, strlen(v->where)) != SIZE_MAX);
		MUST(*v->code && *v->detail);
	}
}

static void try_schema(struct arena *arena, const struct json_document *doc,
		       const struct schema *schema)
{
	for (enum json_mode mode = JSON_CREATE; mode <= JSON_PATCH; mode++) {
		void *value = arena_alloc(arena, schema->size);
		struct problem err = {0};
		struct strbuf out;

		if (json_decode(arena, doc, schema, mode, value, &err)) {
			check_violations(&err);
			continue;
		}
		strbuf_init(&out, arena);
		json_encode(&out, schema, value);
		MUST(json_parse(arena, out.buf, out.len, &(struct json_document *){NULL}, NULL) ==
		     OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	const char *text = arena_strndup(arena, (const char *)data, size);
	struct problem err = {0};
	struct json_document *doc;

	if (json_parse(arena, text, size, &doc, &err)) {
		MUST(err.status == ST_MALFORMED && *err.detail);
		return 0;
	}
	MUST(utf8_length(text, size) != SIZE_MAX && !memchr(text, '\0', size));
	for (size_t i = 0; i < route_count; i++)
		if (routes[i].input)
			try_schema(arena, doc, routes[i].input);
	return 0;
}
