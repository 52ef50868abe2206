/*
 * The page is looked at as a picture: text extraction reports a broken glyph as well as a good one.
 */
#include <check.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ticket_sample.h"
#include "worker-tickets/ticket_encoding.h"
#include "worker-tickets/ticket_layout.h"
#include "worker-tickets/ticket_pdf.h"

enum { DPI = 300, DARK = 128 };
#define PIXELS_PER_POINT (DPI / 72.0)

static const char *const names[] = {
	"Zoé Nguyễn", "Łukasz Żółć", "Владимир",     "Γιώργος",  "山田太郎",
	"محمد علي",   "प्रिया शर्मा",  "👩\u200d🎤 Zoë", "שלום כהן", "김철수",
};

static struct arena arena;
static struct problem err;

/* A grey picture, 0 black. */
struct picture {
	int width, height;
	uint8_t *pixels;
};

/* How much of a part of a picture is dark, and where. */
struct ink {
	int left, top, right, bottom;
	double area; /* in dark pixels, grey ones in part */
};

static void set_up(void)
{
	arena_init(&arena, 65536);
	ck_assert_int_eq(ticket_font_init(&err), OK);
	ck_assert_int_eq(ticket_text_init(&err), OK);
}

static void tear_down(void)
{
	arena_clear(&arena);
}

static struct ticket ticket_of(const char *name)
{
	struct ticket ticket = sample_ticket;

	ticket.guest = ticket_text_clean(&arena, name);
	return ticket;
}

static struct slice make_pdf(const struct ticket *ticket, enum ticket_paper paper)
{
	struct ticket_qr qr;
	struct slice pdf;

	ck_assert_int_eq(ticket_qr_encode(&arena, SAMPLE_QR, &qr, &err), OK);
	ck_assert_int_eq(ticket_pdf_make(&arena, ticket, &qr, paper, &pdf, &err), OK);
	return pdf;
}

static void read_picture(FILE *in, struct picture *ret)
{
	ck_assert_int_eq(fscanf(in, "P5 %d %d 255", &ret->width, &ret->height), 2);
	ck_assert_int_eq(fgetc(in), '\n');

	size_t size = (size_t)ret->width * (size_t)ret->height;

	ret->pixels = arena_alloc(&arena, size);
	ck_assert_uint_eq(fread(ret->pixels, 1, size, in), size);
}

/* Runs the shell command that `format` makes of the document's path; the first line it says. */
static char *run_on(struct slice pdf, const char *format, struct picture *ret_picture)
{
	char path[] = "/tmp/ticket-pdf-XXXXXX", line[256] = "";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, pdf.at, pdf.len), (ssize_t)pdf.len);
	close(fd);

	FILE *out = popen(arena_printf(&arena, "f=%s; %s", path, format), "r");

	ck_assert_ptr_nonnull(out);
	if (ret_picture)
		read_picture(out, ret_picture);
	else if (fgets(line, sizeof(line), out))
		line[strcspn(line, "\n")] = '\0';
	ck_assert_int_eq(pclose(out), 0);
	unlink(path);
	return arena_strdup(&arena, line);
}

static struct picture render(struct slice pdf)
{
	struct picture picture;

	run_on(pdf, "pdftoppm -gray -r 300 $f 2>/dev/null", &picture);
	return picture;
}

static const struct layout_item *find_part(const struct ticket *ticket, enum layout_part part)
{
	struct ticket_layout *layout = ARENA_NEW(&arena, struct ticket_layout);

	ticket_layout_make(&arena, ticket, TICKET_A4, layout);
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->items[i].part == part)
			return &layout->items[i];
	}
	ck_abort_msg("no such part");
}

static struct ink ink_in(const struct picture *picture, int left, int top, int right, int bottom)
{
	struct ink ink = {right, bottom, left, top, 0};
	int darkest = 255;

	for (int y = top; y < bottom; y++) {
		for (int x = left; x < right; x++) {
			int pixel = picture->pixels[y * picture->width + x];

			darkest = pixel < darkest ? pixel : darkest;
			ink.area += 255 - pixel;
			if (pixel >= DARK)
				continue;
			ink.left = x < ink.left ? x : ink.left;
			ink.right = x > ink.right ? x : ink.right;
			ink.top = y < ink.top ? y : ink.top;
			ink.bottom = y > ink.bottom ? y : ink.bottom;
		}
	}
	ink.area /= 255 - darkest + 1e-9;
	return ink;
}

/* The ink in the box of the guest's name, one point of air around it. */
static struct ink ink_of_guest(const struct ticket *ticket)
{
	const struct layout_item *item = find_part(ticket, PART_GUEST);
	struct picture page = render(make_pdf(ticket, TICKET_A4));

