/*
 * Every route that reads or writes, and each call of the database that it makes, failing in every
 * way: the answer is the usual one or 503, the next try succeeds, and what is there afterwards is
 * what an undisturbed request leaves.
 */
#include "tests/sweeps/database_sweeps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/integration/matrix.h"
#include "tests/support/crowd.h"

enum {
	ANSWER_MS = 12000,
	SETTLE_MS = 10000,
	AGAIN_MS = 20000,
	PAUSE_MS = 20,
	CALLS_MAX = 60,
	TOGETHER = 3,
	EVERY = 4,
	TRIES = 20,
	HEALTH_MS = 1100,
};

enum who { OWNER, BUYER, NOBODY, SERVICE };

enum {
	KEYED = 1,     /* with an Idempotency-Key */
	CHANGES = 2,   /* a scene for each case */
	COLD = 4,      /* no connection is open when it begins: opening and preparing count too */
	NO_ADVICE = 8, /* its 503 need not say when to come again */
	LATER = 16,    /* its effect ends in the background */
	CUT_SHORT =
		32, /* its answer may have begun: then it is not whole, and the client sees it */
	ABANDONED = 64, /* what nobody comes back for is undone in the background, after a minute */
};

struct flow {
	const char *name;
	enum level level;
	enum who who;
	unsigned flags;
	const char *method, *path, *body;
	int status;
	int again; /* what a second try may say instead, when the first had its effect */
	struct reply *(*send)(const struct scene *scene, const char *key);
};

#define EVENT "/api/events/{event}"
#define GUEST EVENT "/guests/{guest}"
#define TICKET "/api/tickets/{ticket}"
#define WRITE (KEYED | CHANGES)

#define NEW_EVENT                                                                                  \
	"{\"title\":\"Another\",\"eventDate\":\"2099-01-01T20:00:00Z\",\"location\":\"Here\","     \
	"\"maxAttendees\":5,\"ticketTypes\":[{\"name\":\"One\",\"price\":0,\"quantity\":5}]}"
#define NEW_GUEST(type)                                                                            \
	"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","                     \
	"\"ticketTypeId\":" type "}"
#define SCAN_ID "\"scanId\":\"00000000-0000-4000-8000-00000000000a\","
#define ROWS                                                                                       \
	"{\"rows\":[{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","          \
	"\"ticketTypeId\":{free}},{\"firstName\":\"C\",\"lastName\":\"D\","                        \
	"\"email\":\"c@example.com\"},{\"firstName\":\"E\",\"email\":\"e\"}]}"

/* --- flows that are more than one request ----------------------------------------------------- */

static struct reply *webhook(const struct scene *scene, const char *key)
{
	(void)key;
	return scene_tell(scene, "payment.succeeded");
}

static struct reply *webhook_failed(const struct scene *scene, const char *key)
{
	(void)key;
	return scene_tell(scene, "payment.failed");
}

/* What was found is told for a second. */
static struct reply *health(const struct scene *scene, const char *key)
{
	(void)scene;
	(void)key;
	clock_sleep_ms(HEALTH_MS);
	return api_get(NULL, "/health");
}

struct together {
	const struct scene *scene;
	const char *key;
	struct reply *replies[TOGETHER];
};

static void register_one(void *ctx, size_t i)
{
	struct together *together = ctx;
	const struct scene *scene = together->scene;

	if (i == TOGETHER) {
		/* the event is held by the crowd's caller; let all arrive first */
		int64_t until = clock_monotonic_us() + 300 * US_PER_MS;

		while (clock_monotonic_us() < until)
			clock_sleep_ms(10);
		ask("COMMIT");
		return;
	}
	together->replies[i] = api_send(
		"POST", token_of(scene->organizer, "organizer"), scene_fill(scene, EVENT "/guests"),
		text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a%zu@example.com\","
		     "\"ticketTypeId\":%lld}",
		     i, (long long)scene->free_type),
		(const char *const[]){text("%s-%zu", together->key, i), NULL});
}

