/*
 * Codes at the door: forged, old, cancelled and foreign ones; the specification's form; who may
 * scan.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/sign.h"
#include "tests/support/admission.h"
#include "tests/support/servers.h"

#define EXPECT_SLUG(reply, slug) ck_assert_str_eq(reply_slug(reply), slug)

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- codes ------------------------------------------------------------------------------------ */

/* The code with one bit of one byte turned, as JSON text. */
static const char *flipped(const char *code, size_t at, int bit)
{
	return text("%.*s\\u%04x%s", (int)at, code, (unsigned char)code[at] ^ (1u << bit),
		    code + at + 1);
}

/* Control characters are refused as text already. */
static bool is_refused(const char *code)
{
	struct reply *reply = scan(code);
	bool refused = reply->status == 422 && (!strcmp(reply_slug(reply), "invalid-qr") ||
						!strcmp(reply_slug(reply), "invalid-body"));

	reply_free(reply);
	return refused;
}

START_TEST(no_forged_byte_is_accepted)
{
	struct guest guest = only_guest();
	const char *code = printed(&guest);
	int refused = 0;

	for (size_t at = 0; code[at]; at++) {
		for (int bit = 0; bit < 8; bit++)
			refused += is_refused(flipped(code, at, bit));
	}
	EXPECT_SLUG(scan(text("%sA", code)), "invalid-qr");
	EXPECT_SLUG(scan(text("%.*s", (int)strlen(code) - 1, code)), "invalid-qr");
	ck_assert_int_eq(refused, (int)strlen(code) * 8);
	ck_assert_int_eq(logged("invalid-qr"), sql_int("SELECT count(*) FROM ticket_scans"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE is_validated"), 0);
	ck_assert_int_eq(scan(code)->status, 200);
}
END_TEST

/* The specification's form, as the text of a JSON string. */
static const char *json_form(const struct guest *guest, int64_t timestamp)
{
	const char *facts =
		text("%lld|%lld|%lld|%lld", (long long)guest->ticket_id,
		     (long long)guest->shop.event_id, (long long)guest->id, (long long)timestamp);
	const char *signed_text = text("EVT1|%s", facts);
	uint8_t mac[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	sign_hmac((struct slice){suite_qr_secret, strlen(suite_qr_secret)}, signed_text,
		  strlen(signed_text), mac);
	sign_hex(mac, sizeof(mac), hex);
	return text("{\\\"ticketId\\\":%lld,\\\"eventId\\\":%lld,\\\"guestId\\\":%lld,"
		    "\\\"timestamp\\\":%lld,\\\"signature\\\":\\\"%s\\\"}",
		    (long long)guest->ticket_id, (long long)guest->shop.event_id,
		    (long long)guest->id, (long long)timestamp, hex);
}

START_TEST(the_json_form_is_a_ticket_too)
{
	struct guest guest = only_guest();
	int64_t issued_ms = qr_of(&guest).issued_ms;
	char *forged = strdup(json_form(&guest, issued_ms));
	char *digit = strstr(forged, "signature") + strlen("signature\\\":\\\"");

	*digit = *digit == '0' ? '1' : '0';
	EXPECT_SLUG(scan(forged), "invalid-qr");
	EXPECT_SLUG(scan(json_form(&guest, issued_ms - 1)), "ticket-cancelled");
	ck_assert_int_eq(scan(json_form(&guest, issued_ms))->status, 200);
	EXPECT_SLUG(scan(printed(&guest)), "already-validated");
	free(forged);
}
END_TEST

START_TEST(a_reissue_kills_code_and_qr)
{
	struct guest guest = only_guest();
	const char *old = printed(&guest);
	struct reply *reissued =
		api_post(token_organizer(),
			 text("/api/tickets/%lld/reissue", (long long)guest.ticket_id), NULL);

	ck_assert_int_eq(reissued->status, 200);
	EXPECT_SLUG(scan(old), "ticket-cancelled");
	EXPECT_SLUG(scan_as(token_organizer(), "ticketCode", guest.code, NULL), "ticket-cancelled");
	ck_assert_int_eq(scan(printed(&guest))->status, 200);
	EXPECT_SLUG(scan_as(token_organizer(), "ticketCode",
			    reply_text(reissued, "data.ticketCode"), NULL),
		    "already-validated");
}
END_TEST

START_TEST(a_cancelled_guest_stays_outside)
{
	struct guest guest = only_guest();

	ck_assert_int_eq(api_post(token_organizer(),
				  text("/api/events/%lld/guests/%lld/cancel",
				       (long long)guest.shop.event_id, (long long)guest.id),
				  NULL)
				 ->status,
			 200);
	EXPECT_SLUG(scan(printed(&guest)), "ticket-cancelled");
	ck_assert_int_eq(logged("ticket-cancelled"), 1);
}
END_TEST

/* --- who, and where --------------------------------------------------------------------------- */

START_TEST(staff_scans_strangers_see_nothing)
{
	struct guest guest = only_guest();
	const char *code = printed(&guest);

	ck_assert_int_eq(scan_as(NULL, "qrCode", code, NULL)->status, 401);
	ck_assert_int_eq(scan_as(token_user(), "qrCode", code, NULL)->status, 404);
	ck_assert_int_eq(scan_as(token_other_organizer(), "qrCode", code, NULL)->status, 404);
	ck_assert_int_eq(scan_as(token_of(STAFF, "staff"), "qrCode", code, NULL)->status, 404);
	ck_assert_int_eq(api_put(token_organizer(), "/api/events/%lld/staff/%d",
				 (long long)guest.shop.event_id, STAFF)
				 ->status,
			 204);
	ck_assert_int_eq(scan_as(token_of(STAFF, "user"), "qrCode", code, NULL)->status, 200);
	ck_assert_int_eq(sql_int("SELECT scanned_by FROM ticket_scans WHERE outcome = 'admitted'"),
			 STAFF);
	ck_assert_int_eq(logged("not-found"), 3);
}
END_TEST

START_TEST(a_ticket_of_another_event_is_told_so)
{
	struct guest guest = only_guest();
	struct shop other = shop_open(10, "0", 10);
	struct reply *reply = api_post(token_organizer(), "/api/tickets/validate",
				       "{\"qrCode\":\"%s\",\"eventId\":%lld}", printed(&guest),
				       (long long)other.event_id);

	ck_assert_int_eq(reply->status, 409);
	EXPECT_SLUG(reply, "wrong-event");
	ck_assert_int_eq(logged("wrong-event"), 1);
	ck_assert_int_eq(scan(printed(&guest))->status, 200);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("codes at the door");
	TCase *cases = tcase_create("codes at the door");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, no_forged_byte_is_accepted);
	tcase_add_test(cases, the_json_form_is_a_ticket_too);
	tcase_add_test(cases, a_reissue_kills_code_and_qr);
	tcase_add_test(cases, a_cancelled_guest_stays_outside);
	tcase_add_test(cases, staff_scans_strangers_see_nothing);
	tcase_add_test(cases, a_ticket_of_another_event_is_told_so);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
