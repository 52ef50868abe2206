#include "api/guests/guests_service.h"

#include <string.h>

#include "api/payments/refunds_store.h"
#include "common/clock.h"
#include "common/crash_point.h"

/* --- effects of a transition ----------------------------------------------------------------- */

static bool counts_as_confirmed(enum guest_status status)
{
	return status == GUEST_CONFIRMED || status == GUEST_CHECKED_IN;
}

/* Present status follows the guest, at the quarter of its registration. */
static enum status count_change(struct request *req, const struct guest *guest,
				const struct guest_transition *transition, struct problem *err)
{
	int confirmed = counts_as_confirmed(transition->to) - counts_as_confirmed(transition->from);
	enum status status = OK;

	if (transition->seats)
		status = guest_count(req, guest, guest->created_at, "guests", transition->seats, 0,
				     err);
	if (!status && confirmed)
		status = guest_count(req, guest, guest->created_at, "confirmed", confirmed, 0, err);
	if (!status && transition->seats < 0 && transition->trigger != TRIGGER_CALL_FAILED)
		status = guest_count(req, guest, TIME_NONE, "cancellations", 1, 0, err);
	return status;
}

static enum status apply_ticket(struct request *req, struct guest_locked *locked,
				enum ticket_effect effect, struct problem *err)
{
	if (effect == TICKET_MAKE)
		return guest_make_ticket(req, locked, err);
	if (effect == TICKET_CANCEL && locked->ticket_id)
		return guest_cancel_ticket(req, locked->ticket_id, err);
	return OK;
}

static enum status pay_on_site(struct request *req, struct guest_locked *locked,
			       struct problem *err)
{
	enum status status = OK;

	if (locked->open_payment_id)
		status = payment_close(req, locked->open_payment_id, err);
	if (!status)
		status = payment_add_on_site(req, locked, err);
	if (!status)
		status =
			guest_count(req, &locked->guest, TIME_NONE, "gross", 1, locked->price, err);
	return status;
}

/* What was paid goes back; the mail of the transition tells of it, so it is the refund's cause. */
static enum status close_money(struct request *req, struct guest_locked *locked, const char *cause,
			       struct problem *err)
{
	enum status status = OK;

	/* A payment whose intent was never recorded becomes void, any other cancelled. */
	if (locked->open_payment_id)
		status = payment_close(req, locked->open_payment_id, err);
	if (!status && locked->paid_amount > 0)
		status = refund_rest(req, locked->guest.id, cause, 0, err);
	return status;
}

static enum status apply_money(struct request *req, struct guest_locked *locked,
			       const struct guest_transition *transition, struct problem *err)
{
	switch (transition->money) {
	case MONEY_ON_SITE:
		return pay_on_site(req, locked, err);
	case MONEY_CLOSE:
	case MONEY_VOID:
		return close_money(req, locked, transition->mail, err);
	case MONEY_KEEP:
		break;
	}
	return OK;
}

enum status guest_apply(struct request *req, struct guest_locked *locked,
			enum guest_trigger trigger, struct problem *err)
{
	const struct guest_transition *transition =
		guest_transition((enum guest_status)locked->guest.status, trigger, err);
	enum status status;

	if (!transition)
		return err ? err->status : ST_INVALID_TRANSITION;
	if (transition->to == transition->from)
		return OK;
	status = guest_set_status(req, locked, transition->to, err);
	CRASH_POINT("guest.status-set");
	if (!status && transition->seats)
		status = guest_move_seat(req, locked, transition->seats, err);
	CRASH_POINT("guest.seat-moved");
	if (!status)
		status = apply_ticket(req, locked, transition->ticket, err);
	CRASH_POINT("guest.ticket-changed");
	if (!status)
		status = apply_money(req, locked, transition, err);
	CRASH_POINT("guest.money-moved");
	if (!status)
		status = count_change(req, &locked->guest, transition, err);
	CRASH_POINT("guest.counted");
	if (!status && transition->mail)
		status = guest_notify(req, &locked->guest, transition->mail, 0, err);
	CRASH_POINT("guest.told");
	return status;
}

/* --- use cases ------------------------------------------------------------------------------- */

static bool event_open(const char *event_status)
{
	return strcmp(event_status, "completed") != 0 && strcmp(event_status, "cancelled") != 0;
}

static enum status lock_matching(struct request *req, struct guest_locked *ret, struct problem *err)
{
	enum status status = guest_lock(req, req->access.guest_id, LOCK_SEAT, ret, err);

	return status ? status : request_check_match(req, ret->guest.edit_version, err);
}

enum status guest_confirm(struct request *req, struct problem *err)
{
	struct guest_locked locked;
	enum status status = lock_matching(req, &locked, err);

	if (status)
		return status;
	if (!event_open(locked.event_status))
		return problem_set(err, ST_EVENT_NOT_OPEN, "The event is %s", locked.event_status);
	return guest_apply(req, &locked, TRIGGER_CONFIRM, err);
}

enum status guest_cancel(struct request *req, struct problem *err)
{
	struct guest_locked locked;
	enum status status = lock_matching(req, &locked, err);

	return status ? status : guest_apply(req, &locked, TRIGGER_CANCEL, err);
}

enum status guest_remove(struct request *req, struct problem *err)
{
	struct guest_locked locked;
	enum status status = lock_matching(req, &locked, err);

	if (!status && locked.guest.status != GUEST_CANCELLED)
		status = guest_apply(req, &locked, TRIGGER_CANCEL, err);
	CRASH_POINT("guest.removing");
	return status ? status : guest_mark_deleted(req, locked.guest.id, err);
}

/* Merge what was given into the guest; true when the ticket's page shows the difference. */
static bool merge(struct guest *guest, const struct guest_input *input)
{
	const struct presence *given = &input->presence;
	struct guest before = *guest;

	if (field_given(given, GUEST_FIRST_NAME))
		guest->first_name = input->first_name;
	if (field_given(given, GUEST_LAST_NAME))
		guest->last_name = input->last_name;
	if (field_given(given, GUEST_EMAIL))
		guest->email = input->email;
	if (field_given(given, GUEST_PHONE))
		guest->phone = input->phone;
	if (field_given(given, GUEST_TYPE))
		guest->type = input->type;
	if (field_given(given, GUEST_LOCALE))
		guest->locale = input->locale;
	return strcmp(before.first_name, guest->first_name) != 0 ||
	       strcmp(before.last_name, guest->last_name) != 0 || before.locale != guest->locale;
}

enum status guest_edit(struct request *req, const struct guest_input *input, struct problem *err)
{
	struct guest_locked locked;
	enum status status = lock_matching(req, &locked, err);
	bool page_changed;

	if (status)
		return status;
	page_changed = merge(&locked.guest, input);
	status = guest_update(req, &locked.guest, err);
	CRASH_POINT("guest.edited");
	if (!status && page_changed && locked.ticket_id &&
	    strcmp(locked.ticket_status, "cancelled") != 0)
		status = guest_remake_ticket(req, locked.ticket_id, err);
	return status;
}
