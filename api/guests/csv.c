#include "api/guests/csv.h"

#include <string.h>

/* Where reading stands in a record. */
struct scan {
	struct arena *arena;
	const char *text;
	size_t len, at;
	bool last;
	char delimiter;
	int lines;
	const char *fault;
};

enum step { STEP_CELL, STEP_RECORD, STEP_MORE, STEP_FAULT };

static enum step fault(struct scan *s, const char *why)
{
	s->fault = why;
	return STEP_FAULT;
}

/* The window ends within a record. */
static enum step at_end(struct scan *s, const char *why)
{
	if (!s->last && s->len < CSV_RECORD_MAX)
		return STEP_MORE;
	return fault(s, s->last ? why : "is longer than 16 KiB, or a quote is not closed");
}

/* Behind a cell: a delimiter, a line end, or the end of the text. */
static enum step end_cell(struct scan *s)
{
	if (s->at == s->len)
		return s->last ? STEP_RECORD : at_end(s, NULL);
	if (s->text[s->at] == s->delimiter) {
		s->at++;
		return STEP_CELL;
	}
	if (s->text[s->at] == '\r') {
		if (s->at + 1 == s->len)
			return at_end(s, "has a carriage return outside quotes");
		if (s->text[s->at + 1] != '\n')
			return fault(s, "has a carriage return outside quotes");
		s->at++;
	}
	if (s->text[s->at] != '\n')
		return fault(s, "has text behind a closing quote");
	s->at++;
	return STEP_RECORD;
}

static enum step plain_cell(struct scan *s, struct slice *ret)
{
	size_t start = s->at;

	while (s->at < s->len && s->text[s->at] != s->delimiter && s->text[s->at] != '\n' &&
	       s->text[s->at] != '\r') {
		if (s->text[s->at] == '"')
			return fault(s, "has a quote inside a cell that is not quoted");
		s->at++;
	}
	*ret = (struct slice){s->text + start, s->at - start};
	return end_cell(s);
}

/* Doubled quotes stand for one. */
static struct slice unquote(struct arena *arena, const char *text, size_t len)
{
	char *copy;
	size_t used = 0;

	if (!memchr(text, '"', len))
		return (struct slice){text, len};
	copy = arena_alloc(arena, len);
	for (size_t i = 0; i < len; i++) {
		copy[used++] = text[i];
		i += text[i] == '"';
	}
	return (struct slice){copy, used};
}

static enum step quoted_cell(struct scan *s, struct slice *ret)
{
	size_t start = ++s->at;

	for (;; s->at++) {
		if (s->at == s->len)
			return at_end(s, "has a quote that is not closed");
		if (s->text[s->at] == '\n')
			s->lines++;
		if (s->text[s->at] != '"')
			continue;
		if (s->at + 1 == s->len && !s->last)
			return at_end(s, NULL);
		if (s->at + 1 == s->len || s->text[s->at + 1] != '"')
			break;
		s->at++;
	}
	*ret = unquote(s->arena, s->text + start, s->at - start);
	s->at++;
	return end_cell(s);
}

static enum step next_cell(struct scan *s, struct slice *ret)
{
	if (s->at > CSV_RECORD_MAX)
		return fault(s, "is longer than 16 KiB");
	if (s->at < s->len && s->text[s->at] == '"')
		return quoted_cell(s, ret);
	return plain_cell(s, ret);
}

/* The first physical line alone is at fault. */
static enum csv_result take_fault(const struct scan *s, struct csv_record *ret)
{
	const char *end = memchr(s->text, '\n', s->len);

	if (!end && !s->last)
		return s->len < CSV_LINE_MAX ? CSV_MORE : CSV_UNREADABLE;
	*ret = (struct csv_record){
		.fault = s->fault,
		.used = end ? (size_t)(end - s->text) + 1 : s->len,
		.lines = 1,
	};
	return CSV_RECORD;
}

/* 1 or 2: bytes of a line end at the start of the text; 0: there is none. */
static size_t blank_line(struct slice text)
{
	if (text.len && text.at[0] == '\n')
		return 1;
	return text.len > 1 && text.at[0] == '\r' && text.at[1] == '\n' ? 2 : 0;
}

enum csv_result csv_next(struct arena *arena, char delimiter, struct slice text, bool last,
			 struct csv_record *ret)
{
	struct scan s = {.arena = arena,
			 .text = text.at,
			 .len = text.len,
			 .last = last,
			 .delimiter = delimiter,
			 .lines = 1};
	enum step step = STEP_CELL;

	*ret = (struct csv_record){.used = blank_line(text), .lines = 1};
	if (ret->used)
		return CSV_RECORD;
	if (!text.len)
		return last ? CSV_END : CSV_MORE;
	while (step == STEP_CELL) {
		if (ret->count == CSV_CELLS_MAX)
			step = fault(&s, "has more than 32 cells");
		else
			step = next_cell(&s, &ret->cells[ret->count++]);
	}
	if (step == STEP_FAULT)
		return take_fault(&s, ret);
	ret->used = s.at;
	ret->lines = s.lines;
	return step == STEP_MORE ? CSV_MORE : CSV_RECORD;
}

char csv_delimiter(struct slice text)
{
	size_t commas = 0, semicolons = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.len && (quoted || text.at[i] != '\n'); i++) {
		quoted ^= text.at[i] == '"';
		commas += !quoted && text.at[i] == ',';
		semicolons += !quoted && text.at[i] == ';';
	}
	return semicolons > commas ? ';' : ',';
}

/* Would a spreadsheet calculate it? Texts that begin so behind apostrophes count too, so that
 * taking one apostrophe off always gives back what was written. */
static bool is_formula(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && text[at] == '\'')
		at++;
	return at < len && text[at] && strchr("=+-@\t\r", text[at]);
}

void csv_add_cell(struct strbuf *out, const char *text)
{
	bool quote;

	if (!text)
		return;
	quote = strpbrk(text, ",;\"\r\n") != NULL;
	if (quote)
		strbuf_addc(out, '"');
	if (is_formula(text, strlen(text)))
		strbuf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '"')
			strbuf_addc(out, '"');
		strbuf_addc(out, *text);
	}
	if (quote)
		strbuf_addc(out, '"');
}

struct slice csv_plain(struct slice cell)
{
	if (!cell.len || cell.at[0] != '\'' || !is_formula(cell.at, cell.len))
		return cell;
	return (struct slice){cell.at + 1, cell.len - 1};
}
