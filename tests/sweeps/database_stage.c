#include "tests/sweeps/database_stage.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/pg.h"
#include "common/sign.h"

enum { AUDIT_MS = 30000, SOON_MS = 15000, USERS_FROM = 1000, TRIES = 20 };

/* --- what is looked at -------------------------------------------------------------------------
 */

static const char state_sql[] =
	"PREPARE state (bigint) AS\n"
	"WITH e AS (SELECT * FROM events WHERE organizer_id = $1),\n"
	"g AS (SELECT g.* FROM guests g JOIN e ON e.id = g.event_id WHERE g.deleted_at IS NULL),\n"
	"t AS (SELECT t.*, g.email FROM tickets t JOIN g ON g.id = t.guest_id),\n"
	"p AS (SELECT p.*, g.email FROM payments p JOIN g ON g.id = p.guest_id),\n"
	"n AS (SELECT n.*, g.email FROM notifications n JOIN g ON g.id = n.guest_id)\n"
	"SELECT concat_ws(E'\\n',\n"
	"(SELECT 'events ' || string_agg(concat_ws(' ', title, status, current_attendees,\n"
	"   change_seq, deleted_at IS NOT NULL), ', ' ORDER BY id) FROM e),\n"
	"(SELECT 'types ' || string_agg(concat_ws(' ', y.name, price, quantity, sold,\n"
	"   y.deleted_at IS NOT NULL), ', ' ORDER BY y.id)\n"
	"   FROM ticket_types y JOIN e ON e.id = y.event_id),\n"
	"(SELECT 'staff ' || count(*) FROM event_staff s JOIN e ON e.id = s.event_id),\n"
	"(SELECT 'guests ' || string_agg(concat_ws(' ', email, type, status, phone,\n"
	"   last_name), ', ' ORDER BY email, id) FROM g),\n"
	"(SELECT 'tickets ' || string_agg(concat_ws(' ', email, status, issue, doc_version,\n"
	"   mailed_issue, is_validated), ', ' ORDER BY email, id) FROM t),\n"
	"(SELECT 'documents ' || count(*) FROM documents d JOIN t ON t.id = d.ticket_id\n"
	"   AND d.doc_version = t.doc_version),\n"
	"(SELECT 'payments ' || string_agg(concat_ws(' ', email, method, status, amount,\n"
	"   refunded_amount, intent_id IS NOT NULL), ', ' ORDER BY email, id) FROM p),\n"
	"(SELECT 'refunds ' || string_agg(concat_ws(' ', r.amount, r.status, r.cause), ', '\n"
	"   ORDER BY r.id) FROM refunds r JOIN p ON p.id = r.payment_id),\n"
	"(SELECT 'messages ' || string_agg(concat_ws(' ', m.type, m.state), ', '\n"
	"   ORDER BY received_at) FROM payment_messages m JOIN p USING (intent_id)),\n"
	"(SELECT 'scans ' || string_agg(concat_ws(' ', outcome, undone, by_hand), ', '\n"
	"   ORDER BY s.id) FROM ticket_scans s JOIN e ON e.id = s.event_id\n"
	"   WHERE outcome <> 'already-validated'),\n"
	"(SELECT 'imports ' || string_agg(concat_ws(' ', i.status, processed, created, rejected),\n"
	"   ', ' ORDER BY i.id) FROM imports i JOIN e ON e.id = i.event_id\n"
	"   WHERE i.status <> 'receiving'),\n"
	"(SELECT 'mails ' || string_agg(concat_ws(' ', email, kind, status), ', '\n"
	"   ORDER BY email, kind, n.id) FROM n),\n"
	"(SELECT 'jobs ' || string_agg(concat_ws(' ', job_type, state), ', '\n"
	"   ORDER BY job_type, state) FROM outbox o\n"
	"   WHERE (job_type = 'send-email' AND subject_id IN (SELECT id FROM n))\n"
	"   OR (job_type = 'generate-ticket-pdf' AND subject_id IN (SELECT id FROM t))),\n"
	"(SELECT 'statistics ' || string_agg(concat_ws(' ', kind, n, amount), ', ' ORDER BY kind)\n"
	"   FROM (SELECT kind, sum(n) AS n, sum(amount) AS amount FROM (\n"
	"     SELECT event_id, kind, n, amount FROM statistics_deltas UNION ALL\n"
	"     SELECT event_id, kind, n, amount FROM event_statistics) d\n"
	"   JOIN e ON e.id = d.event_id GROUP BY kind HAVING sum(n) <> 0 OR sum(amount) <> 0) s))";