/* Those who wait for a held event share a statement: the form for several. The worst answer. */
static struct reply *register_together(const struct scene *scene, const char *key)
{
	struct together together = {.scene = scene, .key = key};
	struct reply *worst = NULL;

	ask("BEGIN");
	ask("SELECT FROM events WHERE id = %lld FOR UPDATE", (long long)scene->event);
	crowd(TOGETHER + 1, register_one, &together);
	for (size_t i = 0; i < TOGETHER; i++)
		if (!worst || together.replies[i]->status != 201)
			worst = together.replies[i];
	return worst;
}

/* clang-format off */
static const struct flow flows[] = {
	{"create an event", LEVEL_NOTHING, OWNER, WRITE, "POST", "/api/events", NEW_EVENT, 201, 0, NULL},
	{"list events", LEVEL_OPEN, OWNER, 0, "GET", "/api/events?limit=5", NULL, 200, 0, NULL},
	{"list events, anonymous", LEVEL_OPEN, NOBODY, CHANGES, "GET", "/api/events?limit=5&page=1&search=x{number}", NULL, 200, 0, NULL},
	{"get an event", LEVEL_OPEN, OWNER, 0, "GET", EVENT, NULL, 200, 0, NULL},
	{"get an event, anonymous", LEVEL_OPEN, NOBODY, CHANGES, "GET", EVENT, NULL, 200, 0, NULL},
	{"change an event", LEVEL_GUEST, OWNER, CHANGES | LATER, "PATCH", EVENT, "{\"title\":\"Changed\",\"eventDate\":\"2099-06-01T20:00:00Z\"}", 200, 0, NULL},
	{"delete an event", LEVEL_DRAFT, OWNER, CHANGES, "DELETE", EVENT, NULL, 204, 404, NULL},
	{"publish an event", LEVEL_DRAFT, OWNER, WRITE, "POST", EVENT "/publish", NULL, 200, 0, NULL},
	{"start an event", LEVEL_OPEN, OWNER, WRITE, "POST", EVENT "/start", NULL, 200, 0, NULL},
	{"end an event", LEVEL_STARTED, OWNER, WRITE, "POST", EVENT "/end", NULL, 200, 0, NULL},
	{"cancel an event", LEVEL_PAID, OWNER, WRITE | LATER, "POST", EVENT "/cancel", NULL, 200, 0, NULL},
	{"list ticket types", LEVEL_OPEN, OWNER, 0, "GET", EVENT "/ticket-types", NULL, 200, 0, NULL},
	{"add a ticket type", LEVEL_OPEN, OWNER, WRITE, "POST", EVENT "/ticket-types", "{\"name\":\"Balcony\",\"price\":5,\"quantity\":5}", 201, 0, NULL},
	{"change a ticket type", LEVEL_OPEN, OWNER, CHANGES, "PATCH", EVENT "/ticket-types/{spare}", "{\"name\":\"Stalls\"}", 200, 0, NULL},
	{"delete a ticket type", LEVEL_OPEN, OWNER, CHANGES, "DELETE", EVENT "/ticket-types/{spare}", NULL, 204, 404, NULL},
	{"add staff", LEVEL_OPEN, OWNER, CHANGES, "PUT", EVENT "/staff/77", NULL, 204, 0, NULL},
	{"remove staff", LEVEL_STAFFED, OWNER, CHANGES, "DELETE", EVENT "/staff/77", NULL, 204, 404, NULL},

	{"register", LEVEL_OPEN, BUYER, WRITE, "POST", EVENT "/guests", NEW_GUEST("{free}"), 201, 0, NULL},
	{"register on cold links", LEVEL_OPEN, BUYER, WRITE | COLD, "POST", EVENT "/guests", NEW_GUEST("{free}"), 201, 0, NULL},
	{"register without a key", LEVEL_OPEN, BUYER, CHANGES, "POST", EVENT "/guests", NEW_GUEST("{free}"), 201, 409, NULL},
	{"register without a type", LEVEL_OPEN, BUYER, WRITE, "POST", EVENT "/guests", NEW_GUEST("null"), 201, 0, NULL},
	{"register three together", LEVEL_OPEN, OWNER, WRITE, "POST", EVENT "/guests", NULL, 201, 0, register_together},
	{"register and pay", LEVEL_OPEN, BUYER, WRITE, "POST", EVENT "/guests", NEW_GUEST("{paid}"), 201, 0, NULL},
	{"register and pay without a key", LEVEL_OPEN, BUYER, CHANGES | ABANDONED, "POST", EVENT "/guests", NEW_GUEST("{paid}"), 201, 409, NULL},
	{"list guests", LEVEL_GUEST, OWNER, 0, "GET", EVENT "/guests", NULL, 200, 0, NULL},
	{"get a guest", LEVEL_PAID, BUYER, 0, "GET", GUEST, NULL, 200, 0, NULL},
	{"change a guest", LEVEL_GUEST, OWNER, CHANGES, "PATCH", GUEST, "{\"phone\":\"+33612345678\",\"lastName\":\"Z\"}", 200, 0, NULL},
	{"change a guest's address", LEVEL_GUEST, OWNER, CHANGES, "PATCH", GUEST, "{\"email\":\"z@example.com\"}", 200, 0, NULL},
	{"delete a guest", LEVEL_GUEST, OWNER, CHANGES, "DELETE", GUEST, NULL, 204, 404, NULL},
	{"confirm a guest", LEVEL_PLAIN, OWNER, WRITE, "POST", GUEST "/confirm", NULL, 200, 0, NULL},
	{"confirm, paid on site", LEVEL_HOLD, OWNER, WRITE | LATER, "POST", GUEST "/confirm", NULL, 200, 0, NULL},
	{"cancel a registration", LEVEL_GUEST, BUYER, WRITE, "POST", GUEST "/cancel", NULL, 200, 0, NULL},
	{"cancel an unpaid one", LEVEL_HOLD, BUYER, WRITE | LATER, "POST", GUEST "/cancel", NULL, 200, 0, NULL},
	{"cancel a paid one", LEVEL_PAID, OWNER, WRITE | LATER, "POST", GUEST "/cancel", NULL, 200, 0, NULL},
	{"check in by hand", LEVEL_GUEST, OWNER, WRITE, "POST", GUEST "/check-in", NULL, 200, 0, NULL},
	{"undo a check-in", LEVEL_INSIDE, OWNER, CHANGES, "DELETE", GUEST "/check-in", NULL, 204, 409, NULL},
	{"list payments", LEVEL_PAID, BUYER, 0, "GET", GUEST "/payments", NULL, 200, 0, NULL},
	{"refund", LEVEL_PAID, OWNER, WRITE | LATER, "POST", "/api/payments/{payment}/refund", "{}", 202, 0, NULL},
	{"refund a part", LEVEL_PAID, OWNER, WRITE | LATER, "POST", "/api/payments/{payment}/refund", "{\"amount\":10}", 202, 0, NULL},
	{"the webhook: paid", LEVEL_HOLD, NOBODY, CHANGES, "POST", "/api/payments/webhook", NULL, 204, 0, webhook},
	{"the webhook: failed", LEVEL_HOLD, NOBODY, CHANGES, "POST", "/api/payments/webhook", NULL, 204, 0, webhook_failed},
	{"import", LEVEL_OPEN, OWNER, WRITE | LATER, "POST", EVENT "/guests/import", ROWS, 202, 0, NULL},
	{"get an import", LEVEL_IMPORTED, OWNER, 0, "GET", "/api/imports/{import}", NULL, 200, 0, NULL},
	{"export", LEVEL_GUEST, OWNER, CUT_SHORT, "GET", EVENT "/guests/export", NULL, 200, 0, NULL},
	{"export on cold links", LEVEL_GUEST, OWNER, CUT_SHORT | COLD, "GET", EVENT "/guests/export", NULL, 200, 0, NULL},

	{"scan", LEVEL_GUEST, OWNER, CHANGES, "POST", "/api/tickets/validate", "{" SCAN_ID "\"ticketCode\":\"{code}\",\"eventId\":{event}}", 200, 0, NULL},
	{"scan on cold links", LEVEL_GUEST, OWNER, CHANGES | COLD, "POST", "/api/tickets/validate", "{" SCAN_ID "\"ticketCode\":\"{code}\",\"eventId\":{event}}", 200, 0, NULL},
	{"scan without an id", LEVEL_GUEST, OWNER, CHANGES, "POST", "/api/tickets/validate", "{\"ticketCode\":\"{code}\"}", 200, 409, NULL},
	{"undo a scan", LEVEL_INSIDE, OWNER, CHANGES, "DELETE", TICKET "/validation", NULL, 204, 409, NULL},
	{"get a ticket", LEVEL_GUEST, BUYER, 0, "GET", TICKET, NULL, 200, 0, NULL},
	{"get a document", LEVEL_GUEST, BUYER, 0, "GET", TICKET "/pdf", NULL, 202, 0, NULL},
	{"get a QR", LEVEL_GUEST, BUYER, 0, "GET", TICKET "/qr.svg", NULL, 202, 0, NULL},
	{"get a QR picture", LEVEL_GUEST, BUYER, 0, "GET", TICKET "/qr.png", NULL, 202, 0, NULL},
	{"reissue a ticket", LEVEL_GUEST, OWNER, WRITE, "POST", TICKET "/reissue", NULL, 200, 0, NULL},

	{"statistics of an event", LEVEL_GUEST, OWNER, CHANGES, "GET", EVENT "/statistics", NULL, 200, 0, NULL},
	{"statistics of a month", LEVEL_GUEST, OWNER, CHANGES, "GET", EVENT "/statistics?period=30d", NULL, 200, 0, NULL},
	{"a series", LEVEL_GUEST, OWNER, CHANGES, "GET", EVENT "/statistics/timeseries", NULL, 200, 0, NULL},
	{"statistics of an organizer", LEVEL_GUEST, OWNER, CHANGES, "GET", "/api/statistics", NULL, 200, 0, NULL},
	{"aggregate", LEVEL_GUEST, SERVICE, CHANGES, "POST", "/api/internal/statistics/aggregate", NULL, 200, 0, NULL},
	{"health", LEVEL_NOTHING, NOBODY, NO_ADVICE, "GET", "/health", NULL, 200, 0, health},
	{"readiness", LEVEL_NOTHING, NOBODY, NO_ADVICE, "GET", "/health/ready", NULL, 200, 0, NULL},
};
/* clang-format on */

