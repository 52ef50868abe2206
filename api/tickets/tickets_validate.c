/*
 * tickets_validate: the scan at the door.
 */
#include "api/tickets/tickets.h"

#include <string.h>

#include "api/tickets/admission.h"
#include "common/sign.h"

/* --- in -------------------------------------------------------------------------------------- */

struct validate_input {
	const char *qr_code;
	const char *ticket_code;
	int64_t event_id;
	const char *scan_id;
	struct presence presence;
};

enum { QR_CODE, TICKET_CODE, EVENT_ID, SCAN_ID };

static const char *check_uuid(const void *value)
{
	return ids_is_uuid(*(const char *const *)value) ? NULL : "is not a UUID";
}

#define AT(member) offsetof(struct validate_input, member)
static const struct field input_fields[] = {
	[QR_CODE] = {.name = "qrCode",
		     .type = FIELD_STRING,
		     .flags = FIELD_NULLABLE,
		     .offset = AT(qr_code),
		     .min = 1,
		     .max = 1024},
	[TICKET_CODE] = {.name = "ticketCode",
			 .type = FIELD_STRING,
			 .flags = FIELD_NULLABLE,
			 .offset = AT(ticket_code),
			 .min = 1,
			 .max = 50},
	[EVENT_ID] = {.name = "eventId",
		      .type = FIELD_ID,
		      .flags = FIELD_NULLABLE,
		      .offset = AT(event_id)},
	[SCAN_ID] = {.name = "scanId",
		     .type = FIELD_STRING,
		     .flags = FIELD_NULLABLE,
		     .offset = AT(scan_id),
		     .check = check_uuid},
};
#undef AT

/* By what was given, so that a code of the wrong type is one violation, not two. */
static bool names_one_code(const void *value)
{
	const struct validate_input *input = value;
	uint64_t said = input->presence.given & ~input->presence.null;

	return ((said >> QR_CODE) & 1) != ((said >> TICKET_CODE) & 1);
}

static const struct field_rule input_rules[] = {
	{"", "required", "must have either qrCode or ticketCode", names_one_code},
	{NULL, NULL, NULL, NULL},
};
const struct schema validate_input_schema =
	SCHEMA_RULES(input_fields, struct validate_input, input_rules);

/* --- out ------------------------------------------------------------------------------------- */

struct admitted_guest {
	int64_t id;
	const char *first_name;
	const char *last_name;
	const char *type;
};

struct admitted {
	bool valid;
	int64_t ticket_id;
	struct admitted_guest *guest;
	const char *ticket_type;
	int64_t validated_at;
};

#define AT(member) offsetof(struct admitted_guest, member)
static const struct field guest_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "firstName", .type = FIELD_STRING, .offset = AT(first_name)},
	{.name = "lastName", .type = FIELD_STRING, .offset = AT(last_name)},
	{.name = "type", .type = FIELD_STRING, .offset = AT(type)},
};
#undef AT
static const struct schema admitted_guest_schema = SCHEMA(guest_fields, struct admitted_guest);

#define AT(member) offsetof(struct admitted, member)
static const struct field admitted_fields[] = {
	{.name = "valid", .type = FIELD_BOOL, .offset = AT(valid)},
	{.name = "ticketId", .type = FIELD_ID, .offset = AT(ticket_id)},
	{.name = "guest",
	 .type = FIELD_OBJECT,
	 .offset = AT(guest),
	 .nested = &admitted_guest_schema},
	{.name = "ticketType", .type = FIELD_STRING, .offset = AT(ticket_type)},
	{.name = "validatedAt", .type = FIELD_TIME, .offset = AT(validated_at)},
};
#undef AT
static const struct schema admitted_schema = SCHEMA(admitted_fields, struct admitted);

static void answer_admitted(struct request *req, const struct admission_outcome *outcome)
{
	struct admitted_guest guest = {
		.id = outcome->guest_id,
		.first_name = outcome->first_name,
		.last_name = outcome->last_name,
		.type = outcome->type,
	};
	struct admitted admitted = {
		.valid = true,
		.ticket_id = outcome->ticket_id,
		.guest = &guest,
		.ticket_type = outcome->ticket_type,
		.validated_at = outcome->validated_at,
	};

	answer_data(req, &admitted_schema, &admitted, 0);
}

/* --- the handler -------------------------------------------------------------------------------
 */

static const char *hex_digest(struct arena *arena, const char *text)
{
	uint8_t digest[SHA256_SIZE];
	char *hex = arena_alloc(arena, 2 * SHA256_SIZE + 1);

	sign_sha256(text, strlen(text), digest);
	sign_hex(digest, SHA256_SIZE, hex);
	return hex;
}

/* Take the numbers out of an authentic QR. ST_INVALID_QR once that is in the scan log. */
static enum status open_qr(struct request *req, const char *text, struct admission_member *member,
			   struct problem *err)
{
	struct problem why = {0};
	struct credential_qr qr;
	enum status status;

	if (credential_qr_open(&req->app->keys, req->arena, text, strlen(text), &qr, &why)) {
		status = admission_record_invalid(req, member, err);
		if (!status)
			*err = why;
		return status ? status : why.status;
	}
	member->qr_ticket_id = qr.ticket_id;
	member->qr_event_id = qr.event_id;
	member->qr_guest_id = qr.guest_id;
	member->qr_issued_ms = qr.issued_ms;
	return OK;
}

enum status tickets_validate(struct request *req, struct problem *err)
{
	const struct validate_input *input = req->input;
	const char *code = input->qr_code ? input->qr_code : input->ticket_code;
	struct admission_member member = {
		.ord = 1,
		.caller_id = req->caller.user_id,
		.is_admin = caller_is_admin(req),
		.ticket_code = input->ticket_code,
		.event_id = input->event_id,
		.scan_id = input->scan_id,
		.code_digest = hex_digest(req->arena, code),
	};
	struct admission_outcome outcome;
	enum status status = OK;

	if (input->qr_code)
		status = open_qr(req, input->qr_code, &member, err);
	if (!status)
		status = admission_submit(req, &member, &outcome, err);
	if (!status)
		answer_admitted(req, &outcome);
	return status;
}
