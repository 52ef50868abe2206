#include "common/json_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* cJSON's hooks are global; the arena they allocate from belongs to the parse under way. */
static _Thread_local struct arena *parse_arena;
static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;

static void *arena_malloc(size_t size)
{
	return parse_arena ? arena_alloc(parse_arena, size) : NULL;
}

/* What the arena gave dies with the arena. */
static void arena_free(void *memory UNUSED)
{
}

static void install_hooks(void)
{
	cJSON_Hooks hooks = {.malloc_fn = arena_malloc, .free_fn = arena_free};
	cJSON_InitHooks(&hooks);
}

static cJSON *parse_into(struct arena *arena, const char *text, size_t len)
{
	pthread_once(&hooks_once, install_hooks);
	parse_arena = arena;
	cJSON *root = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);
	parse_arena = NULL;
	return root;
}

/* A walk over the tree in document order. */
struct walk {
	struct arena *arena;
	char *number; /* source text of the next number */
	const char *duplicate;
};

static int compare_names(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;
	return strcmp(*left, *right);
}

/* A name that the object has twice, NULL when there is none. Sorted, since an object may have a
 * hundred thousand members. */
static const char *find_duplicate(struct arena *arena, const cJSON *object)
{
	size_t count = 0;
	const cJSON *member;
	cJSON_ArrayForEach(member, object) count++;
	if (count < 2)
		return NULL;
	const char **names = arena_calloc(arena, count, sizeof(*names));
	size_t n = 0;
	cJSON_ArrayForEach(member, object) names[n++] = member->string;
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(names[i - 1], names[i]) == 0)
			return names[i];
	}
	return NULL;
}

/* Give each number its source text back; stop at an object with a name twice. */
static bool settle(struct walk *walk, cJSON *node)
{
	if (cJSON_IsNumber(node)) {
		node->valuestring = walk->number;
		walk->number += strlen(walk->number) + 1;
		return true;
	}
	if (cJSON_IsObject(node))
		walk->duplicate = find_duplicate(walk->arena, node);
	if (walk->duplicate)
		return false;
	for (cJSON *child = node->child; child; child = child->next) {
		if (!settle(walk, child))
			return false;
	}
	return true;
}

enum status json_parse(struct arena *arena, const char *text, size_t len,
		       struct json_document **ret_doc, struct problem *err)
{
	char *copy = arena_alloc(arena, len + 1);
	if (len > 0)
		memcpy(copy, text, len);
	struct strbuf numbers;
	strbuf_init(&numbers, arena);
	enum status st = json_scan(copy, len, &numbers, err);
	if (st != OK)
		return st;
	cJSON *root = parse_into(arena, copy, len);
	if (!root)
		return problem_set(err, ST_MALFORMED, "The JSON text cannot be read.");
	struct walk walk = {.arena = arena, .number = numbers.buf};
	if (!settle(&walk, root))
		return problem_set(err, ST_MALFORMED,
				   "The JSON text has the member \"%.64s\" twice.", walk.duplicate);
	struct json_document *doc = ARENA_NEW(arena, struct json_document);
	doc->root = root;
	*ret_doc = doc;
	return OK;
}
