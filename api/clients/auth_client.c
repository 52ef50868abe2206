#include "api/clients/auth_client.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/recall.h"

#define LIFE_US (30 * US_PER_S)
enum { ENTRIES = 4096, TEXT = 512, ATTEMPTS = 2 };

/* --- the service's answer --------------------------------------------------------------------- */

struct identity {
	int64_t user_id;
	struct field_array roles;
	const char *email;
	const char *first_name;
	const char *last_name;
	struct presence presence;
};
struct answer {
	struct identity *data;
};
/* The id may come as a decimal string, as in a token's sub. */
struct text_identity {
	const char *user_id;
};
struct text_answer {
	struct text_identity *data;
};

enum { IDENTITY_ROLES = 1 };

/* clang-format off */
static const struct field identity_fields[] = {
	{.name = "userId", .type = FIELD_ID, .offset = offsetof(struct identity, user_id)},
	[IDENTITY_ROLES] =
	{.name = "roles", .type = FIELD_STRINGS, .offset = offsetof(struct identity, roles)},
	{.name = "email", .type = FIELD_STRING, .offset = offsetof(struct identity, email)},
	{.name = "firstName", .type = FIELD_STRING, .offset = offsetof(struct identity, first_name)},
	{.name = "lastName", .type = FIELD_STRING, .offset = offsetof(struct identity, last_name)},
};
static const struct schema identity_schema = SCHEMA_INPUT(identity_fields, struct identity);
static const struct field answer_fields[] = {
	{.name = "data", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED,
	 .offset = offsetof(struct answer, data), .nested = &identity_schema},
};
static const struct schema answer_schema = SCHEMA(answer_fields, struct answer);

static const struct field text_identity_fields[] = {
	{.name = "userId", .type = FIELD_STRING, .offset = offsetof(struct text_identity, user_id)},
};
static const struct schema text_identity_schema = SCHEMA(text_identity_fields, struct text_identity);
static const struct field text_answer_fields[] = {
	{.name = "data", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED,
	 .offset = offsetof(struct text_answer, data), .nested = &text_identity_schema},
};
static const struct schema text_answer_schema = SCHEMA(text_answer_fields, struct text_answer);
/* clang-format on */

/* --- answers kept for a while ----------------------------------------------------------------- */

struct verdict {
	bool holds;
	int64_t user_id;
	bool has_roles;
	unsigned roles;
	char email[TEXT], first_name[TEXT], last_name[TEXT];
};

struct recall *auth_client_cache(void)
{
	return recall_new(ENTRIES, sizeof(struct verdict));
}

/* --- asking ----------------------------------------------------------------------------------- */

static void copy_text(char ret[TEXT], const char *text)
{
	size_t len = text ? utf8_cut(text, strlen(text), TEXT - 1) : 0;

	if (len)
		memcpy(ret, text, len);
	ret[len] = '\0';
}

static int64_t text_user_id(struct arena *arena, struct slice body)
{
	struct text_answer answer;
	struct problem ignored = {0};
	int64_t id = 0;

	if (json_read(arena, body.at, body.len, &text_answer_schema, &answer, &ignored) ||
	    !answer.data->user_id ||
	    !ids_parse(answer.data->user_id, strlen(answer.data->user_id), &id))
		return 0;
	return id;
}

static enum status read_answer(struct arena *arena, struct slice body, struct verdict *ret,
			       struct problem *err)
{
	struct answer answer;
	struct problem why = {0};
	const struct identity *who;

	if (json_read(arena, body.at, body.len, &answer_schema, &answer, &why))
		return problem_set(err, ST_AUTH_UNAVAILABLE,
				   "The auth service's answer cannot be read");
	who = answer.data;
	ret->holds = true;
	ret->user_id = who->user_id ? who->user_id : text_user_id(arena, body);
	ret->has_roles = field_given(&who->presence, IDENTITY_ROLES);
	for (size_t i = 0; i < who->roles.count; i++)
		ret->roles |= jwt_role(((const char *const *)who->roles.items)[i]);
	copy_text(ret->email, who->email);
	copy_text(ret->first_name, who->first_name);
	copy_text(ret->last_name, who->last_name);
	return OK;
}

/* "No" is an answer too: 401, or 403 as some gateways put it. */
static bool says_no(enum status status, const struct http_answer *answer)
{
	return status == ST_UPSTREAM_REFUSED && (answer->status == 401 || answer->status == 403);
}

static enum status ask(const struct request *req, const char *token, struct verdict *ret,
		       struct problem *err)
{
	const struct api_config *config = req->app->config;
	struct http_call call = {
		.method = "GET",
		.url = arena_printf(req->arena, "%s/api/auth/validate", config->auth_url),
		.bearer = token,
		.service_token = config->service_token,
		.request_id = req->http->request_id,
		.traceparent = req->traceparent,
		.peer = "auth",
		.timeout_ms = config->upstream_budget_ms / ATTEMPTS,
		.budget_ms = config->upstream_budget_ms,
		.attempts = ATTEMPTS,
	};
	struct http_answer answer = {0};
	struct problem why = {0};
	enum status status = http_call(req->arena, &call, &answer, &why);

	if (says_no(status, &answer))
		return OK;
	if (status)
		return problem_set(err, ST_AUTH_UNAVAILABLE, "The auth service does not answer");
	return read_answer(req->arena, answer.body, ret, err);
}

static void adopt(struct arena *arena, const struct verdict *verdict, struct jwt_claims *claims)
{
	if (verdict->has_roles)
		claims->roles = verdict->roles;
	if (*verdict->email)
		claims->email = arena_strdup(arena, verdict->email);
	if (*verdict->first_name)
		claims->first_name = arena_strdup(arena, verdict->first_name);
	if (*verdict->last_name)
		claims->last_name = arena_strdup(arena, verdict->last_name);
}

enum status auth_client_validate(struct request *req, const char *token,
				 const uint8_t digest[SHA256_SIZE], struct jwt_claims *claims,
				 struct problem *err)
{
	struct recall *cache = req->app->verdicts;
	struct verdict verdict = {0};
	enum status status;

	if (!recall_get(cache, digest, clock_monotonic_us(), &verdict)) {
		status = ask(req, token, &verdict, err);
		if (status)
			return status;
		recall_put(cache, digest, clock_monotonic_us() + LIFE_US, &verdict);
	}
	if (!verdict.holds)
		return problem_set(err, ST_UNAUTHORIZED, "The token was revoked");
	if (verdict.user_id != claims->user_id)
		return problem_set(err, ST_UNAUTHORIZED, "The token belongs to another user");
	adopt(req->arena, &verdict, claims);
	return OK;
}
