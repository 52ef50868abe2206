/*
 * parts: the programs of the run, two of each, every way of theirs through the proxy. Of the main
 * thread.
 */
#ifndef CHAOS_PARTS_H
#define CHAOS_PARTS_H

#include "tests/support/suite.h"

enum { LEASE_MS = 3000, HOLD_S = 20, STRAY_S = 5 };

/* Documents are files when the seed is odd, else rows. */
void parts_begin(uint64_t seed);
void parts_end(void);
/* Start one again; its ways must be well. */
void parts_start(enum suite_part part, int nth);

#endif
