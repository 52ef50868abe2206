/*
 * Mails when the notification service fails: delivered once, buried with a reason, never in the
 * way of a registration; their words and their link.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/aftermath.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"

enum { DONE_MS = 20000, GUESTS = 20 };

#define NOTIFICATION "{\"service\":\"notification\",\"behaviour\":"
#define FAILS(status, times) NOTIFICATION "\"status\",\"status\":" #status ",\"times\":" #times "}"
#define WORKS NOTIFICATION "\"ok\"}"

static void begin(void)
{
	suite_set("MAIL_RETRY_DELAYS", "0,0");
	suite_set("NOTIFICATION_TIMEOUT_MS", "3000");
	suite_begin(SUITE_ALL);
}

static void end(void)
{
	suite_end();
}

/* A registration without a ticket type: its one mail is registration-confirmed. */
static struct reply *register_plainly(const struct shop *shop, const char *name, const char *locale)
{
	return api_post(token_user(), text("/api/events/%lld/guests", (long long)shop->event_id),
			"{\"firstName\":\"%s\",\"lastName\":\"B\",\"email\":\"%s@example.com\","
			"\"locale\":\"%s\"}",
			name, name, locale);
}

static const char *mail_status(void)
{
	return sql("SELECT status || ' ' || attempts FROM notifications");
}

static int corectl(const char *arguments, const char **ret_output)
{
	struct arena arena;
	const char *output;
	int code;

	setenv("DATABASE_URL", suite_database(), 1);
	setenv("REDIS_QUEUE_URL", servers_redis_queue_url(), 1);
	arena_init(&arena, 65536);
	code = run_program(&arena, "corectl", arguments, &output);
	*ret_output = text("%s", output);
	arena_clear(&arena);
	return code;
}

/* --- failures --------------------------------------------------------------------------------- */

START_TEST(two_failures_then_delivered_once)
{
	struct shop shop = shop_open(10, "0", 10);

	platform_script(FAILS(500, 2));
	ck_assert_int_eq(register_plainly(&shop, "zoe", "en")->status, 201);
	ck_assert(sql_becomes(DONE_MS, "0", "SELECT count(*) FROM outbox"));
	ck_assert_str_eq(mail_status(), "sent 3");
	ck_assert_int_eq(mails_made(), 1);
	ck_assert_int_eq(mail_calls(), 3);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(three_failures_bury)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *output;

	platform_script(FAILS(503, 3));
	ck_assert_int_eq(register_plainly(&shop, "zoe", "en")->status, 201);
	ck_assert(sql_becomes(DONE_MS, "dead", "SELECT state FROM outbox"));
	ck_assert_str_eq(mail_status(), "failed 3");
	ck_assert_int_eq(mail_calls(), 3);
	ck_assert_int_eq(corectl("queue ls", &output), 0);
	ck_assert_msg(strstr(output, "503"), "%s", output);
}
END_TEST

START_TEST(refused_is_buried_until_kicked)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *output, *id;

	platform_script(FAILS(400, 0));
	ck_assert_int_eq(register_plainly(&shop, "zoe", "en")->status, 201);
	ck_assert(sql_becomes(DONE_MS, "dead", "SELECT state FROM outbox"));
	ck_assert_str_eq(mail_status(), "failed 1");
	ck_assert_int_eq(mail_calls(), 1);
	id = sql("SELECT id FROM outbox");
	ck_assert_int_eq(corectl("queue ls", &output), 0);
	ck_assert_msg(strstr(output, id) && strstr(output, "400"), "%s", output);
	platform_script(WORKS);
	ck_assert_int_eq(corectl(text("queue kick %s", id), &output), 0);
	ck_assert(sql_becomes(DONE_MS, "0", "SELECT count(*) FROM outbox"));
	ck_assert_int_eq(mails_made(), 1);
	ck_assert(audit_clean());
}
END_TEST

/* The longest of a row of registrations. */
static int64_t slowest_us(const struct shop *shop, const char *tag)
{
	int64_t slowest = 0;

	for (int i = 0; i < GUESTS; i++) {
		int64_t begun_us = clock_monotonic_us();

		ck_assert_int_eq(shop_register(shop, token_user(), text("%s%d", tag, i))->status,
				 201);
		if (clock_monotonic_us() - begun_us > slowest)
			slowest = clock_monotonic_us() - begun_us;
	}
	return slowest;
}

