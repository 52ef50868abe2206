/*
 * refunds_store: refunds' statements. What changes money demands the payment's lock.
 */
#ifndef API_PAYMENTS_REFUNDS_STORE_H
#define API_PAYMENTS_REFUNDS_STORE_H

#include "api/payments/payments_store.h"

/* A payment as refunds see it. */
struct refundable {
	int64_t id;
	int64_t guest_id;
	int64_t event_id;
	int method; /* enum payment_method */
	int status; /* enum payment_status */
	const char *intent_id;
	const char *currency;
	int64_t paid_amount; /* 0: nothing came */
	int64_t refunded_amount;
	int64_t refunding_amount; /* asked for and not done */
};

/* What was refunded, and what that means. */
struct refund_effect {
	bool happened; /* false: it was done already */
	int64_t amount;
	const char *cause;
	bool counted;        /* of a succeeded payment: revenue */
	bool whole;          /* nothing of this payment is left */
	int64_t other_money; /* left of the guest's other payments */
};

/* ST_NOT_FOUND. */
enum status refundable_load(struct request *req, int64_t payment_id, struct refundable *ret,
			    struct problem *err) MUST_CHECK;
/* A new row, requested. service_id: of a refund that the service made; NULL: it is asked, unless
 * `ask` is false. */
enum status refund_add(struct request *req, const struct refundable *payment, int64_t amount,
		       const char *cause, const char *service_id, bool ask, int64_t *ret_id,
		       struct problem *err) MUST_CHECK;
/* Refund what is left of the guest's succeeded payments; payment_id 0: of all of them. On-site
 * money is back at once. */
enum status refund_rest(struct request *req, int64_t guest_id, const char *cause,
			int64_t payment_id, struct problem *err) MUST_CHECK;
enum status refund_load(struct request *req, int64_t refund_id, struct refund_out *ret,
			struct problem *err) MUST_CHECK;
/* The refund that the service's word means: 0 when it is one we do not know; *ret_match is "same",
 * "adopt", "wait", "foreign" or NULL. */
enum status refund_match(struct request *req, int64_t payment_id,
			 const struct payment_message *message, int64_t *ret_id,
			 const char **ret_match, struct problem *err) MUST_CHECK;
enum status refund_finish(struct request *req, int64_t refund_id, const char *service_id,
			  struct refund_effect *ret, struct problem *err) MUST_CHECK;
/* Put each payment's refunds into it. */
enum status refunds_attach(struct request *req, struct payment_out *const *payments, size_t count,
			   struct problem *err) MUST_CHECK;

#endif
