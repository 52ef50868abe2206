/*
 * trace_internal: what the files of trace share.
 */
#ifndef COMMON_TRACE_INTERNAL_H
#define COMMON_TRACE_INTERNAL_H

#include "common/trace.h"

enum {
	TRACE_TEXT_MAX = 96, /* bytes of a name or a text attribute, NUL included */
	TRACE_ERROR_MAX = 40,
	TRACE_RING = 2048,
	TRACE_BATCH = 256, /* spans a post */
};

/* A span that ended, as it waits: no pointers but to static keys. */
struct trace_record {
	struct trace_span span;
	enum trace_kind kind;
	int64_t from_us, to_us; /* wall clock */
	char name[TRACE_TEXT_MAX];
	char error[TRACE_ERROR_MAX]; /* "": none */
	size_t count;
	struct trace_recorded {
		const char *key;
		int64_t number;
		char text[TRACE_TEXT_MAX]; /* "": the number */
	} attributes[TRACE_ATTRIBUTES_MAX];
};

/* Who made the spans. */
struct trace_resource {
	const char *service_name;
	const char *instance_id;
};

/* Is a new trace of that id recorded? */
bool trace_samples(const char *trace_id);
/* Decide, at its beginning, whether the span is recorded. */
void trace_mark(struct trace_span *span, bool sampled);
/* The body of a post: ExportTraceServiceRequest in OTLP's JSON. */
void trace_encode(struct strbuf *out, struct arena *arena, const struct trace_resource *resource,
		  const struct trace_record *records, size_t count);
/* "name=value,…" as lines "name: value", NULL-terminated; NULL: not of that form. */
const char *const *trace_headers(struct arena *arena, const char *text);

#endif
