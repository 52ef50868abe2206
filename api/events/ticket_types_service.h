/*
 * ticket_types_service: what can be done with the ticket types of an event. Runs in the transaction
 * that the frame opened; gives the type as it is afterwards.
 */
#ifndef API_EVENTS_TICKET_TYPES_SERVICE_H
#define API_EVENTS_TICKET_TYPES_SERVICE_H

#include "api/events/event_input.h"
#include "api/events/event_record.h"

enum status ticket_types_service_create(struct request *req, const struct ticket_type_input *input,
					struct ticket_type *ret, struct problem *err) MUST_CHECK;
/* Merge patch; a patch that changes nothing writes nothing. */
enum status ticket_types_service_patch(struct request *req, const struct ticket_type_input *input,
				       struct ticket_type *ret, struct problem *err) MUST_CHECK;
enum status ticket_types_service_delete(struct request *req, struct problem *err) MUST_CHECK;

#endif
