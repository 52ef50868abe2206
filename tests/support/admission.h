/*
 * admission: a guest with a ticket, what is printed on it, and the scan.
 */
#ifndef TESTS_SUPPORT_ADMISSION_H
#define TESTS_SUPPORT_ADMISSION_H

#include "common/credential.h"
#include "tests/support/suite.h"

/* A guest of a free event with a ticket. */
struct guest {
	struct shop shop;
	int64_t id;
	int64_t ticket_id;
	const char *code;
};

/* Registered by USER, as name@example.com. */
struct guest new_guest(const struct shop *shop, const char *name);
/* The same at an event of its own with a hundred seats. */
struct guest only_guest(void);
/* What the QR holds, and the text of it. */
struct credential_qr qr_of(const struct guest *guest);
const char *printed(const struct guest *guest);
/* `member` is "qrCode" or "ticketCode"; scan_id NULL: none. */
struct reply *scan_as(const char *token, const char *member, const char *code, const char *scan_id);
/* A QR, by ORGANIZER. */
struct reply *scan(const char *code);
/* Lines of the scan log with this outcome. */
int64_t logged(const char *outcome);

#endif
