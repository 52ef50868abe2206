/*
 * payments_store: payments' statements.
 */
#ifndef API_PAYMENTS_PAYMENTS_STORE_H
#define API_PAYMENTS_PAYMENTS_STORE_H

#include "api/clients/payment_client.h"
#include "api/guests/guests_store.h"
#include "api/page.h"
#include "api/payments/payment_record.h"

/* What the payment service told us, as stored. */
struct payment_message {
	const char *webhook_id;
	const char *type;
	const char *intent_id;
	int64_t amount; /* minor units; -1: none was said */
	const char *currency;
	const char *refund_id;
	const char *body;
};

/* One payment, by its intent; 0 as id: unknown. */
struct payment_known {
	int64_t id;
	int64_t guest_id;
	int64_t event_id;
	int64_t amount;
	const char *currency;
	int status; /* enum payment_status */
	bool guest_cancelled;
};

/* End an open payment: created becomes void, any other open state cancelled; a later call cancels
 * its intent at the service, and a key held for it starts afresh. */
enum status payment_close(struct request *req, int64_t payment_id, struct problem *err) MUST_CHECK;
/* A payment in cash or by card at the organizer's desk: succeeded at once. */
enum status payment_add_on_site(struct request *req, const struct guest_locked *locked,
				struct problem *err) MUST_CHECK;
/* Serialize everything about one intent until the end of the transaction. */
enum status payment_lock_intent(struct request *req, const char *intent_id,
				struct problem *err) MUST_CHECK;
/* Record the intent, if the payment is still `created` under our own deadline and its event was not
 * cancelled. */
enum status payment_record_intent(struct request *req, int64_t payment_id, int64_t deadline_at,
				  const struct payment_intent *intent, bool *ret_recorded,
				  struct problem *err) MUST_CHECK;
/* An intent that came too late to be recorded: a later call cancels it, if the payment is void. */
enum status payment_void_unrecorded(struct request *req, int64_t payment_id, const char *intent_id,
				    struct problem *err) MUST_CHECK;
/* Is the payment still `created` under our own deadline? */
enum status payment_still_ours(struct request *req, int64_t payment_id, int64_t deadline_at,
			       bool *ret_ours, struct problem *err) MUST_CHECK;
/* Read without a lock. */
enum status payment_by_intent(struct request *req, const char *intent_id, struct payment_known *ret,
			      struct problem *err) MUST_CHECK;
enum status payment_load(struct request *req, int64_t payment_id, struct payment_out *ret,
			 struct problem *err) MUST_CHECK;
/* Changes of state of a locked payment. */
enum status payment_set_succeeded(struct request *req, int64_t payment_id,
				  struct problem *err) MUST_CHECK;
enum status payment_set_failed(struct request *req, int64_t payment_id,
			       struct problem *err) MUST_CHECK;
enum status payment_set_disputed(struct request *req, int64_t payment_id,
				 const struct payment_message *message,
				 struct problem *err) MUST_CHECK;
/* Store a message once: *ret_new is false for one that came before. */
enum status payment_message_put(struct request *req, const struct payment_message *message,
				bool *ret_new, struct problem *err) MUST_CHECK;
/* state: "applied", "waiting" or "ignored". */
enum status payment_message_settle(struct request *req, const char *webhook_id, const char *state,
				   struct problem *err) MUST_CHECK;
/* Messages that wait for this intent, oldest first. */
enum status payment_messages_waiting(struct request *req, const char *intent_id,
				     struct payment_message **ret, size_t *ret_count,
				     struct problem *err) MUST_CHECK;
enum status payments_page(struct request *req, const struct page *page,
			  struct field_array *ret_rows, int64_t *ret_total,
			  struct problem *err) MUST_CHECK;

#endif
