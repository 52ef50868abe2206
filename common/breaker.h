/*
 * breaker: is another service away? Then calls to it stop (open), and one call at growing intervals
 * finds out whether it is back (half open). So an outage of minutes neither buries a backlog nor
 * keeps threads waiting for what does not answer.
 * Thread safe. Times are those of clock_monotonic_us, given by the caller.
 */
#ifndef COMMON_BREAKER_H
#define COMMON_BREAKER_H

#include <pthread.h>

#include "common/base.h"

enum { BREAKER_FAILURES = 5 };

struct breaker {
	const char *service; /* that it is shown by; NULL: it is not */
	pthread_mutex_t lock;
	int64_t first_wait_us; /* before the first probe; doubles with each that fails */
	int64_t longest_wait_us;
	int64_t window_us; /* failures in a row count only within it; 0: however far apart */
	int failures;      /* in a row */
	int64_t failed_at_us[BREAKER_FAILURES]; /* the last ones, as a ring */
	bool open;
	bool probing; /* a probe is out */
	int64_t wait_us;
	int64_t probe_at_us;
};

void breaker_init(struct breaker *breaker, int64_t first_wait_us, int64_t longest_wait_us);
/* Failures in a row open it only when so many came within `window_us`. After breaker_init. */
void breaker_set_window(struct breaker *breaker, int64_t window_us);
/* May anything be called now? Claims nothing. */
bool breaker_ready(struct breaker *breaker, int64_t now_us);
/* Take leave to make one call: always while closed; while open, one caller when a probe is due. */
bool breaker_enter(struct breaker *breaker, int64_t now_us);
/* The service answered. */
void breaker_success(struct breaker *breaker);
/* It failed, and asked for `retry_after_us` (0: nothing said). True: it was open already, so this
 * failure says nothing about what was sent. */
bool breaker_failure(struct breaker *breaker, int64_t now_us, int64_t retry_after_us);
bool breaker_is_open(struct breaker *breaker);
enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };
/* For a gauge; half open: a probe is out. */
enum breaker_state breaker_state(struct breaker *breaker);
/* Show it among the metrics from now on: breaker_state{service}. */
void breaker_show(struct breaker *breaker, const char *service);

#endif
