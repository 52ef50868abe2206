#include "api/tickets/tickets_store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql_api.h"

/* A page is some 50 KB: what is larger than this is none of ours. */
enum { DOCUMENT_MAX = 16 * 1024 * 1024 };

const char *const document_suffixes[] = {
	[DOCUMENT_PDF] = "pdf", [DOCUMENT_SVG] = "svg", [DOCUMENT_PNG] = "png"};

/* --- rows ------------------------------------------------------------------------------------ */

static enum status read_ticket(struct request *req, const struct pg_result *result,
			       struct ticket *ret, struct problem *err)
{
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such ticket");
	pg_scan(result, 0, &ticket_schema, req->arena, ret);
	ret->edit_version = pg_i64(result, 0, pg_column(result, "edit_version"));
	ticket_make_links(req, ret);
	return OK;
}

enum status ticket_load(struct request *req, int64_t ticket_id, struct ticket *ret,
			struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_ticket_get, PG_ARGS(PG_I64(ticket_id)), &result, err);
	return status ? status : read_ticket(req, result, ret, err);
}

enum status ticket_replace_code(struct request *req, int64_t ticket_id, const char *code,
				struct problem *err)
{
	return request_query(req, &sql_ticket_reissue, PG_ARGS(PG_I64(ticket_id), PG_TEXT(code)),
			     NULL, err);
}

/* --- documents in a directory ------------------------------------------------------------------
 */

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static bool read_file(struct arena *arena, const char *path, struct slice *ret)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	size_t len = 0;
	char *bytes;

	if (fd < 0 || fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_size > DOCUMENT_MAX)
		return false;
	bytes = arena_alloc(arena, (size_t)info.st_size + 1);
	while (len < (size_t)info.st_size) {
		ssize_t n = read(fd, bytes + len, (size_t)info.st_size - len);

		if (n <= 0)
			return false;
		len += (size_t)n;
	}
	*ret = (struct slice){bytes, len};
	return true;
}

/* Documents of DOCUMENTS_URL=file:///directory: their row holds the stem of their names. */
bool document_read(struct arena *arena, const char *documents_url, const char *location,
		   enum document_kind kind, struct slice *ret)
{
	static const char scheme[] = "file://";

	if (strncmp(documents_url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	return read_file(arena,
			 arena_printf(arena, "%s/%s.%s", documents_url + sizeof(scheme) - 1,
				      location, document_suffixes[kind]),
			 ret);
}

/* --- documents ------------------------------------------------------------------------------- */

/* Fills `ret`; false: the document's row is there, its file is not. */
static bool take_document(struct request *req, const struct pg_result *result,
			  enum document_kind kind, struct ticket_document *ret)
{
	const char *location = pg_text(result, 0, pg_column(result, "location"));

	ret->doc_version = pg_i64(result, 0, pg_column(result, "doc_version"));
	if (location)
		return document_read(req->arena, req->app->config->documents_url, location, kind,
				     &ret->bytes);
	ret->bytes = pg_bytes(result, 0, pg_column(result, "bytes"), req->arena);
	return true;
}

static enum status load_once(struct request *req, int64_t ticket_id, enum document_kind kind,
			     struct ticket_document *ret, bool *ret_readable, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_ticket_document,
			       PG_ARGS(PG_I64(ticket_id), PG_TEXT(document_suffixes[kind])),
			       &result, err);
	if (!status)
		status = read_ticket(req, result, &ret->ticket, err);
	if (!status)
		*ret_readable = take_document(req, result, kind, ret);
	return status;
}

enum status ticket_document_load(struct request *req, int64_t ticket_id, enum document_kind kind,
				 struct ticket_document *ret, struct problem *err)
{
	struct ticket_document document = {0};
	bool readable = false;
	enum status status = OK;

	/* Twice: a file may be replaced between the row and the file. */
	for (int i = 0; i < 2 && !status && !readable; i++)
		status = load_once(req, ticket_id, kind, &document, &readable, err);
	if (status)
		return status;
	if (!readable)
		return problem_set(err, ST_INTERNAL_ERROR, "The document cannot be read");
	*ret = document;
	return OK;
}
