/*
 * ticket_layout: where everything stands on the page, before anything is drawn.
 *
 * Points (1/72 inch) from the top left corner, y downwards. Parts are found by name, so that tests
 * can hold each to its place: no two parts but PART_GROUND overlap, all lie on the page.
 */
#ifndef WORKER_TICKETS_TICKET_LAYOUT_H
#define WORKER_TICKETS_TICKET_LAYOUT_H

#include "worker-tickets/ticket.h"
#include "worker-tickets/ticket_block.h"

#define POINTS_PER_MM (72.0 / 25.4)

enum layout_part {
	PART_GROUND, /* filled rectangle under other parts */
	PART_TEAR,   /* dashed line */
	PART_LABEL,
	PART_TITLE,
	PART_WHEN,
	PART_PLACE,
	PART_GUEST,
	PART_TYPE,
	PART_PRICE,
	PART_ORGANIZER,
	PART_CODE,
	PART_QR,
	PART_NOTE,
};

struct layout_color {
	float red, green, blue;
};

struct layout_item {
	enum layout_part part;
	double x, y, width, height;
	struct layout_color color;
	struct ticket_block block; /* parts of text */
};

enum { LAYOUT_ITEMS_MAX = 32 };

struct ticket_layout {
	double width, height; /* of the page */
	struct layout_item items[LAYOUT_ITEMS_MAX];
	size_t count;
};

void ticket_layout_make(struct arena *arena, const struct ticket *ticket, enum ticket_paper paper,
			struct ticket_layout *ret);

#endif
