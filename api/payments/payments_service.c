#include "api/payments/payments_service.h"

#include <string.h>

#include "api/guests/guests_service.h"
#include "api/observe.h"
#include "api/payments/payments_rules.h"
#include "api/payments/refunds_service.h"
#include "common/clock.h"
#include "common/crash_point.h"

/* --- effects --------------------------------------------------------------------------------- */

/* Money for a guest whose hold had ended: the seat, if it is still there, else all of it back. */
static enum status take_late(struct request *req, const struct payment_known *payment,
			     struct guest_locked *locked, struct problem *err)
{
	bool may = false;
	enum status status = OK;

	if (payment->status == PAYMENT_EXPIRED)
		status = guest_may_return(req, locked->guest.id, &may, err);
	if (status)
		return status;
	if (may)
		return guest_apply(req, locked, TRIGGER_LATE_MONEY, err);
	return refund_rest(req, locked->guest.id, "late", payment->id, err);
}

/* Money is there: a waiting guest is confirmed; one who has paid already gets it back. */
static enum status succeed(struct request *req, const struct payment_known *payment,
			   struct guest_locked *locked, struct problem *err)
{
	enum status status = payment_set_succeeded(req, payment->id, err);

	if (!status)
		status = guest_count(req, &locked->guest, TIME_NONE, "gross", 1, payment->amount,
				     err);
	if (status)
		return status;
	if (locked->guest.status == GUEST_PENDING)
		return guest_apply(req, locked, TRIGGER_PAID, err);
	if (locked->guest.status == GUEST_CANCELLED)
		return take_late(req, payment, locked, err);
	return refund_rest(req, locked->guest.id, "double", payment->id, err);
}

static enum status dispute(struct request *req, const struct payment_known *payment,
			   const struct payment_message *message, struct problem *err)
{
	enum status status = payment_set_disputed(req, payment->id, message, err);

	if (!status)
		metrics_add(&metric_payments_disputed, 1, (char *)NULL);
	return status;
}

static enum status refunded(struct request *req, const struct payment_known *payment,
			    struct guest_locked *locked, const struct payment_message *message,
			    enum payment_effect *effect, struct problem *err)
{
	bool waits = false;
	enum status status = refund_take_message(req, locked, payment->id, message, &waits, err);

	if (waits)
		*effect = EFFECT_WAIT;
	return status;
}

static enum status apply_effect(struct request *req, enum payment_effect *effect,
				const struct payment_known *payment, struct guest_locked *locked,
				const struct payment_message *message, struct problem *err)
{
	switch (*effect) {
	case EFFECT_SUCCEED:
		return succeed(req, payment, locked, err);
	case EFFECT_DISPUTE:
		return dispute(req, payment, message, err);
	case EFFECT_FAIL:
		return payment_set_failed(req, payment->id, err);
	case EFFECT_REFUND:
		return refunded(req, payment, locked, message, effect, err);
	case EFFECT_WAIT:
	case EFFECT_NONE:
	case EFFECT_IGNORE:
		break;
	}
	return OK;
}

/* --- one message ------------------------------------------------------------------------------ */

/* Could this message move a seat? Then event and type are locked first; the seat of a live hold is
 * counted already, so a rush of payments does not fight for the event's row. */
static bool moves_seat(const struct payment_known *payment, const struct payment_message *message)
{
	enum payment_effect effect = payment_message_effect(payment, message);

	return effect == EFFECT_REFUND || (effect == EFFECT_SUCCEED && payment->guest_cancelled);
}

/* Where applying one message stands. */
struct applying {
	const struct payment_message *message;
	unsigned flags; /* LOCK_SEAT: may lock, or has locked, event and type */
	bool stopped;   /* it would have to lock them, and must not any more: nothing was done */
	enum payment_effect effect;
};

/* Lock what the message concerns, then look again. */
static enum status lock(struct request *req, struct applying *applying,
			struct payment_known *payment, struct guest_locked *locked,
			struct problem *err)
{
	const char *intent_id = applying->message->intent_id;
	enum status status;

	req->access.event_id = payment->event_id;
	status = guest_lock(req, payment->guest_id, applying->flags | LOCK_DELETED, locked, err);
	if (!status)
		status = payment_by_intent(req, intent_id, payment, err);
	if (!status && !(applying->flags & LOCK_SEAT))
		applying->stopped = moves_seat(payment, applying->message);
	return status;
}

/* The intent's lock is held. */
static enum status apply(struct request *req, struct applying *applying, struct problem *err)
{
	const struct payment_message *message = applying->message;
	struct payment_known payment;
	struct guest_locked locked;
	enum status status = payment_by_intent(req, message->intent_id, &payment, err);

