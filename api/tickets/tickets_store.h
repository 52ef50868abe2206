/*
 * tickets_store: tickets' statements, and documents wherever they are kept.
 */
#ifndef API_TICKETS_TICKETS_STORE_H
#define API_TICKETS_TICKETS_STORE_H

#include "api/tickets/ticket_record.h"

/* Each is a column of `documents` and the suffix of a file. */
enum document_kind { DOCUMENT_PDF, DOCUMENT_SVG, DOCUMENT_PNG };
extern const char *const document_suffixes[];

struct ticket_document {
	struct ticket ticket;
	int64_t doc_version; /* 0: not made yet, or of an older version of the ticket */
	struct slice bytes;
};

/* The ticket as shown, its links with it. ST_NOT_FOUND. */
enum status ticket_load(struct request *req, int64_t ticket_id, struct ticket *ret,
			struct problem *err) MUST_CHECK;
/* The ticket with one of its documents. ST_NOT_FOUND; ST_INTERNAL_ERROR when a document that was
 * made cannot be read. */
enum status ticket_document_load(struct request *req, int64_t ticket_id, enum document_kind kind,
				 struct ticket_document *ret, struct problem *err) MUST_CHECK;
/* The bytes of a document that is a file: `location` is what its row says. False: DOCUMENTS_URL
 * names no directory, or there is no such file in it. */
bool document_read(struct arena *arena, const char *documents_url, const char *location,
		   enum document_kind kind, struct slice *ret) MUST_CHECK;
/* Give a locked ticket another code and issue: its documents and its old QR are void. */
enum status ticket_replace_code(struct request *req, int64_t ticket_id, const char *code,
				struct problem *err) MUST_CHECK;

#endif