START_TEST(a_hanging_service_holds_nobody_up)
{
	struct shop shop = shop_open(100, "0", 100);
	int64_t quiet_us, hanging_us;

	quiet_us = slowest_us(&shop, "a");
	ck_assert(mails_made_become(GUESTS, DONE_MS));
	platform_script(NOTIFICATION "\"hang\",\"delayMs\":2000}");
	ck_assert_int_eq(shop_register(&shop, token_user(), "first")->status, 201);
	ck_assert(sql_becomes(DONE_MS, "t",
			      "SELECT count(*) > 0 FROM outbox WHERE deliveries > 0 "
			      "AND job_type = 'send-email'"));
	hanging_us = slowest_us(&shop, "b");
	printf("slowest registration: %lld us, %lld us while mails hang\n", (long long)quiet_us,
	       (long long)hanging_us);
	ck_assert_int_lt(hanging_us, quiet_us + 300 * US_PER_MS);
	platform_script(WORKS);
	ck_assert(each_served_once(2 * GUESTS + 1, DONE_MS));
}
END_TEST

/* --- what is in them -------------------------------------------------------------------------- */

/* The call with this template to this address, -1: none. */
static int find_mail(const struct reply *calls, const char *template, const char *to)
{
	for (int i = 0; i < reply_count(calls, "data"); i++) {
		const char *name = reply_text(calls, text("data.%d.body.template", i));
		const char *address = reply_text(calls, text("data.%d.body.to", i));

		if (name && address && !strcmp(name, template) && !strcmp(address, to))
			return i;
	}
	return -1;
}

static const char *mail_text(const struct reply *calls, int i, const char *path)
{
	ck_assert_int_ge(i, 0);
	return reply_text(calls, text("data.%d.body.%s", i, path));
}

START_TEST(mails_speak_the_guests_language)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *calls;
	int english, french;

	ck_assert_int_eq(register_plainly(&shop, "ann", "en")->status, 201);
	ck_assert_int_eq(register_plainly(&shop, "zoe", "fr")->status, 201);
	ck_assert(mails_made_become(2, DONE_MS));
	calls = platform_calls("notification");
	english = find_mail(calls, "registration-confirmed", "ann@example.com");
	french = find_mail(calls, "registration-confirmed", "zoe@example.com");
	ck_assert_str_eq(mail_text(calls, english, "subject"), "You are registered for A concert");
	ck_assert_str_eq(mail_text(calls, french, "subject"), "Votre inscription à A concert");
	ck_assert_ptr_nonnull(strstr(mail_text(calls, english, "data.text"), "A concert"));
	ck_assert_ptr_nonnull(strstr(mail_text(calls, french, "data.html"), "A concert"));
	ck_assert_str_ne(mail_text(calls, english, "data.text"),
			 mail_text(calls, french, "data.text"));
}
END_TEST

static struct reply *open_link(const char *url)
{
	return say(&(struct saying){.method = "GET", .url = url});
}

START_TEST(the_link_opens_the_ticket_until_a_reissue)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *guest = shop_register(&shop, token_user(), "zoe");
	struct reply *pdf;
	const char *url;

	ck_assert(mails_made_become(1, DONE_MS));
	url = mail_text(platform_calls("notification"), 0, "data.pdfUrl");
	pdf = open_link(url);
	ck_assert_int_eq(pdf->status, 200);
	ck_assert_str_eq(reply_header(pdf, "Content-Type"), "application/pdf");
	ck_assert_int_eq(strncmp(pdf->body, "%PDF-", 5), 0);
	ck_assert_int_eq(api_post(token_organizer(),
				  text("/api/tickets/%lld/reissue",
				       (long long)reply_int(guest, "data.ticket.id")),
				  NULL)
				 ->status,
			 200);
	pdf = open_link(url);
	ck_assert_int_eq(pdf->status, 401);
	ck_assert_str_eq(reply_slug(pdf), "bad-signature");
	/* The new one comes by mail, and works. */
	ck_assert(mails_made_become(2, DONE_MS));
	url = mail_text(platform_calls("notification"), 1, "data.pdfUrl");
	ck_assert_int_eq(open_link(url)->status, 200);
}
END_TEST

