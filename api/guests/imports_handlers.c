#include <string.h>

#include "api/guests/imports.h"
#include "api/guests/imports_store.h"
#include "api/idempotency.h"
#include "api/query.h"
#include "common/crash_point.h"

struct import_query {
	bool dry_run;
	bool notify; /* when it is said; else true */
};

#define AT(member) offsetof(struct import_query, member)
static const struct field query_fields[] = {
	{.name = "dryRun", .type = FIELD_BOOL, .offset = AT(dry_run)},
	{.name = "notify", .type = FIELD_BOOL, .offset = AT(notify)},
};
#undef AT
const struct schema import_query_schema = SCHEMA(query_fields, struct import_query);

/* The body on its way in, and then the import that the last transaction makes of it. */
struct arrival {
	int64_t import_id;
	int64_t size;
};

/* Keep the body as it comes; no connection is held while the peer is waited for. */
static enum status take_body(struct request *req, struct arrival *arrival, struct problem *err)
{
	const struct api_config *config = req->app->config;
	char *piece = arena_alloc(req->arena, IMPORT_CHUNK_BYTES);
	enum status status = OK;
	size_t len = 0;

	for (int64_t number = 0; !status; number++) {
		request_release_conn(req);
		status = http_read_piece(req->http, piece, IMPORT_CHUNK_BYTES,
					 (size_t)config->import_max_bytes, config->body_deadline_ms,
					 &len, err);
		if (status || !len)
			return status;
		idempotency_add(req, (struct slice){piece, len});
		status = import_add_chunk(req, arrival->import_id, number,
					  (struct slice){piece, len}, err);
		arrival->size += (int64_t)len;
		CRASH_POINT("import.chunk-stored");
	}
	return status;
}

/* The import and its answer under the caller's key, at once. */
static enum status queue_once(struct request *req, struct problem *err)
{
	const struct arrival *arrival = req->work;
	struct import_out out;
	enum status status = idempotency_begin(req, err);

	if (!status)
		status = import_queue(req, arrival->import_id, arrival->size, err);
	CRASH_POINT("import.queued");
	if (!status)
		status = import_load(req, arrival->import_id, &out, err);
	if (status)
		return status;
	answer_created(req, &import_schema, &out, 0, "/api/imports/%lld", (long long)out.id);
	return idempotency_store(req, err);
}

/* A body that led to nothing is not kept. When even that fails, the sweeper does it. */
static void forget(struct request *req, const struct arrival *arrival)
{
	struct problem ignored = {0};

	request_release_conn(req);
	if (import_drop(req, arrival->import_id, &ignored))
		request_release_conn(req);
}

static bool is_csv(const struct request *req)
{
	const char *type = http_header(req->http, "Content-Type");

	return type && !strncasecmp(type, "text/csv", 8);
}

enum status imports_create(struct request *req, struct problem *err)
{
	const struct import_query *query = req->query;
	struct arrival arrival = {0};
	enum status status;
	bool notify;

	notify = query->notify || !query_raw(req, "notify");
	status = import_begin(req, is_csv(req) ? IMPORT_CSV : IMPORT_JSON, query->dry_run, notify,
			      &arrival.import_id, err);
	if (status)
		return status;
	req->work = &arrival;
	CRASH_POINT("import.begun");
	status = take_body(req, &arrival, err);
	CRASH_POINT("import.body-read");
	if (!status)
		status = request_transaction(req, queue_once, err);
	CRASH_POINT("import.taken");
	if (status)
		forget(req, &arrival);
	return status;
}

enum status imports_get(struct request *req, struct problem *err)
{
	struct import_out out;
	enum status status = import_load(req, req->access.thing_id, &out, err);

	if (!status)
		answer_data(req, &import_schema, &out, 0);
	return status;
}
