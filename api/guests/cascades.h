/*
 * cascades: what an event's cancel or change means for its guests, worked off by the sweeper.
 */
#ifndef API_GUESTS_CASCADES_H
#define API_GUESTS_CASCADES_H

#include "api/sweeper.h"

/* Cancel the next guests of a cancelled event: tickets, seats, money, one mail each. */
sweeper_slice cascade_cancel_guests;
/* Tell the next guests of a change of date, zone or place. */
sweeper_slice cascade_tell_guests;
/* Have the pages of the next guests' tickets made anew after a change of what they show. */
sweeper_slice cascade_renew_pages;

#endif
