/*
 * The answer to one request cut after every byte: between client and API, and between API and
 * PostgreSQL, COMMIT's answer included. Who comes again with the same key gets the one guest, with
 * the same words each time; who comes without one gets him or hears that he is there.
 */
#include "tests/sweeps/database_sweeps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { AGAIN_MS = 40000, PAUSE_MS = 10, EVERY = 4 };

static struct scene scene;
static int number;
static const char *direct, *through;

/* Then another caller takes over: nobody may have more unpaid seats than HOLDS_PER_CALLER. */
enum { TRIES_A_CALLER = 900 };

/* A registration of a new address; a caller who was never seen, or the same for a while. */
struct
try {
	const char *email;
	const char *token;
	const char *key; /* NULL: none */
	int64_t type;
};

static struct try new_try(bool keyed, int64_t type, bool new_caller)
{
	const char *name = text("r%d", ++number);

	return (struct try){
		.email = text("%s@example.com", name),
		.token = token_of(1000000 + (new_caller ? number : -1 - number / TRIES_A_CALLER),
				  "user"),
		.key = keyed ? text("Idempotency-Key: %s", name) : NULL,
		.type = type,
	};
}

static struct reply *send(const struct try *try, const char *address)
{
	struct reply *reply;

	suite_speak_to(address);
	reply = api_send("POST", try->token, scene_fill(&scene, "/api/events/{event}/guests"),
			 text("{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"%s\","
			      "\"ticketTypeId\":%lld}",
			      try->email, (long long)try->type),
			 (const char *const[]){"Connection: close", try->key, NULL});
	suite_speak_to(direct);
	return reply;
}

/* Until it is decided: 503 and a first request that has not ended say to come again. */
static struct reply *send_again(const struct try *try)
{
	int64_t until = clock_monotonic_us() + AGAIN_MS * US_PER_MS;
	struct reply *reply;

	do {
		reply = send(try, direct);
		if (reply->status != 503 && strcmp(reply_slug(reply), "idempotency-in-flight") != 0)
			return reply;
		clock_sleep_ms(PAUSE_MS);
	} while (clock_monotonic_us() < until);
	return reply;
}

/* One live guest, one ticket (or one payment), one job; *ret_id: the guest. */
static const char *one_of_each(const struct try *try, int64_t *ret_id)
{
	const char *found =
		ask("SELECT concat_ws(' ', count(DISTINCT g.id), count(DISTINCT t.id) + "
		    "count(DISTINCT p.id), count(DISTINCT o.id), min(g.id)) FROM guests g "
		    "LEFT JOIN tickets t ON t.guest_id = g.id "
		    "LEFT JOIN payments p ON p.guest_id = g.id "
		    "LEFT JOIN notifications n ON n.guest_id = g.id "
		    "LEFT JOIN outbox o ON o.subject_id = coalesce(t.id, n.id) AND o.job_type = "
		    "CASE WHEN t.id IS NULL THEN 'send-email' ELSE 'generate-ticket-pdf' END "
		    "WHERE g.event_id = %lld AND g.email = '%s' AND g.deleted_at IS NULL",
		    (long long)scene.event, try->email);

	if (strncmp(found, "1 1 1 ", 6) != 0)
		return text("guests, tickets or payments, jobs: %s", found);
	*ret_id = strtoll(found + 6, NULL, 10);
	return NULL;
}

/* The whole answer came: headers that were cut may look whole, a body does not. */
static bool heard(const struct reply *reply)
{
	return reply->status == 201 && reply->json;
}

/* What holds after a request whose answer may have been cut. */
static const char *judge(const struct try *try, const struct reply *first)
{
	struct reply *again = send_again(try), *last;
	int64_t id = 0;
	const char *wrong = one_of_each(try, &id);

	if (wrong)
		return text("%s; then %d %s", wrong, again->status, again->body);
	if (heard(first) && reply_int(first, "data.id") != id)
		return text("promised another guest: %s", first->body);
	if (!try->key)
		return (again->status == 201 && reply_int(again, "data.id") == id) ||
				       !strcmp(reply_slug(again), "already-registered")
			       ? NULL
			       : text("comes again, and hears %d %s", again->status, again->body);
	last = send_again(try);
	if (again->status != 201 || reply_int(again, "data.id") != id)
		return text("comes again, and hears %d %s", again->status, again->body);
	if (last->status != 201 || strcmp(last->body, again->body) != 0 ||
	    !reply_header(last, "Idempotent-Replayed"))
		return text("hears %s, then %s", again->body, last->body);
	if (heard(first) && strcmp(first->body, again->body) != 0)
		return text("heard %s, then %s", first->body, again->body);
	return NULL;
}

/* --- between client and API ------------------------------------------------------------------- */

static void cut_client(const char *what, bool keyed, int every)
{
	struct try try = new_try(keyed, scene.free_type, false);
	int cases = 0;
	size_t len;

	wire_cut_plain(SIZE_MAX);
	if (send(&try, through)->status != 201)
		fatal("no registration through the proxy");
	while (!(len = wire_plain_answered()))
		clock_sleep_ms(1);
	for (size_t k = 0; k <= len; k++) {
		struct reply *reply;

		if (!chosen(every))
			continue;
		try = new_try(keyed, scene.free_type, false);
		wire_cut_plain(k);
		reply = send(&try, through);
		tally(text("%s, cut after byte %zu of %zu", what, k, len), judge(&try, reply));
		cases++;
	}
	printf("  %-34s %4zu bytes, %4d cases\n", what, len, cases);
	fflush(stdout);
}

