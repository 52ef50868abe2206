/*
 * queue_metrics: what the dispatcher and the workers both show of the queues. Each process shows
 * what it saw last, so over all of them the numbers are taken by max, not added.
 */
#ifndef COMMON_QUEUE_METRICS_H
#define COMMON_QUEUE_METRICS_H

#include "common/base.h"

void queue_metrics_register(void);
/* Jobs that wait or run, and delayed ones. */
void queue_metrics_depth(const char *type, int64_t ready, int64_t delayed);
/* Jobs that were given up. */
void queue_metrics_dead(const char *type, int64_t dead);
/* Did Redis answer the last time? */
void queue_metrics_reachable(bool reachable);

#endif
