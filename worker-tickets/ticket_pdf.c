#include "worker-tickets/ticket_pdf.h"

#include <pthread.h>
#include <time.h>

#include "worker-tickets/ticket_encoding.h"
#include "worker-tickets/ticket_haru.h"
#include "worker-tickets/ticket_layout.h"

/* libharu's errors are sticky: the first is kept, every later call does nothing. */
struct page {
	HPDF_Doc doc;
	HPDF_Page page;
	struct arena *arena;
	const char *faces[TICKET_FACES];                 /* as libharu names them */
	HPDF_Font fonts[TICKET_FACES][TICKET_ENCODINGS]; /* made at first use */
	enum ticket_encoding encodings[TICKET_FACES];    /* of every line; UTF-8: of each its own */
	const struct ticket_layout *layout;
	const struct ticket_qr *qr;
	HPDF_STATUS error, detail;
};

static void keep_error(HPDF_STATUS error, HPDF_STATUS detail, void *user)
{
	struct page *page = user;

	if (!page->error) {
		page->error = error;
		page->detail = detail;
	}
}

static void page_free(struct page *page)
{
	if (page->doc)
		HPDF_Free(page->doc);
}

/* From the layout's axis, which points down, to that of PDF. */
static HPDF_REAL flip(const struct page *page, double y)
{
	return (HPDF_REAL)(page->layout->height - y);
}

static void set_fill(struct page *page, struct layout_color color)
{
	HPDF_Page_SetRGBFill(page->page, color.red, color.green, color.blue);
}

static void draw_ground(struct page *page, const struct layout_item *item)
{
	HPDF_Page_Rectangle(page->page, (HPDF_REAL)item->x, flip(page, item->y + item->height),
			    (HPDF_REAL)item->width, (HPDF_REAL)item->height);
	HPDF_Page_Fill(page->page);
}

static void draw_tear(struct page *page, const struct layout_item *item)
{
	static const HPDF_UINT16 dash[] = {3, 4};

	HPDF_Page_SetRGBStroke(page->page, item->color.red, item->color.green, item->color.blue);
	HPDF_Page_SetLineWidth(page->page, 0.7F);
	HPDF_Page_SetDash(page->page, dash, ARRAY_LEN(dash), 0);
	HPDF_Page_MoveTo(page->page, (HPDF_REAL)item->x, flip(page, item->y));
	HPDF_Page_LineTo(page->page, (HPDF_REAL)(item->x + item->width), flip(page, item->y));
	HPDF_Page_Stroke(page->page);
}

/* In modules, from the top left: whole numbers are written and deflated in half the time. */
static void draw_qr(struct page *page, const struct layout_item *item)
{
	const struct ticket_qr *qr = page->qr;
	HPDF_REAL module = (HPDF_REAL)(item->width / qr->size);

	HPDF_Page_SetRGBFill(page->page, 1, 1, 1);
	draw_ground(page, item);
	HPDF_Page_GSave(page->page);
	HPDF_Page_Concat(page->page, module, 0, 0, -module, (HPDF_REAL)item->x,
			 flip(page, item->y));
	HPDF_Page_SetRGBFill(page->page, 0, 0, 0);
	for (size_t i = 0; i < qr->run_count; i++) {
		const struct ticket_qr_run *run = &qr->runs[i];

		HPDF_Page_Rectangle(page->page, (HPDF_REAL)run->x, (HPDF_REAL)run->y,
				    (HPDF_REAL)run->width, 1);
	}
	HPDF_Page_Fill(page->page);
	HPDF_Page_GRestore(page->page);
}

/* --- text --------------------------------------------------------------------------------------
 */

