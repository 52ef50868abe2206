#include "worker-tickets/ticket_layout.h"

#include <assert.h>

#include "worker-tickets/ticket_words.h"

/* How a part of text is set on a kind of paper. */
struct type_style {
	bool bold;
	double size_max, size_min, max_height;
};

struct paper_style {
	double width, height, margin;
	double band_top, band_bottom; /* around what stands in the coloured band */
	double gap;                   /* between fields */
	double section;               /* around the tear line */
	double qr;                    /* a side, quiet zone counted */
	struct type_style type[PART_NOTE + 1];
};

/* The heights add up to less than the page, whatever the texts: the tests hold them to it. */
static const struct paper_style papers[] = {
	[TICKET_A4] = {.width = 595.28,
		       .height = 841.89,
		       .margin = 50,
		       .band_top = 44,
		       .band_bottom = 30,
		       .gap = 15,
		       .section = 24,
		       .qr = 66 * POINTS_PER_MM,
		       .type = {[PART_LABEL] = {false, 9.5, 8, 14},
				[PART_TITLE] = {true, 32, 12, 150},
				[PART_WHEN] = {true, 17, 9, 44},
				[PART_PLACE] = {false, 14, 7.5, 88},
				[PART_GUEST] = {true, 21, 7.5, 84},
				[PART_TYPE] = {false, 14, 7.5, 42},
				[PART_PRICE] = {false, 14, 9, 20},
				[PART_ORGANIZER] = {false, 12, 7.5, 50},
				[PART_CODE] = {true, 12, 8, 16},
				[PART_NOTE] = {false, 9.5, 8, 28}}},
	[TICKET_A6] = {.width = 297.64,
		       .height = 419.53,
		       .margin = 20,
		       .band_top = 15,
		       .band_bottom = 11,
		       .gap = 5,
		       .section = 8,
		       .qr = 42 * POINTS_PER_MM,
		       .type = {[PART_LABEL] = {false, 6, 5.5, 8},
				[PART_TITLE] = {true, 18, 7.5, 78},
				[PART_WHEN] = {true, 10, 6.5, 22},
				[PART_PLACE] = {false, 8.5, 5.5, 50},
				[PART_GUEST] = {true, 12.5, 5.5, 46},
				[PART_TYPE] = {false, 9, 5.5, 22},
				[PART_PRICE] = {false, 9, 6, 12},
				[PART_ORGANIZER] = {false, 8, 5.5, 22},
				[PART_CODE] = {true, 9, 6, 12},
				[PART_NOTE] = {false, 6.5, 5.5, 17}}},
};

static const struct layout_color band_color = {0.11F, 0.15F, 0.30F};
static const struct layout_color on_band_color = {1, 1, 1};
static const struct layout_color on_band_pale_color = {0.74F, 0.79F, 0.93F};
static const struct layout_color ink_color = {0.09F, 0.10F, 0.14F};
static const struct layout_color label_color = {0.40F, 0.43F, 0.50F};

/* A column that is filled downwards. */
struct flow {
	struct arena *arena;
	const struct ticket *ticket;
	const struct paper_style *style;
	struct ticket_layout *layout;
	double x, y, width;
};

static struct layout_item *add_item(struct ticket_layout *layout, enum layout_part part)
{
	assert(layout->count < LAYOUT_ITEMS_MAX);

	struct layout_item *item = &layout->items[layout->count++];

	*item = (struct layout_item){.part = part, .color = ink_color};
	return item;
}

static void put_text(struct flow *flow, enum layout_part part, const char *text,
		     struct layout_color color)
{
	const struct type_style *type = &flow->style->type[part];
	struct text_box box = {type->bold, flow->width, type->max_height, type->size_max,
			       type->size_min};
	struct layout_item *item = add_item(flow->layout, part);

	ticket_block_set(flow->arena, text, &box, &item->block);
	item->x = flow->x;
	item->y = flow->y;
	item->width = item->block.width;
	item->height = item->block.height;
	item->color = color;
	flow->y += item->height;
}

static void put_field(struct flow *flow, enum layout_part part, enum ticket_word label,
		      const char *text)
{
	if (!*text)
		return;
	put_text(flow, PART_LABEL, ticket_word(flow->ticket->locale, label), label_color);
	put_text(flow, part, text, ink_color);
	flow->y += flow->style->gap;
}

/* The band's ground is drawn first, but its height is known last. */
static void put_band(struct flow *flow)
{
	struct layout_item *ground = add_item(flow->layout, PART_GROUND);

	ground->width = flow->style->width;
	ground->color = band_color;
	flow->y += flow->style->band_top;
	put_text(flow, PART_LABEL, ticket_word(flow->ticket->locale, WORD_TICKET),
		 on_band_pale_color);
	put_text(flow, PART_TITLE, flow->ticket->title, on_band_color);
	flow->y += flow->style->band_bottom;
	ground->height = flow->y;
	flow->y += flow->style->section;
}

static void put_event(struct flow *flow)
{
	put_text(flow, PART_LABEL, ticket_word(flow->ticket->locale, WORD_WHEN), label_color);
	put_text(flow, PART_WHEN, ticket_when(flow->arena, flow->ticket), ink_color);
	put_text(flow, PART_LABEL, ticket_zone(flow->arena, flow->ticket), label_color);
	flow->y += flow->style->gap;
	put_field(flow, PART_PLACE, WORD_PLACE, flow->ticket->place);
}

static void put_tear(struct flow *flow)
{
	struct layout_item *tear = add_item(flow->layout, PART_TEAR);

	flow->y += flow->style->section - flow->style->gap;
	tear->x = flow->x;
	tear->y = flow->y;
	tear->width = flow->width;
	tear->color = label_color;
	flow->y += flow->style->section;
}

static void put_guest(struct flow *flow)
{
	const struct ticket *ticket = flow->ticket;

	put_field(flow, PART_GUEST, WORD_GUEST, ticket->guest);
	put_field(flow, PART_TYPE, WORD_TYPE, ticket->type);
	put_field(flow, PART_PRICE, WORD_PRICE, ticket_price(flow->arena, ticket));
	put_field(flow, PART_ORGANIZER, WORD_ORGANIZER, ticket->organizer);
}

/* The QR's quiet zone is white and reaches to the right margin; the code is centred below it. */
static void put_code(struct flow *flow)
{
	struct layout_item *qr = add_item(flow->layout, PART_QR);

	qr->x = flow->x;
	qr->y = flow->y;
	qr->width = qr->height = flow->style->qr;
	flow->y += flow->style->qr;
	put_text(flow, PART_CODE, flow->ticket->code, ink_color);

	struct layout_item *code = &flow->layout->items[flow->layout->count - 1];

	code->x += (flow->style->qr - code->width) / 2;
}

void ticket_layout_make(struct arena *arena, const struct ticket *ticket, enum ticket_paper paper,
			struct ticket_layout *ret)
{
	const struct paper_style *style = &papers[paper];
	struct flow flow = {.arena = arena, .ticket = ticket, .style = style, .layout = ret};

	*ret = (struct ticket_layout){.width = style->width, .height = style->height};
	flow.x = style->margin;
	flow.width = style->width - 2 * style->margin;
	put_band(&flow);
	put_event(&flow);
	put_tear(&flow);

	struct flow left = flow, right = flow;

	left.width -= style->qr + style->gap;
	put_guest(&left);
	right.x += left.width + style->gap;
	right.width = style->qr;
	put_code(&right);
	flow.y = left.y > right.y + style->gap ? left.y : right.y + style->gap;
	put_text(&flow, PART_NOTE, ticket_word(ticket->locale, WORD_NOTE), label_color);
}
