/*
 * Guests from a file and to a file, by the API's own means: an import is stored as the API stores a
 * body, and the API's sweeper works it off.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/ctl/ctl_service.h"
#include "api/guests/guests_export.h"
#include "api/guests/import_source.h"
#include "api/guests/imports_store.h"
#include "common/clock.h"
#include "common/crash_point.h"

enum { POLL_MS = 300, PATIENCE_S = 30 };

static void close_file(FILE **file)
{
	if (*file && *file != stdin && *file != stdout)
		(void)fclose(*file);
}

static enum status open_file(const char *path, const char *mode, FILE *otherwise, FILE **ret,
			     struct problem *err)
{
	*ret = !path || !strcmp(path, "-") ? otherwise : fopen(path, mode);
	if (*ret)
		return OK;
	return problem_set(err, ST_MALFORMED, "%s: %s", path, strerrordesc_np(errno));
}

/* --- the body on its way in --------------------------------------------------------------------
 */

static enum status take_chunk(struct request *req, int64_t import_id, int64_t number,
			      struct slice piece, int64_t size, struct problem *err)
{
	if (size > req->app->config->import_max_bytes)
		return problem_set(err, ST_BODY_TOO_LARGE,
				   "the file is larger than IMPORT_MAX_BYTES, %lld",
				   (long long)req->app->config->import_max_bytes);
	return import_add_chunk(req, import_id, number, piece, err);
}

static enum status take_file(struct request *req, FILE *file, int64_t import_id, int64_t *ret_size,
			     struct problem *err)
{
	char *piece = arena_alloc(req->arena, IMPORT_CHUNK_BYTES);
	enum status status = OK;
	int64_t size = 0;
	size_t len;

	for (int64_t number = 0; !status; number++) {
		len = fread(piece, 1, IMPORT_CHUNK_BYTES, file);
		if (!len)
			break;
		size += (int64_t)len;
		status = take_chunk(req, import_id, number, (struct slice){piece, len}, size, err);
	}
	if (!status && ferror(file))
		return problem_set(err, ST_MALFORMED, "the file cannot be read to its end");
	*ret_size = size;
	return status;
}

static enum import_format format_of(const struct ctl *ctl)
{
	const char *format = ctl_value(ctl, "--format");
	const char *path = ctl_value(ctl, "FILE");
	const char *suffix = strrchr(path, '.');

	if (!format && suffix && !strcasecmp(suffix, ".json"))
		return IMPORT_JSON;
	return format && !strcmp(format, "json") ? IMPORT_JSON : IMPORT_CSV;
}

/* A body that led to nothing is not kept. */
static enum status queue_file(const struct ctl *ctl, struct request *req, FILE *file,
			      int64_t *ret_id, struct problem *err)
{
	struct problem ignored = {0};
	int64_t size = 0;
	enum status status;

	status = import_begin(req, format_of(ctl), ctl_flag(ctl, "--dry-run"),
			      !ctl_flag(ctl, "--no-mails"), ret_id, err);
	if (status)
		return status;
	CRASH_POINT("corectl.import-begun");
	status = take_file(req, file, *ret_id, &size, err);
	CRASH_POINT("corectl.import-read");
	if (!status)
		status = import_queue(req, *ret_id, size, err);
	CRASH_POINT("corectl.import-queued");
	if (status && import_drop(req, *ret_id, &ignored))
		(void)fprintf(stderr, "corectl: import %lld is left: %s\n", (long long)*ret_id,
			      ignored.detail);
	return status;
}

/* --- how it gets on ----------------------------------------------------------------------------
 */

static bool has_ended(const struct import_out *import)
{
	return !strcmp(import->status, "done") || !strcmp(import->status, "failed");
}

/* On a terminal a line that changes, nothing elsewhere. */
static void show_progress(const struct import_out *import)
{
	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "\rimport %lld: %s, %lld of %lld rows\033[K%s", (long long)import->id,
		      import->status, (long long)import->processed, (long long)import->total,
		      has_ended(import) ? "\n" : "");
}

static void say_alone(int64_t waited_ms)
{
	if (waited_ms / POLL_MS == PATIENCE_S * 1000 / POLL_MS)
		(void)fputs("corectl: nobody has begun it: does no core-api run here?\n", stderr);
}

/* The report is in the request's arena, which is given up each time before it is read again. */
static enum status wait_for(struct request *req, int64_t import_id, struct import_out *ret,
			    struct problem *err)
{
	int64_t waited_ms = 0;
	enum status status;

	for (;; waited_ms += POLL_MS) {
		arena_reset(req->arena);
		status = import_load(req, import_id, ret, err);
		if (status)
			return status;
		show_progress(ret);
		if (has_ended(ret))
			return OK;
		if (!strcmp(ret->status, "queued"))
			say_alone(waited_ms);
		request_release_conn(req);
		clock_sleep_ms(POLL_MS);
	}
}

/* --- the report --------------------------------------------------------------------------------
 */