static void load_tables(void)
{
	static uint16_t tables[ENCODING_UTF8][ENCODING_CODES];
	HPDF_Doc doc = ticket_haru_new(NULL, NULL);

	if (!doc)
		fatal("libharu: out of memory");
	for (int i = 0; i < ENCODING_UTF8; i++) {
		HPDF_Encoder encoder = HPDF_GetEncoder(doc, ticket_encoding_names[i]);

		for (unsigned code = ' '; encoder && code < ENCODING_CODES; code++)
			tables[i][code] = HPDF_Encoder_GetUnicode(encoder, (HPDF_UINT16)code);
	}
	ticket_encoding_init(tables);
	HPDF_Free(doc);
}

static enum ticket_encoding first_that_covers(const char *text)
{
	enum ticket_encoding encoding = ENCODING_WESTERN;

	while (!ticket_encoding_covers(encoding, text))
		encoding++;
	return encoding;
}

/* Does the encoding cover all that is set in this face? */
static bool covers_face(const struct page *page, enum ticket_face face,
			enum ticket_encoding encoding)
{
	for (size_t i = 0; i < page->layout->count; i++) {
		const struct ticket_block *block = &page->layout->items[i].block;

		for (size_t k = 0; block->face == face && block->lines && k < block->line_count;
		     k++) {
			if (!ticket_encoding_covers(encoding, block->lines[k]))
				return false;
		}
	}
	return true;
}

/* As few fonts as possible: one a face where one encoding has all its lines. */
static void choose_encodings(struct page *page)
{
	for (int face = 0; face < TICKET_FACES; face++) {
		enum ticket_encoding encoding = ENCODING_WESTERN;

		while (!covers_face(page, (enum ticket_face)face, encoding))
			encoding++;
		page->encodings[face] = encoding;
	}
}

/* As HPDF_LoadTTFontFromFile names the first and the second. */
static const char *load_font(struct page *page, enum ticket_face face)
{
	static const char *const tags[TICKET_FACES] = {"HPDFAA", "HPDFAB"};

	return ticket_haru_font(page->doc, page->arena,
				ticket_font_data(face, page->encodings[face]), tags[face]);
}

static HPDF_Font font_of(struct page *page, enum ticket_face face, enum ticket_encoding encoding)
{
	HPDF_Font *font = &page->fonts[face][encoding];

	if (!page->faces[face])
		page->faces[face] = load_font(page, face);
	if (encoding == ENCODING_UTF8)
		HPDF_UseUTFEncodings(page->doc);
	/* The whole font, by its tables alone, is worth deflating; the others are small, and that
	 * would take half of what a page takes. */
	HPDF_SetCompressionMode(page->doc, page->encodings[face] == ENCODING_UTF8 ? HPDF_COMP_ALL
										  : HPDF_COMP_TEXT);
	if (!*font && page->faces[face])
		*font = HPDF_GetFont(page->doc, page->faces[face], ticket_encoding_names[encoding]);
	return *font;
}

static void draw_line(struct page *page, const struct ticket_block *block, const char *line,
		      double x, double y)
{
	enum ticket_encoding encoding = page->encodings[block->face];

	if (encoding == ENCODING_UTF8)
		encoding = first_that_covers(line);
	HPDF_Page_SetFontAndSize(page->page, font_of(page, block->face, encoding),
				 (HPDF_REAL)block->size);
	HPDF_Page_TextOut(page->page, (HPDF_REAL)x, flip(page, y),
			  ticket_encoding_encode(encoding, page->arena, line));
}

static void draw_lines(struct page *page, const struct layout_item *item)
{
	const struct ticket_block *block = &item->block;

	HPDF_Page_BeginText(page->page);
	for (size_t i = 0; i < block->line_count; i++)
		draw_line(page, block, block->lines[i], item->x,
			  item->y + block->first_baseline + (double)i * block->line_height);
	HPDF_Page_EndText(page->page);
}

/* --- the page ----------------------------------------------------------------------------------
 */

