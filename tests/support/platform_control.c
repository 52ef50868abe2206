#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/sign.h"
#include "tests/support/platform.h"

enum { WEBHOOK_TIMEOUT_MS = 10000 };

static bool read_body(struct platform_call *call, const struct schema *schema, void *ret)
{
	struct problem err = {0};
	struct json_document *doc;
	enum status status = json_parse(call->http->arena, call->body.at ? call->body.at : "",
					call->body.len, &doc, &err);
	if (status == OK)
		status = json_decode(call->http->arena, doc, schema, JSON_CREATE, ret, &err);
	if (status != OK) {
		err.status = status;
		http_respond_problem(call->http, &err);
	}
	return status == OK;
}

static void answer_nothing(struct platform_call *call)
{
	call->http->response.status = 204;
}

/* --- scripts ---------------------------------------------------------------------------------- */

#define SCRIPT(member) offsetof(struct platform_script, member)
static const struct field script_fields[] = {
	{"service", FIELD_ENUM, FIELD_REQUIRED, SCRIPT(service), 0, 0, platform_service_names, NULL,
	 NULL},
	{"behaviour", FIELD_ENUM, FIELD_REQUIRED, SCRIPT(behaviour), 0, 0, platform_behaviour_names,
	 NULL, NULL},
	{"status", FIELD_INT, 0, SCRIPT(status), 200, 599, NULL, NULL, NULL},
	{"retryAfter", FIELD_INT, 0, SCRIPT(retry_after), 0, 86400, NULL, NULL, NULL},
	{"delayMs", FIELD_INT, 0, SCRIPT(delay_ms), 0, 3600000, NULL, NULL, NULL},
	{"times", FIELD_INT, 0, SCRIPT(times), 0, 1000000, NULL, NULL, NULL},
};
static const struct schema script_schema = SCHEMA(script_fields, struct platform_script);

static void script_set(struct platform_call *call)
{
	struct platform_script script;
	if (!read_body(call, &script_schema, &script))
		return;
	if (script.behaviour == BEHAVE_STATUS && script.status == 0) {
		platform_refuse(call, 422, "behaviour status needs a status");
		return;
	}
	struct platform *platform = call->platform;
	pthread_mutex_lock(&platform->lock);
	platform->scripts[script.service] = script;
	pthread_mutex_unlock(&platform->lock);
	answer_nothing(call);
}

static void reset_all(struct platform_call *call)
{
	platform_reset(call->platform);
	answer_nothing(call);
}

struct settings_input {
	bool refunds_pending;
};
static const struct field settings_fields[] = {
	{"refundsPending", FIELD_BOOL, FIELD_REQUIRED,
	 offsetof(struct settings_input, refunds_pending), 0, 0, NULL, NULL, NULL},
};
static const struct schema settings_schema = SCHEMA(settings_fields, struct settings_input);

static void settings_set(struct platform_call *call)
{
	struct settings_input input;
	if (!read_body(call, &settings_schema, &input))
		return;
	struct platform *platform = call->platform;
	pthread_mutex_lock(&platform->lock);
	platform->refunds_pending = input.refunds_pending;
	pthread_mutex_unlock(&platform->lock);
	answer_nothing(call);
}

struct revoke_input {
	int64_t user_id;
};
static const struct field revoke_fields[] = {
	{"userId", FIELD_ID, FIELD_REQUIRED, offsetof(struct revoke_input, user_id), 1, 0, NULL,
	 NULL, NULL},
};
static const struct schema revoke_schema = SCHEMA(revoke_fields, struct revoke_input);

static void revoke(struct platform_call *call)
{
	struct revoke_input input;
	if (!read_body(call, &revoke_schema, &input))
		return;
	struct platform *platform = call->platform;
	pthread_mutex_lock(&platform->lock);
	platform->revoked[platform->revoked_count % PLATFORM_REVOKED_MAX] = input.user_id;
	platform->revoked_count++;
	pthread_mutex_unlock(&platform->lock);
	answer_nothing(call);
}

/* --- public keys ------------------------------------------------------------------------------ */

/* Any text, so that a key set may be broken. */
static void jwks_set(struct platform_call *call)
{
	struct platform *platform = call->platform;
	struct problem unusable = {0};
	char *document = strndup(call->body.at ? call->body.at : "", call->body.len);
	if (!document)
		fatal("out of memory");
	pthread_mutex_lock(&platform->lock);
	free(platform->jwks_document);
	platform->jwks_document = document;
	pthread_mutex_unlock(&platform->lock);
	if (jwks_load(platform->jwks, call->body, &unusable) != OK)
		fprintf(stderr, "platform: %s\n", unusable.detail);
	answer_nothing(call);
}

