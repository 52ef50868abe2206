#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_command.h"
#include "common/clock.h"

enum { COLUMNS_MAX = 16 };

int ctl_fail(const struct problem *err)
{
	(void)fprintf(stderr, "corectl: %s\n", err->detail);
	return err->status == ST_CONFIG ? EXIT_CONFIG : EXIT_FAILURE;
}

int ctl_usage(const struct ctl *ctl, const char *fmt, ...)
{
	const char *name = ctl->command ? ctl->command->name : "";
	va_list args;
	va_start(args, fmt);
	(void)fprintf(stderr, "corectl: %s%s", name, *name ? ": " : "");
	(void)vfprintf(stderr, fmt, args);
	(void)fprintf(stderr, "; see corectl help%s%s\n", *name ? " " : "", name);
	va_end(args);
	return EXIT_USAGE;
}

static const char *money_text(struct ctl *ctl, int64_t minor)
{
	struct strbuf out;
	strbuf_init(&out, &ctl->arena);
	json_encode_money(&out, minor);
	return out.buf;
}

/* The text of one member in a column; lists hold no arrays and objects. */
static const char *cell_text(struct ctl *ctl, const struct field *field, const void *item)
{
	const void *member = (const char *)item + field->offset;
	const char *text = "-";
	char *time = NULL;
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_RAW:
		return *(const char *const *)member ? *(const char *const *)member : text;
	case FIELD_INT:
	case FIELD_ID:
		return arena_printf(&ctl->arena, "%lld", (long long)*(const int64_t *)member);
	case FIELD_DOUBLE:
		if (!isfinite(*(const double *)member))
			return text;
		return arena_printf(&ctl->arena, "%.15g", *(const double *)member);
	case FIELD_BOOL:
		return *(const bool *)member ? "yes" : "no";
	case FIELD_MONEY:
		return money_text(ctl, *(const int64_t *)member);
	case FIELD_TIME:
		if (*(const int64_t *)member == TIME_NONE)
			return text;
		time = arena_alloc(&ctl->arena, RFC3339_SIZE);
		return clock_format(*(const int64_t *)member, time);
	default:
		fatal("%s cannot be listed", field->name);
	}
}

static size_t width_of(const char *text)
{
	size_t characters = utf8_length(text, strlen(text));
	return characters == SIZE_MAX ? strlen(text) : characters;
}

static void print_line(const char *const *cells, const size_t *widths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)fputs(cells[i], stdout);
		if (i + 1 == count)
			break;
		for (size_t at = width_of(cells[i]); at < widths[i] + 2; at++)
			(void)fputc(' ', stdout);
	}
	(void)fputc('\n', stdout);
}

static void print_columns(struct ctl *ctl, const struct schema *schema, const void *items,
			  size_t count)
{
	size_t columns = schema->count < COLUMNS_MAX ? schema->count : COLUMNS_MAX;
	size_t widths[COLUMNS_MAX] = {0};
	const char **cells = arena_calloc(&ctl->arena, (count + 1) * columns, sizeof(*cells));
	for (size_t line = 0; line <= count; line++) {
		for (size_t i = 0; i < columns; i++) {
			const struct field *field = &schema->fields[i];
			const char *item = (const char *)items + (line - 1) * schema->size;
			const char *text = line ? cell_text(ctl, field, item) : field->name;
			cells[line * columns + i] = text;
			if (width_of(text) > widths[i])
				widths[i] = width_of(text);
		}
	}
	for (size_t line = 0; line <= count; line++)
		print_line(cells + line * columns, widths, columns);
}

void ctl_print(struct ctl *ctl, const struct schema *schema, const void *items, size_t count)
{
	if (!ctl->json) {
		print_columns(ctl, schema, items, count);
		return;
	}
	struct strbuf out;
	strbuf_init(&out, &ctl->arena);
	json_encode_array(&out, schema, items, count);
	(void)puts(out.buf);
}

int ctl_say(struct ctl *ctl, const struct schema *schema, const void *value, const char *fmt, ...)
{
	va_list args;
	struct strbuf out;
	if (ctl->json) {
		strbuf_init(&out, &ctl->arena);
		json_encode(&out, schema, value);
		(void)puts(out.buf);
		return EXIT_SUCCESS;
	}
	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
	(void)putchar('\n');
	return EXIT_SUCCESS;
}

enum status ctl_connect(struct ctl *ctl, struct pg_conn **ret, struct problem *err)
{
	return pg_connect(config_database_url(&ctl->config.common, &ctl->arena), ret, err);
}

enum status ctl_select(struct ctl *ctl, struct pg_conn *conn, const struct pg_statement *statement,
		       const struct pg_param *params, size_t param_count,
		       const struct schema *schema, struct field_array *ret, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = pg_exec(conn, statement->sql, params, param_count, &result, err);
	if (status != OK)
		return status;
	*ret = pg_scan_all(result, schema, &ctl->arena);
	return OK;
}
