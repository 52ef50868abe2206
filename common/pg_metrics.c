/*
 * pg_metrics: pools among the metrics, read at each scrape.
 */
#include "common/metrics.h"
#include "common/pg_internal.h"

static struct metric connections = {
	.name = "db_pool_connections",
	.type = METRIC_GAUGE,
	.help = "Database connections, by pool; leased ones are in use.",
	.labels = {"pool", "state"},
};
static struct metric connections_max = {
	.name = "db_pool_connections_max",
	.type = METRIC_GAUGE,
	.help = "Database connections that a pool may have.",
	.labels = {"pool"},
};
static struct metric waiting = {
	.name = "db_pool_waiting",
	.type = METRIC_GAUGE,
	.help = "Threads that wait for a database connection.",
	.labels = {"pool"},
};
static struct metric timeouts = {
	.name = "db_pool_timeouts_total",
	.type = METRIC_COUNTER,
	.help = "Waits for a database connection that were given up.",
	.labels = {"pool"},
};
static struct metric *const families[] = {&connections, &connections_max, &waiting, &timeouts};

static void collect(void *ctx)
{
	struct pg_pool *pool = ctx;
	struct pg_pool_line line = pg_pool_line(pool);
	size_t open, leased;

	pg_pool_counts(pool, &open, &leased);
	metrics_set(&connections, (double)(open - leased), line.name, "idle", (char *)NULL);
	metrics_set(&connections, (double)leased, line.name, "leased", (char *)NULL);
	metrics_set(&connections_max, (double)line.max, line.name, (char *)NULL);
	metrics_set(&waiting, (double)line.waiting, line.name, (char *)NULL);
	metrics_set(&timeouts, (double)line.timeouts, line.name, (char *)NULL);
}

void pg_pool_show(struct pg_pool *pool)
{
	metrics_register(families, ARRAY_LEN(families));
	metrics_on_render(collect, pool);
}
