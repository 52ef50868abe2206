/*
 * All guests of an event as CSV, page by page: neither memory nor a connection grows with them.
 */
#include <string.h>

#include "api/guests/csv.h"
#include "api/guests/imports.h"
#include "common/clock.h"
#include "sql_api.h"

enum { PAGE_ROWS = 1000 };

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

/* The next page behind `out`; the connection goes back before anything is sent. */
static enum status read_page(struct request *req, int64_t *after_id, size_t *ret_rows,
			     struct strbuf *out, struct problem *err)
{
	PG_RESULT page = NULL;
	enum status status;

	status = request_query(
		req, &sql_guests_export,
		PG_ARGS(PG_I64(req->access.event_id), PG_I64(*after_id), PG_I64(PAGE_ROWS)), &page,
		err);
	if (status)
		return status;
	request_release_conn(req);
	*ret_rows = pg_rows(page);
	for (size_t i = 0; i < *ret_rows; i++)
		add_row(out, page, i);
	if (*ret_rows)
		*after_id = pg_i64(page, *ret_rows - 1, COLUMN_ID);
	return OK;
}

/* Once the head is out a failure can only cut the answer, which the peer sees. */
static void send_pages(struct request *req, int64_t after_id, size_t rows, struct strbuf *out)
{
	struct problem ignored = {0};

	while (http_stream_write(req->http, out->buf, out->len)) {
		if (rows < PAGE_ROWS) {
			http_stream_end(req->http);
			return;
		}
		strbuf_truncate(out, 0);
		if (read_page(req, &after_id, &rows, out, &ignored))
			return;
	}
}

enum status guests_export(struct request *req, struct problem *err)
{
	struct strbuf out CLEANUP(strbuf_release);
	int64_t after_id = 0;
	size_t rows = 0;
	enum status status;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, header);
	status = read_page(req, &after_id, &rows, &out, err);
	if (status)
		return status;
	http_add_header(req->http, "Content-Disposition",
			arena_printf(req->arena, "attachment; filename=\"event-%lld-guests.csv\"",
				     (long long)req->access.event_id));
	answer_stream(req, "text/csv; charset=utf-8; header=present");
	if (!strcmp(req->http->method, "HEAD"))
		rows = 0;
	send_pages(req, after_id, rows, &out);
	return OK;
}
