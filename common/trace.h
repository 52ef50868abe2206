/*
 * trace: W3C Trace Context (level 1) through requests, jobs and calls, and spans for a collector
 * that speaks OTLP/HTTP JSON.
 *
 * A context is one text: the traceparent of whoever causes what follows and, behind a blank, its
 * tracestate. It travels in the member `traceparent` of requests, jobs (so in the outbox) and
 * calls. A span is one piece of work: begun under a context, it gives the context of what it causes
 * in turn. Spans are recorded only while an exporter runs (trace_start), and then those of sampled
 * traces; they wait in a ring of fixed size for the thread that posts them. What finds the ring
 * full is dropped and counted, so nothing waits here for a collector.
 *
 * Attributes must hold neither secrets nor personal data. Thread safe but for trace_start and
 * trace_stop, which are main's.
 */
#ifndef COMMON_TRACE_H
#define COMMON_TRACE_H

#include "common/config.h"
#include "common/log.h"

enum { TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17, TRACEPARENT_LEN = 55 };
enum { TRACE_ATTRIBUTES_MAX = 8 };

struct trace_span {
	char trace_id[TRACE_ID_SIZE]; /* lower case hex */
	char span_id[SPAN_ID_SIZE];
	char parent_id[SPAN_ID_SIZE]; /* "": nobody's child */
	bool recorded;
	int64_t begun_us; /* monotonic */
};

/* Numbers of OTLP's SpanKind. */
enum trace_kind { TRACE_SERVER = 2, TRACE_CLIENT = 3, TRACE_CONSUMER = 5 };

/* The text, or without one the number; left out when both are nothing. The key is kept by
 * reference. */
struct trace_attribute {
	const char *key;
	const char *text;
	int64_t number;
};

/* How a piece of work ended. Its name is verb and object: "GET /api/events/{id}". */
struct trace_report {
	enum trace_kind kind;
	const char *verb;
	const char *object; /* NULL: the verb alone */
	const char *error;  /* error.type, of few values; NULL: it went well */
	const struct trace_attribute *attributes;
	size_t count; /* at most TRACE_ATTRIBUTES_MAX */
};

/* The context that a request came with, in the arena. NULL where there is none to go on with: no
 * traceparent, or one that is invalid (3.2.2); an invalid tracestate alone is dropped (3.3). A
 * header that came several times is given as one list (RFC 9110, 5.3). */
const char *trace_accept(struct arena *arena, const char *traceparent, const char *tracestate);
/* The context of a new trace that has no span yet: what begins under it is nobody's child. For work
 * that mostly finds nothing to do. Never sent to others. */
const char *trace_new(struct arena *arena);
/* Begin a span under a context; NULL, or none that can be read: in a new trace. Returns the context
 * of what it causes, in the arena. */
const char *trace_begin(struct trace_span *ret, struct arena *arena, const char *context);
/* The tracestate in a context; NULL: none. The traceparent is its first TRACEPARENT_LEN bytes. */
const char *trace_state(const char *context);
/* Record the span, which ends now, if it is to be recorded. */
void trace_end(const struct trace_span *span, const struct trace_report *report);
/* The members trace_id and span_id of a line; nothing for a span that never began. */
void trace_log(struct log_line *line, const struct trace_span *span);

/* --- the exporter ------------------------------------------------------------------------- */

struct trace_config {
	const char *endpoint; /* NULL: nothing is recorded */
	const char *headers;
	const char *service_name;
	const char *sample_ratio;
};

/* clang-format off */
/* Rows for a program's table of configuration. */
#define TRACE_CONFIG_KEYS(type, member)								\
	{"OTEL_EXPORTER_OTLP_ENDPOINT", CONFIG_URL, 0, NULL, 1, 1024,				\
	 offsetof(type, member.endpoint), NULL,							\
	 "collector that takes spans as OTLP/HTTP JSON below it at /v1/traces (unset: none are made)"}, \
	{"OTEL_EXPORTER_OTLP_HEADERS", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 4096,		\
	 offsetof(type, member.headers), NULL,							\
	 "headers for the collector: name=value with commas, values percent-encoded"},		\
	{"OTEL_SERVICE_NAME", CONFIG_STRING, 0, NULL, 1, 255,					\
	 offsetof(type, member.service_name), NULL,						\
	 "service.name of the spans (unset: the program's name)"},				\
	{"OTEL_TRACES_SAMPLER_ARG", CONFIG_STRING, 0, "1", 1, 16,				\
	 offsetof(type, member.sample_ratio), NULL,						\
	 "share of new traces that is recorded, 0 to 1; in a caller's trace its sampled flag decides"}
/* clang-format on */

/* Can headers and ratio be read? ST_CONFIG naming the variable. */
enum status trace_check(const struct trace_config *config, struct problem *err) MUST_CHECK;
/* Start the exporter, if an endpoint is configured; after http_client_init, before other threads.
 * `config` was checked and outlives the exporter. */
enum status trace_start(const struct trace_config *config, const char *program,
			struct problem *err) MUST_CHECK;
/* Post what waits, for 2 s at most, and end the exporter. Nobody may begin or end spans any more.
 * Also after a trace_start that was not, or failed. */
void trace_stop(void);

#endif
