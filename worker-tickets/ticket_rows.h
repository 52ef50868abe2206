/*
 * ticket_rows: a batch of tickets in the database: read for their pages, marked ready, mailed.
 */
#ifndef WORKER_TICKETS_TICKET_ROWS_H
#define WORKER_TICKETS_TICKET_ROWS_H

#include "common/credential.h"
#include "common/queue.h"
#include "worker-tickets/ticket.h"
#include "worker-tickets/ticket_store.h"

/* A ticket as read, and what is made of it. */
struct ticket_page {
	struct ticket ticket;
	struct credential_qr signed_ids;
	char qr_text[CREDENTIAL_QR_SIZE];
	struct ticket_documents documents; /* their numbers are set by the reading */
	int64_t issue;                     /* set by ticket_rows_ready, as is the next */
	bool mail;                         /* this issue is to be mailed */
};

struct ticket_rows {
	struct arena *arena;
	struct ticket_page *pages;
	size_t count;
};

/* Outbox ids of the mail jobs that were put into a transaction. */
struct ticket_mails {
	const char **ids;
	size_t count;
};

/* Read the tickets of these jobs that need documents: one query, one snapshot. */
enum status ticket_rows_load(struct pg_pool *pool, struct arena *arena, const struct job *jobs,
			     size_t count, struct ticket_page **ret_pages, size_t *ret_count,
			     struct problem *err) MUST_CHECK;
/* Inside a transaction: mark those ready that have not changed since, and record their documents.
 */
enum status ticket_rows_ready(struct ticket_rows *rows, const struct ticket_store *store,
			      struct pg_conn *conn, struct problem *err) MUST_CHECK;
/* Inside the same: the mails of new issues and their jobs, which carry the trace of `jobs`. */
enum status ticket_rows_mail(const struct ticket_rows *rows, struct pg_conn *conn,
			     const struct job *jobs, size_t job_count,
			     struct ticket_mails *ret_mails, struct problem *err) MUST_CHECK;

#endif
