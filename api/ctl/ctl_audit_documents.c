/*
 * Tickets' documents: what is printed verifies, files are whole, and nothing lies about.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "api/ctl/ctl_audit.h"
#include "api/tickets/tickets_store.h"
#include "common/credential.h"
#include "common/sign.h"
#include "sql_ctl.h"

enum {
	PAGE = 500,
	ARENA_BLOCK = 64 * 1024,
	YOUNG_S = 600, /* a file is written before the row that names it */
};

/* --- what is printed ------------------------------------------------------------------------- */

static void check_code(struct audit *audit, const struct credential_keys *keys, struct arena *arena,
		       const struct pg_result *rows, size_t i)
{
	const char *text = pg_text(rows, i, 4);
	struct credential_qr qr = {0};
	struct problem err = {.status = OK};

	if (credential_qr_open(keys, arena, text, strlen(text), &qr, &err))
		audit_report(audit, pg_text(rows, i, 0), "its QR code does not verify");
	else if (qr.ticket_id != pg_i64(rows, i, 0) || qr.event_id != pg_i64(rows, i, 1) ||
		 qr.guest_id != pg_i64(rows, i, 2) || qr.issued_ms != pg_i64(rows, i, 3))
		audit_report(audit, pg_text(rows, i, 0),
			     "its QR code names ticket %lld, event %lld, guest %lld, issue %lld",
			     (long long)qr.ticket_id, (long long)qr.event_id,
			     (long long)qr.guest_id, (long long)qr.issued_ms);
}

enum status audit_qr_codes(struct audit *audit, struct problem *err)
{
	const char *secret = audit->ctl->config.qr_secret;
	struct credential_keys keys;
	int64_t after = 0;
	size_t count = PAGE;
	enum status status;

	if (!secret) {
		(void)fputs("corectl: QR codes are not looked at: QR_SIGNATURE_SECRET is not set\n",
			    stderr);
		return OK;
	}
	status = credential_keys_parse(secret, &keys, err);
	while (!status && count == PAGE) {
		PG_RESULT rows = NULL;
		CLEANUP(arena_clear) struct arena arena;

		arena_init(&arena, ARENA_BLOCK);
		status = pg_exec(audit->conn, sql_audit_qr_codes.sql,
				 PG_ARGS(PG_I64(after), PG_I64(PAGE)), &rows, err);
		count = status ? 0 : pg_rows(rows);
		for (size_t i = 0; i < count; i++)
			check_code(audit, &keys, &arena, rows, i);
		after = count ? pg_i64(rows, count - 1, 0) : after;
	}
	return status;
}

/* --- files that rows name -------------------------------------------------------------------- */

struct filed {
	int64_t ticket_id;
	int64_t doc_version;
	const char *location;
	const char *digest;
};
#define AT(member) offsetof(struct filed, member)
static const struct field filed_fields[] = {
	{.name = "ticketId", .type = FIELD_ID, .offset = AT(ticket_id)},
	{.name = "docVersion", .type = FIELD_INT, .offset = AT(doc_version)},
	{.name = "location", .type = FIELD_STRING, .offset = AT(location)},
	{.name = "digest", .type = FIELD_STRING, .offset = AT(digest)},
};
#undef AT
static const struct schema filed_schema = SCHEMA(filed_fields, struct filed);

static bool begins_with(struct slice bytes, const char *magic)
{
	size_t len = strlen(magic);

	return bytes.len >= len && !memcmp(bytes.at, magic, len);
}

/* NULL: all three files are as they were made. */
static const char *fault_of(const struct audit *audit, struct arena *arena,
			    const struct filed *filed)
{
	const char *url = audit->ctl->config.documents_url;
	char digest[2 * SHA256_SIZE + 1];
	uint8_t sum[SHA256_SIZE];
	struct slice pdf, svg, png;

	if (strncmp(url, "file://", 7) != 0)
		return "lies in a directory, and DOCUMENTS_URL names none";
	if (!document_read(arena, url, filed->location, DOCUMENT_PDF, &pdf))
		return "the PDF cannot be read";
	sign_sha256(pdf.at, pdf.len, sum);
	sign_hex(sum, sizeof(sum), digest);
	if (strcmp(digest, filed->digest) != 0)
		return "the PDF has another digest than when it was made";
	if (!document_read(arena, url, filed->location, DOCUMENT_SVG, &svg) ||
	    !memmem(svg.at, svg.len, "<svg", 4))
		return "the QR image is no SVG";
	if (!document_read(arena, url, filed->location, DOCUMENT_PNG, &png) ||
	    !begins_with(png, "\x89PNG\r\n"))
		return "the QR image is no PNG";
	return NULL;
}

/* A page of rows as they are now. */
static enum status read_filed(struct pg_conn *conn, struct arena *arena, int64_t after,
			      int64_t limit, struct field_array *ret, struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status = pg_exec(conn, sql_audit_files.sql,
				     PG_ARGS(PG_I64(after), PG_I64(limit)), &rows, err);

	if (!status)
		*ret = pg_scan_all(rows, &filed_schema, arena);
	return status;
}

