#include "common/sign.h"

#include <string.h>

static const char prefix[] = "whsec_";
static const char version[] = "v1,";

/* The next piece of a list, without the blanks around it; *at moves behind its separator. */
static struct slice next_piece(const char **at, char separator)
{
	const char *start = *at;
	const char *end = strchrnul(start, separator);
	*at = *end ? end + 1 : end;
	while (start < end && *start == ' ')
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	return (struct slice){start, (size_t)(end - start)};
}

static bool starts_with(struct slice text, const char *start)
{
	return text.len >= strlen(start) && memcmp(text.at, start, strlen(start)) == 0;
}

static bool decode_secret(struct arena *arena, struct slice piece, struct slice *ret)
{
	struct slice key;
	if (!starts_with(piece, prefix) ||
	    !base64_decode(arena, piece.at + strlen(prefix), piece.len - strlen(prefix), &key))
		return false;
	if (key.len == 0)
		return false;
	*ret = key;
	return true;
}

static struct slice signed_text(struct arena *arena, const char *id, const char *timestamp,
				struct slice body)
{
	struct strbuf text;
	strbuf_init(&text, arena);
	strbuf_reserve(&text, strlen(id) + strlen(timestamp) + body.len + 2);
	strbuf_addf(&text, "%s.%s.", id, timestamp);
	strbuf_add(&text, body.at, body.len);
	return (struct slice){text.buf, text.len};
}

/* Is one of the header's v1 signatures this MAC? */
static bool lists_mac(struct arena *arena, const char *header, const uint8_t mac[SHA256_SIZE])
{
	bool found = false;
	for (const char *at = header; *at;) {
		struct slice piece = next_piece(&at, ' ');
		struct slice given;
		if (!starts_with(piece, version) ||
		    !base64_decode(arena, piece.at + strlen(version), piece.len - strlen(version),
				   &given))
			continue;
		if (sign_equal(given.at, given.len, mac, SHA256_SIZE))
			found = true;
	}
	return found;
}

bool sign_webhook_verify(struct arena *arena, const char *secrets, const char *id,
			 const char *timestamp, struct slice body, const char *header)
{
	struct slice text = signed_text(arena, id, timestamp, body);
	bool found = false;
	for (const char *at = secrets; *at;) {
		struct slice key;
		if (!decode_secret(arena, next_piece(&at, ','), &key))
			continue;
		uint8_t mac[SHA256_SIZE];
		sign_hmac(key, text.at, text.len, mac);
		if (lists_mac(arena, header, mac))
			found = true;
	}
	return found;
}

void sign_webhook(struct strbuf *out, const char *secrets, const char *id, const char *timestamp,
		  struct slice body)
{
	CLEANUP(arena_clear) struct arena arena;
	arena_init(&arena, 1024);
	struct slice text = signed_text(&arena, id, timestamp, body);
	struct slice key;
	if (!decode_secret(&arena, next_piece(&secrets, ','), &key))
		fatal("the webhook secret is not whsec_ and base64");
	uint8_t mac[SHA256_SIZE];
	sign_hmac(key, text.at, text.len, mac);
	strbuf_adds(out, version);
	base64_encode(out, mac, sizeof(mac));
}

bool sign_webhook_secrets_valid(const char *secrets)
{
	CLEANUP(arena_clear) struct arena arena;
	arena_init(&arena, 1024);
	const char *at = secrets;
	do {
		struct slice key;
		if (!decode_secret(&arena, next_piece(&at, ','), &key))
			return false;
	} while (*at);
	return secrets[strlen(secrets) - 1] != ',';
}
