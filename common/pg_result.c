/*
 * pg_result: reading rows.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg_internal.h"
#include "common/sign.h"

enum { COLUMN_NAME_SIZE = 64, NO_COLUMN = -1 };

void pg_result_free(struct pg_result **result)
{
	if (*result)
		PQclear(pg_raw(*result));
	*result = NULL;
}

size_t pg_rows(const struct pg_result *result)
{
	return (size_t)PQntuples(pg_raw(result));
}

int64_t pg_affected(const struct pg_result *result)
{
	return strtoll(PQcmdTuples(pg_raw(result)), NULL, 10);
}

bool pg_is_null(const struct pg_result *result, size_t row, size_t column)
{
	return PQgetisnull(pg_raw(result), (int)row, (int)column) != 0;
}

const char *pg_text(const struct pg_result *result, size_t row, size_t column)
{
	return pg_is_null(result, row, column) ? NULL
					       : PQgetvalue(pg_raw(result), (int)row, (int)column);
}

int64_t pg_i64(const struct pg_result *result, size_t row, size_t column)
{
	const char *text = pg_text(result, row, column);

	return text ? strtoll(text, NULL, 10) : 0;
}

bool pg_bool(const struct pg_result *result, size_t row, size_t column)
{
	const char *text = pg_text(result, row, column);

	return text && text[0] == 't';
}

int64_t pg_time(const struct pg_result *result, size_t row, size_t column)
{
	const char *text = pg_text(result, row, column);
	int64_t us = TIME_NONE;

	if (text && !clock_parse_pg(text, &us))
		fatal("pg: not a time: %s", text);
	return us;
}

int64_t pg_money(const struct pg_result *result, size_t row, size_t column)
{
	const char *text = pg_text(result, row, column);
	int64_t minor = 0;

	if (text && !money_parse(text, strlen(text), &minor))
		fatal("pg: not an amount: %s", text);
	return minor;
}

struct slice pg_bytes(const struct pg_result *result, size_t row, size_t column,
		      struct arena *arena)
{
	const char *text = pg_text(result, row, column);
	size_t len = text ? strlen(text) : 0;
	uint8_t *bytes;

	if (!text)
		return (struct slice){NULL, 0};
	bytes = arena_alloc(arena, len / 2 + 1);
	if (len < 2 || text[0] != '\\' || text[1] != 'x' || !sign_unhex(text + 2, len - 2, bytes))
		fatal("pg: column %s is not bytea", PQfname(pg_raw(result), (int)column));
	return (struct slice){(const char *)bytes, (len - 2) / 2};
}

/* PQfnumber would fold case and copy the name. */
static int find_column(const struct pg_result *result, const char *name)
{
	int count = PQnfields(pg_raw(result));

	for (int i = 0; i < count; i++) {
		if (strcmp(PQfname(pg_raw(result), i), name) == 0)
			return i;
	}
	return NO_COLUMN;
}

size_t pg_column(const struct pg_result *result, const char *name)
{
	int column = find_column(result, name);

	if (column == NO_COLUMN)
		fatal("pg: no column %s in the result", name);
	return (size_t)column;
}

/* --- rows into structs by field tables ---------------------------------------------------------
 */

static void snake_case(const char *name, char ret[COLUMN_NAME_SIZE])
{
	size_t len = 0;

	for (; *name && len < COLUMN_NAME_SIZE - 2; name++) {
		unsigned char c = (unsigned char)*name;

		if (isupper(c))
			ret[len++] = '_';
		ret[len++] = (char)tolower(c);
	}
	ret[len] = '\0';
}

void pg_map(const struct pg_result *result, const char *prefix, const struct schema *schema,
	    struct pg_map *ret)
{
	char name[COLUMN_NAME_SIZE], full[2 * COLUMN_NAME_SIZE];

	ret->schema = schema;
	for (size_t i = 0; i < schema->count; i++) {
		snake_case(schema->fields[i].name, name);
		snprintf(full, sizeof(full), "%s%s", prefix, name);
		ret->columns[i] = find_column(result, full);
	}
}

static int enum_index(const struct field *field, const char *text)
{
	for (int i = 0; field->names[i]; i++) {
		if (strcmp(field->names[i], text) == 0)
			return i;
	}
	fatal("pg: %s has no value %s", field->name, text);
}

static void scan_field(const struct pg_result *result, size_t row, size_t column,
		       const struct field *field, struct arena *arena, void *at)
{
	const char *text = pg_text(result, row, column);

	if (!text)
		return;
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_RAW:
		*(const char **)at = arena_strdup(arena, text);
		break;
	case FIELD_INT:
	case FIELD_ID:
		*(int64_t *)at = pg_i64(result, row, column);
		break;
	case FIELD_MONEY:
		*(int64_t *)at = pg_money(result, row, column);
		break;
	case FIELD_TIME:
		*(int64_t *)at = pg_time(result, row, column);
		break;
	case FIELD_BOOL:
		*(bool *)at = pg_bool(result, row, column);
		break;
	case FIELD_ENUM:
		*(int *)at = enum_index(field, text);
		break;
	case FIELD_DOUBLE:
		*(double *)at = strtod(text, NULL);
		break;
	case FIELD_OBJECT:
	case FIELD_ARRAY:
	case FIELD_STRINGS:
		break;
	}
}

void pg_scan_mapped(const struct pg_result *result, size_t row, const struct pg_map *map,
		    struct arena *arena, void *ret)
{
	const struct schema *schema = map->schema;

	memset(ret, 0, schema->size);
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		void *at = (char *)ret + field->offset;

		if (field->type == FIELD_TIME)
			*(int64_t *)at = TIME_NONE;
		if (field->type == FIELD_ENUM)
			*(int *)at = -1;
		if (map->columns[i] != NO_COLUMN)
			scan_field(result, row, (size_t)map->columns[i], field, arena, at);
	}
}

void pg_scan(const struct pg_result *result, size_t row, const struct schema *schema,
	     struct arena *arena, void *ret)
{
	pg_scan_part(result, row, "", schema, arena, ret);
}

void pg_scan_part(const struct pg_result *result, size_t row, const char *prefix,
		  const struct schema *schema, struct arena *arena, void *ret)
{
	struct pg_map map;

	pg_map(result, prefix, schema, &map);
	pg_scan_mapped(result, row, &map, arena, ret);
}

struct field_array pg_scan_all(const struct pg_result *result, const struct schema *schema,
			       struct arena *arena)
{
	struct field_array array = {.count = pg_rows(result)};
	struct pg_map map;

	array.items = arena_calloc(arena, array.count, schema->size);
	pg_map(result, "", schema, &map);
	for (size_t i = 0; i < array.count; i++)
		pg_scan_mapped(result, i, &map, arena, (char *)array.items + i * schema->size);
	return array;
}
