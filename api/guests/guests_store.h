/*
 * guests_store: guests' statements.
 */
#ifndef API_GUESTS_GUESTS_STORE_H
#define API_GUESTS_GUESTS_STORE_H

#include "api/guests/guest_input.h"
#include "api/guests/guests_rules.h"

/* A guest with everything that hangs on it, locked in the one order: event, ticket type, guest,
 * ticket, payment. */
struct guest_locked {
	struct guest guest;
	const char *event_status;
	int64_t ticket_id; /* 0: none */
	const char *ticket_status;
	int64_t price; /* of the ticket type; minor units */
	const char *currency;
	int64_t open_payment_id; /* created, requires_payment or failed; 0: none */
	int64_t paid_amount;     /* succeeded and not to be refunded, of all payments */
	bool deleted;
};

enum {
	LOCK_SEAT = 1,    /* event and type too: seats or addresses change */
	LOCK_DELETED = 2, /* a guest who was deleted too: money may still come or go */
};

/* The guest as shown to this caller: ticket and payment with it. ST_NOT_FOUND. */
enum status guest_load(struct request *req, int64_t guest_id, struct guest *ret,
		       struct problem *err) MUST_CHECK;
/* Lock, then read again. ST_NOT_FOUND when it is gone. */
enum status guest_lock(struct request *req, int64_t guest_id, unsigned flags,
		       struct guest_locked *ret, struct problem *err) MUST_CHECK;
/* Change the state; edit_version and updated_at move with it. */
enum status guest_set_status(struct request *req, const struct guest_locked *locked,
			     enum guest_status to, struct problem *err) MUST_CHECK;
/* Give a seat back (-1) or take one (1): event and, with one, ticket type. */
enum status guest_move_seat(struct request *req, const struct guest_locked *locked, int seats,
			    struct problem *err) MUST_CHECK;
/* May this cancelled guest come back: event open, seats free, address and external id not live?
 * Event and type are locked, so the answer holds. */
enum status guest_may_return(struct request *req, int64_t guest_id, bool *ret_may,
			     struct problem *err) MUST_CHECK;
enum status guest_mark_deleted(struct request *req, int64_t guest_id,
			       struct problem *err) MUST_CHECK;
/* Insert the ticket of a confirmed guest and its job. */
enum status guest_make_ticket(struct request *req, const struct guest_locked *locked,
			      struct problem *err) MUST_CHECK;
enum status guest_cancel_ticket(struct request *req, int64_t ticket_id,
				struct problem *err) MUST_CHECK;
/* The page changed: a new document version and its job. */
enum status guest_remake_ticket(struct request *req, int64_t ticket_id,
				struct problem *err) MUST_CHECK;
/* Write the row of a mail and its job; unique by guest, kind and cause. */
enum status guest_notify(struct request *req, const struct guest *guest, const char *kind,
			 int64_t cause_id, struct problem *err) MUST_CHECK;
/* One delta of the statistics at the quarter of `at`; TIME_NONE: of the transaction's own time,
 * which its rows carry as cancelled_at and paid_at (a quarter's rows and deltas must be the same).
 */
enum status guest_count(struct request *req, const struct guest *guest, int64_t at,
			const char *kind, int n, int64_t amount, struct problem *err) MUST_CHECK;
/* Write names, address, phone, type and locale. ST_ALREADY_REGISTERED. */
enum status guest_update(struct request *req, const struct guest *guest,
			 struct problem *err) MUST_CHECK;
/* A page of an event's guests; ret_total is set when by page. */
enum status guests_page(struct request *req, const struct guest_list_query *query,
			const struct page *page, struct field_array *ret_rows, int64_t *ret_total,
			struct problem *err) MUST_CHECK;

#endif
