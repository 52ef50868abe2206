#include "tests/support/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"

static const char *address;

void say_on_record(const char *begins_with)
{
	address = begins_with;
}

static void add_text(struct strbuf *out, const char *name, const char *text)
{
	strbuf_addf(out, ",\"%s\":", name);
	json_encode_string(out, text);
}

static void add_request(struct strbuf *out, const struct saying *saying)
{
	const char *type = saying->content_type ? saying->content_type : "application/json";
	const char *body = saying->body;

	if (body && saying->body_len)
		body = text("%.*s", (int)saying->body_len, body);
	strbuf_adds(out, "{\"method\":");
	json_encode_string(out, saying->method);
	add_text(out, "target", saying->url + strlen(address));
	add_text(out, "contentType", body ? type : NULL);
	add_text(out, "sent", body);
	strbuf_addf(out, ",\"signedIn\":%s,\"headers\":[", saying->token ? "true" : "false");
	for (size_t i = 0; saying->headers && saying->headers[i]; i++) {
		strbuf_adds(out, i ? "," : "");
		json_encode_string(out, saying->headers[i]);
	}
	strbuf_addc(out, ']');
}

/* A file a process, a line a write: threads do not mix their lines. */
static void append(const char *directory, const struct strbuf *line)
{
	const char *path = text("%s/%d.jsonl", directory, (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, line->buf, line->len) != (ssize_t)line->len)
		abort();
	close(fd);
}

void record_reply(const struct saying *saying, const struct reply *reply)
{
	const char *directory = getenv("DIALOGUE_LOG");
	CLEANUP(strbuf_release) struct strbuf line;

	strbuf_init(&line, NULL);
	if (!directory || !*directory || !address || !reply->status ||
	    strncmp(saying->url, address, strlen(address)) != 0)
		return;
	add_request(&line, saying);
	strbuf_addf(&line, ",\"status\":%d", reply->status);
	add_text(&line, "answerHeaders", reply->headers);
	add_text(&line, "answer", reply->body);
	strbuf_adds(&line, "}\n");
	append(directory, &line);
}
