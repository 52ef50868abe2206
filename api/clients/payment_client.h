/*
 * payment_client: what we ask of the payment service.
 *
 * Behind one gate a process: a circuit breaker (five failures in a row within 10 s open it, then
 * one call at a time finds out whether the service is back), and for registrations a bound on the
 * threads that wait for the service (PAYMENT_MAX_PARKED), so that a service that hangs never holds
 * up what does not need it.
 */
#ifndef API_CLIENTS_PAYMENT_CLIENT_H
#define API_CLIENTS_PAYMENT_CLIENT_H

#include "api/app.h"

/* Whose call it is, for the headers, and how long it may take in all. */
struct payment_call {
	struct app *app;
	struct arena *arena;
	const char *key; /* Idempotency-Key */
	const char *request_id;
	const char *traceparent;
	int64_t budget_ms;
	bool parked; /* counts against PAYMENT_MAX_PARKED */
};

struct payment_intent_request {
	int64_t amount; /* minor units */
	const char *currency;
	int64_t guest_id;
	int64_t event_id;
	const char *description;
};

struct payment_intent {
	const char *id;
	const char *client_secret;
	const char *status;
	int64_t expires_at; /* TIME_NONE: it does not say */
};

/* What the service says of a cancel; it is the arbiter between a payer and the end of a hold. */
enum payment_cancel {
	CANCEL_UNANSWERED,
	CANCEL_DONE, /* it can be paid no more, or never was there */
	CANCEL_PAID, /* too late: it is paid */
};

struct payment_refund {
	const char *id;
	bool done; /* else the webhook will tell */
};

/* Close the breaker; once, before threads. */
void payment_client_init(struct payment_gate *gate);

/* How many calls are worth preparing now, of at most `max`: while the breaker is open one, to
 * probe, or none. */
size_t payment_client_room(struct app *app, size_t max);

/* What an intent of this guest is described as: the same words each time, as the key demands. */
const char *payment_client_description(struct arena *arena, int64_t event_id, int64_t guest_id);
/* POST /api/payments/intents under call->key: the same key always means the same intent.
 * ST_UPSTREAM_DOWN (unknown outcome, or not asked at all), ST_UPSTREAM_REFUSED. */
enum status payment_client_create_intent(const struct payment_call *call,
					 const struct payment_intent_request *request,
					 struct payment_intent *ret,
					 struct problem *err) MUST_CHECK;
/* POST …/{id}/cancel. */
enum payment_cancel payment_client_cancel(const struct payment_call *call, const char *intent_id);
/* POST …/{id}/refunds. ST_UPSTREAM_DOWN, ST_UPSTREAM_REFUSED; *ret_asked: false when the breaker
 * kept the call back. */
enum status payment_client_refund(const struct payment_call *call, const char *intent_id,
				  int64_t amount, struct payment_refund *ret, bool *ret_asked,
				  struct problem *err) MUST_CHECK;

#endif