	return ink_in(&page, (int)((item->x - 1) * PIXELS_PER_POINT),
		      (int)((item->y + 0.5) * PIXELS_PER_POINT),
		      (int)((item->x + item->width + 1) * PIXELS_PER_POINT),
		      (int)((item->y + item->height + 1) * PIXELS_PER_POINT));
}

/* The same name drawn by Pango straight into a picture: another path to the same glyphs. */
static struct ink ink_by_pango(const char *name, double size, int *ret_unknown)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 2400, 600);
	cairo_t *cairo = cairo_create(surface);
	PangoLayout *layout = pango_cairo_create_layout(cairo);
	PangoFontDescription *font = pango_font_description_from_string(TICKET_TEXT_FAMILIES);

	cairo_font_options_t *options = cairo_font_options_create();

	cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
	cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
	pango_cairo_context_set_font_options(pango_layout_get_context(layout), options);
	cairo_font_options_destroy(options);
	pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
	pango_font_description_set_absolute_size(font, size * PIXELS_PER_POINT * PANGO_SCALE);
	pango_layout_set_font_description(layout, font);
	pango_layout_set_text(layout, name, -1);
	*ret_unknown = pango_layout_get_unknown_glyphs_count(layout);
	cairo_move_to(cairo, 100, 100);
	pango_cairo_show_layout(cairo, layout);
	cairo_surface_flush(surface);

	struct picture picture = {cairo_image_surface_get_stride(surface), 600,
				  cairo_image_surface_get_data(surface)};

	for (int i = 0; i < picture.width * picture.height; i++)
		picture.pixels[i] = (uint8_t)(255 - picture.pixels[i]);

	struct ink ink = ink_in(&picture, 0, 0, picture.width, picture.height);

	pango_font_description_free(font);
	g_object_unref(layout);
	cairo_destroy(cairo);
	cairo_surface_destroy(surface);
	return ink;
}

static bool alike(struct ink a, struct ink b)
{
	int width_a = a.right - a.left, width_b = b.right - b.left;
	int height_a = a.bottom - a.top, height_b = b.bottom - b.top;

	return fabs(a.area - b.area) <= 0.025 * b.area &&
	       abs(width_a - width_b) <= 4 + width_b / 50 && abs(height_a - height_b) <= 3;
}

START_TEST(names_look_like_pangos)
{
	struct ticket ticket = ticket_of(names[_i]);
	double size = find_part(&ticket, PART_GUEST)->block.size;
	int unknown;
	struct ink want = ink_by_pango(ticket.guest, size, &unknown);
	struct ink ink = ink_of_guest(&ticket);

	ck_assert_int_eq(unknown, 0);
	ck_assert_msg(alike(ink, want), "%s: ink %.0f of %d x %d, Pango's %.0f of %d x %d",
		      names[_i], ink.area, ink.right - ink.left, ink.bottom - ink.top, want.area,
		      want.right - want.left, want.bottom - want.top);
}
END_TEST

/* The measure is worth something: boxes for letters, a lost letter and a lost accent fail it. */
START_TEST(boxes_do_not_look_alike)
{
	static const char *const broken[][2] = {
		{"Владимир", "\U0010FFFD\U0010FFFD\U0010FFFD\U0010FFFD\U0010FFFD\U0010FFFD"},
		{"山田太郎", "山田太□"},
		{"محمد علي", "محمد عل"},
		{"👩\u200d🎤 Zoë", "□□ Zoë"},
		{"Zoé Nguyễn", "Zoé Nguyên"},
		{"Łukasz Żółć", "Łukasz Zółć"},
	};
	struct ticket good = ticket_of(broken[_i][0]), bad = ticket_of(broken[_i][1]);
	double size = find_part(&good, PART_GUEST)->block.size;
	int unknown;

	ck_assert(!alike(ink_of_guest(&bad), ink_by_pango(good.guest, size, &unknown)));
}
END_TEST

START_TEST(covered_names_are_text)
{
	struct ticket ticket = ticket_of(names[_i]);

	ticket.organizer = "";

	const struct layout_item *item = find_part(&ticket, PART_GUEST);
	char *said =
		run_on(make_pdf(&ticket, TICKET_A4),
		       arena_printf(&arena, "pdftotext $f - 2>/dev/null | grep -c -x '%s' || true",
				    ticket.guest),
		       NULL);

	ck_assert(item->block.lines != NULL);
	ck_assert_str_eq(said, "1");
}
END_TEST

