/*
 * guests_rules: every state x trigger: where it leads, what it does, and what is refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/guests/guests_rules.h"

enum { STATES = GUEST_CHECKED_IN + 1 };

/* One cell: a move with its effects, or the refusal. */
struct cell {
	enum status refusal; /* OK: it is a move */
	enum guest_status to;
	int seats;
	enum ticket_effect ticket;
	enum money_effect money;
	const char *mail;
};

#define MOVE(to, seats, ticket, money, mail)                                                       \
	{                                                                                          \
		OK, to, seats, ticket, money, mail                                                 \
	}
#define NO                                                                                         \
	{                                                                                          \
		.refusal = ST_INVALID_TRANSITION                                                   \
	}
#define REFUSED(status)                                                                            \
	{                                                                                          \
		.refusal = (status)                                                                \
	}
#define CANCELLED_MAIL "registration-cancelled"

/* clang-format off */
static const struct cell cells[STATES][TRIGGER_COUNT] = {
	[GUEST_REGISTERED] = {
		[TRIGGER_CONFIRM] = MOVE(GUEST_CONFIRMED, 0, TICKET_KEEP, MONEY_KEEP, NULL),
		[TRIGGER_PAID] = NO,
		[TRIGGER_PAYMENT_FAILED] = NO,
		[TRIGGER_CALL_FAILED] = NO,
		[TRIGGER_CANCEL] = MOVE(GUEST_CANCELLED, -1, TICKET_KEEP, MONEY_KEEP, CANCELLED_MAIL),
		[TRIGGER_EVENT_CANCELLED] = MOVE(GUEST_CANCELLED, -1, TICKET_KEEP, MONEY_KEEP, "event-cancelled"),
		[TRIGGER_LATE_MONEY] = NO,
		[TRIGGER_REFUNDED] = NO,
		[TRIGGER_CHECK_IN] = MOVE(GUEST_CHECKED_IN, 0, TICKET_VALIDATE, MONEY_KEEP, NULL),
		[TRIGGER_UNDO_CHECK_IN] = NO,
	},
	[GUEST_CONFIRMED] = {
		[TRIGGER_CONFIRM] = NO,
		[TRIGGER_PAID] = NO,
		[TRIGGER_PAYMENT_FAILED] = NO,
		[TRIGGER_CALL_FAILED] = NO,
		[TRIGGER_CANCEL] = MOVE(GUEST_CANCELLED, -1, TICKET_CANCEL, MONEY_CLOSE, CANCELLED_MAIL),
		[TRIGGER_EVENT_CANCELLED] = MOVE(GUEST_CANCELLED, -1, TICKET_CANCEL, MONEY_CLOSE, "event-cancelled"),
		[TRIGGER_LATE_MONEY] = NO,
		[TRIGGER_REFUNDED] = MOVE(GUEST_CANCELLED, -1, TICKET_CANCEL, MONEY_KEEP, NULL),
		[TRIGGER_CHECK_IN] = MOVE(GUEST_CHECKED_IN, 0, TICKET_VALIDATE, MONEY_KEEP, NULL),
		[TRIGGER_UNDO_CHECK_IN] = NO,
	},
	[GUEST_PENDING] = {
		[TRIGGER_CONFIRM] = MOVE(GUEST_CONFIRMED, 0, TICKET_MAKE, MONEY_ON_SITE, NULL),
		[TRIGGER_PAID] = MOVE(GUEST_CONFIRMED, 0, TICKET_MAKE, MONEY_KEEP, NULL),
		[TRIGGER_PAYMENT_FAILED] = MOVE(GUEST_PENDING, 0, TICKET_KEEP, MONEY_KEEP, NULL),
		[TRIGGER_CALL_FAILED] = MOVE(GUEST_CANCELLED, -1, TICKET_KEEP, MONEY_VOID, NULL),
		[TRIGGER_CANCEL] = MOVE(GUEST_CANCELLED, -1, TICKET_KEEP, MONEY_CLOSE, CANCELLED_MAIL),
		[TRIGGER_EVENT_CANCELLED] = MOVE(GUEST_CANCELLED, -1, TICKET_KEEP, MONEY_CLOSE, "event-cancelled"),
		[TRIGGER_LATE_MONEY] = NO,
		[TRIGGER_REFUNDED] = MOVE(GUEST_CANCELLED, -1, TICKET_KEEP, MONEY_KEEP, NULL),
		[TRIGGER_CHECK_IN] = REFUSED(ST_NOT_PAID),
		[TRIGGER_UNDO_CHECK_IN] = NO,
	},
	[GUEST_CANCELLED] = {
		[TRIGGER_CONFIRM] = NO,
		[TRIGGER_PAID] = NO,
		[TRIGGER_PAYMENT_FAILED] = NO,
		[TRIGGER_CALL_FAILED] = NO,
		[TRIGGER_CANCEL] = NO,
		[TRIGGER_EVENT_CANCELLED] = NO,
		[TRIGGER_LATE_MONEY] = MOVE(GUEST_CONFIRMED, 1, TICKET_MAKE, MONEY_KEEP, NULL),
		[TRIGGER_REFUNDED] = NO,
		[TRIGGER_CHECK_IN] = REFUSED(ST_TICKET_CANCELLED),
		[TRIGGER_UNDO_CHECK_IN] = NO,
	},
	[GUEST_CHECKED_IN] = {
		[TRIGGER_CONFIRM] = NO,
		[TRIGGER_PAID] = NO,
		[TRIGGER_PAYMENT_FAILED] = NO,
		[TRIGGER_CALL_FAILED] = NO,
		[TRIGGER_CANCEL] = NO,
		[TRIGGER_EVENT_CANCELLED] = NO,
		[TRIGGER_LATE_MONEY] = NO,
		[TRIGGER_REFUNDED] = MOVE(GUEST_CHECKED_IN, 0, TICKET_KEEP, MONEY_KEEP, NULL),
		[TRIGGER_CHECK_IN] = REFUSED(ST_ALREADY_VALIDATED),
		/* what it was before: confirmed stands for registered too */
		[TRIGGER_UNDO_CHECK_IN] = MOVE(GUEST_CONFIRMED, 0, TICKET_UNVALIDATE, MONEY_KEEP, NULL),
	},
};
/* clang-format on */

