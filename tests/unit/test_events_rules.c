/*
 * events_rules: every state x trigger, what an edit changes, what is refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/events/events_rules.h"

#define NOW INT64_C(1800000000000000)

static const struct event sample = {
	.id = 7,
	.title = "Concert",
	.description = NULL,
	.event_date = NOW + 1000,
	.end_date = NOW + 2000,
	.time_zone = "Europe/Paris",
	.location = "Salle 1",
	.max_attendees = 10,
	.currency = "EUR",
	.current_attendees = 3,
	.guest_count = 3,
	.status = EVENT_PUBLISHED,
	.edit_version = 4,
};

/* --- life --- */

#define REFUSED (-1)

/* By state: publish, start, end, cancel. */
static const int expected[EVENT_STATUS_COUNT][EVENT_TRIGGER_COUNT] = {
	{EVENT_PUBLISHED, REFUSED, REFUSED, REFUSED},
	{REFUSED, EVENT_ACTIVE, REFUSED, EVENT_CANCELLED},
	{REFUSED, REFUSED, EVENT_COMPLETED, EVENT_CANCELLED},
	{REFUSED, REFUSED, REFUSED, REFUSED},
	{REFUSED, REFUSED, REFUSED, REFUSED},
};

START_TEST(every_state_meets_every_trigger)
{
	int from = _i / EVENT_TRIGGER_COUNT, trigger = _i % EVENT_TRIGGER_COUNT;
	enum event_status to = EVENT_STATUS_COUNT;
	struct event event = sample;
	struct problem err = {0};
	enum status status;

	event.status = from;
	status = events_rules_move(&event, (enum event_trigger)trigger, NOW, &to, &err);
	if (expected[from][trigger] != REFUSED) {
		ck_assert_int_eq(status, OK);
		ck_assert_int_eq((int)to, expected[from][trigger]);
		return;
	}
	ck_assert_int_eq(status, ST_INVALID_TRANSITION);
	ck_assert_int_eq(to, EVENT_STATUS_COUNT);
	ck_assert_ptr_nonnull(strstr(err.detail, event_status_names[from]));
	ck_assert_ptr_nonnull(strstr(err.detail, event_trigger_names[trigger]));
}
END_TEST

START_TEST(a_past_date_is_not_published)
{
	enum event_status to = EVENT_STATUS_COUNT;
	struct event event = sample;
	struct problem err = {0};

	event.status = EVENT_DRAFT;
	event.event_date = NOW;
	ck_assert_int_eq(events_rules_move(&event, TRIGGER_PUBLISH, NOW, &to, &err),
			 ST_INVALID_TRANSITION);
	ck_assert_ptr_nonnull(strstr(err.detail, "publish"));
	ck_assert_ptr_nonnull(strstr(err.detail, "draft"));
	event.event_date = NOW + 1;
	ck_assert_int_eq(events_rules_move(&event, TRIGGER_PUBLISH, NOW, &to, &err), OK);
	/* Once published the date binds no more. */
	event.status = EVENT_ACTIVE;
	event.event_date = NOW - 1;
	ck_assert_int_eq(events_rules_move(&event, TRIGGER_END, NOW, &to, &err), OK);
}
END_TEST

/* --- edits --- */

START_TEST(an_edit_is_judged_by_its_fields)
{
	struct event edited = sample;

	ck_assert_uint_eq(events_rules_changes(&sample, &edited), 0);
	edited.title = (char[]){"Concert"};
	ck_assert_uint_eq(events_rules_changes(&sample, &edited), 0);
	edited.title = "Concerts";
	ck_assert_uint_eq(events_rules_changes(&sample, &edited), CHANGE_ANY | CHANGE_PAGE);
	edited = sample;
	edited.description = "";
	ck_assert_uint_eq(events_rules_changes(&sample, &edited), CHANGE_ANY);
	ck_assert_uint_eq(events_rules_changes(&edited, &sample), CHANGE_ANY);
	edited = sample;
	edited.event_date++;
	ck_assert_uint_eq(events_rules_changes(&sample, &edited),
			  CHANGE_ANY | CHANGE_PAGE | CHANGE_NOTICE | CHANGE_DATE);
	edited = sample;
	edited.end_date = INT64_MIN;
	ck_assert_uint_eq(events_rules_changes(&sample, &edited),
			  CHANGE_ANY | CHANGE_PAGE | CHANGE_NOTICE);
	edited = sample;
	edited.currency = "USD";
	edited.locale = 1;
	edited.max_attendees = 11;
	ck_assert_uint_eq(events_rules_changes(&sample, &edited),
			  CHANGE_ANY | CHANGE_PAGE | CHANGE_CURRENCY);
	/* Neither what is counted nor who owns it is an edit. */
	edited = sample;
	edited.current_attendees = edited.guest_count = 9;
	edited.edit_version = 99;
	ck_assert_uint_eq(events_rules_changes(&sample, &edited), 0);
}
END_TEST

