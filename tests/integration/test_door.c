/*
 * The door over HTTP: documents of a ticket, reissue, the scan, check-in by hand and its undo.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

#define SCAN "7d0d4d1e-0b6e-4e0f-9d8a-2f4f5a0a9c01"
#define EXPECT_SLUG(reply, slug) ck_assert_str_eq(reply_slug(reply), slug)

/* One guest with a ticket at a free event; STAFF may scan there. */
static struct {
	struct shop shop;
	int64_t guest_id;
	int64_t ticket_id;
	const char *code;
} at;

static void begin(void)
{
	struct reply *reply;

	suite_begin(SUITE_PLATFORM | SUITE_API);
	at.shop = shop_open(50, "0", 50);
	reply = api_put(token_organizer(), "/api/events/%lld/staff/%d", (long long)at.shop.event_id,
			STAFF);
	ck_assert_int_eq(reply->status, 204);
	reply = shop_register(&at.shop, token_user(), "zoe");
	ck_assert_int_eq(reply->status, 201);
	at.guest_id = reply_int(reply, "data.id");
	at.ticket_id = reply_int(reply, "data.ticket.id");
	at.code = text("%s", reply_text(reply, "data.ticket.ticketCode"));
}

static const char *token_staff(void)
{
	return token_of(STAFF, "user");
}

static struct reply *get_ticket(const char *token, const char *part)
{
	return api_get(token, "/api/tickets/%lld%s", (long long)at.ticket_id, part);
}

/* A link as it was given, asked of this API. */
static struct reply *follow(const char *link)
{
	const char *path = strstr(link, "/api/");

	ck_assert_ptr_nonnull(path);
	return api_get(NULL, "%s", path);
}

static struct reply *scan(const char *token, const char *code)
{
	return api_post(token, "/api/tickets/validate", "{\"ticketCode\":\"%s\"}", code);
}

static struct reply *check_in(const char *token)
{
	return api_post(token,
			text("/api/events/%lld/guests/%lld/check-in", (long long)at.shop.event_id,
			     (long long)at.guest_id),
			NULL);
}

static struct reply *undo_by_hand(const char *token)
{
	return api_delete(token, "/api/events/%lld/guests/%lld/check-in",
			  (long long)at.shop.event_id, (long long)at.guest_id);
}

/* What the worker does. */
static void store_documents(void)
{
	sql("INSERT INTO documents (ticket_id, doc_version, pdf, qr_svg, qr_png, pdf_sha256)"
	    " SELECT id, doc_version, '%%PDF', '<svg/>', '\\x8900', '' FROM tickets"
	    " WHERE id = %lld",
	    (long long)at.ticket_id);
	sql("UPDATE tickets SET status = 'ready', qr_code_data = 'x' WHERE id = %lld",
	    (long long)at.ticket_id);
}

/* --- documents ------------------------------------------------------------------------------- */

START_TEST(a_ticket_is_shown_to_those_it_concerns)
{
	struct reply *reply = get_ticket(token_user(), "");

	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_eq(reply_text(reply, "data.status"), "pending");
	ck_assert(reply_null(reply, "data.validatedAt"));
	ck_assert_int_eq(get_ticket(token_staff(), "")->status, 200);
	ck_assert_int_eq(get_ticket(token_of(OTHER_USER, "user"), "")->status, 404);
	EXPECT_SLUG(get_ticket(NULL, "?token=bad"), "bad-signature");
	EXPECT_SLUG(get_ticket(token_user(), "?page=1"), "invalid-query");
}
END_TEST

