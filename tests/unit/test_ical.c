/* ical: the text of a calendar entry, line by line; mail_calendar: which mails bring one. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker-email/ical.h"
#include "worker-email/mail_calendar.h"

#define E_ACUTE "\xc3\xa9"
#define PUBLIC_URL "https://Tickets.Example:8443/core"
#define PDF_URL "https://tickets.example/api/tickets/55/pdf?token=abc"

enum { LINE_OCTETS = 75 };

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, 4096);
}

static void teardown(void)
{
	arena_clear(&arena);
}

static struct ical_event sound_event(void)
{
	return (struct ical_event){.uid = "guest-7@core-service.tickets.example",
				   .sequence = 3,
				   .stamp = "20260120T081500Z",
				   .start = "20260201T183000Z",
				   .end = "20260201T213000Z",
				   .summary = "Rock & Roll",
				   .location = "Salle Pleyel, Paris",
				   .organizer_email = "olga@example.com",
				   .organizer_name = "Olga Org"};
}

/* --- reading it back -------------------------------------------------------------------------- */

/* Is `text` whole UTF-8 characters? A cut one shows as a lead without all that follow it. */
static bool is_whole(const char *text, size_t len)
{
	size_t missing = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (((c & 0xc0) == 0x80) != (missing > 0))
			return false;
		if (missing > 0)
			missing--;
		else
			missing = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	}
	return missing == 0;
}

/* The lines as a reader sees them, folds undone, "\n" after each. Checks each physical line. */
static const char *unfold(const char *text)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	while (*text) {
		const char *end = strstr(text, "\r\n");
		ck_assert_msg(end != NULL, "no CR LF: %s", text);
		size_t len = (size_t)(end - text);
		ck_assert_uint_le(len, LINE_OCTETS);
		ck_assert_uint_eq(strcspn(text, "\r\n"), len);
		ck_assert_msg(is_whole(text, len), "cut: %.*s", (int)len, text);
		if (*text == ' ')
			strbuf_truncate(&out, out.len - 1);
		strbuf_add(&out, *text == ' ' ? text + 1 : text, *text == ' ' ? len - 1 : len);
		strbuf_addc(&out, '\n');
		text = end + 2;
	}
	return out.buf;
}

/* The one line that begins with `name`, without it; NULL: there is none. */
static const char *line_of(const char *ics, const char *name)
{
	const char *lines = arena_printf(&arena, "\n%s", unfold(ics));
	const char *key = arena_printf(&arena, "\n%s", name);
	const char *at = strstr(lines, key);
	if (!at)
		return NULL;
	at += strlen(key);
	ck_assert_msg(strstr(at, key) == NULL, "%s stands there twice", name);
	return arena_strndup(&arena, at, strcspn(at, "\n"));
}

static const char *written(const struct ical_event *event)
{
	return ical_write(&arena, event);
}

/* --- the object ------------------------------------------------------------------------------- */

START_TEST(test_a_published_entry)
{
	struct ical_event event = sound_event();
	event.description = "Ticket code: EVT-1";
	ck_assert_str_eq(written(&event), "BEGIN:VCALENDAR\r\n"
					  "VERSION:2.0\r\n"
					  "PRODID:-//Core Service//Tickets//EN\r\n"
					  "METHOD:PUBLISH\r\n"
					  "BEGIN:VEVENT\r\n"
					  "UID:guest-7@core-service.tickets.example\r\n"
					  "SEQUENCE:3\r\n"
					  "DTSTAMP:20260120T081500Z\r\n"
					  "DTSTART:20260201T183000Z\r\n"
					  "DTEND:20260201T213000Z\r\n"
					  "STATUS:CONFIRMED\r\n"
					  "SUMMARY:Rock & Roll\r\n"
					  "LOCATION:Salle Pleyel\\, Paris\r\n"
					  "DESCRIPTION:Ticket code: EVT-1\r\n"
					  "ORGANIZER;CN=\"Olga Org\":mailto:olga@example.com\r\n"
					  "END:VEVENT\r\n"
					  "END:VCALENDAR\r\n");
}
END_TEST

START_TEST(test_a_cancelled_entry)
{
	struct ical_event event = sound_event();
	event.cancelled = true;
	const char *ics = written(&event);
	ck_assert_str_eq(line_of(ics, "METHOD:"), "CANCEL");
	ck_assert_str_eq(line_of(ics, "STATUS:"), "CANCELLED");
	ck_assert_str_eq(line_of(ics, "UID:"), event.uid);
	ck_assert_str_eq(line_of(ics, "DTSTART:"), event.start);
}
END_TEST

