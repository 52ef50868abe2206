/*
 * import_reader: the rows of a stored file, CSV or JSON, from any place where one ended.
 */
#ifndef API_GUESTS_IMPORT_READER_H
#define API_GUESTS_IMPORT_READER_H

#include "api/guests/csv.h"
#include "api/guests/guest_input.h"
#include "api/guests/import_source.h"

enum import_format { IMPORT_CSV, IMPORT_JSON };

/* What there is instead of a row, in the report's words. */
struct import_fault {
	int line;
	const char *field; /* NULL: the row, or the file, as a whole */
	const char *code;
	const char *detail;
};

struct import_reader {
	struct import_source source;
	enum import_format format;
	char delimiter;
	size_t column_count;
	int columns[CSV_CELLS_MAX]; /* GUEST_… of each column, -1: one of an export that says
				       nothing here */
	int line;                   /* physical, of the next row; JSON: its number, from 1 */
};

/* A row as it stands in the file, valid until the next call. */
struct import_raw {
	int line;
	struct csv_record cells;
	struct slice json;
};

enum import_found { IMPORT_ROW, IMPORT_END, IMPORT_UNREADABLE };

/* Read the header; go on at this place (offset 0: the file's first row). IMPORT_UNREADABLE: the
 * file is of no use, *ret_fault says why. */
enum status import_reader_open(struct import_reader *reader, struct arena *arena, int64_t offset,
			       int line, enum import_found *ret_found,
			       struct import_fault *ret_fault, struct problem *err) MUST_CHECK;
/* The next row. Unquoted cells go to the arena. */
enum status import_reader_next(struct import_reader *reader, struct arena *arena,
			       struct import_raw *ret, enum import_found *ret_found,
			       struct import_fault *ret_fault, struct problem *err) MUST_CHECK;
/* The row by the field table of a registration: OK, or its violations in `bad`, where `where` names
 * the field ("": the row). */
enum status import_reader_decode(const struct import_reader *reader, struct arena *arena,
				 const struct import_raw *raw, struct guest_input *ret,
				 struct problem *bad) MUST_CHECK;

#endif
