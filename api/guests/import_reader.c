#include "api/guests/import_reader.h"

#include <limits.h>
#include <string.h>

#include "api/guests/guests.h"
#include "api/guests/json_rows.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* Columns of an export that an import makes itself. */
static const char *const ignored_columns[] = {"id",         "status",    "ticketType",
					      "ticketCode", "createdAt", "checkedInAt"};

static enum import_found unreadable(struct import_fault *ret, int line, const char *field,
				    const char *code, const char *detail)
{
	*ret = (struct import_fault){line, field, code, detail};
	return IMPORT_UNREADABLE;
}

/* --- the header ------------------------------------------------------------------------------ */

static struct slice trim(struct slice text)
{
	while (text.len && text.at[0] == ' ')
		text = (struct slice){text.at + 1, text.len - 1};
	while (text.len && text.at[text.len - 1] == ' ')
		text.len--;
	return text;
}

static bool is_word(struct slice text, const char *word)
{
	return text.len == strlen(word) && !memcmp(text.at, word, text.len);
}

enum { COLUMN_UNKNOWN = -2, COLUMN_IGNORED = -1 };

static int find_column(struct slice name)
{
	for (size_t i = 0; i < guest_input_schema.count; i++)
		if (is_word(name, guest_input_schema.fields[i].name))
			return (int)i;
	for (size_t i = 0; i < ARRAY_LEN(ignored_columns); i++)
		if (is_word(name, ignored_columns[i]))
			return COLUMN_IGNORED;
	return COLUMN_UNKNOWN;
}

/* A name that can be shown: as it is, or nothing when it is no text. */
static const char *shown(struct arena *arena, struct slice name)
{
	bool is_text = name.len && name.len <= 100 && !memchr(name.at, '\0', name.len) &&
		       utf8_length(name.at, name.len) != SIZE_MAX;

	return is_text ? arena_strndup(arena, name.at, name.len) : NULL;
}

static enum import_found take_column(struct import_reader *reader, struct arena *arena,
				     struct slice name, uint64_t *seen, struct import_fault *ret)
{
	int column = find_column(name);

	if (column == COLUMN_UNKNOWN)
		return unreadable(ret, 1, shown(arena, name), "unknown",
				  "the header names a column that is not known");
	if (column >= 0 && *seen >> column & 1)
		return unreadable(ret, 1, guest_input_schema.fields[column].name, "duplicate",
				  "the header names this column twice");
	if (column >= 0)
		*seen |= UINT64_C(1) << column;
	reader->columns[reader->column_count++] = column;
	return IMPORT_ROW;
}