/* --- between API and PostgreSQL --------------------------------------------------------------- */

static struct wire_rule rule_of(enum wire_fault fault, size_t bytes)
{
	return (struct wire_rule){.links = "main", .fault = fault, .bytes = bytes};
}

struct shape {
	const char *what;
	bool keyed, paid, new_caller;
	int every;
};

static void cut_database(const struct shape *shape)
{
	int64_t type = shape->paid ? scene.paid_type : scene.free_type;
	struct try try = new_try(shape->keyed, type, shape->new_caller);
	struct wire_rule rule = rule_of(WIRE_COUNT, 0);
	int cases = 0;
	size_t len;

	send(&try, direct); /* who comes again is known */
	try = new_try(shape->keyed, type, shape->new_caller);
	wire_set(&rule);
	if (send(&try, direct)->status != 201)
		fatal("no registration");
	len = wire_answered();
	for (size_t k = 0; k <= len; k++) {
		struct reply *reply;
		const char *wrong = NULL;

		if (!chosen(shape->every))
			continue;
		try = new_try(shape->keyed, type, shape->new_caller);
		rule = rule_of(WIRE_CUT, k);
		wire_set(&rule);
		reply = send(&try, direct);
		wire_set(NULL);
		if (reply->status != 201 &&
		    (reply->status != 503 || !reply_header(reply, "Retry-After")))
			wrong = text("answers %d %s", reply->status, reply->body);
		tally(text("%s, cut after byte %zu of %zu", shape->what, k, len),
		      wrong ? wrong : judge(&try, reply));
		cases++;
	}
	printf("  %-34s %4zu bytes, %4d cases\n", shape->what, len, cases);
	fflush(stdout);
}

/* --- COMMIT's answer: a cancellation, which is a transaction of several statements ------------ */

static struct reply *cancel(const struct scene *of, const char *key)
{
	return api_send("POST", of->buyer_token,
			scene_fill(of, "/api/events/{event}/guests/{guest}/cancel"), NULL,
			(const char *const[]){key, NULL});
}

static const char *cancel_cut(const struct scene *of, size_t k, const char *want)
{
	const char *key = text("Idempotency-Key: c%d", of->number);
	struct wire_rule rule = rule_of(WIRE_CUT, k);
	struct reply *first, *again;

	wire_set(&rule);
	first = cancel(of, key);
	wire_set(NULL);
	if (first->status != 200 && first->status != 503)
		return text("answers %d %s", first->status, first->body);
	for (int i = 0; i < 100; i++) {
		again = cancel(of, key);
		if (again->status != 503 && again->status != 409)
			break;
		clock_sleep_ms(PAUSE_MS);
	}
	if (again->status != 200 || (first->status == 200 && strcmp(first->body, again->body) != 0))
		return text("comes again, and hears %d %s", again->status, again->body);
	if (strcmp(scene_state(of), want) != 0)
		return text("leaves\n%s\ninstead of\n%s", scene_state(of), want);
	return NULL;
}

static void cut_commit(const char *what, int every)
{
	struct scene of = scene_make(LEVEL_GUEST);
	struct wire_rule rule = rule_of(WIRE_COUNT, 0);
	const char *want;
	int cases = 0;
	size_t len;

	wire_set(&rule);
	if (cancel(&of, text("Idempotency-Key: c%d", of.number))->status != 200)
		fatal("no cancellation");
	len = wire_answered();
	wire_set(NULL);
	want = scene_state(&of);
	for (size_t k = 0; k <= len; k++) {
		if (!chosen(every))
			continue;
		of = scene_make(LEVEL_GUEST);
		tally(text("%s, cut after byte %zu of %zu", what, k, len),
		      cancel_cut(&of, k, want));
		cases++;
	}
	printf("  %-34s %4zu bytes, %4d cases\n", what, len, cases);
	fflush(stdout);
}

void sweep_replies(const char *only)
{
	static const struct shape shapes[] = {
		{"database: register", true, false, true, 2 * EVERY},
		{"database: register without a key", false, false, false, 2 * EVERY},
		{"database: register and pay", true, true, false, 16 * EVERY},
	};

	stage_begin(0);
	scene = scene_make(LEVEL_OPEN);
	direct = text("%s", suite_api());
	through = text("http://127.0.0.1:%d",
		       wire_start_plain((int)strtol(strrchr(direct, ':') + 1, NULL, 10)));
	if (!only || strstr("client", only)) {
		cut_client("client: register", true, EVERY);
		cut_client("client: register without a key", false, EVERY);
	}
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (!only || strstr(shapes[i].what, only))
			cut_database(&shapes[i]);
	if (!only || strstr("commit", only))
		cut_commit("database: cancel a registration", 4 * EVERY);
	suite_speak_to(NULL);
	stage_end();
}
