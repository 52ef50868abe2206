#include "api/observe_metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "api/replica.h"
#include "common/clock.h"
#include "common/queue.h"
#include "common/queue_metrics.h"
#include "sql_api.h"

#define GAUGES_EVERY_US (10 * US_PER_S)

static const double request_buckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

/* clang-format off */
struct metric metric_payments_disputed = {
	.name = "payments_disputed_total", .type = METRIC_COUNTER,
	.help = "Payments whose webhook told of a wrong amount or currency."};
struct metric metric_payment_calls = {
	.name = "payment_calls_total", .type = METRIC_COUNTER,
	.help = "Calls to the payment service: answered, failed, or kept back by breaker or bound.",
	.labels = {"outcome"}};
struct metric metric_refunds = {
	.name = "refunds_total", .type = METRIC_COUNTER,
	.help = "Refunds that were done, failed once more, or were given up.", .labels = {"outcome"}};
static struct metric payment_parked = {
	.name = "payment_parked_threads", .type = METRIC_GAUGE,
	.help = "Requests that wait for the payment service."};
static struct metric refunds_open = {
	.name = "refunds_open", .type = METRIC_GAUGE,
	.help = "Refunds that are not done, by state; dead ones need an operator.",
	.labels = {"status"}};
struct metric metric_ticket_scans = {
	.name = "ticket_scans_total", .type = METRIC_COUNTER,
	.help = "Scans at the door, by outcome.", .labels = {"outcome"}};

static struct metric requests_total = {
	.name = "http_requests_total", .type = METRIC_COUNTER, .help = "Requests answered.",
	.labels = {"route", "method", "status"}, .max_series = 2000};
static struct metric request_duration = {
	.name = "http_request_duration_seconds", .type = METRIC_HISTOGRAM,
	.help = "Time from the first byte of handling to the last byte of the answer.",
	.labels = {"route", "method"},
	.buckets = request_buckets, .bucket_count = ARRAY_LEN(request_buckets)};
static struct metric requests_in_flight = {
	.name = "http_requests_in_flight", .type = METRIC_GAUGE, .help = "Requests in work."};
static struct metric ready = {
	.name = "core_service_ready", .type = METRIC_GAUGE,
	.help = "What the last probe of /health/ready was told: 1 ready, 0 not; 1 before the first."};
static struct metric active_events = {
	.name = "active_events_count", .type = METRIC_GAUGE, .help = "Events that are active now."};
static struct metric outbox_oldest = {
	.name = "outbox_oldest_age_seconds", .type = METRIC_GAUGE,
	.help = "Age of the oldest job that is not done; 0 when all are."};
static struct metric job_oldest = {
	.name = "job_oldest_age_seconds", .type = METRIC_GAUGE,
	.help = "Age of the oldest job that is not done, by queue; 0 when all are.",
	.labels = {"queue"}};
static struct metric duty_runs = {
	.name = "sweeper_slices_total", .type = METRIC_COUNTER,
	.help = "Slices of background duties, by outcome.", .labels = {"duty", "outcome"}};
static struct metric audit_drift = {
	.name = "audit_drift", .type = METRIC_GAUGE,
	.help = "Rows that contradict others, as the last `corectl audit` found, by check.",
	.labels = {"check"}};
static struct metric audit_ran = {
	.name = "audit_last_run_timestamp_seconds", .type = METRIC_GAUGE,
	.help = "When `corectl audit` last made a check, in seconds since 1970.",
	.labels = {"check"}};
static struct metric gauges_read = {
	.name = "database_gauges_last_read_timestamp_seconds", .type = METRIC_GAUGE,
	.help = "When the gauges that come from the database were last read, in seconds since 1970."};
/* clang-format on */

static struct metric *const families[] = {
	&requests_total,
	&request_duration,
	&requests_in_flight,
	&ready,
	&active_events,
	&metric_ticket_scans,
	&metric_payments_disputed,
	&metric_payment_calls,
	&payment_parked,
	&metric_refunds,
	&refunds_open,
	&metric_replica_lag,
	&metric_replica_reads,
	&outbox_oldest,
	&job_oldest,
	&duty_runs,
	&audit_drift,
	&audit_ran,
	&gauges_read,
};

/* --- requests --------------------------------------------------------------------------------- */

void observe_count_begin(void)
{
	metrics_add(&requests_in_flight, 1, (char *)NULL);
}

void observe_count_end(void)
{
	metrics_add(&requests_in_flight, -1, (char *)NULL);
}

const char *observe_method(const char *method)
{
	static const char *const known[] = {"GET", "POST", "PATCH",  "DELETE",
					    "PUT", "HEAD", "OPTIONS"};

	for (size_t i = 0; method && i < ARRAY_LEN(known); i++) {
		if (!strcmp(method, known[i]))
			return known[i];
	}
	return "other";
}

void observe_count(const struct request *req, const struct http_exchange *exchange,
		   int64_t duration_us)
{
	const char *route = req && req->route ? req->route->pattern : "none";
	char status[16];

	snprintf(status, sizeof(status), "%d", exchange->response.status);
	metrics_add(&requests_total, 1, route, observe_method(exchange->method), status,
		    (char *)NULL);
	metrics_observe(&request_duration, (double)duration_us / (double)US_PER_S, route,
			observe_method(exchange->method), (char *)NULL);
}

