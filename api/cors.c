#include "api/cors.h"

#include <string.h>

/* Is this origin in the comma-separated list? */
static bool origin_allowed(const char *list, const char *origin)
{
	size_t len = strlen(origin);

	while (list && *list) {
		size_t item = strcspn(list, ",");

		if (item == len && !strncmp(list, origin, len))
			return true;
		list += item + (list[item] == ',');
		list += strspn(list, " ");
	}
	return false;
}

static const char *allowed_origin(const struct request *req)
{
	const char *origin = http_header(req->http, "Origin");

	if (!origin || !origin_allowed(req->app->config->cors_origins, origin))
		return NULL;
	return origin;
}

void cors_preflight(struct request *req, const char *methods)
{
	if (!allowed_origin(req) || !http_header(req->http, "Access-Control-Request-Method"))
		return;
	http_add_header(req->http, "Access-Control-Allow-Methods", methods);
	http_add_header(req->http, "Access-Control-Allow-Headers",
			"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
			"X-Request-Id, traceparent, tracestate");
	http_add_header(req->http, "Access-Control-Max-Age", "600");
}

void cors_answer(struct request *req)
{
	const char *origin = allowed_origin(req);

	if (req->app->config->cors_origins)
		http_add_header(req->http, "Vary", "Origin");
	if (!origin)
		return;
	http_add_header(req->http, "Access-Control-Allow-Origin", origin);
	http_add_header(req->http, "Access-Control-Expose-Headers",
			"ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
			"X-Request-Id, Idempotent-Replayed");
}
