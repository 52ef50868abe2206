/*
 * Which refusal wins: every pair of faults of one request, against the contract's order of checks.
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
	suite_end();
}

/* In the contract's order. */
enum fault {
	FAULT_PATH,
	FAULT_METHOD,
	FAULT_TOKEN,
	FAULT_HIDDEN,
	FAULT_RIGHTS,
	FAULT_SIZE,
	FAULT_MEDIA,
	FAULT_SYNTAX,
	FAULT_FIELDS,
	FAULT_MATCH,
	FAULT_STATE,
	FAULT_COUNT,
};

static const struct {
	int status;
	const char *slug;
} refusals[FAULT_COUNT] = {
	[FAULT_PATH] = {404, "not-found"},
	[FAULT_METHOD] = {405, "method-not-allowed"},
	[FAULT_TOKEN] = {401, "unauthorized"},
	[FAULT_HIDDEN] = {404, "not-found"},
	[FAULT_RIGHTS] = {403, "forbidden"},
	[FAULT_SIZE] = {413, "body-too-large"},
	[FAULT_MEDIA] = {415, "unsupported-media-type"},
	[FAULT_SYNTAX] = {400, "malformed"},
	[FAULT_FIELDS] = {422, "invalid-body"},
	[FAULT_MATCH] = {412, "precondition-failed"},
	[FAULT_STATE] = {409, "max-below-attendees"},
};

enum { MIB = 1 << 20 };

struct scene {
	int64_t draft_id; /* OTHER_ORGANIZER's */
	int64_t event_id; /* of two guests */
};

static bool has(unsigned faults, enum fault fault)
{
	return (faults >> fault) & 1;
}

static const char *body_of(unsigned faults)
{
	static char large[MIB + 2];
	const char *title = has(faults, FAULT_FIELDS) ? "\"\"" : "\"A better title\"";
	const char *max = has(faults, FAULT_STATE) ? ",\"maxAttendees\":1" : "";
	const char *body =
		text("{\"title\":%s%s%s", title, max, has(faults, FAULT_SYNTAX) ? "" : "}");

	if (!has(faults, FAULT_SIZE))
		return body;
	memset(large, ' ', MIB + 1);
	memcpy(large, body, strlen(body));
	return large;
}

/* A PATCH of the event with these faults and no other. */
static struct reply *faulty(const struct scene *scene, unsigned faults)
{
	bool hidden = has(faults, FAULT_HIDDEN);
	bool stranger = hidden || has(faults, FAULT_RIGHTS);
	const char *token = stranger ? token_user() : token_organizer();
	const char *const match[] = {"If-Match: \"999-0\"", NULL};

	return say(&(struct saying){
		.method = has(faults, FAULT_METHOD) ? "PUT" : "PATCH",
		.url = text("%s/api/%s/%lld", suite_api(),
			    has(faults, FAULT_PATH) ? "occasions" : "events",
			    (long long)(hidden ? scene->draft_id : scene->event_id)),
		.token = has(faults, FAULT_TOKEN) ? "no.real.token" : token,
		.body = body_of(faults),
		.content_type = has(faults, FAULT_MEDIA) ? "text/plain" : "application/json",
		.headers = has(faults, FAULT_MATCH) ? match : NULL,
	});
}

static void expect(const struct reply *reply, enum fault winner, unsigned faults)
{
	ck_assert_msg(reply->status == refusals[winner].status &&
			      !strcmp(reply_slug(reply), refusals[winner].slug),
		      "faults %x: %d %s, not %s", faults, reply->status, reply->body,
		      refusals[winner].slug);
}

static struct scene set_scene(void)
{
	struct shop shop = shop_open(10, "0", 10);
	struct reply *draft = api_post(
		token_other_organizer(), "/api/events",
		"{\"title\":\"A draft\",\"eventDate\":\"2098-01-01T10:00:00Z\",\"location\":"
		"\"Nowhere\",\"maxAttendees\":5,\"ticketTypes\":[{\"name\":\"A\",\"price\":0,"
		"\"quantity\":5}]}");

	ck_assert_int_eq(shop_register(&shop, token_user(), "one")->status, 201);
	ck_assert_int_eq(shop_register(&shop, token_user(), "two")->status, 201);
	return (struct scene){reply_int(draft, "data.id"), shop.event_id};
}

