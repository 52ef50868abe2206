#include <stdio.h>
#include <string.h>

#include "common/jwt.h"
#include "tests/support/platform.h"

enum { INTENT_LIFE_S = 1800 };

/* --- auth ------------------------------------------------------------------------------------- */

static void add_roles(struct strbuf *out, unsigned roles)
{
	static const char *const names[] = {"admin", "organizer", "staff", "user"};
	const char *comma = "";
	strbuf_addc(out, '[');
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(roles & jwt_role(names[i])))
			continue;
		strbuf_addf(out, "%s\"%s\"", comma, names[i]);
		comma = ",";
	}
	strbuf_addc(out, ']');
}

static bool is_revoked(struct platform *platform, int64_t user_id)
{
	bool found = false;
	pthread_mutex_lock(&platform->lock);
	for (size_t i = 0; i < platform->revoked_count && i < PLATFORM_REVOKED_MAX && !found; i++)
		found = platform->revoked[i] == user_id;
	pthread_mutex_unlock(&platform->lock);
	return found;
}

static bool read_bearer(struct platform_call *call, struct jwt_claims *ret)
{
	static const char scheme[] = "Bearer ";
	const struct platform *platform = call->platform;
	const char *value = http_header(call->http, "Authorization");
	if (!value || strncasecmp(value, scheme, strlen(scheme)) != 0)
		return false;
	const char *token = value + strlen(scheme);
	const char *secret = platform->jwt_secret ? platform->jwt_secret : "";
	struct jwt_options options = {.secret = {secret, strlen(secret)}, .jwks = platform->jwks};
	return jwt_verify(&options, call->http->arena, token, strlen(token), clock_now_us(), ret,
			  NULL) == OK;
}

static void auth_validate(struct platform_call *call)
{
	struct jwt_claims claims;
	if (!read_bearer(call, &claims) || is_revoked(call->platform, claims.user_id)) {
		platform_refuse(call, 401, "the token is not valid");
		return;
	}
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_addf(&out, "{\"data\":{\"userId\":%lld,\"roles\":", (long long)claims.user_id);
	add_roles(&out, claims.roles);
	strbuf_adds(&out, ",\"email\":");
	json_encode_string(&out, claims.email);
	strbuf_adds(&out, ",\"firstName\":");
	json_encode_string(&out, claims.first_name);
	strbuf_adds(&out, ",\"lastName\":");
	json_encode_string(&out, claims.last_name);
	strbuf_adds(&out, "}}");
	platform_answer(call, 200, &out);
}

static void jwks_get(struct platform_call *call)
{
	struct platform *platform = call->platform;
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	pthread_mutex_lock(&platform->lock);
	strbuf_adds(&out, platform->jwks_document ? platform->jwks_document : "{\"keys\":[]}");
	pthread_mutex_unlock(&platform->lock);
	platform_answer(call, 200, &out);
}

/* --- payment ---------------------------------------------------------------------------------- */

struct intent_input {
	int64_t amount;
	const char *currency;
	int64_t guest_id;
	int64_t event_id;
	const char *description;
};
static const struct field intent_input_fields[] = {
	{"amount", FIELD_MONEY, FIELD_REQUIRED, offsetof(struct intent_input, amount), 1,
	 INT64_C(9999999999), NULL, NULL, NULL},
	{"currency", FIELD_STRING, FIELD_REQUIRED, offsetof(struct intent_input, currency), 3, 3,
	 NULL, NULL, NULL},
	{"guestId", FIELD_ID, FIELD_REQUIRED, offsetof(struct intent_input, guest_id), 1, 0, NULL,
	 NULL, NULL},
	{"eventId", FIELD_ID, FIELD_REQUIRED, offsetof(struct intent_input, event_id), 1, 0, NULL,
	 NULL, NULL},
	{"description", FIELD_STRING, FIELD_REQUIRED, offsetof(struct intent_input, description), 0,
	 2000, NULL, NULL, NULL},
};
static const struct schema intent_input_schema = SCHEMA(intent_input_fields, struct intent_input);

static bool read_body(struct platform_call *call, const struct schema *schema, void *ret)
{
	if (json_read(call->http->arena, call->body.at ? call->body.at : "", call->body.len, schema,
		      ret, NULL) == OK)
		return true;
	platform_refuse(call, 422, "the body does not fit the contract");
	return false;
}

