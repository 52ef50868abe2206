#include "api/clients/payment_client.h"

#include <string.h>

#include "api/observe.h"
#include "common/clock.h"
#include "common/http_client.h"

enum { ATTEMPTS = 3, PROBE_FIRST_S = 1, PROBE_LONGEST_S = 5, WINDOW_S = 10 };

/* --- bodies ---------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct payment_intent_request, member)
static const struct field request_fields[] = {
	{.name = "amount", .type = FIELD_MONEY, .offset = AT(amount)},
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "description", .type = FIELD_STRING, .offset = AT(description)},
};
#undef AT
static const struct schema request_schema = SCHEMA(request_fields, struct payment_intent_request);

/* clang-format off */
#define AT(member) offsetof(struct payment_intent, member)
static const struct field intent_fields[] = {
	{.name = "id", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .offset = AT(id), .min = 1,
	 .max = 255},
	{.name = "clientSecret", .type = FIELD_STRING, .flags = FIELD_NULLABLE,
	 .offset = AT(client_secret), .max = 1024},
	{.name = "status", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .offset = AT(status)},
	{.name = "expiresAt", .type = FIELD_TIME, .flags = FIELD_NULLABLE, .offset = AT(expires_at)},
};
#undef AT
/* clang-format on */
static const struct schema intent_schema = SCHEMA(intent_fields, struct payment_intent);

/* A refund's answer has id and status too. */
struct wrapped {
	struct payment_intent *data;
};
static const struct field wrapped_fields[] = {
	{.name = "data",
	 .type = FIELD_OBJECT,
	 .flags = FIELD_REQUIRED,
	 .offset = offsetof(struct wrapped, data),
	 .nested = &intent_schema},
};
static const struct schema wrapped_schema = SCHEMA(wrapped_fields, struct wrapped);

struct refund_request {
	int64_t amount;
};
static const struct field refund_fields[] = {
	{.name = "amount", .type = FIELD_MONEY, .offset = offsetof(struct refund_request, amount)},
};
static const struct schema refund_schema = SCHEMA(refund_fields, struct refund_request);

/* --- the gate -------------------------------------------------------------------------------- */

void payment_client_init(struct payment_gate *gate)
{
	breaker_init(&gate->breaker, PROBE_FIRST_S * US_PER_S, PROBE_LONGEST_S * US_PER_S);
	breaker_set_window(&gate->breaker, WINDOW_S * US_PER_S);
}

size_t payment_client_room(struct app *app, size_t max)
{
	if (!breaker_is_open(&app->payments.breaker))
		return max;
	return breaker_ready(&app->payments.breaker, clock_monotonic_us()) ? 1 : 0;
}

/* False: too many wait already, or the service is known to be away. */
static bool enter(const struct payment_call *call)
{
	struct payment_gate *gate = &call->app->payments;

	if (call->parked && ++gate->parked > call->app->config->payment_max_parked) {
		--gate->parked;
		metrics_add(&metric_payment_calls, 1, "parked", (char *)NULL);
		return false;
	}
	if (breaker_enter(&gate->breaker, clock_monotonic_us()))
		return true;
	gate->parked -= call->parked;
	metrics_add(&metric_payment_calls, 1, "breaker", (char *)NULL);
	return false;
}

static void leave(const struct payment_call *call, enum status status, int retry_after_s)
{
	struct payment_gate *gate = &call->app->payments;

	gate->parked -= call->parked;
	if (status == ST_UPSTREAM_DOWN)
		breaker_failure(&gate->breaker, clock_monotonic_us(), retry_after_s * US_PER_S);
	else
		breaker_success(&gate->breaker);
	metrics_add(&metric_payment_calls, 1, status == ST_UPSTREAM_DOWN ? "failed" : "answered",
		    (char *)NULL);
}

/* An answer that is none of the contract's is as good as no answer. */
static enum status read_answer(const struct payment_call *call, const struct http_answer *answer,
			       struct payment_intent *ret, struct problem *err)
{
	struct wrapped wrapped;

	if (json_read(call->arena, answer->body.at, answer->body.len, &wrapped_schema, &wrapped,
		      NULL))
		return problem_set(err, ST_UPSTREAM_DOWN, "The payment service answered nonsense");
	*ret = *wrapped.data;
	return OK;
}

/* POST to the service through the gate. *ret_status: the HTTP number; 0: it was not asked. */
static enum status post(const struct payment_call *call, const char *path, const char *body,
			struct payment_intent *ret, int *ret_status, struct problem *err)
{
	struct http_call http = {
		.method = "POST",
		.url = arena_printf(call->arena, "%s/api/payments/intents%s",
				    call->app->config->payment_url, path),
		.body = body,
		.service_token = call->app->config->service_token,
		.idempotency_key = call->key,
		.request_id = call->request_id,
		.traceparent = call->traceparent,
		.peer = "payment",
		.timeout_ms = call->budget_ms,
		.budget_ms = call->budget_ms,
		.attempts = ATTEMPTS,
	};
	struct http_answer answer = {0};
	struct problem why = {0};
	enum status status;

	*ret_status = 0;
	if (!enter(call))
		return problem_set(err, ST_UPSTREAM_DOWN, "the payment service is not asked now");
	status = http_call(call->arena, &http, &answer, &why);
	if (!status)
		status = read_answer(call, &answer, ret, &why);
	leave(call, status, answer.retry_after_s);
	*ret_status = status == ST_UPSTREAM_DOWN ? -1 : answer.status;
	return status ? problem_set(err, status, "%s", why.detail) : OK;
}

/* --- calls ----------------------------------------------------------------------------------- */

const char *payment_client_description(struct arena *arena, int64_t event_id, int64_t guest_id)
{
	return arena_printf(arena, "Registration %lld, event %lld", (long long)guest_id,
			    (long long)event_id);
}

enum status payment_client_create_intent(const struct payment_call *call,
					 const struct payment_intent_request *request,
					 struct payment_intent *ret, struct problem *err)
{
	struct strbuf body;
	int number;

	strbuf_init(&body, call->arena);
	json_encode(&body, &request_schema, request);
	return post(call, "", body.buf, ret, &number, err);
}

enum payment_cancel payment_client_cancel(const struct payment_call *call, const char *intent_id)
{
	const char *path = arena_printf(call->arena, "/%s/cancel", intent_id);
	struct payment_intent intent;
	struct problem why = {0};
	int number;
	enum status status = post(call, path, NULL, &intent, &number, &why);

	if (!status)
		return CANCEL_DONE;
	if (status != ST_UPSTREAM_REFUSED)
		return CANCEL_UNANSWERED;
	if (number == 409)
		return CANCEL_PAID;
	return number == 404 || number == 410 ? CANCEL_DONE : CANCEL_UNANSWERED;
}

enum status payment_client_refund(const struct payment_call *call, const char *intent_id,
				  int64_t amount, struct payment_refund *ret, bool *ret_asked,
				  struct problem *err)
{
	const struct refund_request request = {amount};
	const char *path = arena_printf(call->arena, "/%s/refunds", intent_id);
	struct payment_intent answer = {0};
	struct strbuf body;
	enum status status;
	int number;

	strbuf_init(&body, call->arena);
	json_encode(&body, &refund_schema, &request);
	status = post(call, path, body.buf, &answer, &number, err);
	*ret_asked = number != 0;
	if (status)
		return status;
	*ret = (struct payment_refund){
		.id = answer.id,
		.done = answer.status && !strcmp(answer.status, "succeeded"),
	};
	return OK;
}
