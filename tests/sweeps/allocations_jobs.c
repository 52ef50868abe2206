/*
 * Every job and duty, caused through the API, with an allocation failing in the thread that does
 * it.
 *
 * A job that met the failure is done again, by the same program, by the one that was started after
 * it, or by another: it is waited for, and the whole is judged at the end.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "tests/sweeps/allocations.h"

/* A refund whose process ended is claimed again after 30 s. */
enum { GUESTS = 2, POLL_MS = 5, DONE_MS = 60000, ALL_DONE_MS = 120000 };

static struct {
	struct shop free, paid;
	int number, key;
	struct shop shop;    /* of this step */
	int64_t guest_id;    /* too */
	struct sweep *sweep; /* under way */
	bool bad;            /* something that was not asked about went wrong */
} stage;

/* The program that does the job may end while it is asked: asked again then, by the same key. */
static struct reply *insist(const char *method, const char *token, const char *path,
			    const char *body, int status)
{
	int64_t until_us = clock_monotonic_us() + DONE_MS * US_PER_MS;
	const char *headers[] = {text("Idempotency-Key: job-%d", ++stage.key), NULL};
	bool ended;
	struct reply *reply = api_send(method, token, path, body, headers);

	while ((reply->status == 0 || reply->status == 503 || reply->status == 409) &&
	       clock_monotonic_us() < until_us) {
		if (!sweep_survives(stage.sweep, &ended))
			stage.bad = true;
		clock_sleep_ms(POLL_MS);
		reply = api_send(method, token, path, body, headers);
	}
	if (reply->status != status)
		fatal("allocations: %s %s: %d instead of %d: %s", method, path, reply->status,
		      status, reply->body);
	return reply;
}

/* --- what causes a job, and how its end is seen --------------------------------------------------
 */

/* Causes it; a query that says 0 as long as it is not done, else 1. */
typedef const char *cause(void);

static int64_t new_guest(const struct shop *shop, bool with_type)
{
	const char *type = with_type ? text("%lld", (long long)shop->type_id) : "null";
	int number = ++stage.number;

	return reply_int(insist("POST", token_of(1000 + number, "user"),
				text("/api/events/%lld/guests", (long long)shop->event_id),
				text("{\"firstName\":\"G\",\"lastName\":\"H\",\"email\":"
				     "\"g%d@example.com\",\"ticketTypeId\":%s}",
				     number, type),
				201),
			 "data.id");
}

/* What is there before is made with memory enough. */

/* An event of its own with guests. */
static void prepare_shop(void)
{
	stage.shop = shop_open(50, "0", 50);
	for (int i = 0; i < GUESTS; i++)
		new_guest(&stage.shop, true);
}

static void prepare_hold(void)
{
	stage.guest_id = new_guest(&stage.paid, true);
}

static void prepare_paid(void)
{
	prepare_hold();
	platform_pay("{\"type\":\"payment.succeeded\",\"intentId\":\"%s\"}",
		     sql("SELECT intent_id FROM payments WHERE guest_id = %lld",
			 (long long)stage.guest_id));
	if (!sql_becomes(DONE_MS, "succeeded",
			 text("SELECT status FROM payments WHERE guest_id = %lld",
			      (long long)stage.guest_id)))
		fatal("allocations: nothing was paid");
}

static const char *cause_ticket(void)
{
	return text("SELECT count(*) FROM tickets WHERE status = 'ready' AND guest_id = %lld",
		    (long long)new_guest(&stage.free, true));
}

static const char *cause_mail(void)
{
	return text("SELECT count(*) FROM notifications WHERE status = 'sent' AND guest_id = %lld",
		    (long long)new_guest(&stage.free, false));
}

static const char *cause_import(void)
{
	int number = ++stage.number;
	struct reply *reply =
		insist("POST", token_organizer(),
		       text("/api/events/%lld/guests/import", (long long)stage.free.event_id),
		       text("{\"rows\":[{\"firstName\":\"I\",\"lastName\":\"J\",\"email\":"
			    "\"i%d@example.com\",\"ticketTypeId\":%lld},{\"firstName\":\"\"}]}",
			    number, (long long)stage.free.type_id),
		       202);

	return text("SELECT count(*) FROM imports i WHERE i.status = 'done' AND i.created = 1 AND "
		    "i.rejected = 1 AND (SELECT count(*) FROM guests WHERE email = "
		    "'i%d@example.com') = 1 AND i.id = %lld",
		    number, (long long)reply_int(reply, "data.id"));
}