START_TEST(uncovered_names_are_outlines)
{
	struct ticket ticket = ticket_of(names[_i]);
	const struct layout_item *item = find_part(&ticket, PART_GUEST);

	ck_assert(item->block.lines == NULL);
	ck_assert_uint_gt(item->block.outline.count, 20);
}
END_TEST

/* The letters beyond ASCII that an encoding and the font have, sixteen a name. */
static size_t letters_of(enum ticket_encoding encoding, const char *ret_names[16])
{
	struct strbuf name;
	size_t count = 0, letters = 0;

	for (uint32_t c = 0xC0; c < 0x2000; c++) {
		char letter[4] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};

		if (c >= 0x800)
			break;
		if (c == 0xD7 || c == 0xF7 || !ticket_encoding_covers(encoding, letter) ||
		    !ticket_font_covers(TICKET_BOLD, letter))
			continue;
		if (letters++ % 16 == 0) {
			strbuf_init(&name, &arena);
			count++;
		}
		strbuf_adds(&name, letter);
		ret_names[count - 1] = name.buf;
	}
	return count;
}

/* A wrong glyph for any letter of any single-byte encoding would show. */
START_TEST(every_letter_of_an_encoding_looks_like_pangos)
{
	struct ticket any = ticket_of("A");
	const char *all[16];
	size_t count;
	int unknown;

	(void)make_pdf(&any, TICKET_A4); /* the tables are there */
	count = letters_of((enum ticket_encoding)_i, all);
	ck_assert_uint_gt(count, 2);
	for (size_t i = 0; i < count; i++) {
		struct ticket ticket = ticket_of(all[i]);
		const struct layout_item *item = find_part(&ticket, PART_GUEST);
		struct ink want = ink_by_pango(ticket.guest, item->block.size, &unknown);

		ck_assert_uint_eq(item->block.line_count, 1);
		ck_assert_msg(alike(ink_of_guest(&ticket), want), "%s: %s",
			      ticket_encoding_names[_i], all[i]);
	}
}
END_TEST

static unsigned u16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static const uint8_t *table(const uint8_t *font, const char *tag)
{
	for (unsigned i = 0; i < u16(font + 4); i++) {
		const uint8_t *row = font + 12 + (size_t)i * 16;

		if (!memcmp(row, tag, 4))
			return font + (u16(row + 8) << 16 | u16(row + 10));
	}
	ck_abort_msg("no table %s", tag);
}

/* Through the first subtable, which must be the one that libharu reads: OpenType, "cmap". */
static unsigned glyph_of(const uint8_t *font, uint32_t character)
{
	const uint8_t *cmap = table(font, "cmap"), *at = cmap + u16(cmap + 10);

	for (unsigned i = 0; i < u16(cmap + 2) && u16(at) != 4; i++)
		at = cmap + u16(cmap + 4 + (size_t)i * 8 + 6);
	ck_assert_uint_eq(u16(at), 4);
	for (unsigned i = 0, stride = u16(at + 6); i < stride; i += 2) {
		const uint8_t *end = at + 14 + i, *start = end + stride + 2;
		const uint8_t *delta = start + stride, *offset = delta + stride;

		if (character > u16(end))
			continue;
		if (character < u16(start))
			return 0;
		if (!u16(offset))
			return (character + u16(delta)) & 0xFFFF;
		return u16(offset + u16(offset) + 2 * (size_t)(character - u16(start)));
	}
	return 0;
}

static unsigned advance_of(const uint8_t *font, unsigned glyph)
{
	unsigned rows = u16(table(font, "hhea") + 34);

	return u16(table(font, "hmtx") + 4 * (size_t)(glyph < rows ? glyph : rows - 1));
}

/* Also for what no name is made of: marks, signs, blanks. */
START_TEST(font_of_an_encoding_has_all_that_it_covers)
{
	enum ticket_encoding encoding = (enum ticket_encoding)_i;
	struct ticket any = ticket_of("A");
	int covered = 0;

	(void)make_pdf(&any, TICKET_A4); /* the tables are there */
	for (uint32_t c = ' '; c < 0x3000; c++) {
		char text[4] = {(char)c};

		if (c >= 0x800)
			snprintf(text, sizeof(text), "%c%c%c", (char)(0xE0 | c >> 12),
				 (char)(0x80 | (c >> 6 & 0x3F)), (char)(0x80 | (c & 0x3F)));
		else if (c >= 0x80)
			snprintf(text, sizeof(text), "%c%c", (char)(0xC0 | c >> 6),
				 (char)(0x80 | (c & 0x3F)));
		for (int face = 0; face < TICKET_FACES; face++) {
			enum ticket_face of = (enum ticket_face)face;
			const uint8_t *own = (const uint8_t *)ticket_font_data(of, encoding).at;
			const uint8_t *whole =
				(const uint8_t *)ticket_font_data(of, ENCODING_UTF8).at;

			if (!ticket_font_covers(of, text) ||
			    !ticket_encoding_covers(encoding, text))
				continue;
			covered++;
			ck_assert_msg(glyph_of(own, c), "U+%04X", c);
			ck_assert_uint_eq(advance_of(own, glyph_of(own, c)),
					  advance_of(whole, glyph_of(whole, c)));
		}
	}
	ck_assert_int_gt(covered, 2 * 190);
}
END_TEST

