/*
 * Where a request came from: a list of proxies, the peer and X-Forwarded-For. What comes out is an
 * address, and without a trusted proxy it does not depend on what was forwarded.
 */
#include <arpa/inet.h>
#include <string.h>

#include "api/client_address.h"
#include "tests/fuzz/fuzz.h"

static bool is_address(const char *text)
{
	uint8_t bytes[ADDRESS_BYTES];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	const char *list = fuzz_text(&input, arena);
	const char *peer = fuzz_text(&input, arena);
	const char *forwarded = fuzz_text(&input, arena);
	static const struct proxies none;
	char client[ADDRESS_TEXT_SIZE], alone[ADDRESS_TEXT_SIZE];
	struct proxies proxies;
	struct problem err = {0};

	client_address(&none, peer, forwarded, client);
	client_address(&none, peer, NULL, alone);
	MUST(!strcmp(client, alone) && is_address(client));
	if (proxies_parse(list, &proxies, &err)) {
		MUST(err.status == ST_CONFIG);
		return 0;
	}
	MUST(proxies.count <= PROXIES_MAX);
	client_address(&proxies, peer, forwarded, client);
	MUST(is_address(client));
	return 0;
}
