/*
 * tickets: what is shown at the door: documents, reissue, validation.
 */
#ifndef API_TICKETS_TICKETS_H
#define API_TICKETS_TICKETS_H

#include "api/request.h"

extern const struct schema validate_input_schema, ticket_query_schema;

request_handler tickets_get, tickets_pdf, tickets_qr_svg, tickets_qr_png, tickets_reissue;
request_handler tickets_validate, tickets_undo_validation;

#endif
