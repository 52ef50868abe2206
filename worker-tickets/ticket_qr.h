/*
 * ticket_qr: a QR code as a matrix and as rectangles, and its SVG and PNG.
 *
 * Everything includes the quiet zone of 4 modules that scanners need (ISO/IEC 18004).
 */
#ifndef WORKER_TICKETS_TICKET_QR_H
#define WORKER_TICKETS_TICKET_QR_H

#include "common/problem.h"

enum { TICKET_QR_QUIET = 4 };

/* Dark modules side by side in one row, in modules from the top left, quiet zone counted. */
struct ticket_qr_run {
	int x, y, width;
};
struct ticket_qr {
	int size;               /* modules a side, quiet zone counted */
	const uint8_t *modules; /* size * size, row by row: 1 dark, 0 light */
	const struct ticket_qr_run *runs;
	size_t run_count;
};

/* Encode at level M; upper-case base32 takes the dense alphanumeric mode. ST_INTERNAL_ERROR when
 * the text is empty or too long for a code. */
enum status ticket_qr_encode(struct arena *arena, const char *text, struct ticket_qr *ret,
			     struct problem *err) MUST_CHECK;
/* An SVG document of one unit a module, black on white. */
void ticket_qr_svg(const struct ticket_qr *qr, struct strbuf *out);
/* A PNG of `scale` pixels a module, one bit a pixel. */
void ticket_qr_png(const struct ticket_qr *qr, int scale, struct strbuf *out);

#endif
