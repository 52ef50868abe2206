#include "common/httpd.h"

#include <civetweb.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/httpd_wire.h"
#include "common/log.h"

enum { STACK_BYTES = 1 << 20, ARENA_BLOCK = 16384, NUMBER_SIZE = 24, ADDRESS_SIZE = 64 };

/* CivetWeb gives its threads 100 KB of stack, too little for one nested JSON body, and has no
 * option for it; its call resolves to this function. */
int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
	int (*real)(pthread_attr_t *, size_t);
	void *found = dlsym(RTLD_NEXT, "pthread_attr_setstacksize");
	memcpy(&real, &found, sizeof(real)); /* ISO C has no cast for this */
	return real(attr, size < STACK_BYTES ? STACK_BYTES : size);
}

/* --- callbacks of CivetWeb --------------------------------------------------------------------*/

static void *on_thread_start(const struct mg_context *context, int type)
{
	struct httpd_thread *thread = calloc(1, sizeof(*thread));
	if (thread == NULL)
		fatal("out of memory");
	thread->httpd = mg_get_user_data(context);
	thread->master = type == 0;
	thread->fd = -1;
	thread->idle_fd = -1;
	arena_init(&thread->arena, ARENA_BLOCK);
	pthread_mutex_init(&thread->lock, NULL);
	pthread_mutex_lock(&thread->httpd->lock);
	thread->next = thread->httpd->threads;
	thread->httpd->threads = thread;
	pthread_mutex_unlock(&thread->httpd->lock);
	httpd_self = thread;
	return thread;
}

static void forget_thread(struct httpd_thread *thread)
{
	struct httpd *httpd = thread->httpd;
	pthread_mutex_lock(&httpd->lock);
	struct httpd_thread **at = &httpd->threads;
	while (*at != thread)
		at = &(*at)->next;
	*at = thread->next;
	pthread_mutex_unlock(&httpd->lock);
}

static void on_thread_end(const struct mg_context *context, int type, void *pointer)
{
	(void)context;
	(void)type;
	struct httpd_thread *thread = pointer;
	httpd_self = NULL;
	forget_thread(thread);
	pthread_mutex_destroy(&thread->lock);
	arena_clear(&thread->arena);
	free(thread);
}

static int on_connection(const struct mg_connection *conn, void **data)
{
	(void)conn;
	(void)data;
	httpd_self->fd = -1;
	httpd_self->refused = false;
	httpd_self->linger = false;
	httpd_self->between = true;
	return 0;
}

static void fill_wire(struct http_wire *wire, struct httpd_thread *thread,
		      struct mg_connection *conn)
{
	const struct mg_request_info *info = mg_get_request_info(conn);
	const char *expect = httpd_header(info, "Expect");
	*wire = (struct http_wire){
		.conn = conn,
		.info = info,
		.thread = thread,
		.chunked = httpd_header(info, "Transfer-Encoding") != NULL,
		.wants_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0,
	};
	wire->body_done = !wire->chunked && info->content_length <= 0;
}

static void run_handler(struct httpd_thread *thread, struct http_exchange *exchange)
{
	const struct httpd *httpd = thread->httpd;
	thread->foreign = true;
	httpd->handler(httpd->ctx, exchange);
	thread->foreign = false;
	if (exchange->response.status < 100 || exchange->response.status > 599) {
		struct problem err = {0};
		problem_set(&err, ST_INTERNAL_ERROR, "no answer was made");
		http_respond_problem(exchange, &err);
	}
}

static int serve(struct httpd_thread *thread, struct mg_connection *conn)
{
	struct http_wire wire;
	fill_wire(&wire, thread, conn);
	struct http_exchange exchange = {
		.arena = &thread->arena,
		.method = wire.info->request_method,
		.path = wire.info->local_uri_raw,
		.query = wire.info->query_string,
		.remote_addr = wire.info->remote_addr,
		.started_us = clock_monotonic_us(),
		.content_length = wire.chunked     ? -1
				  : wire.body_done ? 0
						   : wire.info->content_length,
		.wire = &wire,
	};
	atomic_fetch_add(&thread->httpd->in_flight, 1);
	run_handler(thread, &exchange);
	httpd_send(&exchange);
	thread->foreign = true;
	if (thread->httpd->done != NULL)
		thread->httpd->done(thread->httpd->ctx, &exchange);
	thread->foreign = false;
	atomic_fetch_sub(&thread->httpd->in_flight, 1);
	arena_reset(&thread->arena);
	thread->between = true;
	return exchange.response.status;
}

static int on_request(struct mg_connection *conn)
{
	struct httpd_thread *thread = httpd_self;
	const char *reason = httpd_guard(mg_get_request_info(conn));
	if (reason == NULL)
		return serve(thread, conn);
	struct problem err = {0};
	problem_set(&err, ST_MALFORMED, "%s", reason);
	httpd_refuse(thread, conn, &err);
	return problem_row(err.status)->http;
}

/* CivetWeb stops at a method it does not know before it reads headers; a method it knows with no
 * headers at all is served. */
static bool is_unknown_method(const struct mg_request_info *info)
{
	const char *version = info->http_version;
	return info->request_method != NULL && info->num_headers == 0 && version != NULL &&
	       (strcmp(version, "1.1") == 0 || strcmp(version, "1.0") == 0);
}

