#include "worker-email/notification.h"

#include "common/clock.h"

static void add_member(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, ",\"%s\":", name);
	json_encode_string(out, value);
}

struct slice notification_body(struct arena *arena, const struct mail_letter *letter)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	strbuf_adds(&out, "{\"to\":");
	json_encode_string(&out, letter->to);
	add_member(&out, "subject", letter->words.subject);
	add_member(&out, "template", letter->template);
	strbuf_adds(&out, ",\"data\":{\"text\":");
	json_encode_string(&out, letter->words.text);
	add_member(&out, "html", letter->words.html);
	for (size_t i = 0; i < letter->value_count; i++)
		add_member(&out, letter->values[i].name, letter->values[i].value);
	if (letter->ics)
		add_member(&out, "ics", letter->ics);
	strbuf_adds(&out, "}}");
	return (struct slice){out.buf, out.len};
}

struct accepted {
	const char *id;
};
struct accepted_document {
	struct accepted *data;
};
static const struct field accepted_fields[] = {
	{"id", FIELD_STRING, 0, offsetof(struct accepted, id), 0, 255, NULL, NULL, NULL},
};
static const struct schema accepted_schema = SCHEMA(accepted_fields, struct accepted);
static const struct field document_fields[] = {
	{"data", FIELD_OBJECT, 0, offsetof(struct accepted_document, data), 0, 0, NULL,
	 &accepted_schema, NULL},
};
static const struct schema document_schema = SCHEMA(document_fields, struct accepted_document);

/* An accepted mail is sent, whatever else the answer says: its id is good to know, no more. */
static const char *read_id(struct arena *arena, struct slice body)
{
	struct accepted_document document;
	if (json_read(arena, body.at, body.len, &document_schema, &document, NULL) != OK)
		return NULL;
	return document.data ? document.data->id : NULL;
}

enum status notification_send(const struct notification_service *service, struct arena *arena,
			      const struct mail_letter *letter, const struct job *job,
			      struct notification_answer *ret, struct problem *err)
{
	struct http_answer answer = {0};
	const struct http_call call = {
		.method = "POST",
		.url = arena_printf(arena, "%s/api/notifications/email", service->url),
		.body = notification_body(arena, letter).at,
		.service_token = service->service_token,
		.idempotency_key = job->id,
		.request_id = job->request_id,
		.traceparent = job->traceparent,
		.peer = "notification",
		.timeout_ms = service->timeout_ms,
		.budget_ms = service->timeout_ms,
		.attempts = 1,
	};
	enum status status = http_call(arena, &call, &answer, err);
	ret->reached = !answer.unsent;
	ret->retry_after_us = answer.retry_after_s * US_PER_S;
	ret->id = status == OK ? read_id(arena, answer.body) : NULL;
	return status;
}