/* --- the suite -------------------------------------------------------------------------------- */

static struct pg_conn *own;
static unsigned started;

static void start(unsigned parts)
{
	for (unsigned part = 1; part <= SUITE_EMAIL; part <<= 1)
		if (parts & part)
			suite_start((enum suite_part)part);
	started |= parts;
}

void stage_begin(unsigned parts)
{
	struct problem err = {0};
	const char *at;
	int port;

	suite_set("UPSTREAM_BUDGET_MS", "800");
	suite_set("HOLDS_PER_CALLER", "1000");
	suite_set("MAIL_RETRY_DELAYS", "0,0");
	suite_begin(SUITE_PLATFORM);
	if (pg_connect(suite_database(), &own, &err))
		fatal("%s", err.detail);
	ask("%s", state_sql);
	at = strrchr(suite_database(), ':') + 1;
	port = wire_start((int)strtol(at, NULL, 10));
	at = strchr(at, '/');
	suite_set("DATABASE_URL",
		  text("postgresql://postgres@127.0.0.1:%d%s%ssslmode=disable&gssencmode=disable",
		       port, at, strchr(at, '?') ? "&" : "?"));
	start(SUITE_API | parts);
}

static bool audit_becomes_clean(void)
{
	int64_t until = clock_monotonic_us() + AUDIT_MS * US_PER_MS;
	const char *output = "";

	while (suite_ask_corectl(&output, "audit") != 0) {
		if (clock_monotonic_us() > until) {
			fprintf(stderr, "%s\n", output);
			return false;
		}
		clock_sleep_ms(500);
	}
	return true;
}

static const char *all_alive(void)
{
	for (unsigned part = 1; part <= SUITE_EMAIL; part <<= 1) {
		siginfo_t info = {0};
		int pid = suite_pid((enum suite_part)part);

		if (started & part &&
		    (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
		     info.si_pid == pid))
			return "one has ended";
	}
	return NULL;
}

void stage_end(void)
{
	wire_set(NULL);
	tally("the programs", all_alive());
	tally("corectl audit", audit_becomes_clean() ? NULL : "finds drift");
	pg_return(&own);
	suite_end();
	started = 0;
}

const char *ask(const char *statement, ...)
{
	PG_RESULT result = NULL;
	struct problem err = {0};
	char *full;
	va_list args;

	va_start(args, statement);
	if (vasprintf(&full, statement, args) < 0)
		abort();
	va_end(args);
	if (pg_exec(own, full, PG_NO_ARGS, &result, &err))
		fatal("%s: %s", full, err.detail);
	free(full);
	return pg_rows(result) && !pg_is_null(result, 0, 0) ? text("%s", pg_text(result, 0, 0))
							    : NULL;
}

/* --- faults ----------------------------------------------------------------------------------- */

const struct fault faults[] = {
	{"40001", WIRE_ERROR, "40001"},
	{"40P01", WIRE_ERROR, "40P01"},
	{"53300", WIRE_ERROR, "53300"},
	{"53100", WIRE_ERROR, "53100"},
	{"25006", WIRE_ERROR, "25006"},
	{"55P03", WIRE_ERROR, "55P03"},
	{"57P01", WIRE_FATAL, NULL},
	{"a dead link before", WIRE_LOST, NULL},
	{"a dead link after", WIRE_UNHEARD, NULL},
};
const size_t fault_count = ARRAY_LEN(faults);

