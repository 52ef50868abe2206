/*
 * tickets_service: what happens to a ticket besides admission; in the request's open transaction.
 */
#ifndef API_TICKETS_TICKETS_SERVICE_H
#define API_TICKETS_TICKETS_SERVICE_H

#include "api/tickets/tickets_store.h"

/* A new code and a new issue of the ticket that the path names; an admission stays.
 * ST_TICKET_CANCELLED, ST_PRECONDITION_FAILED. */
enum status ticket_reissue(struct request *req, struct ticket *ret, struct problem *err) MUST_CHECK;

#endif
