/*
 * trace: the ring of spans that ended, and the thread that posts them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/ids.h"
#include "common/metrics.h"
#include "common/trace_internal.h"

enum {
	POST_MS = 2000, /* of one post, and of all of them when the program ends */
	PAUSE_MS = 1000,
	ATTEMPTS = 2,
	ARENA_BLOCK = 256 * 1024,
	SAMPLED_BITS = 56,
};

static struct {
	/* Set by trace_start, constant while others run. */
	bool on;
	double ratio;
	const char *url;
	const char *const *headers;
	struct trace_resource resource;
	struct arena memory; /* of these */
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct trace_record *ring;
	size_t first, count;
	bool stopping;
	int64_t until_us; /* monotonic: nothing is posted later */

	bool failing; /* the thread's own */
} exporter = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct metric spans_total = {
	.name = "trace_spans_total",
	.type = METRIC_COUNTER,
	.help = "Spans: posted, failed (the collector did not take them), dropped (the ring was "
		"full)",
	.labels = {"outcome", NULL},
};
static struct metric *const families[] = {&spans_total};

static void count_spans(size_t count, const char *outcome)
{
	metrics_add(&spans_total, (double)count, outcome, (char *)NULL);
}

/* --- spans -------------------------------------------------------------------------------- */

bool trace_samples(const char *trace_id)
{
	char digits[SAMPLED_BITS / 4 + 1];

	if (!exporter.on)
		return false;
	/* Its end: other makers of ids put the time into the first half. */
	memcpy(digits, trace_id + TRACE_ID_SIZE - sizeof(digits), sizeof(digits));
	return (double)strtoull(digits, NULL, 16) <
	       exporter.ratio * (double)(UINT64_C(1) << SAMPLED_BITS);
}

void trace_mark(struct trace_span *span, bool sampled)
{
	if (!exporter.on || !sampled)
		return;
	span->recorded = true;
	span->begun_us = clock_monotonic_us();
}

void trace_log(struct log_line *line, const struct trace_span *span)
{
	log_str(line, "trace_id", *span->trace_id ? span->trace_id : NULL);
	log_str(line, "span_id", *span->span_id ? span->span_id : NULL);
}

static void copy_text(char *ret, const char *text, size_t size)
{
	size_t len = utf8_cut(text, strlen(text), size - 1);

	memcpy(ret, text, len);
	ret[len] = '\0';
}

static void fill(struct trace_record *record, const struct trace_span *span,
		 const struct trace_report *report)
{
	char name[2 * TRACE_TEXT_MAX];

	record->span = *span;
	record->kind = report->kind;
	record->to_us = clock_now_us();
	record->from_us = record->to_us - (clock_monotonic_us() - span->begun_us);
	snprintf(name, sizeof(name), "%s%s%s", report->verb, report->object ? " " : "",
		 report->object ? report->object : "");
	copy_text(record->name, name, sizeof(record->name));
	copy_text(record->error, report->error ? report->error : "", sizeof(record->error));
	record->count = 0;
	for (size_t i = 0; i < report->count && record->count < TRACE_ATTRIBUTES_MAX; i++) {
		const struct trace_attribute *from = &report->attributes[i];
		struct trace_recorded *to = &record->attributes[record->count];

		if (!from->text && !from->number)
			continue;
		to->key = from->key;
		to->number = from->number;
		copy_text(to->text, from->text ? from->text : "", sizeof(to->text));
		record->count++;
	}
}

void trace_end(const struct trace_span *span, const struct trace_report *report)
{
	struct trace_record *record = NULL;

	if (!span->recorded)
		return;
	pthread_mutex_lock(&exporter.lock);
	if (exporter.count < TRACE_RING) {
		record = &exporter.ring[(exporter.first + exporter.count) % TRACE_RING];
		fill(record, span, report);
		if (++exporter.count % TRACE_BATCH == 0)
			pthread_cond_signal(&exporter.wake);
	}
	pthread_mutex_unlock(&exporter.lock);
	if (!record)
		count_spans(1, "dropped");
}

/* --- the thread --------------------------------------------------------------------------- */

/* The oldest spans, which lie together; they stay in the ring until they are encoded. */
struct batch {
	const struct trace_record *records;
	size_t count;
	int64_t left_ms;
};

static struct batch look(void)
{
	size_t together = TRACE_RING - exporter.first;
	struct batch batch = {.records = &exporter.ring[exporter.first], .left_ms = POST_MS};

	batch.count = exporter.count < together ? exporter.count : together;
	batch.count = batch.count < TRACE_BATCH ? batch.count : TRACE_BATCH;
	if (exporter.stopping)
		batch.left_ms = (exporter.until_us - clock_monotonic_us()) / US_PER_MS;
	return batch;
}

