#include "tests/support/dialogue.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "tests/support/record.h"

static _Thread_local CURL *curl;

static size_t take(char *data, size_t size, size_t count, void *into)
{
	strbuf_add(into, data, size * count);
	return size * count;
}

static struct curl_slist *headers_of(const struct saying *saying)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	const char *type = saying->content_type ? saying->content_type : "application/json";

	if (saying->body)
		list = curl_slist_append(list, text("Content-Type: %s", type));
	if (saying->token)
		list = curl_slist_append(list, text("Authorization: Bearer %s", saying->token));
	for (size_t i = 0; saying->headers && saying->headers[i]; i++)
		list = curl_slist_append(list, saying->headers[i]);
	return list;
}

static void set_options(const struct saying *saying, struct curl_slist *headers,
			struct strbuf *body, struct strbuf *head)
{
	size_t len = saying->body && !saying->body_len ? strlen(saying->body) : saying->body_len;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, saying->url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, saying->method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, head);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
			 (long)(saying->timeout_ms ? saying->timeout_ms : 20000));
	if (!strcmp(saying->method, "HEAD"))
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	if (saying->body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, saying->body);
	}
}

struct reply *say(const struct saying *saying)
{
	struct reply *reply = calloc(1, sizeof(*reply));
	struct curl_slist *headers = headers_of(saying);
	struct strbuf body, head;
	long status = 0;
	CURLcode code;

	if (!curl)
		curl = curl_easy_init();
	strbuf_init(&body, NULL);
	strbuf_init(&head, NULL);
	strbuf_reserve(&body, 1);
	strbuf_reserve(&head, 1);
	set_options(saying, headers, &body, &head);
	code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	reply->status = (int)status;
	reply->refused = code == CURLE_COULDNT_CONNECT;
	reply->body = body.buf;
	reply->len = body.len;
	reply->headers = head.buf;
	reply->json = cJSON_Parse(body.buf);
	record_reply(saying, reply);
	return reply;
}

void say_goodbye(void)
{
	curl_easy_cleanup(curl);
	curl = NULL;
}

static const cJSON *find(const struct reply *reply, const char *path)
{
	const cJSON *at = reply->json;

	while (at && *path) {
		size_t len = strcspn(path, ".");
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		if (cJSON_IsArray(at))
			at = cJSON_GetArrayItem(at, atoi(name));
		else
			at = cJSON_GetObjectItemCaseSensitive(at, name);
		path += len + (path[len] == '.');
	}
	return at;
}

const char *reply_text(const struct reply *reply, const char *path)
{
	const cJSON *at = find(reply, path);

	return cJSON_IsString(at) ? at->valuestring : NULL;
}

int64_t reply_int(const struct reply *reply, const char *path)
{
	const cJSON *at = find(reply, path);

	return cJSON_IsNumber(at) ? (int64_t)at->valuedouble : INT64_MIN;
}

double reply_number(const struct reply *reply, const char *path)
{
	const cJSON *at = find(reply, path);

	return cJSON_IsNumber(at) ? at->valuedouble : -1e300;
}

bool reply_has(const struct reply *reply, const char *path)
{
	return find(reply, path) != NULL;
}

bool reply_null(const struct reply *reply, const char *path)
{
	return cJSON_IsNull(find(reply, path));
}

bool reply_true(const struct reply *reply, const char *path)
{
	return cJSON_IsTrue(find(reply, path));
}

int reply_count(const struct reply *reply, const char *path)
{
	const cJSON *at = find(reply, path);

	return cJSON_IsArray(at) ? cJSON_GetArraySize(at) : -1;
}

const char *reply_slug(const struct reply *reply)
{
	const char *type = reply_text(reply, "type");

	return type && !strncmp(type, "/problems/", 10) ? type + 10 : "";
}

bool reply_violates(const struct reply *reply, const char *where, const char *code)
{
	for (int i = 0; i < reply_count(reply, "errors"); i++) {
		const char *pointer = reply_text(reply, text("errors.%d.pointer", i));
		const char *found = reply_text(reply, text("errors.%d.code", i));

		if (!pointer)
			pointer = reply_text(reply, text("errors.%d.parameter", i));
		if (pointer && !strcmp(pointer, where) &&
		    (!code || (found && !strcmp(found, code))))
			return true;
	}
	return false;
}

const char *reply_header(const struct reply *reply, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = reply->headers; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncasecmp(at, name, len) && at[len] == ':') {
			const char *value = at + len + 1 + strspn(at + len + 1, " ");

			return text("%.*s", (int)strcspn(value, "\r\n"), value);
		}
	}
	return NULL;
}

void reply_free(struct reply *reply)
{
	cJSON_Delete(reply->json);
	free(reply->body);
	free(reply->headers);
	free(reply);
}

/* Kept within reach, so that they are no leaks. */
struct kept {
	struct kept *before;
	char text[];
};
static struct kept *_Atomic last_kept;

const char *text(const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	struct kept *kept = len < 0 ? NULL : malloc(sizeof(*kept) + (size_t)len + 1);
	if (!kept)
		abort();
	vsnprintf(kept->text, (size_t)len + 1, fmt, again);
	va_end(again);
	va_end(args);
	kept->before = last_kept;
	while (!atomic_compare_exchange_weak(&last_kept, &kept->before, kept))
		;
	return kept->text;
}