START_TEST(documents_are_pending_then_there)
{
	const char *const if_same[] = {"If-None-Match: \"1-pdf\"", NULL};
	struct reply *ticket = get_ticket(token_user(), "");
	const char *pdf = text("%s", reply_text(ticket, "data.links.pdf"));
	struct reply *reply = follow(pdf);

	ck_assert_int_eq(reply->status, 202);
	ck_assert_ptr_nonnull(reply_header(reply, "Retry-After"));
	ck_assert_int_eq(reply_int(reply, "data.id"), at.ticket_id);
	store_documents();
	reply = follow(pdf);
	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_eq(reply_header(reply, "Content-Type"), "application/pdf");
	ck_assert_str_eq(reply_header(reply, "Content-Disposition"),
			 text("inline; filename=\"ticket-%s.pdf\"", at.code));
	ck_assert_str_eq(reply_header(reply, "ETag"), "\"1-pdf\"");
	ck_assert_str_eq(reply->body, "%PDF");
	reply = api_send("GET", NULL, strstr(pdf, "/api/"), NULL, if_same);
	ck_assert_int_eq(reply->status, 304);
	reply = follow(reply_text(ticket, "data.links.qrSvg"));
	ck_assert_str_eq(reply_header(reply, "Content-Type"), "image/svg+xml");
	ck_assert_ptr_nonnull(
		strstr(reply_header(reply, "Content-Security-Policy"), "default-src 'none'"));
	reply = follow(reply_text(ticket, "data.links.qrPng"));
	ck_assert_str_eq(reply_header(reply, "Content-Type"), "image/png");
	ck_assert_uint_eq(reply->len, 2);
}
END_TEST

START_TEST(a_reissue_kills_code_link_and_documents)
{
	const char *const stale[] = {"If-Match: \"9-0\"", NULL};
	const char *path = text("/api/tickets/%lld/reissue", (long long)at.ticket_id);
	struct reply *before = get_ticket(token_user(), "");
	struct reply *reply;

	store_documents();
	ck_assert_int_eq(api_post(token_staff(), path, NULL)->status, 403);
	ck_assert_int_eq(api_send("POST", token_organizer(), path, NULL, stale)->status, 412);
	reply = api_post(token_organizer(), path, NULL);
	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_ne(reply_text(reply, "data.ticketCode"), at.code);
	ck_assert_str_eq(reply_text(reply, "data.status"), "pending");
	EXPECT_SLUG(follow(reply_text(before, "data.links.pdf")), "bad-signature");
	ck_assert_int_eq(follow(reply_text(reply, "data.links.pdf"))->status, 202);
	EXPECT_SLUG(scan(token_staff(), at.code), "ticket-cancelled");
	ck_assert_int_eq(scan(token_staff(), reply_text(reply, "data.ticketCode"))->status, 200);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM outbox"
				 " WHERE job_type = 'generate-ticket-pdf'"),
			 2);
}
END_TEST

START_TEST(a_cancelled_ticket_has_no_documents)
{
	api_post(token_organizer(),
		 text("/api/events/%lld/guests/%lld/cancel", (long long)at.shop.event_id,
		      (long long)at.guest_id),
		 NULL);
	ck_assert_int_eq(get_ticket(token_organizer(), "")->status, 200);
	EXPECT_SLUG(get_ticket(token_organizer(), "/pdf"), "ticket-cancelled");
	EXPECT_SLUG(scan(token_staff(), at.code), "ticket-cancelled");
	EXPECT_SLUG(check_in(token_staff()), "ticket-cancelled");
	EXPECT_SLUG(api_post(token_organizer(),
			     text("/api/tickets/%lld/reissue", (long long)at.ticket_id), NULL),
		    "ticket-cancelled");
}
END_TEST

/* --- the scan -------------------------------------------------------------------------------- */

START_TEST(a_scan_names_one_code)
{
	struct reply *reply = api_post(token_staff(), "/api/tickets/validate", "{}");

	ck_assert_int_eq(reply->status, 422);
	ck_assert(reply_violates(reply, "", "required"));
	reply = api_post(token_staff(), "/api/tickets/validate",
			 "{\"ticketCode\":\"a\",\"qrCode\":\"b\",\"scanId\":\"no\"}");
	ck_assert(reply_violates(reply, "", "required"));
	ck_assert(reply_violates(reply, "/scanId", "format"));
	reply = api_post(token_staff(), "/api/tickets/validate", "{\"qrCode\":7}");
	ck_assert(reply_violates(reply, "/qrCode", "type"));
	ck_assert(!reply_violates(reply, "", NULL));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans"), 0);
}
END_TEST

