/*
 * payments: what is due and what was paid.
 */
#ifndef API_PAYMENTS_PAYMENTS_H
#define API_PAYMENTS_PAYMENTS_H

#include "api/request.h"

extern const struct schema payment_list_schema; /* limit, page, cursor */

request_handler payments_list, payments_webhook;

#endif
