/*
 * payment_record: a payment as stored and shown.
 */
#ifndef API_PAYMENTS_PAYMENT_RECORD_H
#define API_PAYMENTS_PAYMENT_RECORD_H

#include "api/request.h"

enum payment_status {
	PAYMENT_CREATED,
	PAYMENT_REQUIRES_PAYMENT,
	PAYMENT_SUCCEEDED,
	PAYMENT_FAILED,
	PAYMENT_EXPIRED,
	PAYMENT_CANCELLED,
	PAYMENT_VOID,
	PAYMENT_DISPUTED,
};
enum payment_method { PAYMENT_INTENT, PAYMENT_ON_SITE };

extern const char *const payment_status_names[];
extern const char *const payment_method_names[];

struct payment_out {
	int64_t id;
	int64_t event_id;
	int64_t guest_id;
	const char *intent_id;
	int method; /* enum payment_method */
	int64_t amount;
	const char *currency;
	int status; /* enum payment_status */
	int64_t refunded_amount;
	const char *client_secret;
	int64_t expires_at;
	int64_t created_at;
	struct field_array refunds;
};

struct refund_out {
	int64_t id;
	int64_t payment_id;
	int64_t amount;
	const char *currency;
	const char *status;
	int64_t created_at;
};

extern const struct schema payment_schema, refund_schema;

/* Hide the client secret unless this caller may still use it. */
void payment_hide_secret(struct payment_out *payment, const struct request *req);

#endif