START_TEST(a_scan_admits_once_and_repeats_its_answer)
{
	const char *body = text("{\"ticketCode\":\"%s\",\"eventId\":%lld,\"scanId\":\"%s\"}",
				at.code, (long long)at.shop.event_id, SCAN);
	struct reply *first = api_post(token_staff(), "/api/tickets/validate", "%s", body);
	struct reply *other;

	ck_assert_int_eq(first->status, 200);
	ck_assert(reply_true(first, "data.valid"));
	ck_assert_int_eq(reply_int(first, "data.ticketId"), at.ticket_id);
	ck_assert_int_eq(reply_int(first, "data.guest.id"), at.guest_id);
	other = api_post(token_staff(), "/api/tickets/validate", "%s", body);
	ck_assert_int_eq(other->status, 200);
	ck_assert_str_eq(other->body, first->body);
	other = scan(token_organizer(), at.code);
	EXPECT_SLUG(other, "already-validated");
	ck_assert_str_eq(reply_text(other, "validatedAt"), reply_text(first, "data.validatedAt"));
	other = check_in(token_staff());
	EXPECT_SLUG(other, "already-validated");
	ck_assert_str_eq(reply_text(other, "validatedAt"), reply_text(first, "data.validatedAt"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans"), 3);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(what_is_no_ticket_is_refused_and_kept)
{
	struct reply *reply =
		api_post(token_staff(), "/api/tickets/validate",
			 "{\"qrCode\":\"AAAA\",\"eventId\":%lld}", (long long)at.shop.event_id);

	EXPECT_SLUG(reply, "invalid-qr");
	EXPECT_SLUG(scan(token_user(), at.code), "not-found");
	EXPECT_SLUG(scan(token_staff(), "EVT-0000"), "not-found");
	ck_assert_int_eq(scan(NULL, at.code)->status, 401);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans"
				 " WHERE event_id = %lld AND outcome = 'invalid-qr'",
				 (long long)at.shop.event_id),
			 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans"), 3);
}
END_TEST

/* --- by hand, and back ----------------------------------------------------------------------- */

START_TEST(check_in_by_hand_and_its_undo)
{
	const char *const key[] = {"Idempotency-Key: hand-1", NULL};
	const char *path = text("/api/events/%lld/guests/%lld/check-in",
				(long long)at.shop.event_id, (long long)at.guest_id);
	struct reply *reply = api_send("POST", token_staff(), path, NULL, key);

	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_eq(reply_text(reply, "data.status"), "checked_in");
	ck_assert_str_eq(reply_text(reply, "data.checkedInAt"),
			 reply_text(reply, "data.ticket.validatedAt"));
	reply = api_send("POST", token_staff(), path, NULL, key);
	ck_assert_str_eq(reply_header(reply, "Idempotent-Replayed"), "true");
	ck_assert_int_eq(undo_by_hand(token_staff())->status, 403);
	ck_assert_int_eq(undo_by_hand(token_organizer())->status, 204);
	EXPECT_SLUG(undo_by_hand(token_organizer()), "invalid-transition");
	ck_assert_int_eq(scan(token_staff(), at.code)->status, 200);
	ck_assert_int_eq(api_delete(token_organizer(), "/api/tickets/%lld/validation",
				    (long long)at.ticket_id)
				 ->status,
			 204);
	EXPECT_SLUG(api_delete(token_organizer(), "/api/tickets/%lld/validation",
			       (long long)at.ticket_id),
		    "invalid-transition");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans WHERE outcome = 'admitted'"
				 " AND undone"),
			 2);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(a_refused_check_in_leaves_only_its_line)
{
	sql("UPDATE events SET status = 'completed' WHERE id = %lld", (long long)at.shop.event_id);
	EXPECT_SLUG(check_in(token_staff()), "event-not-open");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans WHERE by_hand"
				 " AND outcome = 'event-not-open' AND scanned_by = %d",
				 STAFF),
			 1);
	ck_assert_int_eq(
		sql_int("SELECT edit_version FROM guests WHERE id = %lld", (long long)at.guest_id),
		1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("door");
	TCase *cases = tcase_create("door");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, suite_end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_ticket_is_shown_to_those_it_concerns);
	tcase_add_test(cases, documents_are_pending_then_there);
	tcase_add_test(cases, a_reissue_kills_code_link_and_documents);
	tcase_add_test(cases, a_cancelled_ticket_has_no_documents);
	tcase_add_test(cases, a_scan_names_one_code);
	tcase_add_test(cases, a_scan_admits_once_and_repeats_its_answer);
	tcase_add_test(cases, what_is_no_ticket_is_refused_and_kept);
	tcase_add_test(cases, check_in_by_hand_and_its_undo);
	tcase_add_test(cases, a_refused_check_in_leaves_only_its_line);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
