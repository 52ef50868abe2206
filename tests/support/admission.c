#include "tests/support/admission.h"

struct guest new_guest(const struct shop *shop, const char *name)
{
	struct reply *reply = shop_register(shop, token_user(), name);
	struct guest guest = {.shop = *shop};

	if (reply->status != 201)
		fatal("new_guest: %d %s", reply->status, reply->body);
	guest.id = reply_int(reply, "data.id");
	guest.ticket_id = reply_int(reply, "data.ticket.id");
	guest.code = reply_text(reply, "data.ticket.ticketCode");
	return guest;
}

struct guest only_guest(void)
{
	struct shop shop = shop_open(100, "0", 100);

	return new_guest(&shop, "zoe");
}

struct credential_qr qr_of(const struct guest *guest)
{
	return (struct credential_qr){
		.ticket_id = guest->ticket_id,
		.event_id = guest->shop.event_id,
		.guest_id = guest->id,
		.issued_ms = sql_int("SELECT issued_at_ms FROM tickets WHERE id = %lld",
				     (long long)guest->ticket_id),
	};
}

const char *printed(const struct guest *guest)
{
	struct credential_keys keys;
	struct credential_qr qr = qr_of(guest);
	struct problem err = {0};
	char out[CREDENTIAL_QR_SIZE];

	if (credential_keys_parse(suite_qr_secret, &keys, &err))
		fatal("printed: %s", err.detail);
	credential_qr_make(&keys, &qr, out);
	return text("%s", out);
}

struct reply *scan_as(const char *token, const char *member, const char *code, const char *scan_id)
{
	const char *more = scan_id ? text(",\"scanId\":\"%s\"", scan_id) : "";

	return api_post(token, "/api/tickets/validate", "{\"%s\":\"%s\"%s}", member, code, more);
}

struct reply *scan(const char *code)
{
	return scan_as(token_organizer(), "qrCode", code, NULL);
}

int64_t logged(const char *outcome)
{
	return sql_int("SELECT count(*) FROM ticket_scans WHERE outcome = '%s'", outcome);
}
