/*
 * recount: an event's figures counted naively from its rows, to hold the statistics against.
 *
 * One connection for all; recount_open in a checked fixture, after suite_begin. `from` is SQL text
 * of a time. What cannot be done ends the program with a message.
 */
#ifndef TESTS_SUPPORT_RECOUNT_H
#define TESTS_SUPPORT_RECOUNT_H

#include "common/base.h"

void recount_open(void);
void recount_close(void);
/* The first value of a statement, NULL when there is none. */
const char *recount_ask(const char *statement);
/* All that is recounted, as a digest: two that are equal, and nothing changed in between. */
const char *recount_state(int64_t event_id);
/* "guests confirmed check-ins gross payments refunded rate" since `from`: money in cents, the rate
 * in ten-thousandths. */
const char *recount_period(int64_t event_id, const char *from);
/* "id name sold validated quantity" of each ticket type, with commas between. */
const char *recount_types(int64_t event_id, const char *from);
/* The buckets of a time series' answer that say other than the rows in them; NULL: none. */
const char *recount_series(int64_t event_id, const char *answer);

#endif
