/*
 * payments: what is due and what was paid.
 */
#ifndef API_PAYMENTS_PAYMENTS_H
#define API_PAYMENTS_PAYMENTS_H

#include "api/request.h"

extern const struct schema payment_list_schema; /* limit, page, cursor */
extern const struct schema refund_input_schema; /* amount */

request_handler payments_list, payments_refund, payments_webhook;

#endif
