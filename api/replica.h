/*
 * replica: lists read from a streaming replica, and nobody reads older than his own write.
 *
 * A write marks its caller in Redis for 10 s. The handler of a route with ROUTE_REPLICA reads the
 * replica when its caller is signed in and not marked, when the replica holds everything that was
 * committed until 3 s ago, and when Redis has kept all marks for the last 10 s. Else, and as soon
 * as the replica fails, it reads the primary.
 *
 * The marks lie in the Redis of the queues: that of the caches may evict them. Without a configured
 * replica nothing is marked, so all API processes are given one together.
 */
#ifndef API_REPLICA_H
#define API_REPLICA_H

#include "api/request.h"

struct replica;

/* The pool and the thread that watches the replica. `pool`: address and settings of the primary's
 * connections; `marks`: where marks are kept. *ret: NULL when no replica is configured. */
enum status replica_start(const struct api_config *config, const struct pg_pool_options *pool,
			  const struct redis_options *marks, struct replica **ret,
			  struct problem *err) MUST_CHECK;
void replica_stop(struct replica *replica);
/* Connections to it, for requests. */
struct pg_pool *replica_pool(struct replica *replica);

/* Around a handler: mark its caller, or choose what it reads. */
void replica_before(struct request *req);
void replica_after(struct request *req, int64_t begun_us);
/* May a request that reads the replica take a connection to it still? */
bool replica_current(struct replica *replica);
/* A statement failed there: this request, and when the replica is away all others, read the
 * primary. */
void replica_leave(struct request *req, enum status why);
/* For a scrape: pool and lag. */
void replica_observe(struct replica *replica);
extern struct metric metric_replica_lag, metric_replica_reads;

#endif
