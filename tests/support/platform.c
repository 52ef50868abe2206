#include "tests/support/platform.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/sign.h"

enum {
	THREADS = 128,
	BODY_DEADLINE_MS = 10000,
	REQUEST_TIMEOUT_MS = 10000,
	KEEP_ALIVE_MS = 5000,
	HANG_DEFAULT_MS = 600000,
};

void platform_answer(struct platform_call *call, int status, const struct strbuf *body)
{
	struct http_response *response = &call->http->response;
	response->status = status;
	response->content_type = "application/json";
	response->body = (struct slice){body->buf, body->len};
}

void platform_refuse(struct platform_call *call, int status, const char *message)
{
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_adds(&out, "{\"error\":{\"message\":");
	json_encode_string(&out, message);
	strbuf_adds(&out, "}}");
	platform_answer(call, status, &out);
}

/* --- behaviours ------------------------------------------------------------------------------- */

static void answer_status(struct platform_call *call, const struct platform_script *script)
{
	platform_refuse(call, (int)script->status, "as the script says");
	if (script->retry_after > 0)
		http_add_header(
			call->http, "Retry-After",
			arena_printf(call->http->arena, "%lld", (long long)script->retry_after));
}

static bool is_trusted(const struct platform_call *call)
{
	const char *expected = call->platform->service_token;
	if (!expected || call->service == SERVICE_AUTH || call->service == SERVICE_COLLECTOR ||
	    call->service == SERVICE_JWKS)
		return true;
	const char *token = http_header(call->http, "X-Service-Token");
	return token && sign_equal(token, strlen(token), expected, strlen(expected));
}

static void answer_as_usual(struct platform_call *call, platform_handler *handler)
{
	if (is_trusted(call))
		handler(call);
	else
		platform_refuse(call, 401, "X-Service-Token is wrong or missing");
}

/* Behave as the script says; gives the number answered, 0 where nothing usable was. */
static int behave(struct platform_call *call, const struct platform_script *script,
		  platform_handler *handler)
{
	static const char broken[] = "{\"data\":{\"id\":";
	struct http_response *response = &call->http->response;
	switch ((enum platform_behaviour)script->behaviour) {
	case BEHAVE_STATUS:
		answer_status(call, script);
		return response->status;
	case BEHAVE_HANG:
		clock_sleep_ms(script->delay_ms ? script->delay_ms : HANG_DEFAULT_MS);
		response->status = 200; /* unset would be a fault of ours; none of it goes out */
		response->cut = true;
		return 0;
	case BEHAVE_CUT:
		answer_as_usual(call, handler);
		response->cut = true;
		return 0;
	case BEHAVE_BAD_BODY:
		answer_as_usual(call, handler);
		response->body = (struct slice){broken, strlen(broken)};
		return response->status;
	case BEHAVE_SLOW:
		clock_sleep_ms(script->delay_ms);
		break;
	case BEHAVE_OK:
		break;
	}
	answer_as_usual(call, handler);
	return response->status;
}

/* --- routing ---------------------------------------------------------------------------------- */

/* Does the path fit the pattern? Sets *ret_id to what stands for {id}. */
static bool fits(struct arena *arena, const char *pattern, const char *path, const char **ret_id)
{
	static const char hole[] = "{id}";
	const char *at = strstr(pattern, hole);
	if (!at)
		return strcmp(pattern, path) == 0;
	size_t before = (size_t)(at - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	size_t len = strcspn(path + before, "/");
	if (len == 0 || strcmp(at + strlen(hole), path + before + len) != 0)
		return false;
	*ret_id = http_decode(arena, path + before, len, false);
	return *ret_id != NULL;
}

static const struct platform_route *find_route(struct platform_call *call,
					       const struct platform_route *routes, size_t count,
					       const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(routes[i].method, call->http->method) == 0 &&
		    fits(call->http->arena, routes[i].pattern, path, &call->id))
			return &routes[i];
	}
	return NULL;
}

/* Cut /auth, /payment, /notification or /collector off the front of the path and say which it was.
 */
