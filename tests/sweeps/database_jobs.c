/*
 * What happens behind the requests: the API's duties and dispatcher, and both workers. Each
 * statement that they run, and each COMMIT, fails once in every way while a job is done: the job is
 * done all the same, once.
 */
#include "tests/sweeps/database_sweeps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum {
	DONE_MS = 40000,
	PAUSE_MS = 20,
	NUDGE_MS = 500,
	MEET_MS = 3000,
	NAMES_MAX = 256,
	/* The BEGINs of all duties have one name: each duty meets it. */
	BEGINS = 15,
	EVERY = 7,
};

#define EVENT "/api/events/{event}"
#define GUEST EVENT "/guests/{guest}"

struct job {
	const char *name;
	const char *links;
	enum level level;
	void (*begin)(struct scene *scene);
	const char *has;                    /* what the state of things shows in the end */
	const char * not ;                  /* what it shows no more, NULL: that is all */
	void (*nudge)(struct scene *scene); /* while it is not done; NULL: nothing */
};

static void must(const struct reply *reply, int status)
{
	if (reply->status != status)
		fatal("a job: %d instead of %d: %s", reply->status, status, reply->body);
}

static void owner_posts(const struct scene *scene, const char *path, const char *body, int status)
{
	must(api_send("POST", scene->owner_token, scene_fill(scene, path),
		      body ? scene_fill(scene, body) : NULL, NULL),
	     status);
}

/* --- how jobs begin --------------------------------------------------------------------------- */

static void event_starts(struct scene *scene)
{
	ask("UPDATE events SET event_date = now() WHERE id = %lld", (long long)scene->event);
}

static void event_is_over(struct scene *scene)
{
	ask("UPDATE events SET event_date = now() - interval '2 hours', "
	    "end_date = now() - interval '1 hour' WHERE id = %lld",
	    (long long)scene->event);
}

static void event_cancelled(struct scene *scene)
{
	owner_posts(scene, EVENT "/cancel", NULL, 200);
}

static void event_moved(struct scene *scene)
{
	must(api_patch(scene->owner_token, scene_fill(scene, EVENT),
		       "{\"eventDate\":\"2099-06-01T20:00:00Z\"}"),
	     200);
}

static void hold_over(struct scene *scene)
{
	ask("UPDATE payments SET expires_at = clock_timestamp() WHERE id = %lld",
	    (long long)scene->payment);
}

/* Its caller is gone before the intent was recorded. */
static void registration_left(struct scene *scene)
{
	struct reply *reply;

	wire_set(&(struct wire_rule){.links = "main",
				     .call = "payment_lock_intent",
				     .first = 1,
				     .count = 1,
				     .fault = WIRE_LOST});
	reply = api_post(scene->buyer_token, scene_fill(scene, EVENT "/guests"),
			 "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","
			 "\"ticketTypeId\":%lld}",
			 (long long)scene->paid_type);
	wire_set(NULL);
	must(reply, 503);
}

static void registration_forgotten(struct scene *scene)
{
	ask("UPDATE payments SET deadline_at = now() - interval '2 minutes' WHERE event_id = %lld "
	    "AND deadline_at > now() - interval '1 minute'",
	    (long long)scene->event);
}

static void hold_cancelled(struct scene *scene)
{
	must(api_post(scene->buyer_token, scene_fill(scene, GUEST "/cancel"), NULL), 200);
}

static void refund_asked(struct scene *scene)
{
	owner_posts(scene, "/api/payments/{payment}/refund", "{\"amount\":10}", 202);
}

static void hurry_refunds(struct scene *scene)
{
	(void)scene;
	ask("UPDATE refunds SET next_at = now() WHERE next_at IS NOT NULL");
}

/* The payment service speaks of an intent that is not known yet. */
static void message_early(struct scene *scene)
{
	ask("UPDATE payments SET intent_id = 'hidden' WHERE id = %lld", (long long)scene->payment);
	must(scene_tell(scene, "payment.succeeded"), 204);
	ask("UPDATE payments SET intent_id = '%s' WHERE id = %lld", scene->intent,
	    (long long)scene->payment);
}

static void hurry_messages(struct scene *scene)
{
	(void)scene;
	ask("UPDATE payment_messages SET next_at = now(), received_at = now() - interval '1 min' "
	    "WHERE state = 'waiting'");
}

static void hurry_voids(struct scene *scene)
{
	(void)scene;
	ask("UPDATE payments SET void_at = now() WHERE void_at > now()");
}

static void hurry_holds(struct scene *scene)
{
	ask("UPDATE payments SET next_at = now() WHERE event_id = %lld AND next_at > now() "
	    "AND next_at <> 'infinity'",
	    (long long)scene->event);
}

static void file_given(struct scene *scene)
{
	owner_posts(scene, EVENT "/guests/import",
		    "{\"rows\":[{\"firstName\":\"A\",\"lastName\":\"B\","
		    "\"email\":\"a@example.com\",\"ticketTypeId\":{free}},"
		    "{\"firstName\":\"C\",\"lastName\":\"D\",\"email\":\"c@example.com\"},"
		    "{\"firstName\":\"E\",\"email\":\"e\"}]}",
		    202);
}

