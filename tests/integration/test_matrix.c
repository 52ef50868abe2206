/*
 * Who may do what: the matrix of routes and callers; ids of other events wherever an id can stand;
 * signed links.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "tests/integration/matrix.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { STRANGER = 12 };

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- an event with everything that a path can name ------------------------------------------- */

struct stage {
	int64_t event_id;
	int64_t main_type_id;
	int64_t spare_type_id;
	int64_t guest_ids[MATRIX_GUESTS];
	int64_t ticket_ids[MATRIX_GUESTS]; /* INT64_MIN: none */
	const char *codes[MATRIX_GUESTS];
	int64_t payment_id; /* of GUEST_OF_ROW, ended unpaid */
	int64_t import_id;
};

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static void add_guest(struct stage *stage, enum matrix_guest guest, const char *token)
{
	const char *type =
		guest == GUEST_WITHOUT ? "null" : text("%lld", (long long)stage->main_type_id);
	struct reply *reply = must(
		api_post(token, text("/api/events/%lld/guests", (long long)stage->event_id),
			 "{\"firstName\":\"G\",\"lastName\":\"H\",\"email\":\"g%d@example.com\","
			 "\"ticketTypeId\":%s}",
			 guest, type),
		201);

	stage->guest_ids[guest] = reply_int(reply, "data.id");
	stage->ticket_ids[guest] = reply_int(reply, "data.ticket.id");
	stage->codes[guest] = reply_text(reply, "data.ticket.ticketCode");
}

static struct stage stage_of(int64_t organizer, bool published)
{
	const char *owner = token_of(organizer, "organizer");
	const char *registrant = published ? token_user() : owner;
	struct reply *event =
		must(api_post(owner, "/api/events",
			      "{\"title\":\"A concert\",\"eventDate\":\"2099-05-01T20:00:00Z\","
			      "\"location\":\"The hall\",\"maxAttendees\":50,\"ticketTypes\":["
			      "{\"name\":\"Main\",\"price\":0,\"quantity\":50},"
			      "{\"name\":\"Spare\",\"price\":0,\"quantity\":50}]}"),
		     201);
	struct stage stage = {.event_id = reply_int(event, "data.id"),
			      .main_type_id = reply_int(event, "data.ticketTypes.0.id"),
			      .spare_type_id = reply_int(event, "data.ticketTypes.1.id")};
	const char *path = text("/api/events/%lld", (long long)stage.event_id);

	must(api_put(owner, "%s/staff/%d", path, STAFF), 204);
	if (published)
		must(api_post(owner, text("%s/publish", path), NULL), 200);
	for (int guest = 0; guest < MATRIX_GUESTS; guest++)
		add_guest(&stage, (enum matrix_guest)guest, registrant);
	stage.payment_id =
		sql_int("INSERT INTO payments (event_id, guest_id, method, status, amount, "
			"currency, payment_key) VALUES (%lld, %lld, 'intent', "
			"'cancelled', 5, 'EUR', gen_random_uuid()) RETURNING id",
			(long long)stage.event_id, (long long)stage.guest_ids[GUEST_OF_ROW]);
	if (published)
		must(api_post(owner,
			      text("%s/guests/%lld/check-in", path,
				   (long long)stage.guest_ids[GUEST_INSIDE]),
			      NULL),
		     200);
	stage.import_id = reply_int(
		must(api_post(owner, text("%s/guests/import", path), "{\"rows\":[]}"), 202),
		"data.id");
	return stage;
}

/* --- a row's words --------------------------------------------------------------------------- */

static const char *word_value(const struct stage *stage, enum matrix_guest guest, const char *word,
			      size_t len)
{
	static int number;
	const struct {
		const char *name;
		int64_t id;
	} ids[] = {
		{"{event}", stage->event_id},           {"{type}", stage->spare_type_id},
		{"{main}", stage->main_type_id},        {"{guest}", stage->guest_ids[guest]},
		{"{ticket}", stage->ticket_ids[guest]}, {"{user}", STRANGER + 1},
		{"{payment}", stage->payment_id},       {"{number}", ++number},
		{"{import}", stage->import_id},
	};

	if (!strncmp(word, "{code}", len))
		return stage->codes[guest];
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (strlen(ids[i].name) == len && !strncmp(word, ids[i].name, len))
			return text("%lld", (long long)ids[i].id);
	return NULL;
}

