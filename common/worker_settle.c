/*
 * worker_settle: what becomes of the jobs of a batch, and what is told of them.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/worker_internal.h"

enum { DATABASE_AWAY_MS = 200 };

static const double duration_buckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
					  1,     2.5,  5,     10,   30,  60};

static struct metric job_attempts = {
	.name = "job_attempts_total",
	.type = METRIC_COUNTER,
	.help = "Runs of jobs by what became of them: done, retried, buried, lost, waited.",
	.labels = {"queue", "outcome", NULL},
};
static struct metric job_duration = {
	.name = "job_duration_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "Time that the batch of a job ran.",
	.labels = {"queue", NULL},
	.buckets = duration_buckets,
	.bucket_count = ARRAY_LEN(duration_buckets),
};

void worker_metrics_start(const char *type)
{
	static struct metric *const families[] = {&job_attempts, &job_duration};
	static const char *const outcomes[] = {"done", "retried", "buried", "lost", "waited"};

	metrics_register(families, ARRAY_LEN(families));
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		metrics_add(&job_attempts, 0, type, outcomes[i], (char *)NULL);
}

static void end_span(const struct job *job, const char *outcome, bool failed)
{
	const struct trace_attribute attributes[] = {
		{"messaging.system", "redis", 0},
		{"messaging.operation.type", "process", 0},
		{"messaging.operation.name", "process", 0},
		{"messaging.destination.name", job->type->name, 0},
		{"messaging.message.id", job->id, 0},
		{"job.outcome", outcome, 0},
		{"job.deliveries", NULL, job->deliveries},
	};

	trace_end(&job->span, &(struct trace_report){
				      .kind = TRACE_CONSUMER,
				      .verb = "process",
				      .object = job->type->name,
				      .error = failed ? outcome : NULL,
				      .attributes = attributes,
				      .count = ARRAY_LEN(attributes),
			      });
}

static void tell(const struct job *job, enum log_level level, const char *message,
		 const char *outcome, int64_t duration_us, const char *error)
{
	struct log_line line;

	metrics_add(&job_attempts, 1, job->type->name, outcome, (char *)NULL);
	log_open(&line, level, message);
	log_str(&line, "jobId", job->id);
	log_str(&line, "type", job->type->name);
	log_i64(&line, "subjectId", job->subject_id);
	log_i64(&line, "deliveries", job->deliveries);
	log_str(&line, "requestId", job->request_id);
	trace_log(&line, &job->span);
	log_str(&line, "outcome", outcome);
	log_ms(&line, "duration", duration_us);
	log_str(&line, "error", error);
	log_close(&line);
	end_span(job, outcome, level != LOG_INFO);
}

static const char *reason_of(const struct problem *problem)
{
	return *problem->detail ? problem->detail : problem_row(problem->status)->title;
}

/* While the database is away the jobs stay with us, their leases renewed: given up, each would wait
 * for its lease to run out. */
static bool must_wait(struct worker_slot *slot, enum status status)
{
	struct worker *worker = slot->worker;

	return status == ST_DATABASE_UNAVAILABLE &&
	       !worker_wait(worker, &worker->stopping, DATABASE_AWAY_MS);
}

static void settle_failed(struct worker_slot *slot, const struct job *job,
			  const struct job_outcome *outcome, int64_t duration_us)
{
	struct pg_pool *pool = slot->worker->options->pool;
	const char *reason = reason_of(&outcome->problem);
	struct problem err;
	bool buried = problem_retry(outcome->problem.status) == RETRY_FINAL;
	enum status status;

	do {
		err = (struct problem){0};
		if (buried)
			status = queue_bury(slot->queue, pool, job, reason, &err);
		else
			status = queue_retry(slot->queue, pool, job, outcome->counted,
					     outcome->delay_ms, reason, &buried, &err);
	} while (must_wait(slot, status));
	if (status == ST_JOB_LOST)
		tell(job, LOG_WARN, "Job lost", "lost", duration_us, reason);
	else if (buried)
		tell(job, LOG_ERROR, "Job failed", "buried", duration_us, reason);
	else
		tell(job, LOG_WARN, "Job failed", "retried", duration_us, reason);
}

static size_t select_jobs(const struct job *jobs, size_t count, const struct job_outcome *outcomes,
			  enum job_result result, struct job *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].result == result)
			ret[n++] = jobs[i];
	}
	return n;
}

static void hand_back(struct worker_slot *slot, const struct job *jobs, size_t count)
{
	struct problem err;
	enum status status;

	do {
		err = (struct problem){0};
		status = queue_release(slot->queue, slot->worker->options->pool, jobs, count, &err);
	} while (must_wait(slot, status));
}

bool worker_settle(struct worker_slot *slot, const struct job *jobs, size_t count,
		   const struct job_outcome *outcomes, int64_t duration_us)
{
	struct job *some = arena_calloc(&slot->arena, count, sizeof(*some));
	struct problem ignored = {0};
	size_t n = select_jobs(jobs, count, outcomes, JOB_DONE, some);

	/* What Redis misses now is found again when the lease runs out. */
	if (queue_done(slot->queue, some, n, &ignored) != OK)
		ignored = (struct problem){0};
	for (size_t i = 0; i < count; i++) {
		metrics_observe(&job_duration, (double)duration_us / (double)US_PER_S,
				jobs[i].type->name, (char *)NULL);
		if (outcomes[i].result == JOB_DONE)
			tell(&jobs[i], LOG_INFO, "Job done", "done", duration_us, NULL);
		else if (outcomes[i].result == JOB_FAILED)
			settle_failed(slot, &jobs[i], &outcomes[i], duration_us);
		else if (outcomes[i].result == JOB_LOST)
			tell(&jobs[i], LOG_WARN, "Job lost", "lost", duration_us, NULL);
		else
			tell(&jobs[i], LOG_INFO, "Job handed back", "waited", duration_us, NULL);
	}
	n = select_jobs(jobs, count, outcomes, JOB_WAIT, some);
	if (n)
		hand_back(slot, some, n);
	return n > 0;
}