START_TEST(guests_are_told_of_published_and_active_events_alone)
{
	static const bool told[EVENT_STATUS_COUNT] = {
		[EVENT_PUBLISHED] = true,
		[EVENT_ACTIVE] = true,
	};
	struct event event = sample;

	for (int status = 0; status < EVENT_STATUS_COUNT; status++) {
		event.status = status;
		ck_assert_int_eq(events_rules_must_tell(&event, CHANGE_ANY | CHANGE_NOTICE),
				 told[status]);
		ck_assert(!events_rules_must_tell(&event, CHANGE_ANY | CHANGE_PAGE));
	}
}
END_TEST

START_TEST(edits_are_refused_in_order)
{
	struct event old = sample, edited = sample;
	struct problem err = {0};

	edited.max_attendees = 3;
	edited.currency = "USD";
	ck_assert_int_eq(events_rules_edit(&old, &edited, false, &err), OK);
	ck_assert_int_eq(events_rules_edit(&old, &edited, true, &err), ST_HAS_SALES);
	edited.max_attendees = 2;
	ck_assert_int_eq(events_rules_edit(&old, &edited, true, &err), ST_MAX_BELOW_ATTENDEES);
	for (int status = 0; status < EVENT_STATUS_COUNT; status++) {
		bool closed = status == EVENT_COMPLETED || status == EVENT_CANCELLED;

		old.status = status;
		ck_assert_int_eq(events_rules_edit(&old, &edited, true, &err),
				 closed ? ST_EVENT_NOT_OPEN : ST_MAX_BELOW_ATTENDEES);
		ck_assert_int_eq(events_rules_open(&old, &err), closed ? ST_EVENT_NOT_OPEN : OK);
	}
	/* The same currency again is no change. */
	old = edited = sample;
	ck_assert_int_eq(events_rules_edit(&old, &edited, true, &err), OK);
}
END_TEST

START_TEST(live_guests_keep_an_event)
{
	struct event event = sample;
	struct problem err = {0};

	ck_assert_int_eq(events_rules_delete(&event, &err), ST_HAS_GUESTS);
	event.current_attendees = 0;
	ck_assert_int_eq(events_rules_delete(&event, &err), OK);
}
END_TEST

/* --- ticket types --- */

START_TEST(ticket_types_keep_what_is_sold)
{
	const struct ticket_type old = {.name = "Std", .price = 4990, .quantity = 10, .sold = 4};
	struct ticket_type edited = old;
	struct problem err = {0};

	edited.quantity = 4;
	ck_assert_int_eq(ticket_types_rules_edit(&old, &edited, &err), OK);
	ck_assert_uint_eq(ticket_types_rules_changes(&old, &edited), CHANGE_ANY);
	edited.quantity = 3;
	ck_assert_int_eq(ticket_types_rules_edit(&old, &edited, &err), ST_QUANTITY_BELOW_SOLD);
	ck_assert_int_eq(ticket_types_rules_delete(&old, &err), ST_HAS_SALES);
	edited.sold = 0;
	ck_assert_int_eq(ticket_types_rules_delete(&edited, &err), OK);
	edited = old;
	ck_assert_uint_eq(ticket_types_rules_changes(&old, &edited), 0);
	edited.price = 4991;
	ck_assert_uint_eq(ticket_types_rules_changes(&old, &edited), CHANGE_ANY | CHANGE_PAGE);
	edited = old;
	edited.sales_end_at = 1;
	edited.sold = 9;
	ck_assert_uint_eq(ticket_types_rules_changes(&old, &edited), CHANGE_ANY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("events_rules");
	TCase *tcase = tcase_create("events_rules");

	tcase_add_loop_test(tcase, every_state_meets_every_trigger, 0,
			    EVENT_STATUS_COUNT * EVENT_TRIGGER_COUNT);
	tcase_add_test(tcase, a_past_date_is_not_published);
	tcase_add_test(tcase, an_edit_is_judged_by_its_fields);
	tcase_add_test(tcase, guests_are_told_of_published_and_active_events_alone);
	tcase_add_test(tcase, edits_are_refused_in_order);
	tcase_add_test(tcase, live_guests_keep_an_event);
	tcase_add_test(tcase, ticket_types_keep_what_is_sold);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
