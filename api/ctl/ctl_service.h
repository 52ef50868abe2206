/*
 * ctl_service: the API's services, called by an operator: what a command does by them is what a
 * request does, to the last rule.
 *
 * `req` is a request of nobody, who may do everything, as the sweeper's. It must not be copied.
 */
#ifndef API_CTL_CTL_SERVICE_H
#define API_CTL_CTL_SERVICE_H

#include "api/ctl/ctl.h"
#include "api/request.h"

struct ctl_service {
	struct app app;
	struct http_exchange nobody;
	struct route route;
	struct request req;
	char request_id[UUID_SIZE];
};

/* Open the database, and with `keys` read QR_SIGNATURE_SECRET (ST_CONFIG when it is missing).
 * Whatever comes of it, close it. */
enum status ctl_service_open(struct ctl *ctl, bool keys, struct ctl_service *ret,
			     struct problem *err) MUST_CHECK;
void ctl_service_close(struct ctl_service *service); /* for CLEANUP */
#define CTL_SERVICE CLEANUP(ctl_service_close) struct ctl_service

/* Run `work` in a transaction, then put the jobs that it caused; where the queue is away the API
 * puts them later. */
enum status ctl_service_run(struct ctl *ctl, struct ctl_service *service, request_handler *work,
			    struct problem *err) MUST_CHECK;
/* Look the thing up as the frame does for a path with its id; fills req.access. ST_NOT_FOUND. */
enum status ctl_service_find(struct ctl_service *service, enum scope scope, int64_t id,
			     struct problem *err) MUST_CHECK;

#endif
