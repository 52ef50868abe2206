#include "api/payments/payments_service.h"

#include <string.h>

#include "api/guests/guests_service.h"
#include "api/observe.h"
#include "api/payments/payments_rules.h"
#include "common/clock.h"

/* Money is there: the payment succeeds and a waiting guest is confirmed. */
static enum status succeed(struct request *req, const struct payment_known *payment,
			   struct guest_locked *locked, struct problem *err)
{
	enum status status = payment_set_succeeded(req, payment->id, err);

	if (!status)
		status = guest_count(req, &locked->guest, TIME_NONE, "gross", 1,
				     payment->amount, err);
	if (!status && locked->guest.status == GUEST_PENDING)
		status = guest_apply(req, locked, TRIGGER_PAID, err);
	return status;
}

static enum status dispute(struct request *req, const struct payment_known *payment,
			   const struct payment_message *message, struct problem *err)
{
	enum status status = payment_set_disputed(req, payment->id, message, err);

	if (!status)
		metrics_add(&metric_payments_disputed, 1, (char *)NULL);
	return status;
}

static enum status apply_effect(struct request *req, enum payment_effect effect,
				const struct payment_known *payment, struct guest_locked *locked,
				const struct payment_message *message, struct problem *err)
{
	switch (effect) {
	case EFFECT_SUCCEED:
		return succeed(req, payment, locked, err);
	case EFFECT_DISPUTE:
		return dispute(req, payment, message, err);
	case EFFECT_FAIL:
		return payment_set_failed(req, payment->id, err);
	case EFFECT_WAIT:
	case EFFECT_NONE:
	case EFFECT_IGNORE:
		break;
	}
	return OK;
}

/* The intent's lock is held. Locks guest, ticket and payment (the seat is counted already, so a
 * rush of payments does not fight for the event's row), then looks again. */
static enum status apply(struct request *req, const struct payment_message *message,
			 struct problem *err)
{
	struct payment_known payment;
	struct guest_locked locked;
	enum payment_effect effect;
	enum status status = payment_by_intent(req, message->intent_id, &payment, err);

	if (status)
		return status;
	if (!payment.id)
		return payment_message_settle(req, message->webhook_id, "waiting", err);
	req->access.event_id = payment.event_id;
	status = guest_lock(req, payment.guest_id, 0, &locked, err);
	if (status == ST_NOT_FOUND)
		return payment_message_settle(req, message->webhook_id, "waiting", err);
	if (!status)
		status = payment_by_intent(req, message->intent_id, &payment, err);
	if (status)
		return status;
	effect = payment_message_effect(&payment, message);
	status = apply_effect(req, effect, &payment, &locked, message, err);
	if (status)
		return status;
	return payment_message_settle(req, message->webhook_id, payment_effect_state(effect), err);
}

enum status payment_take_message(struct request *req, const struct payment_message *message,
				 struct problem *err)
{
	enum status status = OK;
	bool is_new = false;

	if (message->intent_id)
		status = payment_lock_intent(req, message->intent_id, err);
	if (!status)
		status = payment_message_put(req, message, &is_new, err);
	if (status || !is_new)
		return status;
	if (!message->intent_id || !payment_message_known(message->type))
		return payment_message_settle(req, message->webhook_id, "ignored", err);
	return apply(req, message, err);
}

enum status payment_take_waiting(struct request *req, const char *intent_id, struct problem *err)
{
	struct payment_message *messages;
	size_t count;
	enum status status = payment_messages_waiting(req, intent_id, &messages, &count, err);

	for (size_t i = 0; !status && i < count; i++)
		status = apply(req, &messages[i], err);
	return status;
}
