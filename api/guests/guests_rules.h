/*
 * guests_rules: the life of a guest as one table: state x trigger -> state and effects. Pure.
 */
#ifndef API_GUESTS_GUESTS_RULES_H
#define API_GUESTS_GUESTS_RULES_H

#include "api/guests/guest_record.h"

enum guest_trigger {
	TRIGGER_CONFIRM,        /* accepted, or paid on site */
	TRIGGER_PAID,           /* the payment service says so */
	TRIGGER_PAYMENT_FAILED, /* one try failed; the hold goes on */
	TRIGGER_CALL_FAILED,    /* no intent could be made */
	TRIGGER_CANCEL,
	TRIGGER_EVENT_CANCELLED,
	TRIGGER_LATE_MONEY, /* paid after the hold had ended; the seat is still free */
	TRIGGER_REFUNDED,   /* nothing is left of what was paid */
	TRIGGER_CHECK_IN,
	TRIGGER_UNDO_CHECK_IN,
	TRIGGER_COUNT,
};
extern const char *const guest_trigger_names[];

enum ticket_effect { TICKET_KEEP, TICKET_MAKE, TICKET_CANCEL, TICKET_VALIDATE, TICKET_UNVALIDATE };
enum money_effect {
	MONEY_KEEP,
	MONEY_ON_SITE, /* the open payment ends, one paid on site takes its place */
	MONEY_VOID,    /* the payment never came to be */
	MONEY_CLOSE,   /* an open payment is cancelled, what was paid is refunded */
};

struct guest_transition {
	enum guest_status from;
	enum guest_trigger trigger;
	enum guest_status to; /* TRIGGER_UNDO_CHECK_IN: replaced by what it was before */
	int seats;            /* change of live guests */
	enum ticket_effect ticket;
	enum money_effect money;
	const char *mail; /* kind of the notification, NULL: none */
};

/* The row of a pair; NULL and `err` filled when the pair is not possible: ST_INVALID_TRANSITION,
 * or the contract's own slug. */
const struct guest_transition *guest_transition(enum guest_status from, enum guest_trigger trigger,
						struct problem *err);

#endif
