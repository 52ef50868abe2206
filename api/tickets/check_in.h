/*
 * check_in: admission by hand, and taking an admission back.
 */
#ifndef API_TICKETS_CHECK_IN_H
#define API_TICKETS_CHECK_IN_H

#include "api/request.h"

/* The guest becomes what it was before its admission, its ticket not validated; the scan log keeps
 * who did it. In the open transaction. ST_INVALID_TRANSITION unless checked in;
 * ST_PRECONDITION_FAILED by the edit version of what the path names, guest or ticket. */
enum status undo_check_in(struct request *req, int64_t guest_id, struct problem *err) MUST_CHECK;

#endif
