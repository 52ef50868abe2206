/*
 * trace_otlp: spans as OTLP/HTTP JSON (opentelemetry-proto, trace/v1): lowerCamelCase, ids in hex,
 * 64-bit integers as strings, enums as numbers.
 */
#include <string.h>

#include "common/httpd.h"
#include "common/json.h"
#include "common/trace_internal.h"

enum { STATUS_ERROR = 2, HEADERS_MAX = 16 };

/* --- the document's tables ---------------------------------------------------------------- */

struct otlp_value {
	const char *text;
	const char *number;
};
struct otlp_attribute {
	const char *key;
	const struct otlp_value *value;
};
struct otlp_link {
	const char *trace_id;
	const char *span_id;
};
struct otlp_status {
	int64_t code;
};
struct otlp_span {
	const char *trace_id;
	const char *span_id;
	const char *parent_id;
	const char *name;
	int64_t kind;
	const char *from_ns;
	const char *to_ns;
	struct field_array attributes;
	struct field_array links;
	const struct otlp_status *status;
};
struct otlp_scope {
	const char *name;
	const char *version;
};
struct otlp_scope_spans {
	const struct otlp_scope *scope;
	struct field_array spans;
};
struct otlp_resource {
	struct field_array attributes;
};
struct otlp_resource_spans {
	const struct otlp_resource *resource;
	struct field_array scope_spans;
};
struct otlp_request {
	struct field_array resource_spans;
};

/* clang-format off */
#define TEXT(of, key, member) \
	{.name = (key), .type = FIELD_STRING, .flags = FIELD_OMIT_NULL, .offset = offsetof(of, member)}
#define NUMBER(of, key, member) \
	{.name = (key), .type = FIELD_INT, .offset = offsetof(of, member)}
#define OBJECT(of, key, member, schema) \
	{.name = (key), .type = FIELD_OBJECT, .flags = FIELD_OMIT_NULL, \
	 .offset = offsetof(of, member), .nested = &(schema)}
#define ARRAY(of, key, member, schema) \
	{.name = (key), .type = FIELD_ARRAY, .offset = offsetof(of, member), .nested = &(schema)}

static const struct field value_fields[] = {
	TEXT(struct otlp_value, "stringValue", text),
	TEXT(struct otlp_value, "intValue", number),
};
static const struct schema value_schema = SCHEMA(value_fields, struct otlp_value);
static const struct field attribute_fields[] = {
	TEXT(struct otlp_attribute, "key", key),
	OBJECT(struct otlp_attribute, "value", value, value_schema),
};
static const struct schema attribute_schema = SCHEMA(attribute_fields, struct otlp_attribute);
static const struct field link_fields[] = {
	TEXT(struct otlp_link, "traceId", trace_id),
	TEXT(struct otlp_link, "spanId", span_id),
};
static const struct schema link_schema = SCHEMA(link_fields, struct otlp_link);
static const struct field status_fields[] = {
	NUMBER(struct otlp_status, "code", code),
};
static const struct schema status_schema = SCHEMA(status_fields, struct otlp_status);
static const struct field span_fields[] = {
	TEXT(struct otlp_span, "traceId", trace_id),
	TEXT(struct otlp_span, "spanId", span_id),
	TEXT(struct otlp_span, "parentSpanId", parent_id),
	TEXT(struct otlp_span, "name", name),
	NUMBER(struct otlp_span, "kind", kind),
	TEXT(struct otlp_span, "startTimeUnixNano", from_ns),
	TEXT(struct otlp_span, "endTimeUnixNano", to_ns),
	ARRAY(struct otlp_span, "attributes", attributes, attribute_schema),
	ARRAY(struct otlp_span, "links", links, link_schema),
	OBJECT(struct otlp_span, "status", status, status_schema),
};
static const struct schema span_schema = SCHEMA(span_fields, struct otlp_span);
static const struct field scope_fields[] = {
	TEXT(struct otlp_scope, "name", name),
	TEXT(struct otlp_scope, "version", version),
};
static const struct schema scope_schema = SCHEMA(scope_fields, struct otlp_scope);
static const struct field scope_spans_fields[] = {
	OBJECT(struct otlp_scope_spans, "scope", scope, scope_schema),
	ARRAY(struct otlp_scope_spans, "spans", spans, span_schema),
};
static const struct schema scope_spans_schema = SCHEMA(scope_spans_fields, struct otlp_scope_spans);
static const struct field resource_fields[] = {
	ARRAY(struct otlp_resource, "attributes", attributes, attribute_schema),
};
static const struct schema resource_schema = SCHEMA(resource_fields, struct otlp_resource);
static const struct field resource_spans_fields[] = {
	OBJECT(struct otlp_resource_spans, "resource", resource, resource_schema),
	ARRAY(struct otlp_resource_spans, "scopeSpans", scope_spans, scope_spans_schema),
};
static const struct schema resource_spans_schema =
	SCHEMA(resource_spans_fields, struct otlp_resource_spans);
