#include "api/idempotency.h"

#include <stdlib.h>
#include <string.h>

#include "common/sign.h"
#include "sql_api.h"

enum { KEY_MAX = 255 };

static bool visible_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return len > 0 && len <= KEY_MAX;
}

static void fingerprint(struct request *req)
{
	struct strbuf text;
	uint8_t digest[SHA256_SIZE];

	strbuf_init(&text, req->arena);
	strbuf_adds(&text, req->http->method);
	strbuf_addc(&text, ' ');
	strbuf_adds(&text, req->http->path);
	strbuf_addc(&text, '?');
	strbuf_adds(&text, req->http->query ? req->http->query : "");
	strbuf_addc(&text, '\n');
	strbuf_add(&text, req->body.at, req->body.len);
	sign_sha256(text.buf, text.len, digest);
	sign_hex(digest, sizeof(digest), req->fingerprint);
}

enum status idempotency_read(struct request *req, struct problem *err)
{
	const char *key = http_header(req->http, "Idempotency-Key");

	if (!key)
		return OK;
	if (!visible_ascii(key, strlen(key)))
		return problem_set(err, ST_INVALID_HEADER,
				   "Idempotency-Key must be 1 to %d visible ASCII characters",
				   KEY_MAX);
	req->idempotency_key = arena_strdup(req->arena, key);
	fingerprint(req);
	return OK;
}

/* A chain: the digest so far and the piece's own. */
void idempotency_add(struct request *req, struct slice piece)
{
	uint8_t link[2 * SHA256_SIZE];

	if (!req->idempotency_key)
		return;
	sign_sha256(req->fingerprint, strlen(req->fingerprint), link);
	sign_sha256(piece.at, piece.len, link + SHA256_SIZE);
	sign_sha256(link, sizeof(link), link);
	sign_hex(link, SHA256_SIZE, req->fingerprint);
}

void idempotency_replay(struct request *req, int status, const char *body, const char *location,
			const char *etag)
{
	struct slice bytes = {NULL, 0};

	if (body)
		bytes = (struct slice){arena_strdup(req->arena, body), strlen(body)};
	answer_bytes(req, status, body ? "application/json" : NULL, bytes);
	if (location)
		http_add_header(req->http, "Location", location);
	if (etag)
		http_add_header(req->http, "ETag", etag);
	http_add_header(req->http, "Idempotent-Replayed", "true");
}

enum { COLUMN_OUTCOME, COLUMN_STATUS, COLUMN_BODY, COLUMN_LOCATION, COLUMN_ETAG };

enum status idempotency_begin(struct request *req, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status, outcome;

	if (!req->idempotency_key)
		return OK;
	status = request_query(req, &sql_idempotency_begin,
			       PG_ARGS(PG_I64(req->caller.user_id), PG_TEXT(req->idempotency_key),
				       PG_TEXT(req->fingerprint)),
			       &result, err);
	if (status)
		return status;
	if (!strcmp(pg_text(result, 0, COLUMN_OUTCOME), "replay")) {
		idempotency_replay(
			req, (int)pg_i64(result, 0, COLUMN_STATUS), pg_text(result, 0, COLUMN_BODY),
			pg_text(result, 0, COLUMN_LOCATION), pg_text(result, 0, COLUMN_ETAG));
		return ST_ANSWERED;
	}
	outcome = problem_from_slug(pg_text(result, 0, COLUMN_OUTCOME));
	if (outcome == ST_IDEMPOTENCY_MISMATCH)
		return problem_set(err, outcome, "This Idempotency-Key belongs to another request");
	if (outcome == ST_IDEMPOTENCY_IN_FLIGHT)
		return problem_set(err, outcome, "The first request with this key has not ended");
	return outcome;
}

static const char *response_header(const struct request *req, const char *name)
{
	for (size_t i = 0; i < req->http->response.header_count; i++)
		if (!strcmp(req->http->response.headers[i].name, name))
			return req->http->response.headers[i].value;
	return NULL;
}

enum status idempotency_store(struct request *req, struct problem *err)
{
	const struct http_response *response = &req->http->response;
	PG_RESULT result = NULL;
	enum status status;
	const char *body = NULL;

	if (!req->idempotency_key)
		return OK;
	if (response->body.len)
		body = arena_strndup(req->arena, response->body.at, response->body.len);
	status = request_query(req, &sql_idempotency_store,
			       PG_ARGS(PG_I64(req->caller.user_id), PG_TEXT(req->idempotency_key),
				       PG_TEXT(req->fingerprint), PG_I64(response->status),
				       PG_TEXT(body), PG_TEXT(response_header(req, "Location")),
				       PG_TEXT(response_header(req, "ETag"))),
			       &result, err);
	if (status)
		return status;
	if (pg_affected(result) == 0)
		return problem_set(err, ST_IDEMPOTENCY_IN_FLIGHT,
				   "The first request with this key has not ended");
	return OK;
}
