/*
 * ticket_store: where documents are kept: in PostgreSQL, or in a directory.
 *
 * DOCUMENTS_URL is `postgres:` or `file:///directory`. In a directory the three documents of a
 * ticket are LOCATION.pdf, .svg and .png, where LOCATION is documents.location, relative to the
 * directory: <ticket id / 1000>/ticket-<ticket id>-v<document version>-<page change>. Both numbers:
 * who finds that his page is overtaken removes his files while another writes those of the same
 * version. Files are written whole under another name, synced, then renamed; the row that names
 * them comes after them; what a crash leaves in between is removed by ticket_tidy. Thread safe.
 */
#ifndef WORKER_TICKETS_TICKET_STORE_H
#define WORKER_TICKETS_TICKET_STORE_H

#include "common/pg.h"
#include "common/sign.h"

struct ticket_store {
	const char *directory; /* NULL: PostgreSQL */
};

/* The documents of one ticket. */
struct ticket_documents {
	int64_t ticket_id;
	int64_t doc_version;
	int64_t page_seq; /* last change of event and type that they show */
	struct slice pdf, svg, png;
	uint8_t pdf_sha256[SHA256_SIZE];
	const char *location; /* files: set by ticket_store_write */
	bool kept;            /* recorded: set by ticket_store_record */
	const char *replaced; /* location of the files recorded before; set likewise */
};

/* Read the configuration value, which must outlive the store. ST_CONFIG naming the variable, also
 * when the directory cannot be written to. */
enum status ticket_store_open(const char *url, struct ticket_store *ret,
			      struct problem *err) MUST_CHECK;
/* Show the room in the directory's file system among the metrics from now on; nothing for
 * PostgreSQL. */
void ticket_store_show(struct ticket_store *store);
/* Write the files, if files they are: before the transaction. */
enum status ticket_store_write(const struct ticket_store *store, struct arena *arena,
			       struct ticket_documents *documents, size_t count,
			       struct problem *err) MUST_CHECK;
/* Record those documents that are `kept`, inside the transaction, their tickets locked. Files that
 * were tidied away meanwhile fail it. */
enum status ticket_store_record(const struct ticket_store *store, struct pg_conn *conn,
				struct arena *arena, struct ticket_documents *documents,
				size_t count, struct problem *err) MUST_CHECK;
/* Is this what follows a location in the name of one of its files? */
bool ticket_store_is_suffix(const char *text);
/* After the commit: remove files that no row names any more. What cannot be removed stays. */
void ticket_store_sweep(const struct ticket_store *store, struct arena *arena,
			const struct ticket_documents *documents, size_t count);

#endif
