/*
 * Every state meets every trigger, through HTTP: what moves, what is refused by which name, and
 * that seats, counters and tickets follow.
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

/* --- events -------------------------------------------------------------------------------------
 */

#define EVENT_TYPES(price)                                                                         \
	"{\"title\":\"A title\",\"eventDate\":\"2098-01-01T10:00:00Z\",\"location\":\"A place\","  \
	"\"maxAttendees\":10,\"ticketTypes\":[{\"name\":\"A\",\"price\":" price                    \
	",\"quantity\":10}]}"

/* The moves that lead into each state from a draft. */
static const struct {
	const char *name;
	const char *moves[3];
} event_states[] = {
	{"draft", {NULL}},
	{"published", {"publish", NULL}},
	{"active", {"publish", "start", NULL}},
	{"completed", {"publish", "start", "end"}},
	{"cancelled", {"publish", "cancel", NULL}},
};
static const char *const event_triggers[] = {"publish", "start", "end", "cancel"};
/* "": refused. */
static const char *const event_moves[5][4] = {
	{"published", "", "", ""},
	{"", "active", "", "cancelled"},
	{"", "", "completed", "cancelled"},
	{"", "", "", ""},
	{"", "", "", ""},
};

static struct reply *move(int64_t event_id, const char *trigger)
{
	return api_post(token_organizer(),
			text("/api/events/%lld/%s", (long long)event_id, trigger), NULL);
}

static int64_t event_in(size_t state)
{
	int64_t id =
		number(api_post(token_organizer(), "/api/events", EVENT_TYPES("0")), "data.id");

	for (size_t i = 0; i < 3 && event_states[state].moves[i]; i++)
		number(move(id, event_states[state].moves[i]), "data.id");
	return id;
}

static void expect_move(size_t state, size_t trigger)
{
	const char *to = event_moves[state][trigger];
	const char *from = event_states[state].name;
	int64_t id = event_in(state);
	struct reply *reply = move(id, event_triggers[trigger]);
	const char *now;

	if (*to) {
		ck_assert_msg(reply->status == 200, "%s %s: %s", from, event_triggers[trigger],
			      reply->body);
		ck_assert_str_eq(reply_text(reply, "data.status"), to);
		return;
	}
	EXPECT(reply, 409, "invalid-transition");
	ck_assert_ptr_nonnull(strstr(reply_text(reply, "detail"), from));
	ck_assert_ptr_nonnull(strstr(reply_text(reply, "detail"), event_triggers[trigger]));
	now = sql("SELECT status FROM events WHERE id = %lld", (long long)id);
	ck_assert_str_eq(now, from);
}

START_TEST(event_states_meet_triggers)
{
	for (size_t state = 0; state < ARRAY_LEN(event_states); state++)
		for (size_t trigger = 0; trigger < ARRAY_LEN(event_triggers); trigger++)
			expect_move(state, trigger);
}
END_TEST

/* Edits, types and registrations of an event by its state. */
START_TEST(what_a_state_allows)
{
	static const bool open[] = {true, true, true, false, false};
	static const bool selling[] = {false, true, true, false, false};

	for (size_t state = 0; state < ARRAY_LEN(event_states); state++) {
		int64_t id = event_in(state);
		const char *path = text("/api/events/%lld", (long long)id);
		const char *types = text("%s/ticket-types", path);
		const char *guests = text("%s/guests", path);
		struct reply *replies[] = {
			api_patch(token_organizer(), path, "{\"title\":\"Other\"}"),
			api_post(token_organizer(), types,
				 "{\"name\":\"B\",\"price\":0,\"quantity\":1}"),
			api_post(token_organizer(), guests,
				 "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"o@x."
				 "example\"}"),
		};
		struct reply *stranger = api_post(
			token_user(), guests,
			"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"u@x.example\"}");

		for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
			if (open[state])
				ck_assert_int_lt(replies[i]->status, 300);
			else
				EXPECT(replies[i], 409, "event-not-open");
		}
		if (selling[state])
			ck_assert_int_eq(stranger->status, 201);
		else if (state == 0)
			EXPECT(stranger, 404, "not-found");
		else
			EXPECT(stranger, 409, "event-not-open");
		EXPECT(api_get(NULL, "%s", path), state ? 200 : 404, state ? "" : "not-found");
	}
}
END_TEST

