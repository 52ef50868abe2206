/*
 * registration_call: register_guests and register_guest as a function of C: members in, outcomes
 * out.
 */
#ifndef API_GUESTS_REGISTRATION_CALL_H
#define API_GUESTS_REGISTRATION_CALL_H

#include "api/guests/registration.h"

/* Where a member's outcome goes, and the memory of its texts. */
struct registration_slot {
	struct arena *arena;
	struct registration_outcome *outcome;
};

/* One statement on the request's connection. skip_locked: the outcome of members whose event
 * another transaction holds is "busy". `ord` of each member is its index in `slots`. */
enum status registration_call(struct request *req, const struct registration_member *members,
			      const struct registration_slot *slots, size_t count, bool skip_locked,
			      struct problem *err) MUST_CHECK;

#endif
