/*
 * databases: fresh databases for tests, copied from a template that is made once a server.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/pg.h"
#include "tests/support/servers.h"

enum { PATH_SIZE = 256 };
#define TEMPLATE "core_template"

/* Called before a test makes threads: NOLINTBEGIN(concurrency-mt-unsafe) */

static void run_sql(const char *database, const char *sql)
{
	struct problem err = {0};
	PG_LEASED conn = NULL;

	if (pg_connect(servers_database_url(database), &conn, &err) != OK ||
	    pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) != OK)
		fatal("servers: %s", err.detail);
}

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0)
		fatal("servers: cannot read %s", path);
	fclose(file);
	return text;
}

/* The programs' own way of applying the schema where it is built, so that they find their record
 * of it; else the files alone. */
static bool migrate_by_program(const char *url)
{
	char path[PATH_SIZE + 32];
	ssize_t len = readlink("/proc/self/exe", path, PATH_SIZE - 1);
	char *tests = NULL;
	int status = 0;
	pid_t pid;

	if (len <= 0)
		return false;
	path[len] = '\0';
	tests = strstr(path, "/tests/");
	if (!tests)
		return false;
	snprintf(tests, 32, "/bin/corectl");
	if (access(path, X_OK) != 0)
		return false;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		setenv("DATABASE_URL", url, 1);
		if (dup2(null, 1) >= 0)
			execl(path, "corectl", "migrate", "up", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fatal("servers: %s migrate up failed", path);
	return true;
}

static void apply_files(const char *database)
{
	glob_t files = {0};

	if (glob("schema/[0-9]*.sql", 0, NULL, &files) != 0)
		fatal("servers: no schema/*.sql; run tests from the top folder");
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *sql = read_all(files.gl_pathv[i]);

		run_sql(database, sql);
		free(sql);
	}
	globfree(&files);
}

/* Made once a server, whichever program comes first. */
static void make_template(struct pg_conn *conn)
{
	struct problem err = {0};
	PG_RESULT found = NULL;

	if (pg_exec(conn, "SELECT 1 FROM pg_database WHERE datname = '" TEMPLATE "'", PG_NO_ARGS,
		    &found, &err) != OK)
		fatal("servers: %s", err.detail);
	if (pg_rows(found))
		return;
	if (pg_exec(conn, "CREATE DATABASE " TEMPLATE "_new", PG_NO_ARGS, NULL, &err) != OK)
		fatal("servers: %s", err.detail);
	if (!migrate_by_program(servers_database_url(TEMPLATE "_new")))
		apply_files(TEMPLATE "_new");
	if (pg_exec(conn, "ALTER DATABASE " TEMPLATE "_new RENAME TO " TEMPLATE, PG_NO_ARGS, NULL,
		    &err) != OK)
		fatal("servers: %s", err.detail);
}

static const char *create(const char *name, const char *from)
{
	struct problem err = {0};
	PG_LEASED conn = NULL;
	char sql[256];

	/* One at a time: a template must not be in use while it is copied. */
	if (pg_connect(servers_database_url("postgres"), &conn, &err) != OK ||
	    pg_exec(conn, "SELECT pg_advisory_lock(1)", PG_NO_ARGS, NULL, &err) != OK)
		fatal("servers: %s", err.detail);
	if (strcmp(from, TEMPLATE) == 0)
		make_template(conn);
	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS \"%s\" WITH (FORCE)", name);
	if (pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) != OK)
		fatal("servers: %s", err.detail);
	/* Copied by the file system, not page by page through the log: half the work. */
	snprintf(sql, sizeof(sql), "CREATE DATABASE \"%s\" TEMPLATE %s STRATEGY file_copy", name,
		 from);
	if (pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) != OK)
		fatal("servers: %s", err.detail);
	return servers_database_url(name);
}

const char *servers_database_create(const char *name)
{
	return create(name, TEMPLATE);
}

const char *servers_database_create_empty(const char *name)
{
	return create(name, "template0");
}
/* NOLINTEND(concurrency-mt-unsafe) */
