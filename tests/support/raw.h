/*
 * raw: bytes to the API as no well-behaved client sends them, and everything that comes back.
 */
#ifndef TESTS_SUPPORT_RAW_H
#define TESTS_SUPPORT_RAW_H

#include "tests/support/dialogue.h"

/* A connection to what the suite speaks to, the caller's to close; a wait for it ends after 5 s. */
int raw_dial(void);
/* Send the bytes on a new connection to the API, read until it closes or is silent for 5 s. Texts
 * live until the test's process ends. */
const char *raw_exchange(const char *bytes, size_t len);
/* The same; the first answer in it that is not 100, taken apart. Status 0: none came. */
struct reply *raw_say(const char *bytes, size_t len);
/* raw_say of formatted text. */
struct reply *raw_ask(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
