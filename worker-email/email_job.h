/*
 * email_job: what a `send-email` job does: load the mail as it is now, drop it when overtaken, else
 * hand it to the notification service, and record what became of it with the job's end. Jobs of a
 * batch are loaded together and recorded together as long as the service answers fast: what a mail
 * tells is at most 50 ms old, and what became of it waits as long at most, and for one call.
 */
#ifndef WORKER_EMAIL_EMAIL_JOB_H
#define WORKER_EMAIL_EMAIL_JOB_H

#include "common/worker.h"
#include "common/breaker.h"
#include "worker-email/notification.h"

enum { MAIL_DELAYS_MAX = 8 };

/* Made once; shared by the worker's threads, which change the breaker only. */
struct email_context {
	struct pg_pool *pool;
	struct notification_service service;
	struct mail_links links;
	struct breaker breaker;
	int64_t delays_ms[MAIL_DELAYS_MAX]; /* before the second attempt, the third, …; the last
					       holds for all further */
	size_t delay_count;                 /* at least 1 */
};

/* Read "10,60" (seconds) into the delays. ST_CONFIG. */
enum status email_delays_parse(const char *text, struct email_context *ret,
			       struct problem *err) MUST_CHECK;
/* The worker's job function; ctx is a struct email_context. */
worker_run email_run;
/* The worker's `ready`: false while the notification service is taken for down. */
bool email_ready(void *ctx);

#endif
