/*
 * guests_export: all guests of an event as CSV, a page at a time.
 */
#ifndef API_GUESTS_GUESTS_EXPORT_H
#define API_GUESTS_GUESTS_EXPORT_H

#include "api/request.h"

enum { GUESTS_PAGE_ROWS = 1000 }; /* fewer in a page: it was the last */

struct guests_page {
	int64_t event_id;
	int64_t after_id; /* of the last guest that was given */
	size_t rows;      /* of the page that was read last */
};

/* The header goes to `out`; pages follow. */
void guests_export_begin(struct guests_page *page, int64_t event_id, struct strbuf *out);
/* The next page behind `out`; the connection is given back. */
enum status guests_export_next(struct request *req, struct guests_page *page, struct strbuf *out,
			       struct problem *err) MUST_CHECK;

#endif
