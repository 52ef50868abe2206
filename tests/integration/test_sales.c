/*
 * Selling: limits that may not fall below what is sold, seats that come back, and who may buy when.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	ck_assert(audit_clean());
	suite_end();
}

static int64_t number(const struct reply *reply, const char *path)
{
	ck_assert_msg(reply->status < 300, "%d %s", reply->status, reply->body);
	return reply_int(reply, path);
}

static bool is(const struct reply *reply, int status, const char *slug)
{
	return reply->status == status && !strcmp(reply_slug(reply), slug);
}

#define EXPECT(reply_, status_, slug_)                                                             \
	do {                                                                                       \
		struct reply *said_ = (reply_);                                                    \
		ck_assert_msg(is(said_, (status_), (slug_)), "%d %s, not %s", said_->status,       \
			      said_->body, (slug_));                                               \
	} while (0)

/* --- limits below what is sold ------------------------------------------------------------------
 */

START_TEST(limits_below_sales)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);
	const char *type = text("%s/ticket-types/%lld", path, (long long)shop.type_id);
	struct shop paid = shop_open(10, "5", 10);
	int64_t guest;

	number(shop_register(&shop, token_user(), "one"), "data.id");
	guest = number(shop_register(&shop, token_user(), "two"), "data.id");
	EXPECT(api_patch(token_organizer(), path, "{\"maxAttendees\":1}"), 409,
	       "max-below-attendees");
	EXPECT(api_patch(token_organizer(), type, "{\"quantity\":1}"), 409, "quantity-below-sold");
	EXPECT(api_delete(token_organizer(), "%s", type), 409, "has-sales");
	number(api_patch(token_organizer(), path, "{\"maxAttendees\":2}"), "data.id");
	number(api_patch(token_organizer(), type, "{\"quantity\":2}"), "data.id");
	EXPECT(shop_register(&shop, token_user(), "three"), 409, "sold-out");
	number(api_post(token_user(), text("%s/guests/%lld/cancel", path, (long long)guest), NULL),
	       "data.id");
	number(api_patch(token_organizer(), path, "{\"maxAttendees\":1,\"currency\":\"CHF\"}"),
	       "data.id");
	number(shop_register(&paid, token_user(), "payer"), "data.id");
	path = text("/api/events/%lld", (long long)paid.event_id);
	EXPECT(api_patch(token_organizer(), path, "{\"currency\":\"CHF\"}"), 409, "has-sales");
	number(api_patch(token_organizer(), path, "{\"currency\":\"EUR\"}"), "data.id");
}
END_TEST

/* --- registration -------------------------------------------------------------------------------
 */

START_TEST(a_cancelled_guest_may_return)
{
	struct shop shop = shop_open(1, "0", 1);
	int64_t first = number(shop_register(&shop, token_user(), "back"), "data.id");
	int64_t second;

	EXPECT(shop_register(&shop, token_user(), "BACK"), 409, "already-registered");
	EXPECT(shop_register(&shop, token_user(), "other"), 409, "sold-out");
	number(api_post(token_user(),
			text("/api/events/%lld/guests/%lld/cancel", (long long)shop.event_id,
			     (long long)first),
			NULL),
	       "data.id");
	second = number(shop_register(&shop, token_user(), "back"), "data.id");
	ck_assert_int_ne(first, second);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE status = 'cancelled'"), 1);
}
END_TEST

START_TEST(who_may_buy_when)
{
	struct shop shop = shop_open(100, "10", 100);
	const char *guests = text("/api/events/%lld/guests", (long long)shop.event_id);
	struct reply *reply;

	reply = api_post(token_user(), guests,
			 "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"u@x.example\"}");
	EXPECT(reply, 422, "invalid-body");
	ck_assert(reply_violates(reply, "/ticketTypeId", NULL));
	number(api_post(token_organizer(), guests,
			"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"o@x.example\"}"),
	       "data.id");
	sql("UPDATE ticket_types SET sales_start_at = now() + interval '1 hour'");
	EXPECT(shop_register(&shop, token_user(), "early"), 409, "sales-closed");
	number(shop_register(&shop, token_organizer(), "early"), "data.id");
	sql("UPDATE ticket_types SET sales_start_at = NULL, "
	    "sales_end_at = now() - interval '1 second'");
	EXPECT(shop_register(&shop, token_user(), "late"), 409, "sales-closed");
	number(shop_register(&shop, token_admin(), "late"), "data.id");
	sql("UPDATE ticket_types SET sales_end_at = NULL");
	for (int i = 0; i < 10; i++)
		number(shop_register(&shop, token_user(), text("hold%d", i)), "data.id");
	EXPECT(shop_register(&shop, token_user(), "hold10"), 409, "too-many-holds");
	number(shop_register(&shop, token_of(OTHER_USER, "user"), "hold10"), "data.id");
	for (int i = 0; i < 11; i++)
		number(shop_register(&shop, token_organizer(), text("free%d", i)), "data.id");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sales");
	TCase *cases = tcase_create("sales");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, limits_below_sales);
	tcase_add_test(cases, a_cancelled_guest_may_return);
	tcase_add_test(cases, who_may_buy_when);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
