#include "worker-email/email_job.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/crash_point.h"
#include "common/log.h"

enum {
	DELAY_MAX_S = 86400,
	EMAIL_MASKED_SIZE = 300,
	FRESH_MS = 50,  /* so long what was read of a mail may be told */
	RECORD_MS = 50, /* so long what became of one waits at most, but for a call under way */
};

/* Jobs on their way. */
struct batch {
	struct email_context *context;
	struct arena *arena;
	const struct job *jobs;
	size_t count;
	struct job_outcome *outcomes;
	struct mail **mails;         /* as of loaded_us; NULL: there is no such mail */
	int64_t loaded_us;           /* 0: not loaded */
	struct mail_ending *endings; /* not recorded yet */
	size_t ending_count;
	int64_t recorded_us; /* nothing was left to record */
};

enum status email_delays_parse(const char *text, struct email_context *ret, struct problem *err)
{
	size_t count = 0;
	for (const char *at = text; count < MAIL_DELAYS_MAX; at++) {
		char *end;
		if (*at < '0' || *at > '9')
			break;
		long seconds = strtol(at, &end, 10);
		if (seconds > DELAY_MAX_S)
			break;
		ret->delays_ms[count++] = (int64_t)seconds * 1000;
		at = end;
		if (*at == '\0') {
			ret->delay_count = count;
			return OK;
		}
		if (*at != ',')
			break;
	}
	return problem_set(err, ST_CONFIG,
			   "MAIL_RETRY_DELAYS must be 1 to %d numbers of seconds, like 10,60",
			   MAIL_DELAYS_MAX);
}

bool email_ready(void *ctx)
{
	struct email_context *context = ctx;
	return breaker_ready(&context->breaker, clock_monotonic_us());
}

static void log_result(const struct mail *mail, const struct job *job, int64_t attempt,
		       const char *error)
{
	char to[EMAIL_MASKED_SIZE];
	struct log_line line;
	log_mask_email(mail->email, to, sizeof(to));
	log_open(&line, error ? LOG_ERROR : LOG_INFO,
		 error ? "Failed to send email" : "Email sent successfully");
	log_str(&line, "jobId", job->id);
	log_str(&line, "to", to);
	log_str(&line, "template", mail->kind);
	log_i64(&line, "attempt", attempt);
	log_str(&line, "requestId", job->request_id);
	trace_log(&line, &job->span);
	log_str(&line, "error", error);
	log_close(&line);
}

static struct job_outcome failed(const struct problem *err)
{
	return (struct job_outcome){.result = JOB_FAILED, .problem = *err, .delay_ms = -1};
}

/* --- jobs that are over ------------------------------------------------------------------------
 */

static struct job_outcome *outcome_of(struct batch *batch, const struct mail_ending *ending)
{
	return &batch->outcomes[ending->job - batch->jobs];
}

/* What fails here is tried again under the same key. One that breaks the transaction must not hold
 * up the others. */
static void record(struct batch *batch, struct mail_ending *endings, size_t count)
{
	struct problem err = {0};
	enum status status =
		mail_complete(batch->context->pool, batch->arena, endings, count, &err);

	CRASH_POINT("mail.recorded");
	if (status != OK && status != ST_DATABASE_UNAVAILABLE && count > 1) {
		for (size_t i = 0; i < count; i++)
			record(batch, &endings[i], 1);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct job_outcome *outcome = outcome_of(batch, &endings[i]);

		if (status != OK)
			*outcome = failed(&err);
		else
			outcome->result = endings[i].ours ? JOB_DONE : JOB_LOST;
	}
}

static void record_all(struct batch *batch)
{
	if (batch->ending_count)
		record(batch, batch->endings, batch->ending_count);
	batch->ending_count = 0;
	batch->recorded_us = clock_monotonic_us();
}

/* The job is over; that is recorded with those of its neighbours. */
static void end(struct batch *batch, const struct mail *mail, const struct job *job,
		const struct mail_outcome *outcome)
{
	batch->endings[batch->ending_count++] =
		(struct mail_ending){.mail = mail, .job = job, .outcome = *outcome};
}

static void drop(struct batch *batch, const struct mail *mail, const struct job *job,
		 const char *why)
{
	CRASH_POINT("mail.dropping");
	end(batch, mail, job,
	    &(struct mail_outcome){.status = "dropped", .attempts = job->attempts, .error = why});
}

static void sent(struct batch *batch, const struct mail *mail, const struct job *job,
		 const char *service_id)
{
	const struct mail_outcome outcome = {
		.status = "sent", .attempts = job->attempts + 1, .service_id = service_id};

	breaker_success(&batch->context->breaker);
	log_result(mail, job, outcome.attempts, NULL);
	end(batch, mail, job, &outcome);
}

/* --- jobs that failed --------------------------------------------------------------------------
 */

/* Say in the mail's row what went wrong. The job decides what happens next, so a database that is
 * away costs a line in that row, no more. */
static void record_failure(const struct batch *batch, const struct mail *mail,
			   const struct job *job, bool final, bool counted, const char *why)
{
	const struct mail_outcome outcome = {.status = final ? "failed" : "queued",
					     .attempts = job->attempts + (counted ? 1 : 0),
					     .error = why};
	struct problem err = {0};

	log_result(mail, job, job->attempts + 1, why);
	CRASH_POINT("mail.failed");
	if (mail_record_failure(batch->context->pool, batch->arena, mail, job, &outcome, &err) !=
	    OK)
		log_message(LOG_WARN, "a failed mail is not recorded: %s", err.detail);
	CRASH_POINT("mail.failure-recorded");
}

