/*
 * json_internal: what the files of json share with one another, and with nobody else.
 */
#ifndef COMMON_JSON_INTERNAL_H
#define COMMON_JSON_INTERNAL_H

#include <cjson/cJSON.h>
#include <string.h>

#include "common/json.h"

enum { JSON_DEPTH_MAX = 32 };

/* Is `c` one of these characters? Not for NUL nor the end of a text (-1). */
static inline bool json_one_of(int c, const char *set)
{
	return c > 0 && strchr(set, c) != NULL;
}

/* cJSON holds numbers as doubles; here the valuestring of a number node is its source text. */
struct json_document {
	const cJSON *root;
};

/*
 * Check the whole grammar of RFC 8259 and our own limits before a parser sees the text. Every
 * number in `text` becomes a 0 and spaces; the numbers as written go to `numbers` in document
 * order, each with a NUL behind it. ST_MALFORMED.
 */
enum status json_scan(char *text, size_t len, struct strbuf *numbers,
		      struct problem *err) MUST_CHECK;

/* One step over UTF-8 text, `left` > 0: the bytes of a character, or when not `*ret_valid` those of
 * the longest broken start (at least one), which become one U+FFFD. */
size_t json_utf8_step(const unsigned char *at, size_t left, bool *ret_valid);

/* Length of the JSON number that `text` starts with; 0: none. */
size_t json_number_length(const char *text, size_t len);

enum json_decimal {
	DECIMAL_EXACT,
	DECIMAL_FRACTION,  /* more decimals than asked for */
	DECIMAL_TOO_SMALL, /* below int64 */
	DECIMAL_TOO_LARGE, /* above int64 */
};

/* A JSON number times 10^scale as an integer, exactly; the text must be a number. */
enum json_decimal json_decimal(const char *text, size_t len, int scale,
			       int64_t *ret_value) MUST_CHECK;

/* Where we are in the document, from the leaf up; the root is NULL. */
struct json_path {
	const struct json_path *up;
	const char *name; /* NULL: an item of an array */
	size_t index;
};

struct json_decoder {
	struct arena *arena;
	struct problem *err;
	bool lenient;
	size_t violations;
	char misfit[256]; /* lenient: the last value that did not fit */
};

/* Say that a value does not fit. Always false, so that a misfit is one line. */
bool json_violate(struct json_decoder *d, const struct json_path *at, const char *code,
		  const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The upper bound in force. */
int64_t json_upper_bound(const struct field *field);

/* Decode one value that is not null into its member. False: it does not fit, and that is said. */
typedef bool json_decode_fn(struct json_decoder *d, const struct json_path *at,
			    const struct field *field, const cJSON *node, void *member);
json_decode_fn json_decode_string, json_decode_int, json_decode_id, json_decode_money,
	json_decode_bool, json_decode_enum, json_decode_time;

#endif
