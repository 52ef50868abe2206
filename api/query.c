#include "api/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

struct pair {
	const char *name;
	const char *value;
};

/* Take the next name=value off the string; false at its end. */
static bool next_pair(struct arena *arena, const char **at, struct pair *ret)
{
	size_t len, name_len;
	const char *equals;

	while (**at == '&')
		(*at)++;
	if (!**at)
		return false;
	len = strcspn(*at, "&");
	equals = memchr(*at, '=', len);
	name_len = equals ? (size_t)(equals - *at) : len;
	ret->name = http_decode(arena, *at, name_len, true);
	ret->value = equals ? http_decode(arena, equals + 1, len - name_len - 1, true) : "";
	*at += len;
	return true;
}

const char *query_raw(const struct request *req, const char *name)
{
	const char *at = req->http->query ? req->http->query : "";
	struct pair pair;

	while (next_pair(req->arena, &at, &pair))
		if (pair.name && pair.value && !strcmp(pair.name, name))
			return pair.value;
	return NULL;
}

/* NULL, or what is wrong with the value. */
typedef const char *take_fn(const struct field *field, const char *value, void *member);

static const char *take_string(const struct field *field, const char *value, void *member)
{
	if (field->max && utf8_length(value, strlen(value)) > (size_t)field->max)
		return "is too long";
	*(const char **)member = value;
	return NULL;
}

static const char *take_int(const struct field *field, const char *value, void *member)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || *end || end == value || *value == '+' || *value == ' ')
		return "is not an integer";
	if (number < field->min || (field->max && number > field->max))
		return "is out of range";
	*(int64_t *)member = number;
	return NULL;
}

static const char *take_id(const struct field *field, const char *value, void *member)
{
	(void)field;
	return ids_parse(value, strlen(value), member) ? NULL : "is not an id";
}

static const char *take_enum(const struct field *field, const char *value, void *member)
{
	for (int i = 0; field->names[i]; i++) {
		if (!strcmp(field->names[i], value)) {
			*(int *)member = i;
			return NULL;
		}
	}
	return "is not one of the values that this parameter takes";
}

static const char *take_bool(const struct field *field, const char *value, void *member)
{
	(void)field;
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return "is neither true nor false";
	*(bool *)member = !strcmp(value, "true");
	return NULL;
}

static const char *take_time(const struct field *field, const char *value, void *member)
{
	(void)field;
	if (clock_parse_rfc3339(value, strlen(value), member) ||
	    clock_parse_date(value, strlen(value), member))
		return NULL;
	return "is neither an RFC 3339 time with an offset nor a date";
}

static take_fn *const takers[] = {
	[FIELD_STRING] = take_string, [FIELD_INT] = take_int,   [FIELD_ID] = take_id,
	[FIELD_ENUM] = take_enum,     [FIELD_BOOL] = take_bool, [FIELD_TIME] = take_time,
};

static void take_pair(struct request *req, const struct schema *schema, const struct pair *pair,
		      uint64_t *seen, void *ret, struct problem *err)
{
	const char *wrong;

	if (!pair->name || !pair->value) {
		problem_violation(err, req->arena, pair->name ? pair->name : "", "format",
				  "is not percent-encoded UTF-8");
		return;
	}
	for (size_t i = 0; schema && i < schema->count; i++) {
		const struct field *field = &schema->fields[i];

		if (strcmp(field->name, pair->name) != 0)
			continue;
		if (*seen >> i & 1)
			wrong = "is there more than once";
		else if (!*pair->value)
			wrong = "is empty";
		else
			wrong = takers[field->type](field, pair->value,
						    (char *)ret + field->offset);
		*seen |= UINT64_C(1) << i;
		if (wrong)
			problem_violation(err, req->arena, pair->name, "invalid", "%s", wrong);
		return;
	}
	problem_violation(err, req->arena, pair->name, "unknown",
			  "is not a parameter of this route");
}

static void set_absent(const struct schema *schema, void *ret)
{
	for (size_t i = 0; i < schema->count; i++) {
		char *member = (char *)ret + schema->fields[i].offset;

		if (schema->fields[i].type == FIELD_ENUM)
			*(int *)(void *)member = -1;
		if (schema->fields[i].type == FIELD_TIME)
			*(int64_t *)(void *)member = TIME_NONE;
	}
}

enum status query_decode(struct request *req, const struct schema *schema, const void **ret,
			 struct problem *err)
{
	const char *at = req->http->query ? req->http->query : "";
	void *value = schema ? arena_alloc(req->arena, schema->size) : NULL;
	struct problem found = {0};
	struct pair pair;
	uint64_t seen = 0;

	if (schema)
		set_absent(schema, value);
	while (next_pair(req->arena, &at, &pair))
		take_pair(req, schema, &pair, &seen, value, &found);
	if (found.violations) {
		problem_set(err, ST_INVALID_QUERY, "The query string has an invalid parameter");
		if (err) {
			err->violations = found.violations;
			err->tail = found.tail;
		}
		return ST_INVALID_QUERY;
	}
	*ret = value;
	return OK;
}
