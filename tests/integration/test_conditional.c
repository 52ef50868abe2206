/*
 * Conditional requests and idempotency keys.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

static struct reply *send_with(const char *method, const char *token, const char *path,
			       const char *body, const char *header)
{
	const char *const headers[] = {header, NULL};

	return api_send(method, token, path, body, headers);
}

/* --- ETag ---------------------------------------------------------------------------------------
 */

START_TEST(not_modified)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *guest = shop_register(&shop, token_user(), "g");
	const char *event = text("/api/events/%lld", (long long)shop.event_id);
	const char *paths[] = {
		event, text("%s/guests/%lld", event, (long long)reply_int(guest, "data.id")),
		text("/api/tickets/%lld", (long long)reply_int(guest, "data.ticket.id"))};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *etag = reply_header(api_get(token_organizer(), "%s", paths[i]), "ETag");
		const char *match = text("If-None-Match: \"x\", W/%s", etag);
		struct reply *reply;

		ck_assert_msg(etag && *etag == '"', "%s: %s", paths[i], etag ? etag : "no ETag");
		reply = send_with("GET", token_organizer(), paths[i], NULL, match);
		ck_assert_int_eq(reply->status, 304);
		ck_assert_uint_eq(reply->len, 0);
		ck_assert_str_eq(reply_header(reply, "ETag"), etag);
		reply = send_with("HEAD", token_organizer(), paths[i], NULL, match);
		ck_assert_int_eq(reply->status, 304);
		reply = send_with("GET", token_organizer(), paths[i], NULL, "If-None-Match: *");
		ck_assert_int_eq(reply->status, 304);
		reply = send_with("GET", token_organizer(), paths[i], NULL, "If-None-Match: \"x\"");
		ck_assert_int_eq(reply->status, 200);
	}
	/* Whoever may not see it learns nothing from a tag. */
	ck_assert_int_eq(
		send_with("GET", token_of(77, "user"), paths[1], NULL, "If-None-Match: *")->status,
		404);
}
END_TEST

/* A sale makes a cached event stale, but does not get in the way of who edits it. */
START_TEST(a_sale_does_not_defeat_an_editor)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);
	struct reply *before = api_get(token_organizer(), "%s", path);
	const char *match = text("If-Match: %s", reply_header(before, "ETag"));
	const char *none = text("If-None-Match: %s", reply_header(before, "ETag"));
	struct reply *reply;

	ck_assert_int_eq(shop_register(&shop, token_user(), "buyer")->status, 201);
	reply = send_with("GET", NULL, path, NULL, none);
	ck_assert_int_eq(reply->status, 200);
	ck_assert_int_eq(reply_int(reply, "data.currentAttendees"), 1);
	ck_assert_str_eq(reply_text(reply, "data.updatedAt"), reply_text(before, "data.updatedAt"));
	reply = send_with("PATCH", token_organizer(), path, "{\"title\":\"Mine\"}", match);
	ck_assert_int_eq(reply->status, 200);
	ck_assert_str_ne(reply_text(reply, "data.updatedAt"), reply_text(before, "data.updatedAt"));
	reply = send_with("PATCH", token_organizer(), path, "{\"title\":\"Yours\"}", match);
	ck_assert_int_eq(reply->status, 412);
	ck_assert_str_eq(reply_slug(reply), "precondition-failed");
	ck_assert_str_eq(sql("SELECT title FROM events"), "Mine");
}
END_TEST

/* Every route that edits one thing heeds If-Match. */
START_TEST(stale_tags_everywhere)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *made = shop_register(&shop, token_user(), "g");
	const char *event = text("/api/events/%lld", (long long)shop.event_id);
	const char *type = text("%s/ticket-types/%lld", event, (long long)shop.type_id);
	const char *guest = text("%s/guests/%lld", event, (long long)reply_int(made, "data.id"));
	const char *ticket =
		text("/api/tickets/%lld", (long long)reply_int(made, "data.ticket.id"));
	/* clang-format off */
	const struct {
		const char *method, *path, *body;
	} edits[] = {
		{"PATCH",  event,				  "{\"title\":\"New\"}"    },
		{"DELETE", event,				  NULL},
		{"POST",   text("%s/start", event),	      NULL},
		{"POST",   text("%s/cancel", event),	     NULL},
		{"PATCH",  type,				   "{\"quantity\":9}"       },
		{"DELETE", type,				   NULL},
		{"PATCH",  guest,				  "{\"firstName\":\"New\"}"},
		{"POST",   text("%s/confirm", guest),	    NULL},
		{"POST",   text("%s/check-in", guest),	   NULL},
		{"POST",   text("%s/cancel", guest),	     NULL},
		{"DELETE", guest,				  NULL},
		{"POST",   text("%s/reissue", ticket),	   NULL},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		struct reply *reply = send_with(edits[i].method, token_organizer(), edits[i].path,
						edits[i].body, "If-Match: \"999-0\", \"nonsense\"");

		ck_assert_msg(reply->status == 412, "%s %s: %d %s", edits[i].method, edits[i].path,
			      reply->status, reply->body);
	}
	ck_assert_int_eq(
		send_with("PATCH", token_organizer(), guest, edits[6].body, "If-Match: *")->status,
		200);
	ck_assert(audit_clean());
}
END_TEST

