#include "common/json_internal.h"

#include <inttypes.h>
#include <string.h>

#include "common/clock.h"

static bool decode_members(struct json_decoder *d, const struct json_path *at,
			   const struct schema *schema, enum json_mode mode, const cJSON *node,
			   void *ret);

static bool decode_struct(struct json_decoder *d, const struct json_path *at,
			  const struct schema *schema, enum json_mode mode, const cJSON *node,
			  void *ret)
{
	if (!cJSON_IsObject(node))
		return json_violate(d, at, "type", "must be an object");
	return decode_members(d, at, schema, mode, node, ret);
}

static bool decode_object(struct json_decoder *d, const struct json_path *at,
			  const struct field *field, const cJSON *node, void *member)
{
	void *value = arena_alloc(d->arena, field->nested->size);
	if (!decode_struct(d, at, field->nested, JSON_CREATE, node, value))
		return false;
	*(void **)member = value;
	return true;
}

static size_t count_items(const cJSON *node)
{
	size_t count = 0;
	const cJSON *item;
	cJSON_ArrayForEach(item, node) count++;
	return count;
}

/* Items past the upper bound are not to be looked at: a short text can hold very many. */
static bool check_too_many(struct json_decoder *d, const struct json_path *at,
			   const struct field *field, size_t count)
{
	return (int64_t)count <= json_upper_bound(field) ||
	       json_violate(d, at, "too-many", "must have at most %" PRId64 " items", field->max);
}

static bool check_too_few(struct json_decoder *d, const struct json_path *at,
			  const struct field *field, size_t count)
{
	return (int64_t)count >= field->min ||
	       json_violate(d, at, "too-few", "must have at least %" PRId64 " items", field->min);
}

static bool decode_array(struct json_decoder *d, const struct json_path *at,
			 const struct field *field, const cJSON *node, void *member)
{
	if (!cJSON_IsArray(node))
		return json_violate(d, at, "type", "must be an array");
	size_t count = count_items(node);
	if (!check_too_many(d, at, field, count))
		return false;
	bool fit = check_too_few(d, at, field, count);
	size_t size = field->nested->size;
	char *items = count ? arena_calloc(d->arena, count, size) : NULL;
	struct json_path here = {.up = at};
	const cJSON *item;
	cJSON_ArrayForEach(item, node)
	{
		void *slot = items + here.index * size;
		if (!decode_struct(d, &here, field->nested, JSON_CREATE, item, slot))
			fit = false;
		here.index++;
	}
	if (fit)
		*(struct field_array *)member = (struct field_array){items, count};
	return fit;
}

static bool decode_strings(struct json_decoder *d, const struct json_path *at,
			   const struct field *field, const cJSON *node, void *member)
{
	bool alone = d->lenient && cJSON_IsString(node);
	if (!alone && !cJSON_IsArray(node))
		return json_violate(d, at, "type", "must be an array");
	size_t count = alone ? 1 : count_items(node);
	if (!check_too_many(d, at, field, count))
		return false;
	bool fit = check_too_few(d, at, field, count);
	const char **items = count ? arena_calloc(d->arena, count, sizeof(*items)) : NULL;
	struct json_path here = {.up = at};
	for (const cJSON *item = alone ? node : node->child; item && here.index < count;
	     item = item->next) {
		if (!cJSON_IsString(item))
			fit = json_violate(d, &here, "type", "must be a string");
		items[here.index++] = item->valuestring;
	}
	if (fit)
		*(struct field_array *)member = (struct field_array){items, count};
	return fit;
}

/* Types without a row are for output only: on input such a member is unknown. */
static json_decode_fn *const decoders[] = {
	[FIELD_STRING] = json_decode_string,
	[FIELD_INT] = json_decode_int,
	[FIELD_ID] = json_decode_id,
	[FIELD_MONEY] = json_decode_money,
	[FIELD_BOOL] = json_decode_bool,
	[FIELD_ENUM] = json_decode_enum,
	[FIELD_TIME] = json_decode_time,
	[FIELD_OBJECT] = decode_object,
	[FIELD_ARRAY] = decode_array,
	[FIELD_STRINGS] = decode_strings,
	[FIELD_RAW] = NULL,
	[FIELD_DOUBLE] = NULL,
};

/* --- members
 * ------------------------------------------------------------------------------------*/

static const size_t member_sizes[] = {
	[FIELD_STRING] = sizeof(char *),
	[FIELD_INT] = sizeof(int64_t),
	[FIELD_ID] = sizeof(int64_t),
	[FIELD_MONEY] = sizeof(int64_t),
	[FIELD_BOOL] = sizeof(bool),
	[FIELD_ENUM] = sizeof(int),
	[FIELD_TIME] = sizeof(int64_t),
	[FIELD_OBJECT] = sizeof(void *),
	[FIELD_ARRAY] = sizeof(struct field_array),
	[FIELD_STRINGS] = sizeof(struct field_array),
};

static void store_null(const struct field *field, void *member)
{
	memset(member, 0, member_sizes[field->type]);
	if (field->type == FIELD_TIME)
		*(int64_t *)member = TIME_NONE;
	if (field->type == FIELD_ENUM)
		*(int *)member = -1;
}

