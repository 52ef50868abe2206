/*
 * The main job end to end: an event, registrations, payment, ticket, mail, admission; the two
 * integration tests of the specification among them.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { DONE_MS = 20000 };

static void begin(void)
{
	suite_begin(SUITE_ALL);
}

static void end(void)
{
	suite_end();
}

static const char *next_week(void)
{
	char at[RFC3339_SIZE];

	return text("%s", clock_format(clock_now_us() + 7 * 24 * 3600 * US_PER_S, at));
}

static struct reply *create_test_event(void)
{
	return api_post(token_organizer(), "/api/events",
			"{\"title\":\"Test Event\",\"description\":\"Test Description\","
			"\"eventDate\":\"%s\",\"location\":\"Test Location\",\"maxAttendees\":100,"
			"\"ticketTypes\":[{\"name\":\"Standard\",\"price\":50,\"quantity\":80},"
			"{\"name\":\"VIP\",\"price\":100,\"quantity\":20}]}",
			next_week());
}

START_TEST(creates_event_with_tickets)
{
	struct reply *event = create_test_event();

	ck_assert_int_eq(event->status, 201);
	ck_assert_str_eq(reply_text(event, "data.title"), "Test Event");
	ck_assert_int_eq(reply_count(event, "data.ticketTypes"), 2);
	ck_assert_str_eq(reply_header(event, "Location"),
			 text("/api/events/%lld", (long long)reply_int(event, "data.id")));
}
END_TEST

START_TEST(registers_guest_for_event)
{
	struct reply *event = create_test_event();
	struct reply *guest = api_post(
		token_organizer(),
		text("/api/events/%lld/guests", (long long)reply_int(event, "data.id")),
		"{\"firstName\":\"John\",\"lastName\":\"Doe\",\"email\":\"john.doe@example.com\","
		"\"phone\":\"+33612345678\",\"ticketTypeId\":%lld}",
		(long long)reply_int(event, "data.ticketTypes.0.id"));

	ck_assert_int_eq(guest->status, 201);
	ck_assert_str_eq(reply_text(guest, "data.firstName"), "John");
	ck_assert_str_eq(reply_text(guest, "data.email"), "john.doe@example.com");
}
END_TEST

/* What the platform got as mails of this template. */
static int mails(const char *template_name)
{
	struct reply *calls = platform_calls("notification");
	int found = 0;

	for (int i = 0; i < reply_count(calls, "data"); i++) {
		const char *name = reply_text(calls, text("data.%d.body.template", i));

		found += name && !strcmp(name, template_name);
	}
	return found;
}

static bool mails_become(int want, const char *template_name)
{
	int64_t until = clock_monotonic_us() + DONE_MS * US_PER_MS;

	while (mails(template_name) != want) {
		if (clock_monotonic_us() > until)
			return false;
		clock_sleep_ms(20);
	}
	return true;
}

static struct reply *scan(const struct shop *shop, const char *code)
{
	return api_post(token_organizer(), "/api/tickets/validate",
			"{\"qrCode\":\"%s\",\"eventId\":%lld}", code, (long long)shop->event_id);
}

static void expect_ticket_works(const struct shop *shop, int64_t ticket_id)
{
	struct reply *ticket, *pdf, *admitted, *again;
	const char *qr;

	ck_assert(
		sql_becomes(DONE_MS, "0", "SELECT count(*) FROM tickets WHERE status = 'pending'"));
	ticket = api_get(token_user(), "/api/tickets/%lld", (long long)ticket_id);
	ck_assert_int_eq(ticket->status, 200);
	ck_assert_str_eq(reply_text(ticket, "data.status"), "ready");
	pdf = say(&(struct saying){.method = "GET", .url = reply_text(ticket, "data.links.pdf")});
	ck_assert_int_eq(pdf->status, 200);
	ck_assert_int_eq(strncmp(pdf->body, "%PDF-", 5), 0);
	ck_assert(mails_become(1, "ticket-issued"));

	qr = sql("SELECT qr_code_data FROM tickets WHERE id = %lld", (long long)ticket_id);
	admitted = scan(shop, qr);
	ck_assert_int_eq(admitted->status, 200);
	ck_assert(reply_true(admitted, "data.valid"));
	again = scan(shop, qr);
	ck_assert_int_eq(again->status, 409);
	ck_assert_str_eq(reply_slug(again), "already-validated");
	ck_assert_str_eq(reply_text(again, "validatedAt"),
			 reply_text(admitted, "data.validatedAt"));
}

START_TEST(free_registration_to_admission)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *guest = shop_register(&shop, token_user(), "free");

	ck_assert_int_eq(guest->status, 201);
	ck_assert_str_eq(reply_text(guest, "data.status"), "confirmed");
	ck_assert_str_eq(reply_text(guest, "data.ticket.status"), "pending");
	ck_assert(reply_null(guest, "data.payment"));
	expect_ticket_works(&shop, reply_int(guest, "data.ticket.id"));
	ck_assert(audit_clean());
}
END_TEST

START_TEST(paid_registration_to_admission)
{
	struct shop shop = shop_open(10, "49.90", 10);
	struct reply *guest = shop_register(&shop, token_user(), "paid");
	struct reply *paid, *now;

	ck_assert_int_eq(guest->status, 201);
	ck_assert_str_eq(reply_text(guest, "data.status"), "pending");
	ck_assert(reply_null(guest, "data.ticket"));
	ck_assert_str_eq(reply_text(guest, "data.payment.status"), "requires_payment");
	ck_assert(reply_number(guest, "data.payment.amount") == 49.9);
	ck_assert_str_eq(reply_text(guest, "data.payment.currency"), "EUR");
	ck_assert_ptr_nonnull(reply_text(guest, "data.payment.clientSecret"));
	ck_assert(mails_become(1, "payment-due"));

	paid = platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}",
			    reply_text(guest, "data.payment.intentId"));
	ck_assert_int_lt(paid->status, 300);
	now = api_get(token_user(), "/api/events/%lld/guests/%lld", (long long)shop.event_id,
		      (long long)reply_int(guest, "data.id"));
	ck_assert_int_eq(now->status, 200);
	ck_assert_str_eq(reply_text(now, "data.status"), "confirmed");
	ck_assert_str_eq(reply_text(now, "data.payment.status"), "succeeded");
	expect_ticket_works(&shop, reply_int(now, "data.ticket.id"));
	ck_assert(audit_clean());
}
END_TEST

START_TEST(registration_without_type)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *guest =
		api_post(token_user(), text("/api/events/%lld/guests", (long long)shop.event_id),
			 "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","
			 "\"locale\":\"fr\"}");

	ck_assert_int_eq(guest->status, 201);
	ck_assert_str_eq(reply_text(guest, "data.status"), "registered");
	ck_assert(reply_null(guest, "data.ticketTypeId"));
	ck_assert(mails_become(1, "registration-confirmed"));
	ck_assert_int_eq(mails("ticket-issued"), 0);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("main job");
	TCase *cases = tcase_create("main job");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, creates_event_with_tickets);
	tcase_add_test(cases, registers_guest_for_event);
	tcase_add_test(cases, free_registration_to_admission);
	tcase_add_test(cases, paid_registration_to_admission);
	tcase_add_test(cases, registration_without_type);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