/* What an encoding covers costs no font in UTF-8. */
START_TEST(covered_pages_have_single_byte_fonts)
{
	struct ticket ticket = ticket_of(names[_i]);
	bool vietnamese = _i == 0;
	char *said;

	ticket.organizer = "";
	said = run_on(make_pdf(&ticket, TICKET_A4),
		      "pdffonts $f 2>/dev/null | grep -c 'CID TrueType' || true", NULL);
	ck_assert_str_eq(said, vietnamese ? "1" : "0");
}
END_TEST

START_TEST(scanner_reads_the_page)
{
	static const char *const resolutions[] = {[TICKET_A4] = "72", [TICKET_A6] = "100"};
	struct ticket ticket = ticket_of(names[_i]);

	for (int paper = TICKET_A4; paper <= TICKET_A6; paper++) {
		char *said = run_on(make_pdf(&ticket, (enum ticket_paper)paper),
				    arena_printf(&arena,
						 "pdftoppm -r %s -png -singlefile $f $f "
						 "2>/dev/null && zbarimg -q --raw $f.png "
						 "2>/dev/null; rm -f $f.png",
						 resolutions[paper]),
				    NULL);

		ck_assert_str_eq(said, SAMPLE_QR);
	}
}
END_TEST

START_TEST(same_ticket_same_bytes)
{
	struct ticket ticket = ticket_of(names[_i]);
	struct slice a = make_pdf(&ticket, TICKET_A4), b = make_pdf(&ticket, TICKET_A4);

	ck_assert_uint_eq(a.len, b.len);
	ck_assert_mem_eq(a.at, b.at, a.len);
	ticket.issued_ms += 1000;
	b = make_pdf(&ticket, TICKET_A4);
	ck_assert(a.len != b.len || memcmp(a.at, b.at, a.len) != 0);
}
END_TEST

/* All names by one thread, its documents one after another. */
static void *make_all(void *ret)
{
	struct arena own;
	struct strbuf *all = ret;

	arena_init(&own, 65536);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct ticket ticket = sample_ticket;
		struct ticket_qr qr;
		struct slice pdf;

		ticket.guest = ticket.title = ticket_text_clean(&own, names[i]);
		if (!ticket_qr_encode(&own, SAMPLE_QR, &qr, NULL) &&
		    !ticket_pdf_make(&own, &ticket, &qr, TICKET_A6, &pdf, NULL))
			strbuf_add(all, pdf.at, pdf.len);
	}
	arena_clear(&own);
	return NULL;
}

START_TEST(threads_do_not_disturb_each_other)
{
	pthread_t threads[4];
	struct strbuf all[ARRAY_LEN(threads)];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		strbuf_init(&all[i], NULL);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, make_all, &all[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_gt(all[0].len, 100000);
	for (size_t i = 1; i < ARRAY_LEN(threads); i++) {
		ck_assert_uint_eq(all[i].len, all[0].len);
		ck_assert_mem_eq(all[i].buf, all[0].buf, all[0].len);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		strbuf_release(&all[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ticket_pdf");
	TCase *tcase = tcase_create("pdf");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, names_look_like_pangos, 0, ARRAY_LEN(names));
	tcase_add_loop_test(tcase, boxes_do_not_look_alike, 0, 6);
	tcase_add_loop_test(tcase, covered_names_are_text, 0, 4);
	tcase_add_loop_test(tcase, uncovered_names_are_outlines, 4, ARRAY_LEN(names));
	tcase_add_loop_test(tcase, every_letter_of_an_encoding_looks_like_pangos, 0, ENCODING_UTF8);
	tcase_add_loop_test(tcase, font_of_an_encoding_has_all_that_it_covers, 0, ENCODING_UTF8);
	tcase_add_loop_test(tcase, covered_pages_have_single_byte_fonts, 0, 4);
	tcase_add_loop_test(tcase, scanner_reads_the_page, 0, ARRAY_LEN(names));
	tcase_add_loop_test(tcase, same_ticket_same_bytes, 0, ARRAY_LEN(names));
	tcase_add_test(tcase, threads_do_not_disturb_each_other);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
