/*
 * app: what lives as long as the process and every request may use. Built by main, read-only after.
 */
#ifndef API_APP_H
#define API_APP_H

#include "api/client_address.h"
#include "api/config.h"
#include "common/breaker.h"
#include "common/cache.h"
#include "common/credential.h"
#include "common/jwt.h"
#include "common/pg.h"

struct combiner;
struct dispatcher;
struct kept;
struct together;
struct limits;
struct recall;
struct replica;

/* The way to the payment service, see api/clients/payment_client.h. */
struct payment_gate {
	struct breaker breaker;
	_Atomic int64_t parked; /* request threads that wait for it */
};

struct app {
	const struct api_config *config;
	struct pg_pool *pool;    /* everything but the door */
	struct pg_pool *door;    /* check-in: a rush of buyers never stops it */
	struct pg_pool *sweeper; /* background work: a rush never stops it either */
	struct replica *replica; /* NULL: none, everybody reads the primary */
	struct payment_gate payments;
	struct cache *cache;
	struct proxies proxies; /* whose X-Forwarded-For is believed */
	struct limits *limits;  /* NULL: none is configured */
	struct dispatcher *dispatcher;
	struct combiner *combiner;
	struct kept *kept;
	struct together *scans;
	struct together *event_reads;
	struct jwt_options jwt;
	struct recall *tokens;   /* verified ones, see api/token_cache.h */
	struct recall *verdicts; /* of the Auth Service, see api/clients/auth_client.h */
	struct credential_keys keys;
	int64_t started_us; /* monotonic */
	_Atomic bool draining;
	_Atomic int64_t in_flight; /* requests in work, the door's apart */
	_Atomic int64_t door_in_flight;
};

#endif
