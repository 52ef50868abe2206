/* mail: what is overtaken, and the words of each mail in both languages. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "worker-email/mail.h"
#include "worker-email/mail_date.h"

#define NARROW "\xe2\x80\xaf"
#define HARD "\xc2\xa0"

static struct arena arena;
static struct problem err;
static struct credential_keys keys;
static const struct mail_links links = {"https://tickets.example", &keys};

static void setup(void)
{
	arena_init(&arena, 4096);
	err = (struct problem){0};
	ck_assert_int_eq(credential_keys_parse("0123456789abcdef0123456789abcdef", &keys, &err),
			 OK);
}

static void teardown(void)
{
	arena_clear(&arena);
}

/* A mail that may go out, whatever its kind. */
static struct mail sound_mail(const char *kind, const char *locale)
{
	struct mail mail = {.id = 1,
			    .kind = kind,
			    .status = "queued",
			    .cause_id = 3,
			    .email = "zoe@example.com",
			    .guest_name = "Zoé O'Neil <x>",
			    .locale = locale,
			    .guest_status = "confirmed",
			    .event_title = "Rock & Roll",
			    .location = "Salle Pleyel, Paris",
			    .event_status = "published",
			    .change_seq = 3,
			    .time_zone = "Europe/Paris",
			    .event_date = "2026-02-01 19:30 7",
			    .put_at = "20260120T081500Z",
			    .starts_at = "20260201T183000Z",
			    .ticket_id = 55,
			    .ticket_code = "EVT-AAAA-BBBB-CCCC-DDDD",
			    .issue = 3,
			    .ticket_status = "ready",
			    .ticket_type = "Balcon",
			    .payment_status = "requires_payment",
			    .pay_until = "2026-01-31 08:05 6",
			    .amount = 104990,
			    .currency = "EUR"};
	if (strcmp(kind, "payment-due") == 0)
		mail.guest_status = "pending";
	if (strcmp(kind, "registration-cancelled") == 0 || strcmp(kind, "event-cancelled") == 0)
		mail.guest_status = "cancelled";
	if (strcmp(kind, "event-cancelled") == 0)
		mail.event_status = "cancelled";
	return mail;
}

/* --- overtaken -------------------------------------------------------------------------------- */

struct overtaken_case {
	const char *kind;
	const char *field; /* what is different from a sound mail */
	const char *value;
	bool overtaken;
};
static const struct overtaken_case overtaken_cases[] = {
	{"registration-confirmed", "", "", false},
	{"registration-confirmed", "guest", "checked_in", false},
	{"registration-confirmed", "guest", "cancelled", true},
	{"registration-confirmed", "event", "cancelled", true},
	{"payment-due", "", "", false},
	{"payment-due", "payment", "failed", false},
	{"payment-due", "payment", "succeeded", true},
	{"payment-due", "payment", "void", true},
	{"payment-due", "payment", NULL, true},
	{"payment-due", "guest", "confirmed", true},
	{"payment-due", "guest", "cancelled", true},
	{"payment-due", "hold", "over", true},
	{"payment-due", "event", "cancelled", true},
	{"ticket-issued", "", "", false},
	{"ticket-issued", "ticket", "pending", false},
	{"ticket-issued", "ticket", "cancelled", true},
	{"ticket-issued", "ticket", NULL, true},
	{"ticket-issued", "cause", "older", true},
	{"ticket-issued", "guest", "cancelled", true},
	{"ticket-issued", "guest", "checked_in", false},
	{"ticket-issued", "event", "cancelled", true},
	{"registration-cancelled", "", "", false},
	{"registration-cancelled", "guest", "confirmed", true},
	{"registration-cancelled", "event", "cancelled", false},
	{"event-cancelled", "", "", false},
	{"event-cancelled", "guest", "checked_in", false},
	{"event-cancelled", "event", "published", true},
	{"event-changed", "", "", false},
	{"event-changed", "cause", "older", true},
	{"event-changed", "guest", "cancelled", true},
	{"event-changed", "event", "cancelled", true},
	{"refund-done", "", "", false},
	{"refund-done", "guest", "cancelled", false},
	{"refund-done", "event", "cancelled", false},
};

static void change(struct mail *mail, const char *field, const char *value)
{
	if (strcmp(field, "guest") == 0)
		mail->guest_status = value;
	else if (strcmp(field, "event") == 0)
		mail->event_status = value;
	else if (strcmp(field, "payment") == 0)
		mail->payment_status = value;
	else if (strcmp(field, "ticket") == 0)
		mail->ticket_status = value;
	else if (strcmp(field, "hold") == 0)
		mail->pay_over = true;
	else if (strcmp(field, "cause") == 0)
		mail->cause_id--;
	if (strcmp(field, "ticket") == 0 && !value)
		mail->ticket_id = 0;
}

START_TEST(test_overtaken)
{
	const struct overtaken_case *c = &overtaken_cases[_i];
	struct mail mail = sound_mail(c->kind, "en");
	change(&mail, c->field, c->value);
	const char *why = mail_overtaken(&mail);
	ck_assert_msg((why != NULL) == c->overtaken, "%s, %s = %s: %s", c->kind, c->field, c->value,
		      why ? why : "goes out");
}
END_TEST

