#include "api/observe_metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "api/replica.h"
#include "common/clock.h"
#include "common/queue.h"
#include "sql_api.h"

#define GAUGES_EVERY_US (10 * US_PER_S)

static const double creation_buckets[] = {0.1, 0.5, 1, 2, 5, 10};
static const double request_buckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

/* clang-format off */
struct metric metric_events_created = {
	.name = "events_created_total", .type = METRIC_COUNTER,
	.help = "Events created, by the state they were created in.", .labels = {"status"}};
struct metric metric_guests_registered = {
	.name = "guests_registered_total", .type = METRIC_COUNTER,
	.help = "Guests registered, by type of guest.", .labels = {"type"}};
struct metric metric_event_creation_duration = {
	.name = "event_creation_duration_seconds", .type = METRIC_HISTOGRAM,
	.help = "Time taken to create an event.",
	.buckets = creation_buckets, .bucket_count = ARRAY_LEN(creation_buckets)};
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
static struct metric payment_breaker_state = {
	.name = "payment_breaker_state", .type = METRIC_GAUGE,
	.help = "Circuit breaker of the payment service: 0 closed, 1 half open, 2 open."};
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
struct metric metric_job_queue_depth = {
	.name = "job_queue_depth", .type = METRIC_GAUGE,
	.help = "Jobs ready (waiting or running), delayed and dead, by queue.",
	.labels = {"queue", "state"}};

static struct metric requests_total = {
	.name = "http_requests_total", .type = METRIC_COUNTER, .help = "Requests answered.",
	.labels = {"route", "method", "status"}, .max_series = 2000};
static struct metric request_duration = {
	.name = "http_request_duration_seconds", .type = METRIC_HISTOGRAM,
	.help = "Time from the first byte of handling to the last byte of the answer.",
	.labels = {"route"}, .buckets = request_buckets, .bucket_count = ARRAY_LEN(request_buckets)};
static struct metric requests_in_flight = {
	.name = "http_requests_in_flight", .type = METRIC_GAUGE, .help = "Requests in work."};
static struct metric active_events = {
	.name = "active_events_count", .type = METRIC_GAUGE, .help = "Events that are active now."};
static struct metric pool_connections = {
	.name = "db_pool_connections", .type = METRIC_GAUGE,
	.help = "Database connections, by pool; leased ones are in use.",
	.labels = {"pool", "state"}};
static struct metric outbox_oldest = {
	.name = "outbox_oldest_seconds", .type = METRIC_GAUGE,
	.help = "Age of the oldest job that is not done; 0 when all are."};
static struct metric build_info = {
	.name = "core_service_build_info", .type = METRIC_GAUGE,
	.help = "The version that runs; always 1.", .labels = {"version"}};
/* clang-format on */

static struct metric *const families[] = {
	&requests_total,
	&request_duration,
	&requests_in_flight,
	&metric_events_created,
	&metric_guests_registered,
	&metric_event_creation_duration,
	&active_events,
	&metric_ticket_scans,
	&metric_payments_disputed,
	&metric_payment_calls,
	&payment_breaker_state,
	&payment_parked,
	&metric_refunds,
	&refunds_open,
	&pool_connections,
	&metric_replica_lag,
	&metric_replica_reads,
	&metric_job_queue_depth,
	&outbox_oldest,
	&build_info,
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
			(char *)NULL);
}

/* --- gauges read at a scrape ------------------------------------------------------------------ */

static void collect_pool(struct pg_pool *pool, const char *name)
{
	size_t open, leased;

	pg_pool_counts(pool, &open, &leased);
	metrics_set(&pool_connections, (double)(open - (leased < open ? leased : open)), name,
		    "idle", (char *)NULL);
	metrics_set(&pool_connections, (double)leased, name, "leased", (char *)NULL);
}

static void set_refunds(const struct pg_result *open)
{
	static const char *const states[] = {"requested", "failed", "dead"};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		metrics_set(&refunds_open, 0, states[i], (char *)NULL);
	for (size_t i = 0; i < pg_rows(open); i++)
		metrics_set(&refunds_open, (double)pg_i64(open, i, 1), pg_text(open, i, 0),
			    (char *)NULL);
}

static enum status read_gauges(struct app *app, struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT gauges = NULL;
	PG_RESULT dead = NULL;
	PG_RESULT refunds = NULL;
	enum status status = pg_lease(app->pool, &conn, err);

	if (!status)
		status = pg_query(conn, &sql_observe_gauges, PG_NO_ARGS, &gauges, err);
	if (!status)
		status = pg_query(conn, &sql_observe_dead_jobs, PG_NO_ARGS, &dead, err);
	if (!status)
		status = pg_query(conn, &sql_observe_refunds, PG_NO_ARGS, &refunds, err);
	if (status)
		return status;
	set_refunds(refunds);
	metrics_set(&active_events, (double)pg_i64(gauges, 0, 0), (char *)NULL);
	metrics_set(&outbox_oldest, (double)pg_i64(gauges, 0, 1), (char *)NULL);
	for (const struct queue_type *type = queue_types; type->name; type++)
		metrics_set(&metric_job_queue_depth, 0, type->name, "dead", (char *)NULL);
	for (size_t i = 0; i < pg_rows(dead); i++)
		metrics_set(&metric_job_queue_depth, (double)pg_i64(dead, i, 1),
			    pg_text(dead, i, 0), "dead", (char *)NULL);
	return OK;
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

	collect_pool(app->pool, "main");
	collect_pool(app->door, "door");
	collect_pool(app->sweeper, "sweeper");
	if (app->replica) {
		collect_pool(replica_pool(app->replica), "replica");
		replica_observe(app->replica);
	}
	metrics_set(&payment_breaker_state, breaker_state(&app->payments.breaker), (char *)NULL);
	metrics_set(&payment_parked, (double)app->payments.parked, (char *)NULL);
	collect_from_database(app);
}

void observe_start(struct app *app)
{
	metrics_register(families, ARRAY_LEN(families));
	metrics_add(&requests_in_flight, 0, (char *)NULL);
	metrics_add(&metric_payments_disputed, 0, (char *)NULL);
	metrics_set(&build_info, 1, CORE_VERSION, (char *)NULL);
	metrics_on_render(collect, app);
}
