/*
 * Signatures of webhooks (Standard Webhooks 1.0): what is signed is accepted, what the input makes
 * of the headers or the list of secrets is not, unless it is the same.
 * The input: id NUL timestamp NUL header NUL secrets NUL body.
 */
#include <string.h>

#include "common/sign.h"
#include "tests/fuzz/fuzz.h"

static const char secret[] = "whsec_bm8gaW5wdXQgY2FuIGtub3cgdGhpcyBzZWNyZXQsIDMyIGI=";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	const char *id = fuzz_text(&input, arena);
	const char *timestamp = fuzz_text(&input, arena);
	const char *header = fuzz_text(&input, arena);
	const char *secrets = fuzz_text(&input, arena);
	struct slice body = fuzz_rest(&input);
	struct strbuf good;

	strbuf_init(&good, arena);
	sign_webhook(&good, secret, id, timestamp, body);
	MUST(sign_webhook_verify(arena, secret, id, timestamp, body, good.buf));
	MUST(!sign_webhook_verify(arena, secret, id, timestamp, body, header));
	MUST(!sign_webhook_verify(arena, secret, arena_printf(arena, "%s.", id), timestamp, body,
				  good.buf));
	/* One of several signatures is enough. */
	MUST(sign_webhook_verify(arena, secret, id, timestamp, body,
				 arena_printf(arena, "v1,AAAA %s", good.buf)));
	if (sign_webhook_secrets_valid(secrets)) {
		struct strbuf other;

		strbuf_init(&other, arena);
		sign_webhook(&other, secrets, id, timestamp, body);
		MUST(sign_webhook_verify(arena, secrets, id, timestamp, body, other.buf));
	}
	return 0;
}
