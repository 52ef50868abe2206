/*
 * payments_sweep: the sweeper's duties about money (see api/sweeper.h).
 *
 * Rows are claimed for a while, committed, worked on without a lock or a connection, and recorded
 * by what looks again under the locks.
 */
#ifndef API_PAYMENTS_PAYMENTS_SWEEP_H
#define API_PAYMENTS_PAYMENTS_SWEEP_H

#include "api/sweeper.h"

/* Holds whose time is over: the service is asked to cancel their intents, for 1.2 s at most; what
 * is paid is confirmed, all else dropped together. */
sweeper_slice sweep_holds;
/* Registrations whose process died before it had an intent. */
sweeper_slice sweep_crashed;
/* Intents of ended payments, known or not: cancelled at the service; one that is paid is late
 * money. */
sweeper_slice sweep_voids;
/* Messages that wait although their payment is known. */
sweeper_slice sweep_messages;
/* Refunds that the service is to make. */
sweeper_slice sweep_refunds;

#endif