/* --- one case --------------------------------------------------------------------------------- */

static struct reply *send(const struct flow *flow, const struct scene *scene)
{
	const char *key = text("Idempotency-Key: sweep-%d", scene->number);
	const char *headers[3] = {0};
	size_t count = 0;

	if (flow->send)
		return flow->send(scene, key);
	if (flow->flags & KEYED)
		headers[count++] = key;
	if (flow->who == SERVICE)
		headers[count++] = text("X-Service-Token: %s", suite_service_token);
	return say(&(struct saying){
		.method = flow->method,
		.url = text("%s%s", suite_api(), scene_fill(scene, flow->path)),
		.token = flow->who == OWNER   ? scene->owner_token
			 : flow->who == BUYER ? scene->buyer_token
					      : NULL,
		.body = flow->body ? scene_fill(scene, flow->body) : NULL,
		.headers = headers,
		.timeout_ms = ANSWER_MS,
	});
}

/* NULL: the first answer is one that a failing database may cause. */
static const char *judge_first(const struct flow *flow, const struct reply *reply)
{
	if (reply->status == flow->status)
		return NULL;
	if (reply->status == 0 && reply->len == 0 && !(flow->flags & CUT_SHORT))
		return "no answer";
	if (reply->status == 0 && flow->flags & CUT_SHORT)
		return NULL;
	if (reply->status != 503)
		return text("answers %d %s", reply->status, reply->body);
	if (!(flow->flags & NO_ADVICE) && !reply_header(reply, "Retry-After"))
		return text("answers 503 without Retry-After: %s", reply->body);
	return NULL;
}

