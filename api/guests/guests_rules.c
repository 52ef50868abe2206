#include "api/guests/guests_rules.h"

const char *const guest_trigger_names[] = {
	[TRIGGER_CONFIRM] = "confirm",
	[TRIGGER_PAID] = "payment",
	[TRIGGER_PAYMENT_FAILED] = "failed payment",
	[TRIGGER_CALL_FAILED] = "failed payment call",
	[TRIGGER_CANCEL] = "cancel",
	[TRIGGER_EVENT_CANCELLED] = "cancel of the event",
	[TRIGGER_LATE_MONEY] = "late money",
	[TRIGGER_REFUNDED] = "full refund",
	[TRIGGER_CHECK_IN] = "check-in",
	[TRIGGER_UNDO_CHECK_IN] = "undo of check-in",
};

/* clang-format off */
static const struct guest_transition transitions[] = {
	{GUEST_PENDING,    TRIGGER_CONFIRM,        GUEST_CONFIRMED,   0, TICKET_MAKE,       MONEY_ON_SITE, NULL},
	{GUEST_REGISTERED, TRIGGER_CONFIRM,        GUEST_CONFIRMED,   0, TICKET_KEEP,       MONEY_KEEP,    NULL},
	{GUEST_PENDING,    TRIGGER_PAID,           GUEST_CONFIRMED,   0, TICKET_MAKE,       MONEY_KEEP,    NULL},
	{GUEST_PENDING,    TRIGGER_PAYMENT_FAILED, GUEST_PENDING,     0, TICKET_KEEP,       MONEY_KEEP,    NULL},
	{GUEST_PENDING,    TRIGGER_CALL_FAILED,    GUEST_CANCELLED,  -1, TICKET_KEEP,       MONEY_VOID,    NULL},
	{GUEST_REGISTERED, TRIGGER_CANCEL,         GUEST_CANCELLED,  -1, TICKET_KEEP,       MONEY_KEEP,    "registration-cancelled"},
	{GUEST_CONFIRMED,  TRIGGER_CANCEL,         GUEST_CANCELLED,  -1, TICKET_CANCEL,     MONEY_CLOSE,   "registration-cancelled"},
	{GUEST_PENDING,    TRIGGER_CANCEL,         GUEST_CANCELLED,  -1, TICKET_KEEP,       MONEY_CLOSE,   "registration-cancelled"},
	{GUEST_REGISTERED, TRIGGER_EVENT_CANCELLED, GUEST_CANCELLED, -1, TICKET_KEEP,     MONEY_KEEP,    "event-cancelled"},
	{GUEST_CONFIRMED,  TRIGGER_EVENT_CANCELLED, GUEST_CANCELLED, -1, TICKET_CANCEL,   MONEY_CLOSE,   "event-cancelled"},
	{GUEST_PENDING,    TRIGGER_EVENT_CANCELLED, GUEST_CANCELLED, -1, TICKET_KEEP,     MONEY_CLOSE,   "event-cancelled"},
	{GUEST_CANCELLED,  TRIGGER_LATE_MONEY,     GUEST_CONFIRMED,   1, TICKET_MAKE,       MONEY_KEEP,    NULL},
	{GUEST_CONFIRMED,  TRIGGER_REFUNDED,       GUEST_CANCELLED,  -1, TICKET_CANCEL,     MONEY_KEEP,    NULL},
	{GUEST_PENDING,    TRIGGER_REFUNDED,       GUEST_CANCELLED,  -1, TICKET_KEEP,       MONEY_KEEP,    NULL},
	{GUEST_CHECKED_IN, TRIGGER_REFUNDED,       GUEST_CHECKED_IN,  0, TICKET_KEEP,       MONEY_KEEP,    NULL},
	{GUEST_REGISTERED, TRIGGER_CHECK_IN,       GUEST_CHECKED_IN,  0, TICKET_VALIDATE,   MONEY_KEEP,    NULL},
	{GUEST_CONFIRMED,  TRIGGER_CHECK_IN,       GUEST_CHECKED_IN,  0, TICKET_VALIDATE,   MONEY_KEEP,    NULL},
	{GUEST_CHECKED_IN, TRIGGER_UNDO_CHECK_IN,  GUEST_CONFIRMED,   0, TICKET_UNVALIDATE, MONEY_KEEP,    NULL},
};
/* clang-format on */

/* Check-in by hand has slugs of its own for what it refuses. */
static enum status refusal(enum guest_status from, enum guest_trigger trigger)
{
	if (trigger != TRIGGER_CHECK_IN)
		return ST_INVALID_TRANSITION;
	switch (from) {
	case GUEST_PENDING:
		return ST_NOT_PAID;
	case GUEST_CHECKED_IN:
		return ST_ALREADY_VALIDATED;
	case GUEST_CANCELLED:
		return ST_TICKET_CANCELLED;
	default:
		return ST_INVALID_TRANSITION;
	}
}

const struct guest_transition *guest_transition(enum guest_status from, enum guest_trigger trigger,
						struct problem *err)
{
	for (size_t i = 0; i < ARRAY_LEN(transitions); i++)
		if (transitions[i].from == from && transitions[i].trigger == trigger)
			return &transitions[i];
	problem_set(err, refusal(from, trigger), "A guest who is %s does not take %s",
		    guest_status_names[from], guest_trigger_names[trigger]);
	return NULL;
}
