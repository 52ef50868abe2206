#include "common/credential.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/sign.h"

enum { HEX_MAC_SIZE = 2 * SHA256_SIZE };
enum { QR_VERSION = 1, MAC_SIZE = 16, QR_PREFIX_SIZE = 6, BYTES_MAX = 2 + 4 * 9 + MAC_SIZE };

static const char qr_prefix[] = "EVTQR1";

/* "12:secret" of a list while rotating. */
static enum status parse_pair(struct slice piece, struct credential_key *ret, struct problem *err)
{
	unsigned id = 0;
	size_t at = 0;
	while (at < piece.len && at < 3 && isdigit((unsigned char)piece.at[at]))
		id = id * 10 + (unsigned)(piece.at[at++] - '0');
	if (at == 0 || at == piece.len || piece.at[at] != ':' || id == 0 || id > UINT8_MAX)
		return problem_set(err, ST_CONFIG,
				   "QR_SIGNATURE_SECRET must be one secret or id:secret pairs with "
				   "ids from 1 to 255");
	if (at + 1 == piece.len)
		return problem_set(err, ST_CONFIG,
				   "QR_SIGNATURE_SECRET has an empty secret with id %u", id);
	*ret = (struct credential_key){(uint8_t)id, {piece.at + at + 1, piece.len - at - 1}};
	return OK;
}

static const struct credential_key *find_key(const struct credential_keys *keys, uint8_t id)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->keys[i].id == id)
			return &keys->keys[i];
	}
	return NULL;
}

static enum status parse_pairs(const char *value, struct credential_keys *ret, struct problem *err)
{
	struct credential_keys keys = {.count = 0};
	for (const char *at = value;; at++) {
		at += strspn(at, " ");
		struct slice piece = {at, strcspn(at, ",")};
		struct credential_key key = {.id = 0};
		enum status status = parse_pair(piece, &key, err);
		if (status != OK)
			return status;
		if (find_key(&keys, key.id))
			return problem_set(err, ST_CONFIG, "QR_SIGNATURE_SECRET names id %u twice",
					   key.id);
		if (keys.count == CREDENTIAL_KEYS_MAX)
			return problem_set(err, ST_CONFIG,
					   "QR_SIGNATURE_SECRET has more than %d secrets",
					   CREDENTIAL_KEYS_MAX);
		keys.keys[keys.count++] = key;
		at += piece.len;
		if (*at == '\0')
			break;
	}
	*ret = keys;
	return OK;
}

enum status credential_keys_parse(const char *value, struct credential_keys *ret,
				  struct problem *err)
{
	if (!value || *value == '\0')
		return problem_set(err, ST_CONFIG, "QR_SIGNATURE_SECRET is missing");
	size_t digits = strspn(value, "0123456789");
	if (digits > 0 && value[digits] == ':')
		return parse_pairs(value, ret, err);
	*ret = (struct credential_keys){.keys = {{1, {value, strlen(value)}}}, .count = 1};
	return OK;
}

/* --- the compact text --- */

static void qr_mac(struct slice secret, const uint8_t *bytes, size_t len, uint8_t ret[SHA256_SIZE])
{
	uint8_t text[QR_PREFIX_SIZE + BYTES_MAX];
	assert(len <= BYTES_MAX);
	memcpy(text, qr_prefix, QR_PREFIX_SIZE);
	memcpy(text + QR_PREFIX_SIZE, bytes, len);
	sign_hmac(secret, text, QR_PREFIX_SIZE + len, ret);
}

/* Unsigned LEB128 (DWARF 5, 7.6). Returns the bytes written. */
static size_t put_leb128(uint8_t *ret, int64_t value)
{
	size_t len = 0;
	uint64_t rest = (uint64_t)value;
	while (rest > 0x7f) {
		ret[len++] = (uint8_t)(rest | 0x80);
		rest >>= 7;
	}
	ret[len++] = (uint8_t)rest;
	return len;
}

/* The shortest form of a number up to 2^63-1; *at moves behind it. */
static bool take_leb128(const uint8_t **at, const uint8_t *end, int64_t *ret)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 63 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0)
			return false;
		*ret = (int64_t)value;
		return true;
	}
	return false;
}

void credential_qr_make(const struct credential_keys *keys, const struct credential_qr *qr,
			char ret[CREDENTIAL_QR_SIZE])
{
	assert(keys->count > 0);
	uint8_t bytes[BYTES_MAX] = {QR_VERSION, keys->keys[0].id};
	size_t len = 2;
	len += put_leb128(bytes + len, qr->ticket_id);
	len += put_leb128(bytes + len, qr->event_id);
	len += put_leb128(bytes + len, qr->guest_id);
	len += put_leb128(bytes + len, qr->issued_ms);
	uint8_t mac[SHA256_SIZE];
	qr_mac(keys->keys[0].secret, bytes, len, mac);
	memcpy(bytes + len, mac, MAC_SIZE);

	CLEANUP(strbuf_release) struct strbuf text;
	strbuf_init(&text, NULL);
	base32_encode(&text, bytes, len + MAC_SIZE);
	assert(text.len < CREDENTIAL_QR_SIZE);
	memcpy(ret, text.buf, text.len + 1);
}

static bool positive_ids(const struct credential_qr *qr)
{
	return qr->ticket_id > 0 && qr->event_id > 0 && qr->guest_id > 0 && qr->issued_ms >= 0;
}

