#include "worker-tickets/ticket_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/ids.h"
#include "sql_tickets.h"
#include "worker-tickets/ticket_text.h"

static bool read_moment(const char *text, struct ticket_moment *ret)
{
	return sscanf(text, "%d %d %d %d %d %d", &ret->year, &ret->month, &ret->day, &ret->weekday,
		      &ret->hour, &ret->minute) == 6;
}

static const char *clean(const struct pg_result *rows, size_t row, const char *column,
			 struct arena *arena)
{
	return ticket_text_clean(arena, pg_text(rows, row, pg_column(rows, column)));
}

static void read_texts(const struct pg_result *rows, size_t row, struct arena *arena,
		       struct ticket *ret)
{
	bool french = !strcmp(pg_text(rows, row, pg_column(rows, "locale")), "fr");

	ret->locale = french ? TICKET_FR : TICKET_EN;
	ret->title = clean(rows, row, "title", arena);
	ret->place = clean(rows, row, "location", arena);
	ret->guest = clean(rows, row, "guest", arena);
	ret->type = clean(rows, row, "type", arena);
	ret->organizer = clean(rows, row, "organizer", arena);
	ret->code = clean(rows, row, "ticket_code", arena);
	ret->time_zone = clean(rows, row, "time_zone", arena);
	ret->currency = clean(rows, row, "currency", arena);
	ret->price = pg_money(rows, row, pg_column(rows, "price"));
}

static enum status read_page(const struct pg_result *rows, size_t row, struct arena *arena,
			     struct ticket_page *ret, struct problem *err)
{
	struct ticket *ticket = &ret->ticket;
	const char *ends = pg_text(rows, row, pg_column(rows, "ends"));

	read_texts(rows, row, arena, ticket);
	ticket->has_end = ends != NULL;
	if (!read_moment(pg_text(rows, row, pg_column(rows, "starts")), &ticket->starts) ||
	    (ends && !read_moment(ends, &ticket->ends)))
		return problem_set(err, ST_INTERNAL_ERROR, "a date cannot be read");
	ret->documents.ticket_id = pg_i64(rows, row, pg_column(rows, "id"));
	ret->documents.doc_version = pg_i64(rows, row, pg_column(rows, "doc_version"));
	ret->documents.page_seq = pg_i64(rows, row, pg_column(rows, "page_seq"));
	ticket->issued_ms = pg_i64(rows, row, pg_column(rows, "issued_at_ms"));
	ret->signed_ids = (struct credential_qr){
		.ticket_id = ret->documents.ticket_id,
		.event_id = pg_i64(rows, row, pg_column(rows, "event_id")),
		.guest_id = pg_i64(rows, row, pg_column(rows, "guest_id")),
		.issued_ms = ticket->issued_ms,
	};
	return OK;
}

enum status ticket_rows_load(struct pg_pool *pool, struct arena *arena, const struct job *jobs,
			     size_t count, struct ticket_page **ret_pages, size_t *ret_count,
			     struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	int64_t *ids = arena_calloc(arena, count, sizeof(*ids));
	enum status status = pg_lease(pool, &conn, err);

	for (size_t i = 0; i < count; i++)
		ids[i] = jobs[i].subject_id;
	if (!status)
		status = pg_query(conn, &sql_ticket_pages, PG_ARGS(PG_I64_ARRAY(ids, count)), &rows,
				  err);
	if (status)
		return status;

	struct ticket_page *pages = arena_calloc(arena, pg_rows(rows) + 1, sizeof(*pages));

	for (size_t row = 0; !status && row < pg_rows(rows); row++)
		status = read_page(rows, row, arena, &pages[row], err);
	if (status)
		return status;
	*ret_pages = pages;
	*ret_count = pg_rows(rows);
	return OK;
}

static struct ticket_page *find_page(const struct ticket_rows *rows, int64_t ticket_id)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->pages[i].documents.ticket_id == ticket_id)
			return &rows->pages[i];
	}
	return NULL;
}

static enum status mark_ready(struct ticket_rows *rows, struct pg_conn *conn, struct problem *err)
{
	PG_RESULT ready = NULL;
	int64_t *ids = arena_calloc(rows->arena, rows->count, sizeof(*ids));
	int64_t *versions = arena_calloc(rows->arena, rows->count, sizeof(*versions));
	int64_t *changes = arena_calloc(rows->arena, rows->count, sizeof(*changes));
	const char **texts = arena_calloc(rows->arena, rows->count, sizeof(*texts));

	for (size_t i = 0; i < rows->count; i++) {
		ids[i] = rows->pages[i].documents.ticket_id;
		versions[i] = rows->pages[i].documents.doc_version;
		changes[i] = rows->pages[i].documents.page_seq;
		texts[i] = rows->pages[i].qr_text;
	}