/* A pattern or body with its words filled in; braces around anything else stay. */
static const char *fill(const struct stage *stage, enum matrix_guest guest, const char *pattern)
{
	const char *filled = "";

	while (pattern && *pattern) {
		size_t plain = strcspn(pattern, "{");
		const char *word = pattern + plain;
		size_t len = *word ? strcspn(word, "}") + 1 : 0;
		const char *value = len ? word_value(stage, guest, word, len) : NULL;

		filled = value ? text("%s%.*s%s", filled, (int)plain, pattern, value)
			       : text("%s%.*s", filled, (int)plain + (*word == '{'), pattern);
		pattern = value ? word + len : word + (*word == '{');
	}
	return pattern ? filled : NULL;
}

/* --- the matrix ------------------------------------------------------------------------------ */

static const char *token_of_caller(enum matrix_caller caller)
{
	switch (caller) {
	case CALLER_STRANGER:
		return token_of(STRANGER, "staff,user");
	case CALLER_REGISTRANT:
		return token_user();
	case CALLER_OTHER_ORGANIZER:
		return token_other_organizer();
	case CALLER_STAFF:
		return token_of(STAFF, "user");
	case CALLER_OWNER:
		return token_organizer();
	case CALLER_ADMIN:
		return token_admin();
	case CALLER_ANONYMOUS:
	case CALLER_COUNT:
		break;
	}
	return NULL;
}

static const char *expected_slug(int status)
{
	switch (status) {
	case 401:
		return "unauthorized";
	case 403:
		return "forbidden";
	case 404:
		return "not-found";
	default:
		return NULL;
	}
}

static void judge(const struct matrix_row *row, int caller, const char *path, int want,
		  const struct reply *reply)
{
	const char *slug = expected_slug(want);

	if (reply->status != want)
		ck_abort_msg("%s %s, caller %d: %d instead of %d: %s", row->method, path, caller,
			     reply->status, want, reply->body);
	if (slug && strcmp(row->pattern, "/api/payments/webhook") != 0)
		ck_assert_str_eq(reply_slug(reply), slug);
	if (want == 401)
		ck_assert_str_eq(reply_header(reply, "WWW-Authenticate"), "Bearer");
}

/* HEAD is answered as GET is, without a body. */
static void judge_head(const struct matrix_row *row, int caller, const char *path, int want)
{
	struct reply *reply =
		api_send("HEAD", token_of_caller((enum matrix_caller)caller), path, NULL, NULL);

	if (reply->status != want || reply->len != 0)
		ck_abort_msg("HEAD %s, caller %d: %d instead of %d", row->pattern, caller,
			     reply->status, want);
}

static void walk(bool published)
{
	struct stage stage = stage_of(ORGANIZER, published);

	for (size_t i = 0; i < matrix_row_count; i++) {
		const struct matrix_row *row = &matrix_rows[i];

		for (int caller = 0; caller < CALLER_COUNT; caller++) {
			int want = published ? row->published[caller] : row->draft[caller];
			const char *path = fill(&stage, row->guest, row->pattern);

			judge(row, caller, path, want,
			      api_send(row->method, token_of_caller((enum matrix_caller)caller),
				       path, fill(&stage, row->guest, row->body), NULL));
			if (!strcmp(row->method, "GET"))
				judge_head(row, caller, path, want);
			else if (want < 300)
				stage = stage_of(ORGANIZER, published);
		}
	}
	ck_assert(audit_clean());
}

START_TEST(callers_of_a_published_event)
{
	walk(true);
}
END_TEST

START_TEST(callers_of_a_draft)
{
	walk(false);
}
END_TEST

/* --- rights that the matrix has no column for ------------------------------------------------- */

