/*
 * record: what tests said to the API and what it answered, kept for the check of both against the
 * API document.
 */
#ifndef TESTS_SUPPORT_RECORD_H
#define TESTS_SUPPORT_RECORD_H

#include "tests/support/dialogue.h"

/* One JSON line of a saying to an address that is on record, see say_on_record. A saying that got
 * no answer is left out. */
void record_reply(const struct saying *saying, const struct reply *reply);

#endif
