/*
 * guests_service: what happens to a guest, one use case a function; all run in the request's open
 * transaction.
 */
#ifndef API_GUESTS_GUESTS_SERVICE_H
#define API_GUESTS_GUESTS_SERVICE_H

#include "api/guests/guests_store.h"

/* Take a locked guest through a trigger with all its effects (see guests_rules). */
enum status guest_apply(struct request *req, struct guest_locked *locked,
			enum guest_trigger trigger, struct problem *err) MUST_CHECK;

enum status guest_edit(struct request *req, const struct guest_input *input,
		       struct problem *err) MUST_CHECK;
enum status guest_confirm(struct request *req, struct problem *err) MUST_CHECK;
enum status guest_cancel(struct request *req, struct problem *err) MUST_CHECK;
/* Cancel unless that is done already, then hide. */
enum status guest_remove(struct request *req, struct problem *err) MUST_CHECK;

#endif