/* Whoever claimed it and could not say so is believed to be dead only after a while. */
static void hurry_imports(struct scene *scene)
{
	ask("UPDATE imports SET next_at = now() WHERE event_id = %lld AND next_at > now()",
	    (long long)scene->event);
}

static void guest_comes(struct scene *scene)
{
	must(api_post(scene->buyer_token, scene_fill(scene, EVENT "/guests"),
		      "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"a@example.com\","
		      "\"ticketTypeId\":%lld}",
		      (long long)scene->free_type),
	     201);
}

/* A job that Redis does not know. */
static void job_lost(struct scene *scene)
{
	ask("UPDATE tickets SET status = 'pending', doc_version = doc_version + 1 WHERE id = %lld; "
	    "INSERT INTO outbox (id, job_type, subject_id, created_at) VALUES "
	    "(gen_random_uuid(), 'generate-ticket-pdf', %lld, now() - interval '1 minute')",
	    (long long)scene->ticket, (long long)scene->ticket);
}

static void programs_start(struct scene *scene)
{
	(void)scene;
	ask("INSERT INTO idempotency_keys (caller_id, key, fingerprint, state, status, expires_at) "
	    "VALUES (1, 'old', '', 'done', 200, now() - interval '1 hour') ON CONFLICT DO NOTHING");
	if (suite_stop(SUITE_API) != 0)
		fatal("the API does not end well");
	suite_start(SUITE_API);
}

/* The first scrape of a process asks the database; one that fails shows what was read before. */
static void first_scrape(struct scene *scene)
{
	programs_start(scene);
	if (api_metric("process_start_time_seconds") <= 0)
		fatal("no metrics");
}

/* clang-format off */
static const struct job duties[] = {
	{"an event starts", "sweeper", LEVEL_OPEN, event_starts, "A concert active", NULL, NULL},
	{"an event is over", "sweeper", LEVEL_STARTED, event_is_over, "A concert completed", NULL, NULL},
	{"holds of an event that is over", "sweeper", LEVEL_HOLD, event_is_over, "A concert completed 0", "pending", hurry_holds},
	{"guests of a cancelled event", "sweeper", LEVEL_PAID, event_cancelled, "25.00 done event-cancelled", NULL, hurry_refunds},
	{"guests of a moved event", "sweeper", LEVEL_GUEST, event_moved, "event-changed queued", NULL, NULL},
	{"the end of a hold", "sweeper", LEVEL_HOLD, hold_over, "a@example.com regular cancelled", NULL, hurry_holds},
	{"a registration that crashed", "sweeper", LEVEL_OPEN, registration_left, "published 0", "guests", registration_forgotten},
	{"an intent to void", "sweeper", LEVEL_HOLD, hold_cancelled, "intent cancelled", NULL, hurry_voids},
	{"a refund", "sweeper", LEVEL_PAID, refund_asked, "10.00 done asked", NULL, hurry_refunds},
	{"a message before its intent", "sweeper", LEVEL_HOLD, message_early, "payment.succeeded applied", NULL, hurry_messages},
	{"an import", "sweeper", LEVEL_OPEN, file_given, "imports done 3 2 1", NULL, hurry_imports},
	{"duties of a start", "sweeper", LEVEL_GUEST, programs_start, "guests", NULL, NULL},
	{"the gauges of a start", "sweeper", LEVEL_GUEST, first_scrape, "guests", NULL, NULL},
};
static const struct job queued[] = {
	{"a ticket", "worker-tickets", LEVEL_OPEN, guest_comes, "ticket-issued", "generate-ticket", NULL},
	{"a mail", "worker-email", LEVEL_OPEN, guest_comes, "ticket-issued sent", "send-email", NULL},
	{"a job that Redis lost", "dispatcher", LEVEL_GUEST, job_lost, "documents 1", "generate-ticket", NULL},
};
/* clang-format on */

/* --- one case --------------------------------------------------------------------------------- */

static bool is_done(const struct job *job, const char *state)
{
	return strstr(state, job->has) && (!job->not || !strstr(state, job->not ));
}

