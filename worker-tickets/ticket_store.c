#include "worker-tickets/ticket_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/crash_point.h"
#include "common/ids.h"
#include "common/metrics.h"
#include "sql_tickets.h"

static const char *const suffixes[] = {".pdf", ".svg", ".png"};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static enum status file_problem(struct problem *err, const char *what, const char *path)
{
	return problem_set(err, ST_INTERNAL_ERROR, "%s %s: errno %d", what, path, errno);
}

enum status ticket_store_open(const char *url, struct ticket_store *ret, struct problem *err)
{
	static const char scheme[] = "file://";
	struct stat info;

	if (!strcmp(url, "postgres:")) {
		ret->directory = NULL;
		return OK;
	}
	if (strncmp(url, scheme, strlen(scheme)) != 0 || url[strlen(scheme)] != '/')
		return problem_set(err, ST_CONFIG,
				   "DOCUMENTS_URL must be postgres: or file:///directory");

	const char *directory = url + strlen(scheme);

	if (stat(directory, &info) || !S_ISDIR(info.st_mode) || access(directory, W_OK | X_OK))
		return problem_set(err, ST_CONFIG,
				   "DOCUMENTS_URL: %s is not a directory that can be written to",
				   directory);
	ret->directory = directory;
	return OK;
}

static struct metric room = {
	.name = "documents_free_ratio",
	.type = METRIC_GAUGE,
	.help = "Share of the documents' file system that is free, 0 to 1.",
};

static void collect(void *ctx)
{
	const struct ticket_store *store = ctx;
	struct statvfs info;

	if (statvfs(store->directory, &info) == 0 && info.f_blocks > 0)
		metrics_set(&room, (double)info.f_bavail / (double)info.f_blocks, (char *)NULL);
}

void ticket_store_show(struct ticket_store *store)
{
	static struct metric *const families[] = {&room};

	if (!store->directory)
		return;
	metrics_register(families, ARRAY_LEN(families));
	metrics_on_render(collect, store);
}

static enum status write_all(int fd, struct slice bytes, const char *path, struct problem *err)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno != EINTR)
			return file_problem(err, "writing", path);
		if (n > 0) {
			bytes.at += n;
			bytes.len -= (size_t)n;
		}
	}
	if (fsync(fd))
		return file_problem(err, "syncing", path);
	return OK;
}

static enum status write_new(const char *path, struct slice bytes, struct problem *err)
{
	int fd CLEANUP(close_fd) = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0)
		return file_problem(err, "creating", path);
	return write_all(fd, bytes, path, err);
}

/* A reader of the final name sees a whole file or none. */
static enum status write_file(struct arena *arena, const char *path, struct slice bytes,
			      struct problem *err)
{
	char id[UUID_SIZE];

	ids_uuid4(id);

	char *temporary = arena_printf(arena, "%s.%s.tmp", path, id);
	enum status status = write_new(temporary, bytes, err);

	CRASH_POINT("ticket.temporary-written");
	if (!status && rename(temporary, path))
		status = file_problem(err, "renaming", temporary);
	CRASH_POINT("ticket.renamed");
	if (status)
		unlink(temporary);
	return status;
}

static enum status sync_directory(const char *path, struct problem *err)
{
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return file_problem(err, "syncing", path);
	return OK;
}

static enum status make_directory(const struct ticket_store *store, const char *path,
				  struct problem *err)
{
	if (mkdir(path, 0750))
		return errno == EEXIST ? OK : file_problem(err, "creating", path);
	CRASH_POINT("ticket.directory-made");
	return sync_directory(store->directory, err);
}

static enum status write_documents(const struct ticket_store *store, struct arena *arena,
				   struct ticket_documents *documents, struct problem *err)
{
	int64_t id = documents->ticket_id;
	const struct slice contents[] = {documents->pdf, documents->svg, documents->png};
	char *directory = arena_printf(arena, "%s/%" PRId64, store->directory, id / 1000);
	char *location = arena_printf(arena, "%" PRId64 "/ticket-%" PRId64 "-v%" PRId64 "-%" PRId64,
				      id / 1000, id, documents->doc_version, documents->page_seq);
	enum status status = make_directory(store, directory, err);

	for (size_t i = 0; !status && i < ARRAY_LEN(contents); i++) {
		char *path =
			arena_printf(arena, "%s/%s%s", store->directory, location, suffixes[i]);

		status = write_file(arena, path, contents[i], err);
	}
	if (!status)
		status = sync_directory(directory, err);
	if (!status)
		documents->location = location;
	return status;
}

enum status ticket_store_write(const struct ticket_store *store, struct arena *arena,
			       struct ticket_documents *documents, size_t count,
			       struct problem *err)
{
	enum status status = OK;

