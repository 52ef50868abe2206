#include "worker-tickets/ticket_qr.h"

#include <errno.h>
#include <qrencode.h>

#include "worker-tickets/ticket_png.h"

static void free_code(QRcode **code)
{
	QRcode_free(*code);
}

static uint8_t *copy_modules(struct arena *arena, const QRcode *code)
{
	size_t inner = (size_t)code->width, size = inner + 2 * (size_t)TICKET_QR_QUIET;
	uint8_t *modules = arena_calloc(arena, size * size, 1);

	for (size_t y = 0; y < inner; y++) {
		uint8_t *row = modules + (y + TICKET_QR_QUIET) * size + TICKET_QR_QUIET;

		for (size_t x = 0; x < inner; x++)
			row[x] = code->data[y * inner + x] & 1; /* bit 0: dark */
	}
	return modules;
}

/* One rectangle a run: two that touch would show a seam when they are smoothed. */
static size_t find_runs(const uint8_t *modules, int size, struct ticket_qr_run *runs)
{
	size_t count = 0;

	for (int i = 0; i < size * size; i++) {
		int x = i % size, y = i / size;

		if (!modules[i])
			continue;
		if (modules[i - 1]) /* never i == 0: the quiet zone is light */
			runs[count - 1].width++;
		else
			runs[count++] = (struct ticket_qr_run){x, y, 1};
	}
	return count;
}

enum status ticket_qr_encode(struct arena *arena, const char *text, struct ticket_qr *ret,
			     struct problem *err)
{
	QRcode *code CLEANUP(free_code) = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);

	if (!code)
		return problem_set(err, ST_INTERNAL_ERROR, "no QR code holds this text");
	ret->size = code->width + 2 * TICKET_QR_QUIET;
	ret->modules = copy_modules(arena, code);

	size_t most = (size_t)ret->size * (size_t)ret->size / 2;
	struct ticket_qr_run *runs = arena_calloc(arena, most, sizeof(*runs));

	ret->run_count = find_runs(ret->modules, ret->size, runs);
	ret->runs = runs;
	return OK;
}

void ticket_qr_svg(const struct ticket_qr *qr, struct strbuf *out)
{
	strbuf_addf(out,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		    "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/>"
		    "<path d=\"",
		    qr->size, qr->size, qr->size, qr->size);
	for (size_t i = 0; i < qr->run_count; i++) {
		const struct ticket_qr_run *run = &qr->runs[i];

		strbuf_addf(out, "M%d %dh%dv1h-%dz", run->x, run->y, run->width, run->width);
	}
	strbuf_adds(out, "\"/></svg>\n");
}

void ticket_qr_png(const struct ticket_qr *qr, int scale, struct strbuf *out)
{
	ticket_png_write(qr->modules, qr->size, scale, out);
}
