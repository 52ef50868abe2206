/*
 * Every state of a guest, with his ticket and his money, meets every trigger: next state, seat,
 * ticket, money, mails, and the slug of what is refused. The table is that of the life of a guest;
 * all pairs are set up, all triggers pulled, and looked at once nothing is under way any more.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SETTLED_MS = 60000, HANDS = 8 };

/* What is met. Paid: by the intent; inside: checked in. */
enum kind {
	REGISTERED,
	FREE,
	PAID,
	ON_SITE,
	HELD,
	DISPUTED,
	FREE_CANCELLED,
	HOLD_ENDED,
	HOLD_CANCELLED,
	PAID_CANCELLED,
	REGISTERED_INSIDE,
	PAID_INSIDE,
	ON_SITE_INSIDE,
	KINDS,
};

enum trigger {
	CONFIRM,
	MONEY,
	NO_MONEY,
	WRONG_MONEY,
	HOLD_ENDS,
	CANCEL,
	DELETE,
	EVENT_CANCELLED,
	EVENT_ENDS,
	REFUND,
	REFUNDED_THERE,
	CHECK_IN,
	UNDO,
	TRIGGERS,
};

/*
 * "state seats ticket money; mails": what the pair comes to. A ticket that was used is marked "+";
 * a payment is method:status, and what went back of it. "=": nothing changes, "!slug": nothing
 * changes, and that is said. NULL: nobody can do that here, there is no payment.
 */
#define UNCHANGED "="
#define ILLEGAL "!invalid-transition"
#define BACK "intent:succeeded:49.90"
#define DESK "intent:cancelled,on_site:succeeded"

