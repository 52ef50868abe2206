/*
 * load: clients who register, pay, scan, change their mind, at a rate that does not wait for
 * answers. Each asks again under the same key until it knows, or gives up.
 */
#ifndef CHAOS_LOAD_H
#define CHAOS_LOAD_H

#include "common/base.h"

struct load_options {
	uint64_t seed;
	int64_t us;     /* how long operations begin */
	int per_second; /* operations begun */
};
/* Begin, after book_open and links_start. */
void load_start(const struct load_options *options);
/* Begin nothing new. */
void load_stop(void);
/* Wait until the time is over and everybody knows or has given up; that is bounded. */
void load_wait(void);
/* The longest that an operation began late, since all clients were busy. */
int64_t load_lag_ms(void);

#endif