static void draw_step(struct page *page, const struct layout_item *item,
		      const struct outline_op *op)
{
	HPDF_REAL x[3], y[3];

	for (int i = 0; i < 3; i++) {
		x[i] = (HPDF_REAL)(item->x + op->x[i]);
		y[i] = flip(page, item->y + op->y[i]);
	}
	switch (op->kind) {
	case OUTLINE_MOVE:
		HPDF_Page_MoveTo(page->page, x[0], y[0]);
		break;
	case OUTLINE_LINE:
		HPDF_Page_LineTo(page->page, x[0], y[0]);
		break;
	case OUTLINE_CURVE:
		HPDF_Page_CurveTo(page->page, x[0], y[0], x[1], y[1], x[2], y[2]);
		break;
	case OUTLINE_CLOSE:
		HPDF_Page_ClosePath(page->page);
		break;
	}
}

static void draw_outline(struct page *page, const struct layout_item *item)
{
	const struct outline *outline = &item->block.outline;

	if (!outline->count)
		return;
	for (size_t i = 0; i < outline->count; i++)
		draw_step(page, item, &outline->ops[i]);
	HPDF_Page_Fill(page->page);
}

static void draw_item(struct page *page, const struct layout_item *item)
{
	set_fill(page, item->color);
	if (item->part == PART_GROUND)
		draw_ground(page, item);
	else if (item->part == PART_TEAR)
		draw_tear(page, item);
	else if (item->part == PART_QR)
		draw_qr(page, item);
	else if (item->block.lines)
		draw_lines(page, item);
	else
		draw_outline(page, item);
}

/* The only date in the document is the ticket's own, so that making it again changes nothing. */
static void describe(struct page *page, const struct ticket *ticket)
{
	time_t at = (time_t)(ticket->issued_ms / 1000);
	struct tm tm;

	gmtime_r(&at, &tm);

	HPDF_Date date = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			  tm.tm_sec,         'Z',           0,          0};

	HPDF_SetInfoDateAttr(page->doc, HPDF_INFO_CREATION_DATE, date);
	HPDF_SetInfoAttr(page->doc, HPDF_INFO_TITLE, ticket->code);
}

static void draw_page(struct page *page)
{
	page->page = HPDF_AddPage(page->doc);
	HPDF_Page_SetWidth(page->page, (HPDF_REAL)page->layout->width);
	HPDF_Page_SetHeight(page->page, (HPDF_REAL)page->layout->height);
	for (size_t i = 0; i < page->layout->count; i++)
		draw_item(page, &page->layout->items[i]);
}

static void save(struct page *page, struct arena *arena, struct slice *ret)
{
	HPDF_SaveToStream(page->doc);

	HPDF_UINT32 len = HPDF_GetStreamSize(page->doc);
	HPDF_BYTE *bytes = arena_alloc(arena, (size_t)len + 1);

	HPDF_ResetStream(page->doc);
	HPDF_ReadFromStream(page->doc, bytes, &len);
	*ret = (struct slice){(const char *)bytes, len};
}

enum status ticket_pdf_make(struct arena *arena, const struct ticket *ticket,
			    const struct ticket_qr *qr, enum ticket_paper paper, struct slice *ret,
			    struct problem *err)
{
	struct ticket_layout *layout = ARENA_NEW(arena, struct ticket_layout);
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct page page CLEANUP(page_free) = {.arena = arena, .layout = layout, .qr = qr};
	struct slice bytes = {0};

	pthread_once(&once, load_tables);
	ticket_layout_make(arena, ticket, paper, layout);
	page.doc = ticket_haru_new(keep_error, &page);
	if (!page.doc)
		return problem_set(err, ST_INTERNAL_ERROR, "libharu: out of memory");
	HPDF_SetCompressionMode(page.doc, HPDF_COMP_TEXT);
	choose_encodings(&page);
	describe(&page, ticket);
	draw_page(&page);
	if (!page.error)
		save(&page, arena, &bytes);
	if (page.error)
		return problem_set(err, ST_INTERNAL_ERROR, "libharu: error %#lx, detail %lu",
				   (unsigned long)page.error, (unsigned long)page.detail);
	*ret = bytes;
	return OK;
}
