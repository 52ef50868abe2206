/*
 * nemesis: does harm, one thing after another, as the dice say; of the main thread, whose children
 * the programs are.
 */
#ifndef CHAOS_NEMESIS_H
#define CHAOS_NEMESIS_H

#include "common/strbuf.h"

/* Until the time, monotonic, or until it is enough; then everything runs and every way is well. */
void nemesis_run(uint64_t seed, int64_t until_us, bool (*enough)(void));
/* Faults done so far, of all kinds; an object of each kind's number. */
size_t nemesis_count(void);
size_t nemesis_kills(void);
void nemesis_json(struct strbuf *out);

#endif
