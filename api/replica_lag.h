/*
 * replica_lag: until when a streaming replica holds everything that was committed on its primary.
 *
 * One thread measures, every half second; any may ask. When nobody measures any more, what is known
 * grows old, and so the replica is not current.
 */
#ifndef API_REPLICA_LAG_H
#define API_REPLICA_LAG_H

#include "common/pg.h"

struct replica_lag;

/* `primary`: how the primary is reached; the replica is, but for host and port (0: the same). One
 * connection to each. *ret is set on failure too, to be closed. */
enum status replica_lag_open(const struct pg_pool_options *primary, const char *host, int port,
			     struct replica_lag **ret, struct problem *err) MUST_CHECK;
void replica_lag_close(struct replica_lag *lag);
/* Ask both. A line in the log when the replica becomes current, or is not any more. */
void replica_lag_measure(struct replica_lag *lag, struct arena *arena);
/* Does it hold everything that was committed until 3 s ago? */
bool replica_lag_current(struct replica_lag *lag);
/* It failed: not current until it is measured again. */
void replica_lag_forget(struct replica_lag *lag);
/* The age of what it surely holds; infinite: unknown. */
double replica_lag_seconds(struct replica_lag *lag);

#endif
