/*
 * Every route of the API, asked for what it is there for, with an allocation failing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "common/clock.h"
#include "common/sign.h"
#include "common/strbuf.h"
#include "tests/support/crowd.h"
#include "tests/support/documents.h"
#include "tests/sweeps/allocations.h"

#define EVENT "/api/events/{event}"
#define GUEST EVENT "/guests/{guest}"
#define TICKET "/api/tickets/{ticket}"

#define NEW_EVENT                                                                                  \
	"{\"title\":\"Sweep {number}\",\"eventDate\":\"2099-01-01T20:00:00Z\","                    \
	"\"location\":\"Here\",\"maxAttendees\":5,\"ticketTypes\":[{\"name\":\"One\","             \
	"\"price\":0,\"quantity\":5}]}"
#define NEW_GUEST(type)                                                                            \
	"{\"firstName\":\"New\",\"lastName\":\"Guest\",\"email\":\"new{number}@example.com\","     \
	"\"ticketTypeId\":" type "}"
#define ONE_GUEST                                                                                  \
	"SELECT count(*) FROM guests WHERE email = 'new{number}@example.com' AND status <> "       \
	"'cancelled'"

enum { TOGETHER = 6, GATHER_MS = 200 };

enum form {
	WITH_KEY = 1,    /* an Idempotency-Key: asked again, the same is answered */
	FOR_SERVICE = 2, /* X-Service-Token */
	SIGNED = 4,      /* a webhook */
	AS_CROWD = 8,    /* several at once, with {number} each of its own */
	AS_USER = 16,    /* else the organizer */
	AS_NOBODY = 32,
	AS_CSV = 64,
	AFRESH = 128, /* on a new connection to the database */
};

struct row {
	const char *method, *pattern; /* as in routes.c */
	const char *path;             /* NULL: the pattern; words filled in */
	const char *body;
	unsigned form;
	int status;
	int again;         /* once it is done, without a key; 0: the same */
	const char *count; /* what must be 1 once it was answered so */
	const char *note;
};

