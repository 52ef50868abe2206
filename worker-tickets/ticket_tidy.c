#include "worker-tickets/ticket_tidy.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crash_point.h"
#include "common/log.h"
#include "sql_tickets.h"

enum { ARENA_BLOCK = 65536 };

struct stray {
	const char *name;
	int64_t ticket_id;
	bool named; /* by a document */
};

/* The old files of one folder. */
struct folder {
	const char *path, *name;
	struct arena *arena;
	struct strbuf files; /* of struct stray */
};

static struct stray *files_of(const struct folder *folder, size_t *ret_count)
{
	*ret_count = folder->files.len / sizeof(struct stray);
	return (void *)folder->files.buf;
}

/* --- looking ---------------------------------------------------------------------------------- */

static void look_at(struct folder *folder, const char *name, int64_t before_s)
{
	struct stray file = {0};
	struct stat info;
	const char *path = arena_printf(folder->arena, "%s/%s", folder->path, name);

	if (sscanf(name, "ticket-%" SCNd64 "-v", &file.ticket_id) != 1 || lstat(path, &info) ||
	    !S_ISREG(info.st_mode) || info.st_mtime >= before_s)
		return;
	file.name = arena_strdup(folder->arena, name);
	strbuf_add(&folder->files, &file, sizeof(file));
}

static enum status find_old(struct folder *folder, int64_t before_s, struct problem *err)
{
	DIR *dir = opendir(folder->path);
	const struct dirent *entry;

	if (!dir)
		return problem_set(err, ST_INTERNAL_ERROR, "reading %s: errno %d", folder->path,
				   errno);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of this thread's own */
	while ((entry = readdir(dir)))
		look_at(folder, entry->d_name, before_s);
	closedir(dir);
	return OK;
}

static bool is_of(const struct folder *folder, const struct stray *file, const char *location)
{
	const char *path = arena_printf(folder->arena, "%s/%s", folder->name, file->name);
	size_t len = strlen(location);

	return !strncmp(path, location, len) && ticket_store_is_suffix(path + len);
}

/* Mark the files that a document names; without a transaction as of now. */
static enum status mark_named(struct folder *folder, struct pg_conn *conn, const int64_t *ids,
			      struct problem *err)
{
	PG_RESULT rows = NULL;
	size_t count;
	struct stray *files = files_of(folder, &count);
	enum status status = pg_query(conn, &sql_documents_locations,
				      PG_ARGS(PG_I64_ARRAY(ids, count)), &rows, err);

	for (size_t row = 0; !status && row < pg_rows(rows); row++) {
		for (size_t i = 0; i < count; i++) {
			if (files[i].ticket_id == pg_i64(rows, row, 0) &&
			    is_of(folder, &files[i], pg_text(rows, row, 1)))
				files[i].named = true;
		}
	}
	return status;
}

static const int64_t *ids_of(const struct folder *folder)
{
	size_t count;
	const struct stray *files = files_of(folder, &count);
	int64_t *ids = arena_calloc(folder->arena, count, sizeof(*ids));

	for (size_t i = 0; i < count; i++)
		ids[i] = files[i].ticket_id;
	return ids;
}

/* --- removing --------------------------------------------------------------------------------- */

static void keep_strays(struct folder *folder)
{
	size_t count, kept = 0;
	struct stray *files = files_of(folder, &count);

	for (size_t i = 0; i < count; i++) {
		if (!files[i].named)
			files[kept++] = files[i];
	}
	strbuf_truncate(&folder->files, kept * sizeof(*files));
}

static size_t remove_unnamed(const struct folder *folder)
{
	size_t count, removed = 0;
	const struct stray *files = files_of(folder, &count);

	for (size_t i = 0; i < count; i++) {
		if (!files[i].named)
			removed += unlink(arena_printf(folder->arena, "%s/%s", folder->path,
						       files[i].name)) == 0;
	}
	return removed;
}

/* Nobody records any of them while their tickets are locked. */
static enum status remove_strays(struct folder *folder, struct pg_conn *conn, size_t *removed,
				 struct problem *err)
{
	const int64_t *ids = ids_of(folder);
	size_t count;
	enum status status = pg_begin(conn, err);

