#include "api/request.h"

#include <stdio.h>

#include "sql_api.h"

void request_remember_job(struct request *req, const char *type, const char *id)
{
	struct pending_job *job = ARENA_NEW(req->arena, struct pending_job);

	job->type = type;
	snprintf(job->id, sizeof(job->id), "%s", id);
	job->next = req->jobs;
	req->jobs = job;
}

enum status request_job(struct request *req, const char *type, int64_t subject_id,
			struct problem *err)
{
	char id[UUID_SIZE];
	enum status status;

	ids_uuid7(id);
	status = request_query(req, &sql_outbox_put,
			       PG_ARGS(PG_TEXT(id), PG_TEXT(type), PG_I64(subject_id),
				       PG_TEXT(req->http->request_id), PG_TEXT(req->traceparent)),
			       NULL, err);
	if (!status)
		request_remember_job(req, type, id);
	return status;
}