static const char *const cells[KINDS][TRIGGERS] = {
	[REGISTERED] =
		{
			[CONFIRM] = "confirmed 1 - -;",
			[CANCEL] = "cancelled 0 - -; registration-cancelled",
			[DELETE] = "deleted 0 - -; registration-cancelled",
			[EVENT_CANCELLED] = "cancelled 0 - -; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[CHECK_IN] = "checked_in 1 - -;",
			[UNDO] = ILLEGAL,
		},
	[FREE] =
		{
			[CONFIRM] = ILLEGAL,
			[CANCEL] = "cancelled 0 cancelled -; registration-cancelled",
			[DELETE] = "deleted 0 cancelled -; registration-cancelled",
			[EVENT_CANCELLED] = "cancelled 0 cancelled -; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[CHECK_IN] = "checked_in 1 pending+ -;",
			[UNDO] = ILLEGAL,
		},
	[PAID] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = UNCHANGED,
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = UNCHANGED,
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = "cancelled 0 cancelled " BACK "; registration-cancelled",
			[DELETE] = "deleted 0 cancelled " BACK "; registration-cancelled",
			[EVENT_CANCELLED] = "cancelled 0 cancelled " BACK "; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "cancelled 0 cancelled " BACK "; refund-done",
			[REFUNDED_THERE] = "cancelled 0 cancelled " BACK "; refund-done",
			[CHECK_IN] = "checked_in 1 pending+ intent:succeeded;",
			[UNDO] = ILLEGAL,
		},
	[ON_SITE] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = "confirmed 1 pending " BACK ",on_site:succeeded; refund-done",
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = "confirmed 1 pending intent:disputed,on_site:succeeded;",
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = "cancelled 0 cancelled " DESK ":49.90; registration-cancelled",
			[DELETE] = "deleted 0 cancelled " DESK ":49.90; registration-cancelled",
			[EVENT_CANCELLED] = "cancelled 0 cancelled " DESK ":49.90; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "cancelled 0 cancelled " DESK ":49.90; refund-done",
			[REFUNDED_THERE] = UNCHANGED,
			[CHECK_IN] = "checked_in 1 pending+ " DESK ";",
			[UNDO] = ILLEGAL,
		},
	[HELD] =
		{
			[CONFIRM] = "confirmed 1 pending " DESK ";",
			[MONEY] = "confirmed 1 pending intent:succeeded;",
			[NO_MONEY] = "pending 1 - intent:failed;",
			[WRONG_MONEY] = "pending 1 - intent:disputed;",
			[HOLD_ENDS] = "cancelled 0 - intent:expired; registration-cancelled",
			[CANCEL] = "cancelled 0 - intent:cancelled; registration-cancelled",
			[DELETE] = "deleted 0 - intent:cancelled; registration-cancelled",
			[EVENT_CANCELLED] = "cancelled 0 - intent:cancelled; event-cancelled",
			[EVENT_ENDS] = "cancelled 0 - intent:expired; registration-cancelled",
			[REFUND] = "!not-paid",
			[REFUNDED_THERE] = UNCHANGED,
			[CHECK_IN] = "!not-paid",
			[UNDO] = ILLEGAL,
		},
	[DISPUTED] =
		{
			[CONFIRM] = "confirmed 1 pending intent:disputed,on_site:succeeded;",
			[MONEY] = UNCHANGED,
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = UNCHANGED,
			[HOLD_ENDS] = "cancelled 0 - intent:disputed; registration-cancelled",
			[CANCEL] = "cancelled 0 - intent:disputed; registration-cancelled",
			[DELETE] = "deleted 0 - intent:disputed; registration-cancelled",
			[EVENT_CANCELLED] = "cancelled 0 - intent:disputed; event-cancelled",
			[EVENT_ENDS] = "cancelled 0 - intent:disputed; registration-cancelled",
			[REFUND] = "cancelled 0 - intent:disputed:49.00; refund-done",
			[REFUNDED_THERE] = "cancelled 0 - intent:disputed:49.00; refund-done",
			[CHECK_IN] = "!not-paid",
			[UNDO] = ILLEGAL,
		},
	[FREE_CANCELLED] =
		{
			[CONFIRM] = ILLEGAL,
			[CANCEL] = ILLEGAL,
			[DELETE] = "deleted 0 cancelled -;",
			[EVENT_CANCELLED] = UNCHANGED,
			[EVENT_ENDS] = UNCHANGED,
			[CHECK_IN] = "!ticket-cancelled",
			[UNDO] = ILLEGAL,
		},
	[HOLD_ENDED] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = "confirmed 1 pending intent:succeeded;",
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = "cancelled 0 - intent:disputed;",
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = ILLEGAL,
			[DELETE] = "deleted 0 - intent:expired;",
			[EVENT_CANCELLED] = UNCHANGED,
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "!not-paid",
			[REFUNDED_THERE] = UNCHANGED,
			[CHECK_IN] = "!ticket-cancelled",
			[UNDO] = ILLEGAL,
		},
	[HOLD_CANCELLED] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = "cancelled 0 - " BACK "; refund-done",
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = "cancelled 0 - intent:disputed;",
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = ILLEGAL,
			[DELETE] = "deleted 0 - intent:cancelled;",
			[EVENT_CANCELLED] = UNCHANGED,
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "!not-paid",
			[REFUNDED_THERE] = UNCHANGED,
			[CHECK_IN] = "!ticket-cancelled",
			[UNDO] = ILLEGAL,
		},
	[PAID_CANCELLED] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = UNCHANGED,
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = UNCHANGED,
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = ILLEGAL,
			[DELETE] = "deleted 0 cancelled " BACK ";",
			[EVENT_CANCELLED] = UNCHANGED,
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "!refund-exceeds",
			[REFUNDED_THERE] = UNCHANGED,
			[CHECK_IN] = "!ticket-cancelled",
			[UNDO] = ILLEGAL,
		},
	[REGISTERED_INSIDE] =
		{
			[CONFIRM] = ILLEGAL,
			[CANCEL] = ILLEGAL,
			[DELETE] = ILLEGAL,
			[EVENT_CANCELLED] = "checked_in 1 - -; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[CHECK_IN] = "!already-validated",
			[UNDO] = "registered 1 - -;",
		},
	[PAID_INSIDE] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = UNCHANGED,
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = UNCHANGED,
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = ILLEGAL,
			[DELETE] = ILLEGAL,
			[EVENT_CANCELLED] =
				"checked_in 1 pending+ intent:succeeded; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "checked_in 1 pending+ " BACK "; refund-done",
			[REFUNDED_THERE] = "checked_in 1 pending+ " BACK "; refund-done",
			[CHECK_IN] = "!already-validated",
			[UNDO] = "confirmed 1 pending intent:succeeded;",
		},
	[ON_SITE_INSIDE] =
		{
			[CONFIRM] = ILLEGAL,
			[MONEY] = "checked_in 1 pending+ " BACK ",on_site:succeeded; refund-done",
			[NO_MONEY] = UNCHANGED,
			[WRONG_MONEY] = "checked_in 1 pending+ intent:disputed,on_site:succeeded;",
			[HOLD_ENDS] = UNCHANGED,
			[CANCEL] = ILLEGAL,
			[DELETE] = ILLEGAL,
			[EVENT_CANCELLED] = "checked_in 1 pending+ " DESK "; event-cancelled",
			[EVENT_ENDS] = UNCHANGED,
			[REFUND] = "checked_in 1 pending+ " DESK ":49.90; refund-done",
			[REFUNDED_THERE] = UNCHANGED,
			[CHECK_IN] = "!already-validated",
			[UNDO] = "confirmed 1 pending " DESK ";",
		},
};

static const char *const trigger_names[TRIGGERS] = {
	"confirm", "money",        "no money",  "wrong money", "end of the hold",   "cancel",
	"delete",  "event cancel", "event end", "refund",      "refund made there", "check-in",
	"undo"};

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* --- one pair --------------------------------------------------------------------------------- */