static const struct field request_fields[] = {
	ARRAY(struct otlp_request, "resourceSpans", resource_spans, resource_spans_schema),
};
static const struct schema request_schema = SCHEMA(request_fields, struct otlp_request);
/* clang-format on */

/* --- spans -------------------------------------------------------------------------------- */

static const char *decimal(struct arena *arena, int64_t value, const char *zeros)
{
	return arena_printf(arena, "%lld%s", (long long)value, zeros);
}

static struct otlp_attribute attribute(struct arena *arena, const char *key, const char *text,
				       int64_t number)
{
	struct otlp_value *value = ARENA_NEW(arena, struct otlp_value);

	value->text = text;
	value->number = text ? NULL : decimal(arena, number, "");
	return (struct otlp_attribute){key, value};
}

static struct field_array attributes_of(struct arena *arena, const struct trace_record *record)
{
	struct otlp_attribute *items = arena_calloc(arena, record->count + 1, sizeof(*items));
	size_t count = 0;

	for (size_t i = 0; i < record->count; i++) {
		const struct trace_recorded *from = &record->attributes[i];

		items[count++] =
			attribute(arena, from->key, *from->text ? from->text : NULL, from->number);
	}
	if (*record->error)
		items[count++] = attribute(arena, "error.type", record->error, 0);
	return (struct field_array){items, count};
}

/* A job is linked to what put it, as the conventions for messages want it, beside being its child.
 */
static struct field_array links_of(struct arena *arena, const struct trace_record *record)
{
	struct otlp_link *link = ARENA_NEW(arena, struct otlp_link);

	if (record->kind != TRACE_CONSUMER || !*record->span.parent_id)
		return (struct field_array){0};
	*link = (struct otlp_link){record->span.trace_id, record->span.parent_id};
	return (struct field_array){link, 1};
}

static struct otlp_span span_of(struct arena *arena, const struct trace_record *record)
{
	static const struct otlp_status failed = {STATUS_ERROR};
	const struct trace_span *span = &record->span;

	return (struct otlp_span){
		.trace_id = span->trace_id,
		.span_id = span->span_id,
		.parent_id = *span->parent_id ? span->parent_id : NULL,
		.name = record->name,
		.kind = record->kind,
		.from_ns = decimal(arena, record->from_us, "000"),
		.to_ns = decimal(arena, record->to_us, "000"),
		.attributes = attributes_of(arena, record),
		.links = links_of(arena, record),
		.status = *record->error ? &failed : NULL,
	};
}

void trace_encode(struct strbuf *out, struct arena *arena, const struct trace_resource *resource,
		  const struct trace_record *records, size_t count)
{
	static const struct otlp_scope scope = {"core-service", CORE_VERSION};
	struct otlp_span *spans = arena_calloc(arena, count + 1, sizeof(*spans));
	struct otlp_attribute who[] = {
		attribute(arena, "service.name", resource->service_name, 0),
		attribute(arena, "service.version", CORE_VERSION, 0),
		attribute(arena, "service.instance.id", resource->instance_id, 0),
	};
	const struct otlp_resource maker = {{who, ARRAY_LEN(who)}};
	struct otlp_scope_spans in_scope = {&scope, {spans, count}};
	struct otlp_resource_spans of_resource = {&maker, {&in_scope, 1}};
	const struct otlp_request request = {{&of_resource, 1}};

	for (size_t i = 0; i < count; i++)
		spans[i] = span_of(arena, &records[i]);
	json_encode(out, &request_schema, &request);
}

/* --- headers ------------------------------------------------------------------------------ */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* "name=value" as a header's line; NULL: it is none. */
static const char *header_line(struct arena *arena, const char *at, size_t len)
{
	size_t blanks = strspn(at, " ");
	size_t name_len = strspn(at + blanks, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789!#$%&'*+-.^_`|~");
	size_t before = blanks + name_len + 1;
	const char *value;

	if (name_len == 0 || before > len || at[before - 1] != '=')
		return NULL;
	value = http_decode(arena, at + before, len - before, false);
	if (!value || !is_printable(value))
		return NULL;
	return arena_printf(arena, "%.*s: %s", (int)name_len, at + blanks, value);
}

const char *const *trace_headers(struct arena *arena, const char *text)
{
	const char **lines = arena_calloc(arena, HEADERS_MAX + 1, sizeof(*lines));
	size_t count = 0;

	for (size_t len; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		if (count == HEADERS_MAX)
			return NULL;
		lines[count] = header_line(arena, text, len);
		if (!lines[count++])
			return NULL;
	}
	return lines;
}