/* --- what was got ----------------------------------------------------------------------------- */

/* One more member of the object that `out` ends in; NULL: none. */
static void add_member(struct strbuf *out, const char *name, const char *value)
{
	if (!value)
		return;
	const char *comma = out->buf[out->len - 1] == '{' ? "" : ",";
	strbuf_addf(out, "%s\"%s\":", comma, name);
	json_encode_string(out, value);
}

/* The body as JSON where it is JSON, and as the text it was. */
static void add_body(struct strbuf *out, struct arena *arena, const char *body)
{
	struct json_document *doc;
	strbuf_adds(out, ",\"body\":");
	if (body[0] && json_parse(arena, body, strlen(body), &doc, NULL) == OK)
		strbuf_adds(out, body);
	else
		strbuf_adds(out, "null");
	add_member(out, "text", body);
}

static void add_record(struct strbuf *out, struct arena *arena,
		       const struct platform_record *record)
{
	char at[RFC3339_SIZE];
	strbuf_addf(out, "{\"service\":\"%s\",\"status\":%d,\"at\":\"%s\"",
		    platform_service_names[record->service], record->status,
		    clock_format_us(record->at_us, at));
	add_member(out, "method", record->method);
	add_member(out, "path", record->path);
	strbuf_adds(out, ",\"headers\":{");
	add_member(out, "x-service-token", record->service_token);
	add_member(out, "idempotency-key", record->idempotency_key);
	add_member(out, "authorization", record->authorization);
	add_member(out, "x-request-id", record->request_id);
	add_member(out, "traceparent", record->traceparent);
	add_member(out, "tracestate", record->tracestate);
	strbuf_addc(out, '}');
	add_body(out, arena, record->body);
	strbuf_addc(out, '}');
}

/* Value of `service` in the query; SERVICE_NONE: all of them. */
static enum platform_service wanted_service(const char *query)
{
	static const char name[] = "service=";
	const char *value = query ? strstr(query, name) : NULL;
	if (!value)
		return SERVICE_NONE;
	value += strlen(name);
	int service = 0;
	while (service < SERVICE_NONE && strncmp(value, platform_service_names[service],
						 strlen(platform_service_names[service])) != 0)
		service++;
	return (enum platform_service)service;
}

static void calls_get(struct platform_call *call)
{
	struct platform *platform = call->platform;
	enum platform_service wanted = wanted_service(call->http->query);
	struct arena scratch;
	arena_init(&scratch, 64 << 10);
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_adds(&out, "{\"data\":[");
	const char *comma = "";
	pthread_mutex_lock(&platform->lock);
	for (size_t i = platform->record_first; i < platform->record_count; i++) {
		const struct platform_record *record = &platform->records[i % PLATFORM_RECORDS_MAX];
		if (wanted != SERVICE_NONE && record->service != wanted)
			continue;
		strbuf_adds(&out, comma);
		add_record(&out, &scratch, record);
		arena_reset(&scratch);
		comma = ",";
	}
	pthread_mutex_unlock(&platform->lock);
	arena_clear(&scratch);
	strbuf_adds(&out, "]}");
	platform_answer(call, 200, &out);
}

static void calls_forget(struct platform_call *call)
{
	platform_forget_calls(call->platform);
	answer_nothing(call);
}

/* Counted since the last reset, what was forgotten included. */
static void counts_get(struct platform_call *call)
{
	struct platform *platform = call->platform;
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	pthread_mutex_lock(&platform->lock);
	strbuf_addf(&out,
		    "{\"data\":{\"auth\":%zu,\"payment\":%zu,\"notification\":%zu,\"intents\":%zu,"
		    "\"refunds\":%zu,\"mails\":%zu}}",
		    platform->calls[SERVICE_AUTH], platform->calls[SERVICE_PAYMENT],
		    platform->calls[SERVICE_NOTIFICATION], platform->intent_count,
		    platform->refunds.count, platform->mails.count);
	pthread_mutex_unlock(&platform->lock);
	platform_answer(call, 200, &out);
}

