/*
 * The work of imports, a slice at a time: first the file's rows are counted, so that one of no use
 * does nothing at all; then they are applied, each slice and the pointer behind it in one
 * transaction (import_apply). A slice knows nothing of the one before: whoever claims the import
 * goes on at the pointer.
 */
#include <inttypes.h>
#include <string.h>

#include "api/guests/guests.h"
#include "api/guests/imports.h"
#include "api/guests/imports_store.h"
#include "api/observe.h"
#include "common/crash_point.h"
#include "sql_api.h"

enum {
	ROWS_MAX = 100000,     /* of a file */
	SLICE_ROWS = 500,      /* applied at once */
	SLICE_BYTES = 1 << 20, /* of the file, at most, whatever its rows */
	SCAN_BYTES = 4 << 20,
	ATTEMPTS_MAX = 20, /* slices that came to nothing, in a row */
	ARENA_BLOCK = 64 * 1024,
	GUEST_TYPES_MAX = 16,
};

/* --- a row for import_apply ------------------------------------------------------------------ */

struct row {
	int64_t ord;
	int64_t line;
	const char *first_name;
	const char *last_name;
	const char *email;
	const char *phone;
	bool has_phone;
	const char *type;
	const char *locale;
	const char *external_id;
	int64_t ticket_type_id;
	const char *ticket_code;
	const char *job_id;
};

#define AT(member) offsetof(struct row, member)
#define TEXT(column)                                                                               \
	{                                                                                          \
		.name = #column, .type = FIELD_STRING, .offset = AT(column)                        \
	}
static const struct field row_fields[] = {
	{.name = "ord", .type = FIELD_INT, .offset = AT(ord)},
	{.name = "line", .type = FIELD_INT, .offset = AT(line)},
	TEXT(first_name),
	TEXT(last_name),
	TEXT(email),
	TEXT(phone),
	{.name = "has_phone", .type = FIELD_BOOL, .offset = AT(has_phone)},
	TEXT(type),
	TEXT(locale),
	TEXT(external_id),
	{.name = "ticket_type_id", .type = FIELD_ID, .offset = AT(ticket_type_id)},
	TEXT(ticket_code),
	TEXT(job_id),
};
#undef TEXT
#undef AT
static const struct schema row_schema = SCHEMA(row_fields, struct row);

#define AT(member) offsetof(struct fault, member)
struct fault {
	int64_t line;
	const char *field;
	const char *code;
	const char *detail;
	int64_t at;
};
static const struct field fault_fields[] = {
	{.name = "line", .type = FIELD_INT, .offset = AT(line)},
	{.name = "field", .type = FIELD_STRING, .offset = AT(field)},
	{.name = "code", .type = FIELD_STRING, .offset = AT(code)},
	{.name = "detail", .type = FIELD_STRING, .offset = AT(detail)},
	{.name = "at", .type = FIELD_INT, .offset = AT(at)},
};
#undef AT
static const struct schema fault_schema = SCHEMA(fault_fields, struct fault);

/* --- a slice --------------------------------------------------------------------------------- */

struct slice_of_rows {
	const struct import_claim *claim;
	struct strbuf rows; /* JSON arrays, without the bracket that ends them */
	struct strbuf faults;
	int64_t good, bad;
	int types[SLICE_ROWS];        /* of the good ones */
	int created[GUEST_TYPES_MAX]; /* guests made, by type, for the metric */
	int64_t next_offset;
	int64_t next_line;
};

static void add_item(struct strbuf *out, const struct schema *schema, const void *value)
{
	strbuf_addc(out, out->len ? ',' : '[');
	json_encode(out, schema, value);
}

static void add_row(struct slice_of_rows *slice, const struct guest_input *input, int line)
{
	char code[TICKET_CODE_SIZE], job_id[UUID_SIZE];
	bool has_type = field_given(&input->presence, GUEST_TYPE);
	bool has_locale = field_given(&input->presence, GUEST_LOCALE);
	struct row row = {
		.ord = slice->good + 1,
		.line = line,
		.first_name = input->first_name,
		.last_name = input->last_name,
		.email = input->email,
		.phone = input->phone,
		.has_phone = field_given(&input->presence, GUEST_PHONE),
		.type = has_type ? guest_type_names[input->type] : NULL,
		.locale = has_locale ? locale_names[input->locale] : NULL,
		.external_id = input->external_id,
		.ticket_type_id = input->ticket_type_id,
		.ticket_code = code,
		.job_id = job_id,
	};

	ids_code("EVT", code);
	ids_uuid7(job_id);
	add_item(&slice->rows, &row_schema, &row);
	slice->types[slice->good++] = has_type ? input->type : GUEST_TYPE_REGULAR;
}

