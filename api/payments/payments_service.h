/*
 * payments_service: what the payment service's word does.
 *
 * Everything about one intent is serialized by its advisory lock, taken first; then the one order
 * of locks: event, ticket type, guest, ticket, payment. What concerns a live hold needs no event.
 */
#ifndef API_PAYMENTS_PAYMENTS_SERVICE_H
#define API_PAYMENTS_PAYMENTS_SERVICE_H

#include "api/payments/payments_store.h"

/* Store a message and apply it, in transactions of its own; one that came before does nothing. What
 * cannot be applied yet waits. */
enum status payment_take_webhook(struct request *req, const struct payment_message *message,
				 struct problem *err) MUST_CHECK;
/* Apply the messages that wait for this intent, in the open transaction; its lock is held. flags:
 * LOCK_SEAT lets them lock event and ticket type; without it those that would have to go on
 * waiting. */
enum status payment_take_waiting(struct request *req, const char *intent_id, unsigned flags,
				 struct problem *err) MUST_CHECK;
/* Does anything wait for this intent? */
enum status payment_has_waiting(struct request *req, const char *intent_id, bool *ret_has,
				struct problem *err) MUST_CHECK;
/* The service's arbiter says that this intent is paid, as asked for: the same as its webhook, in
 * the open transaction. */
enum status payment_trust_paid(struct request *req, const char *intent_id,
			       struct problem *err) MUST_CHECK;

#endif
