#include "api/auth.h"

#include <pthread.h>
#include <string.h>

#include "api/clients/auth_client.h"
#include "api/query.h"
#include "api/token_cache.h"
#include "common/sign.h"
#include "sql_api.h"

static enum status unauthorized(struct problem *err, const char *why)
{
	return problem_set(err, ST_UNAUTHORIZED, "%s", why);
}

static enum status check_service_token(const struct request *req, struct problem *err)
{
	const char *given = http_header(req->http, "X-Service-Token");
	const char *token = req->app->config->service_token;
	uint8_t given_digest[SHA256_SIZE], digest[SHA256_SIZE];

	if (!given)
		return unauthorized(err, "X-Service-Token is missing");
	sign_sha256(given, strlen(given), given_digest);
	sign_sha256(token, strlen(token), digest);
	if (!sign_equal(given_digest, sizeof(given_digest), digest, sizeof(digest)))
		return unauthorized(err, "X-Service-Token is wrong");
	return OK;
}

/* The token of "Bearer <token>"; NULL when the header is something else. */
static const char *bearer_token(const char *header)
{
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	header += 7;
	return header + strspn(header, " ");
}

static enum status check_bearer(struct request *req, const char *header, struct problem *err)
{
	const char *token = bearer_token(header);
	uint8_t digest[SHA256_SIZE];
	struct jwt_claims claims;
	enum status status;

	if (!token)
		return unauthorized(err, "Authorization must be a Bearer token");
	sign_sha256(token, strlen(token), digest);
	status = token_verify(req->app, req->arena, token, digest, &claims, err);
	if (!status && req->app->config->auth_validation == AUTH_REMOTE)
		status = auth_client_validate(req, token, digest, &claims, err);
	if (status)
		return status;
	req->caller = (struct caller){.signed_in = true,
				      .roles = claims.roles,
				      .user_id = claims.user_id,
				      .email = claims.email,
				      .first_name = claims.first_name,
				      .last_name = claims.last_name};
	return OK;
}

enum status auth_identify(struct request *req, struct problem *err)
{
	const char *header = http_header(req->http, "Authorization");
	unsigned who = req->route->who;

	if (who & WHO_SERVICE)
		return check_service_token(req, err);
	if (who & WHO_SIGNED)
		return OK;
	if (header)
		return check_bearer(req, header, err);
	if (who & WHO_ANYONE)
		return OK;
	if ((who & WHO_LINK) && query_raw(req, "token"))
		return OK;
	return unauthorized(err, "This needs a bearer token");
}

/* --- users mirror --------------------------------------------------------------------------- */

enum { MIRRORED = 4096 };

/* Digests of the claims last written by this process, by user id; a collision writes again. */
static uint8_t mirrored[MIRRORED][SHA256_SIZE];
static pthread_mutex_t mirrored_lock = PTHREAD_MUTEX_INITIALIZER;

static void claims_digest(struct request *req, uint8_t ret[SHA256_SIZE])
{
	const struct caller *caller = &req->caller;
	struct strbuf text;

	strbuf_init(&text, req->arena);
	strbuf_add_i64(&text, caller->user_id);
	for (size_t i = 0; i < 3; i++) {
		const char *claim[] = {caller->email, caller->first_name, caller->last_name};

		strbuf_add(&text, "\0", 1);
		strbuf_adds(&text, claim[i] ? claim[i] : "\1");
	}
	sign_sha256(text.buf, text.len, ret);
}

/* A claim that fits its column: cut to `max` characters. */
static const char *fitting(struct request *req, const char *claim, size_t max)
{
	size_t at = 0;

	if (!claim)
		return NULL;
	for (size_t n = 0; claim[at] && n < max; n++)
		for (at++; (claim[at] & 0xc0) == 0x80; at++)
			;
	return arena_strndup(req->arena, claim, at);
}

enum status auth_mirror(struct request *req, struct problem *err)
{
	uint8_t digest[SHA256_SIZE];
	uint8_t *slot = mirrored[(uint64_t)req->caller.user_id % MIRRORED];
	enum status status;
	bool known;

	claims_digest(req, digest);
	pthread_mutex_lock(&mirrored_lock);
	known = !memcmp(slot, digest, sizeof(digest));
	pthread_mutex_unlock(&mirrored_lock);
	if (known)
		return OK;
	status = request_query(req, &sql_user_mirror,
			       PG_ARGS(PG_I64(req->caller.user_id),
				       PG_TEXT(fitting(req, req->caller.email, 255)),
				       PG_TEXT(fitting(req, req->caller.first_name, 100)),
				       PG_TEXT(fitting(req, req->caller.last_name, 100))),
			       NULL, err);
	if (status)
		return status;
	pthread_mutex_lock(&mirrored_lock);
	memcpy(slot, digest, sizeof(digest));
	pthread_mutex_unlock(&mirrored_lock);
	return OK;
}
