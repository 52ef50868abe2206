/* worker-tickets: makes the documents of tickets. */
#include <stdlib.h>
#include <unistd.h>

#include "common/config_keys.h"
#include "common/http_client.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/worker.h"
#include "sql_tickets.h"
#include "worker-tickets/ticket_font.h"
#include "worker-tickets/ticket_job.h"
#include "worker-tickets/ticket_text.h"
#include "worker-tickets/ticket_tidy.h"

/* One draws while the other waits for the database. */
enum { THREADS_A_CORE = 2, THREADS_MAX = 64 };
/* More than a batch takes: its pages are drawn in memory that is there. */
enum { KEPT_BYTES = 4 << 20 };

struct config {
	struct config_common common;
	struct trace_config trace;
	const char *qr_secret;
	const char *documents_url;
	int64_t threads; /* 0: THREADS_A_CORE */
	int64_t batch;
	int64_t metrics_port;
	int64_t time_to_run_ms;
	int64_t stray_s;
	int paper; /* enum ticket_paper */
};

static const char *const paper_names[] = {[TICKET_A4] = "A4", [TICKET_A6] = "A6", NULL};

/* clang-format off */
static const struct config_key keys[] = {
	CONFIG_COMMON_KEYS(struct config, common),
	TRACE_CONFIG_KEYS(struct config, trace),
	{"QR_SIGNATURE_SECRET", CONFIG_STRING, CONFIG_SECRET | CONFIG_REQUIRED, NULL, 1, 4096,
	 offsetof(struct config, qr_secret), NULL,
	 "secret of the tickets' signatures; id:secret pairs separated by commas while rotating"},
	{"DOCUMENTS_URL", CONFIG_STRING, 0, "postgres:", 1, 1024,
	 offsetof(struct config, documents_url), NULL,
	 "where documents are kept: postgres: or file:///directory"},
	{"DOCUMENTS_STRAY_S", CONFIG_INT, 0, "3600", 1, 604800,
	 offsetof(struct config, stray_s), NULL,
	 "seconds after which a file among the documents that no ticket has is removed"},
	{"WORKER_THREADS", CONFIG_INT, 0, NULL, 1, THREADS_MAX,
	 offsetof(struct config, threads), NULL,
	 "batches side by side (unset: two a core)"},
	{"WORKER_BATCH", CONFIG_INT, 0, "32", 1, 256,
	 offsetof(struct config, batch), NULL,
	 "jobs that share a transaction, at most"},
	{"JOB_TIME_TO_RUN_MS", CONFIG_INT, 0, "60000", 1000, 3600000,
	 offsetof(struct config, time_to_run_ms), NULL,
	 "milliseconds after which the jobs of a worker that died go to another"},
	{"WORKER_METRICS_PORT", CONFIG_INT, 0, "0", 0, 65535,
	 offsetof(struct config, metrics_port), NULL,
	 "port of the metrics (0: none)"},
	{"TICKET_PAGE", CONFIG_ENUM, 0, "A4", 0, 0,
	 offsetof(struct config, paper), paper_names,
	 "size of a ticket's page: A4 or A6"},
};
/* clang-format on */

static int thread_count(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->threads)
		return (int)config->threads;
	if (cores < 1)
		cores = 1;
	return cores < THREADS_MAX / THREADS_A_CORE ? (int)cores * THREADS_A_CORE : THREADS_MAX;
}

/* Read what the texts of the configuration say. */
static enum status read_config(const struct config *config, struct ticket_job *ret,
			       struct problem *err)
{
	enum status status = credential_keys_parse(config->qr_secret, &ret->keys, err);

	if (!status)
		status = ticket_store_open(config->documents_url, &ret->store, err);
	ret->paper = (enum ticket_paper)config->paper;
	return status;
}

static enum status check(const void *at, struct problem *err)
{
	const struct config *config = at;
	struct ticket_job job;
	enum status status = config_check_common(&config->common, err);

