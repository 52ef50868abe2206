/*
 * events_service: what can be done with an event, one use case a function. All but the reads run in
 * the transaction that the frame opened, and give the event as it is afterwards.
 */
#ifndef API_EVENTS_EVENTS_SERVICE_H
#define API_EVENTS_EVENTS_SERVICE_H

#include "api/events/event_input.h"
#include "api/events/events_rules.h"

/* A draft of the caller's. */
enum status events_service_create(struct request *req, const struct event_input *input,
				  struct event *ret, struct problem *err) MUST_CHECK;
/* Merge patch; a patch that changes nothing writes nothing. */
enum status events_service_patch(struct request *req, const struct event_input *input,
				 struct event *ret, struct problem *err) MUST_CHECK;
/* Publish, start, end, cancel. */
enum status events_service_move(struct request *req, enum event_trigger trigger, struct event *ret,
				struct problem *err) MUST_CHECK;
enum status events_service_delete(struct request *req, struct problem *err) MUST_CHECK;

#endif