static enum platform_service strip_service(const char **path)
{
	for (int i = 0; i < SERVICE_COUNT; i++) {
		size_t len = strlen(platform_service_names[i]);
		if (strncmp(*path + 1, platform_service_names[i], len) == 0 &&
		    (*path)[len + 1] == '/') {
			*path += len + 1;
			return (enum platform_service)i;
		}
	}
	return SERVICE_NONE;
}

static void answer_health(struct platform_call *call)
{
	struct strbuf out;
	strbuf_init(&out, call->http->arena);
	strbuf_adds(&out, "{\"status\":\"healthy\"}");
	platform_answer(call, 200, &out);
}

/* Health is neither recorded nor counted against `times`, but does as the script says. */
static void handle_health(struct platform_call *call, enum platform_service service)
{
	struct platform *platform = call->platform;
	struct platform_script script = {.behaviour = BEHAVE_OK};
	if (service != SERVICE_NONE) {
		pthread_mutex_lock(&platform->lock);
		script = platform->scripts[service];
		pthread_mutex_unlock(&platform->lock);
	}
	call->service = SERVICE_AUTH; /* asked without a service token */
	behave(call, &script, answer_health);
}

static void handle_service(struct platform_call *call, const struct platform_route *route)
{
	call->service = route->service;
	size_t number = platform_record(call);
	struct platform_script script = platform_take_script(call->platform, route->service);
	int status = behave(call, &script, route->handler);
	platform_record_status(call->platform, number, status);
}

static void handle(void *ctx, struct http_exchange *exchange)
{
	struct platform_call call = {.platform = ctx, .http = exchange, .service = SERVICE_NONE};
	struct problem err = {0};
	if (http_read_body(exchange, PLATFORM_BODY_MAX, BODY_DEADLINE_MS, &call.body, &err) != OK) {
		http_respond_problem(exchange, &err);
		return;
	}
	const char *path = exchange->path;
	enum platform_service prefix = strip_service(&path);
	if (strcmp(path, "/health") == 0) {
		handle_health(&call, prefix);
		return;
	}
	const struct platform_route *route =
		find_route(&call, platform_service_routes, platform_service_route_count, path);
	if (route) {
		handle_service(&call, route);
		return;
	}
	route = find_route(&call, platform_control_routes, platform_control_route_count, path);
	if (route)
		route->handler(&call);
	else
		platform_refuse(&call, 404, "no such call");
}

/* --- the program ------------------------------------------------------------------------------ */

/* A setting of the environment, read before there are threads; NULL: unset or empty. */
static const char *setting(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */
	return value && value[0] ? value : NULL;
}

/* -1: not a port. */
static int configured_port(void)
{
	const char *text = setting("PLATFORM_PORT");
	char *end;
	if (!text)
		return 0;
	long port = strtol(text, &end, 10);
	return *end == '\0' && port >= 0 && port <= 65535 ? (int)port : -1;
}

static void wait_for_signal(void)
{
	sigset_t ends;
	int number;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigwait(&ends, &number);
}

static void block_signals(void)
{
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
}

int main(void)
{
	static struct platform platform;
	platform_init(&platform);
	platform.jwt_secret = setting("JWT_SECRET");
	platform.service_token = setting("SHARED_SERVICE_TOKEN");
	platform.webhook_secret = setting("PAYMENT_WEBHOOK_SECRET");
	platform.webhook_url = setting("WEBHOOK_URL");
	block_signals();
	http_client_init();

	struct httpd_options options = {.port = configured_port(),
					.address = "127.0.0.1",
					.threads = THREADS,
					.connection_queue = THREADS,
					.request_timeout_ms = REQUEST_TIMEOUT_MS,
					.keep_alive_timeout_ms = KEEP_ALIVE_MS,
					.handler = handle,
					.ctx = &platform};
	struct httpd *httpd;
	struct problem err = {0};
	if (options.port < 0) {
		fprintf(stderr, "PLATFORM_PORT must be a port number\n");
		return EXIT_CONFIG;
	}
	if (httpd_start(&options, &httpd, &err) != OK) {
		fprintf(stderr, "platform: %s\n", err.detail);
		return EXIT_FAILURE;
	}
	printf("platform listening on %d\n", httpd_port(httpd));
	fflush(stdout);
	wait_for_signal();
	/* Calls that it was told to hang on end with it. */
	_exit(EXIT_SUCCESS);
}
