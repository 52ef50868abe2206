#include "api/events/events.h"

#include "api/events/ticket_types_service.h"
#include "api/events/ticket_types_store.h"
#include "common/clock.h"

static struct page_key key_created(struct arena *arena, const void *row)
{
	const struct ticket_type *type = row;
	char *text = arena_alloc(arena, RFC3339_SIZE);

	return (struct page_key){clock_format_us(type->created_at, text), type->id};
}

enum status ticket_types_list(struct request *req, struct problem *err)
{
	const struct ticket_type_list_query *query = req->query;
	struct field_array rows;
	struct page page;
	int64_t total;
	enum status status = page_open(req, &query->page, &page, err);

	if (!status)
		status = ticket_types_store_list(req, req->access.event_id, &page, &rows, &total,
						 err);
	if (status)
		return status;
	answer_page(req, &page, &ticket_type_schema, &rows, total, key_created);
	return OK;
}

enum status ticket_types_create(struct request *req, struct problem *err)
{
	struct ticket_type type;
	enum status status = ticket_types_service_create(req, req->input, &type, err);

	if (status)
		return status;
	answer_created(req, &ticket_type_schema, &type, type.edit_version,
		       "/api/events/%lld/ticket-types/%lld", (long long)type.event_id,
		       (long long)type.id);
	return OK;
}

enum status ticket_types_patch(struct request *req, struct problem *err)
{
	struct ticket_type type;
	enum status status = ticket_types_service_patch(req, req->input, &type, err);

	if (!status)
		answer_data(req, &ticket_type_schema, &type, type.edit_version);
	return status;
}

enum status ticket_types_delete(struct request *req, struct problem *err)
{
	enum status status = ticket_types_service_delete(req, err);

	if (!status)
		answer_none(req);
	return status;
}