/* Wait for a batch, for a while, or for the stop. False: the end. */
static bool await_batch(struct batch *ret)
{
	int64_t until_us = clock_monotonic_us() + PAUSE_MS * US_PER_MS;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	size_t lost = 0;
	int failed = 0;
	bool goes_on;

	pthread_mutex_lock(&exporter.lock);
	while (exporter.count < TRACE_BATCH && !exporter.stopping && failed != ETIMEDOUT)
		failed = pthread_cond_timedwait(&exporter.wake, &exporter.lock, &until);
	*ret = look();
	goes_on = !exporter.stopping || (ret->count && ret->left_ms > 0);
	if (!goes_on)
		lost = exporter.count;
	pthread_mutex_unlock(&exporter.lock);
	if (lost)
		count_spans(lost, "dropped");
	return goes_on;
}

static void forget(size_t count)
{
	pthread_mutex_lock(&exporter.lock);
	exporter.first = (exporter.first + count) % TRACE_RING;
	exporter.count -= count;
	pthread_mutex_unlock(&exporter.lock);
}

static void note(enum status status, const struct problem *err)
{
	if (status && !exporter.failing)
		log_message(LOG_WARN, "The collector does not take spans: %s", err->detail);
	if (!status && exporter.failing)
		log_message(LOG_INFO, "The collector takes spans again");
	exporter.failing = status != OK;
}

static void post(struct arena *arena, const struct batch *batch)
{
	struct problem err = {0};
	struct http_answer answer;
	struct strbuf body;
	enum status status;

	strbuf_init(&body, arena);
	trace_encode(&body, arena, &exporter.resource, batch->records, batch->count);
	forget(batch->count);
	status = http_call(arena,
			   &(struct http_call){.method = "POST",
					       .url = exporter.url,
					       .body = body.buf,
					       .headers = exporter.headers,
					       .timeout_ms = batch->left_ms,
					       .budget_ms = batch->left_ms,
					       .attempts = ATTEMPTS},
			   &answer, &err);
	note(status, &err);
	count_spans(batch->count, status ? "failed" : "posted");
}

static void *run(void *arg)
{
	struct batch batch;
	struct arena arena;

	thread_name("trace");
	arena_init(&arena, ARENA_BLOCK);
	while (await_batch(&batch)) {
		if (batch.count)
			post(&arena, &batch);
		arena_reset(&arena);
	}
	arena_clear(&arena);
	return arg;
}

/* --- start and stop ----------------------------------------------------------------------- */

static bool read_ratio(const char *text, double *ret)
{
	char *end;
	double ratio = strtod(text, &end);

	if (strspn(text, "0123456789.") != strlen(text) || *end || end == text || ratio > 1)
		return false;
	*ret = ratio;
	return true;
}

enum status trace_check(const struct trace_config *config, struct problem *err)
{
	struct arena arena;
	double ratio;
	bool good;

	if (!read_ratio(config->sample_ratio, &ratio))
		return problem_set(err, ST_CONFIG,
				   "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1");
	arena_init(&arena, 1024);
	good = !config->headers || trace_headers(&arena, config->headers);
	arena_clear(&arena);
	return good ? OK
		    : problem_set(err, ST_CONFIG,
				  "OTEL_EXPORTER_OTLP_HEADERS must be name=value, or several "
				  "with commas");
}

static void prepare(const struct trace_config *config, const char *program)
{
	char *instance_id;

	arena_init(&exporter.memory, 4096);
	instance_id = arena_alloc(&exporter.memory, UUID_SIZE);
	ids_uuid4(instance_id);
	exporter.resource = (struct trace_resource){
		.service_name = config->service_name ? config->service_name : program,
		.instance_id = instance_id,
	};
	exporter.url = arena_printf(&exporter.memory, "%s/v1/traces", config->endpoint);
	exporter.headers =
		config->headers ? trace_headers(&exporter.memory, config->headers) : NULL;
	exporter.ring = calloc(TRACE_RING, sizeof(*exporter.ring));
	if (!exporter.ring || !read_ratio(config->sample_ratio, &exporter.ratio))
		fatal("traces: out of memory");
	exporter.first = exporter.count = 0;
	exporter.stopping = exporter.failing = false;
}

static void init_wake(void)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&exporter.wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void release(void)
{
	pthread_cond_destroy(&exporter.wake);
	arena_clear(&exporter.memory);
	free(exporter.ring);
	exporter.ring = NULL;
}

enum status trace_start(const struct trace_config *config, const char *program, struct problem *err)
{
	if (!config->endpoint)
		return OK;
	prepare(config, program);
	init_wake();
	if (pthread_create(&exporter.thread, NULL, run, NULL)) {
		release();
		return problem_set(err, ST_INTERNAL_ERROR, "No thread for the spans");
	}
	metrics_register(families, ARRAY_LEN(families));
	count_spans(0, "posted");
	count_spans(0, "failed");
	count_spans(0, "dropped");
	exporter.on = true;
	return OK;
}

void trace_stop(void)
{
	if (!exporter.on)
		return;
	pthread_mutex_lock(&exporter.lock);
	exporter.stopping = true;
	exporter.until_us = clock_monotonic_us() + POST_MS * US_PER_MS;
	pthread_cond_signal(&exporter.wake);
	pthread_mutex_unlock(&exporter.lock);
	pthread_join(exporter.thread, NULL);
	exporter.on = false;
	release();
}