static enum import_found take_header(struct import_reader *reader, struct arena *arena,
				     const struct csv_record *header, struct import_fault *ret)
{
	enum import_found found = IMPORT_ROW;
	uint64_t seen = 0;

	if (header->fault)
		return unreadable(ret, 1, NULL, "format", header->fault);
	for (size_t i = 0; found == IMPORT_ROW && i < header->count; i++)
		found = take_column(reader, arena, trim(header->cells[i]), &seen, ret);
	for (size_t i = 0; found == IMPORT_ROW && i < guest_input_schema.count; i++) {
		const struct field *field = &guest_input_schema.fields[i];

		if (field->flags & FIELD_REQUIRED && !(seen >> i & 1))
			found = unreadable(ret, 1, field->name, "required",
					   "the header lacks this column");
	}
	return found;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* One record of a CSV file, blank lines too. */
static enum status next_record(struct import_reader *reader, struct arena *arena,
			       struct csv_record *ret, enum csv_result *ret_result,
			       struct problem *err)
{
	enum csv_result result;
	enum status status;
	bool last;

	for (;;) {
		struct slice text = import_source_text(&reader->source, &last);

		result = csv_next(arena, reader->delimiter, text, last, ret);
		if (result != CSV_MORE)
			break;
		status = import_source_more(&reader->source, err);
		if (status)
			return status;
	}
	*ret_result = result;
	return OK;
}

static enum status next_csv(struct import_reader *reader, struct arena *arena,
			    struct import_raw *ret, enum import_found *ret_found,
			    struct import_fault *ret_fault, struct problem *err)
{
	enum csv_result result;
	enum status status;

	do {
		status = next_record(reader, arena, &ret->cells, &result, err);
		if (status)
			return status;
		if (result == CSV_END) {
			*ret_found = IMPORT_END;
			return OK;
		}
		if (result == CSV_UNREADABLE) {
			*ret_found = unreadable(ret_fault, reader->line, NULL, "format",
						"a line is longer than 1 MiB");
			return OK;
		}
		ret->line = reader->line;
		reader->line += ret->cells.lines;
		import_source_skip(&reader->source, ret->cells.used);
	} while (!ret->cells.count && !ret->cells.fault);
	*ret_found = IMPORT_ROW;
	return OK;
}

static enum status next_json(struct import_reader *reader, struct import_raw *ret,
			     enum import_found *ret_found, struct import_fault *ret_fault,
			     struct problem *err)
{
	bool first = import_source_offset(&reader->source) == 0;
	struct json_rows_item item;
	enum json_rows_result result;
	enum status status;
	bool last;

	for (;;) {
		struct slice text = import_source_text(&reader->source, &last);

		result = json_rows_next(first, text, last, &item);
		if (result != JSON_ROWS_MORE)
			break;
		status = import_source_more(&reader->source, err);
		if (status)
			return status;
	}
	*ret_found = result == JSON_ROWS_ITEM ? IMPORT_ROW : IMPORT_END;
	if (result == JSON_ROWS_BROKEN)
		*ret_found = unreadable(ret_fault, reader->line, NULL, "malformed", item.fault);
	if (result != JSON_ROWS_ITEM)
		return OK;
	import_source_skip(&reader->source, item.used);
	ret->line = reader->line++;
	ret->json = item.text;
	return OK;
}

enum status import_reader_next(struct import_reader *reader, struct arena *arena,
			       struct import_raw *ret, enum import_found *ret_found,
			       struct import_fault *ret_fault, struct problem *err)
{
	if (reader->format == IMPORT_JSON)
		return next_json(reader, ret, ret_found, ret_fault, err);
	return next_csv(reader, arena, ret, ret_found, ret_fault, err);
}

/* The first line decides what separates cells, so it must be there whole, or the window full. */
static enum status open_csv(struct import_reader *reader, struct arena *arena,
			    enum import_found *ret_found, struct import_fault *ret_fault,
			    struct problem *err)
{
	struct import_raw header;
	enum status status = OK;
	struct slice text;
	bool last;

	import_source_text(&reader->source, &last);
	if (!last)
		status = import_source_more(&reader->source, err);
	if (status)
		return status;
	text = import_source_text(&reader->source, &last);
	if (text.len >= 3 && !memcmp(text.at, byte_order_mark, 3))
		import_source_skip(&reader->source, 3);
	reader->delimiter = csv_delimiter(text);
	reader->line = 1;
	status = next_csv(reader, arena, &header, ret_found, ret_fault, err);
	if (status || *ret_found == IMPORT_UNREADABLE)
		return status;
	if (*ret_found == IMPORT_END)
		*ret_found = unreadable(ret_fault, 1, NULL, "required", "the file has no header");
	else
		*ret_found = take_header(reader, arena, &header.cells, ret_fault);
	return OK;
}

enum status import_reader_open(struct import_reader *reader, struct arena *arena, int64_t offset,
			       int line, enum import_found *ret_found,
			       struct import_fault *ret_fault, struct problem *err)
{
	enum status status = OK;

	import_source_seek(&reader->source, 0);
	reader->column_count = 0;
	reader->line = 1;
	*ret_found = IMPORT_ROW;
	if (reader->format == IMPORT_CSV)
		status = open_csv(reader, arena, ret_found, ret_fault, err);
	if (status || *ret_found != IMPORT_ROW || !offset)
		return status;
	import_source_seek(&reader->source, offset);
	reader->line = line;
	return OK;
}

/* --- fields ---------------------------------------------------------------------------------- */

static bool is_text(struct slice cell)
{
	return !memchr(cell.at, '\0', cell.len) && utf8_length(cell.at, cell.len) != SIZE_MAX;
}

/* An empty cell: nothing where nothing can be said, else as if the column were not there. */
static void add_empty(struct strbuf *out, const struct field *field)
{
	if (field->flags & FIELD_NULLABLE)
		strbuf_addf(out, "%s\"%s\":null", out->len > 1 ? "," : "", field->name);
}

static void add_member(struct strbuf *out, struct arena *arena, const struct field *field,
		       struct slice cell)
{
	int64_t id;

	if (!cell.len) {
		add_empty(out, field);
		return;
	}
	strbuf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", field->name);
	if (field->type == FIELD_ID && ids_parse(cell.at, cell.len, &id))
		strbuf_add(out, cell.at, cell.len);
	else
		json_encode_string(out, arena_strndup(arena, cell.at, cell.len));
}

static enum status bad_row(struct problem *bad, struct arena *arena, const char *field,
			   const char *code, const char *detail)
{
	problem_violation(bad, arena, field, code, "%s", detail);
	return problem_set(bad, ST_INVALID_BODY, "%s", detail);
}

/* A record as the object that a registration would have been. */
static enum status make_object(const struct import_reader *reader, struct arena *arena,
			       const struct csv_record *record, struct strbuf *out,
			       struct problem *bad)
{
	if (record->fault)
		return bad_row(bad, arena, "", "format", record->fault);
	if (record->count != reader->column_count)
		return bad_row(bad, arena, "",
			       record->count < reader->column_count ? "too-few" : "too-many",
			       "has another number of cells than the header");
	strbuf_addc(out, '{');
	for (size_t i = 0; i < record->count; i++) {
		struct slice cell = csv_plain(record->cells[i]);
		const struct field *field;

		if (reader->columns[i] < 0)
			continue;
		field = &guest_input_schema.fields[reader->columns[i]];
		if (!is_text(cell))
			return bad_row(bad, arena, field->name, "encoding", "is not UTF-8 text");
		add_member(out, arena, field, cell);
	}
	strbuf_addc(out, '}');
	return OK;
}

/* "/firstName" as the report names it. */
static void name_fields(struct problem *bad)
{
	for (struct violation *v = bad->violations; v; v = v->next)
		v->where += v->where[0] == '/';
}

enum status import_reader_decode(const struct import_reader *reader, struct arena *arena,
				 const struct import_raw *raw, struct guest_input *ret,
				 struct problem *bad)
{
	struct json_document *doc = NULL;
	struct slice json = raw->json;
	struct strbuf object;
	enum status status = OK;

	strbuf_init(&object, arena);
	if (reader->format == IMPORT_CSV) {
		status = make_object(reader, arena, &raw->cells, &object, bad);
		json = (struct slice){object.buf, object.len};
	}
	if (!status)
		status = json_parse(arena, json.at, json.len, &doc, bad);
	if (!status)
		status = json_decode(arena, doc, &guest_input_schema, JSON_CREATE, ret, bad);
	name_fields(bad);
	return status;
}
