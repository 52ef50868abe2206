/*
 * client_address: from which address a request came, when proxies stand in front.
 */
#ifndef API_CLIENT_ADDRESS_H
#define API_CLIENT_ADDRESS_H

#include "common/problem.h"

enum { PROXIES_MAX = 32, ADDRESS_BYTES = 16, ADDRESS_TEXT_SIZE = 48 };

/* IPv4 as ::ffff:a.b.c.d, so that there is one kind. */
struct network {
	uint8_t address[ADDRESS_BYTES];
	unsigned bits;
};
struct proxies {
	struct network networks[PROXIES_MAX];
	size_t count;
};

/* Addresses and networks (10.0.0.0/8) with commas; NULL: none. ST_CONFIG. */
enum status proxies_parse(const char *list, struct proxies *ret, struct problem *err) MUST_CHECK;
/* The client's address: the peer's; where that is a trusted proxy, the last of `forwarded` (all of
 * X-Forwarded-For, NULL: none) that is none. What a client wrote there itself stands further left
 * and is not looked at. Of IPv6 only the network (/64) counts, all of which one subscriber has. */
void client_address(const struct proxies *proxies, const char *peer, const char *forwarded,
		    char ret[ADDRESS_TEXT_SIZE]);

#endif
