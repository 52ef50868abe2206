/*
 * Trace contexts: what a caller sends, what a row of the outbox holds, and the collector's headers.
 * What goes out is always well formed, and taken as it is by the next of ours.
 */
#include <string.h>

#include "common/trace_internal.h"
#include "tests/fuzz/fuzz.h"

enum { STATE_MAX = 512 };

/* As its receiver, who gets it in two headers, reads it again. */
static void check_sent(struct arena *arena, const char *context)
{
	const char *state = trace_state(context);
	const char *again =
		trace_accept(arena, arena_strndup(arena, context, TRACEPARENT_LEN), state);

	MUST(again && !strcmp(again, context));
	MUST(!state || strlen(state) <= STATE_MAX);
}

static void check_begun(struct arena *arena, const char *parent, bool accepted)
{
	struct trace_span span;
	const char *context = trace_begin(&span, arena, parent);

	MUST(strlen(span.trace_id) == TRACE_ID_SIZE - 1);
	MUST(strlen(span.span_id) == SPAN_ID_SIZE - 1);
	MUST(!strncmp(context + 3, span.trace_id, TRACE_ID_SIZE - 1));
	MUST(!accepted || !strncmp(context + 3, parent + 3, TRACE_ID_SIZE - 1));
	MUST(!accepted || !strncmp(span.parent_id, parent + 36, SPAN_ID_SIZE - 1));
	if (accepted)
		check_sent(arena, context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	const char *traceparent = fuzz_text(&input, arena);
	const char *tracestate = fuzz_text(&input, arena);
	const char *headers = fuzz_text(&input, arena);
	const char *context = trace_accept(arena, traceparent, tracestate);
	const char *const *lines = trace_headers(arena, headers);

	if (context) {
		check_sent(arena, context);
		check_begun(arena, context, true);
	}
	check_begun(arena, traceparent, false);
	for (size_t i = 0; lines && lines[i]; i++)
		MUST(!strpbrk(lines[i], "\r\n") && strstr(lines[i], ": "));
	return 0;
}
