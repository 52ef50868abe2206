/*
 * Statistics against a naive recount: random histories through the API on a clock that the test
 * holds, folded at any time, twice at once, or never.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/recount.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { HISTORIES = 100, STEPS = 24, TRIES = 20, SETTLED_MS = 120000 };

#define MS INT64_C(1)
#define MINUTE (60 * 1000 * MS)
#define HOUR (60 * MINUTE)
#define QUARTER (15 * MINUTE)
#define DAY (24 * HOUR)
/* 2026-03-05T00:00:00Z: the clocks change in March in most of the zones below. */
#define HISTORY_BEGINS INT64_C(1772668800000)

static unsigned seed;

/* What one history is about. */
static struct {
	int64_t event_id;
	int64_t free_type, priced_type;
	int64_t now_ms;
	int64_t times[STEPS]; /* when something happened */
	int number;
} at;

static int pick(int count)
{
	return rand_r(&seed) % count;
}

/* --- the clock --- */

/* clock_timestamp() of every session of this database says what the test set, and now() what it was
 * when the transaction first asked: as ever, one transaction has one now(), also that of a sweeper
 * which the test moves the clock under. */
static void hold_clock(void)
{
	sql("CREATE SCHEMA held; CREATE TABLE held.clock (at timestamptz); "
	    "INSERT INTO held.clock VALUES (now()); "
	    "CREATE FUNCTION held.now() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$ BEGIN "
	    "IF coalesce(current_setting('held.now', true), '') = '' THEN "
	    "PERFORM set_config('held.now', at::text, true) FROM held.clock; END IF; "
	    "RETURN current_setting('held.now'); END $$; "
	    "CREATE FUNCTION held.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE "
	    "AS 'SELECT at FROM held.clock'; "
	    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET search_path = held, pg_catalog, "
	    "public', current_database()); END $$");
}

static const char *moment(int64_t ms)
{
	return text("to_timestamp(%lld / 1000.0)", (long long)ms);
}

static void set_clock(int64_t ms)
{
	at.now_ms = ms;
	recount_ask(text("UPDATE held.clock SET at = %s", moment(ms)));
}

/* Often just before, at or just after a quarter. */
static int64_t later(int64_t ms)
{
	static const int64_t steps[] = {0, MS, 7 * MINUTE, QUARTER, HOUR, 5 * HOUR, 2 * DAY};
	int64_t moved = ms + steps[pick(ARRAY_LEN(steps))];
	int64_t edge = (moved / QUARTER + 1) * QUARTER;

	switch (pick(5)) {
	case 0:
		return edge;
	case 1:
		return edge - MS;
	case 2:
		return edge + MS;
	default:
		return moved + pick(QUARTER);
	}
}

/* --- what may happen --- */

static const char *path_of(const char *guest, const char *what)
{
	return text("/api/events/%lld/guests/%s%s", (long long)at.event_id, guest, what);
}

/* One of the event's guests in this state, NULL when there is none. */
static const char *some_guest(const char *condition)
{
	return recount_ask(
		text("SELECT id FROM guests WHERE event_id = %lld AND deleted_at IS NULL AND %s "
		     "ORDER BY hashint8(id + %d) LIMIT 1",
		     (long long)at.event_id, condition, pick(1000)));
}

/* What was asked for is done, unless the sweeper was faster: then a refusal is right, and what made
 * the thing fit (a condition of its row) holds no more. */
static void expect_done(const struct reply *reply, const char *what, const char *fits)
{
	if (reply->status == 200)
		return;
	if (reply->status != 409 || recount_ask(text("SELECT 1 FROM %s", fits)))
		ck_abort_msg("%s: %d %s", what, reply->status, reply->body);
}

static void post_of_guest(const char *condition, const char *what)
{
	const char *guest = some_guest(condition);

	if (guest)
		expect_done(api_post(token_organizer(), path_of(guest, what), NULL), what,
			    text("guests WHERE id = %s AND %s", guest, condition));
}

