/*
 * notification: the client of the notification service: POST /api/notifications/email.
 *
 * One call is one attempt; the service knows a mail by the Idempotency-Key, so a call that is made
 * again for want of an answer does not send twice.
 */
#ifndef WORKER_EMAIL_NOTIFICATION_H
#define WORKER_EMAIL_NOTIFICATION_H

#include "common/http_client.h"
#include "worker-email/mail.h"

struct notification_service {
	const char *url; /* base, without a slash at its end */
	const char *service_token;
	int64_t timeout_ms;
};

struct notification_answer {
	const char *id;         /* the service's for the mail; NULL when its answer tells none */
	bool reached;           /* answered, timed out or cut; false: the call never got there */
	int64_t retry_after_us; /* 0: nothing said */
};

/* The JSON body of the call. */
struct slice notification_body(struct arena *arena, const struct mail_letter *letter);
/* Hand the mail over under the job's id. OK, ST_UPSTREAM_REFUSED (final), ST_UPSTREAM_DOWN; *ret is
 * filled in each case. */
enum status notification_send(const struct notification_service *service, struct arena *arena,
			      const struct mail_letter *letter, const struct job *job,
			      struct notification_answer *ret, struct problem *err) MUST_CHECK;

#endif
