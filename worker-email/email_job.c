#include "worker-email/email_job.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/crash_point.h"
#include "common/log.h"

enum { DELAY_MAX_S = 86400, EMAIL_MASKED_SIZE = 300 };

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

/* The job is over: record that with the mail. What fails here is tried again under the same key. */
static struct job_outcome complete(struct email_context *context, const struct mail *mail,
				   const struct job *job, const struct mail_outcome *outcome)
{
	struct problem err = {0};
	enum status status = mail_complete(context->pool, mail, job, outcome, &err);
	CRASH_POINT("mail.recorded");
	if (status == ST_JOB_LOST)
		return (struct job_outcome){.result = JOB_LOST};
	if (status != OK)
		return failed(&err);
	return (struct job_outcome){.result = JOB_DONE};
}

static struct job_outcome drop(struct email_context *context, const struct mail *mail,
			       const struct job *job, const char *why)
{
	const struct mail_outcome outcome = {
		.status = "dropped", .attempts = job->attempts, .error = why};
	CRASH_POINT("mail.dropping");
	return complete(context, mail, job, &outcome);
}

static struct job_outcome sent(struct email_context *context, const struct mail *mail,
			       const struct job *job, const char *service_id)
{
	const struct mail_outcome outcome = {
		.status = "sent", .attempts = job->attempts + 1, .service_id = service_id};
	breaker_success(&context->breaker);
	log_result(mail, job, outcome.attempts, NULL);
	return complete(context, mail, job, &outcome);
}

/* Say in the mail's row what went wrong. The job decides what happens next, so a database that is
 * away costs a line in that row, no more. */
static void record_failure(struct email_context *context, const struct mail *mail,
			   const struct job *job, bool final, bool counted, const char *why)
{
	const struct mail_outcome outcome = {.status = final ? "failed" : "queued",
					     .attempts = job->attempts + (counted ? 1 : 0),
					     .error = why};
	struct problem err = {0};
	log_result(mail, job, job->attempts + 1, why);
	CRASH_POINT("mail.failed");
	if (mail_record_failure(context->pool, mail, job, &outcome, &err) != OK)
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
static struct job_outcome fail_for_now(struct email_context *context, const struct mail *mail,
				       const struct job *job,
				       const struct notification_answer *answer,
				       const struct problem *err)
{
	bool was_down =
		breaker_failure(&context->breaker, clock_monotonic_us(), answer->retry_after_us);
	bool counted = !was_down && answer->reached;
	bool final = counted && job->type->max_attempts > 0 &&
		     job->attempts + 1 >= job->type->max_attempts;
	record_failure(context, mail, job, final, counted, err->detail);
	if (was_down)
		return (struct job_outcome){.result = JOB_WAIT};
	struct job_outcome outcome = failed(err);
	outcome.counted = counted;
	outcome.delay_ms = delay_before_next(context, job, answer->retry_after_us);
	return outcome;
}

/* The service will never take this mail, or it cannot be written: it is buried. */
static struct job_outcome fail_for_good(struct email_context *context, const struct mail *mail,
					const struct job *job, bool counted,
					const struct problem *err)
{
	record_failure(context, mail, job, true, counted, err->detail);
	struct job_outcome outcome = failed(err);
	outcome.counted = counted;
	return outcome;
}

static struct job_outcome send_mail(struct email_context *context, struct arena *arena,
				    const struct mail *mail, const struct job *job)
{
	struct problem err = {0};
	struct mail_letter letter;
	struct notification_answer answer = {0};
	if (mail_write(arena, mail, &context->links, &letter, &err) != OK)
		return fail_for_good(context, mail, job, false, &err);
	if (!breaker_enter(&context->breaker, clock_monotonic_us()))
		return (struct job_outcome){.result = JOB_WAIT};
	CRASH_POINT("mail.written");
	enum status status =
		notification_send(&context->service, arena, &letter, job, &answer, &err);
	CRASH_POINT("mail.answered");
	if (status == OK)
		return sent(context, mail, job, answer.id);
	if (status == ST_UPSTREAM_DOWN)
		return fail_for_now(context, mail, job, &answer, &err);
	breaker_success(&context->breaker);
	return fail_for_good(context, mail, job, true, &err);
}

static struct job_outcome run_one(struct email_context *context, struct arena *arena,
				  const struct job *job)
{
	struct problem err = {0};
	struct mail *mail = NULL;
	if (!email_ready(context))
		return (struct job_outcome){.result = JOB_WAIT};
	if (mail_load(context->pool, arena, job->subject_id, &mail, &err) != OK)
		return failed(&err);
	CRASH_POINT("mail.loaded");
	if (!mail || mail_is_settled(mail))
		return complete(context, NULL, job, NULL);
	const char *overtaken = mail_overtaken(mail);
	if (overtaken)
		return drop(context, mail, job, overtaken);
	return send_mail(context, arena, mail, job);
}

void email_run(void *ctx, struct arena *arena, const struct job *jobs, size_t count,
	       struct job_outcome *outcomes)
{
	for (size_t i = 0; i < count; i++)
		outcomes[i] = run_one(ctx, arena, &jobs[i]);
}
