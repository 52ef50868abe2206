#include "api/server.h"

#include <string.h>

#include "api/access.h"
#include "api/auth.h"
#include "api/cors.h"
#include "api/dispatcher.h"
#include "api/idempotency.h"
#include "api/input.h"
#include "api/kept.h"
#include "api/limits.h"
#include "api/observe.h"
#include "api/replica.h"
#include "api/router.h"
#include "common/clock.h"
#include "common/crash_point.h"

/* A transaction that met a deadlock or a serialization failure is run so often in all. */
enum { TRANSACTION_TRIES = 4, REQUEST_ID_MAX = 64 };

/* --- the request's connection ---------------------------------------------------------------- */

/* Asked again for every lease: an export may last longer than its replica keeps up. */
static struct pg_pool *pool_of(struct request *req)
{
	if (req->route->flags & ROUTE_DOOR)
		return req->app->door;
	if (req->route->flags & ROUTE_SWEEPER)
		return req->app->sweeper;
	req->from_replica = req->from_replica && replica_current(req->app->replica);
	return req->from_replica ? replica_pool(req->app->replica) : req->app->pool;
}

enum status request_conn(struct request *req, struct pg_conn **ret_conn, struct problem *err)
{
	enum status status;

	if (!req->conn) {
		status = pg_lease(pool_of(req), &req->conn, err);
		if (status)
			return status;
	}
	*ret_conn = req->conn;
	return OK;
}

void request_release_conn(struct request *req)
{
	if (req->conn)
		pg_return(&req->conn);
	req->conn = NULL;
}

static enum status query_once(struct request *req, const struct pg_statement *statement,
			      const struct pg_param *params, size_t param_count,
			      struct pg_result **ret_result, struct problem *err)
{
	struct pg_conn *conn;
	enum status status = request_conn(req, &conn, err);

	return status ? status : pg_query(conn, statement, params, param_count, ret_result, err);
}

enum status request_query(struct request *req, const struct pg_statement *statement,
			  const struct pg_param *params, size_t param_count,
			  struct pg_result **ret_result, struct problem *err)
{
	struct problem there = {0};
	enum status status;

	if (!req->from_replica)
		return query_once(req, statement, params, param_count, ret_result, err);
	status = query_once(req, statement, params, param_count, ret_result, &there);
	if (!status)
		return OK;
	replica_leave(req, status);
	return query_once(req, statement, params, param_count, ret_result, err);
}

/* --- one unit of work ------------------------------------------------------------------------ */

static enum status run_once(struct request *req, request_handler *work, struct problem *err)
{
	enum status status = pg_begin(req->conn, err);

	if (!status)
		status = work(req, err);
	return status ? status : pg_commit(req->conn, err);
}

/* The route's handler, its answer kept under the caller's key by the same transaction. */
static enum status handle_once(struct request *req, struct problem *err)
{
	enum status status = idempotency_begin(req, err);

	CRASH_POINT_IF(!status, "write.begun");
	if (!status)
		status = req->route->handle(req, err);
	CRASH_POINT_IF(!status, "write.handled");
	if (!status)
		status = idempotency_store(req, err);
	CRASH_POINT_IF(!status, "write.key-stored");
	return status;
}

/* What a failed try left behind must not reach the answer. */
static void forget_try(struct request *req, const struct http_response *clean)
{
	if (req->conn)
		pg_rollback(req->conn);
	req->jobs = NULL;
	req->http->response = *clean;
}

/* A commit of unknown outcome may be one. Housekeeping looks often and mostly finds nothing to do.
 */
static bool may_have_changed(const struct request *req, enum status status)
{
	bool idle = !status && req->route->flags & ROUTE_SWEEPER && req->conn;

	return !idle || pg_touched(req->conn);
}

enum status request_transaction(struct request *req, request_handler *work, struct problem *err)
{
	const struct http_response clean = req->http->response;
	struct pg_conn *conn;
	enum status status = request_conn(req, &conn, err);

	for (int i = 0; !status && i < TRANSACTION_TRIES; i++) {
		status = run_once(req, work, err);
		if (!status || status == ST_ANSWERED)
			break;
		bool again = pg_should_retry(conn);

		forget_try(req, &clean);
		if (!again)
			break;
		clock_sleep_ms((int64_t)ids_random_below(UINT64_C(10) << i));
		if (i + 1 < TRANSACTION_TRIES)
			status = OK;
	}
	if (may_have_changed(req, status))
		kept_drop(req->app->kept, req->access.event_id);
	if (!status)
		request_dispatch(req);
	return status;
}

void request_dispatch(struct request *req)
{
	CRASH_POINT_IF(req->jobs, "jobs.committed");
	dispatcher_put(req->app->dispatcher, req->jobs);
	req->jobs = NULL;
}

/* --- checks in the contract's order ------------------------------------------------------------
 */

/* The body is invalid: what is known of the key wins over that. A replay too: a date that lay ahead
 * then may lie behind now. */
static enum status refuse_input(struct request *req, enum status why, struct problem *err)
{
	struct problem other = {0};
	enum status status;

	if (why != ST_INVALID_BODY || !req->idempotency_key)
		return why;
	status = idempotency_begin(req, &other);
	if (status == ST_ANSWERED)
		return status;
	if (status != ST_IDEMPOTENCY_MISMATCH && status != ST_IDEMPOTENCY_IN_FLIGHT)
		return why;
	*err = other;
	return status;
}

