/*
 * observe: the log line, the span and the metrics of each request, and the metrics of the domain.
 */
#ifndef API_OBSERVE_H
#define API_OBSERVE_H

#include "api/request.h"
#include "common/metrics.h"

extern struct metric metric_events_created;
extern struct metric metric_guests_registered;
extern struct metric metric_event_creation_duration;
extern struct metric metric_payments_disputed;
extern struct metric metric_payment_calls;
extern struct metric metric_refunds;
extern struct metric metric_ticket_scans;

/* Register all families and the gauges read at each scrape. */
void observe_start(struct app *app);
/* Begin the request's span: in the caller's trace, or in a new one. */
void observe_trace(struct request *req);
/* Around the frame: observe_end is given the problem that was answered, or NULL; observe_sent runs
 * when the bytes are out and writes the line. Requests that httpd refused itself come to
 * observe_sent alone. */
void observe_begin(struct request *req);
void observe_end(struct request *req, const struct problem *err);
void observe_sent(struct http_exchange *exchange);

#endif
