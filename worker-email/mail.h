/*
 * mail: a row of `notifications` with what it tells of its guest, event, ticket and payment, as
 * they are at the time of sending; whether later events have overtaken it; and its words.
 */
#ifndef WORKER_EMAIL_MAIL_H
#define WORKER_EMAIL_MAIL_H

#include "common/credential.h"
#include "common/queue.h"
#include "worker-email/template.h"

/* Texts in the arena it was loaded into. */
struct mail {
	int64_t id;
	const char *kind; /* name of its template */
	const char *status;
	int64_t cause_id; /* issue of the ticket, payment, change of the event */
	int64_t guest_id;
	const char *email;
	const char *guest_name;
	const char *locale;
	const char *guest_status;
	const char *event_title;
	const char *location;
	const char *event_status;
	int64_t change_seq;
	const char *time_zone;
	const char *event_date; /* local time, see mail_date */
	const char *put_at;     /* of the mail; this and the next two UTC, see ical */
	const char *starts_at;
	const char *ends_at;         /* NULL: not known */
	const char *organizer_email; /* or NULL */
	const char *organizer_name;  /* or "" */
	int64_t ticket_id;           /* 0: none */
	const char *ticket_code;
	int64_t issue;
	const char *ticket_status;
	const char *ticket_type;
	const char *payment_status;
	const char *pay_until;
	bool pay_over;  /* the hold's time is up */
	int64_t amount; /* minor units; 0: none */
	const char *currency;
};

/* What stands behind the links. */
struct mail_links {
	const char *public_url;
	const struct credential_keys *keys;
};

/* A mail ready to go. */
struct mail_letter {
	const char *to;
	const char *template;
	struct template_mail words;
	struct template_value values[TEMPLATE_VALUES_MAX]; /* that the template names */
	size_t value_count;
	const char *ics; /* calendar entry; NULL: none */
};

/* Read the mails of these jobs; ret[i] NULL: there is no such row. */
enum status mail_load(struct pg_pool *pool, struct arena *arena, const struct job *jobs,
		      size_t count, struct mail **ret, struct problem *err) MUST_CHECK;
/* Was it sent or dropped already? (A failed one may be kicked and goes out again.) */
bool mail_is_settled(const struct mail *mail);
/* Why it must not go out any more; NULL: it may. Pure. */
const char *mail_overtaken(const struct mail *mail);
/* Write it. ST_INVALID_BODY, which is final, when it cannot be written. */
enum status mail_write(struct arena *arena, const struct mail *mail, const struct mail_links *links,
		       struct mail_letter *ret, struct problem *err) MUST_CHECK;

/* What became of a mail. */
struct mail_outcome {
	const char *status; /* sent, dropped, failed; queued: will be tried again */
	int64_t attempts;
	const char *error;      /* or NULL */
	const char *service_id; /* or NULL */
};
/* The end of a job. */
struct mail_ending {
	const struct mail *mail; /* NULL: the job alone */
	const struct job *job;
	struct mail_outcome outcome;
	bool ours; /* false: somebody else holds the job by now, and nothing was recorded */
};
/* Record the outcomes and take the jobs off the outbox, in one transaction; sets `ours`. */
enum status mail_complete(struct pg_pool *pool, struct arena *arena, struct mail_ending *endings,
			  size_t count, struct problem *err) MUST_CHECK;
/* Record an attempt that failed; the job stays. Nothing happens when it is ours no longer. */
enum status mail_record_failure(struct pg_pool *pool, struct arena *arena, const struct mail *mail,
				const struct job *job, const struct mail_outcome *outcome,
				struct problem *err) MUST_CHECK;

#endif
