#include "api/guests/imports_store.h"

#include "sql_api.h"

#define AT(member) offsetof(struct import_error, member)
static const struct field error_fields[] = {
	{.name = "line", .type = FIELD_INT, .offset = AT(line)},
	{.name = "column", .type = FIELD_STRING, .offset = AT(column)},
	{.name = "code", .type = FIELD_STRING, .offset = AT(code)},
	{.name = "detail", .type = FIELD_STRING, .offset = AT(detail)},
};
#undef AT
static const struct schema error_schema = SCHEMA(error_fields, struct import_error);

#define AT(member) offsetof(struct import_out, member)
static const struct field import_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "dryRun", .type = FIELD_BOOL, .offset = AT(dry_run)},
	{.name = "total", .type = FIELD_INT, .offset = AT(total)},
	{.name = "processed", .type = FIELD_INT, .offset = AT(processed)},
	{.name = "created", .type = FIELD_INT, .offset = AT(created)},
	{.name = "updated", .type = FIELD_INT, .offset = AT(updated)},
	{.name = "rejected", .type = FIELD_INT, .offset = AT(rejected)},
	{.name = "errors", .type = FIELD_ARRAY, .offset = AT(errors), .nested = &error_schema},
};
#undef AT
const struct schema import_schema = SCHEMA(import_fields, struct import_out);

#define AT(member) offsetof(struct import_claim, member)
static const struct field claim_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "format", .type = FIELD_STRING, .offset = AT(format)},
	{.name = "size", .type = FIELD_INT, .offset = AT(size)},
	{.name = "scanned", .type = FIELD_BOOL, .offset = AT(scanned)},
	{.name = "processed", .type = FIELD_INT, .offset = AT(processed)},
	{.name = "nextOffset", .type = FIELD_INT, .offset = AT(next_offset)},
	{.name = "nextLine", .type = FIELD_INT, .offset = AT(next_line)},
	{.name = "total", .type = FIELD_INT, .offset = AT(total)},
	{.name = "attempts", .type = FIELD_INT, .offset = AT(attempts)},
};
#undef AT
static const struct schema claim_schema = SCHEMA(claim_fields, struct import_claim);

enum status import_begin(struct request *req, enum import_format format, bool dry_run, bool notify,
			 int64_t *ret_id, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_import_begin,
			       PG_ARGS(PG_I64(req->access.event_id), PG_I64(req->caller.user_id),
				       PG_TEXT(format == IMPORT_CSV ? "csv" : "json"),
				       PG_BOOL(dry_run), PG_BOOL(notify),
				       PG_TEXT(req->http->request_id), PG_TEXT(req->traceparent)),
			       &result, err);
	if (!status)
		*ret_id = pg_i64(result, 0, 0);
	return status;
}

enum status import_add_chunk(struct request *req, int64_t import_id, int64_t number,
			     struct slice body, struct problem *err)
{
	return request_query(
		req, &sql_import_add_chunk,
		PG_ARGS(PG_I64(import_id), PG_I64(number), PG_BYTES(body.at, body.len)), NULL, err);
}

enum status import_queue(struct request *req, int64_t import_id, int64_t size, struct problem *err)
{
	return request_query(req, &sql_import_queue, PG_ARGS(PG_I64(import_id), PG_I64(size)), NULL,
			     err);
}

enum status import_drop(struct request *req, int64_t import_id, struct problem *err)
{
	return request_query(req, &sql_import_drop, PG_ARGS(PG_I64(import_id)), NULL, err);
}

enum status import_load(struct request *req, int64_t import_id, struct import_out *ret,
			struct problem *err)
{
	PG_RESULT row = NULL;
	PG_RESULT errors = NULL;
	enum status status;

	status = request_query(req, &sql_import_get, PG_ARGS(PG_I64(import_id)), &row, err);
	if (!status)
		status = request_query(req, &sql_import_errors_list, PG_ARGS(PG_I64(import_id)),
				       &errors, err);
	if (status)
		return status;
	if (!pg_rows(row))
		return problem_set(err, ST_NOT_FOUND, "There is no such import");
	pg_scan(row, 0, &import_schema, req->arena, ret);
	ret->errors = pg_scan_all(errors, &error_schema, req->arena);
	return OK;
}

enum status import_claim_next(struct request *req, struct import_claim *ret, struct problem *err)
{
	PG_RESULT row = NULL;
	enum status status = request_query(req, &sql_import_claim, PG_NO_ARGS, &row, err);

	if (status)
		return status;
	*ret = (struct import_claim){0};
	if (pg_rows(row))
		pg_scan(row, 0, &claim_schema, req->arena, ret);
	return OK;
}

enum status import_set_scanned(struct request *req, const struct import_claim *claim, int64_t total,
			       int64_t offset, int64_t line, bool end, struct problem *err)
{
	return request_query(req, &sql_import_scanned,
			     PG_ARGS(PG_I64(claim->id), PG_I64(claim->next_offset), PG_I64(offset),
				     PG_I64(line), PG_I64(total), PG_BOOL(end)),
			     NULL, err);
}

enum status import_set_failed(struct request *req, int64_t import_id,
			      const struct import_fault *fault, struct problem *err)
{
	return request_query(req, &sql_import_fail,
			     PG_ARGS(PG_I64(import_id), PG_I64(fault->line), PG_TEXT(fault->field),
				     PG_TEXT(fault->code), PG_TEXT(fault->detail)),
			     NULL, err);
}
