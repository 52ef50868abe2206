#include "worker-tickets/ticket_block.h"

#include <string.h>

#define LINE_HEIGHT 1.24 /* of the size */
#define SHRINK_STEP 0.94
#define ELLIPSIS "…"

struct setting {
	struct arena *arena;
	enum ticket_face face;
	double width; /* in ems */
	const char **lines;
	size_t count, cap;
};

static void add_line(struct setting *set, const char *text, size_t len)
{
	if (set->count == set->cap) {
		size_t cap = set->cap ? 2 * set->cap : 4;
		const char **lines = arena_calloc(set->arena, cap, sizeof(*lines));

		if (set->count)
			memcpy(lines, set->lines, set->count * sizeof(*lines));
		set->lines = lines;
		set->cap = cap;
	}
	set->lines[set->count++] = arena_strndup(set->arena, text, len);
}

/* Bytes of the longest start of the text that is no wider than `width` ems: whole characters. */
static size_t fitting_len(enum ticket_face face, const char *text, size_t len, double width)
{
	const char *at = text, *end = text + len;
	double used = 0;

	while (at < end) {
		const char *next = at;

		ticket_font_next(&next);
		used += ticket_font_width(face, at, (size_t)(next - at));
		if (used > width)
			break;
		at = next;
	}
	return (size_t)(at - text);
}

/* Where to end a line that may hold `fit` bytes: after the last blank or hyphen, else anywhere, but
 * never before the first character. */
static size_t break_len(const char *text, size_t fit)
{
	for (size_t i = fit; i > 0; i--) {
		if (text[i] == ' ' || text[i - 1] == '-')
			return i;
	}
	if (fit)
		return fit;

	const char *next = text;

	ticket_font_next(&next);
	return (size_t)(next - text);
}

static void wrap(struct setting *set, const char *text)
{
	while (*text) {
		size_t len = strlen(text);
		size_t fit = fitting_len(set->face, text, len, set->width);
		size_t end = fit == len ? len : break_len(text, fit);

		add_line(set, text, end);
		text += end;
		while (*text == ' ')
			text++;
	}
	if (!set->count)
		add_line(set, "", 0);
}

static void cut(struct setting *set, size_t most)
{
	if (set->count <= most)
		return;

	const char *last = set->lines[most - 1];
	double room = set->width - ticket_font_width(set->face, ELLIPSIS, strlen(ELLIPSIS));
	size_t len = fitting_len(set->face, last, strlen(last), room);

	while (len > 0 && last[len - 1] == ' ')
		len--;
	set->lines[most - 1] = arena_printf(set->arena, "%.*s" ELLIPSIS, (int)len, last);
	set->count = most;
}

static void fill(const struct setting *set, double size, struct ticket_block *ret)
{
	double widest = 0;

	for (size_t i = 0; i < set->count; i++) {
		double width =
			ticket_font_width(set->face, set->lines[i], strlen(set->lines[i])) * size;

		widest = width > widest ? width : widest;
	}
	*ret = (struct ticket_block){
		.face = set->face,
		.size = size,
		.width = widest,
		.height = (double)set->count * LINE_HEIGHT * size,
		.line_height = LINE_HEIGHT * size,
		.lines = set->lines,
		.line_count = set->count,
	};
	/* The font's own height is centred in the line. */
	ret->first_baseline =
		size *
		(LINE_HEIGHT + ticket_font_ascent(set->face) - ticket_font_descent(set->face)) / 2;
}

static void set_as_text(struct arena *arena, const char *text, const struct text_box *box,
			struct ticket_block *ret)
{
	enum ticket_face face = box->bold ? TICKET_BOLD : TICKET_REGULAR;

	for (double size = box->size_max;; size *= SHRINK_STEP) {
		if (size < box->size_min)
			size = box->size_min;

		struct setting set = {.arena = arena, .face = face, .width = box->width / size};

		wrap(&set, text);
		if (size <= box->size_min) {
			size_t most = (size_t)(box->max_height / (LINE_HEIGHT * size) + 0.001);

			cut(&set, most ? most : 1);
		} else if ((double)set.count * LINE_HEIGHT * size > box->max_height) {
			continue;
		}
		fill(&set, size, ret);
		return;
	}
}

void ticket_block_set(struct arena *arena, const char *text, const struct text_box *box,
		      struct ticket_block *ret)
{
	enum ticket_face face = box->bold ? TICKET_BOLD : TICKET_REGULAR;

	if (ticket_font_covers(face, text)) {
		set_as_text(arena, text, box, ret);
		return;
	}
	*ret = (struct ticket_block){.face = face};
	ticket_text_outline(arena, text, box, &ret->outline, &ret->size);
	ret->width = ret->outline.width;
	ret->height = ret->outline.height;
}
