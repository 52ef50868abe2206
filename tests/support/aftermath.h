/*
 * aftermath: what must hold once the dust has settled: each registration served, once.
 */
#ifndef TESTS_SUPPORT_AFTERMATH_H
#define TESTS_SUPPORT_AFTERMATH_H

#include "tests/support/suite.h"

/* Register so many guests, several side by side, named tag0, tag1 …; how many were accepted. */
int register_many(const struct shop *shop, const char *tag, size_t count);

/* Within `ms`: that many live guests, each with one ticket, one document and one mail that the
 * notification service made, no job left, no drift. Says what is wrong otherwise. */
bool each_served_once(int guests, int64_t ms);

/* Mails that the notification service made, one an Idempotency-Key. */
int64_t mails_made(void);
/* Calls that it got. */
int64_t mail_calls(void);
bool mails_made_become(int64_t want, int64_t ms);

#endif
