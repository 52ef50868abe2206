/*
 * refunds_service: money that goes back: asked for here, owed for late or double money, or made at
 * the payment service.
 */
#ifndef API_PAYMENTS_REFUNDS_SERVICE_H
#define API_PAYMENTS_REFUNDS_SERVICE_H

#include "api/payments/refunds_store.h"

/* A refund of the request's payment; amount 0: all that is left. ST_NOT_PAID, ST_REFUND_EXCEEDS. */
enum status refund_request(struct request *req, int64_t amount, struct refund_out *ret,
			   struct problem *err) MUST_CHECK;
/* A refund is done: money, revenue, guest, ticket, mail. The guest is locked with its seat. Done
 * before: nothing. */
enum status refund_settle(struct request *req, struct guest_locked *locked, int64_t refund_id,
			  const char *service_id, struct problem *err) MUST_CHECK;
/* The service says that money of this payment went back; guest and seat are locked. *ret_waits: it
 * cannot be told yet which refund it means. */
enum status refund_take_message(struct request *req, struct guest_locked *locked,
				int64_t payment_id, const struct payment_message *message,
				bool *ret_waits, struct problem *err) MUST_CHECK;

#endif