static void intents_get(struct platform_call *call)
{
	struct platform *platform = call->platform;
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_adds(&out, "{\"data\":[");
	pthread_mutex_lock(&platform->lock);
	size_t first = platform->intent_count > PLATFORM_INTENTS_MAX
			       ? platform->intent_count - PLATFORM_INTENTS_MAX
			       : 0;
	for (size_t i = first; i < platform->intent_count; i++) {
		const struct platform_intent *intent = &platform->intents[i % PLATFORM_INTENTS_MAX];
		strbuf_addf(&out,
			    "%s{\"id\":\"%s\",\"status\":\"%s\",\"amount\":", i > first ? "," : "",
			    intent->id, platform_intent_names[intent->status]);
		json_encode_money(&out, intent->amount);
		strbuf_adds(&out, ",\"refunded\":");
		json_encode_money(&out, intent->refunded);
		strbuf_adds(&out, ",\"currency\":");
		json_encode_string(&out, intent->currency);
		strbuf_addf(&out, ",\"guestId\":%lld,\"eventId\":%lld", (long long)intent->guest_id,
			    (long long)intent->event_id);
		add_member(&out, "idempotencyKey", intent->key);
		strbuf_addc(&out, '}');
	}
	pthread_mutex_unlock(&platform->lock);
	strbuf_adds(&out, "]}");
	platform_answer(call, 200, &out);
}

static void mails_get(struct platform_call *call)
{
	struct platform *platform = call->platform;
	const struct platform_ring *mails = &platform->mails;
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_adds(&out, "{\"data\":[");
	pthread_mutex_lock(&platform->lock);
	size_t first = mails->count > PLATFORM_MADE_MAX ? mails->count - PLATFORM_MADE_MAX : 0;
	for (size_t i = first; i < mails->count; i++) {
		const struct platform_made *mail = &mails->items[i % PLATFORM_MADE_MAX];
		strbuf_adds(&out, i > first ? ",{" : "{");
		add_member(&out, "id", mail->id);
		add_member(&out, "idempotencyKey", mail->key);
		add_member(&out, "template", mail->kind);
		add_member(&out, "to", mail->to);
		strbuf_addc(&out, '}');
	}
	pthread_mutex_unlock(&platform->lock);
	strbuf_adds(&out, "]}");
	platform_answer(call, 200, &out);
}

/* --- the payer -------------------------------------------------------------------------------- */

enum pay_type { PAY_SUCCEEDED, PAY_FAILED, PAY_REFUNDED };
static const char *const pay_types[] = {"payment.succeeded", "payment.failed", "payment.refunded",
					NULL};

struct pay_input {
	const char *intent_id;
	int type;
	int64_t amount; /* 0: the intent's */
	const char *currency;
	const char *refund_id;
	const char *webhook_id;
	const char *webhook_url;
	bool bad_signature;
	int64_t timestamp; /* seconds; 0: now */
};
#define PAY(member) offsetof(struct pay_input, member)
static const struct field pay_fields[] = {
	{"intentId", FIELD_STRING, FIELD_REQUIRED, PAY(intent_id), 1, 200, NULL, NULL, NULL},
	{"type", FIELD_ENUM, FIELD_REQUIRED, PAY(type), 0, 0, pay_types, NULL, NULL},
	{"amount", FIELD_MONEY, 0, PAY(amount), 0, INT64_C(9999999999), NULL, NULL, NULL},
	{"currency", FIELD_STRING, 0, PAY(currency), 3, 3, NULL, NULL, NULL},
	{"refundId", FIELD_STRING, 0, PAY(refund_id), 1, 100, NULL, NULL, NULL},
	{"webhookId", FIELD_STRING, 0, PAY(webhook_id), 1, 200, NULL, NULL, NULL},
	{"webhookUrl", FIELD_STRING, 0, PAY(webhook_url), 1, 500, NULL, NULL, NULL},
	{"badSignature", FIELD_BOOL, 0, PAY(bad_signature), 0, 0, NULL, NULL, NULL},
	{"timestamp", FIELD_INT, 0, PAY(timestamp), 0, INT64_C(4102444800), NULL, NULL, NULL},
};
static const struct schema pay_schema = SCHEMA(pay_fields, struct pay_input);

/* What the payer did to the intent; gaps of `input` are filled from it. False: a gap is left, since
 * there is no such intent (a webhook about an unknown one must say everything). */
