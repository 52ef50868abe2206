/*
 * ticket_text: any script, through Pango: clean text, shape it with font fallback, give outlines.
 *
 * Fonts come from a configuration of our own, whatever /etc/fonts says: the machine's fonts without
 * those in colour, whose outlines are traced bitmaps of tens of thousands of points. Thread safe
 * after ticket_text_init; outlines are made one at a time.
 */
#ifndef WORKER_TICKETS_TICKET_TEXT_H
#define WORKER_TICKETS_TICKET_TEXT_H

#include "common/problem.h"

/* The families asked for, in order; what none of them has is looked for in every other font. */
#define TICKET_TEXT_FAMILIES                                                                       \
	"Noto Sans,Noto Sans Arabic,Noto Sans Hebrew,Noto Sans Devanagari,Noto Sans Thai,"         \
	"WenQuanYi Micro Hei,Noto Sans Symbols2,Symbola"

enum outline_kind { OUTLINE_MOVE, OUTLINE_LINE, OUTLINE_CURVE, OUTLINE_CLOSE };

/* A step of a path; points in order: a curve has two control points and its end. */
struct outline_op {
	enum outline_kind kind;
	double x[3], y[3];
};

/* Shapes to be filled by the non-zero rule; in points from the top left, y downwards. */
struct outline {
	const struct outline_op *ops;
	size_t count;
	double width, height; /* of the lines, as set */
};

/* The room for a text and how it may shrink. */
struct text_box {
	bool bold;
	double width, max_height;  /* in points */
	double size_max, size_min; /* of the type, in points */
};

/* Once, before any other call: finds the fonts. */
enum status ticket_text_init(struct problem *err) MUST_CHECK;

/* A copy that is valid UTF-8 in NFC on one line: bad bytes replaced, control characters, soft
 * hyphens and runs of blanks gone. */
char *ticket_text_clean(struct arena *arena, const char *text);

/* Set a clean text in a box: wrapped, at the largest size that fits; what does not fit at the
 * smallest ends with an ellipsis. Lines of right-to-left text end at the right of the block. */
void ticket_text_outline(struct arena *arena, const char *text, const struct text_box *box,
			 struct outline *ret, double *ret_size);

#endif