static enum status read_input(struct request *req, struct problem *err)
{
	struct problem denied = {0};
	enum status status = input_read(req, err);

	if (!status)
		return OK;
	if (req->route->flags & ROUTE_ACCESS_LATER && access_check(req, &denied)) {
		*err = denied;
		return denied.status;
	}
	return refuse_input(req, status, err);
}

static enum status run_handler(struct request *req, struct problem *err)
{
	int64_t begun_us = clock_monotonic_us();
	enum status status;

	replica_before(req);
	if (req->route->flags & ROUTE_WRITES) {
		status = request_transaction(req, handle_once, err);
		CRASH_POINT_IF(!status, "write.committed");
	} else {
		status = req->route->handle(req, err);
	}
	replica_after(req, begun_us);
	return status;
}

static enum status run_identified(struct request *req, struct problem *err)
{
	enum status status = OK;

	if (!(req->route->flags & ROUTE_ACCESS_LATER))
		status = access_check(req, err);
	if (!status)
		status = read_input(req, err);
	if (!status && req->caller.signed_in && strcmp(req->route->method, "GET") != 0)
		status = auth_mirror(req, err);
	return status ? status : run_handler(req, err);
}

static enum status run(struct request *req, struct problem *err)
{
	enum status status = limits_check(req, auth_identify(req, err), err);

	if (status)
		return status;
	if (req->route->flags & ROUTE_KEPT && !req->caller.signed_in)
		return kept_answer(req, run_identified, err);
	return run_identified(req, err);
}

/* What is ready in memory costs no more than a refusal: the page that everybody looks at stays up
 * while its event is stormed. */
static enum status run_above_bound(struct request *req, struct problem *err)
{
	if (req->route->flags & ROUTE_KEPT && !http_header(req->http, "Authorization")) {
		enum status status = limits_check(req, OK, err);

		if (status || kept_ready(req))
			return status;
	}
	return problem_set(err, ST_OVERLOADED, "Too many requests are in work");
}

/* Above the bound the answer is 503 at once; the door has a bound of its own. */
static enum status run_bounded(struct request *req, struct problem *err)
{
	const struct api_config *config = req->app->config;
	bool door = req->route->flags & ROUTE_DOOR;
	_Atomic int64_t *in_flight = door ? &req->app->door_in_flight : &req->app->in_flight;
	int64_t max = door ? config->door_requests_max : config->requests_max;
	enum status status;

	if (req->route->flags & ROUTE_UNBOUNDED)
		return run(req, err);
	if (++*in_flight > max)
		status = run_above_bound(req, err);
	else
		status = run(req, err);
	--*in_flight;
	return status;
}

/* --- the frame ------------------------------------------------------------------------------- */

static bool safe_id(const char *text)
{
	size_t len =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:");

	return len > 0 && len <= REQUEST_ID_MAX && !text[len];
}

static void set_ids(struct request *req)
{
	const char *given = http_header(req->http, "X-Request-Id");

	if (given && safe_id(given)) {
		req->http->request_id = arena_strdup(req->arena, given);
	} else {
		char *made = arena_alloc(req->arena, UUID_SIZE);

		ids_uuid7(made);
		req->http->request_id = made;
	}
	observe_trace(req);
}

static enum status answer_options(struct request *req, const struct problem *err)
{
	answer_bytes(req, 204, NULL, (struct slice){NULL, 0});
	http_add_header(req->http, "Allow", err->allow);
	cors_preflight(req, err->allow);
	return OK;
}

static enum status dispatch(struct request *req, struct problem *err)
{
	enum status status = route_find(req, req->http->method, req->http->path, err);

	if (status == ST_METHOD_NOT_ALLOWED && !strcmp(req->http->method, "OPTIONS"))
		return answer_options(req, err);
	return status ? status : run_bounded(req, err);
}

/* What a caller's token showed is for him alone. A page that says itself how it is kept shows
 * everybody the same. */
static void keep_private(struct request *req)
{
	const struct http_response *response = &req->http->response;

	if (!req->caller.signed_in && !(req->route && req->route->flags & ROUTE_PRIVATE))
		return;
	for (size_t i = 0; i < response->header_count; i++)
		if (!strcmp(response->headers[i].name, "Cache-Control"))
			return;
	http_add_header(req->http, "Cache-Control", "no-store");
}

/* What every answer carries, whatever made it. */
static void finish_answer(struct request *req)
{
	cors_answer(req);
	limits_answer(req);
	keep_private(req);
	if (req->app->draining)
		req->http->response.close = true;
}

void answer_stream(struct request *req, const char *content_type)
{
	answer_bytes(req, req->route->success, content_type, (struct slice){NULL, 0});
	finish_answer(req);
	http_stream_begin(req->http);
}

void server_handle(void *ctx, struct http_exchange *exchange)
{
	struct request *req = ARENA_NEW(exchange->arena, struct request);
	struct problem err = {0};
	enum status status;

	req->app = ctx;
	req->http = exchange;
	req->arena = exchange->arena;
	set_ids(req);
	observe_begin(req);
	status = dispatch(req, &err);
	request_release_conn(req);
	limits_outcome(req, status);
	if (status && status != ST_ANSWERED)
		http_respond_problem(exchange, &err);
	if (!exchange->streamed)
		finish_answer(req);
	observe_end(req, status && status != ST_ANSWERED ? &err : NULL);
}

void server_done(void *ctx, struct http_exchange *exchange)
{
	(void)ctx;
	observe_sent(exchange);
}