static int64_t delay_before_next(const struct email_context *context, const struct job *job,
				 int64_t retry_after_us)
{
	size_t index = (size_t)job->attempts;
	if (index >= context->delay_count)
		index = context->delay_count - 1;
	int64_t delay_ms = context->delays_ms[index];
	int64_t asked_ms = retry_after_us / US_PER_MS;
	return asked_ms > delay_ms ? asked_ms : delay_ms;
}

/* The service is away or says "later". While it is taken for down the mail is handed back as if
 * never tried: its attempts are for answers to itself. */
static struct job_outcome fail_for_now(const struct batch *batch, const struct mail *mail,
				       const struct job *job,
				       const struct notification_answer *answer,
				       const struct problem *err)
{
	struct email_context *context = batch->context;
	bool was_down =
		breaker_failure(&context->breaker, clock_monotonic_us(), answer->retry_after_us);
	bool counted = !was_down && answer->reached;
	bool final = counted && job->type->max_attempts > 0 &&
		     job->attempts + 1 >= job->type->max_attempts;
	record_failure(batch, mail, job, final, counted, err->detail);
	if (was_down)
		return (struct job_outcome){.result = JOB_WAIT};
	struct job_outcome outcome = failed(err);
	outcome.counted = counted;
	outcome.delay_ms = delay_before_next(context, job, answer->retry_after_us);
	return outcome;
}

/* The service will never take this mail, or it cannot be written: it is buried. */
static struct job_outcome fail_for_good(const struct batch *batch, const struct mail *mail,
					const struct job *job, bool counted,
					const struct problem *err)
{
	record_failure(batch, mail, job, true, counted, err->detail);
	struct job_outcome outcome = failed(err);
	outcome.counted = counted;
	return outcome;
}

/* --- one after another ------------------------------------------------------------------------ */

static void send_mail(struct batch *batch, const struct mail *mail, const struct job *job,
		      struct job_outcome *ret)
{
	struct email_context *context = batch->context;
	struct problem err = {0};
	struct mail_letter letter;
	struct notification_answer answer = {0};
	enum status status;

	if (mail_write(batch->arena, mail, &context->links, &letter, &err) != OK) {
		*ret = fail_for_good(batch, mail, job, false, &err);
		return;
	}
	if (!breaker_enter(&context->breaker, clock_monotonic_us())) {
		*ret = (struct job_outcome){.result = JOB_WAIT};
		return;
	}
	CRASH_POINT("mail.written");
	status = notification_send(&context->service, batch->arena, &letter, job, &answer, &err);
	CRASH_POINT("mail.answered");
	if (status == OK) {
		sent(batch, mail, job, answer.id);
	} else if (status == ST_UPSTREAM_DOWN) {
		*ret = fail_for_now(batch, mail, job, &answer, &err);
	} else {
		breaker_success(&context->breaker);
		*ret = fail_for_good(batch, mail, job, true, &err);
	}
}

static bool is_past(int64_t since_us, int64_t ms)
{
	return clock_monotonic_us() - since_us > ms * US_PER_MS;
}

/* Read this job's mail, and those of the jobs behind it, unless they were read just now: what was
 * true before a slow call may have been overtaken. */
static enum status load_from(struct batch *batch, size_t i, struct problem *err)
{
	enum status status;

	if (batch->loaded_us && !is_past(batch->loaded_us, FRESH_MS))
		return OK;
	batch->loaded_us = 0;
	status = mail_load(batch->context->pool, batch->arena, &batch->jobs[i], batch->count - i,
			   &batch->mails[i], err);
	CRASH_POINT("mail.loaded");
	if (status == OK)
		batch->loaded_us = clock_monotonic_us();
	return status;
}

static void run_one(struct batch *batch, size_t i)
{
	const struct job *job = &batch->jobs[i];
	struct job_outcome *ret = &batch->outcomes[i];
	struct problem err = {0};
	const struct mail *mail;

	if (!email_ready(batch->context)) {
		*ret = (struct job_outcome){.result = JOB_WAIT};
		return;
	}
	if (load_from(batch, i, &err) != OK) {
		*ret = failed(&err);
		return;
	}
	mail = batch->mails[i];
	if (!mail || mail_is_settled(mail))
		end(batch, NULL, job, &(struct mail_outcome){0});
	else if (mail_overtaken(mail))
		drop(batch, mail, job, mail_overtaken(mail));
	else
		send_mail(batch, mail, job, ret);
}

void email_run(void *ctx, struct arena *arena, const struct job *jobs, size_t count,
	       struct job_outcome *outcomes)
{
	struct batch batch = {.context = ctx,
			      .arena = arena,
			      .jobs = jobs,
			      .count = count,
			      .outcomes = outcomes,
			      .mails = arena_calloc(arena, count, sizeof(struct mail *)),
			      .endings = arena_calloc(arena, count, sizeof(struct mail_ending)),
			      .recorded_us = clock_monotonic_us()};

	for (size_t i = 0; i < count; i++) {
		run_one(&batch, i);
		if (is_past(batch.recorded_us, RECORD_MS))
			record_all(&batch);
	}
	record_all(&batch);
}
