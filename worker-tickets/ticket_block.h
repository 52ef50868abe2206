/*
 * ticket_block: a text set in a box: as text where an embedded font has every character, else as
 * outlines. Wrapped; shrunk until it fits; cut with an ellipsis where the smallest size does not.
 */
#ifndef WORKER_TICKETS_TICKET_BLOCK_H
#define WORKER_TICKETS_TICKET_BLOCK_H

#include "worker-tickets/ticket_font.h"
#include "worker-tickets/ticket_text.h"

struct ticket_block {
	enum ticket_face face;
	double size;          /* of the type, in points */
	double width, height; /* taken; no more than the box */
	double line_height;
	double first_baseline; /* below the top */
	const char **lines;    /* as text, NUL-terminated; NULL: as outlines */
	size_t line_count;
	struct outline outline;
};

/* Set a clean text. A block has one line at least, so that it may be higher than max_height only
 * when that is less than a line of the smallest size. */
void ticket_block_set(struct arena *arena, const char *text, const struct text_box *box,
		      struct ticket_block *ret);

#endif