/* An event with one guest. */
struct pair {
	int64_t event_id;
	int64_t guest_id;
	const char *path;
	const char *intent;
	const char *before;
	int64_t mails_before;
	const char *slug;
};

static struct pair pairs[KINDS][TRIGGERS];

static struct reply *must(struct reply *reply)
{
	if (reply->status == 0 || reply->status >= 300)
		ck_abort_msg("%d: %s", reply->status, reply->body);
	return reply;
}

/* The pair as it is, with the mails since the trigger: the guest is alone in his event. */
static const char *seen(const struct pair *pair)
{
	return sql(
		"SELECT concat_ws(' ', CASE WHEN g.deleted_at IS NULL THEN g.status ELSE 'deleted' "
		"END, e.current_attendees, coalesce((SELECT t.status || CASE WHEN t.is_validated "
		"THEN '+' ELSE '' END FROM tickets t WHERE t.guest_id = g.id), '-'), "
		"coalesce((SELECT string_agg(p.method || ':' || p.status || CASE WHEN "
		"p.refunded_amount > 0 THEN ':' || p.refunded_amount ELSE '' END, ',' ORDER BY "
		"p.id) FROM payments p WHERE p.guest_id = g.id), '-')) || ';' || "
		"coalesce((SELECT ' ' || string_agg(n.kind, ' ' ORDER BY n.id) FROM notifications "
		"n WHERE n.guest_id = g.id AND n.id > %lld), '') FROM guests g JOIN events e ON "
		"e.id = "
		"g.event_id WHERE g.id = %lld",
		(long long)pair->mails_before, (long long)pair->guest_id);
}

static struct reply *of_guest(const struct pair *pair, const char *what)
{
	return api_post(token_organizer(), text("%s%s", pair->path, what), NULL);
}

static void told(const struct pair *pair, const char *type, const char *members)
{
	must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.%s\"%s}", pair->intent, type,
			  members));
}

static void end_hold(const struct pair *pair)
{
	sql("UPDATE payments SET expires_at = clock_timestamp() WHERE guest_id = %lld",
	    (long long)pair->guest_id);
}

static struct reply *register_in(const struct shop *shop, enum kind kind)
{
	if (kind != REGISTERED && kind != REGISTERED_INSIDE)
		return shop_register(shop, token_user(), "guest");
	return api_post(token_user(), text("/api/events/%lld/guests", (long long)shop->event_id),
			"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@x.example\"}");
}

static bool is_free(enum kind kind)
{
	return kind == REGISTERED || kind == FREE || kind == FREE_CANCELLED ||
	       kind == REGISTERED_INSIDE;
}

/* From the registration to the kind. */
static void lead_to(const struct pair *pair, enum kind kind)
{
	switch (kind) {
	case PAID:
	case PAID_CANCELLED:
	case PAID_INSIDE:
		told(pair, "succeeded", "");
		break;
	case ON_SITE:
	case ON_SITE_INSIDE:
		must(of_guest(pair, "/confirm"));
		break;
	case DISPUTED:
		told(pair, "succeeded", ",\"amount\":49.00");
		break;
	case HOLD_ENDED:
		end_hold(pair);
		break;
	default:
		break;
	}
	if (kind == FREE_CANCELLED || kind == HOLD_CANCELLED || kind == PAID_CANCELLED)
		must(of_guest(pair, "/cancel"));
	if (kind == REGISTERED_INSIDE || kind == PAID_INSIDE || kind == ON_SITE_INSIDE)
		must(of_guest(pair, "/check-in"));
}

static void set_up(struct pair *pair, enum kind kind)
{
	struct shop shop = shop_open(5, is_free(kind) ? "0" : "49.90", 5);
	struct reply *guest = must(register_in(&shop, kind));

	pair->event_id = shop.event_id;
	pair->guest_id = reply_int(guest, "data.id");
	pair->path = text("/api/events/%lld/guests/%lld", (long long)shop.event_id,
			  (long long)pair->guest_id);
	pair->intent = is_free(kind) ? NULL : reply_text(guest, "data.payment.intentId");
	lead_to(pair, kind);
}

/* --- triggers --------------------------------------------------------------------------------- */

static struct reply *of_event(const struct pair *pair, const char *move)
{
	return api_post(token_organizer(),
			text("/api/events/%lld/%s", (long long)pair->event_id, move), NULL);
}

/* Of the payment that was made, the newest. */
static struct reply *refund(const struct pair *pair)
{
	return api_post(token_organizer(),
			text("/api/payments/%s/refund",
			     sql("SELECT max(id) FROM payments WHERE guest_id = %lld",
				 (long long)pair->guest_id)),
			NULL);
}

