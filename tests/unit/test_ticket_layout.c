#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ticket_sample.h"
#include "worker-tickets/ticket_layout.h"
#include "worker-tickets/ticket_qr.h"
#include "worker-tickets/ticket_words.h"

static struct arena arena;
static struct problem err;

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

static char *repeat(const char *text, size_t count)
{
	struct strbuf out;

	strbuf_init(&out, &arena);
	for (size_t i = 0; i < count; i++)
		strbuf_adds(&out, text);
	return out.buf;
}

/* Every text at its longest, of one character; 2 of `at` where it takes more than one. */
static struct ticket longest(const char *at, size_t characters)
{
	struct ticket ticket = sample_ticket;

	ticket.title = ticket_text_clean(&arena, repeat(at, 255 / characters));
	ticket.place = ticket_text_clean(&arena, repeat(at, 500 / characters));
	ticket.guest = ticket_text_clean(&arena, repeat(at, 201 / characters));
	ticket.type = ticket_text_clean(&arena, repeat(at, 100 / characters));
	ticket.organizer = ticket_text_clean(&arena, repeat(at, 201 / characters));
	ticket.locale = TICKET_FR;
	ticket.starts = (struct ticket_moment){2026, 9, 30, 3, 22, 30};
	ticket.ends = (struct ticket_moment){2026, 11, 25, 3, 23, 45};
	ticket.time_zone = "America/Argentina/ComodRivadavia";
	ticket.price = 9999999999;
	ticket.currency = "XXX";
	return ticket;
}

static bool overlap(const struct layout_item *a, const struct layout_item *b)
{
	return a->x < b->x + b->width - 0.01 && b->x < a->x + a->width - 0.01 &&
	       a->y < b->y + b->height - 0.01 && b->y < a->y + a->height - 0.01;
}

static void assert_in_place(const struct ticket_layout *layout, const char *what)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct layout_item *a = &layout->items[i];

		ck_assert_msg(a->x >= 0 && a->y >= 0 && a->x + a->width <= layout->width + 0.01 &&
				      a->y + a->height <= layout->height - 8,
			      "%s: part %d leaves the page: %.1f %.1f %.1f %.1f", what, a->part,
			      a->x, a->y, a->width, a->height);
		if (a->part == PART_GROUND)
			continue;
		for (size_t j = 0; j < i; j++) {
			const struct layout_item *b = &layout->items[j];

			ck_assert_msg(b->part == PART_GROUND || !overlap(a, b),
				      "%s: parts %d and %d overlap", what, b->part, a->part);
		}
	}
}

/* The outline itself stays in its block. */
static void assert_ink_inside(const struct layout_item *item, const char *what)
{
	const struct outline *outline = &item->block.outline;
	double air = 0.35 * item->block.size;

	for (size_t i = 0; i < outline->count; i++) {
		const struct outline_op *op = &outline->ops[i];

		if (op->kind == OUTLINE_CLOSE || op->kind == OUTLINE_MOVE)
			continue;
		ck_assert_msg(op->x[0] >= -air && op->x[0] <= item->width + air &&
				      op->y[0] >= -air && op->y[0] <= item->height + air,
			      "%s: part %d: %.1f %.1f outside of %.1f x %.1f", what, item->part,
			      op->x[0], op->y[0], item->width, item->height);
	}
}

START_TEST(longest_texts_stay_in_place)
{
	static const struct {
		const char *text;
		size_t characters;
	} fillers[] = {
		{"W", 1},         {"i", 1},
		{"Wagner ", 7},   {"Ấ", 1},
		{"Щ", 1},         {"山", 1},
		{"한", 1},        {"م", 1},
		{"محمد علي ", 9}, {"प्रिया शर्मा ", 13},
		{"👩", 1},         {"👩\u200d🎤 ", 4},
		{"สวัสดี", 6},      {"שלום ", 5},
		{"W-", 2},        {"\u0301", 1},
		{"ﷺ", 1},         {"\U0010FFFD", 1},
	};
	enum ticket_paper paper = (enum ticket_paper)_i;

	for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
		struct ticket ticket = longest(fillers[i].text, fillers[i].characters);
		struct ticket_layout layout;

		ticket_layout_make(&arena, &ticket, paper, &layout);
		assert_in_place(&layout, fillers[i].text);
		for (size_t j = 0; j < layout.count; j++)
			assert_ink_inside(&layout.items[j], fillers[i].text);
	}
}
END_TEST

START_TEST(shortest_texts_stay_in_place)
{
	struct ticket ticket = sample_ticket;
	struct ticket_layout layout;

	ticket.title = ticket.place = ticket.guest = ticket.type = "i";
	ticket.organizer = "";
	ticket.has_end = false;
	ticket.price = 0;
	ticket_layout_make(&arena, &ticket, (enum ticket_paper)_i, &layout);
	assert_in_place(&layout, "shortest");
	for (size_t i = 0; i < layout.count; i++)
		ck_assert_int_ne(layout.items[i].part, PART_ORGANIZER);
}
END_TEST

START_TEST(code_can_be_scanned)
{
	struct ticket_layout layout;
	struct ticket_qr qr;

	ck_assert_int_eq(ticket_qr_encode(&arena, SAMPLE_QR, &qr, &err), OK);
	ticket_layout_make(&arena, &sample_ticket, (enum ticket_paper)_i, &layout);
	for (size_t i = 0; i < layout.count; i++) {
		const struct layout_item *item = &layout.items[i];

		if (item->part != PART_QR)
			continue;

		double module = item->width / qr.size / POINTS_PER_MM;

		ck_assert_double_ge(module * (qr.size - 2 * TICKET_QR_QUIET), 30);
		ck_assert_double_ge(module, 0.8);
		return;
	}
	ck_abort_msg("no QR on the page");
}
END_TEST

