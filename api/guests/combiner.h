/*
 * combiner: registrations for one event that arrive together are committed together.
 *
 * The first caller for an event leads: it registers what has gathered, at most
 * REGISTRATION_BATCH_MAX, in one call of register_guests, then hands the lead to the first of those
 * who came meanwhile. There is no timer: a batch is what gathered while the last one committed, so
 * an idle service answers a single caller as fast as without. The hot event's rows are locked and
 * flushed once a batch, and those who wait hold no connection. Events do not wait for each other.
 */
#ifndef API_GUESTS_COMBINER_H
#define API_GUESTS_COMBINER_H

#include "api/guests/registration.h"

struct combiner;

struct combiner *combiner_new(void);
void combiner_free(struct combiner *combiner);

/* Register one member, alone or among others; the outcome's texts go to the request's arena. A
 * failure is the whole batch's: ST_DATABASE_UNAVAILABLE means that the outcome is unknown. */
enum status combiner_register(struct request *req, const struct registration_member *member,
			      struct registration_outcome *ret, struct problem *err) MUST_CHECK;

#endif
