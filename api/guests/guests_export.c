/*
 * All guests of an event as CSV, page by page: neither memory nor a connection grows with them.
 */
#include <string.h>

#include "api/guests/csv.h"
#include "api/guests/guests_export.h"
#include "api/guests/imports.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "sql_api.h"

/* Columns as the statement gives them. */
static const char header[] =
	"id,firstName,lastName,email,phone,type,status,ticketTypeId,ticketType,"
	"ticketCode,externalId,locale,createdAt,checkedInAt\r\n";
enum { COLUMN_ID, COLUMN_CREATED_AT = 12, COLUMN_CHECKED_IN_AT, COLUMNS };

static void add_row(struct strbuf *out, const struct pg_result *page, size_t row)
{
	char text[RFC3339_SIZE];

	for (size_t i = 0; i < COLUMNS; i++) {
		const char *cell = pg_text(page, row, i);

		if (cell && i >= COLUMN_CREATED_AT)
			cell = clock_format(pg_time(page, row, i), text);
		if (i)
			strbuf_addc(out, ',');
		csv_add_cell(out, cell);
	}
	strbuf_adds(out, "\r\n");
}

void guests_export_begin(struct guests_page *page, int64_t event_id, struct strbuf *out)
{
	*page = (struct guests_page){.event_id = event_id};
	strbuf_adds(out, header);
}

enum status guests_export_next(struct request *req, struct guests_page *page, struct strbuf *out,
			       struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(
		req, &sql_guests_export,
		PG_ARGS(PG_I64(page->event_id), PG_I64(page->after_id), PG_I64(GUESTS_PAGE_ROWS)),
		&result, err);
	if (status)
		return status;
	request_release_conn(req);
	page->rows = pg_rows(result);
	for (size_t i = 0; i < page->rows; i++)
		add_row(out, result, i);
	if (page->rows)
		page->after_id = pg_i64(result, page->rows - 1, COLUMN_ID);
	return OK;
}

/* Once the head is out a failure can only cut the answer, which the peer sees. */
static void send_pages(struct request *req, struct guests_page *page, struct strbuf *out)
{
	struct problem ignored = {0};

	while (http_stream_write(req->http, out->buf, out->len)) {
		if (page->rows < GUESTS_PAGE_ROWS) {
			http_stream_end(req->http);
			return;
		}
		CRASH_POINT("export.page-sent");
		strbuf_truncate(out, 0);
		if (guests_export_next(req, page, out, &ignored))
			return;
	}
}

enum status guests_export(struct request *req, struct problem *err)
{
	struct strbuf out CLEANUP(strbuf_release);
	struct guests_page page;
	enum status status;

	strbuf_init(&out, NULL);
	guests_export_begin(&page, req->access.event_id, &out);
	status = guests_export_next(req, &page, &out, err);
	if (status)
		return status;
	http_add_header(req->http, "Content-Disposition",
			arena_printf(req->arena, "attachment; filename=\"event-%lld-guests.csv\"",
				     (long long)req->access.event_id));
	answer_stream(req, "text/csv; charset=utf-8; header=present");
	if (!strcmp(req->http->method, "HEAD"))
		page.rows = 0;
	send_pages(req, &page, &out);
	return OK;
}