static void add_faults(struct slice_of_rows *slice, const struct problem *bad, int line)
{
	struct fault fault = {.line = line, .code = "malformed", .detail = bad->detail};

	slice->bad++;
	if (!bad->violations)
		add_item(&slice->faults, &fault_schema, &fault);
	for (const struct violation *v = bad->violations; v; v = v->next) {
		fault = (struct fault){line, *v->where ? v->where : NULL, v->code, v->detail,
				       fault.at + 1};
		add_item(&slice->faults, &fault_schema, &fault);
	}
}

/* Judge one row by its fields; the memory for that goes with the row. */
static void take_row(struct slice_of_rows *slice, const struct import_reader *reader,
		     struct arena *arena, const struct import_raw *raw)
{
	struct guest_input input;
	struct problem bad = {0};

	if (import_reader_decode(reader, arena, raw, &input, &bad))
		add_faults(slice, &bad, raw->line);
	else
		add_row(slice, &input, raw->line);
}

static enum status read_slice(struct import_reader *reader, struct slice_of_rows *slice,
			      struct arena *arena, struct problem *err)
{
	int64_t start = import_source_offset(&reader->source);
	int64_t left = slice->claim->total - slice->claim->processed;
	enum import_found found = IMPORT_ROW;
	struct import_fault fault;
	struct import_raw raw;
	enum status status;

	while (slice->good + slice->bad < left && slice->good + slice->bad < SLICE_ROWS &&
	       import_source_offset(&reader->source) - start < SLICE_BYTES) {
		status = import_reader_next(reader, arena, &raw, &found, &fault, err);
		if (status)
			return status;
		if (found != IMPORT_ROW)
			return problem_set(err, ST_INTERNAL_ERROR, "rows of the import are gone");
		take_row(slice, reader, arena, &raw);
		arena_reset(arena);
	}
	slice->next_offset = import_source_offset(&reader->source);
	slice->next_line = reader->line;
	return OK;
}

/* Jobs to hand on, and guests to count. */
static void take_outcomes(struct request *req, struct slice_of_rows *slice,
			  const struct pg_result *result)
{
	memset(slice->created, 0, sizeof(slice->created));
	for (size_t i = 0; i < pg_rows(result); i++) {
		const char *job_id = pg_text(result, i, pg_column(result, "job_id"));
		const char *job_type = pg_text(result, i, pg_column(result, "job_type"));
		int64_t ord = pg_i64(result, i, pg_column(result, "ord"));
		bool created = pg_bool(result, i, pg_column(result, "created"));

		if (job_id)
			request_remember_job(req, arena_strdup(req->arena, job_type), job_id);
		if (created && ord > 0 && ord <= slice->good)
			slice->created[slice->types[ord - 1]]++;
	}
}

static void close_array(struct strbuf *items)
{
	strbuf_adds(items, items->len ? "]" : "[]");
}

static void count_guests(const struct slice_of_rows *slice)
{
	for (int i = 0; guest_type_names[i]; i++)
		if (slice->created[i])
			observe_guests_registered(slice->claim->event_id, 0, guest_type_names[i],
						  slice->created[i]);
}

static enum status apply_once(struct request *req, struct problem *err)
{
	struct slice_of_rows *slice = req->work;
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_import_apply,
			       PG_ARGS(PG_I64(slice->claim->id), PG_I64(slice->claim->processed),
				       PG_TEXT(slice->rows.buf), PG_I64(slice->bad),
				       PG_TEXT(slice->faults.buf), PG_I64(slice->next_offset),
				       PG_I64(slice->next_line)),
			       &result, err);
	CRASH_POINT("import.applied");
	if (!status)
		take_outcomes(req, slice, result);
	return status;
}

