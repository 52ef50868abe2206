/*
 * ids: identifiers from the system's random generator (OpenSSL RAND_bytes; failure is fatal),
 * fetched a kilobyte at a time by each thread. Safe to use after a fork.
 */
#ifndef COMMON_IDS_H
#define COMMON_IDS_H

#include "common/base.h"

enum { UUID_SIZE = 37, TICKET_CODE_SIZE = 32 };

void ids_random(void *ret, size_t len);
/* Uniform in [0, bound), bound > 0: for jitter. */
uint64_t ids_random_below(uint64_t bound);
/* RFC 9562 version 4, lower case text. */
void ids_uuid4(char ret[UUID_SIZE]);
/* RFC 9562 version 7: time ordered, made of the wall clock's milliseconds and 74 random bits. */
void ids_uuid7(char ret[UUID_SIZE]);
/* Is this the text of a UUID (any version, either case)? */
bool ids_is_uuid(const char *text);
/* `prefix`-XXXX-XXXX-XXXX-XXXX: 80 random bits in Crockford base32 (no I L O U). */
void ids_code(const char *prefix, char ret[TICKET_CODE_SIZE]);
/* Decimal of a positive BIGINT without sign, leading zero or blanks. */
bool ids_parse(const char *text, size_t len, int64_t *ret_id) MUST_CHECK;

#endif