/* Files are replaced while we look: only a row that is still the same is at fault. */
static enum status check_filed(struct audit *audit, struct pg_conn *conn, struct arena *arena,
			       const struct filed *filed, struct problem *err)
{
	const char *fault = fault_of(audit, arena, filed);
	const struct filed *again;
	struct field_array rows;
	char id[24];
	enum status status;

	if (!fault)
		return OK;
	status = read_filed(conn, arena, filed->ticket_id - 1, 1, &rows, err);
	if (status || !rows.count)
		return status;
	again = rows.items;
	if (again->ticket_id != filed->ticket_id || again->doc_version != filed->doc_version ||
	    strcmp(again->digest, filed->digest) != 0)
		return OK;
	(void)snprintf(id, sizeof(id), "%" PRId64, filed->ticket_id);
	audit_report(audit, id, "%s: %s", filed->location, fault);
	return OK;
}

enum status audit_files(struct audit *audit, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct field_array rows = {.count = PAGE};
	int64_t after = 0;
	enum status status = ctl_connect(audit->ctl, &conn, err);

	while (!status && rows.count == PAGE) {
		CLEANUP(arena_clear) struct arena arena;

		arena_init(&arena, ARENA_BLOCK);
		rows.count = 0;
		status = read_filed(conn, &arena, after, PAGE, &rows, err);
		for (size_t i = 0; !status && i < rows.count; i++) {
			CLEANUP(arena_clear) struct arena bytes;
			const struct filed *filed = (const struct filed *)rows.items + i;

			arena_init(&bytes, ARENA_BLOCK);
			status = check_filed(audit, conn, &bytes, filed, err);
			after = filed->ticket_id;
		}
	}
	return status;
}

/* --- files that no row names ----------------------------------------------------------------- */

/* Files of one page, with the tickets that their names say. */
struct names {
	struct audit *audit;
	struct pg_conn *conn;
	struct arena arena;
	const char *paths[PAGE]; /* below the directory of documents */
	int64_t tickets[PAGE];
	size_t count;
};

/* "DIR/ticket-ID-vN-M.pdf", or without M as in earlier versions; 0: it is not named so. */
static int64_t ticket_of(const char *path)
{
	const char *name = strrchr(path, '/');
	long long id = 0;
	int end = 0;

	if (!name || sscanf(name, "/ticket-%lld-v%*[0-9-].%n", &id, &end) != 1 || !end)
		return 0;
	for (size_t i = 0; i <= DOCUMENT_PNG; i++)
		if (!strcmp(name + end, document_suffixes[i]))
			return id;
	return 0;
}

static bool is_named(const struct names *names, const struct pg_result *rows, size_t at)
{
	const char *path = names->paths[at];
	size_t len = strlen(path) - strlen(strrchr(path, '.'));

	for (size_t i = 0; i < pg_rows(rows); i++) {
		const char *location = pg_text(rows, i, 1);

		if (pg_i64(rows, i, 0) == names->tickets[at] && strlen(location) == len &&
		    !strncmp(location, path, len))
			return true;
	}
	return false;
}

static enum status judge_names(struct names *names, struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status;

	status = pg_exec(names->conn, sql_audit_file_owners.sql,
			 PG_ARGS(PG_I64_ARRAY(names->tickets, names->count)), &rows, err);
	for (size_t i = 0; !status && i < names->count; i++) {
		if (!names->tickets[i])
			audit_report(names->audit, names->paths[i], "is no document");
		else if (!is_named(names, rows, i))
			audit_report(names->audit, names->paths[i],
				     "is not the document of ticket %lld",
				     (long long)names->tickets[i]);
	}
	names->count = 0;
	arena_reset(&names->arena);
	return status;
}

static enum status take_file(struct names *names, const char *directory, const char *path,
			     struct problem *err)
{
	struct stat info;

	if (stat(arena_printf(&names->arena, "%s/%s", directory, path), &info) ||
	    info.st_mtime > time(NULL) - YOUNG_S)
		return OK;
	names->paths[names->count] = path;
	names->tickets[names->count++] = ticket_of(path);
	return names->count == PAGE ? judge_names(names, err) : OK;
}

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* Documents lie one directory down: `below` is "" or its name. */
static enum status walk(struct names *names, const char *root, const char *below,
			struct problem *err)
{
	char path[4096];
	struct dirent *entry;
	enum status status = OK;

	(void)snprintf(path, sizeof(path), "%s/%s", root, below);
	CLEANUP(close_directory) DIR *directory = opendir(path);

	if (!directory)
		return problem_set(err, ST_CONFIG, "%s cannot be read", path);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream */
	while (!status && (entry = readdir(directory))) {
		char name[600];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "",
			       entry->d_name);
		if (entry->d_type == DT_DIR && !*below)
			status = walk(names, root, name, err);
		else
			status = take_file(names, root, arena_strdup(&names->arena, name), err);
	}
	return status;
}

enum status audit_stray_files(struct audit *audit, struct problem *err)
{
	static const char scheme[] = "file://";
	const char *url = audit->ctl->config.documents_url;
	struct names *names;
	enum status status;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return OK;
	names = ARENA_NEW(&audit->ctl->arena, struct names);
	names->audit = audit;
	arena_init(&names->arena, ARENA_BLOCK);
	status = ctl_connect(audit->ctl, &names->conn, err);
	if (!status)
		status = walk(names, url + sizeof(scheme) - 1, "", err);
	if (!status)
		status = judge_names(names, err);
	pg_return(&names->conn);
	arena_clear(&names->arena);
	return status;
}
