/*
 * dispatcher: the thread that carries committed jobs to Redis.
 *
 * Requests hand over the ids of the outbox rows they committed and go on; the thread puts what
 * gathered in one pipeline a type. It also moves due jobs and puts again what Redis lost, so that
 * queues without workers still wake. A full buffer or a Redis that is away loses nothing: the
 * rows are found again by queue_recover.
 */
#ifndef API_DISPATCHER_H
#define API_DISPATCHER_H

#include "api/request.h"

struct dispatcher;

/* `pool` should be the dispatcher's own: looking for lost jobs must not wait behind requests. */
enum status dispatcher_start(const struct api_config *config, struct pg_pool *pool,
			     struct dispatcher **ret, struct problem *err) MUST_CHECK;
/* Did Redis answer the last time it was asked, a second ago at most? */
bool dispatcher_connected(const struct dispatcher *dispatcher);
/* Put what is waiting (given up when Redis does not take it), end the thread, free. */
void dispatcher_stop(struct dispatcher *dispatcher);
/* Hand over jobs; copied. Never blocks on Redis. */
void dispatcher_put(struct dispatcher *dispatcher, const struct pending_job *jobs);

#endif
