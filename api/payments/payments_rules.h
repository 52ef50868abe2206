/*
 * payments_rules: what a message of the payment service does to a payment, as a table. Pure.
 */
#ifndef API_PAYMENTS_PAYMENTS_RULES_H
#define API_PAYMENTS_PAYMENTS_RULES_H

#include "api/payments/payments_store.h"

enum payment_effect {
	EFFECT_NONE,    /* nothing is left to do */
	EFFECT_SUCCEED, /* paid: the guest is confirmed */
	EFFECT_FAIL,    /* one try failed */
	EFFECT_REFUND,  /* money went back */
	EFFECT_DISPUTE, /* another amount or currency than asked for */
	EFFECT_WAIT,    /* cannot be applied yet: kept */
	EFFECT_IGNORE,  /* not for us: kept */
};

/* Is this type of message one that we act on? */
bool payment_message_known(const char *type);
/* Must it say amount and currency: is money told of? */
bool payment_message_names_sum(const char *type);
enum payment_effect payment_message_effect(const struct payment_known *payment,
					   const struct payment_message *message);
/* State of a message after its effect: "applied", "waiting", "ignored". */
const char *payment_effect_state(enum payment_effect effect);

#endif
