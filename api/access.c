#include "api/access.h"

#include <string.h>

#include "api/query.h"
#include "sql_api.h"

/* What the caller is besides what the thing makes of it. */
static unsigned caller_bits(const struct request *req)
{
	unsigned who = WHO_ANYONE;

	if (req->caller.signed_in)
		who |= WHO_USER;
	if (req->caller.roles & ROLE_ADMIN)
		who |= WHO_ADMIN;
	if (req->route->scope == SCOPE_NONE && (req->caller.roles & ROLE_ORGANIZER))
		who |= WHO_ORGANIZER;
	return who;
}

/* Is an event in this state visible to these WHO_ bits? */
static bool event_visible(const char *event_status, unsigned who)
{
	return strcmp(event_status, "draft") != 0 ||
	       (who & (WHO_ADMIN | WHO_ORGANIZER | WHO_STAFF));
}

static const struct pg_statement *const scope_statements[] = {
	[SCOPE_EVENT] = &sql_access_event,     [SCOPE_TICKET_TYPE] = &sql_access_ticket_type,
	[SCOPE_GUEST] = &sql_access_guest,     [SCOPE_TICKET] = &sql_access_ticket,
	[SCOPE_PAYMENT] = &sql_access_payment, [SCOPE_IMPORT] = &sql_access_import,
};

/* Nouns for 404 details. */
static const char *const scope_names[] = {
	[SCOPE_NONE] = "thing",    [SCOPE_EVENT] = "event",   [SCOPE_TICKET_TYPE] = "ticket type",
	[SCOPE_GUEST] = "guest",   [SCOPE_TICKET] = "ticket", [SCOPE_PAYMENT] = "payment",
	[SCOPE_IMPORT] = "import",
};

static enum status not_found(const struct request *req, struct problem *err)
{
	return problem_set(err, ST_NOT_FOUND, "There is no such %s",
			   scope_names[req->route->scope]);
}

/* A signed link stands for its ticket alone. */
static enum status check_link(struct request *req, const char *token, const char *ticket_code,
			      struct problem *err)
{
	if (ticket_code &&
	    credential_link_check(&req->app->keys, req->arena, req->ids[0], ticket_code, token)) {
		req->access.who |= WHO_LINK;
		return OK;
	}
	return problem_set(err, ST_BAD_SIGNATURE, "The token of this link is not valid");
}

enum {
	COLUMN_EVENT_ID,
	COLUMN_ORGANIZER_ID,
	COLUMN_EVENT_STATUS,
	COLUMN_IS_STAFF,
	COLUMN_THING_ID,
	COLUMN_GUEST_ID,
	COLUMN_REGISTERED_BY,
	COLUMN_TICKET_CODE,
};

static void take_rights(struct request *req, const struct pg_result *row)
{
	struct access *access = &req->access;
	int64_t user_id = req->caller.user_id;

	access->event_id = pg_i64(row, 0, COLUMN_EVENT_ID);
	access->organizer_id = pg_i64(row, 0, COLUMN_ORGANIZER_ID);
	access->event_status = arena_strdup(req->arena, pg_text(row, 0, COLUMN_EVENT_STATUS));
	access->thing_id = pg_i64(row, 0, COLUMN_THING_ID);
	access->guest_id = pg_i64(row, 0, COLUMN_GUEST_ID);
	if (!req->caller.signed_in)
		return;
	if (access->organizer_id == user_id)
		access->who |= WHO_ORGANIZER;
	if (pg_bool(row, 0, COLUMN_IS_STAFF))
		access->who |= WHO_STAFF;
	if (access->guest_id && pg_i64(row, 0, COLUMN_REGISTERED_BY) == user_id)
		access->who |= WHO_REGISTRANT;
}

/* A single guest, ticket, payment or import is there only for who may see it; an event once
 * published. */
static bool thing_visible(const struct request *req)
{
	unsigned seers = WHO_ADMIN | WHO_ORGANIZER | WHO_STAFF | WHO_REGISTRANT | WHO_LINK;

	if (req->route->scope == SCOPE_PAYMENT || req->route->scope == SCOPE_IMPORT)
		seers &= ~(unsigned)WHO_STAFF;
	if (req->route->scope == SCOPE_EVENT || req->route->scope == SCOPE_TICKET_TYPE)
		return event_visible(req->access.event_status, req->access.who);
	return req->access.who & seers;
}

static enum status check_thing(struct request *req, struct problem *err)
{
	PG_RESULT row = NULL;
	const char *token = NULL;
	enum status status;

	if (req->route->who & WHO_LINK)
		token = query_raw(req, "token");
	status = request_query(
		req, scope_statements[req->route->scope],
		PG_ARGS(PG_I64(req->ids[0]), PG_I64(req->ids[1]), PG_I64(req->caller.user_id)),
		&row, err);
	if (status)
		return status;
	if (token) {
		status = check_link(req, token,
				    pg_rows(row) ? pg_text(row, 0, COLUMN_TICKET_CODE) : NULL, err);
		if (status)
			return status;
	}
	if (!pg_rows(row))
		return not_found(req, err);
	take_rights(req, row);
	return thing_visible(req) ? OK : not_found(req, err);
}

enum status access_check_event(struct request *req, const struct access *event, bool is_staff,
			       struct problem *err)
{
	req->access = *event;
	req->access.who = caller_bits(req);
	if (req->caller.signed_in && event->organizer_id == req->caller.user_id)
		req->access.who |= WHO_ORGANIZER;
	if (is_staff)
		req->access.who |= WHO_STAFF;
	return event_visible(event->event_status, req->access.who) ? OK : not_found(req, err);
}

enum status access_check(struct request *req, struct problem *err)
{
	enum status status;

	req->access.who = caller_bits(req);
	if (req->route->scope != SCOPE_NONE) {
		status = check_thing(req, err);
		if (status)
			return status;
	}
	if (req->route->who & (WHO_SERVICE | WHO_SIGNED))
		return OK; /* judged by auth_identify, or by the handler */
	if (!(req->route->who & req->access.who))
		return problem_set(err, ST_FORBIDDEN, "Your role does not allow this here");
	return OK;
}
