#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ticket_sample.h"
#include "worker-tickets/ticket_qr.h"

static struct arena arena;
static struct problem err;

static void set_up(void)
{
	arena_init(&arena, 65536);
}

static void tear_down(void)
{
	arena_clear(&arena);
}

static struct ticket_qr encode(const char *text)
{
	struct ticket_qr qr = {0};

	ck_assert_int_eq(ticket_qr_encode(&arena, text, &qr, &err), OK);
	return qr;
}

/* The matrix that rectangles paint. */
static uint8_t *paint(const struct ticket_qr *qr)
{
	uint8_t *cells = arena_calloc(&arena, (size_t)qr->size * (size_t)qr->size, 1);

	for (size_t i = 0; i < qr->run_count; i++) {
		const struct ticket_qr_run *run = &qr->runs[i];

		for (int x = run->x; x < run->x + run->width; x++) {
			uint8_t *cell = &cells[run->y * qr->size + x];

			ck_assert_int_eq(*cell, 0);
			*cell = 1;
		}
	}
	return cells;
}

START_TEST(runs_paint_the_matrix)
{
	struct ticket_qr qr = encode(SAMPLE_QR);
	uint8_t *cells = paint(&qr);

	ck_assert_mem_eq(cells, qr.modules, (size_t)qr.size * (size_t)qr.size);
	for (size_t i = 1; i < qr.run_count; i++) {
		const struct ticket_qr_run *a = &qr.runs[i - 1], *b = &qr.runs[i];

		ck_assert(a->y < b->y || a->x + a->width < b->x); /* merged: never side by side */
	}
}
END_TEST

START_TEST(quiet_zone_is_light)
{
	struct ticket_qr qr = encode(SAMPLE_QR);

	for (int i = 0; i < qr.size * qr.size; i++) {
		int x = i % qr.size, y = i / qr.size, last = qr.size - TICKET_QR_QUIET;

		if (x < TICKET_QR_QUIET || y < TICKET_QR_QUIET || x >= last || y >= last)
			ck_assert_int_eq(qr.modules[i], 0);
	}
	ck_assert_int_eq(qr.modules[TICKET_QR_QUIET * qr.size + TICKET_QR_QUIET], 1);
}
END_TEST

/* 56 characters of base32 fit version 3 at level M only in alphanumeric mode. */
START_TEST(base32_takes_the_dense_mode)
{
	ck_assert_int_eq(encode(SAMPLE_QR).size, 29 + 2 * TICKET_QR_QUIET);
}
END_TEST

START_TEST(impossible_texts_are_refused)
{
	char longest[4001];
	struct ticket_qr qr = {.size = 7};

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(ticket_qr_encode(&arena, "", &qr, &err), ST_INTERNAL_ERROR);
	ck_assert_int_eq(ticket_qr_encode(&arena, longest, &qr, &err), ST_INTERNAL_ERROR);
	ck_assert_int_eq(qr.size, 7);
}
END_TEST

START_TEST(svg_paints_the_matrix)
{
	struct ticket_qr qr = encode(SAMPLE_QR), read = {.size = qr.size};
	struct ticket_qr_run *runs = arena_calloc(&arena, qr.run_count + 1, sizeof(*runs));
	struct strbuf svg;
	int used;

	strbuf_init(&svg, &arena);
	ticket_qr_svg(&qr, &svg);
	ck_assert_ptr_nonnull(strstr(svg.buf, "viewBox=\"0 0 37 37\""));

	const char *at = strstr(svg.buf, "<path d=\"");

	ck_assert_ptr_nonnull(at);
	at += strlen("<path d=\"");
	for (struct ticket_qr_run *run = runs;
	     sscanf(at, "M%d %dh%dv1h-%*dz%n", &run->x, &run->y, &run->width, &used) == 3; run++) {
		read.run_count++;
		at += used;
	}
	ck_assert_str_eq(at, "\"/></svg>\n");
	read.runs = runs;
	ck_assert_mem_eq(paint(&read), qr.modules, (size_t)qr.size * (size_t)qr.size);
}
END_TEST

static void write_file(const char *path, const struct strbuf *bytes)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes->buf, 1, bytes->len, file), bytes->len);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(png_is_read_by_a_scanner)
{
	static const int scales[] = {2, 3, 8};
	struct ticket_qr qr = encode(SAMPLE_QR);
	struct strbuf png, again;
	char dir[] = "/tmp/ticket-qr-XXXXXX", line[256] = "";

	strbuf_init(&png, &arena);
	strbuf_init(&again, &arena);
	ticket_qr_png(&qr, scales[_i], &png);
	ticket_qr_png(&qr, scales[_i], &again);
	ck_assert_uint_eq(png.len, again.len);
	ck_assert_mem_eq(png.buf, again.buf, png.len);

	ck_assert_ptr_nonnull(mkdtemp(dir));

	char *path = arena_printf(&arena, "%s/qr.png", dir);

	write_file(path, &png);

	FILE *scan = popen(arena_printf(&arena, "zbarimg -q --raw %s 2>/dev/null", path), "r");

	ck_assert_ptr_nonnull(scan);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), scan));
	ck_assert_int_eq(pclose(scan), 0);
	unlink(path);
	rmdir(dir);
	ck_assert_str_eq(line, SAMPLE_QR "\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ticket_qr");
	TCase *tcase = tcase_create("qr");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, runs_paint_the_matrix);
	tcase_add_test(tcase, quiet_zone_is_light);
	tcase_add_test(tcase, base32_takes_the_dense_mode);
	tcase_add_test(tcase, impossible_texts_are_refused);
	tcase_add_test(tcase, svg_paints_the_matrix);
	tcase_add_loop_test(tcase, png_is_read_by_a_scanner, 0, 3);
	suite_add_tcase(suite, tcase);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