	enum status status = pg_query(
		conn, &sql_tickets_ready,
		PG_ARGS(PG_I64_ARRAY(ids, rows->count), PG_I64_ARRAY(versions, rows->count),
			PG_I64_ARRAY(changes, rows->count), PG_TEXT_ARRAY(texts, rows->count)),
		&ready, err);

	for (size_t row = 0; !status && row < pg_rows(ready); row++) {
		struct ticket_page *page =
			find_page(rows, pg_i64(ready, row, pg_column(ready, "id")));

		if (!page)
			continue;
		page->documents.kept = true;
		page->issue = pg_i64(ready, row, pg_column(ready, "issue"));
		page->mail = pg_bool(ready, row, pg_column(ready, "mail"));
	}
	return status;
}

enum status ticket_rows_ready(struct ticket_rows *rows, const struct ticket_store *store,
			      struct pg_conn *conn, struct problem *err)
{
	struct ticket_documents *documents =
		arena_calloc(rows->arena, rows->count, sizeof(*documents));
	enum status status = mark_ready(rows, conn, err);

	for (size_t i = 0; i < rows->count; i++)
		documents[i] = rows->pages[i].documents;
	if (!status)
		status = ticket_store_record(store, conn, rows->arena, documents, rows->count, err);
	for (size_t i = 0; i < rows->count; i++)
		rows->pages[i].documents = documents[i];
	return status;
}

/* The job that made this ticket's document. */
static const struct job *find_job(const struct job *jobs, size_t count, int64_t ticket_id)
{
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].subject_id == ticket_id)
			return &jobs[i];
	}
	return NULL;
}

/* The arrays of the statement, one element a mail. */
struct mail_columns {
	const char **jobs, **request_ids, **traceparents;
	int64_t *guests, *events, *issues;
	size_t count;
};

static void add_mail(struct mail_columns *mails, struct arena *arena,
		     const struct ticket_page *page, const struct job *cause)
{
	char id[UUID_SIZE];
	size_t n = mails->count++;

	ids_uuid7(id);
	mails->jobs[n] = arena_strdup(arena, id);
	mails->guests[n] = page->signed_ids.guest_id;
	mails->events[n] = page->signed_ids.event_id;
	mails->issues[n] = page->issue;
	mails->request_ids[n] = cause ? cause->request_id : NULL;
	mails->traceparents[n] = cause ? cause->traceparent : NULL;
}

static void init_columns(struct mail_columns *mails, struct arena *arena, size_t count)
{
	*mails = (struct mail_columns){
		.jobs = arena_calloc(arena, count, sizeof(char *)),
		.request_ids = arena_calloc(arena, count, sizeof(char *)),
		.traceparents = arena_calloc(arena, count, sizeof(char *)),
		.guests = arena_calloc(arena, count, sizeof(int64_t)),
		.events = arena_calloc(arena, count, sizeof(int64_t)),
		.issues = arena_calloc(arena, count, sizeof(int64_t)),
	};
}

static enum status insert_mails(const struct mail_columns *mails, struct pg_conn *conn,
				struct arena *arena, struct ticket_mails *ret, struct problem *err)
{
	PG_RESULT made = NULL;
	size_t n = mails->count;
	enum status status =
		pg_query(conn, &sql_tickets_mail,
			 PG_ARGS(PG_TEXT_ARRAY(mails->jobs, n), PG_I64_ARRAY(mails->guests, n),
				 PG_I64_ARRAY(mails->events, n), PG_I64_ARRAY(mails->issues, n),
				 PG_TEXT_ARRAY(mails->request_ids, n),
				 PG_TEXT_ARRAY(mails->traceparents, n)),
			 &made, err);

	if (status)
		return status;
	ret->count = pg_rows(made);
	ret->ids = arena_calloc(arena, ret->count + 1, sizeof(*ret->ids));
	for (size_t row = 0; row < ret->count; row++)
		ret->ids[row] = arena_strdup(arena, pg_text(made, row, 0));
	return OK;
}

enum status ticket_rows_mail(const struct ticket_rows *rows, struct pg_conn *conn,
			     const struct job *jobs, size_t job_count,
			     struct ticket_mails *ret_mails, struct problem *err)
{
	struct mail_columns mails;

	init_columns(&mails, rows->arena, rows->count);
	for (size_t i = 0; i < rows->count; i++) {
		const struct ticket_page *page = &rows->pages[i];

		if (page->mail)
			add_mail(&mails, rows->arena, page,
				 find_job(jobs, job_count, page->documents.ticket_id));
	}
	return mails.count ? insert_mails(&mails, conn, rows->arena, ret_mails, err) : OK;
}
