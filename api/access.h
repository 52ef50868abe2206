/*
 * access: may this caller see the thing that the path names (else 404), and do this (else 403)?
 */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/request.h"

/* By the route's scope and `who`; fills req->access. ST_NOT_FOUND, ST_FORBIDDEN,
 * ST_BAD_SIGNATURE (a signed link that is not good). */
enum status access_check(struct request *req, struct problem *err) MUST_CHECK;
/* For ROUTE_ACCESS_LATER on an event that the handler's statement has read: ST_NOT_FOUND. is_staff
 * counts for drafts alone. */
enum status access_check_event(struct request *req, const struct access *event, bool is_staff,
			       struct problem *err) MUST_CHECK;

#endif
