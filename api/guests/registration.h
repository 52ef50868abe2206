/*
 * registration: a seat for a guest, in one transaction and one round trip (register_guests).
 */
#ifndef API_GUESTS_REGISTRATION_H
#define API_GUESTS_REGISTRATION_H

#include "api/guests/guest_input.h"

/* What register_guests is asked for one guest; `registration` in schema/ has the same fields. */
struct registration_member {
	int64_t ord;
	const char *attempt_id;
	int64_t event_id;
	int64_t caller_id;
	bool is_admin;
	int64_t ticket_type_id;
	const char *first_name;
	const char *last_name;
	const char *email;
	const char *phone;
	const char *type;
	const char *locale;
	const char *external_id;
	const char *ticket_code;
	const char *job_id;
	const char *payment_key;
	const char *idempotency_key;
	const char *fingerprint;
	bool again;
	const char *request_id;
	const char *traceparent;
};

/* What it says; `registration_outcome` in schema/. */
struct registration_outcome {
	int64_t ord;
	const char *outcome; /* ok, or the slug of the refusal */
	bool replayed;
	const char *body;
	int64_t id;
	int status; /* enum guest_status */
	int locale;
	int64_t created_at;
	int64_t ticket_id;
	const char *ticket_code;
	const char *job_id;
	const char *job_type;
	int64_t payment_id; /* 0: nothing to pay */
	const char *payment_key;
	int64_t amount;
	const char *currency;
	int64_t expires_at;
	int64_t deadline_at;
	const char *event_title;
};

/* The member that a request asks for. */
void registration_from_request(struct request *req, const struct guest_input *input,
			       struct registration_member *ret);
/* Register; after a COMMIT of unknown outcome the member is sent again and finds its own success.
 * Refusals come as their problem. */
enum status registration_submit(struct request *req, struct registration_member *member,
				struct registration_outcome *ret, struct problem *err) MUST_CHECK;

/* The seat is held: make the payment intent and record it. `guest` is the guest so far; on success
 * its payment is set and the answer stored under the key. ST_PAYMENT_UNAVAILABLE: the seat is free
 * again. ST_EVENT_NOT_OPEN: guest or event was cancelled meanwhile. */
enum status registration_pay(struct request *req, const struct registration_outcome *outcome,
			     struct guest *guest, struct problem *err) MUST_CHECK;

/* A seat that is held for a payment without an intent. */
struct unpaid_hold {
	int64_t guest_id;
	int64_t payment_id;
	int64_t deadline_at; /* whose hold it is: nobody's who moved it since */
};
/* Give the seat back and delete the guest, unless the hold was recorded, ended or taken over
 * meanwhile; the open transaction. ST_NOT_FOUND: the guest is gone already. */
enum status registration_release(struct request *req, const struct unpaid_hold *hold,
				 struct problem *err) MUST_CHECK;

/* Set the answer of a registration: 201 with the guest and its address. */
void registration_answer(struct request *req, const struct guest *guest);

#endif
