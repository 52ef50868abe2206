#include "api/input.h"

#include <string.h>

#include "api/idempotency.h"
#include "api/query.h"

/* Routes without fields take an empty body or an empty object. */
static const struct schema no_fields = {NULL, 0, 1, NO_PRESENCE, NULL};

static bool takes_body(const struct request *req)
{
	return !strcmp(req->route->method, "POST") || !strcmp(req->route->method, "PATCH");
}

/* "type/subtype", any case, with nothing but a UTF-8 charset behind it. */
static bool media_type_is(const char *header, const char *wanted)
{
	size_t len = strcspn(header, "; \t");
	const char *rest = header + len;

	if (len != strlen(wanted) || strncasecmp(header, wanted, len) != 0)
		return false;
	rest += strspn(rest, "; \t");
	return !*rest || !strcasecmp(rest, "charset=utf-8") ||
	       !strcasecmp(rest, "charset=\"utf-8\"");
}

static enum status check_media_type(const struct request *req, struct problem *err)
{
	const char *header = http_header(req->http, "Content-Type");
	bool patch = !strcmp(req->route->method, "PATCH");

	if (!header && !req->body.len)
		return OK;
	if (header && media_type_is(header, "application/json"))
		return OK;
	if (header && patch && media_type_is(header, "application/merge-patch+json"))
		return OK;
	return problem_set(err, ST_UNSUPPORTED_MEDIA_TYPE, "The body must be application/json");
}

enum status input_read_query(struct request *req, struct problem *err)
{
	return query_decode(req, req->route->query, &req->query, err);
}

static enum status read_body(struct request *req, struct problem *err)
{
	const struct api_config *config = req->app->config;
	enum status status;

	status = http_read_body(req->http, (size_t)config->max_body_bytes, config->body_deadline_ms,
				&req->body, err);
	if (status || (req->route->flags & ROUTE_RAW_BODY))
		return status;
	return check_media_type(req, err);
}

/* A body that the handler reads itself: what can be judged before it comes. */
static enum status judge_stream(struct request *req, struct problem *err)
{
	const char *header = http_header(req->http, "Content-Type");
	int64_t max = req->app->config->import_max_bytes;
	enum status status;

	if (req->http->content_length > max)
		return problem_set(err, ST_BODY_TOO_LARGE, "the limit is %lld bytes",
				   (long long)max);
	if (!header ||
	    !(media_type_is(header, "text/csv") || media_type_is(header, "application/json")))
		return problem_set(err, ST_UNSUPPORTED_MEDIA_TYPE,
				   "The body must be text/csv or application/json");
	status = input_read_query(req, err);
	return status ? status : idempotency_read(req, err);
}

static enum status decode(struct request *req, const struct json_document *doc, struct problem *err)
{
	const struct schema *schema = req->route->input ? req->route->input : &no_fields;
	bool patch = !strcmp(req->route->method, "PATCH");
	void *input = arena_alloc(req->arena, schema->size);
	enum status status;

	status = json_decode(req->arena, doc, schema, patch ? JSON_PATCH : JSON_CREATE, input, err);
	if (!status)
		req->input = input;
	return status;
}

enum status input_read(struct request *req, struct problem *err)
{
	struct json_document *doc = NULL;
	enum status status;
	bool has_json;

	if (!takes_body(req))
		return input_read_query(req, err);
	if (req->route->flags & ROUTE_STREAM)
		return judge_stream(req, err);
	status = read_body(req, err);
	if (status)
		return status;
	has_json =
		req->body.len || (req->route->input && !(req->route->flags & ROUTE_BODY_OPTIONAL));
	has_json = has_json && !(req->route->flags & ROUTE_RAW_BODY);
	if (has_json)
		status = json_parse(req->arena, req->body.at, req->body.len, &doc, err);
	if (!status)
		status = input_read_query(req, err);
	if (!status && (req->route->flags & ROUTE_IDEMPOTENT))
		status = idempotency_read(req, err);
	if (status || !has_json)
		return status;
	return decode(req, doc, err);
}