static const char *await_done(const struct job *job, struct scene *scene, const char **ret_state)
{
	int64_t now = clock_monotonic_us(), until = now + DONE_MS * US_PER_MS;
	int64_t nudge_at = now;

	while (!is_done(job, *ret_state = scene_state(scene))) {
		now = clock_monotonic_us();
		if (now > until)
			return text("is not done:\n%s", *ret_state);
		if (job->nudge && now >= nudge_at) {
			job->nudge(scene);
			nudge_at = now + NUDGE_MS * US_PER_MS;
		}
		clock_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

/* What is done may be tidied up a little later. */
static void await_failure(void)
{
	int64_t until = clock_monotonic_us() + MEET_MS * US_PER_MS;

	while (!wire_failed() && clock_monotonic_us() < until)
		clock_sleep_ms(PAUSE_MS);
}

static const char *await_state(const struct scene *scene, const char *want)
{
	int64_t until = clock_monotonic_us() + DONE_MS * US_PER_MS;
	const char *state;

	while (strcmp(state = scene_state(scene), want) != 0) {
		if (clock_monotonic_us() > until)
			return text("leaves\n%s\ninstead of\n%s", state, want);
		clock_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

static const char *await_idle(const char *links)
{
	int64_t until = clock_monotonic_us() + DONE_MS * US_PER_MS;
	const char *left;

	while (strcmp(left = ask(
			      "SELECT count(*) FROM pg_stat_activity WHERE datname = "
			      "current_database() AND application_name = '%s' AND state <> 'idle' "
			      "AND state_change < now() - interval '2 seconds'",
			      links),
		      "0") != 0) {
		if (clock_monotonic_us() > until)
			return text("%s sessions are still at work", left);
		clock_sleep_ms(PAUSE_MS);
	}
	return NULL;
}

/* The names of the calls, each once, that no job before had; those that every duty makes are met in
 * the first job. */
static const char *seen[NAMES_MAX];
static size_t seen_count;

static bool is_new(const char *name)
{
	for (size_t i = 0; i < seen_count; i++)
		if (!strcmp(seen[i], name))
			return false;
	if (seen_count < NAMES_MAX)
		seen[seen_count++] = name;
	return true;
}

static void arm(const struct job *job, const char *call, const struct fault *fault)
{
	wire_set(&(struct wire_rule){
		.links = job->links,
		.call = call,
		.first = 1,
		.count = call && !strcmp(call, "BEGIN") && !strcmp(job->links, "sweeper") ? BEGINS
											  : 1,
		.fault = fault ? fault->kind : WIRE_COUNT,
		.sqlstate = fault ? fault->sqlstate : NULL,
	});
}

/* A rule that the beginning sets for itself must not be overwritten by ours. */
static void begin(const struct job *job, struct scene *scene, const char *call,
		  const struct fault *fault)
{
	bool own_rule = job->begin == registration_left;

	if (own_rule)
		job->begin(scene);
	arm(job, call, fault);
	if (!own_rule)
		job->begin(scene);
}

static const char *run_case(const struct job *job, const char *call, const struct fault *fault,
			    const char *want, bool *ret_reached)
{
	struct scene scene = scene_make(job->level);
	const char *state, *wrong;

	begin(job, &scene, call, fault);
	wrong = await_done(job, &scene, &state);
	await_failure();
	if (!wrong)
		wrong = await_state(&scene, want);
	*ret_reached = wire_failed() > 0;
	wire_set(NULL);
	return wrong ? wrong : await_idle(job->links);
}

static void sweep(const struct job *job)
{
	struct scene scene = scene_make(job->level);
	const char *calls[NAMES_MAX];
	const char *state, *wrong;
	size_t count = 0;
	int cases = 0, unreached = 0;

	begin(job, &scene, NULL, NULL);
	wrong = await_done(job, &scene, &state);
	if (wrong)
		fatal("%s, undisturbed: %s", job->name, wrong);
	clock_sleep_ms(2500);
	state = scene_state(&scene);
	for (int i = 0; i < wire_calls() && count < NAMES_MAX; i++) {
		const char *name = wire_call(i);

		if (name && strncmp(name, "ROLLBACK", 8) != 0 && is_new(name))
			calls[count++] = name;
	}
	wire_set(NULL);
	for (size_t k = 0; k < count; k++)
		for (size_t i = 0; i < fault_count; i++) {
			bool reached = false;

			if (!chosen_call(calls[k]) || !chosen(EVERY))
				continue;
			wrong = run_case(job, calls[k], &faults[i], state, &reached);
			if (!wrong && !reached) {
				unreached++;
				continue;
			}
			tally(text("%s, %s, %s", job->name, calls[k], faults[i].name), wrong);
			cases++;
		}
	printf("  %-34s %2zu calls, %3d cases, %d not met\n", job->name, count, cases, unreached);
	fflush(stdout);
}

static void sweep_all(const struct job *jobs, size_t count, unsigned parts, const char *only)
{
	bool begun = false;

	for (size_t i = 0; i < count; i++) {
		if (only && !strstr(jobs[i].name, only))
			continue;
		if (!begun) {
			suite_set("JOB_TIME_TO_RUN_MS", "1000");
			stage_begin(parts);
		}
		begun = true;
		sweep(&jobs[i]);
	}
	if (begun)
		stage_end();
}

/* Without workers first: whether a mail is sent before it is overtaken is nobody's to say. */
void sweep_jobs(const char *only)
{
	sweep_all(duties, ARRAY_LEN(duties), 0, only);
	sweep_all(queued, ARRAY_LEN(queued), SUITE_TICKETS | SUITE_EMAIL, only);
}
