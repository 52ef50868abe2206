/*
 * ticket_record: a ticket as stored and shown.
 */
#ifndef API_TICKETS_TICKET_RECORD_H
#define API_TICKETS_TICKET_RECORD_H

#include "api/request.h"

/* Signed: they open without a token of the Auth Service until the code changes. */
struct ticket_links {
	const char *pdf;
	const char *qr_svg;
	const char *qr_png;
};

struct ticket {
	int64_t id;
	int64_t event_id;
	int64_t guest_id;
	int64_t ticket_type_id;
	const char *ticket_code;
	const char *status;
	int64_t validated_at;
	int64_t created_at;
	int64_t updated_at;
	struct ticket_links *links;
	/* not shown */
	int64_t edit_version;
};

extern const struct schema ticket_schema;

/* Set the links of a ticket whose code is known. */
void ticket_make_links(struct request *req, struct ticket *ticket);
/* Is it in this state? */
bool ticket_is(const struct ticket *ticket, const char *status);

#endif