/* clang-format off */
static const struct row rows[] = {
	{"POST", "/api/events", NULL, NEW_EVENT, WITH_KEY, 201, 0, "SELECT count(*) FROM events WHERE title = 'Sweep {number}'", NULL},
	{"GET", "/api/events", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"GET", "/api/events", "/api/events?page=1&limit={small}", NULL, AS_NOBODY, 200, 0, NULL, "kept"},
	{"GET", EVENT, NULL, NULL, 0, 200, 0, NULL, NULL},
	{"GET", EVENT, NULL, NULL, AFRESH, 200, 0, NULL, "new connection"},
	{"GET", EVENT, "/api/events/{edited}", NULL, AS_NOBODY, 200, 0, NULL, "kept"},
	{"PATCH", EVENT, NULL, "{\"description\":\"Changed {number}\"}", 0, 200, 0, "SELECT count(*) FROM events WHERE description = 'Changed {number}'", NULL},
	{"DELETE", EVENT, "/api/events/{new-draft}", NULL, 0, 204, 404, NULL, NULL},
	{"POST", EVENT "/publish", "/api/events/{new-draft}/publish", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"POST", EVENT "/start", "/api/events/{new-event}/start", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"POST", EVENT "/end", "/api/events/{new-started}/end", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"POST", EVENT "/cancel", "/api/events/{new-event}/cancel", NULL, WITH_KEY, 200, 0, NULL, NULL},

	{"GET", EVENT "/ticket-types", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"POST", EVENT "/ticket-types", "/api/events/{new-draft}/ticket-types", "{\"name\":\"T{number}\",\"price\":5,\"quantity\":5}", WITH_KEY, 201, 0, "SELECT count(*) FROM ticket_types WHERE name = 'T{number}'", NULL},
	{"PATCH", EVENT "/ticket-types/{type}", "/api/events/{event}/ticket-types/{spare}", "{\"name\":\"S{number}\"}", 0, 200, 0, "SELECT count(*) FROM ticket_types WHERE name = 'S{number}'", NULL},
	{"DELETE", EVENT "/ticket-types/{type}", "/api/events/{event}/ticket-types/{new-type}", NULL, 0, 204, 404, NULL, NULL},
	{"PUT", EVENT "/staff/{user}", "/api/events/{event}/staff/{number}", NULL, 0, 204, 0, "SELECT count(*) FROM event_staff WHERE user_id = {number}", NULL},
	{"DELETE", EVENT "/staff/{user}", "/api/events/{event}/staff/{new-staff}", NULL, 0, 204, 404, NULL, NULL},

	{"POST", EVENT "/guests", NULL, NEW_GUEST("{main}"), WITH_KEY | AS_USER, 201, 0, ONE_GUEST, "free"},
	{"POST", EVENT "/guests", NULL, NEW_GUEST("null"), WITH_KEY | AS_USER, 201, 0, ONE_GUEST, "no ticket"},
	{"POST", EVENT "/guests", NULL, NEW_GUEST("{paid-type}"), WITH_KEY | AS_USER, 201, 0, ONE_GUEST, "paid"},
	{"POST", EVENT "/guests", NULL, NEW_GUEST("{main}"), WITH_KEY | AS_USER | AS_CROWD, 201, 0, ONE_GUEST, "together"},
	{"GET", EVENT "/guests", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"GET", GUEST, NULL, NULL, 0, 200, 0, NULL, NULL},
	{"PATCH", GUEST, NULL, "{\"lastName\":\"L{number}\"}", 0, 200, 0, "SELECT count(*) FROM guests WHERE last_name = 'L{number}'", NULL},
	{"DELETE", GUEST, "/api/events/{event}/guests/{new-guest}", NULL, 0, 204, 404, NULL, NULL},
	{"POST", GUEST "/confirm", "/api/events/{event}/guests/{new-without}/confirm", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"POST", GUEST "/cancel", "/api/events/{event}/guests/{new-guest}/cancel", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"POST", GUEST "/check-in", "/api/events/{event}/guests/{new-guest}/check-in", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"DELETE", GUEST "/check-in", "/api/events/{event}/guests/{new-inside}/check-in", NULL, 0, 204, 409, NULL, NULL},
	{"GET", GUEST "/payments", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"POST", "/api/payments/{payment}/refund", "/api/payments/{new-payment}/refund", NULL, WITH_KEY, 202, 0, NULL, NULL},
	{"POST", EVENT "/guests/import", NULL, "{\"rows\":[{\"firstName\":\"I\",\"lastName\":\"J\",\"email\":\"new{number}@example.com\"}]}", WITH_KEY, 202, 0, NULL, "JSON"},
	{"POST", EVENT "/guests/import", NULL, "firstName,lastName,email\nI,J,new{number}@example.com\n", WITH_KEY | AS_CSV, 202, 0, NULL, "CSV"},
	{"GET", EVENT "/guests/export", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"GET", "/api/imports/{import}", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"POST", "/api/payments/webhook", NULL, "{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":\"{new-intent}\",\"amount\":5,\"currency\":\"EUR\"}}", SIGNED | AS_NOBODY, 204, 0, NULL, NULL},

	{"POST", "/api/tickets/validate", NULL, "{\"ticketCode\":\"{new-code}\",\"eventId\":{event},\"scanId\":\"{uuid}\"}", 0, 200, 0, NULL, NULL},
	{"GET", TICKET, NULL, NULL, 0, 200, 0, NULL, NULL},
	{"GET", TICKET "/pdf", "/api/tickets/{shown}/pdf", NULL, 0, 200, 0, NULL, NULL},
	{"GET", TICKET "/qr.svg", "/api/tickets/{shown}/qr.svg", NULL, 0, 200, 0, NULL, NULL},
	{"GET", TICKET "/qr.png", "/api/tickets/{shown}/qr.png", NULL, 0, 200, 0, NULL, NULL},
	{"POST", TICKET "/reissue", "/api/tickets/{new-ticket}/reissue", NULL, WITH_KEY, 200, 0, NULL, NULL},
	{"DELETE", TICKET "/validation", "/api/tickets/{new-used}/validation", NULL, 0, 204, 409, NULL, NULL},

	{"GET", EVENT "/statistics", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"GET", EVENT "/statistics/timeseries", "/api/events/{event}/statistics/timeseries?bucket=day", NULL, 0, 200, 0, NULL, NULL},
	{"GET", "/api/statistics", NULL, NULL, 0, 200, 0, NULL, NULL},
	{"POST", "/api/internal/statistics/aggregate", NULL, NULL, FOR_SERVICE | AS_NOBODY, 200, 0, NULL, NULL},

	{"GET", "/health", NULL, NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/health/live", NULL, NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/health/ready", NULL, NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/openapi.json", NULL, NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/openapi.yaml", NULL, NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/docs", NULL, NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/docs/{slug}", "/docs/pages.css", NULL, AS_NOBODY, 200, 0, NULL, NULL},
	{"GET", "/problems/{slug}", "/problems/not-found", NULL, AS_NOBODY, 200, 0, NULL, NULL},
};
/* clang-format on */