START_TEST(test_settled)
{
	struct mail mail = sound_mail("refund-done", "en");
	static const char *const open_states[] = {"queued", "failed"};
	static const char *const settled[] = {"sent", "dropped"};
	for (size_t i = 0; i < ARRAY_LEN(settled); i++) {
		mail.status = open_states[i];
		ck_assert(!mail_is_settled(&mail));
		mail.status = settled[i];
		ck_assert(mail_is_settled(&mail));
	}
}
END_TEST

/* --- words ------------------------------------------------------------------------------------ */

static const char *const kinds[] = {
	"registration-confirmed", "payment-due",   "ticket-issued", "registration-cancelled",
	"event-cancelled",        "event-changed", "refund-done"};
static const char *const locales[] = {"en", "fr"};

static struct mail_letter write_mail(const struct mail *mail)
{
	struct mail_letter letter;
	ck_assert_msg(mail_write(&arena, mail, &links, &letter, &err) == OK, "%s/%s: %s",
		      mail->locale, mail->kind, err.detail);
	return letter;
}

START_TEST(test_every_placeholder_is_resolved)
{
	struct mail mail = sound_mail(kinds[_i / 2], locales[_i % 2]);
	struct mail_letter letter = write_mail(&mail);
	const char *const parts[] = {letter.words.subject, letter.words.text, letter.words.html};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		ck_assert_ptr_null(strstr(parts[i], "{{"));
		ck_assert_ptr_null(strstr(parts[i], "}}"));
		ck_assert_ptr_null(strstr(parts[i], "(null)"));
	}
	ck_assert_str_eq(letter.to, "zoe@example.com");
	ck_assert_str_eq(letter.template, mail.kind);
	ck_assert_ptr_nonnull(strstr(letter.words.subject, "Rock & Roll"));
	ck_assert_ptr_nonnull(strstr(letter.words.text, "Zoé O'Neil <x>"));
	ck_assert_ptr_nonnull(strstr(letter.words.html, "Zoé O&#39;Neil &lt;x&gt;"));
	ck_assert_ptr_nonnull(strstr(letter.words.html, "Rock &amp; Roll"));
	ck_assert_ptr_null(strstr(letter.words.html, "<x>"));
}
END_TEST

/* What may be missing: a guest without ticket type, ticket and payment. */
START_TEST(test_free_mails_need_no_ticket_and_no_money)
{
	static const char *const free_kinds[] = {"registration-confirmed", "registration-cancelled",
						 "event-cancelled", "event-changed"};
	for (size_t i = 0; i < 2 * ARRAY_LEN(free_kinds); i++) {
		struct mail mail = sound_mail(free_kinds[i / 2], locales[i % 2]);
		mail.ticket_id = 0;
		mail.ticket_code = mail.ticket_type = mail.ticket_status = NULL;
		mail.payment_status = mail.pay_until = NULL;
		mail.amount = 0;
		struct mail_letter letter = write_mail(&mail);
		ck_assert_ptr_null(strstr(letter.words.text, "EUR"));
		ck_assert_ptr_null(strstr(letter.words.text, "EVT-"));
	}
}
END_TEST

START_TEST(test_a_mail_without_what_it_tells_is_final)
{
	struct mail mail = sound_mail("ticket-issued", "en");
	struct mail_letter letter = {.to = "nobody"};
	mail.event_date = "not a date";
	ck_assert_int_eq(mail_write(&arena, &mail, &links, &letter, &err), ST_INVALID_BODY);
	ck_assert_int_eq(problem_retry(ST_INVALID_BODY), RETRY_FINAL);
	ck_assert_ptr_nonnull(strstr(err.detail, "eventDate"));
	ck_assert_str_eq(letter.to, "nobody");
	mail = sound_mail("no-such-mail", "en");
	ck_assert_int_eq(mail_write(&arena, &mail, &links, &letter, &err), ST_INVALID_BODY);
}
END_TEST

START_TEST(test_headers_cannot_be_split)
{
	struct mail mail = sound_mail("ticket-issued", "en");
	struct mail_letter letter;
	mail.event_title = "A\r\nBcc: everyone@example.com";
	ck_assert_int_eq(mail_write(&arena, &mail, &links, &letter, &err), OK);
	ck_assert_str_eq(letter.words.subject, "Your ticket for A  Bcc: everyone@example.com");
	mail.email = "zoe@example.com\r\nBcc: everyone@example.com";
	ck_assert_int_eq(mail_write(&arena, &mail, &links, &letter, &err), ST_INVALID_BODY);
	mail.email = "zoe@example.com\n";
	ck_assert_int_eq(mail_write(&arena, &mail, &links, &letter, &err), ST_INVALID_BODY);
}
END_TEST

static const char *value_of(const struct mail_letter *letter, const char *name)
{
	for (size_t i = 0; i < letter->value_count; i++) {
		if (strcmp(letter->values[i].name, name) == 0)
			return letter->values[i].value;
	}
	return NULL;
}

