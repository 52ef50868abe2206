/*
 * payment_client: what we ask of the payment service.
 */
#ifndef API_CLIENTS_PAYMENT_CLIENT_H
#define API_CLIENTS_PAYMENT_CLIENT_H

#include "api/app.h"

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

/* POST /api/payments/intents under `key`: the same key always means the same intent. Within
 * UPSTREAM_BUDGET_MS. ST_UPSTREAM_DOWN (unknown outcome), ST_UPSTREAM_REFUSED. */
enum status payment_client_create_intent(struct app *app, struct arena *arena, const char *key,
					 const struct payment_intent_request *request,
					 const char *request_id, const char *traceparent,
					 struct payment_intent *ret,
					 struct problem *err) MUST_CHECK;

#endif