/* An end that is none would make the whole entry invalid. */
START_TEST(test_an_end_must_be_later_than_the_start)
{
	static const char *const none[] = {NULL, "20260201T183000Z", "20260201T182959Z"};
	struct ical_event event = sound_event();
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		event.end = none[i];
		ck_assert_ptr_null(line_of(written(&event), "DTEND"));
	}
	event.end = "20260201T183001Z";
	ck_assert_str_eq(line_of(written(&event), "DTEND:"), event.end);
}
END_TEST

START_TEST(test_what_is_not_known_is_left_out)
{
	struct ical_event event = sound_event();
	event.organizer_name = "";
	ck_assert_str_eq(line_of(written(&event), "ORGANIZER"), ":mailto:olga@example.com");
	event.organizer_email = NULL;
	ck_assert_ptr_null(line_of(written(&event), "ORGANIZER"));
	ck_assert_ptr_null(line_of(written(&event), "DESCRIPTION"));
	ck_assert_ptr_null(strstr(written(&event), "(null)"));
}
END_TEST

/* --- escaping --------------------------------------------------------------------------------- */

struct escape_case {
	const char *text;
	const char *expected;
};
static const struct escape_case escape_cases[] = {
	{"", ""},
	{"a\\b", "a\\\\b"},
	{"a;b,c:d\"e", "a\\;b\\,c:d\"e"},
	{"a\nb", "a\\nb"},
	{"a\rb", "a\\nb"},
	{"a\r\nb", "a\\nb"},
	{"a\n\rb", "a\\n\\nb"},
	{"a\\nb", "a\\\\nb"},
	{"a\r\n", "a\\n"},
	{"a\tb", "a\tb"},
	{"a\x01\x1b\x7f"
	 "b",
	 "a   b"},
	{"a\xc2\x85"
	 "b\xe2\x80\xa8"
	 "c\xe2\x80\xa9"
	 "d",
	 "a\\nb\\nc\\nd"},
	{"F" E_ACUTE "te \xe2\x80\xa6 \xf0\x9f\x8e\xab",
	 "F" E_ACUTE "te \xe2\x80\xa6 \xf0\x9f\x8e\xab"},
};

START_TEST(test_escaping)
{
	struct ical_event event = sound_event();
	event.summary = event.location = event.description = escape_cases[_i].text;
	const char *ics = written(&event);
	ck_assert_str_eq(line_of(ics, "SUMMARY:"), escape_cases[_i].expected);
	ck_assert_str_eq(line_of(ics, "LOCATION:"), escape_cases[_i].expected);
	ck_assert_str_eq(line_of(ics, "DESCRIPTION:"), escape_cases[_i].expected);
}
END_TEST

static int count_lines(const char *ics)
{
	int count = 0;
	for (const char *at = unfold(ics); *at; at++)
		count += *at == '\n';
	return count;
}

/* Whatever an organizer calls the event, himself and his mailbox: no line is his own. */
START_TEST(test_nothing_can_begin_a_line)
{
	static const char *const evil[] = {
		"x\r\nATTENDEE:mailto:a@example.com\r\nEND:VEVENT", "x\nMETHOD:REQUEST",
		"x\rURL:http://evil.example", "x\xe2\x80\xa8URL:http://evil.example",
		"x\":mailto:evil@example.com\r\nURL:http://evil.example"};
	struct ical_event event = sound_event();
	event.description = "x";
	int sound = count_lines(written(&event));
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		event.summary = event.location = event.description = evil[i];
		event.organizer_name = event.organizer_email = event.uid = evil[i];
		const char *ics = written(&event);
		ck_assert_int_eq(count_lines(ics), sound);
		ck_assert_ptr_null(line_of(ics, "ATTENDEE"));
		ck_assert_ptr_null(line_of(ics, "URL"));
		ck_assert_str_eq(line_of(ics, "METHOD:"), "PUBLISH");
		ck_assert_ptr_null(strstr(ics, "\xe2\x80\xa8"));
	}
}
END_TEST

