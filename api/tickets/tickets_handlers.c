#include "api/tickets/tickets.h"

#include "api/tickets/check_in.h"
#include "api/tickets/tickets_service.h"

/* `token` is judged with the caller's rights; here it only is a known parameter. */
struct ticket_query {
	const char *token;
};
static const struct field query_fields[] = {
	{.name = "token", .type = FIELD_STRING, .offset = offsetof(struct ticket_query, token)},
};
const struct schema ticket_query_schema = SCHEMA(query_fields, struct ticket_query);

enum status tickets_get(struct request *req, struct problem *err)
{
	struct ticket ticket;
	enum status status = ticket_load(req, req->access.thing_id, &ticket, err);

	if (!status)
		answer_data(req, &ticket_schema, &ticket, ticket.edit_version);
	return status;
}

enum status tickets_reissue(struct request *req, struct problem *err)
{
	struct ticket ticket;
	enum status status = ticket_reissue(req, &ticket, err);

	if (!status)
		answer_data(req, &ticket_schema, &ticket, ticket.edit_version);
	return status;
}

enum status tickets_undo_validation(struct request *req, struct problem *err)
{
	enum status status = undo_check_in(req, req->access.guest_id, err);

	if (!status)
		answer_none(req);
	return status;
}