static bool apply_payment(struct platform *platform, struct arena *arena, struct pay_input *input)
{
	pthread_mutex_lock(&platform->lock);
	struct platform_intent *intent = platform_find_intent(platform, input->intent_id, NULL);
	if (intent && input->amount == 0)
		input->amount = input->type == PAY_REFUNDED ? intent->amount - intent->refunded
							    : intent->amount;
	if (intent && !input->currency)
		input->currency = arena_strdup(arena, intent->currency);
	if (intent && input->type == PAY_SUCCEEDED)
		intent->status = INTENT_SUCCEEDED;
	if (intent && input->type == PAY_REFUNDED && !input->refund_id)
		intent->refunded += input->amount;
	pthread_mutex_unlock(&platform->lock);
	return input->currency != NULL;
}

static struct slice webhook_body(struct arena *arena, const struct pay_input *input)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_addf(&out, "{\"type\":\"%s\",\"data\":{\"intentId\":", pay_types[input->type]);
	json_encode_string(&out, input->intent_id);
	strbuf_adds(&out, ",\"amount\":");
	json_encode_money(&out, input->amount);
	add_member(&out, "currency", input->currency);
	add_member(&out, "refundId", input->refund_id);
	strbuf_adds(&out, "}}");
	return (struct slice){out.buf, out.len};
}

/* Standard Webhooks: the signature is made over id, time and body; a bad one is of another body. */
static enum status send_webhook(struct platform_call *call, const struct pay_input *input,
				const char *url, struct http_answer *ret, struct problem *err)
{
	struct arena *arena = call->http->arena;
	struct slice body = webhook_body(arena, input);
	int64_t at_s = input->timestamp ? input->timestamp : clock_now_us() / US_PER_S;
	const char *timestamp = arena_printf(arena, "%lld", (long long)at_s);
	struct strbuf signature;
	strbuf_init(&signature, arena);
	struct slice other = {"{}", 2};
	sign_webhook(&signature, call->platform->webhook_secret, input->webhook_id, timestamp,
		     input->bad_signature ? other : body);
	const char *const headers[] = {arena_printf(arena, "webhook-id: %s", input->webhook_id),
				       arena_printf(arena, "webhook-timestamp: %s", timestamp),
				       arena_printf(arena, "webhook-signature: %s", signature.buf),
				       NULL};
	const struct http_call request = {.method = "POST",
					  .url = url,
					  .body = body.at,
					  .headers = headers,
					  .timeout_ms = WEBHOOK_TIMEOUT_MS,
					  .budget_ms = WEBHOOK_TIMEOUT_MS,
					  .attempts = 1};
	return http_call(arena, &request, ret, err);
}

static void pay(struct platform_call *call)
{
	struct pay_input input;
	if (!read_body(call, &pay_schema, &input))
		return;
	const char *url = input.webhook_url ? input.webhook_url : call->platform->webhook_url;
	if (!url || !call->platform->webhook_secret) {
		platform_refuse(call, 422, "WEBHOOK_URL and PAYMENT_WEBHOOK_SECRET are needed");
		return;
	}
	char id[UUID_SIZE];
	ids_uuid4(id);
	if (!input.webhook_id)
		input.webhook_id = arena_printf(call->http->arena, "msg_%s", id);
	if (!apply_payment(call->platform, call->http->arena, &input)) {
		platform_refuse(call, 422, "an unknown intent needs amount and currency");
		return;
	}
	struct http_answer answer = {0};
	struct problem err = {0};
	enum status status = send_webhook(call, &input, url, &answer, &err);
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_addf(&out, "{\"data\":{\"status\":%d", answer.status);
	add_member(&out, "webhookId", input.webhook_id);
	add_member(&out, "answer", answer.body.at);
	add_member(&out, "error", status == OK ? NULL : err.detail);
	strbuf_adds(&out, "}}");
	platform_answer(call, 200, &out);
}

const struct platform_route platform_control_routes[] = {
	{"POST", "/_control/script", SERVICE_NONE, script_set},
	{"POST", "/_control/settings", SERVICE_NONE, settings_set},
	{"POST", "/_control/revoke", SERVICE_NONE, revoke},
	{"POST", "/_control/jwks", SERVICE_NONE, jwks_set},
	{"POST", "/_control/reset", SERVICE_NONE, reset_all},
	{"POST", "/_control/pay", SERVICE_NONE, pay},
	{"GET", "/_control/calls", SERVICE_NONE, calls_get},
	{"DELETE", "/_control/calls", SERVICE_NONE, calls_forget},
	{"GET", "/_control/counts", SERVICE_NONE, counts_get},
	{"GET", "/_control/intents", SERVICE_NONE, intents_get},
	{"GET", "/_control/mails", SERVICE_NONE, mails_get},
};
const size_t platform_control_route_count = ARRAY_LEN(platform_control_routes);
