/*
 * Tickets: what a code or a QR code is, and a new one in place of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/ctl/ctl_service.h"
#include "api/tickets/tickets_service.h"
#include "common/clock.h"
#include "sql_ctl.h"

enum { TEXT_MAX = 4096 };

/* --- verify ---------------------------------------------------------------------------------- */

/* What is known of a ticket, as the door would judge it. */
struct standing {
	const char *verdict; /* admits, or why not */
	const char *form;    /* qr, code */
	int64_t ticket_id;
	int64_t event_id;
	int64_t guest_id;
	const char *ticket_code;
	const char *event;
	const char *event_status;
	const char *guest_status;
	const char *status;
	int64_t issue;
	int64_t issued_at;
	int64_t validated_at;
};
#define AT(member) offsetof(struct standing, member)
/* clang-format off */
static const struct field standing_fields[] = {
	{.name = "verdict", .type = FIELD_STRING, .offset = AT(verdict)},
	{.name = "form", .type = FIELD_STRING, .offset = AT(form)},
	{.name = "ticketId", .type = FIELD_ID, .offset = AT(ticket_id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "ticketCode", .type = FIELD_STRING, .offset = AT(ticket_code)},
	{.name = "event", .type = FIELD_STRING, .offset = AT(event)},
	{.name = "eventStatus", .type = FIELD_STRING, .offset = AT(event_status)},
	{.name = "guestStatus", .type = FIELD_STRING, .offset = AT(guest_status)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "issue", .type = FIELD_INT, .offset = AT(issue)},
	{.name = "issuedAt", .type = FIELD_TIME, .offset = AT(issued_at)},
	{.name = "validatedAt", .type = FIELD_TIME, .offset = AT(validated_at)},
};
/* clang-format on */
#undef AT
static const struct schema standing_schema = SCHEMA(standing_fields, struct standing);

/* The operand, or standard input without the line end. */
static const char *read_text(struct ctl *ctl)
{
	const char *text = ctl_value(ctl, "TEXT");
	char *buf;
	size_t len;

	if (strcmp(text, "-") != 0)
		return text;
	buf = arena_alloc(&ctl->arena, TEXT_MAX + 1);
	len = fread(buf, 1, TEXT_MAX, stdin);
	while (len && strchr("\r\n ", buf[len - 1]))
		len--;
	buf[len] = '\0';
	return buf;
}

static bool is_code(const char *text)
{
	return !strncasecmp(text, "EVT-", 4);
}

/* The QR text opened; with a code all its ids stay 0. */
static enum status open_text(struct ctl *ctl, const char *text, struct credential_qr *ret,
			     struct problem *err)
{
	struct credential_keys keys;
	enum status status;

	if (is_code(text))
		return OK;
	if (!ctl->config.qr_secret)
		return problem_set(err, ST_CONFIG, "QR_SIGNATURE_SECRET is missing");
	status = credential_keys_parse(ctl->config.qr_secret, &keys, err);
	if (!status)
		status = credential_qr_open(&keys, &ctl->arena, text, strlen(text), ret, err);
	return status;
}

static enum status look_up(struct ctl *ctl, const char *text, const struct credential_qr *qr,
			   struct standing *ret, struct problem *err)
{
	const struct pg_param params[] = {PG_TEXT(is_code(text) ? text : NULL),
					  PG_I64(qr->ticket_id), PG_I64(qr->event_id),
					  PG_I64(qr->guest_id), PG_I64(qr->issued_ms)};
	PG_LEASED conn = NULL;
	struct field_array rows;
	enum status status = ctl_connect(ctl, &conn, err);

	if (!status)
		status = ctl_select(ctl, conn, &sql_ticket_standing, params, ARRAY_LEN(params),
				    &standing_schema, &rows, err);
	if (!status && rows.count)
		*ret = *(const struct standing *)rows.items;
	return status;
}

int ctl_ticket_verify(struct ctl *ctl)
{
	const char *text = read_text(ctl);
	struct standing standing = {
		.verdict = "not-found", .validated_at = TIME_NONE, .issued_at = TIME_NONE};
	struct credential_qr qr = {0};
	struct problem err = {.status = OK};
	enum status status = open_text(ctl, text, &qr, &err);

	if (status == ST_INVALID_QR)
		standing.verdict = problem_row(status)->slug;
	else if (status || look_up(ctl, text, &qr, &standing, &err))
		return ctl_fail(&err);
	standing.form = is_code(text) ? "code" : "qr";
	ctl_print(ctl, &standing_schema, &standing, 1);
	return strcmp(standing.verdict, "admits") ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- reissue --------------------------------------------------------------------------------- */

static enum status reissue(struct request *req, struct problem *err)
{
	return ticket_reissue(req, req->work, err);
}

int ctl_ticket_reissue(struct ctl *ctl)
{
	CTL_SERVICE service = {.app = {0}};
	struct ticket ticket;
	struct problem err = {.status = OK};
	enum status status = ctl_service_open(ctl, true, &service, &err);

	service.req.work = &ticket;
	if (!status)
		status = ctl_service_find(&service, SCOPE_TICKET, ctl_id(ctl, "TICKET"), &err);
	if (!status)
		status = ctl_service_run(ctl, &service, reissue, &err);
	if (status)
		return ctl_fail(&err);
	return ctl_say(ctl, &ticket_schema, &ticket, "ticket %lld has the code %s\n%s",
		       (long long)ticket.id, ticket.ticket_code, ticket.links->pdf);
}