static bool decode_null(struct json_decoder *d, const struct json_path *at,
			const struct field *field, void *member)
{
	bool accepted = d->lenient || (field->flags & FIELD_NULLABLE);
	if (!accepted || (field->flags & FIELD_REQUIRED))
		return json_violate(d, at, "null", "must not be null");
	store_null(field, member);
	return true;
}

static bool decode_member(struct json_decoder *d, const struct json_path *at,
			  const struct field *field, const cJSON *node, void *member)
{
	if (cJSON_IsNull(node))
		return decode_null(d, at, field, member);
	bool fit = decoders[field->type](d, at, field, node, member);
	const char *wrong = fit && field->check ? field->check(member) : NULL;
	if (wrong)
		fit = json_violate(d, at, "format", "%s", wrong);
	return fit;
}

/* Index of the field that takes the member, schema->count when none does. */
static size_t find_field(const struct schema *schema, const char *name)
{
	size_t i = 0;
	while (i < schema->count &&
	       (!decoders[schema->fields[i].type] || strcmp(schema->fields[i].name, name) != 0))
		i++;
	return i;
}

static void clear_times(const struct schema *schema, char *ret)
{
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		if (field->type == FIELD_TIME)
			*(int64_t *)(void *)(ret + field->offset) = TIME_NONE;
	}
}

/* Lenient: a value that does not fit a field which may be absent is null. */
static bool decode_known(struct json_decoder *d, const struct json_path *at,
			 const struct field *field, const cJSON *node, char *ret)
{
	void *member = ret + field->offset;
	if (decode_member(d, at, field, node, member))
		return true;
	if (!d->lenient || (field->flags & FIELD_REQUIRED))
		return false;
	store_null(field, member);
	return true;
}

static bool check_required(struct json_decoder *d, const struct json_path *at,
			   const struct schema *schema, uint64_t given)
{
	bool fit = true;
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		struct json_path missing = {.up = at, .name = field->name};
		if ((field->flags & FIELD_REQUIRED) && !((given >> i) & 1))
			fit = json_violate(d, &missing, "required", "is required");
	}
	return fit;
}

static bool check_rules(struct json_decoder *d, const struct json_path *at,
			const struct schema *schema, const void *value)
{
	bool fit = true;
	if (d->lenient || !schema->rules)
		return true;
	for (const struct field_rule *rule = schema->rules; rule->name; rule++) {
		struct json_path here = {.up = at, .name = rule->name};
		if (!rule->holds(value))
			fit = json_violate(d, *rule->name ? &here : at, rule->code, "%s",
					   rule->detail);
	}
	return fit;
}

static bool decode_named(struct json_decoder *d, const struct json_path *here,
			 const struct schema *schema, const cJSON *node, struct presence *presence,
			 void *ret)
{
	size_t i = find_field(schema, here->name);
	if (i == schema->count)
		return d->lenient || json_violate(d, here, "unknown", "is not a known field");
	presence->given |= UINT64_C(1) << i;
	presence->null |= (uint64_t)cJSON_IsNull(node) << i;
	return decode_known(d, here, &schema->fields[i], node, ret);
}

static bool decode_members(struct json_decoder *d, const struct json_path *at,
			   const struct schema *schema, enum json_mode mode, const cJSON *node,
			   void *ret)
{
	struct presence presence = {0};
	bool fit = true;
	clear_times(schema, ret);
	const cJSON *child;
	cJSON_ArrayForEach(child, node)
	{
		struct json_path here = {.up = at, .name = child->string};
		if (!decode_named(d, &here, schema, child, &presence, ret))
			fit = false;
		if (!fit && d->lenient)
			return false;
	}
	if (mode == JSON_CREATE && !check_required(d, at, schema, presence.given))
		fit = false;
	if (schema->presence != NO_PRESENCE)
		*(struct presence *)(void *)((char *)ret + schema->presence) = presence;
	return check_rules(d, at, schema, ret) && fit;
}

enum status json_decode(struct arena *arena, const struct json_document *doc,
			const struct schema *schema, enum json_mode mode, void *ret,
			struct problem *err)
{
	struct json_decoder d = {.arena = arena, .err = err};
	void *value = arena_alloc(arena, schema->size);
	if (!decode_struct(&d, NULL, schema, mode, doc->root, value))
		return ST_INVALID_BODY;
	memcpy(ret, value, schema->size);
	return OK;
}

enum status json_read(struct arena *arena, const char *text, size_t len,
		      const struct schema *schema, void *ret, struct problem *err)
{
	struct json_document *doc;
	enum status st = json_parse(arena, text, len, &doc, err);
	if (st != OK)
		return st;
	struct json_decoder d = {.arena = arena, .lenient = true};
	void *value = arena_alloc(arena, schema->size);
	if (!decode_struct(&d, NULL, schema, JSON_CREATE, doc->root, value))
		return problem_set(err, ST_MALFORMED, "The JSON text does not fit: %s.", d.misfit);
	memcpy(ret, value, schema->size);
	return OK;
}