/* --- keys ---------------------------------------------------------------------------------------
 */

static struct reply *post_key(const char *token, const char *path, const char *body,
			      const char *key)
{
	return send_with("POST", token, path, body, text("Idempotency-Key: %s", key));
}

static void expect_replay(const struct reply *first, const struct reply *again)
{
	ck_assert_msg(again->status == first->status && !strcmp(again->body, first->body),
		      "%d %s, then %d %s", first->status, first->body, again->status, again->body);
	ck_assert_str_eq(reply_header(again, "Idempotent-Replayed"), "true");
	ck_assert_ptr_null(reply_header(first, "Idempotent-Replayed"));
	ck_assert_pstr_eq(reply_header(again, "Location"), reply_header(first, "Location"));
	ck_assert_pstr_eq(reply_header(again, "ETag"), reply_header(first, "ETag"));
	ck_assert_pstr_eq(reply_header(again, "Content-Type"), reply_header(first, "Content-Type"));
}

static void post_twice(const char *path, const char *body)
{
	static int number;
	const char *key = text("key-%d", ++number);
	struct reply *first = post_key(token_organizer(), path, body, key);

	ck_assert_msg(first->status < 300, "%s: %d %s", path, first->status, first->body);
	expect_replay(first, post_key(token_organizer(), path, body, key));
	/* The same key for anything else. */
	ck_assert_str_eq(
		reply_slug(post_key(token_organizer(), path, body ? "{\"x\":1}" : "{}", key)),
		"idempotency-mismatch");
}

#define EVENT_BODY                                                                                 \
	"{\"title\":\"A title\",\"eventDate\":\"2098-01-01T10:00:00Z\",\"location\":\"A place\","  \
	"\"maxAttendees\":10,\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":5}]}"
#define TYPE_BODY "{\"name\":\"B\",\"price\":10,\"quantity\":5}"
#define GUEST_BODY(name)                                                                           \
	"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"" name "@example.com\""

START_TEST(every_post_takes_a_key)
{
	struct shop shop = shop_open(10, "0", 10);
	struct shop paid = shop_open(10, "10", 10);
	const char *event = text("/api/events/%lld", (long long)shop.event_id);
	const char *guests = text("%s/guests", event);
	const char *draft, *one, *other;
	struct reply *made;

	post_twice("/api/events", EVENT_BODY);
	post_twice(text("%s/ticket-types", event), TYPE_BODY);
	post_twice(guests,
		   text(GUEST_BODY("typed") ",\"ticketTypeId\":%lld}", (long long)shop.type_id));
	post_twice(guests, GUEST_BODY("free") "}");
	post_twice(text("/api/events/%lld/guests", (long long)paid.event_id),
		   text(GUEST_BODY("paid") ",\"ticketTypeId\":%lld}", (long long)paid.type_id));
	made = shop_register(&shop, token_user(), "one");
	one = text("%s/%lld", guests, (long long)reply_int(made, "data.id"));
	post_twice(text("/api/tickets/%lld/reissue", (long long)reply_int(made, "data.ticket.id")),
		   NULL);
	made = api_post(token_user(), guests, GUEST_BODY("other") "}");
	other = text("%s/%lld", guests, (long long)reply_int(made, "data.id"));
	post_twice(text("%s/confirm", other), NULL);
	post_twice(text("%s/cancel", other), NULL);
	post_twice(text("%s/check-in", one), NULL);
	draft = text("/api/events/%lld", (long long)sql_int("SELECT id FROM events WHERE status = "
							    "'draft'"));
	post_twice(text("%s/publish", draft), NULL);
	post_twice(text("%s/start", draft), NULL);
	post_twice(text("%s/end", draft), NULL);
	post_twice(text("%s/cancel", event), NULL);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 3);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 5);
}
END_TEST