static void answer_intent(struct platform_call *call, int status,
			  const struct platform_intent *intent)
{
	char expires[RFC3339_SIZE];
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_addf(&out,
		    "{\"data\":{\"id\":\"%s\",\"clientSecret\":\"%s\",\"status\":\"%s\","
		    "\"expiresAt\":\"%s\"}}",
		    intent->id, intent->client_secret, platform_intent_names[intent->status],
		    clock_format(intent->expires_at, expires));
	platform_answer(call, status, &out);
}

static void fill_intent(struct platform_intent *intent, const struct intent_input *input,
			const char *key)
{
	char id[UUID_SIZE];
	char secret[UUID_SIZE];
	ids_uuid4(id);
	ids_uuid4(secret);
	snprintf(intent->id, sizeof(intent->id), "pi_%s", id);
	snprintf(intent->client_secret, sizeof(intent->client_secret), "pi_%.8s_secret_%s", id,
		 secret);
	snprintf(intent->key, sizeof(intent->key), "%s", key ? key : "");
	snprintf(intent->currency, sizeof(intent->currency), "%.3s", input->currency);
	intent->amount = input->amount;
	intent->guest_id = input->guest_id;
	intent->event_id = input->event_id;
	intent->expires_at = clock_now_us() + INTENT_LIFE_S * US_PER_S;
}

static void intent_create(struct platform_call *call)
{
	struct intent_input input;
	if (!read_body(call, &intent_input_schema, &input))
		return;
	const char *key = http_header(call->http, "Idempotency-Key");
	struct platform *platform = call->platform;
	pthread_mutex_lock(&platform->lock);
	struct platform_intent *known = platform_find_intent(platform, NULL, key);
	bool mismatch = known && (known->amount != input.amount ||
				  strcmp(known->currency, input.currency) != 0 ||
				  known->guest_id != input.guest_id);
	if (!known) {
		known = platform_add_intent(platform);
		fill_intent(known, &input, key);
	}
	struct platform_intent intent = *known;
	pthread_mutex_unlock(&platform->lock);
	if (mismatch)
		platform_refuse(call, 422, "the key was used for another intent");
	else
		answer_intent(call, 201, &intent);
}

static void intent_get(struct platform_call *call)
{
	struct platform *platform = call->platform;
	pthread_mutex_lock(&platform->lock);
	const struct platform_intent *known = platform_find_intent(platform, call->id, NULL);
	struct platform_intent intent = known ? *known : (struct platform_intent){0};
	pthread_mutex_unlock(&platform->lock);
	if (known)
		answer_intent(call, 200, &intent);
	else
		platform_refuse(call, 404, "no such intent");
}

/* The arbiter between a late payer and the end of a hold: looked at and changed in one step. */
static void intent_cancel(struct platform_call *call)
{
	struct platform *platform = call->platform;
	pthread_mutex_lock(&platform->lock);
	struct platform_intent *known = platform_find_intent(platform, call->id, NULL);
	if (known && known->status == INTENT_REQUIRES_PAYMENT)
		known->status = INTENT_CANCELLED;
	struct platform_intent intent = known ? *known : (struct platform_intent){0};
	pthread_mutex_unlock(&platform->lock);
	if (!known)
		platform_refuse(call, 404, "no such intent");
	else if (intent.status == INTENT_SUCCEEDED)
		platform_refuse(call, 409, "the intent is paid");
	else
		answer_intent(call, 200, &intent);
}

struct refund_input {
	int64_t amount;
};
static const struct field refund_input_fields[] = {
	{"amount", FIELD_MONEY, FIELD_REQUIRED, offsetof(struct refund_input, amount), 1,
	 INT64_C(9999999999), NULL, NULL, NULL},
};
static const struct schema refund_input_schema = SCHEMA(refund_input_fields, struct refund_input);

/* 0: granted, else the number of the refusal. The caller holds the lock. */
static int grant_refund(struct platform_intent *intent, int64_t amount)
{
	if (!intent)
		return 404;
	if (intent->status != INTENT_SUCCEEDED)
		return 409;
	if (amount > intent->amount - intent->refunded)
		return 422;
	intent->refunded += amount;
	return 0;
}