static void enrol(void)
{
	const char *type = "null";
	struct reply *reply;

	switch (pick(3)) {
	case 0:
		type = text("%lld", (long long)at.free_type);
		break;
	case 1:
		type = text("%lld", (long long)at.priced_type);
		break;
	}
	reply = api_post(token_organizer(), text("/api/events/%lld/guests", (long long)at.event_id),
			 "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"g%d@example.com\","
			 "\"ticketTypeId\":%s}",
			 at.number++, type);
	if (reply->status != 201)
		ck_abort_msg("register: %d %s", reply->status, reply->body);
}

/* A live hold that is not due: money for a cancelled guest would make the guest's history
 * unreadable from its row. */
static void pay(void)
{
	const char *intent = recount_ask(
		text("SELECT p.intent_id FROM payments p JOIN guests g ON g.id = p.guest_id "
		     "WHERE p.event_id = %lld AND p.status = 'requires_payment' AND g.status = "
		     "'pending' "
		     "AND p.expires_at > held.now() ORDER BY p.id LIMIT 1",
		     (long long)at.event_id));

	if (intent)
		platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}", intent);
}

static void confirm(void)
{
	post_of_guest("status IN ('pending', 'registered')", "/confirm");
}

static void check_in(void)
{
	post_of_guest("status IN ('confirmed', 'registered')", "/check-in");
}

static void scan(void)
{
	const char *code = recount_ask(text(
		"SELECT ticket_code FROM tickets WHERE event_id = %lld AND NOT is_validated AND "
		"status <> 'cancelled' LIMIT 1",
		(long long)at.event_id));

	if (code)
		expect_done(api_post(token_organizer(), "/api/tickets/validate",
				     "{\"ticketCode\":\"%s\"}", code),
			    "scan",
			    text("tickets WHERE ticket_code = '%s' AND NOT is_validated AND "
				 "status <> 'cancelled'",
				 code));
}

static void undo(void)
{
	const char *guest = some_guest("status = 'checked_in'");

	if (guest)
		ck_assert_int_eq(
			api_delete(token_organizer(), "%s", path_of(guest, "/check-in"))->status,
			204);
}

/* Where money must go back first, this may be refused. */
static void cancel(void)
{
	const char *guest = some_guest("status IN ('registered', 'confirmed', 'pending')");

	if (guest)
		api_post(token_organizer(), path_of(guest, "/cancel"), NULL);
}

static void drop(void)
{
	const char *guest = some_guest("status <> 'checked_in'");

	if (guest)
		api_delete(token_organizer(), "%s", path_of(guest, ""));
}

static void refund(void)
{
	const char *payment = recount_ask(
		text("SELECT id FROM payments WHERE event_id = %lld AND status = 'succeeded' "
		     "ORDER BY hashint8(id + %d) LIMIT 1",
		     (long long)at.event_id, pick(1000)));

	if (payment)
		api_post(token_organizer(), text("/api/payments/%s/refund", payment),
			 pick(2) ? "{\"amount\":1.17}" : "{}");
}

static struct reply *aggregate(void)
{
	return api_send(
		"POST", NULL, "/api/internal/statistics/aggregate", NULL,
		(const char *const[]){text("X-Service-Token: %s", suite_service_token), NULL});
}

static void aggregate_member(void *ctx UNUSED, size_t i UNUSED)
{
	struct reply *reply = aggregate();

	if (reply->status != 200)
		ck_abort_msg("aggregate: %d %s", reply->status, reply->body);
}

static void fold(void)
{
	if (pick(2))
		crowd(2, aggregate_member, NULL);
	else
		recount_ask(text("SELECT folded FROM fold_statistics(%d)", 1 + pick(6)));
}

static void (*const happenings[])(void) = {enrol,    enrol, enrol, enrol, pay,  pay,    confirm,
					   check_in, scan,  scan,  undo,  drop, cancel, refund};

/* --- what the answer says --- */

