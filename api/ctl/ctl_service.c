#include "api/ctl/ctl_service.h"

#include <stdio.h>

#include "api/access.h"
#include "api/ctl/ctl_queue.h"
#include "common/trace.h"
#include "sql_api.h"

enum { IDLE_MS = 30000, WAIT_MS = 2000, STATEMENT_MS = 30000, LOCK_MS = 5000 };

static struct pg_pool_options pool_options(struct ctl *ctl)
{
	return (struct pg_pool_options){
		.conninfo = config_database_url(&ctl->config.common, &ctl->arena),
		.name = "corectl",
		.max = 1,
		.idle_ms = IDLE_MS,
		.wait_ms = WAIT_MS,
		.statement_timeout_ms = STATEMENT_MS,
		.reports = true,
		.lock_timeout_ms = LOCK_MS,
		.statements = sql_api,
		.statement_count = sql_api_count,
	};
}

static enum status read_keys(const struct api_config *config, struct credential_keys *ret,
			     struct problem *err)
{
	if (!config->qr_secret)
		return problem_set(err, ST_CONFIG, "QR_SIGNATURE_SECRET is missing");
	return credential_keys_parse(config->qr_secret, ret, err);
}

enum status ctl_service_open(struct ctl *ctl, bool keys, struct ctl_service *ret,
			     struct problem *err)
{
	const struct pg_pool_options options = pool_options(ctl);
	enum status status = OK;

	*ret = (struct ctl_service){.app.config = &ctl->config};
	if (keys)
		status = read_keys(&ctl->config, &ret->app.keys, err);
	if (!status)
		status = pg_pool_open(&options, &ret->app.pool, err);
	if (status)
		return status;
	ids_uuid7(ret->request_id);
	ret->route = (struct route){.method = "POST", .pattern = "corectl", .who = WHO_ADMIN};
	ret->nobody = (struct http_exchange){
		.arena = &ctl->arena, .method = "POST", .path = "/", .request_id = ret->request_id};
	ret->req = (struct request){.app = &ret->app,
				    .http = &ret->nobody,
				    .arena = &ctl->arena,
				    .route = &ret->route,
				    .caller = {.signed_in = true, .roles = ROLE_ADMIN}};
	ret->req.traceparent = trace_new(&ctl->arena);
	return OK;
}

void ctl_service_close(struct ctl_service *service)
{
	if (service->req.conn)
		request_release_conn(&service->req);
	if (service->app.pool)
		pg_pool_close(service->app.pool);
}

static void put_jobs(struct ctl *ctl, const struct pending_job *jobs)
{
	CTL_QUEUE queue = NULL;
	struct problem err = {0};
	enum status status = jobs ? ctl_open_queue(ctl, &queue, &err) : OK;

	for (; jobs && !status; jobs = jobs->next) {
		const char *const ids[] = {jobs->id};

		status = queue_put(queue, jobs->type, ids, 1, &err);
	}
	if (status)
		(void)fprintf(stderr, "corectl: done, but its jobs wait for the queue: %s\n",
			      err.detail);
}

enum status ctl_service_run(struct ctl *ctl, struct ctl_service *service, request_handler *work,
			    struct problem *err)
{
	struct pg_conn *conn;
	enum status status = request_conn(&service->req, &conn, err);

	if (!status)
		status = pg_begin(conn, err);
	if (!status)
		status = work(&service->req, err);
	if (!status)
		status = pg_commit(conn, err);
	if (!status)
		put_jobs(ctl, service->req.jobs);
	return status;
}

enum status ctl_service_find(struct ctl_service *service, enum scope scope, int64_t id,
			     struct problem *err)
{
	service->route.scope = scope;
	service->req.ids[0] = id;
	return access_check(&service->req, err);
}