/* --- the tally -------------------------------------------------------------------------------- */

static int passed, failures;

void tally(const char *name, const char *wrong)
{
	if (!wrong) {
		passed++;
		return;
	}
	failures++;
	printf("FAILED %s: %s\n", name, wrong);
	fflush(stdout);
}

bool chosen(int every)
{
	static unsigned long count;
	const char *mode = getenv("SWEEP"), *seed = getenv("SWEEP_SEED");

	if (mode && !strcmp(mode, "all"))
		return true;
	return (count++ + strtoul(seed ? seed : "0", NULL, 10)) % (unsigned)every == 0;
}

bool chosen_call(const char *call)
{
	const char *only = getenv("SWEEP_CALL");

	return !only || !strcmp(only, call);
}

int tally_end(const char *what)
{
	printf("%s: %d passed, %d failed\n", what, passed, failures);
	return failures || !passed;
}

/* --- a scene ---------------------------------------------------------------------------------- */

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		fatal("a scene: %d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static void add_event(struct scene *scene, bool open)
{
	struct reply *made =
		must(api_post(scene->owner_token, "/api/events",
			      "{\"title\":\"A concert\",\"eventDate\":\"2099-05-01T20:00:00Z\","
			      "\"location\":\"The hall\",\"maxAttendees\":5000,\"ticketTypes\":["
			      "{\"name\":\"Free\",\"price\":0,\"quantity\":5000},"
			      "{\"name\":\"Paid\",\"price\":25,\"quantity\":5000},"
			      "{\"name\":\"Spare\",\"price\":0,\"quantity\":50}]}"),
		     201);

	scene->event = reply_int(made, "data.id");
	scene->free_type = reply_int(made, "data.ticketTypes.0.id");
	scene->paid_type = reply_int(made, "data.ticketTypes.1.id");
	scene->spare_type = reply_int(made, "data.ticketTypes.2.id");
	if (open)
		must(api_post(scene->owner_token, scene_fill(scene, "/api/events/{event}/publish"),
			      NULL),
		     200);
}

static struct reply *register_guest(const struct scene *scene, const char *type)
{
	return api_post(scene->buyer_token, scene_fill(scene, "/api/events/{event}/guests"),
			"{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","
			"\"ticketTypeId\":%s}",
			scene_fill(scene, type));
}

/* On a busy machine the payment service's answer may come too late: then nothing is booked. */
static void add_guest(struct scene *scene, const char *type)
{
	struct reply *made = register_guest(scene, type);

	for (int i = 0; i < TRIES && !strcmp(reply_slug(made), "payment-unavailable"); i++)
		made = register_guest(scene, type);
	must(made, 201);
	scene->guest = reply_int(made, "data.id");
	scene->ticket = reply_int(made, "data.ticket.id");
	scene->code = reply_text(made, "data.ticket.ticketCode");
	scene->payment = reply_int(made, "data.payment.id");
	scene->intent = reply_text(made, "data.payment.intentId");
}

static void check_in(const struct scene *scene)
{
	must(api_post(scene->owner_token,
		      scene_fill(scene, "/api/events/{event}/guests/{guest}/check-in"), NULL),
	     200);
}

static void import(struct scene *scene)
{
	struct reply *taken = must(api_post(scene->owner_token,
					    scene_fill(scene, "/api/events/{event}/guests/import"),
					    "{\"rows\":[]}"),
				   202);

	scene->import = reply_int(taken, "data.id");
	if (!sql_becomes(
		    SOON_MS, "done",
		    text("SELECT status FROM imports WHERE id = %lld", (long long)scene->import)))
		fatal("a scene: the import does not end");
}

static void furnish(struct scene *scene, enum level level)
{
	switch (level) {
	case LEVEL_STARTED:
		must(api_post(scene->owner_token, scene_fill(scene, "/api/events/{event}/start"),
			      NULL),
		     200);
		break;
	case LEVEL_STAFFED:
		must(api_put(scene->owner_token, "%s",
			     scene_fill(scene, "/api/events/{event}/staff/77")),
		     204);
		break;
	case LEVEL_GUEST:
	case LEVEL_INSIDE:
		add_guest(scene, "{free}");
		if (level == LEVEL_INSIDE)
			check_in(scene);
		break;
	case LEVEL_PLAIN:
		add_guest(scene, "null");
		break;
	case LEVEL_HOLD:
	case LEVEL_PAID:
		add_guest(scene, "{paid}");
		if (level == LEVEL_PAID)
			must(platform_pay("{\"intentId\":\"%s\",\"type\":\"payment.succeeded\"}",
					  scene->intent),
			     200);
		break;
	case LEVEL_IMPORTED:
		import(scene);
		break;
	case LEVEL_NOTHING:
	case LEVEL_DRAFT:
	case LEVEL_OPEN:
		break;
	}
}

struct scene scene_make(enum level level)
{
	static int number;
	struct scene scene = {.number = ++number};

	scene.organizer = USERS_FROM + 2 * number;
	scene.buyer = scene.organizer + 1;
	scene.owner_token = token_of(scene.organizer, "organizer");
	scene.buyer_token = token_of(scene.buyer, "user");
	if (level > LEVEL_NOTHING)
		add_event(&scene, level > LEVEL_DRAFT);
	furnish(&scene, level);
	return scene;
}

static const char *word_of(const struct scene *scene, const char *word, size_t len)
{
	const struct {
		const char *name;
		int64_t id;
	} ids[] = {
		{"event", scene->event},     {"free", scene->free_type},
		{"paid", scene->paid_type},  {"spare", scene->spare_type},
		{"guest", scene->guest},     {"ticket", scene->ticket},
		{"payment", scene->payment}, {"import", scene->import},
		{"number", scene->number},   {"organizer", scene->organizer},
	};

	if (!strncmp(word, "code", len))
		return scene->code;
	if (!strncmp(word, "intent", len))
		return scene->intent;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (strlen(ids[i].name) == len && !strncmp(word, ids[i].name, len))
			return text("%lld", (long long)ids[i].id);
	return NULL;
}

const char *scene_fill(const struct scene *scene, const char *pattern)
{
	const char *filled = "";

	while (*pattern) {
		size_t plain = strcspn(pattern, "{");
		const char *word = pattern + plain + (pattern[plain] == '{');
		size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz");
		const char *value = len && word[len] == '}' ? word_of(scene, word, len) : NULL;

		filled = value ? text("%s%.*s%s", filled, (int)plain, pattern, value)
			       : text("%s%.*s", filled, (int)(word - pattern), pattern);
		pattern = value ? word + len + 1 : word;
	}
	return filled;
}

const char *scene_state(const struct scene *scene)
{
	return ask("EXECUTE state (%lld)", (long long)scene->organizer);
}

struct reply *scene_tell(const struct scene *scene, const char *type)
{
	const char *id = text("msg_%d_%s", scene->number, type);
	const char *at = text("%lld", (long long)(clock_now_us() / US_PER_S));
	const char *body = text("{\"type\":\"%s\",\"data\":{\"intentId\":\"%s\",\"amount\":25,"
				"\"currency\":\"EUR\"}}",
				type, scene->intent);
	struct strbuf signature;

	strbuf_init(&signature, NULL);
	sign_webhook(&signature, suite_webhook_secret, id, at, (struct slice){body, strlen(body)});
	return api_send("POST", NULL, "/api/payments/webhook", body,
			(const char *[]){text("webhook-id: %s", id),
					 text("webhook-timestamp: %s", at),
					 text("webhook-signature: %s", signature.buf), NULL});
}
