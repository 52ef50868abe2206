/*
 * combiner: registrations that arrive together are committed together, those for one event and
 * those for many.
 *
 * The first caller leads: it registers what has gathered, at most REGISTRATION_BATCH_MAX, in one
 * call of register_guests (of register_guest: one alone), then hands the lead to the first of those
 * who came meanwhile. There is no timer: a batch is what gathered while others were on their way,
 * so an idle service answers a single caller as fast as without. Two batches are on their way at
 * once, never with the same event: it is locked until the first is committed, and its callers
 * gather for the one after. So rows of hot events are locked and flushed once a batch, and those
 * who wait hold no connection.
 *
 * An event whose row another transaction holds does not stop the rest: the batch leaves it out, and
 * its callers, with all who come after them, get batches of their own, which do wait, until nobody
 * is left.
 */
#ifndef API_GUESTS_COMBINER_H
#define API_GUESTS_COMBINER_H

#include "api/guests/registration.h"

struct combiner;

struct combiner *combiner_new(void);
void combiner_free(struct combiner *combiner);

/* Register one member, alone or among others; the outcome's texts go to the request's arena. A
 * failure may be the whole batch's: ST_DATABASE_UNAVAILABLE means that the outcome is unknown. */
enum status combiner_register(struct request *req, const struct registration_member *member,
			      struct registration_outcome *ret, struct problem *err) MUST_CHECK;

#endif
