/*
 * imports_store: imports' statements.
 */
#ifndef API_GUESTS_IMPORTS_STORE_H
#define API_GUESTS_IMPORTS_STORE_H

#include "api/guests/import_reader.h"

/* One entry of a report. */
struct import_error {
	int64_t line;
	const char *column;
	const char *code;
	const char *detail;
};

/* What is told of an import. */
struct import_out {
	int64_t id;
	int64_t event_id;
	const char *status;
	bool dry_run;
	int64_t total;
	int64_t processed;
	int64_t created;
	int64_t updated;
	int64_t rejected;
	struct field_array errors;
};

extern const struct schema import_schema;

/* An import to work on. */
struct import_claim {
	int64_t id;
	int64_t event_id;
	const char *format;
	int64_t size;
	bool scanned;
	int64_t processed;
	int64_t next_offset;
	int64_t next_line;
	int64_t total;
	int64_t attempts;
};

/* Begin to take a body for the event of the request; nobody sees it yet. */
enum status import_begin(struct request *req, enum import_format format, bool dry_run, bool notify,
			 int64_t *ret_id, struct problem *err) MUST_CHECK;
enum status import_add_chunk(struct request *req, int64_t import_id, int64_t number,
			     struct slice body, struct problem *err) MUST_CHECK;
/* The body is whole: there is an import. */
enum status import_queue(struct request *req, int64_t import_id, int64_t size,
			 struct problem *err) MUST_CHECK;
/* Forget a body that was not queued. */
enum status import_drop(struct request *req, int64_t import_id, struct problem *err) MUST_CHECK;
/* The import and its report. */
enum status import_load(struct request *req, int64_t import_id, struct import_out *ret,
			struct problem *err) MUST_CHECK;

/* Take the one that waits longest for some seconds; id 0: none is due. */
enum status import_claim_next(struct request *req, struct import_claim *ret,
			      struct problem *err) MUST_CHECK;
/* Rows are counted up to a place, or (`end`) all of them. */
enum status import_set_scanned(struct request *req, const struct import_claim *claim, int64_t total,
			       int64_t offset, int64_t line, bool end,
			       struct problem *err) MUST_CHECK;
/* It ends here, and the report says why. */
enum status import_set_failed(struct request *req, int64_t import_id,
			      const struct import_fault *fault, struct problem *err) MUST_CHECK;

#endif
