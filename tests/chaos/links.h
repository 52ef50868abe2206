/*
 * links: every way between the programs, their servers and their clients leads through one fault
 * proxy; here the ways have names, and go bad and well again.
 *
 * links_start after suite_begin, in the main thread. Ports are found from then on.
 */
#ifndef CHAOS_LINKS_H
#define CHAOS_LINKS_H

#include "common/base.h"

enum { APIS = 2, WORKERS = 2 }; /* WORKERS of each kind */

enum way {
	WAY_DB_API0, /* to PostgreSQL */
	WAY_DB_API1,
	WAY_DB_WORKERS,
	WAY_REDIS,
	WAY_QUEUE,
	WAY_PLATFORM, /* from the programs to the other services */
	WAY_API0,     /* from clients */
	WAY_API1,
	WAY_COUNT
};

/* api_port: of each API, which need not run yet. */
void links_start(uint64_t seed, const int api_port[APIS]);
void links_stop(void);
int links_port(enum way way);
const char *links_name(enum way way);
/* Modes are those of faultproxy; "ok" mends. */
void links_set(enum way way, const char *mode, int64_t number);
void links_mend(void); /* all of them */

#endif
