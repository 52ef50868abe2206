#include "api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char json_type[] = "application/json";

void answer_bytes(struct request *req, int status, const char *content_type, struct slice body)
{
	req->http->response.status = status;
	req->http->response.content_type = content_type;
	req->http->response.body = body;
}

void answer_none(struct request *req)
{
	answer_bytes(req, req->route->success, NULL, (struct slice){NULL, 0});
}

/* FNV-1a: tells one body from another of the same edit; nobody's secret depends on it. */
uint64_t answer_digest(struct slice body)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < body.len; i++)
		hash = (hash ^ (uint8_t)body.at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Is `etag` among the tags of an If-None-Match list (weak comparison, RFC 9110 13.1.2)? */
static bool tag_listed(const char *list, const char *etag)
{
	size_t len = strlen(etag);

	while (*list) {
		list += strspn(list, " \t,");
		if (*list == '*')
			return true;
		if (!strncmp(list, "W/", 2))
			list += 2;
		if (!strncmp(list, etag, len) && strchr(", \t", list[len]))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

void answer_etag(struct request *req, const char *etag)
{
	http_add_header(req->http, "ETag", etag);
	if (!req->whole)
		answer_match(req, etag);
}

void answer_match(struct request *req, const char *etag)
{
	struct http_response *response = &req->http->response;
	const char *wanted = http_header(req->http, "If-None-Match");

	if (!wanted || strcmp(req->route->method, "GET") != 0 || !tag_listed(wanted, etag))
		return;
	response->status = 304;
	response->body = (struct slice){NULL, 0};
	response->content_type = NULL;
}

void answer_edit_tag(struct request *req, int64_t edit_version)
{
	char etag[64];

	snprintf(etag, sizeof(etag), "\"%lld-%016llx\"", (long long)edit_version,
		 (unsigned long long)answer_digest(req->http->response.body));
	answer_etag(req, etag);
}

void answer_data(struct request *req, const struct schema *schema, const void *value,
		 int64_t edit_version)
{
	struct strbuf body;

	strbuf_init(&body, req->arena);
	strbuf_adds(&body, "{\"data\":");
	json_encode(&body, schema, value);
	strbuf_addc(&body, '}');
	answer_bytes(req, req->route->success, json_type, (struct slice){body.buf, body.len});
	if (edit_version)
		answer_edit_tag(req, edit_version);
}

void answer_created(struct request *req, const struct schema *schema, const void *value,
		    int64_t edit_version, const char *path, ...)
{
	char location[256];
	va_list args;

	va_start(args, path);
	vsnprintf(location, sizeof(location), path, args);
	va_end(args);
	answer_data(req, schema, value, edit_version);
	http_add_header(req->http, "Location", location);
}

/* The edit part of one strong tag "<edit>-<digest>"; 0 when it is none. */
static int64_t edit_part(const char *tag)
{
	char *end;
	long long edit;

	if (*tag != '"')
		return 0;
	edit = strtoll(tag + 1, &end, 10);
	return end > tag + 1 && *end == '-' ? edit : 0;
}

enum status request_check_match(const struct request *req, int64_t edit_version,
				struct problem *err)
{
	const char *list = http_header(req->http, "If-Match");

	if (!list)
		return OK;
	while (*list) {
		list += strspn(list, " \t,");
		if (*list == '*' || (*list && edit_part(list) == edit_version))
			return OK;
		list += strcspn(list, ",");
	}
	return problem_set(err, ST_PRECONDITION_FAILED,
			   "It was edited since the version named in If-Match");
}