	if (status)
		return status;
	applying->effect = EFFECT_WAIT;
	if (!payment.id)
		return OK;
	status = lock(req, applying, &payment, &locked, err);
	if (status || applying->stopped)
		return status;
	applying->effect = payment_message_effect(&payment, message);
	return apply_effect(req, &applying->effect, &payment, &locked, message, err);
}

static enum status settle(struct request *req, const struct applying *applying, struct problem *err)
{
	return payment_message_settle(req, applying->message->webhook_id,
				      payment_effect_state(applying->effect), err);
}

/* --- webhooks --------------------------------------------------------------------------------- */

static bool brings_money(enum payment_effect effect)
{
	return effect == EFFECT_SUCCEED || effect == EFFECT_DISPUTE;
}

/* A new message that is for us. */
static enum status take_new(struct request *req, struct applying *applying, struct problem *err)
{
	const char *intent_id = applying->message->intent_id;
	struct payment_known payment;
	enum status status = payment_by_intent(req, intent_id, &payment, err);

	if (!status && payment.id && moves_seat(&payment, applying->message))
		applying->flags |= LOCK_SEAT;
	if (!status)
		status = apply(req, applying, err);
	if (!status && applying->stopped)
		return problem_set(err, ST_OVERLOADED, "The registration changed meanwhile");
	CRASH_POINT("webhook.applied");
	if (!status)
		status = settle(req, applying, err);
	CRASH_POINT("webhook.settled");
	/* What was refunded may have come before what was paid. */
	if (!status && brings_money(applying->effect))
		status = payment_take_waiting(req, intent_id, applying->flags, err);
	return status;
}

static enum status take(struct request *req, struct problem *err)
{
	struct applying *applying = req->work;
	const struct payment_message *message = applying->message;
	enum status status = OK;
	bool is_new = false;

	applying->stopped = false;
	if (message->intent_id)
		status = payment_lock_intent(req, message->intent_id, err);
	if (!status)
		status = payment_message_put(req, message, &is_new, err);
	CRASH_POINT("webhook.put");
	if (status || !is_new)
		return status;
	if (!message->intent_id || !payment_message_known(message->type))
		return payment_message_settle(req, message->webhook_id, "ignored", err);
	return take_new(req, applying, err);
}

enum status payment_take_webhook(struct request *req, const struct payment_message *message,
				 struct problem *err)
{
	struct applying applying = {.message = message};
	struct problem first = {0};
	enum status status;

	req->work = &applying;
	CRASH_POINT("webhook.received");
	status = request_transaction(req, take, &first);
	CRASH_POINT_IF(!status, "webhook.committed");
	if (status && applying.stopped) {
		/* Locks are taken from the top: from the start, with the seat's. */
		applying.flags = LOCK_SEAT;
		return request_transaction(req, take, err);
	}
	if (status)
		*err = first;
	return status;
}

enum status payment_take_waiting(struct request *req, const char *intent_id, unsigned flags,
				 struct problem *err)
{
	struct payment_message *messages;
	size_t count;
	enum status status = payment_messages_waiting(req, intent_id, &messages, &count, err);

	for (size_t i = 0; !status && i < count; i++) {
		struct applying applying = {.message = &messages[i], .flags = flags};

		status = apply(req, &applying, err);
		CRASH_POINT("webhook.waiting-applied");
		if (!status && !applying.stopped)
			status = settle(req, &applying, err);
	}
	return status;
}

enum status payment_has_waiting(struct request *req, const char *intent_id, bool *ret_has,
				struct problem *err)
{
	struct payment_message *messages;
	size_t count = 0;
	enum status status = payment_messages_waiting(req, intent_id, &messages, &count, err);

	if (!status)
		*ret_has = count > 0;
	return status;
}

enum status payment_trust_paid(struct request *req, const char *intent_id, struct problem *err)
{
	struct payment_known payment;
	struct payment_message message = {.type = "payment.succeeded", .intent_id = intent_id};
	struct applying applying = {.message = &message, .flags = LOCK_SEAT};
	enum status status = payment_lock_intent(req, intent_id, err);

	if (!status)
		status = payment_by_intent(req, intent_id, &payment, err);
	if (status || !payment.id)
		return status;
	message.amount = payment.amount;
	message.currency = payment.currency;
	status = apply(req, &applying, err);
	return status ? status : payment_take_waiting(req, intent_id, LOCK_SEAT, err);
}