/* The organizer of an event is its organizer whatever the roles say; roles give no event away. */
START_TEST(the_event_says_who_organizes_it)
{
	struct stage stage = stage_of(ORGANIZER, true);
	const char *path = text("/api/events/%lld", (long long)stage.event_id);

	must(api_patch(token_of(ORGANIZER, "user"), path, "{\"title\":\"Mine\"}"), 200);
	must(api_get(token_of(ORGANIZER, ""), "%s/guests", path), 200);
	must(api_post(token_of(ORGANIZER, "user"), "/api/events", "{}"), 403);
	must(api_get(token_of(STRANGER, "staff"), "%s/guests", path), 403);
	must(api_delete(token_organizer(), "%s/staff/%d", path, STAFF), 204);
	must(api_get(token_of(STAFF, "user"), "%s/guests", path), 403);
}
END_TEST

/* Who sees a cancelled or completed event is who saw it published. */
START_TEST(what_was_published_stays_visible)
{
	static const char *const ways[][2] = {{"cancel", NULL}, {"start", "end"}};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct stage stage = stage_of(ORGANIZER, true);
		const char *path = text("/api/events/%lld", (long long)stage.event_id);

		for (size_t j = 0; j < 2 && ways[i][j]; j++)
			must(api_post(token_organizer(), text("%s/%s", path, ways[i][j]), NULL),
			     200);
		must(api_get(NULL, "%s", path), 200);
		must(api_get(NULL, "%s/ticket-types", path), 200);
		must(api_get(token_of(STRANGER, "user"), "%s/guests", path), 403);
		must(api_get(token_user(), "%s/guests/%lld", path,
			     (long long)stage.guest_ids[GUEST_OF_ROW]),
		     200);
	}
}
END_TEST

/* A draft is nowhere in anybody else's list. */
START_TEST(lists_show_what_is_visible)
{
	struct stage draft = stage_of(ORGANIZER, false);
	struct stage published = stage_of(ORGANIZER, true);
	const struct {
		const char *token;
		int rows;
	} callers[] = {
		{NULL, 1},
		{token_user(), 1},
		{token_other_organizer(), 1},
		{token_of(STAFF, "user"), 2},
		{token_organizer(), 2},
		{token_admin(), 2},
	};

	ck_assert_int_ne(draft.event_id, published.event_id);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		struct reply *list = must(api_get(callers[i].token, "/api/events"), 200);
		struct reply *drafts =
			must(api_get(callers[i].token, "/api/events?status=draft"), 200);

		ck_assert_int_eq(reply_count(list, "data"), callers[i].rows);
		ck_assert_int_eq(reply_count(drafts, "data"), callers[i].rows - 1);
	}
}
END_TEST

/* --- ids of other events ---------------------------------------------------------------------- */

/* An id below an event must be that event's, whoever asks. */
static void expect_not_mixed(const struct matrix_row *row, const struct stage *mine,
			     const struct stage *theirs)
{
	const char *const tokens[] = {token_organizer(), token_other_organizer(), token_admin(),
				      token_user(), token_of(STAFF, "user")};
	struct stage mixed = *theirs;
	const char *path, *body;

	mixed.event_id = mine->event_id;
	path = fill(&mixed, row->guest, row->pattern);
	body = fill(mine, row->guest, row->body);
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		judge(row, (int)i, path, 404, api_send(row->method, tokens[i], path, body, NULL));
}

START_TEST(ids_of_other_events)
{
	struct stage mine = stage_of(ORGANIZER, true);
	struct stage theirs = stage_of(OTHER_ORGANIZER, true);
	int walked = 0;

	for (size_t i = 0; i < matrix_row_count; i++) {
		const char *pattern = matrix_rows[i].pattern;

		if (!strstr(pattern, "{guest}") && !strstr(pattern, "{type}"))
			continue;
		expect_not_mixed(&matrix_rows[i], &mine, &theirs);
		expect_not_mixed(&matrix_rows[i], &theirs, &mine);
		walked++;
	}
	ck_assert_int_ge(walked, 10);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE status = 'cancelled'"), 0);
	ck_assert(audit_clean());
}
END_TEST

