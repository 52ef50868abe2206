/*
 * observe: the log line, the span and the metrics of each request, and the metrics of the domain.
 */
#ifndef API_OBSERVE_H
#define API_OBSERVE_H

#include "api/request.h"
#include "common/metrics.h"

extern struct metric metric_payments_disputed;
extern struct metric metric_payment_calls;
extern struct metric metric_refunds;
extern struct metric metric_ticket_scans;

/* Register all families and the gauges read at each scrape. */
void observe_start(struct app *app);
/* Begin the request's span: in the caller's trace, or in a new one. */
void observe_trace(struct request *req);
/* The domain's counters, for what is committed. */
void observe_event_created(int64_t organizer_id, const char *status, int64_t duration_us);
void observe_guests_registered(int64_t event_id, int64_t ticket_type_id, const char *type,
			       int64_t count);
/* A sweeper's duty: from now on there is one; a slice of it ended. */
void observe_duty_starts(const char *duty);
void observe_duty(const char *duty, bool ok);
/* What a probe of readiness is told. */
void observe_ready(bool is);
/* Around the frame: observe_end is given the problem that was answered, or NULL; observe_sent runs
 * when the bytes are out and writes the line. Requests that httpd refused itself come to
 * observe_sent alone. */
void observe_begin(struct request *req);
void observe_end(struct request *req, const struct problem *err);
void observe_sent(struct http_exchange *exchange);

#endif