static const char *cause_cancelled_event(void)
{
	struct shop shop = stage.shop;

	insist("POST", token_organizer(), text("/api/events/%lld/cancel", (long long)shop.event_id),
	       NULL, 200);
	return text("SELECT (count(*) = %d)::int FROM guests WHERE status = 'cancelled' AND "
		    "event_id = %lld",
		    GUESTS, (long long)shop.event_id);
}

static const char *cause_notices(void)
{
	struct shop shop = stage.shop;

	insist("PATCH", token_organizer(), text("/api/events/%lld", (long long)shop.event_id),
	       "{\"location\":\"Another hall\"}", 200);
	return text("SELECT (count(*) = %d)::int FROM notifications n JOIN guests g ON g.id = "
		    "n.guest_id WHERE n.kind = 'event-changed' AND g.event_id = %lld",
		    GUESTS, (long long)shop.event_id);
}

static const char *cause_renewals(void)
{
	struct shop shop = stage.shop;

	insist("PATCH", token_organizer(),
	       text("/api/events/%lld/ticket-types/%lld", (long long)shop.event_id,
		    (long long)shop.type_id),
	       "{\"name\":\"Renamed\"}", 200);
	return text("SELECT (count(*) = %d)::int FROM tickets t JOIN ticket_types y ON y.id = "
		    "t.ticket_type_id WHERE t.page_seq = y.page_seq AND t.status = 'ready' AND "
		    "y.id = %lld",
		    GUESTS, (long long)shop.type_id);
}

static const char *cause_hold_end(void)
{
	sql("UPDATE payments SET expires_at = clock_timestamp() WHERE guest_id = %lld",
	    (long long)stage.guest_id);
	return text("SELECT count(*) FROM guests WHERE status = 'cancelled' AND id = %lld",
		    (long long)stage.guest_id);
}

/* A guest who leaves before having paid: the intent is voided. */
static const char *cause_void(void)
{
	insist("POST", token_organizer(),
	       text("/api/events/%lld/guests/%lld/cancel", (long long)stage.paid.event_id,
		    (long long)stage.guest_id),
	       NULL, 200);
	return text("SELECT count(*) FROM payments WHERE void_at IS NULL AND guest_id = %lld",
		    (long long)stage.guest_id);
}

static const char *cause_refund(void)
{
	insist("POST", token_organizer(),
	       text("/api/payments/%lld/refund",
		    (long long)sql_int("SELECT id FROM payments WHERE guest_id = %lld",
				       (long long)stage.guest_id)),
	       NULL, 202);
	return text("SELECT count(*) FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE "
		    "r.status = 'done' AND p.guest_id = %lld",
		    (long long)stage.guest_id);
}

/* A duty that finds nothing to do looks all the same. */
static const char *cause_nothing(void)
{
	return "SELECT 1";
}

static const struct job {
	const char *name, *thread;
	enum suite_part part;
	cause *cause;
	void (*prepare)(void); /* NULL: nothing */
	int64_t idle_ms;       /* wait so long for a slice of a duty that finds nothing */
} jobs[] = {
	{"job generate-ticket-pdf", "jobs", SUITE_TICKETS, cause_ticket, NULL, 0},
	{"job send-email", "jobs", SUITE_EMAIL, cause_mail, NULL, 0},
	{"job tickets' housekeeping", "housekeeper", SUITE_TICKETS, cause_nothing, NULL, 1500},
	{"job mails' housekeeping", "housekeeper", SUITE_EMAIL, cause_nothing, NULL, 1500},
	{"job dispatcher", "dispatcher", SUITE_API, cause_mail, NULL, 0},
	{"job imports", "imports", SUITE_API, cause_import, NULL, 0},
	{"job cancel-cascade", "cancel-cascade", SUITE_API, cause_cancelled_event, prepare_shop, 0},
	{"job change-notices", "change-notices", SUITE_API, cause_notices, prepare_shop, 0},
	{"job page-renewals", "page-renewals", SUITE_API, cause_renewals, prepare_shop, 0},
	{"job holds", "holds", SUITE_API, cause_hold_end, prepare_hold, 0},
	{"job voids", "voids", SUITE_API, cause_void, prepare_hold, 0},
	{"job refunds", "refunds", SUITE_API, cause_refund, prepare_paid, 0},
	{"job event-clock", "event-clock", SUITE_API, cause_nothing, NULL, 1500},
	{"job guest-search", "guest-search", SUITE_API, cause_nothing, NULL, 1500},
	{"job crashed-registrations", "crashed-registr", SUITE_API, cause_nothing, NULL, 2500},
	{"job payment-messages", "payment-message", SUITE_API, cause_nothing, NULL, 1500},
};

