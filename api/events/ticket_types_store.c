#include "api/events/ticket_types_store.h"

#include "sql_api.h"

/* The inputs as one array a column. */
struct columns {
	const char *names[TICKET_TYPES_MAX];
	int64_t prices[TICKET_TYPES_MAX];
	int64_t quantities[TICKET_TYPES_MAX];
	const char *descriptions[TICKET_TYPES_MAX];
	int64_t sales_starts[TICKET_TYPES_MAX];
	int64_t sales_ends[TICKET_TYPES_MAX];
};

static void fill(struct columns *ret, const struct ticket_type_input *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ret->names[i] = types[i].name;
		ret->prices[i] = types[i].price;
		ret->quantities[i] = types[i].quantity;
		ret->descriptions[i] = types[i].description;
		ret->sales_starts[i] = input_whole_ms(types[i].sales_start_at);
		ret->sales_ends[i] = input_whole_ms(types[i].sales_end_at);
	}
}

enum status ticket_types_store_insert(struct request *req, int64_t event_id,
				      const struct ticket_type_input *types, size_t count,
				      int64_t *ret_last_id, struct problem *err)
{
	struct columns *columns = ARENA_NEW(req->arena, struct columns);
	PG_RESULT result = NULL;
	enum status status;

	fill(columns, types, count);
	status = request_query(req, &sql_ticket_types_insert,
			       PG_ARGS(PG_I64(event_id), PG_TEXT_ARRAY(columns->names, count),
				       PG_I64_ARRAY(columns->prices, count),
				       PG_I64_ARRAY(columns->quantities, count),
				       PG_TEXT_ARRAY(columns->descriptions, count),
				       PG_TIME_ARRAY(columns->sales_starts, count),
				       PG_TIME_ARRAY(columns->sales_ends, count)),
			       &result, err);
	if (!status && ret_last_id)
		*ret_last_id = pg_i64(result, pg_rows(result) - 1, 0);
	return status;
}

static enum status read_one(struct request *req, const struct pg_statement *statement,
			    int64_t event_id, int64_t type_id, struct ticket_type *ret,
			    struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, statement, PG_ARGS(PG_I64(event_id), PG_I64(type_id)), &result,
			       err);
	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such ticket type");
	pg_scan(result, 0, &ticket_type_schema, req->arena, ret);
	ret->edit_version = pg_i64(result, 0, pg_column(result, "edit_version"));
	return OK;
}

enum status ticket_types_store_get(struct request *req, int64_t event_id, int64_t type_id,
				   struct ticket_type *ret, struct problem *err)
{
	return read_one(req, &sql_ticket_type_get, event_id, type_id, ret, err);
}

enum status ticket_types_store_lock(struct request *req, int64_t event_id, int64_t type_id,
				    struct ticket_type *ret, struct problem *err)
{
	return read_one(req, &sql_ticket_type_lock, event_id, type_id, ret, err);
}

enum status ticket_types_store_update(struct request *req, const struct ticket_type *type,
				      struct problem *err)
{
	return request_query(req, &sql_ticket_type_update,
			     PG_ARGS(PG_I64(type->id), PG_TEXT(type->name), PG_MONEY(type->price),
				     PG_I64(type->quantity), PG_TEXT(type->description),
				     PG_TIME(type->sales_start_at), PG_TIME(type->sales_end_at)),
			     NULL, err);
}

enum status ticket_types_store_delete(struct request *req, int64_t type_id, struct problem *err)
{
	return request_query(req, &sql_ticket_type_delete, PG_ARGS(PG_I64(type_id)), NULL, err);
}

enum status ticket_types_store_count(struct request *req, int64_t event_id, int64_t *ret,
				     struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_ticket_types_count, PG_ARGS(PG_I64(event_id)), &result,
			       err);
	if (!status)
		*ret = pg_i64(result, 0, 0);
	return status;
}

enum status ticket_types_store_list(struct request *req, int64_t event_id, const struct page *page,
				    struct field_array *ret_rows, int64_t *ret_total,
				    struct problem *err)
{
	PG_RESULT result = NULL;
	int64_t after_us, total = -1;
	enum status status = page_after_time(req, page, &after_us, err);

	if (status)
		return status;
	status = request_query(req, &sql_ticket_types_page,
			       PG_ARGS(PG_I64(event_id), PG_TIME(after_us), PG_I64(page->after_id),
				       PG_I64(page_fetch(page)), PG_I64(page->offset)),
			       &result, err);
	if (!status && page->page)
		status = ticket_types_store_count(req, event_id, &total, err);
	if (status)
		return status;
	*ret_rows = pg_scan_all(result, &ticket_type_schema, req->arena);
	*ret_total = total;
	return OK;
}