START_TEST(ids_of_other_events_in_bodies_and_queries)
{
	struct stage mine = stage_of(ORGANIZER, true);
	struct stage theirs = stage_of(OTHER_ORGANIZER, true);
	const char *path = text("/api/events/%lld/guests", (long long)mine.event_id);
	struct reply *reply;

	reply = must(api_post(token_user(), path,
			      "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","
			      "\"ticketTypeId\":%lld}",
			      (long long)theirs.main_type_id),
		     422);
	ck_assert_str_eq(reply_slug(reply), "unknown-ticket-type");
	reply = must(api_get(token_organizer(), "%s?ticketTypeId=%lld", path,
			     (long long)theirs.main_type_id),
		     200);
	ck_assert_int_eq(reply_count(reply, "data"), 0);
	/* somebody else's ticket, whatever event is named */
	reply = must(api_post(token_organizer(), "/api/tickets/validate",
			      "{\"ticketCode\":\"%s\",\"eventId\":%lld}", theirs.codes[0],
			      (long long)mine.event_id),
		     404);
	/* one's own ticket at one's own other door */
	theirs = stage_of(ORGANIZER, true);
	reply = must(api_post(token_organizer(), "/api/tickets/validate",
			      "{\"ticketCode\":\"%s\",\"eventId\":%lld}", theirs.codes[0],
			      (long long)mine.event_id),
		     409);
	ck_assert_str_eq(reply_slug(reply), "wrong-event");
}
END_TEST

START_TEST(ids_that_are_none)
{
	static const char *const bad[] = {"0",
					  "-1",
					  "+1",
					  "01",
					  "1.0",
					  "x",
					  "%31",
					  "9223372036854775808",
					  "9223372036854775807"};
	struct stage stage = stage_of(ORGANIZER, true);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *token = token_admin();
		long long event = stage.event_id;

		must(api_get(token, "/api/events/%s", bad[i]), 404);
		must(api_get(token, "/api/events/%s/guests", bad[i]), 404);
		must(api_get(token, "/api/events/%lld/guests/%s", event, bad[i]), 404);
		must(api_get(token, "/api/tickets/%s", bad[i]), 404);
		must(api_delete(token, "/api/events/%lld/ticket-types/%s", event, bad[i]), 404);
	}
	for (size_t i = 0; i + 1 < ARRAY_LEN(bad); i++)
		must(api_put(token_admin(), "/api/events/%lld/staff/%s", (long long)stage.event_id,
			     bad[i]),
		     404);
}
END_TEST

/* What was deleted is gone for everyone, and so is all under it. */
START_TEST(deleted_things)
{
	struct stage stage = stage_of(ORGANIZER, true);
	long long event = stage.event_id;
	long long guest = stage.guest_ids[GUEST_OF_ROW];
	long long ticket = stage.ticket_ids[GUEST_OF_ROW];

	must(api_delete(token_organizer(), "/api/events/%lld/guests/%lld", event, guest), 204);
	must(api_get(token_admin(), "/api/events/%lld/guests/%lld", event, guest), 404);
	must(api_get(token_admin(), "/api/events/%lld/guests/%lld/payments", event, guest), 404);
	must(api_get(token_admin(), "/api/tickets/%lld", ticket), 404);
	must(api_post(token_admin(), text("/api/tickets/%lld/reissue", ticket), NULL), 404);
	sql("UPDATE guests SET status = 'cancelled', cancelled_at = now(), checked_in_at = NULL, "
	    "status_before = NULL WHERE event_id = %lld",
	    event);
	sql("UPDATE ticket_types SET sold = 0 WHERE event_id = %lld", event);
	sql("UPDATE events SET current_attendees = 0 WHERE id = %lld", event);
	must(api_delete(token_organizer(), "/api/events/%lld", event), 204);
	must(api_get(token_admin(), "/api/events/%lld", event), 404);
	must(api_get(token_admin(), "/api/events/%lld/guests", event), 404);
	must(api_get(token_admin(), "/api/events/%lld/guests/%lld", event,
		     (long long)stage.guest_ids[GUEST_WITHOUT]),
	     404);
	must(api_get(token_admin(), "/api/events/%lld/ticket-types", event), 404);
}
END_TEST