static struct ticket_block set_text(const char *text, double width, double height)
{
	struct text_box box = {false, width, height, 20, 10};
	struct ticket_block block;

	ticket_block_set(&arena, text, &box, &block);
	return block;
}

START_TEST(texts_wrap_shrink_and_end)
{
	struct ticket_block block = set_text("one two three", 1000, 100);

	ck_assert_uint_eq(block.line_count, 1);
	ck_assert_double_eq(block.size, 20);

	block = set_text("one two three", 80, 100);
	ck_assert_uint_eq(block.line_count, 2);
	ck_assert_str_eq(block.lines[0], "one two");
	ck_assert_str_eq(block.lines[1], "three");

	block = set_text("well-known", 70, 100);
	ck_assert_str_eq(block.lines[0], "well-");
	ck_assert_str_eq(block.lines[1], "known");

	block = set_text("one two three four", 80, 30);
	ck_assert_double_lt(block.size, 20);
	ck_assert_str_eq(block.lines[0], "one two three");

	block = set_text(repeat("word ", 100), 80, 30);
	ck_assert_double_eq(block.size, 10);
	ck_assert_uint_eq(block.line_count, 2);
	ck_assert_ptr_nonnull(strstr(block.lines[1], "…"));
	ck_assert_double_le(block.width, 80);

	block = set_text(repeat("Ấ", 60), 80, 100);
	ck_assert_double_le(block.width, 80);
	ck_assert_uint_eq(strlen(block.lines[0]) % strlen("Ấ"), 0);
}
END_TEST

START_TEST(no_character_is_lost_by_wrapping)
{
	const char *text = "Association internationale des organisateurs de spectacles d’été";

	for (double width = 5; width < 400; width += 7) {
		struct text_box box = {false, width, 10000, 20, 20};
		struct ticket_block block;
		struct strbuf all;

		ticket_block_set(&arena, text, &box, &block);
		strbuf_init(&all, &arena);
		for (size_t i = 0; i < block.line_count; i++)
			strbuf_adds(&all, block.lines[i]);

		const char *want = text;

		for (const char *at = all.buf; *at; at++) {
			while (*want == ' ' && *at != ' ')
				want++;
			ck_assert_int_eq(*at, *want++);
		}
		ck_assert_str_eq(want, "");
	}
}
END_TEST

START_TEST(dates_and_prices_read_well)
{
	struct ticket ticket = sample_ticket;

	ck_assert_str_eq(ticket_when(&arena, &ticket),
			 "Wednesday 2 December 2026, 19:30\u00a0– 23:00");
	ck_assert_str_eq(ticket_price(&arena, &ticket), "€49.90");
	ticket.locale = TICKET_FR;
	ck_assert_str_eq(ticket_when(&arena, &ticket),
			 "mercredi 2 décembre 2026, 19\u00a0h\u00a030\u00a0– 23\u00a0h\u00a000");
	ck_assert_str_eq(ticket_price(&arena, &ticket), "49,90\u00a0€");

	ticket.starts = (struct ticket_moment){2027, 8, 1, 7, 9, 5};
	ticket.ends = (struct ticket_moment){2027, 8, 2, 1, 0, 0};
	ck_assert_str_eq(ticket_when(&arena, &ticket),
			 "dimanche 1er août 2027, 9\u00a0h\u00a005\u00a0– "
			 "lundi 2 août 2027, 0\u00a0h\u00a000");
	ticket.has_end = false;
	ticket.locale = TICKET_EN;
	ck_assert_str_eq(ticket_when(&arena, &ticket), "Sunday 1 August 2027, 09:05");

	ticket.price = 9999999999;
	ck_assert_str_eq(ticket_price(&arena, &ticket), "€99,999,999.99");
	ticket.currency = "CHF";
	ck_assert_str_eq(ticket_price(&arena, &ticket), "99,999,999.99\u00a0CHF");
	ticket.locale = TICKET_FR;
	ck_assert_str_eq(ticket_price(&arena, &ticket), "99\u202f999\u202f999,99\u00a0CHF");
	ticket.price = 1;
	ck_assert_str_eq(ticket_price(&arena, &ticket), "0,01\u00a0CHF");
	ticket.price = 0;
	ck_assert_str_eq(ticket_price(&arena, &ticket), "Gratuit");
	ticket.time_zone = "America/New_York";
	ck_assert_str_eq(ticket_zone(&arena, &ticket), "America/New York");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ticket_layout");
	TCase *tcase = tcase_create("layout");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, longest_texts_stay_in_place, TICKET_A4, TICKET_A6 + 1);
	tcase_add_loop_test(tcase, shortest_texts_stay_in_place, TICKET_A4, TICKET_A6 + 1);
	tcase_add_loop_test(tcase, code_can_be_scanned, TICKET_A4, TICKET_A6 + 1);
	tcase_add_test(tcase, texts_wrap_shrink_and_end);
	tcase_add_test(tcase, no_character_is_lost_by_wrapping);
	tcase_add_test(tcase, dates_and_prices_read_well);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