START_TEST(keys_of_callers)
{
	const char *longest = text("%0255d", 1);
	struct reply *first = post_key(token_organizer(), "/api/events", EVENT_BODY, longest);
	struct reply *theirs =
		post_key(token_other_organizer(), "/api/events", EVENT_BODY, longest);
	static const char *const bad[] = {"a b", "\xc3\xa9", "a\tb"};

	ck_assert_int_eq(first->status, 201);
	ck_assert_int_eq(theirs->status, 201);
	ck_assert_int_ne(reply_int(first, "data.id"), reply_int(theirs, "data.id"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(
			post_key(token_organizer(), "/api/events", EVENT_BODY, bad[i])->status,
			400);
	ck_assert_str_eq(reply_slug(post_key(token_organizer(), "/api/events", EVENT_BODY,
					     text("%s1", longest))),
			 "invalid-header");
	ck_assert_str_eq(reply_slug(send_with("POST", token_organizer(), "/api/events", EVENT_BODY,
					      "Idempotency-Key;")),
			 "invalid-header");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 2);
}
END_TEST

/* A refused request changed nothing and is judged afresh; a replay wins over what is refused now.
 */
START_TEST(judged_afresh)
{
	struct shop shop = shop_open(1, "0", 1);
	const char *path = text("/api/events/%lld/guests", (long long)shop.event_id);
	const char *body =
		text(GUEST_BODY("late") ",\"ticketTypeId\":%lld}", (long long)shop.type_id);
	struct reply *guest = shop_register(&shop, token_user(), "early");
	struct reply *first;

	ck_assert_str_eq(reply_slug(post_key(token_user(), path, body, "k")), "sold-out");
	ck_assert_int_eq(
		api_post(token_user(),
			 text("%s/%lld/cancel", path, (long long)reply_int(guest, "data.id")), NULL)
			->status,
		200);
	first = post_key(token_user(), path, body, "k");
	ck_assert_int_eq(first->status, 201);
	sql("UPDATE events SET status = 'completed'");
	expect_replay(first, post_key(token_user(), path, body, "k"));
	ck_assert_str_eq(reply_slug(post_key(token_user(), path, "{}", "k")),
			 "idempotency-mismatch");
	ck_assert_str_eq(reply_slug(post_key(token_user(), path, "{}", "new")), "invalid-body");
}
END_TEST

/* The date lay ahead when the event was made; it lies behind when the request comes again. */
START_TEST(replay_wins_over_fields)
{
	char at[RFC3339_SIZE];
	const char *body;
	struct reply *first;

	clock_format(clock_now_us() + 700 * US_PER_MS, at);
	body = text("{\"title\":\"Soon\",\"eventDate\":\"%s\",\"location\":\"A "
		    "place\",\"maxAttendees\":1,"
		    "\"ticketTypes\":[{\"name\":\"A\",\"price\":0,\"quantity\":1}]}",
		    at);
	first = post_key(token_organizer(), "/api/events", body, "k");
	ck_assert_int_eq(first->status, 201);
	ck_assert(sql_becomes(3000, "t", "SELECT event_date < now() FROM events"));
	expect_replay(first, post_key(token_organizer(), "/api/events", body, "k"));
	ck_assert_int_eq(post_key(token_organizer(), "/api/events", body, "l")->status, 422);
}
END_TEST

START_TEST(keys_end_after_a_day)
{
	struct reply *first = post_key(token_organizer(), "/api/events", EVENT_BODY, "k");
	struct reply *again;

	ck_assert_int_eq(sql_int("SELECT extract(epoch FROM expires_at - created_at)::bigint FROM "
				 "idempotency_keys"),
			 24 * 3600);
	sql("UPDATE idempotency_keys SET expires_at = now() - interval '1 second'");
	again = post_key(token_organizer(), "/api/events", EVENT_BODY, "k");
	ck_assert_int_eq(again->status, 201);
	ck_assert_ptr_null(reply_header(again, "Idempotent-Replayed"));
	ck_assert_int_ne(reply_int(again, "data.id"), reply_int(first, "data.id"));
	expect_replay(again, post_key(token_organizer(), "/api/events", EVENT_BODY, "k"));
}
END_TEST

/* --- in flight ----------------------------------------------------------------------------------
 */

struct race {
	const char *path, *body;
	struct reply *replies[2];
};

/* The second comes while the first waits for the payment service. */
static void race_member(void *ctx, size_t i)
{
	struct race *race = ctx;

	if (i == 1)
		ck_assert(sql_becomes(3000, "1", "SELECT count(*) FROM idempotency_keys"));
	race->replies[i] = post_key(token_user(), race->path, race->body, "k");
}

START_TEST(in_flight)
{
	struct shop shop = shop_open(10, "10", 10);
	struct race race = {.path = text("/api/events/%lld/guests", (long long)shop.event_id),
			    .body = text(GUEST_BODY("paid") ",\"ticketTypeId\":%lld}",
					 (long long)shop.type_id)};

	platform_script("{\"service\":\"payment\",\"behaviour\":\"slow\",\"delayMs\":800}");
	crowd(2, race_member, &race);
	ck_assert_int_eq(race.replies[0]->status, 201);
	ck_assert_str_eq(reply_slug(race.replies[1]), "idempotency-in-flight");
	expect_replay(race.replies[0], post_key(token_user(), race.path, race.body, "k"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 1);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conditional");
	TCase *cases = tcase_create("conditional");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, not_modified);
	tcase_add_test(cases, a_sale_does_not_defeat_an_editor);
	tcase_add_test(cases, stale_tags_everywhere);
	tcase_add_test(cases, every_post_takes_a_key);
	tcase_add_test(cases, keys_of_callers);
	tcase_add_test(cases, judged_afresh);
	tcase_add_test(cases, replay_wins_over_fields);
	tcase_add_test(cases, keys_end_after_a_day);
	tcase_add_test(cases, in_flight);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
