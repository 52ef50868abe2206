/*
 * json: the strict door for JSON, and its way out, both by field tables.
 *
 * A struct that travels as JSON (or comes out of a database row, see pg_scan) has one table of
 * `struct field`: name, type, offset, bounds. Decoding collects every violation; encoding writes
 * straight into a buffer. C types of the members:
 *   FIELD_STRING const char * (NULL = null) · FIELD_INT int64_t · FIELD_ID int64_t (0 = null) ·
 *   FIELD_MONEY int64_t minor units, at most 2 decimals · FIELD_BOOL bool · FIELD_ENUM int
 *   (index into names, -1 = null) · FIELD_TIME int64_t microseconds (TIME_NONE = null) ·
 *   FIELD_OBJECT pointer to the nested struct (NULL = null) · FIELD_ARRAY struct field_array of
 *   nested structs stored one after another · FIELD_RAW const char * JSON text, output only.
 *   FIELD_DOUBLE double, output only. FIELD_STRINGS struct field_array of const char *; json_read
 *   takes a string alone for an array of one, as the aud of a token may be.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/problem.h"

enum field_type {
	FIELD_STRING,
	FIELD_INT,
	FIELD_ID,
	FIELD_MONEY,
	FIELD_BOOL,
	FIELD_ENUM,
	FIELD_TIME,
	FIELD_OBJECT,
	FIELD_ARRAY,
	FIELD_RAW,
	FIELD_DOUBLE,
	FIELD_STRINGS,
};

enum {
	FIELD_REQUIRED =
		1, /* must be there and not null (a merge patch: may be absent, not null) */
	FIELD_NULLABLE = 2, /* null is accepted; the member gets its null value */
	FIELD_INPUT_ONLY = 4,
	FIELD_OMIT_NULL = 8, /* on output, left out instead of null */
};

/* Syntax beyond bounds: NULL when good, else what is wrong ("is not an E.164 number"). `value`
 * points to the member. */
typedef const char *field_check_fn(const void *value);

struct schema;

struct field {
	const char *name; /* camelCase; its column is the same in snake_case */
	enum field_type type;
	unsigned flags;
	size_t offset;
	int64_t min, max; /* characters, value, minor units, items; max 0 = no upper bound */
	const char *const *names; /* FIELD_ENUM, NULL-terminated */
	const struct schema *nested;
	field_check_fn *check;
};

struct schema {
	const struct field *fields;
	size_t count; /* at most 64 */
	size_t size;  /* of the struct */
	/* Input structs: where the struct keeps which fields were in the object, and which of these
	 * were null; bit = index of the field. NO_PRESENCE when it does not. */
	size_t presence;
	const struct field_rule *rules; /* end with a NULL name; NULL: none */
};

/* What must hold between fields of a struct that came as a body; a field that did not fit holds
 * its null value there. */
struct field_rule {
	const char *name; /* the field at fault; "": the object as a whole */
	const char *code;
	const char *detail;
	bool (*holds)(const void *value);
};

struct presence {
	uint64_t given;
	uint64_t null;
};

#define NO_PRESENCE SIZE_MAX
#define SCHEMA(table, type)                                                                        \
	{                                                                                          \
		(table), ARRAY_LEN(table), sizeof(type), NO_PRESENCE, NULL                         \
	}
#define SCHEMA_INPUT(table, type) SCHEMA_RULES(table, type, NULL)
#define SCHEMA_RULES(table, type, rules)                                                           \
	{                                                                                          \
		(table), ARRAY_LEN(table), sizeof(type), offsetof(type, presence), (rules)         \
	}

struct field_array {
	void *items;
	size_t count;
};

/* Was field number `index` in the object? (null counts) */
static inline bool field_given(const struct presence *presence, unsigned index)
{
	return (presence->given >> index) & 1;
}

enum json_mode {
	JSON_CREATE, /* required fields must be there */
	JSON_PATCH,  /* RFC 7386 at the top level: absent fields are left alone */
};

/*
 * A body that is a JSON text (RFC 8259): UTF-8, no BOM, no NUL or lone surrogate escape, no
 * duplicate member, depth <= 32, strict number grammar, nothing behind it. Gives the opaque
 * document in `arena`, or ST_MALFORMED.
 */
struct json_document;
enum status json_parse(struct arena *arena, const char *text, size_t len,
		       struct json_document **ret_doc, struct problem *err) MUST_CHECK;

/*
 * Decode the document's root object into `ret` (sized as the schema says, zeroed here; absent
 * times are TIME_NONE). Unknown members, wrong types and values out of bounds are violations, all
 * of them collected: ST_INVALID_BODY. Codes: required, unknown, type, null, too-short, too-long,
 * too-small, too-large, decimals, enum, format, too-few, too-many.
 */
enum status json_decode(struct arena *arena, const struct json_document *doc,
			const struct schema *schema, enum json_mode mode, void *ret,
			struct problem *err) MUST_CHECK;

/* Lenient reading of what other services and our own store say: unknown members are ignored,
 * fields not `required` may have any other type (then null). ST_MALFORMED when it does not fit. */
enum status json_read(struct arena *arena, const char *text, size_t len,
		      const struct schema *schema, void *ret, struct problem *err) MUST_CHECK;

/* Write one struct as an object. */
void json_encode(struct strbuf *out, const struct schema *schema, const void *value);
/* Write `count` structs as an array. */
void json_encode_array(struct strbuf *out, const struct schema *schema, const void *items,
		       size_t count);
/* A string with its quotes; bytes that are not UTF-8 become U+FFFD. NULL: null. */
void json_encode_string(struct strbuf *out, const char *text);
/* Minor units as a number: 4990 -> 49.9, 5000 -> 50. */
void json_encode_money(struct strbuf *out, int64_t minor);

/* "49.90" of NUMERIC text or a JSON number to minor units; false: more than 2 decimals (zeros
 * aside), not a number, or out of int64. Exact: never through a double. */
bool money_parse(const char *text, size_t len, int64_t *ret_minor) MUST_CHECK;
/* Characters (code points) of a UTF-8 text; SIZE_MAX when it is not UTF-8. */
size_t utf8_length(const char *text, size_t len);

#endif