/* Nobody may pay for the seat that is held, if one is: the minute after which it is let go is over.
 */
static bool cannot_pay(const struct scene *scene)
{
	ask("UPDATE payments SET deadline_at = now() - interval '2 minutes' "
	    "WHERE event_id = %lld AND status = 'created' AND "
	    "deadline_at > now() - interval '1 minute'",
	    (long long)scene->event);
	return !ask("SELECT id FROM payments WHERE event_id = %lld AND status = "
		    "'requires_payment'",
		    (long long)scene->event);
}

/* The client comes again, as it is told to, until it has its answer. */
static const char *try_again(const struct flow *flow, const struct scene *scene)
{
	int64_t until = clock_monotonic_us() + AGAIN_MS * US_PER_MS;
	struct reply *reply;

	do {
		reply = send(flow, scene);
		if (reply->status == flow->status)
			return NULL;
		if (!strcmp(reply_slug(reply), "idempotency-in-flight") || reply->status == 503 ||
		    (flow->flags & ABANDONED && cannot_pay(scene))) {
			clock_sleep_ms(PAUSE_MS);
			continue;
		}
		return flow->again && reply->status == flow->again
			       ? NULL
			       : text("the next try answers %d %s", reply->status, reply->body);
	} while (clock_monotonic_us() < until);
	return text("never succeeds: %d %s", reply->status, reply->body);
}