START_TEST(test_an_organizer_stays_in_its_quotes_and_its_uri)
{
	struct ical_event event = sound_event();
	event.organizer_name = "O\"B;C:D, \x07" E_ACUTE;
	event.organizer_email = "o+1?cc=x&y%@ex" E_ACUTE "mple.com";
	ck_assert_str_eq(line_of(written(&event), "ORGANIZER"),
			 ";CN=\"O'B;C:D,  " E_ACUTE
			 "\":mailto:o+1%3Fcc%3Dx%26y%25@ex%C3%A9mple.com");
}
END_TEST

/* --- folding ---------------------------------------------------------------------------------- */

static const char *repeat(const char *text, size_t count)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	for (size_t i = 0; i < count; i++)
		strbuf_adds(&out, text);
	return out.buf;
}

static const char *const fold_units[] = {"a", E_ACUTE, "\xe2\x82\xac", "\xf0\x9f\x8e\xab",
					 ",", "\n"};
static const char *const fold_escaped[] = {"a",   E_ACUTE, "\xe2\x82\xac", "\xf0\x9f\x8e\xab",
					   "\\,", "\\n"};

/* Every length of the part before, so that a character falls on every place about the fold;
 * unfold looks at each line's length and characters. */
START_TEST(test_folds_cut_no_character)
{
	struct ical_event event = sound_event();
	for (size_t before = 0; before < LINE_OCTETS; before++) {
		const char *head = repeat("x", before);
		event.summary = arena_printf(&arena, "%s%s", head, repeat(fold_units[_i], 70));
		const char *expected =
			arena_printf(&arena, "%s%s", head, repeat(fold_escaped[_i], 70));
		ck_assert_str_eq(line_of(written(&event), "SUMMARY:"), expected);
	}
}
END_TEST

START_TEST(test_a_line_folds_when_it_must)
{
	struct ical_event event = sound_event();
	size_t room = LINE_OCTETS - strlen("SUMMARY:");
	event.summary = repeat("x", room);
	ck_assert_ptr_null(strstr(written(&event), "\r\n "));
	event.summary = repeat("x", room + 1);
	ck_assert_ptr_nonnull(strstr(written(&event), "x\r\n x\r\n"));
	event.summary = repeat("x", room + LINE_OCTETS - 1);
	ck_assert_ptr_null(strstr(strstr(written(&event), "\r\n ") + 2, "\r\n "));
	/* two octets that end one past the room move to the next line together */
	event.summary = arena_printf(&arena, "%s" E_ACUTE, repeat("x", room - 1));
	ck_assert_ptr_nonnull(strstr(written(&event), "x\r\n " E_ACUTE "\r\n"));
}
END_TEST

/* --- which mails bring one -------------------------------------------------------------------- */

static struct mail sound_mail(const char *kind)
{
	return (struct mail){.id = 1,
			     .kind = kind,
			     .guest_id = 91,
			     .guest_status = "confirmed",
			     .locale = "en",
			     .event_title = "Rock & Roll",
			     .location = "Paris",
			     .change_seq = 4,
			     .put_at = "20260120T081500Z",
			     .starts_at = "20260201T183000Z",
			     .ticket_id = 55,
			     .ticket_code = "EVT-AAAA-BBBB-CCCC-DDDD"};
}

static const char *calendar(const struct mail *mail)
{
	return mail_calendar(&arena, mail, PUBLIC_URL, PDF_URL);
}

struct kind_case {
	const char *kind;
	const char *guest_status;
	const char *method; /* NULL: no entry */
};
static const struct kind_case kind_cases[] = {
	{"registration-confirmed", "registered", NULL},
	{"payment-due", "pending", NULL},
	{"ticket-issued", "confirmed", "PUBLISH"},
	{"event-changed", "confirmed", "PUBLISH"},
	{"registration-cancelled", "cancelled", "CANCEL"},
	{"event-cancelled", "cancelled", "CANCEL"},
	{"event-cancelled", "checked_in", "CANCEL"},
	{"refund-done", "confirmed", NULL},
	{"refund-done", "checked_in", NULL},
	{"refund-done", "cancelled", "CANCEL"},
};

START_TEST(test_which_mails_bring_an_entry)
{
	const struct kind_case *c = &kind_cases[_i];
	struct mail mail = sound_mail(c->kind);
	mail.guest_status = c->guest_status;
	const char *ics = calendar(&mail);
	ck_assert_pstr_eq(ics ? line_of(ics, "METHOD:") : NULL, c->method);
	mail.ticket_id = 0; /* never sent one */
	ck_assert_ptr_null(calendar(&mail));
}
END_TEST