/* --- language and clock ----------------------------------------------------------------------- */

#define HARD_SPACE "\xc2\xa0"
/* A quarter past midnight of the next day where it takes place. */
#define FAR_EVENT                                                                                  \
	"{\"locale\":\"fr\",\"timeZone\":\"Asia/"                                                  \
	"Kathmandu\",\"eventDate\":\"2099-07-14T18:30:00Z\"}"
#define FRENCH_DAY "mercredi 15 juillet 2099"
#define ENGLISH_DAY "15 July 2099"

static struct shop open_far_shop(void)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *event = api_patch(
		token_organizer(), text("/api/events/%lld", (long long)shop.event_id), FAR_EVENT);

	ck_assert_int_eq(event->status, 200);
	ck_assert_str_eq(reply_text(event, "data.eventDate"), "2099-07-14T18:30:00.000Z");
	return shop;
}

static struct reply *register_in(const struct shop *shop, const char *name, const char *locale)
{
	return api_post(token_user(), text("/api/events/%lld/guests", (long long)shop->event_id),
			"{\"firstName\":\"%s\",\"lastName\":\"B\",\"email\":\"%s@example.com\","
			"\"locale\":\"%s\",\"ticketTypeId\":%lld}",
			name, name, locale, (long long)shop->type_id);
}

/* What can be read on the page behind a ticket's link. */
static const char *page_text(const char *url)
{
	struct reply *pdf = open_link(url);
	char path[] = "/tmp/core-mails-XXXXXX", page[16384];
	int file = mkstemp(path);
	FILE *out;
	size_t len;

	ck_assert_int_eq(pdf->status, 200);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(write(file, pdf->body, pdf->len), (ssize_t)pdf->len);
	close(file);
	out = popen(text("pdftotext -q %s -", path), "r");
	ck_assert_ptr_nonnull(out);
	len = fread(page, 1, sizeof(page) - 1, out);
	page[len] = '\0';
	ck_assert_int_eq(pclose(out), 0);
	unlink(path);
	return text("%s", page);
}

static void assert_has(const char *whole, const char *part)
{
	ck_assert_msg(strstr(whole, part) != NULL, "no %s in %s", part, whole);
}

static void assert_mail(const struct reply *calls, int i, const char *date, const char *day)
{
	const char *page = page_text(mail_text(calls, i, "data.pdfUrl"));

	ck_assert_str_eq(mail_text(calls, i, "data.eventDate"), date);
	assert_has(mail_text(calls, i, "data.text"), date);
	assert_has(mail_text(calls, i, "data.ics"), "\r\nDTSTART:20990714T183000Z\r\n");
	assert_has(page, day);
	assert_has(page, "Asia/Kathmandu");
}

START_TEST(who_chose_no_language_has_the_events)
{
	struct shop shop = open_far_shop();
	struct reply *quiet = shop_register(&shop, token_user(), "quiet");
	struct reply *chosen = register_in(&shop, "chosen", "en");
	struct reply *calls;

	ck_assert_str_eq(reply_text(quiet, "data.locale"), "fr");
	ck_assert_str_eq(reply_text(chosen, "data.locale"), "en");
	ck_assert(mails_made_become(2, DONE_MS));
	calls = platform_calls("notification");
	assert_mail(calls, find_mail(calls, "ticket-issued", "quiet@example.com"),
		    FRENCH_DAY " à 0" HARD_SPACE "h" HARD_SPACE "15 (Asia/Kathmandu)", FRENCH_DAY);
	assert_mail(calls, find_mail(calls, "ticket-issued", "chosen@example.com"),
		    "Wednesday, " ENGLISH_DAY " at 00:15 (Asia/Kathmandu)",
		    "Wednesday " ENGLISH_DAY);
}
END_TEST

