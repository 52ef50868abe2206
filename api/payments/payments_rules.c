#include "api/payments/payments_rules.h"

#include <string.h>

enum message_type { MESSAGE_SUCCEEDED, MESSAGE_FAILED, MESSAGE_REFUNDED, MESSAGE_TYPES };

static const char *const message_types[MESSAGE_TYPES] = {
	[MESSAGE_SUCCEEDED] = "payment.succeeded",
	[MESSAGE_FAILED] = "payment.failed",
	[MESSAGE_REFUNDED] = "payment.refunded",
};

/* What cannot be settled yet is kept. Money for a payment that ended unpaid still succeeds: whether
 * the guest comes back or the money goes back is decided then. */
static const enum payment_effect effects[][MESSAGE_TYPES] = {
	[PAYMENT_CREATED] = {EFFECT_WAIT, EFFECT_WAIT, EFFECT_WAIT},
	[PAYMENT_REQUIRES_PAYMENT] = {EFFECT_SUCCEED, EFFECT_FAIL, EFFECT_WAIT},
	[PAYMENT_FAILED] = {EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT},
	[PAYMENT_SUCCEEDED] = {EFFECT_NONE, EFFECT_NONE, EFFECT_REFUND},
	[PAYMENT_EXPIRED] = {EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT},
	[PAYMENT_CANCELLED] = {EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT},
	[PAYMENT_VOID] = {EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT},
	[PAYMENT_DISPUTED] = {EFFECT_NONE, EFFECT_NONE, EFFECT_REFUND},
};

static int message_type(const char *type)
{
	int i = 0;

	while (i < MESSAGE_TYPES && strcmp(message_types[i], type) != 0)
		i++;
	return i;
}

bool payment_message_known(const char *type)
{
	return message_type(type) < MESSAGE_TYPES;
}

bool payment_message_names_sum(const char *type)
{
	int known = message_type(type);

	return known == MESSAGE_SUCCEEDED || known == MESSAGE_REFUNDED;
}

static bool as_asked(const struct payment_known *payment, const struct payment_message *message)
{
	return message->amount == payment->amount && message->currency &&
	       !strcmp(message->currency, payment->currency);
}

enum payment_effect payment_message_effect(const struct payment_known *payment,
					   const struct payment_message *message)
{
	int type = message_type(message->type);
	enum payment_effect effect;

	if (type == MESSAGE_TYPES)
		return EFFECT_IGNORE;
	effect = effects[payment->status][type];
	if (type != MESSAGE_SUCCEEDED || as_asked(payment, message))
		return effect;
	/* Any unpaid payment is disputed by the wrong sum, one that ended too. */
	return effect == EFFECT_NONE || payment->status == PAYMENT_CREATED ? effect
									   : EFFECT_DISPUTE;
}

const char *payment_effect_state(enum payment_effect effect)
{
	if (effect == EFFECT_WAIT)
		return "waiting";
	return effect == EFFECT_IGNORE ? "ignored" : "applied";
}