/* What CivetWeb itself would answer: a request it could not parse. */
static int on_error(struct mg_connection *conn, int http, const char *text)
{
	struct problem err = {0};
	if (is_unknown_method(mg_get_request_info(conn))) {
		problem_set(&err, ST_METHOD_NOT_ALLOWED, "the method is not known here");
		err.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	} else if (http == 413) {
		problem_set(&err, ST_MALFORMED, "the header block is over %d bytes",
			    HTTPD_MAX_REQUEST);
	} else if (http == 500 || http == 503) {
		problem_set(&err, ST_INTERNAL_ERROR, "%s", text);
	} else {
		problem_set(&err, ST_MALFORMED, "%s", text);
	}
	httpd_refuse(httpd_self, conn, &err);
	return 0;
}

/* Targets such as `*` or another server's address are dropped by CivetWeb without a word. */
static bool was_ignored(const struct httpd_thread *thread, const struct mg_request_info *info)
{
	return info->request_uri != NULL && info->local_uri == NULL && !thread->refused;
}

static void on_closing(const struct mg_connection *conn)
{
	struct httpd_thread *thread = httpd_self;
	if (was_ignored(thread, mg_get_request_info(conn))) {
		struct problem err = {0};
		problem_set(&err, ST_MALFORMED, "this form of request target is not served");
		/* The connection is CivetWeb's own, writable object. */
		httpd_refuse(thread, (struct mg_connection *)(uintptr_t)conn, &err);
	}
	if (thread->linger && thread->fd >= 0)
		httpd_linger(thread->fd);
}

static void on_closed(const struct mg_connection *conn)
{
	(void)conn;
	httpd_self->fd = -1;
	atomic_fetch_add(&httpd_self->httpd->closed, 1);
}

static int on_log(const struct mg_connection *conn, const char *text)
{
	(void)conn;
	log_message(LOG_WARN, "http server: %s", text);
	return 1;
}

/* --- start ------------------------------------------------------------------------------------*/

static void init_library(void)
{
	mg_init_library(MG_FEATURES_DEFAULT);
}

static void number(char ret[NUMBER_SIZE], int64_t value)
{
	snprintf(ret, NUMBER_SIZE, "%lld", (long long)value);
}

static struct mg_context *start_context(struct httpd *httpd, const struct httpd_options *options,
					struct mg_error_data *error)
{
	char port[ADDRESS_SIZE], threads[NUMBER_SIZE], queue[NUMBER_SIZE], request[NUMBER_SIZE];
	char idle[NUMBER_SIZE], size[NUMBER_SIZE];
	snprintf(port, sizeof(port), "%s:%d",
		 options->address == NULL ? "0.0.0.0" : options->address, options->port);
	number(threads, options->threads);
	number(queue, options->connection_queue);
	number(request, options->request_timeout_ms);
	number(idle, options->keep_alive_timeout_ms);
	number(size, HTTPD_MAX_REQUEST);
	const char *settings[] = {
		"listening_ports",
		port,
		"num_threads",
		threads,
		"connection_queue",
		queue,
		"listen_backlog",
		"1024",
		"request_timeout_ms",
		request,
		"keep_alive_timeout_ms",
		idle,
		"enable_keep_alive",
		options->keep_alive_timeout_ms > 0 ? "yes" : "no",
		"max_request_size",
		size,
		"tcp_nodelay",
		"1",
		"decode_url",
		"no",
		"access_control_allow_methods",
		"",
		"enable_auth_domain_check",
		"no",
		NULL,
	};
	const struct mg_callbacks callbacks = {
		.begin_request = on_request,
		.http_error = on_error,
		.log_message = on_log,
		.init_thread = on_thread_start,
		.exit_thread = on_thread_end,
		.init_connection = on_connection,
		.connection_close = on_closing,
		.connection_closed = on_closed,
	};
	struct mg_init_data init = {&callbacks, httpd, settings};
	httpd_starting = httpd;
	struct mg_context *context = mg_start2(&init, error);
	httpd_starting = NULL;
	return context;
}

enum status httpd_start(const struct httpd_options *options, struct httpd **ret,
			struct problem *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init_library);
	struct httpd *httpd = calloc(1, sizeof(*httpd));
	if (httpd == NULL)
		fatal("out of memory");
	httpd->handler = options->handler;
	httpd->done = options->done;
	httpd->ctx = options->ctx;
	httpd->write_timeout_us = options->request_timeout_ms * US_PER_MS;
	httpd->keeps_alive = options->keep_alive_timeout_ms > 0;
	httpd->listen_fd = -1;
	pthread_mutex_init(&httpd->lock, NULL);
	char text[256] = "";
	struct mg_error_data error = {.text = text, .text_buffer_size = sizeof(text)};
	httpd->context = start_context(httpd, options, &error);
	if (httpd->context == NULL) {
		pthread_mutex_destroy(&httpd->lock);
		free(httpd);
		return problem_set(err, ST_CONFIG, "cannot listen on port %d: %s", options->port,
				   text);
	}
	struct mg_server_port port = {0};
	if (mg_get_server_ports(httpd->context, 1, &port) == 1)
		httpd->port = port.port;
	*ret = httpd;
	return OK;
}

int httpd_port(const struct httpd *httpd)
{
	return httpd->port;
}

int httpd_in_flight(const struct httpd *httpd)
{
	return atomic_load(&httpd->in_flight);
}
