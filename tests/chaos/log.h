/*
 * log: the history of a run as its clients saw it: each operation from its first try to its end,
 * and what was seen to be wrong on the way. Any thread.
 *
 * An operation ends ok (answered, it holds), fail (answered, it changed nothing) or unknown (no
 * answer that says so, and the client gave up). Written to a file line by line, too.
 */
#ifndef CHAOS_LOG_H
#define CHAOS_LOG_H

#include "common/strbuf.h"

enum op_kind {
	OP_REGISTER,
	OP_REGISTER_PAID,
	OP_PAY,
	OP_REFUND,
	OP_REFUND_PART,
	OP_SCAN,
	OP_UNDO,
	OP_REISSUE,
	OP_CANCEL,
	OP_EDIT,
	OP_EDIT_LAST,
	OP_MOVE, /* an event to another place */
	OP_EXPORT,
	OP_IMPORT,
	OP_CANCEL_EVENT,
	OP_KINDS
};
extern const char *const op_names[OP_KINDS];

enum outcome { OUTCOME_RUNNING, OUTCOME_OK, OUTCOME_FAIL, OUTCOME_UNKNOWN, OUTCOMES };
extern const char *const outcome_names[OUTCOMES];

/* Texts live as long as the run. */
struct op {
	int number;
	enum op_kind kind;
	enum outcome outcome;
	int tries;
	bool doubted; /* a try had no answer: it may hold, and late */
	int64_t begun_us, done_us;
	int64_t event_id, guest_id; /* the guest made, or spoken of; 0: none */
	const char *key;            /* Idempotency-Key, scanId or webhook-id */
	const char *email, *code;   /* of a registration: given, and got; code: shown, or new */
	const char *value;          /* the name or place that was set, the intent, the old code */
	int64_t amount;             /* cents of a part, rows of a file */
	const char *detail;         /* slug of the last answer */
};

void log_open(const char *path);
void log_close(void);
struct op *log_begin(enum op_kind kind, int number);
void log_end(struct op *op, enum outcome outcome);
/* Something that must never be was seen. */
void log_violation(const char *check, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* After the run. */
size_t log_count(enum op_kind kind, enum outcome outcome);
size_t log_violations(void);
/* When the first was seen, monotonic; 0: none. */
int64_t log_first_violation_us(void);
/* All operations as a JSON array; violations as a JSON object of counts by check. */
void log_ops_json(struct strbuf *out);
void log_violations_json(struct strbuf *out);

#endif
