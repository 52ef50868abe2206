/*
 * csv: RFC 4180, read record by record from a window over the text, and written cell by cell.
 *
 * Strict where it matters: a record that is not well quoted is a fault of its first physical line
 * alone, and reading goes on behind that line, so that one stray quote does not swallow the file.
 * Pure: no state between calls.
 */
#ifndef API_GUESTS_CSV_H
#define API_GUESTS_CSV_H

#include "common/strbuf.h"

enum {
	CSV_CELLS_MAX = 32,
	CSV_RECORD_MAX = 16384, /* bytes of a good record */
	CSV_LINE_MAX = 1 << 20, /* a longer physical line makes the text unreadable */
};

enum csv_result { CSV_RECORD, CSV_MORE, CSV_END, CSV_UNREADABLE };

struct csv_record {
	const char *fault;                 /* what is wrong with it; NULL: nothing */
	size_t count;                      /* of cells; 0: a blank line */
	struct slice cells[CSV_CELLS_MAX]; /* in the text, or unquoted in the arena */
	size_t used;                       /* bytes, line end included */
	int lines;                         /* physical lines */
};

/* The record that `text` begins with. CSV_MORE: ask again with more text, unless `last` says that
 * there is none. CSV_END: nothing is left. */
enum csv_result csv_next(struct arena *arena, char delimiter, struct slice text, bool last,
			 struct csv_record *ret);
/* `,` or `;`: what there is more of outside quotes in the first line. */
char csv_delimiter(struct slice text);
/* Append one cell, quoted where it must be. A text that a spreadsheet would take for a formula gets
 * a leading apostrophe. NULL: an empty cell. */
void csv_add_cell(struct strbuf *out, const char *text);
/* The text of a cell without the apostrophe that csv_add_cell put before it. */
struct slice csv_plain(struct slice cell);

#endif
