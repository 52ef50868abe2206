#include "api/guests/guests.h"

#include "api/guests/guests_service.h"
#include "common/clock.h"

static enum status answer_guest(struct request *req, struct problem *err)
{
	struct guest guest;
	enum status status = guest_load(req, req->access.guest_id, &guest, err);

	if (!status)
		answer_data(req, &guest_schema, &guest, guest.edit_version);
	return status;
}

enum status guests_get(struct request *req, struct problem *err)
{
	return answer_guest(req, err);
}

static struct page_key row_key(struct arena *arena, const void *row)
{
	const struct guest *guest = row;
	char *text = arena_alloc(arena, RFC3339_SIZE);

	return (struct page_key){clock_format_us(guest->created_at, text), guest->id};
}

enum status guests_list(struct request *req, struct problem *err)
{
	const struct guest_list_query *query = req->query;
	struct field_array rows;
	struct page page;
	int64_t total = -1;
	enum status status = page_open(req, &query->page, &page, err);

	if (!status)
		status = guests_page(req, query, &page, &rows, &total, err);
	if (!status)
		answer_page(req, &page, &guest_schema, &rows, total, row_key);
	return status;
}

enum status guests_patch(struct request *req, struct problem *err)
{
	enum status status = guest_edit(req, req->input, err);

	return status ? status : answer_guest(req, err);
}

enum status guests_confirm(struct request *req, struct problem *err)
{
	enum status status = guest_confirm(req, err);

	return status ? status : answer_guest(req, err);
}

enum status guests_cancel(struct request *req, struct problem *err)
{
	enum status status = guest_cancel(req, err);

	return status ? status : answer_guest(req, err);
}

enum status guests_delete(struct request *req, struct problem *err)
{
	enum status status = guest_remove(req, err);

	if (!status)
		answer_none(req);
	return status;
}