/* --- what a path can name ------------------------------------------------------------------------
 */

static struct {
	int64_t event, main_type, spare, paid_type, guest, ticket, import;
	int number; /* of the step, or of its member */
} stage;

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		fatal("allocations: %d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static const char *path_of(const char *what)
{
	return text("/api/events/%lld/%s", (long long)stage.event, what);
}

static struct reply *new_event(void)
{
	return must(api_post(token_organizer(), "/api/events",
			     "{\"title\":\"A concert\",\"eventDate\":\"2099-05-01T20:00:00Z\","
			     "\"location\":\"The hall\",\"maxAttendees\":100000,\"ticketTypes\":["
			     "{\"name\":\"Main\",\"price\":0,\"quantity\":50000},"
			     "{\"name\":\"Spare\",\"price\":0,\"quantity\":5},"
			     "{\"name\":\"Paid\",\"price\":5,\"quantity\":20000}]}"),
		    201);
}

/* In its state, reached step by step. */
static int64_t event_that(bool published, bool started)
{
	int64_t id = reply_int(new_event(), "data.id");
	const char *path = text("/api/events/%lld", (long long)id);

	if (published)
		must(api_post(token_organizer(), text("%s/publish", path), NULL), 200);
	if (started)
		must(api_post(token_organizer(), text("%s/start", path), NULL), 200);
	return id;
}

static struct reply *new_guest(int64_t type)
{
	static int number;
	const char *type_text = type ? text("%lld", (long long)type) : "null";

	number++; /* each of another user: unpaid ones are bounded */
	return must(
		api_post(token_of(2000000 + number, "user"), path_of("guests"),
			 "{\"firstName\":\"G\",\"lastName\":\"H\",\"email\":\"g%d@example.com\","
			 "\"ticketTypeId\":%s}",
			 number, type_text),
		201);
}

static struct reply *new_inside(void)
{
	struct reply *guest = new_guest(stage.main_type);

	must(api_post(token_organizer(),
		      text("%s/%lld/check-in", path_of("guests"),
			   (long long)reply_int(guest, "data.id")),
		      NULL),
	     200);
	return guest;
}

/* Of a guest who has paid. */
static int64_t new_payment(void)
{
	struct reply *guest = new_guest(stage.paid_type);
	const char *intent = reply_text(guest, "data.payment.intentId");

	must(platform_pay("{\"type\":\"payment.succeeded\",\"intentId\":\"%s\"}", intent), 200);
	if (!sql_becomes(STEP_LIMIT_MS, "succeeded",
			 text("SELECT status FROM payments WHERE intent_id = '%s'", intent)))
		fatal("allocations: nothing was paid");
	return sql_int("SELECT id FROM payments WHERE intent_id = '%s'", intent);
}

static int64_t new_type(void)
{
	static int number;

	return reply_int(must(api_post(token_organizer(), path_of("ticket-types"),
				       "{\"name\":\"N%d\",\"price\":0,\"quantity\":5}", ++number),
			      201),
			 "data.id");
}

static int64_t new_staff(void)
{
	static int user = 5000000;

	must(api_put(token_organizer(), "%s/%d", path_of("staff"), ++user), 204);
	return user;
}

/* Its document as it should be by now. */
static int64_t ticket_shown(void)
{
	documents_made();
	return stage.ticket;
}

static int64_t event_edited(void)
{
	static int number;

	must(api_patch(token_organizer(), text("/api/events/%lld", (long long)stage.event),
		       "{\"description\":\"Edited %d\"}", ++number),
	     200);
	return stage.event;
}

static void set_stage(void)
{
	struct reply *event = new_event();
	struct reply *guest;

	stage.event = reply_int(event, "data.id");
	stage.main_type = reply_int(event, "data.ticketTypes.0.id");
	stage.spare = reply_int(event, "data.ticketTypes.1.id");
	stage.paid_type = reply_int(event, "data.ticketTypes.2.id");
	must(api_post(token_organizer(), path_of("publish"), NULL), 200);
	guest = new_guest(stage.main_type);
	stage.guest = reply_int(guest, "data.id");
	stage.ticket = reply_int(guest, "data.ticket.id");
	stage.import = reply_int(
		must(api_post(token_organizer(), path_of("guests/import"), "{\"rows\":[]}"), 202),
		"data.id");
	documents_made();
}

/* --- words ---------------------------------------------------------------------------------------
 */

static int64_t id_of(const char *word)
{
	const struct {
		const char *name;
		int64_t id;
	} ids[] = {
		{"event", stage.event},           {"main", stage.main_type},
		{"spare", stage.spare},           {"guest", stage.guest},
		{"paid-type", stage.paid_type},   {"ticket", stage.ticket},
		{"import", stage.import},         {"number", 1000000 + stage.number},
		{"small", 1 + stage.number % 90},
	};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (!strcmp(ids[i].name, word))
			return ids[i].id;
	if (!strcmp(word, "shown"))
		return ticket_shown();
	if (!strcmp(word, "edited"))
		return event_edited();
	if (!strcmp(word, "new-draft"))
		return event_that(false, false);
	if (!strcmp(word, "new-event"))
		return event_that(true, false);
	if (!strcmp(word, "new-started"))
		return event_that(true, true);
	if (!strcmp(word, "new-type"))
		return new_type();
	if (!strcmp(word, "new-staff"))
		return new_staff();
	if (!strcmp(word, "new-payment"))
		return new_payment();
	return 0;
}

static const char *value_of(const char *word)
{
	int64_t id = id_of(word);

	if (id)
		return text("%lld", (long long)id);
	if (!strcmp(word, "new-guest"))
		return text("%lld", (long long)reply_int(new_guest(stage.main_type), "data.id"));
	if (!strcmp(word, "new-without"))
		return text("%lld", (long long)reply_int(new_guest(0), "data.id"));
	if (!strcmp(word, "new-ticket"))
		return text("%lld",
			    (long long)reply_int(new_guest(stage.main_type), "data.ticket.id"));
	if (!strcmp(word, "new-inside"))
		return text("%lld", (long long)reply_int(new_inside(), "data.id"));
	if (!strcmp(word, "new-used"))
		return text("%lld", (long long)reply_int(new_inside(), "data.ticket.id"));
	if (!strcmp(word, "new-code"))
		return reply_text(new_guest(stage.main_type), "data.ticket.ticketCode");
	if (!strcmp(word, "new-intent"))
		return reply_text(new_guest(stage.paid_type), "data.payment.intentId");
	if (!strcmp(word, "uuid"))
		return sql("SELECT gen_random_uuid()");
	return NULL;
}

/* Words in braces filled in; braces around anything else stay. */
static const char *fill(const char *pattern)
{
	const char *filled = "";

	while (pattern && *pattern) {
		size_t plain = strcspn(pattern, "{");
		size_t len = strspn(pattern + plain + (pattern[plain] != '\0'),
				    "abcdefghijklmnopqrstuvwxyz-");
		const char *word = pattern + plain;
		const char *value = NULL;

		if (*word && len && word[len + 1] == '}')
			value = value_of(text("%.*s", (int)len, word + 1));
		filled = value ? text("%s%.*s%s", filled, (int)plain, pattern, value)
			       : text("%s%.*s", filled, (int)plain + (*word == '{'), pattern);
		pattern = value ? word + len + 2 : word + (*word == '{');
	}
	return pattern ? filled : NULL;
}

/* --- asking --------------------------------------------------------------------------------------
 */

struct asking {
	const struct row *row;
	const char *path, *body, *count, *key;
	const char *token;
	const char *headers[6];
	struct reply *reply;
};

static void sign_headers(struct asking *asking, size_t count)
{
	const char *id = text("msg_%d", stage.number);
	const char *at = text("%lld", (long long)(clock_now_us() / US_PER_S));
	struct strbuf signature;

	strbuf_init(&signature, NULL);
	sign_webhook(&signature, suite_webhook_secret, id, at,
		     (struct slice){asking->body, strlen(asking->body)});
	asking->headers[count++] = text("webhook-id: %s", id);
	asking->headers[count++] = text("webhook-timestamp: %s", at);
	asking->headers[count++] = text("webhook-signature: %s", signature.buf);
}

static struct asking make(const struct row *row)
{
	struct asking asking = {.row = row};
	size_t count = 0;

	stage.number++;
	asking.path = fill(row->path ? row->path : row->pattern);
	asking.body = fill(row->body);
	asking.count = fill(row->count);
	asking.token = row->form & AS_NOBODY ? NULL
		       : row->form & AS_USER ? token_of(1000000 + stage.number, "user")
					     : token_organizer();
	if (row->form & WITH_KEY)
		asking.headers[count++] = text("Idempotency-Key: sweep-%d", stage.number);
	if (row->form & FOR_SERVICE)
		asking.headers[count++] = text("X-Service-Token: %s", suite_service_token);
	if (row->form & SIGNED)
		sign_headers(&asking, count);
	return asking;
}

static struct reply *ask(const struct asking *asking)
{
	return say(&(struct saying){
		.method = asking->row->method,
		.url = text("%s%s", suite_api(), asking->path),
		.token = asking->token,
		.body = asking->body,
		.content_type = asking->row->form & AS_CSV ? "text/csv" : NULL,
		.headers = asking->headers,
		.timeout_ms = STEP_LIMIT_MS,
	});
}

static bool effect_is_there(const struct asking *asking)
{
	return !asking->count || sql_int("%s", asking->count) == 1;
}

/* What may be answered while memory is short: that it did, or an error of ours; nothing at all only
 * by a program that ended, or where even the connection had no memory. */
static bool may_be_said(const struct asking *asking, struct sweep *sweep)
{
	const struct reply *reply = asking->reply;

	if (reply->status == asking->row->status)
		return effect_is_there(asking) ||
		       sweep_fault(sweep, "%d, and nothing was done", reply->status);
	if (reply->status == 0)
		return true;
	if (reply->status != 500 && reply->status != 503)
		return sweep_fault(sweep, "%s %s is answered %d %s", asking->row->method,
				   asking->path, reply->status, reply->body);
	if (!*reply_slug(reply))
		return sweep_fault(sweep, "%d without a problem: %s", reply->status, reply->body);
	return true;
}

static bool comes_later(const struct reply *reply)
{
	return reply->status == 0 || reply->status == 503 ||
	       !strcmp(reply_slug(reply), "idempotency-in-flight");
}

/* The same request once memory is there again: served, with one effect. */
static bool served_now(struct asking *asking, struct sweep *sweep, bool *ret_ended)
{
	int64_t until = clock_monotonic_us() + STEP_LIMIT_MS * US_PER_MS;
	struct reply *reply = ask(asking);

	while (comes_later(reply) && clock_monotonic_us() < until) {
		clock_sleep_ms(20);
		/* It may have ended behind its answer. */
		if (reply->status == 0 && !sweep_survives(sweep, ret_ended))
			return false;
		reply = ask(asking);
	}
	if (reply->status != asking->row->status &&
	    (!asking->row->again || reply->status != asking->row->again))
		return sweep_fault(sweep, "%s %s, asked again, is answered %d %s",
				   asking->row->method, asking->path, reply->status, reply->body);
	return effect_is_there(asking) || sweep_fault(sweep, "%s %s, asked again: not one effect",
						      asking->row->method, asking->path);
}

static void ask_one(void *ctx, size_t i)
{
	struct asking *asking = (struct asking *)ctx + i;

	asking->reply = ask(asking);
}

/* The last holds the event for a moment, so that the others gather and are registered together. */
static void ask_together(void *ctx, size_t i)
{
	if (i < TOGETHER) {
		clock_sleep_ms(GATHER_MS / 4);
		ask_one(ctx, i);
		return;
	}
	sql("BEGIN; SELECT FROM events WHERE id = %lld FOR NO KEY UPDATE; "
	    "SELECT pg_sleep(%d / 1000.0); COMMIT",
	    (long long)stage.event, GATHER_MS);
}

static void book(struct sweep *sweep, const struct asking *asking, bool happened, bool ended)
{
	if (!happened)
		return;
	sweep->ended += ended;
	sweep->answered += !ended && asking->reply->status != asking->row->status;
	sweep->unmoved += !ended && asking->reply->status == asking->row->status;
}

/* Nothing is half open behind an answer. */
static bool nothing_is_left(struct sweep *sweep)
{
	return sql_becomes(5000, "0",
			   "SELECT count(*) FROM pg_stat_activity WHERE datname = "
			   "current_database() AND application_name IN ('main', 'door') AND state "
			   "LIKE 'idle in transaction%'") ||
	       sweep_fault(sweep, "a transaction was left open");
}

/* The first who meets a dead connection is refused; the pool distrusts all others then. */
static void lose_connections(const struct asking *asking)
{
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
	    "current_database() AND application_name = 'main'");
	ask(asking);
}

