#include "api/tickets/ticket_record.h"

#include <string.h>

/* clang-format off */
#define AT(member) offsetof(struct ticket_links, member)
static const struct field link_fields[] = {
	{.name = "pdf", .type = FIELD_STRING, .offset = AT(pdf)},
	{.name = "qrSvg", .type = FIELD_STRING, .offset = AT(qr_svg)},
	{.name = "qrPng", .type = FIELD_STRING, .offset = AT(qr_png)},
};
#undef AT
static const struct schema links_schema = SCHEMA(link_fields, struct ticket_links);

#define AT(member) offsetof(struct ticket, member)
static const struct field ticket_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "ticketTypeId", .type = FIELD_ID, .offset = AT(ticket_type_id)},
	{.name = "ticketCode", .type = FIELD_STRING, .offset = AT(ticket_code)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "validatedAt", .type = FIELD_TIME, .offset = AT(validated_at)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
	{.name = "updatedAt", .type = FIELD_TIME, .offset = AT(updated_at)},
	{.name = "links", .type = FIELD_OBJECT, .offset = AT(links), .nested = &links_schema},
};
#undef AT
/* clang-format on */
const struct schema ticket_schema = SCHEMA(ticket_fields, struct ticket);

void ticket_make_links(struct request *req, struct ticket *ticket)
{
	const char *base = req->app->config->public_url;
	size_t base_len = strlen(base);
	char token[CREDENTIAL_LINK_SIZE];
	const char *stem;

	while (base_len > 0 && base[base_len - 1] == '/')
		base_len--;
	credential_link_make(&req->app->keys, ticket->id, ticket->ticket_code, token);
	stem = arena_printf(req->arena, "%.*s/api/tickets/%lld", (int)base_len, base,
			    (long long)ticket->id);
	ticket->links = ARENA_NEW(req->arena, struct ticket_links);
	ticket->links->pdf = arena_printf(req->arena, "%s/pdf?token=%s", stem, token);
	ticket->links->qr_svg = arena_printf(req->arena, "%s/qr.svg?token=%s", stem, token);
	ticket->links->qr_png = arena_printf(req->arena, "%s/qr.png?token=%s", stem, token);
}

bool ticket_is(const struct ticket *ticket, const char *status)
{
	return strcmp(ticket->status, status) == 0;
}