/* --- a step --------------------------------------------------------------------------------------
 */

static bool is_done(const char *query)
{
	return sql_int("%s", query) == 1;
}

/* Until the allocation failed or the job is done without it. */
static void await_failure(const struct job *job, const char *query)
{
	int64_t now_us = clock_monotonic_us();
	int64_t until_us = now_us + (job->idle_ms ? job->idle_ms : DONE_MS) * US_PER_MS;

	while (!failing_happened(job->part) && (job->idle_ms || !is_done(query)) &&
	       clock_monotonic_us() < until_us)
		clock_sleep_ms(POLL_MS);
}

static bool await_done(struct sweep *sweep, const char *query, bool *ret_ended)
{
	int64_t until_us = clock_monotonic_us() + DONE_MS * US_PER_MS;
	bool ended = false;

	while (!is_done(query)) {
		if (!sweep_survives(sweep, &ended))
			return false;
		*ret_ended |= ended;
		if (clock_monotonic_us() > until_us)
			return sweep_fault(sweep, "it is not done: %s", query);
		clock_sleep_ms(POLL_MS);
	}
	return true;
}

static bool step(void *ctx, struct sweep *sweep)
{
	const struct job *job = ctx;
	int64_t until_us = clock_monotonic_us() + DONE_MS * US_PER_MS;
	bool ended = false;
	bool good;

	stage.sweep = sweep;
	stage.bad = false;
	failing_hold(job->part, true);
	/* The step before may have ended it after what was asked for was done. */
	do
		stage.bad |= !sweep_survives(sweep, &ended);
	while (!suite_ready(POLL_MS) && clock_monotonic_us() < until_us);
	say_goodbye();
	ended = false;
	if (job->prepare)
		job->prepare();
	failing_hold(job->part, false);
	const char *query = job->cause();
	await_failure(job, query);
	failing_settle(job->part);
	bool happened = failing_disarm(job->part);
	good = sweep_survives(sweep, &ended) && !stage.bad;
	if (good)
		good = await_done(sweep, query, &ended);
	sweep->ended += happened && ended;
	sweep->answered += happened && !ended;
	return good;
}

/* Nothing is left to do, nothing was buried, and nobody got a mail twice. */
static bool all_is_done(void)
{
	bool drained = sql_becomes(ALL_DONE_MS, "0", "SELECT count(*) FROM outbox");

	if (!drained)
		printf("  FAILED: %s jobs are left, of them dead: %s\n",
		       sql("SELECT count(*) FROM outbox"),
		       sql("SELECT coalesce(string_agg(job_type || ' ' || coalesce(last_error, "
			   "''), "
			   "'; '), 'none') FROM outbox WHERE state = 'dead'"));
	return drained;
}

bool sweep_jobs(const char *only)
{
	if (only && strncmp(only, "job", 3) != 0)
		return false;
	suite_set("WORKER_THREADS", "1");
	suite_set("JOB_TIME_TO_RUN_MS", "1000");
	suite_set("MAIL_RETRY_DELAYS", "1,1");
	suite_set("DB_POOL_MIN", "1");
	suite_set("DB_POOL_MAX", "4");
	suite_set("DOOR_POOL_MAX", "1");
	suite_set("SWEEPER_POOL_MAX", "2");
	failing_prepare();
	suite_begin(SUITE_ALL);
	stage.free = shop_open(90000, "0", 90000);
	stage.paid = shop_open(90000, "5", 90000);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		struct sweep sweep = {
			.name = jobs[i].name, .part = jobs[i].part, .thread = jobs[i].thread};

		if (!only || strstr(sweep.name, only))
			sweep_run(&sweep, step, (void *)(uintptr_t)&jobs[i]);
	}
	sweep_note("the queues are empty", all_is_done());
	return true;
}
