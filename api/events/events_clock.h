/*
 * events_clock: published events start and active ones end when their time has come.
 */
#ifndef API_EVENTS_EVENTS_CLOCK_H
#define API_EVENTS_EVENTS_CLOCK_H

#include "api/sweeper.h"

sweeper_slice events_clock_tick;
/* Unpaid holds of ended events end with them, however many. */
sweeper_slice events_clock_end_holds;

#endif
