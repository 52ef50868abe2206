/*
 * observe_metrics: the families of core-api, and the gauges read at each scrape.
 */
#ifndef API_OBSERVE_METRICS_H
#define API_OBSERVE_METRICS_H

#include "api/observe.h"

/* The method as a label: what a client invents must not make a series each. */
const char *observe_method(const char *method);
/* Register the counters of events and guests; > 0: with ids as labels, of so many events and
 * organizers at most. Before they are counted. */
void observe_domain_start(int64_t metrics_per_event);
/* Path and query as they may be logged: see observe_url.c. In the request's arena. */
const char *observe_url(const struct request *req);
void observe_count_begin(void);
void observe_count_end(void);
/* An answer that went out; `req` is NULL when httpd refused the request itself. */
void observe_count(const struct request *req, const struct http_exchange *exchange,
		   int64_t duration_us);

#endif
