/*
 * ticket_png: a square of black and white cells as a PNG (ISO/IEC 15948), deflated by zlib.
 */
#ifndef WORKER_TICKETS_TICKET_PNG_H
#define WORKER_TICKETS_TICKET_PNG_H

#include "common/strbuf.h"

/* Append the image of size * size cells (row by row, not 0: black), `scale` pixels a cell. */
void ticket_png_write(const uint8_t *cells, int size, int scale, struct strbuf *out);

#endif