void observe_ready(bool is)
{
	metrics_set(&ready, is, (char *)NULL);
}

void observe_duty(const char *duty, bool ok)
{
	metrics_add(&duty_runs, 1, duty, ok ? "done" : "failed", (char *)NULL);
}

void observe_duty_starts(const char *duty)
{
	metrics_add(&duty_runs, 0, duty, "done", (char *)NULL);
	metrics_add(&duty_runs, 0, duty, "failed", (char *)NULL);
}

/* --- gauges read at a scrape ------------------------------------------------------------------ */

static void set_refunds(const struct pg_result *open)
{
	static const char *const states[] = {"requested", "failed", "dead"};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		metrics_set(&refunds_open, 0, states[i], (char *)NULL);
	for (size_t i = 0; i < pg_rows(open); i++)
		metrics_set(&refunds_open, (double)pg_i64(open, i, 1), pg_text(open, i, 0),
			    (char *)NULL);
}

static void set_jobs(const struct pg_result *jobs)
{
	int64_t oldest = 0;

	for (const struct queue_type *type = queue_types; type->name; type++) {
		queue_metrics_dead(type->name, 0);
		metrics_set(&job_oldest, 0, type->name, (char *)NULL);
	}
	for (size_t i = 0; i < pg_rows(jobs); i++) {
		int64_t age = pg_i64(jobs, i, 2);

		queue_metrics_dead(pg_text(jobs, i, 0), pg_i64(jobs, i, 1));
		metrics_set(&job_oldest, (double)age, pg_text(jobs, i, 0), (char *)NULL);
		oldest = age > oldest ? age : oldest;
	}
	metrics_set(&outbox_oldest, (double)oldest, (char *)NULL);
}

static void set_audit(const struct pg_result *runs)
{
	for (size_t i = 0; i < pg_rows(runs); i++) {
		const char *check = pg_text(runs, i, 0);

		metrics_set(&audit_drift, (double)pg_i64(runs, i, 1), check, (char *)NULL);
		metrics_set(&audit_ran, (double)pg_i64(runs, i, 2), check, (char *)NULL);
	}
}

static void set_active_events(const struct pg_result *gauges)
{
	metrics_set(&active_events, (double)pg_i64(gauges, 0, 0), (char *)NULL);
}

/* Statements, and what their rows set. */
static const struct {
	const struct pg_statement *statement;
	void (*set)(const struct pg_result *rows);
} gauges[] = {
	{&sql_observe_gauges, set_active_events},
	{&sql_observe_jobs, set_jobs},
	{&sql_observe_refunds, set_refunds},
	{&sql_observe_audit, set_audit},
};

static enum status read_gauges(struct app *app, struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = pg_lease(app->sweeper, &conn, err);

	for (size_t i = 0; !status && i < ARRAY_LEN(gauges); i++) {
		PG_RESULT rows = NULL;

		status = pg_query(conn, gauges[i].statement, PG_NO_ARGS, &rows, err);
		if (!status)
			gauges[i].set(rows);
	}
	if (!status)
		metrics_set(&gauges_read, (double)clock_now_us() / (double)US_PER_S, (char *)NULL);
	return status;
}

/* However often it is scraped, and by however many, the database is asked once in a while. */
static void collect_from_database(struct app *app)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int64_t next_us;
	struct problem err = {0};
	int64_t now = clock_monotonic_us();

	if (pthread_mutex_trylock(&lock))
		return;
	if (now >= next_us) {
		next_us = now + GAUGES_EVERY_US;
		if (read_gauges(app, &err))
			next_us = now + US_PER_S;
	}
	pthread_mutex_unlock(&lock);
}

static void collect(void *ctx)
{
	struct app *app = ctx;

	if (app->replica)
		replica_observe(app->replica);
	metrics_set(&payment_parked, (double)app->payments.parked, (char *)NULL);
	collect_from_database(app);
}

/* A counter that begins to exist with 1 has risen in nobody's eyes. */
static void start_at_zero(void)
{
	static const char *const calls[] = {"answered", "failed", "breaker", "parked"};
	static const char *const refunds[] = {"done", "failed", "dead"};

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		metrics_add(&metric_payment_calls, 0, calls[i], (char *)NULL);
	for (size_t i = 0; i < ARRAY_LEN(refunds); i++)
		metrics_add(&metric_refunds, 0, refunds[i], (char *)NULL);
}

void observe_start(struct app *app)
{
	metrics_build_info("core-api", CORE_VERSION);
	metrics_register(families, ARRAY_LEN(families));
	observe_domain_start(app->config->metrics_per_event);
	queue_metrics_register();
	pg_pool_show(app->pool);
	pg_pool_show(app->door);
	pg_pool_show(app->sweeper);
	if (app->replica)
		pg_pool_show(replica_pool(app->replica));
	breaker_show(&app->payments.breaker, "payment");
	observe_ready(true);
	start_at_zero();
	metrics_on_render(collect, app);
}