/* --- signed links ----------------------------------------------------------------------------- */

static const char *const documents[] = {"", "/pdf", "/qr.svg", "/qr.png"};

/* The token in a ticket's own links. */
static const char *link_token(int64_t ticket_id)
{
	struct reply *ticket =
		must(api_get(token_organizer(), "/api/tickets/%lld", (long long)ticket_id), 200);
	const char *link = reply_text(ticket, "data.links.pdf");

	ck_assert_ptr_nonnull(link);
	return strstr(link, "token=") + strlen("token=");
}

static void expect_link(const char *bearer, int64_t ticket_id, const char *token, bool opens)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		struct reply *reply = api_get(bearer, "/api/tickets/%lld%s?token=%s",
					      (long long)ticket_id, documents[i], token);

		ck_assert_int_eq(reply->status, !opens ? 401 : i == 0 ? 200 : 202);
		if (!opens)
			ck_assert_str_eq(reply_slug(reply), "bad-signature");
	}
}

START_TEST(links_open_their_ticket_alone)
{
	struct stage stage = stage_of(ORGANIZER, true);
	int64_t ticket = stage.ticket_ids[GUEST_OF_ROW];
	int64_t other = stage.ticket_ids[GUEST_INSIDE];
	const char *token = link_token(ticket);
	char *bent = strdup(token);

	expect_link(NULL, ticket, token, true);
	expect_link(token_of(STRANGER, "user"), ticket, token, true);
	expect_link(NULL, other, token, false);
	expect_link(NULL, ticket, link_token(other), false);
	/* who has rights of his own is told too that the link is bad */
	expect_link(token_organizer(), ticket, link_token(other), false);
	for (size_t i = 0; bent[i]; i++) {
		char was = bent[i];

		bent[i] = was == 'A' ? 'B' : 'A';
		expect_link(NULL, ticket, bent, false);
		bent[i] = was;
	}
	expect_link(NULL, ticket, text("%.*s", (int)strlen(token) - 1, token), false);
	expect_link(NULL, 999999, token, false);
	must(api_get(NULL, "/api/tickets/%lld?xtoken=%s", (long long)ticket, token), 401);
	must(api_get(NULL, "/api/tickets/%lld", (long long)ticket), 401);
	free(bent);
}
END_TEST

START_TEST(links_only_read)
{
	struct stage stage = stage_of(ORGANIZER, true);
	long long ticket = stage.ticket_ids[GUEST_OF_ROW];
	const char *token = link_token(ticket);

	must(api_post(NULL, text("/api/tickets/%lld/reissue?token=%s", ticket, token), NULL), 401);
	must(api_delete(NULL, "/api/tickets/%lld/validation?token=%s", ticket, token), 401);
	must(api_get(NULL, "/api/events/%lld/guests/%lld?token=%s", (long long)stage.event_id,
		     (long long)stage.guest_ids[GUEST_OF_ROW], token),
	     401);
	must(api_post(token_organizer(), text("/api/tickets/%lld/reissue", ticket), NULL), 200);
	expect_link(NULL, ticket, token, false);
	expect_link(NULL, ticket, link_token(ticket), true);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("matrix");
	TCase *cases = tcase_create("matrix");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, callers_of_a_published_event);
	tcase_add_test(cases, callers_of_a_draft);
	tcase_add_test(cases, the_event_says_who_organizes_it);
	tcase_add_test(cases, what_was_published_stays_visible);
	tcase_add_test(cases, lists_show_what_is_visible);
	tcase_add_test(cases, ids_of_other_events);
	tcase_add_test(cases, ids_of_other_events_in_bodies_and_queries);
	tcase_add_test(cases, ids_that_are_none);
	tcase_add_test(cases, deleted_things);
	tcase_add_test(cases, links_open_their_ticket_alone);
	tcase_add_test(cases, links_only_read);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
