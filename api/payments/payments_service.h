/*
 * payments_service: what the payment service's word does.
 */
#ifndef API_PAYMENTS_PAYMENTS_SERVICE_H
#define API_PAYMENTS_PAYMENTS_SERVICE_H

#include "api/payments/payments_store.h"

/* Store a message and apply it, in the open transaction; one that came before does nothing. What
 * cannot be applied yet waits for its intent. */
enum status payment_take_message(struct request *req, const struct payment_message *message,
				 struct problem *err) MUST_CHECK;
/* Apply the messages that came before their intent was recorded; its lock is held. */
enum status payment_take_waiting(struct request *req, const char *intent_id,
				 struct problem *err) MUST_CHECK;

#endif