static const char *said(const struct reply *reply)
{
	return text("%lld %lld %lld %lld %lld %lld %lld",
		    (long long)reply_int(reply, "data.totalGuests"),
		    (long long)reply_int(reply, "data.confirmedGuests"),
		    (long long)reply_int(reply, "data.checkedInGuests"),
		    llround(reply_number(reply, "data.revenueStats.gross") * 100),
		    (long long)reply_int(reply, "data.revenueStats.payments"),
		    llround(reply_number(reply, "data.revenueStats.refunded") * 100),
		    llround(reply_number(reply, "data.checkInRate") * 10000));
}

static const char *said_of_types(const struct reply *reply)
{
	const char *list = "";

	for (int i = 0; i < reply_count(reply, "data.ticketStats"); i++) {
		const char *type = text("data.ticketStats.%d", i);

		list = text("%s%s%lld %s %lld %lld %lld", list, i ? "," : "",
			    (long long)reply_int(reply, text("%s.ticketTypeId", type)),
			    reply_text(reply, text("%s.name", type)),
			    (long long)reply_int(reply, text("%s.sold", type)),
			    (long long)reply_int(reply, text("%s.validated", type)),
			    (long long)reply_int(reply, text("%s.quantity", type)));
	}
	return list;
}

/* --- what must be equal --- */

static const struct period {
	const char *name;
	int64_t ms; /* 0: all */
} periods[] = {
	{"1h", HOUR}, {"24h", DAY}, {"7d", 7 * DAY}, {"30d", 30 * DAY}, {"all", 0},
};

/* A moment from which the period cuts the history at one of its times, or beside it. */
static int64_t cutting(const struct period *period)
{
	int64_t last = at.times[STEPS - 1];
	int64_t now = at.times[pick(STEPS)] + period->ms + pick(3) - 1;

	return period->ms && now >= last ? now : last + pick(2 * HOUR);
}

static void expect_period(const struct period *period)
{
	const char *from = "'-infinity'", *before, *counted, *types;
	struct reply *reply;
	int tries = 0;

	set_clock(cutting(period));
	if (period->ms)
		from = moment(at.now_ms - period->ms);
	do {
		before = recount_state(at.event_id);
		reply = api_get(token_organizer(), "/api/events/%lld/statistics?period=%s",
				(long long)at.event_id, period->name);
		ck_assert_int_eq(reply->status, 200);
		counted = recount_period(at.event_id, from);
		types = recount_types(at.event_id, from);
	} while (strcmp(before, recount_state(at.event_id)) != 0 && ++tries < TRIES);
	if (strcmp(said(reply), counted) != 0 || strcmp(said_of_types(reply), types) != 0)
		ck_abort_msg("event %lld at %lld, %s: rows say %s; %s; answer %s",
			     (long long)at.event_id, (long long)at.now_ms, period->name, counted,
			     types, reply->body);
}

static void expect_series(const char *bucket)
{
	const char *before, *wrong;
	struct reply *reply;
	int tries = 0;

	do {
		before = recount_state(at.event_id);
		reply = api_get(token_organizer(),
				"/api/events/%lld/statistics/timeseries?bucket=%s&"
				"from=%s&to=%s",
				(long long)at.event_id, bucket,
				!strcmp(bucket, "day") ? "2026-03-01" : "2026-03-05T01:10:00Z",
				!strcmp(bucket, "day") ? "2026-06-01" : "2026-04-10T11:50:00Z");
		if (reply->status != 200)
			ck_abort_msg("%d %s", reply->status, reply->body);
		wrong = recount_series(at.event_id, reply->body);
	} while (strcmp(before, recount_state(at.event_id)) != 0 && ++tries < TRIES);
	if (wrong)
		ck_abort_msg("event %lld: wrong %ss: %s", (long long)at.event_id, bucket, wrong);
}

static void expect_equal(void)
{
	for (size_t i = 0; i < ARRAY_LEN(periods); i++)
		expect_period(&periods[i]);
	expect_series("hour");
	expect_series("day");
}