static const char *await_state(const struct scene *scene, const char *want)
{
	int64_t until = clock_monotonic_us() + SETTLE_MS * US_PER_MS;
	const char *state;

	while (strcmp(state = scene_state(scene), want) != 0) {
		if (clock_monotonic_us() > until)
			return text("leaves\n%s\ninstead of\n%s", state, want);
		clock_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

/* Connections of requests that have ended are given back, outside any transaction. */
static const char *await_whole_pools(void)
{
	int64_t until = clock_monotonic_us() + SETTLE_MS / 4 * US_PER_MS;
	const char *left;

	while (strcmp(left = ask("SELECT count(*) FROM pg_stat_activity WHERE datname = "
				 "current_database() AND application_name IN ('main', 'door') AND "
				 "(state <> 'idle' OR backend_xid IS NOT NULL)"),
		      "0") != 0) {
		if (clock_monotonic_us() > until)
			return text("%s sessions are still at work", left);
		clock_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

static const char *leases_left(void)
{
	double main = api_metric("db_pool_connections{pool=\"main\",state=\"leased\"}");
	double door = api_metric("db_pool_connections{pool=\"door\",state=\"leased\"}");

	return main == 0 && door == 0 ? NULL : text("have %g and %g leases left", main, door);
}

/* Both pools' links end; a request that finds one dead is refused. */
static void cool(void)
{
	static const struct wire_rule dead = {
		.links = "main,door", .first = 1, .count = 1, .fault = WIRE_LOST};

	wire_set(&dead);
	api_get(token_admin(), "/api/events?limit=1");
	wire_set(&dead);
	api_post(token_admin(), "/api/tickets/validate", "{\"ticketCode\":\"EVT-NONE\"}");
	wire_set(NULL);
}

struct baseline {
	int calls;
	const char *state;
	const char *names[CALLS_MAX];
	size_t len; /* of the answer */
};

static void arm(const struct flow *flow, enum wire_fault kind, const char *sqlstate, int k)
{
	if (flow->flags & COLD)
		cool();
	wire_set(&(struct wire_rule){.links = "main,door",
				     .opening = flow->flags & COLD,
				     .first = k,
				     .count = 1,
				     .fault = kind,
				     .sqlstate = sqlstate});
}

/* What an undisturbed request does. */
static struct baseline measure(const struct flow *flow)
{
	struct baseline baseline = {0};
	struct scene scene;
	struct reply *reply;
	int tries = 0;

	do {
		scene = scene_make(flow->level);
		arm(flow, WIRE_COUNT, NULL, 0);
		reply = send(flow, &scene);
	} while (reply->status == 503 && ++tries < TRIES);
	if (reply->status != flow->status)
		fatal("%s: %d %s", flow->name, reply->status, reply->body);
	baseline.calls = wire_calls() < CALLS_MAX ? wire_calls() : CALLS_MAX;
	for (int i = 0; i < baseline.calls; i++)
		baseline.names[i] = wire_call(i);
	wire_set(NULL);
	if (flow->flags & LATER)
		clock_sleep_ms(3000);
	baseline.state = scene_state(&scene);
	baseline.len = reply->len;
	return baseline;
}

/* NULL: all is well. *ret_reached: the flow made the call. */
static const char *run_case(const struct flow *flow, const struct baseline *baseline,
			    const struct scene *scene, int k, const struct fault *fault,
			    bool *ret_reached)
{
	const char *wrong;
	struct reply *reply;

	arm(flow, fault->kind, fault->sqlstate, k);
	reply = send(flow, scene);
	*ret_reached = wire_failed() > 0;
	wire_set(NULL);
	wrong = judge_first(flow, reply);
	if (!wrong && reply->status == flow->status && flow->flags & CUT_SHORT &&
	    reply->len != baseline->len)
		wrong = text("answers %zu of %zu bytes as if it were all", reply->len,
			     baseline->len);
	if (!wrong && reply->status != flow->status)
		wrong = try_again(flow, scene);
	if (!wrong && flow->flags & CHANGES)
		wrong = await_state(scene, baseline->state);
	return wrong ? wrong : await_whole_pools();
}

static void sweep(const struct flow *flow)
{
	struct baseline baseline = measure(flow);
	struct scene shared = {0};
	int cases = 0;

	if (!(flow->flags & CHANGES))
		shared = scene_make(flow->level);
	for (int k = 1; k <= baseline.calls; k++)
		for (size_t i = 0; i < fault_count; i++) {
			const char *name =
				text("%s, call %d of %d (%s), %s", flow->name, k, baseline.calls,
				     baseline.names[k - 1], faults[i].name);
			struct scene scene = shared;
			const char *wrong;
			bool reached;

			if (!chosen_call(baseline.names[k - 1]) || !chosen(EVERY))
				continue;
			if (flow->flags & CHANGES)
				scene = scene_make(flow->level);
			wrong = run_case(flow, &baseline, &scene, k, &faults[i], &reached);
			if (!wrong && !reached)
				continue;
			tally(name, wrong);
			cases++;
		}
	if (cases)
		tally(text("%s, the pools", flow->name), leases_left());
	printf("  %-34s %2d calls, %3d cases\n", flow->name, baseline.calls, cases);
	fflush(stdout);
}

/* --- every route has a flow ------------------------------------------------------------------- */

static bool is_of(const char *path, const char *pattern)
{
	while (*path && *path != '?' && *pattern)
		if (*pattern == '{') {
			pattern += strcspn(pattern, "}") + 1;
			path += strcspn(path, "/?");
		} else if (*pattern++ != *path++) {
			return false;
		}
	return (!*path || *path == '?') && !*pattern;
}

static const char *missing_flow(const struct matrix_row *row)
{
	if (strncmp(row->pattern, "/api", 4) != 0 && strcmp(row->pattern, "/health/ready") != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(flows); i++)
		if (!strcmp(flows[i].method, row->method) && is_of(flows[i].path, row->pattern))
			return NULL;
	return "has no flow";
}

static void cover_routes(void)
{
	for (size_t i = 0; i < matrix_row_count; i++) {
		const struct matrix_row *row = &matrix_rows[i];

		tally(text("%s %s", row->method, row->pattern), missing_flow(row));
	}
}

void sweep_flows(const char *only)
{
	cover_routes();
	stage_begin(0);
	for (size_t i = 0; i < ARRAY_LEN(flows); i++)
		if (!only || strstr(flows[i].name, only))
			sweep(&flows[i]);
	stage_end();
}
