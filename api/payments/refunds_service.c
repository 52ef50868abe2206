#include "api/payments/refunds_service.h"

#include <string.h>

#include "api/guests/guests_service.h"
#include "api/observe.h"
#include "common/clock.h"
#include "common/crash_point.h"

/* --- done ------------------------------------------------------------------------------------ */

/* Who paid nothing any more has no seat; a guest inside stays. */
static enum status apply_to_guest(struct request *req, struct guest_locked *locked,
				  const struct refund_effect *effect, struct problem *err)
{
	if (!effect->whole || effect->other_money > 0)
		return OK;
	/* the payment is locked; another one may have paid for the guest since */
	if (locked->guest.status == GUEST_CONFIRMED ||
	    (locked->guest.status == GUEST_PENDING && !effect->counted))
		return guest_apply(req, locked, TRIGGER_REFUNDED, err);
	return OK;
}

/* The mail of the cancel told of it already. */
static bool was_told(const char *cause)
{
	return !strcmp(cause, "registration-cancelled") || !strcmp(cause, "event-cancelled");
}

enum status refund_settle(struct request *req, struct guest_locked *locked, int64_t refund_id,
			  const char *service_id, struct problem *err)
{
	struct refund_effect effect;
	enum status status = refund_finish(req, refund_id, service_id, &effect, err);

	if (status || !effect.happened)
		return status;
	if (effect.counted)
		status = guest_count(req, &locked->guest, TIME_NONE, "refunded", 1, effect.amount,
				     err);
	if (!status)
		status = apply_to_guest(req, locked, &effect, err);
	if (!status && !was_told(effect.cause))
		status = guest_notify(req, &locked->guest, "refund-done", refund_id, err);
	if (!status)
		metrics_add(&metric_refunds, 1, "done", (char *)NULL);
	return status;
}

/* --- asked for ------------------------------------------------------------------------------- */

static enum status check_amount(const struct refundable *payment, int64_t *amount,
				struct problem *err)
{
	int64_t left = payment->paid_amount - payment->refunded_amount - payment->refunding_amount;

	if (payment->paid_amount == 0)
		return problem_set(err, ST_NOT_PAID, "A payment that is %s has no money to refund",
				   payment_status_names[payment->status]);
	if (*amount == 0)
		*amount = left;
	if (*amount > left || left == 0)
		return problem_set(
			err, ST_REFUND_EXCEEDS, "Of this payment %lld.%02lld %s are left to refund",
			(long long)(left / 100), (long long)(left % 100), payment->currency);
	return OK;
}

enum status refund_request(struct request *req, int64_t amount, struct refund_out *ret,
			   struct problem *err)
{
	struct guest_locked locked;
	struct refundable payment;
	int64_t id = 0;
	enum status status = guest_lock(req, req->access.guest_id, LOCK_SEAT, &locked, err);

	if (!status)
		status = refundable_load(req, req->access.thing_id, &payment, err);
	if (!status)
		status = check_amount(&payment, &amount, err);
	if (!status)
		status = refund_add(req, &payment, amount, "asked", NULL,
				    payment.method == PAYMENT_INTENT, &id, err);
	CRASH_POINT("refund.added");
	if (!status && payment.method == PAYMENT_ON_SITE)
		status = refund_settle(req, &locked, id, NULL, err);
	return status ? status : refund_load(req, id, ret, err);
}

/* --- told of --------------------------------------------------------------------------------- */

/* Nobody here asked for it: the service made it by itself. */
static enum status take_made(struct request *req, struct guest_locked *locked,
			     const struct refundable *payment,
			     const struct payment_message *message, bool *ret_waits,
			     struct problem *err)
{
	int64_t left = payment->paid_amount - payment->refunded_amount - payment->refunding_amount;
	int64_t id;
	enum status status;

	*ret_waits = message->amount > left || !message->currency ||
		     strcmp(message->currency, payment->currency) != 0;
	if (*ret_waits)
		return OK;
	status = refund_add(req, payment, message->amount, "service", message->refund_id, false,
			    &id, err);
	return status ? status : refund_settle(req, locked, id, NULL, err);
}

enum status refund_take_message(struct request *req, struct guest_locked *locked,
				int64_t payment_id, const struct payment_message *message,
				bool *ret_waits, struct problem *err)
{
	struct refundable payment;
	const char *match;
	int64_t id;
	enum status status = refundable_load(req, payment_id, &payment, err);

	*ret_waits = false;
	if (!status)
		status = refund_match(req, payment_id, message, &id, &match, err);
	if (status)
		return status;
	if (message->amount <= 0 && (!match || strcmp(match, "same") != 0)) {
		*ret_waits = true;
		return OK;
	}
	if (!match)
		return take_made(req, locked, &payment, message, ret_waits, err);
	if (!strcmp(match, "foreign"))
		return OK;
	*ret_waits = !strcmp(match, "wait");
	return *ret_waits ? OK : refund_settle(req, locked, id, message->refund_id, err);
}