START_TEST(test_the_link_opens_the_ticket_and_dies_with_its_code)
{
	static const char start[] = "https://tickets.example/api/tickets/55/pdf?token=";
	struct mail mail = sound_mail("ticket-issued", "fr");
	struct mail_letter letter = write_mail(&mail);
	const char *url = value_of(&letter, "pdfUrl");
	ck_assert_ptr_nonnull(url);
	ck_assert_int_eq(strncmp(url, start, strlen(start)), 0);
	const char *token = url + strlen(start);
	ck_assert(credential_link_check(&keys, &arena, 55, mail.ticket_code, token));
	ck_assert(!credential_link_check(&keys, &arena, 55, "EVT-OTHER", token));
	ck_assert(!credential_link_check(&keys, &arena, 56, mail.ticket_code, token));
	ck_assert_ptr_nonnull(strstr(letter.words.text, url));
}
END_TEST

/* Only what the template names travels: a link in another mail would be a ticket given away. */
START_TEST(test_data_holds_what_the_template_names)
{
	struct mail mail = sound_mail("registration-confirmed", "en");
	struct mail_letter letter = write_mail(&mail);
	ck_assert_ptr_null(value_of(&letter, "pdfUrl"));
	ck_assert_ptr_null(value_of(&letter, "amount"));
	ck_assert_str_eq(value_of(&letter, "guestName"), "Zoé O'Neil <x>");
	ck_assert_str_eq(value_of(&letter, "eventDate"),
			 "Sunday, 1 February 2026 at 19:30 (Europe/Paris)");
	mail = sound_mail("payment-due", "fr");
	letter = write_mail(&mail);
	ck_assert_str_eq(value_of(&letter, "amount"), "1" NARROW "049,90");
	ck_assert_str_eq(value_of(&letter, "currency"), "EUR");
	ck_assert_str_eq(value_of(&letter, "payUntil"),
			 "samedi 31 janvier 2026 à 8" HARD "h" HARD "05 (Europe/Paris)");
}
END_TEST

/* --- dates and amounts ------------------------------------------------------------------------ */

struct date_case {
	const char *locale;
	const char *local_time;
	const char *expected;
};
static const struct date_case date_cases[] = {
	{"en", "2026-02-01 19:30 7", "Sunday, 1 February 2026 at 19:30 (UTC)"},
	{"en", "2024-02-29 00:05 4", "Thursday, 29 February 2024 at 00:05 (UTC)"},
	{"en", "2026-12-31 23:59 4", "Thursday, 31 December 2026 at 23:59 (UTC)"},
	{"fr", "2026-08-01 09:00 6", "samedi 1er août 2026 à 9" HARD "h" HARD "00 (UTC)"},
	{"fr", "2026-12-02 00:00 3", "mercredi 2 décembre 2026 à 0" HARD "h" HARD "00 (UTC)"},
	{"de", "2026-12-02 00:00 3", "Wednesday, 2 December 2026 at 00:00 (UTC)"},
	{"en", NULL, NULL},
	{"en", "", NULL},
	{"en", "2026-02-01", NULL},
	{"en", "2026-13-01 19:30 7", NULL},
	{"en", "2026-12-01 19:30 0", NULL},
	{"en", "2026-12-01 19:30 8", NULL},
};

START_TEST(test_dates)
{
	const struct date_case *c = &date_cases[_i];
	ck_assert_pstr_eq(mail_date(&arena, c->locale, c->local_time, "UTC"), c->expected);
}
END_TEST

START_TEST(test_amounts)
{
	ck_assert_str_eq(mail_amount(&arena, "en", 1), "0.01");
	ck_assert_str_eq(mail_amount(&arena, "en", 4990), "49.90");
	ck_assert_str_eq(mail_amount(&arena, "en", 100000), "1,000.00");
	ck_assert_str_eq(mail_amount(&arena, "en", INT64_C(9999999999)), "99,999,999.99");
	ck_assert_str_eq(mail_amount(&arena, "fr", INT64_C(9999999999)),
			 "99" NARROW "999" NARROW "999,99");
	ck_assert_str_eq(mail_amount(&arena, "fr", 4990), "49,90");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mail");
	TCase *rules = tcase_create("overtaken");
	TCase *words = tcase_create("words");
	tcase_add_checked_fixture(words, setup, teardown);
	tcase_add_loop_test(rules, test_overtaken, 0, ARRAY_LEN(overtaken_cases));
	tcase_add_test(rules, test_settled);
	tcase_add_loop_test(words, test_every_placeholder_is_resolved, 0, 2 * ARRAY_LEN(kinds));
	tcase_add_test(words, test_free_mails_need_no_ticket_and_no_money);
	tcase_add_test(words, test_a_mail_without_what_it_tells_is_final);
	tcase_add_test(words, test_headers_cannot_be_split);
	tcase_add_test(words, test_the_link_opens_the_ticket_and_dies_with_its_code);
	tcase_add_test(words, test_data_holds_what_the_template_names);
	tcase_add_loop_test(words, test_dates, 0, ARRAY_LEN(date_cases));
	tcase_add_test(words, test_amounts);
	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, words);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