START_TEST(deleting_an_event)
{
	struct shop shop = shop_open(10, "0", 10);
	const char *path = text("/api/events/%lld", (long long)shop.event_id);
	int64_t guest = number(shop_register(&shop, token_user(), "g"), "data.id");

	EXPECT(api_delete(token_organizer(), "%s", path), 409, "has-guests");
	number(api_post(token_user(), text("%s/guests/%lld/cancel", path, (long long)guest), NULL),
	       "data.id");
	ck_assert_int_eq(api_delete(token_organizer(), "%s", path)->status, 204);
	EXPECT(api_get(token_organizer(), "%s", path), 404, "not-found");
	EXPECT(api_delete(token_organizer(), "%s", path), 404, "not-found");
	EXPECT(shop_register(&shop, token_user(), "late"), 404, "not-found");
	EXPECT(api_get(token_user(), "%s/guests/%lld", path, (long long)guest), 404, "not-found");
	ck_assert_int_eq(reply_count(api_get(token_admin(), "/api/events"), "data"), 0);
}
END_TEST

START_TEST(past_dates_are_not_published)
{
	int64_t id = event_in(0);
	struct reply *reply;

	sql("UPDATE events SET event_date = now() - interval '1 minute'");
	reply = move(id, "publish");
	EXPECT(reply, 409, "invalid-transition");
	ck_assert_ptr_nonnull(strstr(reply_text(reply, "detail"), "publish"));
	/* A date that stays as it was may lie in the past. */
	number(api_patch(token_organizer(), text("/api/events/%lld", (long long)id),
			 "{\"title\":\"Other\"}"),
	       "data.id");
}
END_TEST

/* --- guests -------------------------------------------------------------------------------------
 */

enum { REGISTERED, CONFIRMED, PENDING, CANCELLED, CHECKED_IN, GUEST_STATES };
static const char *const guest_states[] = {"registered", "confirmed", "pending", "cancelled",
					   "checked_in"};

static const struct {
	const char *method;
	const char *suffix;
	const char *trigger;
	/* The state after, or the slug of the refusal. */
	const char *outcome[GUEST_STATES];
} guest_triggers[] = {
	{"POST",
	 "/confirm",
	 "confirm",
	 {"confirmed", "invalid-transition", "confirmed", "invalid-transition",
	  "invalid-transition"}},
	{"POST",
	 "/cancel",
	 "cancel",
	 {"cancelled", "cancelled", "cancelled", "invalid-transition", "invalid-transition"}},
	{"POST",
	 "/check-in",
	 "check-in",
	 {"checked_in", "checked_in", "not-paid", "ticket-cancelled", "already-validated"}},
	{"DELETE",
	 "/check-in",
	 "check-in",
	 {"invalid-transition", "invalid-transition", "invalid-transition", "invalid-transition",
	  "confirmed"}},
	{"DELETE",
	 "",
	 "cancel",
	 {"deleted", "deleted", "deleted", "deleted", "invalid-transition"}},
};

static const char *guest_in(const struct shop *shop, const struct shop *paid, int state)
{
	static int count;
	const struct shop *at = state == PENDING ? paid : shop;
	const char *guests = text("/api/events/%lld/guests", (long long)at->event_id);
	struct reply *made;
	const char *path;

	count++;
	made = state == REGISTERED
		       ? api_post(token_user(), guests,
				  "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"r%d@x."
				  "example\"}",
				  count)
		       : shop_register(at, token_of(100 + count, "user"), text("g%d", count));
	path = text("%s/%lld", guests, (long long)number(made, "data.id"));
	if (state == CANCELLED)
		number(api_post(token_organizer(), text("%s/cancel", path), NULL), "data.id");
	if (state == CHECKED_IN)
		number(api_post(token_organizer(), text("%s/check-in", path), NULL), "data.id");
	return path;
}