static void open_event(void)
{
	static const char *const zones[] = {
		"Europe/Paris",        "Asia/Kathmandu", "UTC",
		"Australia/Lord_Howe", "America/Havana", "America/New_York"};
	struct reply *reply = api_post(
		token_organizer(), "/api/events",
		"{\"title\":\"A talk\",\"eventDate\":\"2099-01-01T00:00:00Z\",\"location\":"
		"\"Somewhere\",\"timeZone\":\"%s\",\"maxAttendees\":100,\"ticketTypes\":"
		"[{\"name\":\"Free\",\"price\":0,\"quantity\":50},"
		"{\"name\":\"Priced\",\"price\":12.34,\"quantity\":60}]}",
		zones[pick(ARRAY_LEN(zones))]);

	if (reply->status != 201)
		ck_abort_msg("event: %d %s", reply->status, reply->body);
	at.event_id = reply_int(reply, "data.id");
	at.free_type = reply_int(reply, "data.ticketTypes.0.id");
	at.priced_type = reply_int(reply, "data.ticketTypes.1.id");
	ck_assert_int_eq(api_post(token_organizer(),
				  text("/api/events/%lld/publish", (long long)at.event_id), NULL)
				 ->status,
			 200);
}

static void one_history(int number)
{
	bool folds = number % 4 != 0; /* every fourth is never folded */

	seed = (unsigned)number + 1;
	set_clock(HISTORY_BEGINS + number % 30 * DAY);
	open_event();
	for (int i = 0; i < STEPS; i++) {
		at.times[i] = later(at.now_ms);
		set_clock(at.times[i]);
		happenings[pick(ARRAY_LEN(happenings))]();
		if (folds && pick(6) == 0)
			fold();
	}
	expect_equal();
	if (!folds)
		return;
	aggregate_member(NULL, 0);
	expect_equal();
}

#define UNSETTLED                                                                                  \
	"FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.next_at IS NOT NULL "    \
	"WHERE p.void_at IS NOT NULL OR r.id IS NOT NULL OR (p.status IN ('requires_payment', "    \
	"'failed', 'disputed') AND p.next_at IS DISTINCT FROM 'infinity')"

/* Each history has a clock of its own, and what it left to do is due by that, or, where it was put
 * off while the clock stood in a later history, by the later one's: the clock goes on until all of
 * it is done. */
static void settle(void)
{
	int64_t until = clock_monotonic_us() + SETTLED_MS * US_PER_MS;
	int64_t due;

	while ((due = sql_int("SELECT CASE count(*) WHEN 0 THEN 0 ELSE (1000 * extract(epoch FROM "
			      "max(greatest(p.void_at, p.expires_at, nullif(p.next_at, "
			      "'infinity'), r.next_at))))::bigint + 1 END " UNSETTLED)) > 0) {
		if (clock_monotonic_us() > until)
			ck_abort_msg("not settled: %s",
				     recount_ask("SELECT string_agg(p::text || ' ' || "
						 "coalesce(r::text, ''), '; ') " UNSETTLED));
		set_clock(due);
		clock_sleep_ms(100);
	}
}

START_TEST(random_histories)
{
	for (int i = 0; i < HISTORIES; i++)
		one_history(i);
	/* they had what the figures are about */
	ck_assert_int_gt(sql_int("SELECT count(*) FROM refunds WHERE status = 'done'"),
			 HISTORIES / 4);
	ck_assert_int_gt(sql_int("SELECT count(*) FROM payments WHERE status = 'succeeded'"),
			 HISTORIES);
	ck_assert_int_gt(sql_int("SELECT count(*) FROM guests WHERE status = 'checked_in'"),
			 HISTORIES);
	settle();
	ck_assert(audit_clean());
	aggregate_member(NULL, 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM statistics_deltas"), 0);
	ck_assert(audit_clean());
}
END_TEST

static void begin(void)
{
	/* nothing is cached, so each answer is of the moment that the test set */
	suite_set("REDIS_URL", text("redis://127.0.0.1:%d", servers_free_port()));
	suite_set("PAYMENT_WINDOW_S", "604800");
	suite_begin(SUITE_PLATFORM);
	hold_clock();
	suite_start(SUITE_API);
	recount_open();
}

static void end(void)
{
	recount_close();
	suite_end();
}

int main(void)
{
	Suite *suite = suite_create("statistics histories");
	TCase *cases = tcase_create("statistics histories");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 240);
	tcase_add_test(cases, random_histories);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
