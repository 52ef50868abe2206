/*
 * json_rows: the items of {"rows": [ … ]}, one after another from a window over the text, so that a
 * body of any size is read in little memory.
 *
 * Only the frame is judged here; each item goes to json_parse, which knows the whole grammar. Pure:
 * what must be remembered between calls is whether an item was taken already.
 */
#ifndef API_GUESTS_JSON_ROWS_H
#define API_GUESTS_JSON_ROWS_H

#include "common/base.h"

enum { JSON_ROW_MAX = 65536 }; /* bytes of an item, and of blanks between two */

enum json_rows_result { JSON_ROWS_ITEM, JSON_ROWS_MORE, JSON_ROWS_END, JSON_ROWS_BROKEN };

struct json_rows_item {
	struct slice text;
	size_t used;       /* bytes up to its end */
	const char *fault; /* JSON_ROWS_BROKEN: what is wrong */
};

/* The next item. `first`: none was taken yet, the text is the body from its start; else it follows
 * an item directly. */
enum json_rows_result json_rows_next(bool first, struct slice text, bool last,
				     struct json_rows_item *ret);

#endif