	for (size_t i = 0; store->directory && !status && i < count; i++)
		status = write_documents(store, arena, &documents[i], err);
	return status;
}

/* Bytes for PostgreSQL; NULL where the document is a file. */
static struct slice row_bytes(const struct ticket_documents *documents, struct slice bytes)
{
	return documents->location ? (struct slice){0} : bytes;
}

static enum status put_rows(struct pg_conn *conn, struct arena *arena,
			    const struct ticket_documents *documents, size_t count,
			    struct problem *err)
{
	int64_t *ids = arena_calloc(arena, count, sizeof(*ids));
	int64_t *versions = arena_calloc(arena, count, sizeof(*versions));
	const char **locations = arena_calloc(arena, count, sizeof(*locations));
	struct slice *pdf = arena_calloc(arena, count, sizeof(*pdf));
	struct slice *svg = arena_calloc(arena, count, sizeof(*svg));
	struct slice *png = arena_calloc(arena, count, sizeof(*png));
	struct slice *digests = arena_calloc(arena, count, sizeof(*digests));
	size_t n = 0;

	for (const struct ticket_documents *d = documents; d < documents + count; d++) {
		if (!d->kept)
			continue;
		ids[n] = d->ticket_id;
		versions[n] = d->doc_version;
		locations[n] = d->location;
		pdf[n] = row_bytes(d, d->pdf);
		svg[n] = row_bytes(d, d->svg);
		png[n] = row_bytes(d, d->png);
		digests[n++] = (struct slice){(const char *)d->pdf_sha256, SHA256_SIZE};
	}
	return pg_query(conn, &sql_documents_put,
			PG_ARGS(PG_I64_ARRAY(ids, n), PG_I64_ARRAY(versions, n),
				PG_TEXT_ARRAY(locations, n), PG_BYTES_ARRAY(pdf, n),
				PG_BYTES_ARRAY(svg, n), PG_BYTES_ARRAY(png, n),
				PG_BYTES_ARRAY(digests, n)),
			NULL, err);
}

static enum status find_replaced(struct pg_conn *conn, struct arena *arena,
				 struct ticket_documents *documents, size_t count,
				 struct problem *err)
{
	PG_RESULT rows = NULL;
	int64_t *ids = arena_calloc(arena, count, sizeof(*ids));

	for (size_t i = 0; i < count; i++)
		ids[i] = documents[i].ticket_id;

	enum status status = pg_query(conn, &sql_documents_locations,
				      PG_ARGS(PG_I64_ARRAY(ids, count)), &rows, err);

	for (size_t row = 0; !status && row < pg_rows(rows); row++) {
		for (size_t i = 0; i < count; i++) {
			if (documents[i].ticket_id == pg_i64(rows, row, 0))
				documents[i].replaced = arena_strdup(arena, pg_text(rows, row, 1));
		}
	}
	return status;
}

/* A worker that slept for long between writing and recording may find them gone. */
static enum status check_files(const struct ticket_store *store, struct arena *arena,
			       const struct ticket_documents *documents, struct problem *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		const char *path = arena_printf(arena, "%s/%s%s", store->directory,
						documents->location, suffixes[i]);

		if (access(path, R_OK))
			return file_problem(err, "finding", path);
	}
	return OK;
}

enum status ticket_store_record(const struct ticket_store *store, struct pg_conn *conn,
				struct arena *arena, struct ticket_documents *documents,
				size_t count, struct problem *err)
{
	enum status status = OK;

	if (store->directory)
		status = find_replaced(conn, arena, documents, count, err);
	for (size_t i = 0; store->directory && !status && i < count; i++) {
		if (documents[i].kept)
			status = check_files(store, arena, &documents[i], err);
	}
	if (!status)
		status = put_rows(conn, arena, documents, count, err);
	return status;
}

bool ticket_store_is_suffix(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (!strcmp(text, suffixes[i]))
			return true;
	return false;
}

static void remove_files(const struct ticket_store *store, struct arena *arena,
			 const char *location)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		unlink(arena_printf(arena, "%s/%s%s", store->directory, location, suffixes[i]));
	CRASH_POINT("ticket.replaced-removed");
}

void ticket_store_sweep(const struct ticket_store *store, struct arena *arena,
			const struct ticket_documents *documents, size_t count)
{
	for (size_t i = 0; store->directory && i < count; i++) {
		const struct ticket_documents *d = &documents[i];
		/* Not kept: the row names what it named before, perhaps these very files. */
		const char *gone = d->kept ? d->replaced : d->location;
		const char *named = d->kept ? d->location : d->replaced;

		if (gone && (!named || strcmp(gone, named) != 0))
			remove_files(store, arena, gone);
	}
}
