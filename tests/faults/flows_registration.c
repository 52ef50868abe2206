/* Registrations: one, several that are committed together, behind a lock, one with a price. */
#include <stdatomic.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/faults/crash.h"
#include "tests/support/aftermath.h"
#include "tests/support/crowd.h"

enum { TOGETHER = 8, GATHERED_MS = 400 };

static const char live_guests[] =
	"SELECT count(*) FROM guests WHERE status <> 'cancelled' AND deleted_at IS NULL";
/* He pays before a worker runs, so that the mail of what is due comes too late. */
static const char mails_noted[] =
	"SELECT string_agg(kind || ' ' || status, ', ' ORDER BY kind) FROM notifications";
static const char seats_taken[] = "SELECT sum(current_attendees) FROM events";
static const char waits_for_lock[] =
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND "
	"wait_event_type = 'Lock'";

/* --- one without a price ---------------------------------------------------------------------- */

static void open_free(struct crash_run *run)
{
	run->shop = shop_open(100, "0", 100);
}

static void register_one(struct crash_run *run)
{
	register_keyed(run, "one");
}

static void one_is_there(struct crash_run *run)
{
	struct reply *reply = register_again(run, "one");

	ck_assert_int_eq(reply_int(reply, "data.id"), sql_int("SELECT id FROM guests"));
	ck_assert_str_eq(reply_text(reply, "data.ticket.ticketCode"),
			 sql("SELECT ticket_code FROM tickets"));
	all_served(1);
}

const struct crash_flow flow_register = {
	.name = "a registration",
	.part = SUITE_API,
	.prepare = open_free,
	.act = register_one,
	.again = one_is_there,
};

/* --- together --------------------------------------------------------------------------------- */

static struct pg_conn *other;

static void other_says(const char *statement)
{
	struct problem err = {0};

	if (!other && pg_connect(suite_database(), &other, &err))
		ck_abort_msg("%s", err.detail);
	if (pg_exec(other, statement, PG_NO_ARGS, NULL, &err))
		ck_abort_msg("%s: %s", statement, err.detail);
}

/* The first waits in its transaction while the others gather behind it; the last lets it go. */
static void gather(void *ctx, size_t i)
{
	const struct crash_run *run = ctx;

	if (i > 0)
		ck_assert(sql_becomes(CRASH_SETTLED_MS, "t", waits_for_lock));
	if (i < TOGETHER) {
		register_keyed(run, text("together%zu", i));
		return;
	}
	clock_sleep_ms(GATHERED_MS); /* nothing tells how many wait in the process */
	other_says("ROLLBACK");
}

static void register_together(struct crash_run *run)
{
	other_says("BEGIN");
	other_says("LOCK TABLE outbox IN EXCLUSIVE MODE");
	crowd(TOGETHER + 1, gather, run);
	pg_return(&other);
	other = NULL;
}

static void all_are_there(struct crash_run *run)
{
	for (size_t i = 0; i < TOGETHER; i++)
		register_again(run, text("together%zu", i));
	all_served(TOGETHER);
}

const struct crash_flow flow_register_together = {
	.name = "registrations that come together",
	.part = SUITE_API,
	.prepare = open_free,
	.act = register_together,
	.again = all_are_there,
};

/* One of those who gather breaks the statement for all of them. */
static void open_odd(struct crash_run *run)
{
	open_free(run);
	sql("CREATE FUNCTION odd() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN IF NEW.email LIKE "
	    "'together5@%%' THEN RAISE EXCEPTION 'odd' USING ERRCODE = '22000'; END IF; RETURN "
	    "NEW; END $$");
	sql("CREATE TRIGGER odd BEFORE INSERT ON guests FOR EACH ROW EXECUTE FUNCTION odd()");
}

static void odd_is_over(struct crash_run *run)
{
	sql("DROP TRIGGER odd ON guests");
	all_are_there(run);
}

const struct crash_flow flow_register_odd = {
	.name = "registrations of which one breaks",
	.part = SUITE_API,
	.prepare = open_odd,
	.act = register_together,
	.again = odd_is_over,
};

/* --- behind the event's lock ------------------------------------------------------------------ */

static void register_behind(struct crash_run *run)
{
	other_says("BEGIN");
	other_says("SELECT FROM events FOR NO KEY UPDATE");
	register_one(run);
	pg_return(&other);
	other = NULL;
}

