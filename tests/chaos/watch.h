/*
 * watch: looks at the database while faults run: no seat is sold twice, at no time; and takes the
 * time from each fault's end to the first sign of health.
 */
#ifndef CHAOS_WATCH_H
#define CHAOS_WATCH_H

#include "common/strbuf.h"

enum sign {
	SIGN_API0, /* it answered a request well */
	SIGN_API1,
	SIGN_ANY_API,
	SIGN_DRAINED, /* all jobs of before are done */
};

void watch_start(void);
void watch_stop(void);
/* From now until the sign; `what` names the fault. */
void watch_recovery(const char *what, enum sign sign);
void watch_success(int api);
/* An object: what → how often, how often without a sign, median and longest in milliseconds. */
void watch_recoveries_json(struct strbuf *out);

#endif
