#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker-tickets/ticket_font.h"
#include "worker-tickets/ticket_text.h"
#include "worker-tickets/ticket_words.h"

static struct arena arena;
static struct problem err;

static void set_up(void)
{
	arena_init(&arena, 4096);
	ck_assert_int_eq(ticket_font_init(&err), OK);
}

static void tear_down(void)
{
	arena_clear(&arena);
}

static unsigned u16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static size_t u32(const uint8_t *at)
{
	return (size_t)u16(at) << 16 | u16(at + 2);
}

static const uint8_t *table(const uint8_t *font, const char *tag)
{
	for (unsigned i = 0; i < u16(font + 4); i++) {
		const uint8_t *row = font + 12 + (size_t)i * 16;

		if (!memcmp(row, tag, 4))
			return font + u32(row + 8);
	}
	ck_abort_msg("no table %s", tag);
}

/* Outline of a glyph, NULL when it has none: OpenType, "loca". */
static const uint8_t *outline(const uint8_t *font, unsigned glyph)
{
	const uint8_t *loca = table(font, "loca"), *glyf = table(font, "glyf");
	bool wide = u16(table(font, "head") + 50);
	size_t start = wide ? u32(loca + (size_t)glyph * 4) : u16(loca + (size_t)glyph * 2) * 2;
	size_t end =
		wide ? u32(loca + (size_t)glyph * 4 + 4) : u16(loca + (size_t)glyph * 2 + 2) * 2;

	return start == end ? NULL : glyf + start;
}

static bool is_composite(const uint8_t *at)
{
	return at && u16(at) >= 0x8000;
}

/* Is any component of this composite glyph a composite? OpenType, "glyf". */
static bool is_nested(const uint8_t *font, const uint8_t *at)
{
	unsigned flags;

	at += 10;
	do {
		flags = u16(at);
		if (is_composite(outline(font, u16(at + 2))))
			return true;
		at += flags & 0x0001 ? 8 : 6;
		at += flags & 0x0008 ? 2 : flags & 0x0040 ? 4 : flags & 0x0080 ? 8 : 0;
	} while (flags & 0x0020);
	return false;
}

START_TEST(no_glyph_is_made_of_composites)
{
	const uint8_t *font =
		(const uint8_t *)ticket_font_data((enum ticket_face)_i, ENCODING_UTF8).at;
	unsigned count = u16(table(font, "maxp") + 4), composites = 0;

	for (unsigned glyph = 0; glyph < count; glyph++) {
		const uint8_t *at = outline(font, glyph);

		if (!is_composite(at))
			continue;
		composites++;
		ck_assert_msg(!is_nested(font, at), "glyph %u", glyph);
	}
	ck_assert_uint_gt(composites, 100); /* else the scan looked at nothing */
}
END_TEST

START_TEST(alphabets_are_covered)
{
	static const char *const texts[] = {
		"The quick brown fox jumps over the lazy dog 0123456789 !?&@#%()[]{}/\\+-*=<>\"'",
		"Portez ce vieux whisky au juge blond qui fume œ Œ æ Ç ÀÂÉÈÊËÎÏÔÙÛÜŸ « » … – — ’",
		"Zażółć gęślą jaźń Příliš žluťoučký kůň Árvíztűrő ß ẞ ð þ ı İ ğ ș ț €£¥₫₴₹№™",
		"Ắằẳẵặ Ấầẩẫậ Ếềểễệ Ốồổỗộ Ớờởỡợ Ứừửữự Ỳỷỹỵ Đđ Ăă Ơơ Ưư",
		"Γαζέες και μυρτιές δεν θα βρω πια ΆΈΉΊΌΎΏ ΐΰ ς",
		"Съешь ещё этих мягких французских булок Ґґ Єє Іі Її Ўў Ђ Љ Њ Ћ Џ Ә Ғ Қ Ң Ө Ұ Ү Һ",
		"\u00a0\u202f\u2011ʼ",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ck_assert_msg(ticket_font_covers((enum ticket_face)_i, texts[i]), "%s", texts[i]);
}
END_TEST

START_TEST(other_scripts_are_not)
{
	static const char *const texts[] = {"山", "م", "श",      "ส",          "ש",
					    "한", "👩", "\u200d", "\ufe0f",     "\u0301",
					    "Ǯ",  "ᾳ", "\uffff", "\U0001F3A4", "\t"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ck_assert_msg(!ticket_font_covers((enum ticket_face)_i, texts[i]), "%zu", i);
	ck_assert(!ticket_font_covers((enum ticket_face)_i, "mostly Latin, then 山"));
	ck_assert(ticket_font_covers((enum ticket_face)_i, ""));
}
END_TEST

/* Advance widths as the font's designers published them, in thousandths of an em. */
START_TEST(widths_are_the_fonts)
{
	ck_assert_double_eq_tol(ticket_font_width(TICKET_REGULAR, " ", 1), 0.260, 1e-9);
	ck_assert_double_eq_tol(ticket_font_width(TICKET_REGULAR, "0", 1), 0.572, 1e-9);
	ck_assert_double_eq_tol(ticket_font_width(TICKET_REGULAR, "é", 2),
				ticket_font_width(TICKET_REGULAR, "e", 1), 1e-9);
	ck_assert_double_eq_tol(ticket_font_width(TICKET_REGULAR, "0000", 2), 1.144, 1e-9);
	ck_assert_double_gt(ticket_font_width(TICKET_BOLD, "0e", 2),
			    ticket_font_width(TICKET_REGULAR, "0e", 2));
	ck_assert_double_eq_tol(ticket_font_ascent(TICKET_REGULAR), 1.069, 1e-9);
	ck_assert_double_eq_tol(ticket_font_descent(TICKET_REGULAR), 0.293, 1e-9);
}
END_TEST

START_TEST(words_of_the_page_are_covered)
{
	for (int locale = TICKET_EN; locale <= TICKET_FR; locale++) {
		for (int word = 0; word < TICKET_WORDS; word++)
			ck_assert(ticket_font_covers(
				TICKET_REGULAR,
				ticket_word((enum ticket_locale)locale, (enum ticket_word)word)));
	}
}
END_TEST

START_TEST(texts_are_cleaned)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"  \t\n ", ""},
		{" a \r\n\tb  ", "a b"},
		{"e\u0301\u0302", "é\u0302"},
		{"A\u030a", "Å"},
		{"Nguye\u0302\u0303n", "Nguyễn"},
		{"soft\u00adhyphen", "softhyphen"},
		{"a\x01\x02\x7f"
		 "b",
		 "ab"},
		{"bad \xff\xfe bytes", "bad \ufffd\ufffd bytes"},
		{"cut \xe5\xb1", "cut \ufffd\ufffd"},
		{"\u2028line\u2029", "line"},
		{"👩\u200d🎤 Zoë", "👩\u200d🎤 Zoë"},
		{"keeps\u00a0it", "keeps\u00a0it"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_str_eq(ticket_text_clean(&arena, cases[i][0]), cases[i][1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ticket_font");
	TCase *tcase = tcase_create("font");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, no_glyph_is_made_of_composites, 0, TICKET_FACES);
	tcase_add_loop_test(tcase, alphabets_are_covered, 0, TICKET_FACES);
	tcase_add_loop_test(tcase, other_scripts_are_not, 0, TICKET_FACES);
	tcase_add_test(tcase, widths_are_the_fonts);
	tcase_add_test(tcase, words_of_the_page_are_covered);
	tcase_add_test(tcase, texts_are_cleaned);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
