/*
 * ticket_haru: documents of libharu whose memory and fonts do not come from the system.
 *
 * libharu 2.3 opens fonts by path only and reads them through stdio, two bytes and a seek at a
 * time, each seek a call of the system: more than half of what a page took. Here it reads them
 * where they lie. Its own functions for that are exported, and what they ask is in its headers;
 * the library's name carries its version, so no other can come in its place.
 */
#ifndef WORKER_TICKETS_TICKET_HARU_H
#define WORKER_TICKETS_TICKET_HARU_H

#include <hpdf.h>

#include "common/arena.h"

/* A document for HPDF_Free; NULL: an error, which the handler (NULL: nobody) was told. Running out
 * of memory ends the process. */
HPDF_Doc ticket_haru_new(HPDF_Error_Handler handler, void *user);
/* Adds a TrueType font to be embedded, under a tag of six letters that no other font of the
 * document has. Its name for HPDF_GetFont; NULL: an error, which the document's handler was told.
 * The bytes and the arena must outlive the document. */
const char *ticket_haru_font(HPDF_Doc doc, struct arena *arena, struct slice font, const char *tag);

#endif