static bool open_compact(const struct credential_keys *keys, struct arena *arena, const char *text,
			 size_t len, struct credential_qr *ret)
{
	struct slice raw;
	if (len >= CREDENTIAL_QR_SIZE || !base32_decode(arena, text, len, &raw))
		return false;
	if (raw.len <= 2 + MAC_SIZE || raw.len > BYTES_MAX)
		return false;
	const uint8_t *bytes = (const uint8_t *)raw.at;
	const uint8_t *end = bytes + raw.len - MAC_SIZE;
	const struct credential_key *key = find_key(keys, bytes[1]);
	if (bytes[0] != QR_VERSION || !key)
		return false;
	uint8_t mac[SHA256_SIZE];
	qr_mac(key->secret, bytes, raw.len - MAC_SIZE, mac);
	if (!sign_equal(mac, MAC_SIZE, end, MAC_SIZE))
		return false;
	struct credential_qr qr;
	const uint8_t *at = bytes + 2;
	if (!take_leb128(&at, end, &qr.ticket_id) || !take_leb128(&at, end, &qr.event_id) ||
	    !take_leb128(&at, end, &qr.guest_id) || !take_leb128(&at, end, &qr.issued_ms))
		return false;
	if (at != end || !positive_ids(&qr))
		return false;
	*ret = qr;
	return true;
}

/* --- the specification's JSON --- */

struct json_qr {
	struct credential_qr qr;
	const char *signature;
};

#define JSON_QR_FIELD(json, kind, member, least, most)                                             \
	{                                                                                          \
		.name = (json), .type = (kind), .flags = FIELD_REQUIRED,                           \
		.offset = offsetof(struct json_qr, member), .min = (least), .max = (most)          \
	}

static const struct field json_qr_fields[] = {
	JSON_QR_FIELD("ticketId", FIELD_ID, qr.ticket_id, 0, 0),
	JSON_QR_FIELD("eventId", FIELD_ID, qr.event_id, 0, 0),
	JSON_QR_FIELD("guestId", FIELD_ID, qr.guest_id, 0, 0),
	JSON_QR_FIELD("timestamp", FIELD_INT, qr.issued_ms, 0, 0),
	JSON_QR_FIELD("signature", FIELD_STRING, signature, HEX_MAC_SIZE, HEX_MAC_SIZE),
};
static const struct schema json_qr_schema = SCHEMA(json_qr_fields, struct json_qr);

static bool json_signed(const struct credential_keys *keys, const struct json_qr *given)
{
	uint8_t signature[SHA256_SIZE];
	if (!sign_unhex(given->signature, strlen(given->signature), signature))
		return false;
	char text[128];
	int len = snprintf(text, sizeof(text), "EVT1|%lld|%lld|%lld|%lld",
			   (long long)given->qr.ticket_id, (long long)given->qr.event_id,
			   (long long)given->qr.guest_id, (long long)given->qr.issued_ms);
	bool found = false;
	for (size_t i = 0; i < keys->count; i++) {
		uint8_t mac[SHA256_SIZE];
		sign_hmac(keys->keys[i].secret, text, (size_t)len, mac);
		if (sign_equal(mac, sizeof(mac), signature, sizeof(signature)))
			found = true;
	}
	return found;
}

static bool open_json(const struct credential_keys *keys, struct arena *arena, const char *text,
		      size_t len, struct credential_qr *ret)
{
	struct json_document *doc;
	struct json_qr given;
	struct problem ignored = {.status = OK};
	if (json_parse(arena, text, len, &doc, &ignored) != OK ||
	    json_decode(arena, doc, &json_qr_schema, JSON_CREATE, &given, &ignored) != OK)
		return false;
	if (!positive_ids(&given.qr) || !json_signed(keys, &given))
		return false;
	*ret = given.qr;
	return true;
}

enum status credential_qr_open(const struct credential_keys *keys, struct arena *arena,
			       const char *text, size_t len, struct credential_qr *ret,
			       struct problem *err)
{
	bool good = len > 0 && text[0] == '{' ? open_json(keys, arena, text, len, ret)
					      : open_compact(keys, arena, text, len, ret);
	if (!good)
		return problem_set(err, ST_INVALID_QR, "The code is not one of our tickets'");
	return OK;
}

/* --- the signed link --- */

static void link_token(const struct credential_key *key, int64_t ticket_id, const char *ticket_code,
		       char ret[CREDENTIAL_LINK_SIZE])
{
	CLEANUP(strbuf_release) struct strbuf text;
	strbuf_init(&text, NULL);
	strbuf_addf(&text, "EVTLINK1|%lld|%s", (long long)ticket_id, ticket_code);
	uint8_t mac[SHA256_SIZE];
	sign_hmac(key->secret, text.buf, text.len, mac);
	uint8_t token[1 + MAC_SIZE] = {key->id};
	memcpy(token + 1, mac, MAC_SIZE);
	strbuf_truncate(&text, 0);
	base64url_encode(&text, token, sizeof(token));
	memcpy(ret, text.buf, text.len + 1);
}

void credential_link_make(const struct credential_keys *keys, int64_t ticket_id,
			  const char *ticket_code, char ret[CREDENTIAL_LINK_SIZE])
{
	assert(keys->count > 0);
	link_token(&keys->keys[0], ticket_id, ticket_code, ret);
}

bool credential_link_check(const struct credential_keys *keys, struct arena *arena,
			   int64_t ticket_id, const char *ticket_code, const char *token)
{
	struct slice raw;
	size_t len = strnlen(token, CREDENTIAL_LINK_SIZE);
	if (len >= CREDENTIAL_LINK_SIZE || !base64url_decode(arena, token, len, &raw))
		return false;
	if (raw.len != 1 + MAC_SIZE)
		return false;
	const struct credential_key *key = find_key(keys, (uint8_t)raw.at[0]);
	if (!key)
		return false;
	char expected[CREDENTIAL_LINK_SIZE];
	link_token(key, ticket_id, ticket_code, expected);
	return sign_equal(expected, strlen(expected), token, len);
}