/* The guest's own choice, once made, changes the page; the event's, later, changes no guest. */
START_TEST(a_language_chosen_later_makes_the_page_anew)
{
	struct shop shop = open_far_shop();
	struct reply *guest = shop_register(&shop, token_user(), "zoe");
	const char *guest_path = text("/api/events/%lld/guests/%lld", (long long)shop.event_id,
				      (long long)reply_int(guest, "data.id"));
	const char *url;

	ck_assert(mails_made_become(1, DONE_MS));
	url = mail_text(platform_calls("notification"), 0, "data.pdfUrl");
	ck_assert_int_eq(api_patch(token_organizer(),
				   text("/api/events/%lld", (long long)shop.event_id),
				   "{\"locale\":\"en\"}")
				 ->status,
			 200);
	ck_assert_str_eq(reply_text(api_get(token_user(), "%s", guest_path), "data.locale"), "fr");
	assert_has(page_text(url), FRENCH_DAY);
	ck_assert_int_eq(api_patch(token_organizer(), guest_path, "{\"locale\":\"en\"}")->status,
			 200);
	ck_assert(sql_becomes(DONE_MS, "ready", "SELECT status FROM tickets"));
	assert_has(page_text(url), "Wednesday " ENGLISH_DAY);
	ck_assert_int_eq(mails_made(), 1);
}
END_TEST

/* The value of a line of a mail's calendar entry. */
static const char *entry(const char *kind, const char *name)
{
	struct reply *calls = platform_calls("notification");
	const char *ics = mail_text(calls, find_mail(calls, kind, "zoe@example.com"), "data.ics");
	const char *line = ics ? strstr(ics, text("\r\n%s:", name)) : NULL;

	ck_assert_msg(line != NULL, "no %s of %s in %s", name, kind, ics ? ics : "nothing");
	line += strlen(name) + 3;
	return text("%.*s", (int)strcspn(line, "\r"), line);
}

/* One entry from the issue of the ticket to its end. */
static void assert_entries(int64_t ticket_seq)
{
	static const char *const kinds[] = {"ticket-issued", "event-changed",
					    "registration-cancelled"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		ck_assert_str_eq(entry(kinds[i], "UID"), entry(kinds[0], "UID"));
		ck_assert_str_eq(entry(kinds[i], "SEQUENCE"),
				 text("%lld", (long long)ticket_seq + (long long)i));
		ck_assert_str_eq(entry(kinds[i], "METHOD"), i == 2 ? "CANCEL" : "PUBLISH");
	}
	ck_assert_str_eq(entry("event-changed", "LOCATION"), "Opera house");
}

/* Whoever opens his link after the change sees the new place, or is asked to wait. */
START_TEST(a_new_place_is_on_every_page)
{
	struct shop shop = open_far_shop();
	int64_t ticket_seq = sql_int("SELECT change_seq FROM events");
	struct reply *early, *guest = shop_register(&shop, token_user(), "zoe");
	const char *event = text("/api/events/%lld", (long long)shop.event_id);
	const char *url;

	ck_assert(mails_made_become(1, DONE_MS));
	url = mail_text(platform_calls("notification"), 0, "data.pdfUrl");
	ck_assert_int_eq(
		api_patch(token_organizer(), event, "{\"location\":\"Opera house\"}")->status, 200);
	early = open_link(url);
	if (early->status == 200)
		assert_has(page_text(url), "Opera house");
	else
		ck_assert_int_eq(early->status, 202);
	ck_assert(sql_becomes(DONE_MS, "t",
			      "SELECT t.status = 'ready' AND t.page_seq = e.page_seq FROM tickets "
			      "t, events e"));
	assert_has(page_text(url), "Opera house");
	ck_assert(mails_made_become(2, DONE_MS));
	ck_assert_int_eq(api_post(token_organizer(),
				  text("%s/guests/%lld/cancel", event,
				       (long long)reply_int(guest, "data.id")),
				  NULL)
				 ->status,
			 200);
	ck_assert(mails_made_become(3, DONE_MS));
	assert_entries(ticket_seq);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mails");
	TCase *cases = tcase_create("mails");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, two_failures_then_delivered_once);
	tcase_add_test(cases, three_failures_bury);
	tcase_add_test(cases, refused_is_buried_until_kicked);
	tcase_add_test(cases, a_hanging_service_holds_nobody_up);
	tcase_add_test(cases, mails_speak_the_guests_language);
	tcase_add_test(cases, the_link_opens_the_ticket_until_a_reissue);
	tcase_add_test(cases, who_chose_no_language_has_the_events);
	tcase_add_test(cases, a_language_chosen_later_makes_the_page_anew);
	tcase_add_test(cases, a_new_place_is_on_every_page);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