static enum status apply(struct request *req, struct import_reader *reader,
			 const struct import_claim *claim, struct arena *arena, struct problem *err)
{
	struct slice_of_rows *slice = ARENA_NEW(req->arena, struct slice_of_rows);
	enum status status;

	strbuf_init(&slice->rows, NULL);
	strbuf_init(&slice->faults, NULL);
	slice->claim = claim;
	status = read_slice(reader, slice, arena, err);
	close_array(&slice->rows);
	close_array(&slice->faults);
	req->work = slice;
	if (!status)
		status = request_transaction(req, apply_once, err);
	CRASH_POINT("import.slice-committed");
	if (!status)
		count_guests(slice);
	strbuf_release(&slice->rows);
	strbuf_release(&slice->faults);
	return status;
}

/* --- counting -------------------------------------------------------------------------------- */

/* A JSON row that is none makes the whole text none. */
static bool is_json(struct arena *arena, const struct import_raw *raw)
{
	struct json_document *doc;
	struct problem ignored = {0};

	return json_parse(arena, raw->json.at, raw->json.len, &doc, &ignored) == OK;
}

static enum status scan(struct request *req, struct import_reader *reader,
			const struct import_claim *claim, struct arena *arena, struct problem *err)
{
	int64_t start = import_source_offset(&reader->source);
	int64_t total = claim->total;
	enum import_found found = IMPORT_ROW;
	struct import_fault fault = {0};
	struct import_raw raw = {0};
	enum status status;

	while (import_source_offset(&reader->source) - start < SCAN_BYTES) {
		status = import_reader_next(reader, arena, &raw, &found, &fault, err);
		if (status)
			return status;
		if (found != IMPORT_ROW)
			break;
		if (reader->format == IMPORT_JSON && !is_json(arena, &raw)) {
			fault = (struct import_fault){raw.line, NULL, "malformed", "is not JSON"};
			found = IMPORT_UNREADABLE;
			break;
		}
		if (++total > ROWS_MAX) {
			fault = (struct import_fault){raw.line, NULL, "too-many",
						      "a file may have at most 100000 rows"};
			found = IMPORT_UNREADABLE;
			break;
		}
		arena_reset(arena);
	}
	CRASH_POINT("import.scanned");
	if (found == IMPORT_UNREADABLE)
		return import_set_failed(req, claim->id, &fault, err);
	return import_set_scanned(req, claim, total, import_source_offset(&reader->source),
				  reader->line, found == IMPORT_END, err);
}

/* --- the duty -------------------------------------------------------------------------------- */

static enum status open_and_run(struct request *req, struct import_reader *reader,
				const struct import_claim *claim, struct arena *arena,
				struct problem *err)
{
	enum import_found found;
	struct import_fault fault;
	enum status status;

	status = import_reader_open(reader, arena, claim->next_offset, (int)claim->next_line,
				    &found, &fault, err);
	if (status)
		return status;
	if (found == IMPORT_UNREADABLE)
		return import_set_failed(req, claim->id, &fault, err);
	arena_reset(arena);
	return claim->scanned ? apply(req, reader, claim, arena, err)
			      : scan(req, reader, claim, arena, err);
}

static enum status run_slice(struct request *req, const struct import_claim *claim,
			     struct problem *err)
{
	struct import_reader reader = {.format = !strcmp(claim->format, "csv") ? IMPORT_CSV
									       : IMPORT_JSON};
	struct arena arena;
	enum status status;

	arena_init(&arena, ARENA_BLOCK);
	import_source_init(&reader.source, req, claim->id, claim->size);
	status = open_and_run(req, &reader, claim, &arena, err);
	import_source_clear(&reader.source);
	arena_clear(&arena);
	return status;
}

enum status imports_work(struct request *req, bool *ret_more, struct problem *err)
{
	static const struct import_fault given_up = {
		.line = 1, .code = "internal-error", .detail = "the import did not get on"};
	struct import_claim claim;
	enum status status = import_claim_next(req, &claim, err);

	if (status || !claim.id)
		return status;
	CRASH_POINT("import.claimed");
	if (claim.attempts > ATTEMPTS_MAX)
		status = import_set_failed(req, claim.id, &given_up, err);
	else
		status = run_slice(req, &claim, err);
	CRASH_POINT("import.slice-over");
	if (!status)
		*ret_more = true;
	return status;
}
