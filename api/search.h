/*
 * search: a caller's words as an ILIKE pattern.
 */
#ifndef API_SEARCH_H
#define API_SEARCH_H

#include "common/arena.h"

/* "%words%" with %, _ and \ taken literally; NULL gives NULL. */
char *search_pattern(struct arena *arena, const char *words);

#endif
