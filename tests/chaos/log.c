#include "tests/chaos/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"

const char *const op_names[OP_KINDS] = {
	"register",  "register-paid", "pay",     "refund", "refund-part",
	"scan",      "undo",          "reissue", "cancel", "edit",
	"edit-last", "move",          "export",  "import", "cancel-event",
};
const char *const outcome_names[OUTCOMES] = {"running", "ok", "fail", "unknown"};

enum { CHECKS_MAX = 64 };

static struct {
	pthread_mutex_t lock;
	FILE *file;
	struct op **ops;
	size_t count, cap;
	struct {
		const char *name;
		size_t count;
	} checks[CHECKS_MAX];
	size_t violations;
	int64_t first_us;
} history = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_open(const char *path)
{
	history.file = fopen(path, "we");
	if (!history.file)
		fatal("chaos: cannot write %s", path);
}

void log_close(void)
{
	fclose(history.file);
}

static void add_text(struct strbuf *out, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_addf(out, ",\"%s\":", name);
	json_encode_string(out, value);
}

static void add_op(struct strbuf *out, const struct op *op)
{
	strbuf_addf(out,
		    "{\"number\":%d,\"kind\":\"%s\",\"outcome\":\"%s\",\"tries\":%d,\"doubted\":%s,"
		    "\"begun_us\":%lld,\"done_us\":%lld,\"event_id\":%lld,\"guest_id\":%lld,"
		    "\"amount\":%lld",
		    op->number, op_names[op->kind], outcome_names[op->outcome], op->tries,
		    op->doubted ? "true" : "false", (long long)op->begun_us, (long long)op->done_us,
		    (long long)op->event_id, (long long)op->guest_id, (long long)op->amount);
	add_text(out, "key", op->key);
	add_text(out, "email", op->email);
	add_text(out, "code", op->code);
	add_text(out, "value", op->value);
	add_text(out, "detail", op->detail);
	strbuf_addc(out, '}');
}

static void write_op(const struct op *op)
{
	CLEANUP(strbuf_release) struct strbuf line;

	strbuf_init(&line, NULL);
	add_op(&line, op);
	fprintf(history.file, "%s\n", line.buf);
}

struct op *log_begin(enum op_kind kind, int number)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		fatal("chaos: no memory");
	op->kind = kind;
	op->number = number;
	op->begun_us = clock_monotonic_us();
	pthread_mutex_lock(&history.lock);
	if (history.count == history.cap) {
		history.cap = history.cap ? 2 * history.cap : 1024;
		history.ops = reallocarray(history.ops, history.cap, sizeof(*history.ops));
		if (!history.ops)
			fatal("chaos: no memory");
	}
	history.ops[history.count++] = op;
	write_op(op);
	pthread_mutex_unlock(&history.lock);
	return op;
}

void log_end(struct op *op, enum outcome outcome)
{
	pthread_mutex_lock(&history.lock);
	op->outcome = outcome;
	op->done_us = clock_monotonic_us();
	write_op(op);
	pthread_mutex_unlock(&history.lock);
}

static void count_violation(const char *check)
{
	size_t i = 0;

	while (i < CHECKS_MAX - 1 && history.checks[i].name &&
	       strcmp(history.checks[i].name, check) != 0)
		i++;
	history.checks[i].name = check;
	history.checks[i].count++;
	if (history.violations++ == 0)
		history.first_us = clock_monotonic_us();
}

void log_violation(const char *check, const char *fmt, ...)
{
	char at[RFC3339_SIZE];
	char *detail;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&detail, fmt, args) < 0)
		fatal("chaos: no memory");
	va_end(args);
	pthread_mutex_lock(&history.lock);
	count_violation(check);
	pthread_mutex_unlock(&history.lock);
	fprintf(stderr, "%s VIOLATION %s: %s\n", clock_format(clock_now_us(), at), check, detail);
	free(detail);
}

size_t log_count(enum op_kind kind, enum outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < history.count; i++)
		count += history.ops[i]->kind == kind && history.ops[i]->outcome == outcome;
	return count;
}

size_t log_violations(void)
{
	return history.violations;
}

int64_t log_first_violation_us(void)
{
	return history.first_us;
}

void log_ops_json(struct strbuf *out)
{
	strbuf_addc(out, '[');
	for (size_t i = 0; i < history.count; i++) {
		strbuf_adds(out, i ? "," : "");
		add_op(out, history.ops[i]);
	}
	strbuf_addc(out, ']');
}

void log_violations_json(struct strbuf *out)
{
	strbuf_addc(out, '{');
	for (size_t i = 0; i < CHECKS_MAX && history.checks[i].name; i++)
		strbuf_addf(out, "%s\"%s\":%zu", i ? "," : "", history.checks[i].name,
			    history.checks[i].count);
	strbuf_addc(out, '}');
}