/* The whole of what the intent brought. */
static void refunded_there(const struct pair *pair)
{
	told(pair, "refunded",
	     text(",\"refundId\":\"re_%lld\",\"amount\":%s", (long long)pair->guest_id,
		  sql("SELECT coalesce(received_amount, amount) FROM payments WHERE intent_id = "
		      "'%s'",
		      pair->intent)));
}

/* What the payment service or the clock says: nobody hears an answer. */
static void happen(const struct pair *pair, enum trigger trigger)
{
	switch (trigger) {
	case MONEY:
		told(pair, "succeeded", "");
		break;
	case NO_MONEY:
		told(pair, "failed", "");
		break;
	case WRONG_MONEY:
		told(pair, "succeeded", ",\"amount\":49.00");
		break;
	case REFUNDED_THERE:
		refunded_there(pair);
		break;
	default:
		end_hold(pair);
	}
}

/* NULL: it is nobody's request. */
static struct reply *ask(const struct pair *pair, enum trigger trigger)
{
	switch (trigger) {
	case CONFIRM:
		return of_guest(pair, "/confirm");
	case CANCEL:
		return of_guest(pair, "/cancel");
	case CHECK_IN:
		return of_guest(pair, "/check-in");
	case UNDO:
		return api_delete(token_organizer(), "%s/check-in", pair->path);
	case DELETE:
		return api_delete(token_organizer(), "%s", pair->path);
	case REFUND:
		return refund(pair);
	case EVENT_CANCELLED:
		return of_event(pair, "cancel");
	case EVENT_ENDS:
		must(of_event(pair, "start"));
		return of_event(pair, "end");
	default:
		return NULL;
	}
}

static void pull(struct pair *pair, enum trigger trigger)
{
	struct reply *reply;

	pair->mails_before = sql_int("SELECT coalesce(max(id), 0) FROM notifications WHERE "
				     "guest_id = %lld",
				     (long long)pair->guest_id);
	pair->before = seen(pair);
	reply = ask(pair, trigger);
	if (!reply)
		happen(pair, trigger);
	pair->slug = reply ? reply_slug(reply) : "";
	ck_assert(!reply || *pair->slug || reply->status < 300);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void set_up_share(void *ctx, size_t hand)
{
	(void)ctx;
	for (size_t i = hand; i < (size_t)KINDS * TRIGGERS; i += HANDS)
		if (cells[i / TRIGGERS][i % TRIGGERS])
			set_up(&pairs[i / TRIGGERS][i % TRIGGERS], (enum kind)(i / TRIGGERS));
}

static void pull_share(void *ctx, size_t hand)
{
	(void)ctx;
	for (size_t i = hand; i < (size_t)KINDS * TRIGGERS; i += HANDS)
		if (cells[i / TRIGGERS][i % TRIGGERS])
			pull(&pairs[i / TRIGGERS][i % TRIGGERS], (enum trigger)(i % TRIGGERS));
}

/* Nothing is under way: no cascade, no hold whose time is over, no refund, no intent to void. */
static bool settled(void)
{
	return sql_becomes(
		SETTLED_MS, "t",
		"SELECT NOT EXISTS (SELECT FROM events WHERE cancel_after IS NOT NULL) AND NOT "
		"EXISTS (SELECT FROM refunds WHERE status <> 'done') AND NOT EXISTS (SELECT FROM "
		"payments WHERE expires_at <= clock_timestamp() AND status IN ('requires_payment', "
		"'failed', 'disputed') AND next_at IS DISTINCT FROM 'infinity') AND NOT EXISTS "
		"(SELECT FROM payments WHERE void_at IS NOT NULL)");
}

static int differs(const struct pair *pair, enum kind kind, enum trigger trigger)
{
	const char *want = cells[kind][trigger];
	const char *slug = *want == '!' ? want + 1 : "";
	const char *after = seen(pair);
	const char *expected = *want == '!' || *want == '=' ? pair->before : want;

	if (!strcmp(after, expected) && !strcmp(pair->slug, slug))
		return 0;
	fprintf(stderr, "%s meets %s: %s %s, not %s %s\n", pair->before, trigger_names[trigger],
		after, pair->slug, expected, slug);
	return 1;
}

START_TEST(every_state_meets_every_trigger)
{
	int different = 0;

	crowd(HANDS, set_up_share, NULL);
	ck_assert(settled());
	crowd(HANDS, pull_share, NULL);
	ck_assert(settled());
	for (int kind = 0; kind < KINDS; kind++)
		for (int trigger = 0; trigger < TRIGGERS; trigger++)
			if (cells[kind][trigger])
				different += differs(&pairs[kind][trigger], (enum kind)kind,
						     (enum trigger)trigger);
	ck_assert_int_eq(different, 0);
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transitions");
	TCase *cases = tcase_create("transitions");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 180);
	tcase_add_test(cases, every_state_meets_every_trigger);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
