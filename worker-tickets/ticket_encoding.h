/*
 * ticket_encoding: the single-byte encodings that libharu knows.
 *
 * A font that is used through one of them costs a page a fraction of what it costs in UTF-8, where
 * libharu looks up each of 65,536 code points. What a byte stands for comes from libharu's own
 * tables, so that what is decided here is what is drawn. Thread safe after ticket_encoding_init.
 */
#ifndef WORKER_TICKETS_TICKET_ENCODING_H
#define WORKER_TICKETS_TICKET_ENCODING_H

#include "common/arena.h"

enum ticket_encoding {
	ENCODING_WESTERN,
	ENCODING_CENTRAL,
	ENCODING_CYRILLIC,
	ENCODING_GREEK,
	ENCODING_TURKISH,
	ENCODING_BALTIC,
	ENCODING_UTF8, /* covers all */
	TICKET_ENCODINGS,
};

enum { ENCODING_CODES = 256 };

/* libharu's names. */
extern const char *const ticket_encoding_names[TICKET_ENCODINGS];

/* Once: what each code of a single-byte encoding stands for, 0: nothing. */
void ticket_encoding_init(uint16_t tables[ENCODING_UTF8][ENCODING_CODES]);
/* Has the encoding every character of this valid UTF-8 text? */
bool ticket_encoding_covers(enum ticket_encoding encoding, const char *text);
/* The text in an encoding that covers it. */
const char *ticket_encoding_encode(enum ticket_encoding encoding, struct arena *arena,
				   const char *text);

#endif
