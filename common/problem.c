/*
 * problem: the table's rows, and the document of RFC 9457 made of one.
 */
#include "common/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"

static const struct problem_row rows[] = {
#define X(name, http, slug, title, retry) {name, http, slug, title, retry},
	PROBLEM_TABLE(X)
#undef X
};

const struct problem_row *problem_at(size_t i)
{
	return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

const struct problem_row *problem_row(enum status status)
{
	/* Rows stand in the order of the enumeration, which starts with OK. */
	if (status > OK && status < ST_COUNT)
		return &rows[status - 1];
	return &rows[ST_INTERNAL_ERROR - 1];
}

enum retry_class problem_retry(enum status status)
{
	switch (status) {
	case ST_UPSTREAM_REFUSED:
	case ST_CONFIG:
		return RETRY_FINAL;
	case ST_UPSTREAM_DOWN:
	case ST_REDIS_UNAVAILABLE:
	case ST_JOB_LOST: /* never a reason to bury what somebody else works on */
		return RETRY_LATER;
	default:
		return problem_row(status)->retry;
	}
}

enum status problem_from_slug(const char *slug)
{
	if (slug == NULL)
		return ST_INTERNAL_ERROR;
	if (strcmp(slug, "ok") == 0)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(slug, rows[i].slug) == 0)
			return rows[i].status;
	}
	return ST_INTERNAL_ERROR;
}

enum status problem_set(struct problem *err, enum status status, const char *fmt, ...)
{
	if (err == NULL)
		return status;

	/* Formatted aside: an argument may be the old detail. */
	char text[2 * sizeof(err->detail)];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	size_t len = n < 0 ? 0 : strlen(text);
	len = utf8_cut(text, len, sizeof(err->detail) - 1);
	memcpy(err->detail, text, len);
	err->detail[len] = '\0';
	err->status = status;
	return status;
}

void problem_violation(struct problem *err, struct arena *arena, const char *where,
		       const char *code, const char *fmt, ...)
{
	if (err == NULL)
		return;

	struct strbuf detail;
	char text[512];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	size_t len = n < 0 ? 0 : strlen(text);
	strbuf_init(&detail, arena);
	strbuf_add(&detail, text, utf8_cut(text, len, sizeof(text) - 4));

	struct violation *violation = ARENA_NEW(arena, struct violation);
	violation->where = arena_strdup(arena, where);
	violation->code = arena_strdup(arena, code);
	violation->detail = detail.buf;
	/* Not trusted when the list is empty: the struct may have been copied since. */
	if (err->violations == NULL)
		err->tail = &err->violations;
	*err->tail = violation;
	err->tail = &violation->next;
}

static void add_member(struct strbuf *out, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	strbuf_addf(out, ",\"%s\":", name);
	json_encode_string(out, value);
}

static const char *where_name(enum status status)
{
	switch (status) {
	case ST_INVALID_QUERY:
		return "parameter";
	case ST_INVALID_HEADER:
		return "header";
	default:
		return "pointer";
	}
}

static void add_violations(struct strbuf *out, const struct problem *err)
{
	if (err->violations == NULL)
		return;
	const char *separator = ",\"errors\":[";
	for (const struct violation *v = err->violations; v != NULL; v = v->next) {
		/* A pointer may be empty: "" is the whole document (RFC 6901). */
		strbuf_addf(out, "%s{\"%s\":", separator, where_name(err->status));
		json_encode_string(out, v->where);
		add_member(out, "code", v->code);
		add_member(out, "detail", v->detail);
		strbuf_addc(out, '}');
		separator = ",";
	}
	strbuf_addc(out, ']');
}

/* Reasons of these name hosts, statements and libraries: for the log, not for a client. */
static bool detail_is_internal(enum status status)
{
	return status == ST_INTERNAL_ERROR || status == ST_DATABASE_UNAVAILABLE;
}

void problem_render(struct strbuf *out, const struct problem *err, const char *instance,
		    const char *request_id)
{
	const struct problem_row *row = problem_row(err->status);

	strbuf_addf(out, "{\"type\":\"/problems/%s\",\"title\":", row->slug);
	json_encode_string(out, row->title);
	strbuf_addf(out, ",\"status\":%d", row->http);
	if (!detail_is_internal(row->status))
		add_member(out, "detail", err->detail);
	add_member(out, "instance", instance);
	add_member(out, "requestId", request_id);
	add_violations(out, err);
	if (err->extension != NULL && *err->extension != '\0') {
		strbuf_addc(out, ',');
		strbuf_adds(out, err->extension);
	}
	strbuf_addc(out, '}');
}
