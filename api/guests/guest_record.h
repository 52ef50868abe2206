/*
 * guest_record: a guest as stored and shown, with its ticket and payment.
 */
#ifndef API_GUESTS_GUEST_RECORD_H
#define API_GUESTS_GUEST_RECORD_H

#include "api/request.h"

enum guest_status {
	GUEST_REGISTERED,
	GUEST_CONFIRMED,
	GUEST_PENDING,
	GUEST_CANCELLED,
	GUEST_CHECKED_IN
};
enum { GUEST_TYPE_REGULAR }; /* index of the default in guest_type_names */

extern const char *const guest_status_names[];
extern const char *const guest_type_names[];
extern const char *const locale_names[];

/* Ticket inside a guest. */
struct guest_ticket {
	int64_t id;
	const char *ticket_code;
	const char *status;
	int64_t validated_at;
};

/* Payment out, see api/payments/payment_record.h. */
struct payment_out;

struct guest {
	int64_t id;
	int64_t event_id;
	const char *first_name;
	const char *last_name;
	const char *email;
	const char *phone;
	int type;   /* index into guest_type_names */
	int status; /* enum guest_status */
	int64_t ticket_type_id;
	int locale;
	const char *external_id;
	int64_t checked_in_at;
	int64_t created_at;
	int64_t updated_at;
	struct guest_ticket *ticket;
	struct payment_out *payment;
	/* not shown */
	int64_t edit_version;
	int64_t registered_by;
	int status_before; /* enum guest_status, -1: none */
};

extern const struct schema guest_schema, guest_ticket_schema;

#endif