	files_of(folder, &count);
	if (!status)
		status = pg_query(conn, &sql_tickets_hold, PG_ARGS(PG_I64_ARRAY(ids, count)), NULL,
				  err);
	if (!status)
		status = mark_named(folder, conn, ids, err);
	if (!status)
		*removed += remove_unnamed(folder);
	CRASH_POINT("ticket.tidied");
	return status ? status : pg_commit(conn, err);
}

static enum status tidy_folder(struct folder *folder, struct pg_pool *pool, int64_t before_s,
			       size_t *removed, struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = find_old(folder, before_s, err);

	if (status || !folder->files.len)
		return status;
	status = pg_lease(pool, &conn, err);
	if (!status)
		status = mark_named(folder, conn, ids_of(folder), err);
	if (status)
		return status;
	keep_strays(folder);
	return folder->files.len ? remove_strays(folder, conn, removed, err) : OK;
}

static enum status tidy_entry(const struct ticket_store *store, const char *name,
			      struct pg_pool *pool, int64_t before_s, size_t *removed,
			      struct problem *err)
{
	struct arena arena;
	struct folder folder = {.name = name, .arena = &arena};
	enum status status;

	if (!isdigit((unsigned char)*name))
		return OK;
	arena_init(&arena, ARENA_BLOCK);
	strbuf_init(&folder.files, &arena);
	folder.path = arena_printf(&arena, "%s/%s", store->directory, name);
	status = tidy_folder(&folder, pool, before_s, removed, err);
	arena_clear(&arena);
	return status;
}

enum status ticket_tidy(const struct ticket_store *store, struct pg_pool *pool, int64_t age_s,
			size_t *ret_removed, struct problem *err)
{
	int64_t before_s = clock_now_us() / US_PER_S - age_s;
	enum status status = OK;
	const struct dirent *entry;
	DIR *dir = opendir(store->directory);

	*ret_removed = 0;
	if (!dir)
		return problem_set(err, ST_INTERNAL_ERROR, "reading %s: errno %d", store->directory,
				   errno);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of this thread's own */
	while (!status && (entry = readdir(dir)))
		status = tidy_entry(store, entry->d_name, pool, before_s, ret_removed, err);
	closedir(dir);
	return status;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void tidy_once(struct ticket_tidier *tidier)
{
	struct problem err = {0};
	size_t removed = 0;

	if (ticket_tidy(tidier->store, tidier->pool, tidier->age_s, &removed, &err))
		log_message(LOG_WARN, "Documents are not tidied: %s", err.detail);
	if (removed)
		log_message(LOG_INFO, "Removed %zu files that no document names", removed);
}

/* True: it is time to stop. */
static bool wait(struct ticket_tidier *tidier)
{
	int64_t until_us = clock_monotonic_us() + tidier->age_s * US_PER_S;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	int late = 0;
	bool stopping;

	pthread_mutex_lock(&tidier->lock);
	while (!tidier->stopping && !late)
		late = pthread_cond_timedwait(&tidier->wake, &tidier->lock, &until);
	stopping = tidier->stopping;
	pthread_mutex_unlock(&tidier->lock);
	return stopping;
}

static void *run(void *arg)
{
	thread_name("tidier");
	do
		tidy_once(arg);
	while (!wait(arg));
	return NULL;
}

void ticket_tidier_start(struct ticket_tidier *tidier)
{
	pthread_condattr_t monotonic;

	if (!tidier->store->directory)
		return;
	pthread_mutex_init(&tidier->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&tidier->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&tidier->thread, NULL, run, tidier))
		fatal("ticket_tidy: cannot start a thread");
}

void ticket_tidier_stop(struct ticket_tidier *tidier)
{
	if (!tidier->store->directory)
		return;
	pthread_mutex_lock(&tidier->lock);
	tidier->stopping = true;
	pthread_cond_signal(&tidier->wake);
	pthread_mutex_unlock(&tidier->lock);
	pthread_join(tidier->thread, NULL);
	pthread_cond_destroy(&tidier->wake);
	pthread_mutex_destroy(&tidier->lock);
}
