#include "common/queue_metrics.h"

#include "common/metrics.h"

static struct metric depth = {
	.name = "job_queue_depth",
	.type = METRIC_GAUGE,
	.help = "Jobs ready (waiting or running), delayed and dead, by queue.",
	.labels = {"queue", "state"},
};
static struct metric reachable_now = {
	.name = "job_queue_reachable",
	.type = METRIC_GAUGE,
	.help = "Did the queues' Redis answer the last time: 1, else 0.",
};
static struct metric *const families[] = {&depth, &reachable_now};

void queue_metrics_register(void)
{
	metrics_register(families, ARRAY_LEN(families));
}

void queue_metrics_depth(const char *type, int64_t ready, int64_t delayed)
{
	metrics_set(&depth, (double)ready, type, "ready", (char *)NULL);
	metrics_set(&depth, (double)delayed, type, "delayed", (char *)NULL);
}

void queue_metrics_dead(const char *type, int64_t dead)
{
	metrics_set(&depth, (double)dead, type, "dead", (char *)NULL);
}

void queue_metrics_reachable(bool reachable)
{
	metrics_set(&reachable_now, reachable, (char *)NULL);
}
