/*
 * sweeper: background work of every API process, a thread a duty, so that a long one never delays
 * a short one.
 *
 * A duty claims rows with SKIP LOCKED and a time (next_at), commits, works, records; it holds no
 * lock across a call or for longer than a slice. So several processes share the work, and one that
 * stops stops nothing.
 */
#ifndef API_SWEEPER_H
#define API_SWEEPER_H

#include "api/request.h"

struct sweeper;

/*
 * One slice of a duty. `req` is a request of nobody: services and stores take it as they take a
 * caller's. *ret_more: there is more to do now. A failure is logged once per change and the duty
 * tried again after its interval.
 */
typedef enum status sweeper_slice(struct request *req, bool *ret_more, struct problem *err);

struct sweeper_duty {
	const char *name;
	int64_t interval_ms; /* between slices that found nothing more */
	sweeper_slice *slice;
};

/* The table of duties (sweeper_duties.c). */
extern const struct sweeper_duty sweeper_duties[];
extern const size_t sweeper_duty_count;

enum status sweeper_start(struct app *app, struct sweeper **ret, struct problem *err) MUST_CHECK;
/* Ends after the slices under way. */
void sweeper_stop(struct sweeper *sweeper);

#endif