static void print_report(const struct import_out *import)
{
	const struct import_error *errors = import->errors.items;

	(void)printf("import %lld%s is %s: %lld of %lld rows, %lld created, %lld updated, "
		     "%lld rejected\n",
		     (long long)import->id, import->dry_run ? " (dry run)" : "", import->status,
		     (long long)import->processed, (long long)import->total,
		     (long long)import->created, (long long)import->updated,
		     (long long)import->rejected);
	for (size_t i = 0; i < import->errors.count; i++)
		(void)printf("line %lld%s%s: %s: %s\n", (long long)errors[i].line,
			     errors[i].column ? ", " : "", errors[i].column ? errors[i].column : "",
			     errors[i].code, errors[i].detail);
}

static int report(struct ctl *ctl, const struct import_out *import)
{
	if (ctl->json)
		(void)ctl_say(ctl, &import_schema, import, "%s", "");
	else
		print_report(import);
	return !strcmp(import->status, "failed") || import->rejected ? EXIT_FAILURE : EXIT_SUCCESS;
}

int ctl_import_show(struct ctl *ctl)
{
	CTL_SERVICE service = {.app = {0}};
	struct import_out import = {0};
	struct problem err = {.status = OK};
	enum status status = ctl_service_open(ctl, false, &service, &err);

	if (!status)
		status = ctl_service_find(&service, SCOPE_IMPORT, ctl_id(ctl, "IMPORT"), &err);
	if (!status)
		status = import_load(&service.req, service.req.access.thing_id, &import, &err);
	return status ? ctl_fail(&err) : report(ctl, &import);
}

static enum status run_import(struct ctl *ctl, FILE *file, struct request *req,
			      struct import_out *ret, struct problem *err)
{
	int64_t id = 0;
	enum status status;

	req->caller.user_id =
		ctl_flag(ctl, "--as") ? ctl_id(ctl, "--as") : req->access.organizer_id;
	status = queue_file(ctl, req, file, &id, err);
	if (status)
		return status;
	return ctl_flag(ctl, "--no-wait") ? import_load(req, id, ret, err)
					  : wait_for(req, id, ret, err);
}

int ctl_import(struct ctl *ctl)
{
	CLEANUP(arena_clear) struct arena arena;
	CTL_SERVICE service = {.app = {0}};
	CLEANUP(close_file) FILE *file = NULL;
	struct import_out import = {0};
	struct problem err = {.status = OK};
	enum status status = open_file(ctl_value(ctl, "FILE"), "re", stdin, &file, &err);

	arena_init(&arena, IMPORT_CHUNK_BYTES);
	if (!status)
		status = ctl_service_open(ctl, false, &service, &err);
	if (!status)
		status = ctl_service_find(&service, SCOPE_EVENT, ctl_id(ctl, "EVENT"), &err);
	service.req.arena = &arena;
	if (!status)
		status = run_import(ctl, file, &service.req, &import, &err);
	return status ? ctl_fail(&err) : report(ctl, &import);
}

/* --- all of them, as a file --------------------------------------------------------------------
 */

struct exported {
	int64_t event_id;
	int64_t rows;
	const char *file;
};
#define AT(member) offsetof(struct exported, member)
static const struct field exported_fields[] = {
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "rows", .type = FIELD_INT, .offset = AT(rows)},
	{.name = "file", .type = FIELD_STRING, .offset = AT(file)},
};
#undef AT
static const struct schema exported_schema = SCHEMA(exported_fields, struct exported);

static enum status write_pages(struct request *req, FILE *file, struct exported *exported,
			       struct problem *err)
{
	CLEANUP(strbuf_release) struct strbuf out;
	struct guests_page page;
	enum status status;

	strbuf_init(&out, NULL);
	guests_export_begin(&page, exported->event_id, &out);
	do {
		status = guests_export_next(req, &page, &out, err);
		if (status)
			return status;
		exported->rows += (int64_t)page.rows;
		if (fwrite(out.buf, 1, out.len, file) != out.len)
			return problem_set(err, ST_INTERNAL_ERROR, "writing: %s",
					   strerrordesc_np(errno));
		strbuf_truncate(&out, 0);
	} while (page.rows == GUESTS_PAGE_ROWS);
	if (fflush(file) != 0)
		return problem_set(err, ST_INTERNAL_ERROR, "writing: %s", strerrordesc_np(errno));
	return OK;
}

int ctl_export(struct ctl *ctl)
{
	CTL_SERVICE service = {.app = {0}};
	CLEANUP(close_file) FILE *file = NULL;
	struct exported exported = {ctl_id(ctl, "EVENT"), 0, ctl_value(ctl, "--output")};
	struct problem err = {.status = OK};
	enum status status;

	if (ctl->json && !exported.file)
		return ctl_usage(ctl, "--json goes with --output: standard output gets the CSV");
	status = ctl_service_open(ctl, false, &service, &err);
	if (!status)
		status = ctl_service_find(&service, SCOPE_EVENT, exported.event_id, &err);
	if (!status)
		status = open_file(exported.file, "we", stdout, &file, &err);
	if (!status)
		status = write_pages(&service.req, file, &exported, &err);
	if (status)
		return ctl_fail(&err);
	if (!exported.file)
		return EXIT_SUCCESS;
	return ctl_say(ctl, &exported_schema, &exported, "%lld guests in %s",
		       (long long)exported.rows, exported.file);
}