const struct crash_flow flow_register_behind = {
	.name = "a registration for a held event",
	.part = SUITE_API,
	.prepare = open_free,
	.act = register_behind,
	.again = one_is_there,
};

/* --- with a price ----------------------------------------------------------------------------- */

static void open_paid(struct crash_run *run)
{
	run->shop = shop_open(5, "49.90", 5);
}

/* Paid, once, by whom the key names. */
static void one_pays(struct crash_run *run)
{
	struct reply *reply = register_again(run, "one");

	ck_assert_int_eq(sql_int(seats_taken), 1);
	pay(reply_text(reply, "data.payment.intentId"));
	ck_assert_int_eq(sql_int("SELECT id FROM guests WHERE status = 'confirmed'"),
			 reply_int(reply, "data.id"));
	ck_assert_int_eq(sql_int(live_guests), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE status = 'succeeded'"), 1);
	ck_assert_int_eq(intents("succeeded"), 1);
	all_jobs_done();
	becomes("0", "SELECT count(*) FROM payments WHERE void_at IS NOT NULL");
	ck_assert_int_eq(intents("requires_payment"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM documents"), 1);
	ck_assert_str_eq(sql(mails_noted), "payment-due dropped, ticket-issued sent");
	ck_assert_int_eq(mails_made(), 1);
}

static void one_pays_its_only_intent(struct crash_run *run)
{
	one_pays(run);
	ck_assert_int_eq(intents(NULL), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), 1);
}

const struct crash_flow flow_pay = {
	.name = "a registration with a price",
	.part = SUITE_API,
	.prepare = open_paid,
	.act = register_one,
	.again = one_pays_its_only_intent,
};

static void register_in_vain(struct crash_run *run)
{
	payments_fail(true);
	register_one(run);
	payments_fail(false);
}

const struct crash_flow flow_call_failed = {
	.name = "a registration while the payment service is down",
	.part = SUITE_API,
	.prepare = open_paid,
	.act = register_in_vain,
	.again = one_pays,
};

/* --- and nobody comes again ------------------------------------------------------------------- */

static void intent_is_made(struct crash_run *run)
{
	open_paid(run);
	crash_arm(SUITE_API, "hold.intent-made", 1);
	register_one(run);
	crash_happens(SUITE_API, "hold.intent-made");
}

static void abandon(struct crash_run *run)
{
	intent_is_made(run);
	sql("UPDATE payments SET deadline_at = now() - interval '61 s'");
}

static void seat_and_intent_are_given_back(struct crash_run *run)
{
	becomes("0", seats_taken);
	crash_hurry();
	becomes("0", "SELECT count(*) FROM payments WHERE void_at IS NOT NULL");
	ck_assert_str_eq(sql("SELECT status FROM payments"), "void");
	ck_assert_int_eq(intents(NULL), 1);
	ck_assert_int_eq(intents("cancelled"), 1);
	ck_assert_int_eq(sql_int(live_guests), 0);
	(void)run;
}

const struct crash_flow flow_abandoned = {
	.name = "a registration that nobody asks for again",
	.part = SUITE_API,
	.prepare = abandon,
	.again = seat_and_intent_are_given_back,
};

/* The payer was quicker than our own record of the intent. */
static void money_comes_early(struct crash_run *run)
{
	struct reply *reply;

	intent_is_made(run);
	crash_hurry();
	suite_start(SUITE_API);
	reply = must(say(&(struct saying){.method = "GET",
					  .url = text("%s/_control/intents", suite_platform())}),
		     200);
	pay(reply_text(reply, "data.0.id"));
	ck_assert_str_eq(sql("SELECT state FROM payment_messages"), "waiting");
}

static void one_has_paid(struct crash_run *run)
{
	register_again(run, "one");
	becomes("confirmed", "SELECT status FROM guests");
	ck_assert_int_eq(intents(NULL), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE status = 'succeeded'"), 1);
	ck_assert_int_eq(sql_int(seats_taken), 1);
	all_jobs_done();
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets WHERE status = 'ready'"), 1);
}

const struct crash_flow flow_early_money = {
	.name = "money that comes before the intent is recorded",
	.part = SUITE_API,
	.prepare = money_comes_early,
	.act = register_one,
	.again = one_has_paid,
};
