/*
 * credential: the two wire formats that prove a right without a token of the Auth Service: the
 * text in a ticket's QR code, and the token of a signed link. Made by the workers, checked by the
 * API and corectl. It knows formats and keys, not rows.
 *
 * QR text: upper-case base32 (RFC 4648, no padding) of
 *   version 1 · key id 1 byte · ticket, event, guest, issued_ms as LEB128 · 16 bytes of
 *   HMAC-SHA256(key, "EVTQR1" · all bytes before)
 * so that it fits a QR's alphanumeric mode. Only the canonical text is accepted.
 *
 * Secrets: QR_SIGNATURE_SECRET is one secret (key id 1), or "id:secret" pairs separated by commas
 * while rotating; the first signs, all verify.
 */
#ifndef COMMON_CREDENTIAL_H
#define COMMON_CREDENTIAL_H

#include "common/problem.h"

enum { CREDENTIAL_KEYS_MAX = 8, CREDENTIAL_QR_SIZE = 128, CREDENTIAL_LINK_SIZE = 64 };

struct credential_key {
	uint8_t id;
	struct slice secret;
};
struct credential_keys {
	struct credential_key keys[CREDENTIAL_KEYS_MAX];
	size_t count;
};
struct credential_qr {
	int64_t ticket_id;
	int64_t event_id;
	int64_t guest_id;
	int64_t issued_ms;
};

/* Read the configuration value; the text must outlive `ret`. ST_CONFIG naming the variable. */
enum status credential_keys_parse(const char *value, struct credential_keys *ret,
				  struct problem *err) MUST_CHECK;
/* The text to print. */
void credential_qr_make(const struct credential_keys *keys, const struct credential_qr *qr,
			char ret[CREDENTIAL_QR_SIZE]);
/* Check and open a scanned text, compact or the specification's JSON
 * {"ticketId","eventId","guestId","timestamp","signature"} (signature = hex HMAC-SHA256 over
 * "EVT1|ticketId|eventId|guestId|timestamp"). Constant time in the MAC. ST_INVALID_QR for all
 * causes alike. */
enum status credential_qr_open(const struct credential_keys *keys, struct arena *arena,
			       const char *text, size_t len, struct credential_qr *ret,
			       struct problem *err) MUST_CHECK;
/* Token of the signed link to a ticket: base64url(key id · 16 bytes of HMAC-SHA256(key,
 * "EVTLINK1|ticketId|ticketCode")). It dies with the code. */
void credential_link_make(const struct credential_keys *keys, int64_t ticket_id,
			  const char *ticket_code, char ret[CREDENTIAL_LINK_SIZE]);
bool credential_link_check(const struct credential_keys *keys, struct arena *arena,
			   int64_t ticket_id, const char *ticket_code,
			   const char *token) MUST_CHECK;

#endif