START_TEST(every_pair)
{
	struct scene scene = set_scene();
	const char *before = sql("SELECT string_agg(e::text, '|' ORDER BY id) FROM events e");

	for (enum fault first = 0; first < FAULT_COUNT; first++) {
		for (enum fault second = first; second < FAULT_COUNT; second++) {
			unsigned faults = 1u << first | 1u << second;

			expect(faulty(&scene, faults), first, faults);
		}
	}
	ck_assert_str_eq(sql("SELECT string_agg(e::text, '|' ORDER BY id) FROM events e"), before);
	ck_assert_int_eq(faulty(&scene, 0)->status, 200);
}
END_TEST

/* From all faults at once, one mended after the other. */
START_TEST(mended_one_by_one)
{
	struct scene scene = set_scene();
	unsigned faults = (1u << FAULT_COUNT) - 1;

	for (enum fault next = 0; next < FAULT_COUNT; next++) {
		expect(faulty(&scene, faults), next, faults);
		faults &= ~(1u << next);
	}
}
END_TEST

/* --- a POST: keys and registrations --------------------------------------------------------------
 */

static struct reply *register_with(const struct scene *scene, const char *token, const char *body,
				   const char *key)
{
	const char *const headers[] = {text("Idempotency-Key: %s", key), NULL};

	return api_send("POST", token, text("/api/events/%lld/guests", (long long)scene->event_id),
			body, headers);
}

/* A bad key is a 400: before fields, behind rights; a route that judges access late keeps to it. */
START_TEST(keys_and_late_access)
{
	struct scene scene = set_scene();
	struct scene hidden = {.event_id = scene.draft_id};
	struct scene absent = {.event_id = 4711};
	const char *bad_fields = "{\"firstName\":\"\"}";
	const char *bad_rights =
		"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"c@d.example\","
		"\"type\":\"vip\"}";

	ck_assert_str_eq(reply_slug(register_with(&scene, NULL, "{", "a b")), "unauthorized");
	ck_assert_str_eq(reply_slug(register_with(&hidden, token_user(), "{", "a b")), "not-found");
	ck_assert_str_eq(reply_slug(register_with(&absent, token_user(), "{", "a b")), "not-found");
	ck_assert_str_eq(reply_slug(register_with(&hidden, token_user(), bad_fields, "k")),
			 "not-found");
	ck_assert_str_eq(reply_slug(register_with(&scene, token_user(), "{", "a b")), "malformed");
	ck_assert_str_eq(reply_slug(register_with(&scene, token_user(), bad_fields, "a b")),
			 "invalid-header");
	ck_assert_str_eq(reply_slug(register_with(&scene, token_user(), bad_fields, "k")),
			 "invalid-body");
	ck_assert_str_eq(reply_slug(register_with(&scene, token_user(), bad_rights, "k")),
			 "forbidden");
	ck_assert_str_eq(reply_slug(register_with(&absent, token_user(), bad_rights, "k")),
			 "not-found");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 2);
}
END_TEST

static const char *refused(const struct shop *shop, const char *name, int64_t type_id)
{
	return reply_slug(
		api_post(token_user(), text("/api/events/%lld/guests", (long long)shop->event_id),
			 "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"%s@example.com\","
			 "\"ticketTypeId\":%lld}",
			 name, (long long)type_id));
}

/* Every refusal at once, each mended in turn. */
START_TEST(refusals_of_a_registration)
{
	struct shop shop = shop_open(10, "10", 10);

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(shop_register(&shop, token_user(), text("g%d", i))->status, 201);
	sql("UPDATE ticket_types SET sales_end_at = now() - interval '1 hour'");
	/* the sweeper ends holds of a completed event, but none that it never looks at */
	sql("UPDATE payments SET next_at = 'infinity'");
	sql("UPDATE events SET status = 'completed'");
	ck_assert_str_eq(refused(&shop, "g0", 4711), "event-not-open");
	sql("UPDATE events SET status = 'published'");
	ck_assert_str_eq(refused(&shop, "g0", 4711), "unknown-ticket-type");
	ck_assert_str_eq(refused(&shop, "g0", shop.type_id), "sales-closed");
	sql("UPDATE ticket_types SET sales_end_at = NULL");
	ck_assert_str_eq(refused(&shop, "G0", shop.type_id), "already-registered");
	ck_assert_str_eq(refused(&shop, "other", shop.type_id), "too-many-holds");
	sql("UPDATE guests SET registered_by = %d WHERE id = (SELECT min(id) FROM guests)",
	    ORGANIZER);
	ck_assert_str_eq(refused(&shop, "other", shop.type_id), "sold-out");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check order");
	TCase *cases = tcase_create("check order");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, every_pair);
	tcase_add_test(cases, mended_one_by_one);
	tcase_add_test(cases, keys_and_late_access);
	tcase_add_test(cases, refusals_of_a_registration);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
