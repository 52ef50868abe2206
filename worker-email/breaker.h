/*
 * breaker: is the notification service away? Then calls stop, and one mail at growing intervals
 * finds out whether it is back, so that an outage of minutes does not bury the backlog.
 * Thread safe. Times are those of clock_monotonic_us, given by the caller.
 */
#ifndef WORKER_EMAIL_BREAKER_H
#define WORKER_EMAIL_BREAKER_H

#include <pthread.h>

#include "common/base.h"

enum { BREAKER_FAILURES = 5 };

struct breaker {
	pthread_mutex_t lock;
	int64_t first_wait_us; /* before the first probe; doubles with each that fails */
	int64_t longest_wait_us;
	int failures; /* in a row */
	bool open;
	bool probing; /* a probe is out */
	int64_t wait_us;
	int64_t probe_at_us;
};

void breaker_init(struct breaker *breaker, int64_t first_wait_us, int64_t longest_wait_us);
/* May anything be called now? Claims nothing. */
bool breaker_ready(struct breaker *breaker, int64_t now_us);
/* Take leave to make one call: always while closed; while open, one caller when a probe is due. */
bool breaker_enter(struct breaker *breaker, int64_t now_us);
/* The service answered. */
void breaker_success(struct breaker *breaker);
/* It failed, and asked for `retry_after_us` (0: nothing said). True: it was open already, so this
 * failure says nothing about the mail. */
bool breaker_failure(struct breaker *breaker, int64_t now_us, int64_t retry_after_us);
bool breaker_is_open(struct breaker *breaker);

#endif