static void expect_guest_move(const char *path, int state, size_t trigger)
{
	const char *outcome = guest_triggers[trigger].outcome[state];
	struct reply *reply =
		api_send(guest_triggers[trigger].method, token_organizer(),
			 text("%s%s", path, guest_triggers[trigger].suffix), NULL, NULL);
	struct reply *now = api_get(token_organizer(), "%s", path);
	const char *said =
		text("%s meets %s%s: %d %s", guest_states[state], guest_triggers[trigger].method,
		     guest_triggers[trigger].suffix, reply->status, reply->body);

	if (reply->status == 409) {
		ck_assert_msg(!strcmp(reply_slug(reply), outcome), "%s", said);
		ck_assert_msg(!strcmp(reply_text(now, "data.status"), guest_states[state]), "%s",
			      said);
		if (strcmp(outcome, "invalid-transition") != 0)
			return;
		ck_assert_msg(strstr(reply_text(reply, "detail"), guest_states[state]) &&
				      strstr(reply_text(reply, "detail"),
					     guest_triggers[trigger].trigger),
			      "%s", said);
		return;
	}
	ck_assert_msg(reply->status < 300, "%s", said);
	if (!strcmp(outcome, "deleted"))
		ck_assert_msg(now->status == 404, "%s", said);
	else
		ck_assert_msg(!strcmp(reply_text(now, "data.status"), outcome), "%s", said);
}

START_TEST(guest_states_meet_triggers)
{
	struct shop shop = shop_open(1000, "0", 1000);
	struct shop paid = shop_open(1000, "10", 1000);

	for (int state = 0; state < GUEST_STATES; state++)
		for (size_t trigger = 0; trigger < ARRAY_LEN(guest_triggers); trigger++)
			expect_guest_move(guest_in(&shop, &paid, state), state, trigger);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events e WHERE current_attendees <> (SELECT "
				 "count(*) FROM guests g WHERE g.event_id = e.id AND g.status <> "
				 "'cancelled')"),
			 0);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM ticket_types t WHERE sold <> (SELECT count(*) "
			"FROM guests g WHERE g.ticket_type_id = t.id AND g.status <> "
			"'cancelled')"),
		0);
}
END_TEST

/* Paid on site: the intent is closed, a payment of its own stands for the money. */
START_TEST(confirm_on_site)
{
	struct shop shop = shop_open(10, "12.50", 10);
	struct reply *guest = shop_register(&shop, token_user(), "cash");
	const char *path = text("/api/events/%lld/guests/%lld", (long long)shop.event_id,
				(long long)number(guest, "data.id"));
	struct reply *reply = api_post(token_organizer(), text("%s/confirm", path), NULL);

	ck_assert_str_eq(reply_text(reply, "data.status"), "confirmed");
	ck_assert_ptr_nonnull(reply_text(reply, "data.ticket.ticketCode"));
	ck_assert_str_eq(reply_text(reply, "data.payment.method"), "on_site");
	ck_assert_str_eq(reply_text(reply, "data.payment.status"), "succeeded");
	ck_assert(reply_number(reply, "data.payment.amount") == 12.5);
	ck_assert_str_eq(sql("SELECT string_agg(method || ' ' || status, ', ' ORDER BY id) FROM "
			     "payments"),
			 "intent cancelled, on_site succeeded");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("states");
	TCase *cases = tcase_create("states");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, event_states_meet_triggers);
	tcase_add_test(cases, what_a_state_allows);
	tcase_add_test(cases, deleting_an_event);
	tcase_add_test(cases, past_dates_are_not_published);
	tcase_add_test(cases, guest_states_meet_triggers);
	tcase_add_test(cases, confirm_on_site);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
