/*
 * payments_rules: every payment state x message of the payment service, with the right sum and
 * with each way of being wrong.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/payments/payments_rules.h"

enum { STATES = PAYMENT_DISPUTED + 1, AMOUNT = 4990 };

enum { SUCCEEDED, FAILED, REFUNDED, OTHER, TYPES };
static const char *const types[TYPES] = {
	[SUCCEEDED] = "payment.succeeded",
	[FAILED] = "payment.failed",
	[REFUNDED] = "payment.refunded",
	[OTHER] = "payment.disputed",
};

struct row {
	enum payment_effect by_type[TYPES];
	enum payment_effect wrong; /* payment.succeeded of another sum */
};

/* clang-format off */
static const struct row rows[STATES] = {
	[PAYMENT_CREATED] =          {{EFFECT_WAIT,    EFFECT_WAIT, EFFECT_WAIT, EFFECT_IGNORE}, EFFECT_WAIT},
	[PAYMENT_REQUIRES_PAYMENT] = {{EFFECT_SUCCEED, EFFECT_FAIL, EFFECT_WAIT, EFFECT_IGNORE}, EFFECT_DISPUTE},
	[PAYMENT_SUCCEEDED] =        {{EFFECT_NONE,    EFFECT_NONE, EFFECT_REFUND, EFFECT_IGNORE}, EFFECT_NONE},
	[PAYMENT_FAILED] =           {{EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT, EFFECT_IGNORE}, EFFECT_DISPUTE},
	[PAYMENT_EXPIRED] =          {{EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT, EFFECT_IGNORE}, EFFECT_DISPUTE},
	[PAYMENT_CANCELLED] =        {{EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT, EFFECT_IGNORE}, EFFECT_DISPUTE},
	[PAYMENT_VOID] =             {{EFFECT_SUCCEED, EFFECT_NONE, EFFECT_WAIT, EFFECT_IGNORE}, EFFECT_DISPUTE},
	[PAYMENT_DISPUTED] =         {{EFFECT_NONE,    EFFECT_NONE, EFFECT_REFUND, EFFECT_IGNORE}, EFFECT_NONE},
};
/* clang-format on */

static enum payment_effect effect_of(int state, const char *type, int64_t amount,
				     const char *currency)
{
	const struct payment_known payment = {
		.id = 1, .guest_id = 2, .amount = AMOUNT, .currency = "EUR", .status = state};
	const struct payment_message message = {
		.webhook_id = "m", .type = type, .amount = amount, .currency = currency};

	return payment_message_effect(&payment, &message);
}

START_TEST(every_state_meets_every_message)
{
	int state = _i / TYPES, type = _i % TYPES;

	ck_assert_int_eq(effect_of(state, types[type], AMOUNT, "EUR"), rows[state].by_type[type]);
}
END_TEST

START_TEST(another_sum_is_disputed_while_unpaid)
{
	static const struct {
		int64_t amount;
		const char *currency;
	} wrong[] = {{AMOUNT - 1, "EUR"}, {AMOUNT + 1, "EUR"}, {0, "EUR"},   {-1, "EUR"},
		     {AMOUNT, "USD"},     {AMOUNT, "eur"},     {AMOUNT, ""}, {AMOUNT, NULL},
		     {AMOUNT, "EURO"},    {-1, NULL}};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		ck_assert_int_eq(
			effect_of(_i, types[SUCCEEDED], wrong[i].amount, wrong[i].currency),
			rows[_i].wrong);
}
END_TEST

/* What failed or went back need not name the sum that was asked for. */
START_TEST(only_success_is_compared)
{
	for (int type = FAILED; type < TYPES; type++)
		ck_assert_int_eq(effect_of(_i, types[type], 1, "USD"), rows[_i].by_type[type]);
}
END_TEST

START_TEST(known_types_are_three)
{
	static const char *const unknown[] = {"", "payment", "payment.succeeded ",
					      "PAYMENT.SUCCEEDED", "payment.disputed"};

	for (int type = 0; type < OTHER; type++) {
		ck_assert(payment_message_known(types[type]));
		ck_assert_int_eq(payment_message_names_sum(types[type]), type != FAILED);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		ck_assert(!payment_message_known(unknown[i]) &&
			  !payment_message_names_sum(unknown[i]));
}
END_TEST

START_TEST(states_of_messages)
{
	ck_assert_str_eq(payment_effect_state(EFFECT_WAIT), "waiting");
	ck_assert_str_eq(payment_effect_state(EFFECT_IGNORE), "ignored");
	ck_assert_str_eq(payment_effect_state(EFFECT_NONE), "applied");
	ck_assert_str_eq(payment_effect_state(EFFECT_SUCCEED), "applied");
	ck_assert_str_eq(payment_effect_state(EFFECT_FAIL), "applied");
	ck_assert_str_eq(payment_effect_state(EFFECT_DISPUTE), "applied");
	ck_assert_str_eq(payment_effect_state(EFFECT_REFUND), "applied");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("payments_rules");
	TCase *cases = tcase_create("payments_rules");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(cases, every_state_meets_every_message, 0, STATES * TYPES);
	tcase_add_loop_test(cases, another_sum_is_disputed_while_unpaid, 0, STATES);
	tcase_add_loop_test(cases, only_success_is_compared, 0, STATES);
	tcase_add_test(cases, known_types_are_three);
	tcase_add_test(cases, states_of_messages);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
