#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "tests/faults/crash.h"
#include "tests/support/aftermath.h"

enum { ENDS_MS = 30000, READY_MS = 30000, AGAIN_MS = 10000, EXIT_AS_KILLED = 137 };

/* --- arming ----------------------------------------------------------------------------------- */

static void set_point(const char *label, int after)
{
	suite_set("CRASH_POINT", label);
	suite_set("CRASH_POINT_AFTER", text("%d", after ? after : 1));
}

void crash_arm(enum suite_part part, const char *label, int after)
{
	if (suite_pid(part))
		suite_kill(part);
	set_point(label, after);
	suite_spawn(part);
	set_point("", 1);
	if (part == SUITE_API && !suite_ready(READY_MS))
		fprintf(stderr, "%s: ended before it was ready\n", label);
}

void crash_happens(enum suite_part part, const char *label)
{
	int status = suite_wait(part, ENDS_MS);

	ck_assert_msg(status >= 0, "%s was never reached", label);
	ck_assert_msg(status == EXIT_AS_KILLED, "%s: it ended with %d", label, status);
}

void crash_corectl(const struct crash_run *run, const char *words)
{
	const char *output;
	int status;

	set_point(run->label, run->after);
	status = suite_ask_corectl(&output, "%s", words);
	set_point("", 1);
	ck_assert_msg(status == EXIT_AS_KILLED, "%s: corectl ended with %d: %s", run->label, status,
		      output);
}

void crash_hurry(void)
{
	sql("UPDATE outbox SET created_at = created_at - interval '1 min' WHERE state = 'sent'");
	sql("UPDATE idempotency_keys SET deadline_at = now() WHERE state = 'held'");
	sql("UPDATE payments SET next_at = now() WHERE next_at < 'infinity'");
	sql("UPDATE payments SET void_at = now() WHERE void_at IS NOT NULL");
	sql("UPDATE refunds SET next_at = now() WHERE next_at IS NOT NULL");
	sql("UPDATE payment_messages SET next_at = now(), received_at = received_at - interval "
	    "'1 min' WHERE state = 'waiting'");
	sql("UPDATE imports SET next_at = now() WHERE status IN ('queued', 'running')");
}

/* --- callers ---------------------------------------------------------------------------------- */

struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static struct reply *post_under(const char *key, const char *token, const char *path,
				const char *body)
{
	return api_send("POST", token, path, body,
			(const char *const[]){text("Idempotency-Key: %s", key), NULL});
}

/* The server notices that the other end of a connection is gone, and undoes its transaction, a
 * moment later. */
static struct reply *post_again(const char *key, const char *token, const char *path,
				const char *body, int status)
{
	int64_t until = clock_monotonic_us() + AGAIN_MS * US_PER_MS;
	struct reply *reply = post_under(key, token, path, body);

	while (!strcmp(reply_slug(reply), "idempotency-in-flight") &&
	       clock_monotonic_us() < until) {
		clock_sleep_ms(20);
		reply = post_under(key, token, path, body);
	}
	return must(reply, status);
}

struct reply *keyed(const char *token, const char *path, const char *body)
{
	return post_under("crash", token, path, body);
}

struct reply *keyed_again(const char *token, const char *path, const char *body, int status)
{
	return post_again("crash", token, path, body, status);
}

static const char *guests_path(const struct crash_run *run)
{
	return text("/api/events/%lld/guests", (long long)run->shop.event_id);
}

static const char *guest_body(const struct crash_run *run, const char *name)
{
	return text("{\"firstName\":\"%s\",\"lastName\":\"Guest\",\"email\":\"%s@example.com\","
		    "\"ticketTypeId\":%lld}",
		    name, name, (long long)run->shop.type_id);
}

struct reply *register_keyed(const struct crash_run *run, const char *name)
{
	return post_under(name, token_user(), guests_path(run), guest_body(run, name));
}

struct reply *register_again(const struct crash_run *run, const char *name)
{
	return post_again(name, token_user(), guests_path(run), guest_body(run, name), 201);
}

void open_with_unpaid(struct crash_run *run, const char *price)
{
	struct reply *guest;

	run->shop = shop_open(10, price, 10);
	guest = must(shop_register(&run->shop, token_user(), "guest"), 201);
	run->guest_id = reply_int(guest, "data.id");
	run->path = text("/api/events/%lld/guests/%lld", (long long)run->shop.event_id,
			 (long long)run->guest_id);
	run->intent = reply_text(guest, "data.payment.intentId");
	run->payment_id = reply_int(guest, "data.payment.id");
}

void open_with_guest(struct crash_run *run, const char *price)
{
	struct reply *guest;

	open_with_unpaid(run, price);
	if (run->intent)
		pay(run->intent);
	guest = must(api_get(token_user(), "%s", run->path), 200);
	run->ticket_id = reply_int(guest, "data.ticket.id");
	run->code = reply_text(guest, "data.ticket.ticketCode");
}

void delete_again(const char *path)
{
	struct reply *reply = api_delete(token_organizer(), "%s", path);

	if (reply->status != 404)
		must(reply, 204);
}

/* --- what must hold --------------------------------------------------------------------------- */

void becomes(const char *want, const char *statement)
{
	if (!sql_becomes(CRASH_SETTLED_MS, want, statement))
		ck_abort_msg("%s is %s, not %s", statement, sql("%s", statement), want);
}

static void start_workers(void)
{
	if (!suite_pid(SUITE_TICKETS))
		suite_start(SUITE_TICKETS);
	if (!suite_pid(SUITE_EMAIL))
		suite_start(SUITE_EMAIL);
}

void all_jobs_done(void)
{
	start_workers();
	becomes("0", "SELECT count(*) FROM outbox");
}

void all_served(int guests)
{
	start_workers();
	ck_assert(each_served_once(guests, CRASH_SETTLED_MS));
}

int intents(const char *status)
{
	struct reply *reply =
		must(say(&(struct saying){.method = "GET",
					  .url = text("%s/_control/intents", suite_platform())}),
		     200);
	int found = 0;

	for (int i = 0; i < reply_count(reply, "data"); i++)
		found += !status || !strcmp(reply_text(reply, text("data.%d.status", i)), status);
	return found;
}

void payments_fail(bool fail)
{
	platform_script(fail ? "{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":500}"
			     : "{\"service\":\"payment\",\"behaviour\":\"ok\"}");
}

void pay(const char *intent)
{
	struct reply *reply =
		must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\","
				  "\"webhookId\":\"paid\"}",
				  intent),
		     200);

	ck_assert_int_eq(reply_int(reply, "data.status"), 204);
}
