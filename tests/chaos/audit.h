/*
 * audit: when the faults are over: wait until all goes quiet, then hold database, documents, the
 * other services' records and the clients' history against each other.
 */
#ifndef CHAOS_AUDIT_H
#define CHAOS_AUDIT_H

#include "common/strbuf.h"

/* Wait until nothing goes on by itself any more; jobs that were given up are begun anew, as an
 * operator would. False after `ms`, which is a violation too. *ret_ms: how long it took. */
bool audit_settled(int64_t ms, int64_t *ret_ms);
/* Jobs that had been given up. */
size_t audit_dead_jobs(void);
/* Every check; what is wrong goes to the log. */
void audit_run(void);

#endif