static void intent_refund(struct platform_call *call)
{
	struct refund_input input;
	if (!read_body(call, &refund_input_schema, &input))
		return;
	struct platform *platform = call->platform;
	const char *key = http_header(call->http, "Idempotency-Key");
	char id[PLATFORM_ID_SIZE];
	char uuid[UUID_SIZE];
	ids_uuid4(uuid);
	snprintf(id, sizeof(id), "re_%s", uuid);
	int refusal = 0;
	pthread_mutex_lock(&platform->lock);
	if (!platform_made(&platform->refunds, key, id)) {
		refusal =
			grant_refund(platform_find_intent(platform, call->id, NULL), input.amount);
		if (refusal == 0)
			platform_make(&platform->refunds, key, id);
	}
	const char *status = platform->refunds_pending ? "pending" : "succeeded";
	pthread_mutex_unlock(&platform->lock);
	if (refusal != 0) {
		platform_refuse(call, refusal, "the refund is not possible");
		return;
	}
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_addf(&out, "{\"data\":{\"id\":\"%s\",\"status\":\"%s\"}}", id, status);
	platform_answer(call, 201, &out);
}

/* --- notification ----------------------------------------------------------------------------- */

struct mail_input {
	const char *to;
	const char *subject;
	const char *template;
};
static const struct field mail_input_fields[] = {
	{"to", FIELD_STRING, FIELD_REQUIRED, offsetof(struct mail_input, to), 3, 255, NULL, NULL,
	 NULL},
	{"subject", FIELD_STRING, FIELD_REQUIRED, offsetof(struct mail_input, subject), 1, 998,
	 NULL, NULL, NULL},
	{"template", FIELD_STRING, FIELD_REQUIRED, offsetof(struct mail_input, template), 1, 100,
	 NULL, NULL, NULL},
};
static const struct schema mail_input_schema = SCHEMA(mail_input_fields, struct mail_input);

static void mail_send(struct platform_call *call)
{
	struct mail_input input;
	if (!read_body(call, &mail_input_schema, &input))
		return;
	char id[PLATFORM_ID_SIZE];
	char uuid[UUID_SIZE];
	ids_uuid4(uuid);
	snprintf(id, sizeof(id), "ntf_%s", uuid);
	struct platform *platform = call->platform;
	const char *key = http_header(call->http, "Idempotency-Key");
	pthread_mutex_lock(&platform->lock);
	if (!platform_made(&platform->mails, key, id)) {
		struct platform_made *made = platform_make(&platform->mails, key, id);

		snprintf(made->kind, sizeof(made->kind), "%s", input.template);
		snprintf(made->to, sizeof(made->to), "%s", input.to);
	}
	pthread_mutex_unlock(&platform->lock);
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_addf(&out, "{\"data\":{\"id\":\"%s\"}}", id);
	platform_answer(call, 202, &out);
}

/* --- collector -------------------------------------------------------------------------------- */

/* Any JSON: tests look at what was recorded. */
static void spans_take(struct platform_call *call)
{
	struct json_document *doc;
	struct strbuf out;
	if (json_parse(call->http->arena, call->body.at ? call->body.at : "", call->body.len, &doc,
		       NULL) != OK) {
		platform_refuse(call, 400, "the body is no JSON");
		return;
	}
	strbuf_init(&out, call->http->arena);
	strbuf_adds(&out, "{\"partialSuccess\":{}}");
	platform_answer(call, 200, &out);
}

const struct platform_route platform_service_routes[] = {
	{"GET", "/api/auth/validate", SERVICE_AUTH, auth_validate},
	{"GET", "/.well-known/jwks.json", SERVICE_JWKS, jwks_get},
	{"POST", "/api/payments/intents", SERVICE_PAYMENT, intent_create},
	{"GET", "/api/payments/intents/{id}", SERVICE_PAYMENT, intent_get},
	{"POST", "/api/payments/intents/{id}/cancel", SERVICE_PAYMENT, intent_cancel},
	{"POST", "/api/payments/intents/{id}/refunds", SERVICE_PAYMENT, intent_refund},
	{"POST", "/api/notifications/email", SERVICE_NOTIFICATION, mail_send},
	{"POST", "/v1/traces", SERVICE_COLLECTOR, spans_take},
};
const size_t platform_service_route_count = ARRAY_LEN(platform_service_routes);
