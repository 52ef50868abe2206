/*
 * ticket_font: the two fonts compiled into the program: which characters they have, how wide they
 * are, and their bytes.
 *
 * Both are subsets of Noto Sans (see fonts/unicodes.txt), TrueType, 1000 units an em. Everything is
 * read from the font's own tables. Of each there are smaller ones too, with what the font has of a
 * single-byte encoding (fonts/western.txt and so on): libharu reads every row of a font's tables
 * and writes them into the page. Thread safe after ticket_font_init.
 */
#ifndef WORKER_TICKETS_TICKET_FONT_H
#define WORKER_TICKETS_TICKET_FONT_H

#include "common/problem.h"
#include "worker-tickets/ticket_encoding.h"

enum ticket_face { TICKET_REGULAR, TICKET_BOLD, TICKET_FACES };

/* Once, before any other call: finds the tables. */
enum status ticket_font_init(struct problem *err) MUST_CHECK;

/* The font for an encoding as it is embedded; ENCODING_UTF8: the whole. */
struct slice ticket_font_data(enum ticket_face face, enum ticket_encoding encoding);

/* Glyph of a character by the font's character map, 0: the font does not have it. */
uint16_t ticket_font_glyph(enum ticket_face face, uint32_t character);
/* Has the font every character of this valid UTF-8 text? */
bool ticket_font_covers(enum ticket_face face, const char *text);
/* Advance width of `len` bytes of valid UTF-8 in ems. */
double ticket_font_width(enum ticket_face face, const char *text, size_t len);
/* Height of the font above the baseline in ems, and below it (positive). */
double ticket_font_ascent(enum ticket_face face);
double ticket_font_descent(enum ticket_face face);

/* Next character of valid UTF-8 text that is not at its end; moves *at behind it. */
uint32_t ticket_font_next(const char **at);

#endif
