/*
 * observe_metrics: the families of core-api, and the gauges read at each scrape.
 */
#ifndef API_OBSERVE_METRICS_H
#define API_OBSERVE_METRICS_H

#include "api/observe.h"

/* job_queue_depth{queue,state}: set by the dispatcher, which has the connection. */
extern struct metric metric_job_queue_depth;

/* The method as a label: what a client invents must not make a series each. */
const char *observe_method(const char *method);
void observe_count_begin(void);
void observe_count_end(void);
/* An answer that went out; `req` is NULL when httpd refused the request itself. */
void observe_count(const struct request *req, const struct http_exchange *exchange,
		   int64_t duration_us);

#endif
