#include "api/clients/payment_client.h"

#include "common/http_client.h"

enum { ATTEMPTS = 3 };

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

#define AT(member) offsetof(struct payment_intent, member)
static const struct field intent_fields[] = {
	{.name = "id",
	 .type = FIELD_STRING,
	 .flags = FIELD_REQUIRED,
	 .offset = AT(id),
	 .min = 1,
	 .max = 255},
	{.name = "clientSecret",
	 .type = FIELD_STRING,
	 .flags = FIELD_NULLABLE,
	 .offset = AT(client_secret),
	 .max = 1024},
	{.name = "status", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .offset = AT(status)},
	{.name = "expiresAt",
	 .type = FIELD_TIME,
	 .flags = FIELD_NULLABLE,
	 .offset = AT(expires_at)},
};
#undef AT
static const struct schema intent_schema = SCHEMA(intent_fields, struct payment_intent);

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

enum status payment_client_create_intent(struct app *app, struct arena *arena, const char *key,
					 const struct payment_intent_request *request,
					 const char *request_id, const char *traceparent,
					 struct payment_intent *ret, struct problem *err)
{
	struct http_answer answer;
	struct wrapped wrapped;
	struct strbuf body;
	enum status status;

	strbuf_init(&body, arena);
	json_encode(&body, &request_schema, request);
	struct http_call call = {
		.method = "POST",
		.url = arena_printf(arena, "%s/api/payments/intents", app->config->payment_url),
		.body = body.buf,
		.service_token = app->config->service_token,
		.idempotency_key = key,
		.request_id = request_id,
		.traceparent = traceparent,
		.timeout_ms = app->config->upstream_budget_ms,
		.budget_ms = app->config->upstream_budget_ms,
		.attempts = ATTEMPTS,
	};
	status = http_call(arena, &call, &answer, err);
	if (status)
		return status;
	if (json_read(arena, answer.body.at, answer.body.len, &wrapped_schema, &wrapped, NULL))
		return problem_set(err, ST_UPSTREAM_DOWN, "The payment service answered nonsense");
	*ret = *wrapped.data;
	return OK;
}