START_TEST(test_one_entry_from_issue_to_cancellation)
{
	static const char *const story[] = {"ticket-issued", "event-changed", "event-cancelled"};
	static const char *const sequences[] = {"4", "5", "6"};
	struct mail mail = sound_mail("ticket-issued");
	for (size_t i = 0; i < ARRAY_LEN(story); i++) {
		mail.kind = story[i];
		mail.change_seq = i == 0 ? 4 : 5;
		const char *ics = calendar(&mail);
		ck_assert_str_eq(line_of(ics, "UID:"), "guest-91@core-service.tickets.example");
		ck_assert_str_eq(line_of(ics, "SEQUENCE:"), sequences[i]);
	}
}
END_TEST

START_TEST(test_the_link_goes_with_the_ticket_and_not_with_its_end)
{
	struct mail mail = sound_mail("event-changed");
	ck_assert_str_eq(line_of(calendar(&mail), "DESCRIPTION:"),
			 "Ticket code: EVT-AAAA-BBBB-CCCC-DDDD\\nYour ticket as PDF: " PDF_URL);
	mail.locale = "fr";
	ck_assert_str_eq(line_of(calendar(&mail), "DESCRIPTION:"),
			 "Code du billet\xc2\xa0: EVT-AAAA-BBBB-CCCC-DDDD\\n"
			 "Votre billet en PDF\xc2\xa0: " PDF_URL);
	mail.kind = "event-cancelled";
	ck_assert_ptr_null(strstr(calendar(&mail), "token="));
	ck_assert_ptr_null(strstr(calendar(&mail), "EVT-"));
}
END_TEST

/* A retry is a call under the same key: its body must be the same. */
START_TEST(test_the_same_mail_twice_is_the_same_text)
{
	struct mail mail = sound_mail("ticket-issued");
	ck_assert_str_eq(calendar(&mail), calendar(&mail));
	ck_assert_str_eq(line_of(calendar(&mail), "DTSTAMP:"), mail.put_at);
}
END_TEST

struct host_case {
	const char *url;
	const char *host;
};
static const struct host_case host_cases[] = {
	{"http://localhost:3001", "localhost"},
	{"https://tickets.example", "tickets.example"},
	{"https://TICKETS.example/a:b@c", "tickets.example"},
	{"https://user:word@tickets.example:8443/x", "tickets.example"},
	{"http://[::1]:3001/", "[::1]"},
	{"http://127.0.0.1?x", "127.0.0.1"},
};

START_TEST(test_the_uid_names_the_host_alone)
{
	struct mail mail = sound_mail("ticket-issued");
	const char *ics = mail_calendar(&arena, &mail, host_cases[_i].url, PDF_URL);
	ck_assert_str_eq(line_of(ics, "UID:"),
			 arena_printf(&arena, "guest-91@core-service.%s", host_cases[_i].host));
}
END_TEST

static TCase *text_cases(void)
{
	TCase *tcase = tcase_create("text");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_a_published_entry);
	tcase_add_test(tcase, test_a_cancelled_entry);
	tcase_add_test(tcase, test_an_end_must_be_later_than_the_start);
	tcase_add_test(tcase, test_what_is_not_known_is_left_out);
	tcase_add_loop_test(tcase, test_escaping, 0, ARRAY_LEN(escape_cases));
	tcase_add_test(tcase, test_nothing_can_begin_a_line);
	tcase_add_test(tcase, test_an_organizer_stays_in_its_quotes_and_its_uri);
	tcase_add_loop_test(tcase, test_folds_cut_no_character, 0, ARRAY_LEN(fold_units));
	tcase_add_test(tcase, test_a_line_folds_when_it_must);
	return tcase;
}

static TCase *mail_cases(void)
{
	TCase *tcase = tcase_create("mails");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_which_mails_bring_an_entry, 0, ARRAY_LEN(kind_cases));
	tcase_add_test(tcase, test_one_entry_from_issue_to_cancellation);
	tcase_add_test(tcase, test_the_link_goes_with_the_ticket_and_not_with_its_end);
	tcase_add_test(tcase, test_the_same_mail_twice_is_the_same_text);
	tcase_add_loop_test(tcase, test_the_uid_names_the_host_alone, 0, ARRAY_LEN(host_cases));
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("ical");
	suite_add_tcase(suite, text_cases());
	suite_add_tcase(suite, mail_cases());
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