	if (!status)
		status = trace_check(&config->trace, err);
	if (!status)
		status = config_check_secret("QR_SIGNATURE_SECRET", config->qr_secret,
					     config->common.environment == ENV_PRODUCTION, err);
	return status ? status : read_config(config, &job, err);
}

static const struct config_table table = {
	.program = "worker-tickets",
	.summary = "Makes the documents of tickets: QR code, PDF, SVG and PNG.",
	.keys = keys,
	.count = ARRAY_LEN(keys),
	.check = check,
};

static enum status open_pool(const struct config *config, struct arena *arena, struct pg_pool **ret,
			     struct problem *err)
{
	size_t count = sql_common_count + sql_tickets_count;
	const struct pg_statement **statements = arena_calloc(arena, count, sizeof(void *));

	for (size_t i = 0; i < count; i++)
		statements[i] =
			i < sql_common_count ? sql_common[i] : sql_tickets[i - sql_common_count];

	const struct pg_pool_options options = {
		.conninfo = config_database_url(&config->common, arena),
		.name = "worker-tickets",
		.min = (size_t)config->common.db_pool_min,
		.max = (size_t)config->common.db_pool_max,
		.idle_ms = 30000,
		.wait_ms = 5000,
		.statement_timeout_ms = 10000,
		.lock_timeout_ms = 5000,
		.statements = statements,
		.statement_count = count,
	};

	return pg_pool_open(&options, ret, err);
}

static enum status serve(const struct config *config, struct ticket_job *job, struct arena *arena,
			 struct problem *err)
{
	struct queue_type type = *queue_type("generate-ticket-pdf");
	const struct worker_options options = {
		.name = "worker-tickets",
		.type = &type,
		.redis = {.url = config_redis_queue_url(&config->common, arena),
			  .client_name = "worker-tickets",
			  .connect_timeout_ms = 2000,
			  .command_timeout_ms = 7000},
		.pool = job->pool,
		.threads = thread_count(config),
		.batch = (size_t)config->batch,
		.metrics_port = (int)config->metrics_port,
		.run = ticket_job_run,
		.ctx = job,
	};
	const struct redis_options mails = {
		.url = options.redis.url,
		.client_name = "worker-tickets-mails",
		.connect_timeout_ms = 1000,
		.command_timeout_ms = 2000,
	};
	struct ticket_tidier tidier = {
		.store = &job->store, .pool = job->pool, .age_s = config->stray_s};
	enum status status = queue_open(&mails, &job->mails, err);

	ticket_store_show(&job->store);
	type.time_to_run_ms = config->time_to_run_ms;
	if (!status) {
		ticket_tidier_start(&tidier);
		status = worker_main(&options, err);
		ticket_tidier_stop(&tidier);
	}
	if (job->mails)
		queue_close(job->mails);
	return status;
}

static enum status run(const struct config *config, struct ticket_job *job, struct arena *arena,
		       struct problem *err)
{
	enum status status = read_config(config, job, err);

	if (!status)
		status = ticket_font_init(err);
	if (!status)
		status = ticket_text_init(err);
	if (!status)
		status = open_pool(config, arena, &job->pool, err);
	if (status)
		return status;
	status = trace_start(&config->trace, table.program, err);
	if (!status)
		status = serve(config, job, arena, err);
	trace_stop();
	pg_pool_close(job->pool);
	return status;
}

int main(int argc, char **argv)
{
	struct config config = {0};
	struct ticket_job job = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct problem err = {0};
	struct arena arena;
	int code;

	worker_hold_signals();
	memory_keep(KEPT_BYTES);
	if (!config_start(&table, argc, argv, &config, &code))
		return code;
	log_init("worker-tickets", (enum log_level)config.common.log_level);
	http_client_init();
	arena_init(&arena, 4096);
	if (run(&config, &job, &arena, &err)) {
		log_message(LOG_ERROR, "%s", err.detail);
		return EXIT_INTERNAL;
	}
	arena_clear(&arena);
	return EXIT_SUCCESS;
}