static bool step(void *ctx, struct sweep *sweep)
{
	const struct row *row = ctx;
	struct asking askings[TOGETHER];
	size_t count = row->form & AS_CROWD ? TOGETHER : 1;
	bool good = true, ended = false;

	/* What has to be there first is made with memory enough. */
	failing_hold(sweep->part, true);
	for (size_t i = 0; i < count; i++)
		askings[i] = make(row);
	if (row->form & AFRESH)
		lose_connections(&askings[0]);
	failing_hold(sweep->part, false);
	if (count > 1)
		crowd(count + 1, ask_together, askings);
	else
		ask_one(askings, 0);
	failing_settle(sweep->part);
	bool happened = failing_disarm(sweep->part);
	good = sweep_survives(sweep, &ended);
	for (size_t i = 0; i < count && good; i++) {
		bool later = false;

		good = may_be_said(&askings[i], sweep) && served_now(&askings[i], sweep, &later);
		ended |= later;
	}
	book(sweep, &askings[0], happened, ended);
	return good && nothing_is_left(sweep);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

/* A route without a row would go untried. */
static void look_for_gaps(void)
{
	for (size_t i = 0; i < route_count; i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(rows); k++)
			found |= !strcmp(rows[k].method, routes[i].method) &&
				 !strcmp(rows[k].pattern, routes[i].pattern);
		if (!found)
			fatal("allocations: no row for %s %s", routes[i].method, routes[i].pattern);
	}
}

bool sweep_routes(const char *only)
{
	look_for_gaps();
	if (only && !strncmp(only, "job", 3))
		return false;
	suite_set("HTTP_THREADS", "13");
	suite_set("REQUESTS_MAX", "8");
	suite_set("DOOR_REQUESTS_MAX", "4");
	/* Most steps start the API again: as few connections as will do. */
	suite_set("DB_POOL_MIN", "1");
	suite_set("DB_POOL_MAX", "4");
	suite_set("DOOR_POOL_MAX", "1");
	suite_set("SWEEPER_POOL_MAX", "1");
	suite_set("UPSTREAM_BUDGET_MS", "500");
	failing_prepare();
	suite_begin(SUITE_PLATFORM | SUITE_API);
	set_stage();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct sweep sweep = {
			.name = text("%s %s%s%s", row->method, row->pattern, row->note ? ", " : "",
				     row->note ? row->note : ""),
			.part = SUITE_API,
			.thread = "civetweb-worker",
		};

		if (!only || strstr(sweep.name, only))
			sweep_run(&sweep, step, (void *)(uintptr_t)row);
	}
	documents_made();
	return true;
}