static void expect_move(const struct cell *want, const struct guest_transition *got)
{
	ck_assert_ptr_nonnull(got);
	ck_assert_int_eq(got->to, want->to);
	ck_assert_int_eq(got->seats, want->seats);
	ck_assert_int_eq(got->ticket, want->ticket);
	ck_assert_int_eq(got->money, want->money);
	ck_assert_pstr_eq(got->mail, want->mail);
}

START_TEST(every_state_meets_every_trigger)
{
	enum guest_status from = (enum guest_status)(_i / TRIGGER_COUNT);
	enum guest_trigger trigger = (enum guest_trigger)(_i % TRIGGER_COUNT);
	const struct cell *want = &cells[from][trigger];
	struct problem err = {0};
	const struct guest_transition *got = guest_transition(from, trigger, &err);

	if (want->refusal == OK) {
		expect_move(want, got);
		ck_assert_int_eq(got->from, from);
		ck_assert_int_eq(got->trigger, trigger);
		ck_assert_int_eq(err.status, OK);
		return;
	}
	ck_assert_ptr_null(got);
	ck_assert_int_eq(err.status, want->refusal);
	ck_assert_ptr_nonnull(strstr(err.detail, guest_status_names[from]));
	ck_assert_ptr_nonnull(strstr(err.detail, guest_trigger_names[trigger]));
	ck_assert_ptr_null(guest_transition(from, trigger, NULL));
}
END_TEST

/* A seat is given back exactly by what makes a live guest cancelled, and taken by what revives one.
 */
START_TEST(seats_follow_life)
{
	for (int from = 0; from < STATES; from++) {
		for (int trigger = 0; trigger < TRIGGER_COUNT; trigger++) {
			const struct guest_transition *got = guest_transition(
				(enum guest_status)from, (enum guest_trigger)trigger, NULL);

			if (!got)
				continue;
			ck_assert_int_ne(from, got->to == GUEST_CANCELLED ? GUEST_CANCELLED : -1);
			ck_assert_int_eq(got->seats,
					 (from == GUEST_CANCELLED) - (got->to == GUEST_CANCELLED));
		}
	}
}
END_TEST

START_TEST(names_are_complete)
{
	for (int trigger = 0; trigger < TRIGGER_COUNT; trigger++)
		ck_assert_ptr_nonnull(guest_trigger_names[trigger]);
	for (int state = 0; state < STATES; state++)
		ck_assert_ptr_nonnull(guest_status_names[state]);
	ck_assert_ptr_null(guest_status_names[STATES]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guests_rules");
	TCase *cases = tcase_create("guests_rules");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(cases, every_state_meets_every_trigger, 0, STATES * TRIGGER_COUNT);
	tcase_add_test(cases, seats_follow_life);
	tcase_add_test(cases, names_are_complete);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
