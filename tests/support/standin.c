#include "tests/support/standin.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/http_client.h"

enum { CONTROL_TIMEOUT_MS = 5000 };

static pid_t platform_pid;
static char platform_url[64];

/* build/MODE/tests/unit/test_x -> build/MODE/bin/platform */
static void find_binary(const char *program, char ret[PATH_MAX])
{
	const char *tests = strstr(program, "/tests/");
	if (!tests)
		fatal("the platform is looked for beside a program below tests/, not %s", program);
	snprintf(ret, PATH_MAX, "%.*s/bin/platform", (int)(tests - program), program);
}

NORETURN static void run_platform(const char *binary, int out, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	dup2(out, STDOUT_FILENO);
	setenv("PLATFORM_PORT", "0", 1); /* NOLINT(concurrency-mt-unsafe): one thread here */
	execl(binary, binary, (char *)NULL);
	_exit(EXIT_FAILURE);
}

void standin_start(const char *program)
{
	char binary[PATH_MAX];
	int ends[2];
	pid_t parent = getpid();
	find_binary(program, binary);
	if (pipe2(ends, O_CLOEXEC) < 0)
		fatal("pipe failed");
	platform_pid = fork();
	if (platform_pid == 0)
		run_platform(binary, ends[1], parent);
	close(ends[1]);
	FILE *out = fdopen(ends[0], "r");
	int port = 0;
	if (platform_pid < 0 || !out || fscanf(out, "platform listening on %d", &port) != 1)
		fatal("%s does not start", binary);
	fclose(out);
	snprintf(platform_url, sizeof(platform_url), "http://127.0.0.1:%d", port);
}

void standin_stop(void)
{
	kill(platform_pid, SIGTERM);
	waitpid(platform_pid, NULL, 0);
}

const char *standin_url(void)
{
	return platform_url;
}

static struct slice control(struct arena *arena, const char *method, const char *path,
			    const char *body)
{
	struct problem err = {0};
	struct http_answer answer;
	const struct http_call call = {
		.method = method,
		.url = arena_printf(arena, "%s/_control/%s", platform_url, path),
		.body = body,
		.timeout_ms = CONTROL_TIMEOUT_MS,
		.budget_ms = CONTROL_TIMEOUT_MS,
		.attempts = 1,
	};
	if (http_call(arena, &call, &answer, &err) != OK)
		fatal("%s /_control/%s: %s %s", method, path, err.detail, answer.body.at);
	return answer.body;
}

static void post(const char *path, const char *body)
{
	struct arena arena;
	arena_init(&arena, 1024);
	control(&arena, "POST", path, body);
	arena_clear(&arena);
}

void standin_reset(void)
{
	post("reset", NULL);
}

void standin_script(const char *json)
{
	char body[512];
	snprintf(body, sizeof(body), "{%s}", json);
	post("script", body);
}

/* --- reading what it says --------------------------------------------------------------------- */

struct headers {
	const char *service_token;
	const char *idempotency_key;
	const char *request_id;
	const char *traceparent;
};
#define HEADER(name, member)                                                                       \
	{                                                                                          \
		name, FIELD_STRING, 0, offsetof(struct headers, member), 0, 0, NULL, NULL, NULL    \
	}
static const struct field header_fields[] = {
	HEADER("x-service-token", service_token),
	HEADER("idempotency-key", idempotency_key),
	HEADER("x-request-id", request_id),
	HEADER("traceparent", traceparent),
};
static const struct schema header_schema = SCHEMA(header_fields, struct headers);

struct call_row {
	struct standin_call call;
	struct headers *headers;
};
static const struct field row_fields[] = {
	{"status", FIELD_INT, 0, offsetof(struct call_row, call.status), 0, 0, NULL, NULL, NULL},
	{"method", FIELD_STRING, 0, offsetof(struct call_row, call.method), 0, 0, NULL, NULL, NULL},
	{"path", FIELD_STRING, 0, offsetof(struct call_row, call.path), 0, 0, NULL, NULL, NULL},
	{"text", FIELD_STRING, 0, offsetof(struct call_row, call.text), 0, 0, NULL, NULL, NULL},
	{"headers", FIELD_OBJECT, 0, offsetof(struct call_row, headers), 0, 0, NULL, &header_schema,
	 NULL},
};
static const struct schema row_schema = SCHEMA(row_fields, struct call_row);

struct call_list {
	struct field_array data;
};
static const struct field list_fields[] = {
	{"data", FIELD_ARRAY, FIELD_REQUIRED, offsetof(struct call_list, data), 0, 0, NULL,
	 &row_schema, NULL},
};
static const struct schema list_schema = SCHEMA(list_fields, struct call_list);

struct field_array standin_calls(struct arena *arena, const char *service)
{
	struct call_list list;
	struct problem err = {0};
	struct slice body =
		control(arena, "GET", arena_printf(arena, "calls?service=%s", service), NULL);
	if (json_read(arena, body.at, body.len, &list_schema, &list, &err) != OK)
		fatal("the platform's calls cannot be read: %s", err.detail);
	struct standin_call *calls = arena_calloc(arena, list.data.count + 1, sizeof(*calls));
	const struct call_row *rows = list.data.items;
	for (size_t i = 0; i < list.data.count; i++) {
		calls[i] = rows[i].call;
		calls[i].service_token = rows[i].headers->service_token;
		calls[i].idempotency_key = rows[i].headers->idempotency_key;
		calls[i].request_id = rows[i].headers->request_id;
		calls[i].traceparent = rows[i].headers->traceparent;
	}
	return (struct field_array){calls, list.data.count};
}

int64_t standin_count(const char *name)
{
	struct arena arena;
	arena_init(&arena, 4096);
	struct slice body = control(&arena, "GET", "counts", NULL);
	const char *at = strstr(body.at, arena_printf(&arena, "\"%s\":", name));
	if (!at)
		fatal("the platform does not count %s", name);
	int64_t count = strtoll(strchr(at, ':') + 1, NULL, 10);
	arena_clear(&arena);
	return count;
}
