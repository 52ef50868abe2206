/*
 * clients_internal: what the files of the clients share.
 */
#ifndef CHAOS_CLIENTS_INTERNAL_H
#define CHAOS_CLIENTS_INTERNAL_H

#include "tests/chaos/attempt.h"
#include "tests/chaos/book.h"
#include "tests/chaos/clients.h"

/* Token of the organizer of all events. */
const char *clients_organizer(void);
/* A free number, for an operation that another one begins. */
int clients_next_number(void);
/* The path of a guest, and what follows. */
const char *clients_guest_path(const struct known *guest, const char *rest);
struct attempt clients_begin_change(enum op_kind kind, int number, struct dice dice,
				    const struct known *guest);

#endif
