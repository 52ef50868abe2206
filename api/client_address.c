#include "api/client_address.h"

#include <arpa/inet.h>
#include <string.h>

enum { IPV4_AT = 12, SUBSCRIBER_BYTES = 8 };

static const uint8_t ipv4_prefix[IPV4_AT] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const uint8_t address[ADDRESS_BYTES])
{
	return memcmp(address, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

/* Where the address ends: some proxies write 192.0.2.1:80 or [2001:db8::1]:80. */
static struct slice bare(struct slice text)
{
	const char *colon = memchr(text.at, ':', text.len);
	const char *close = memchr(text.at, ']', text.len);

	if (text.len && *text.at == '[' && close)
		return (struct slice){text.at + 1, (size_t)(close - text.at) - 1};
	if (colon && memchr(text.at, '.', (size_t)(colon - text.at)))
		text.len = (size_t)(colon - text.at);
	return text;
}

static bool parse_address(struct slice text, uint8_t ret[ADDRESS_BYTES])
{
	char copy[INET6_ADDRSTRLEN];

	text = bare(text);
	if (!text.len || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, ret) == 1)
		return true;
	memcpy(ret, ipv4_prefix, sizeof(ipv4_prefix));
	return inet_pton(AF_INET, copy, ret + IPV4_AT) == 1;
}

/* --- proxies ---------------------------------------------------------------------------------- */

/* Bits of "/24" behind an address; false: no number up to `most`. */
static bool parse_bits(const char *text, size_t len, unsigned most, unsigned *ret)
{
	unsigned bits = 0;

	if (!len || len > 3)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		bits = bits * 10 + (unsigned)(text[i] - '0');
	}
	*ret = bits;
	return bits <= most;
}

static bool parse_network(struct slice text, struct network *ret)
{
	const char *slash = memchr(text.at, '/', text.len);
	struct slice address = {text.at, slash ? (size_t)(slash - text.at) : text.len};
	unsigned bits, most;

	if (!parse_address(address, ret->address))
		return false;
	most = is_ipv4(ret->address) ? 32 : 128;
	bits = most;
	if (slash && !parse_bits(slash + 1, text.len - address.len - 1, most, &bits))
		return false;
	ret->bits = bits + (128 - most);
	return true;
}

static struct slice trim(const char *from, size_t len)
{
	while (len && (*from == ' ' || *from == '\t')) {
		from++;
		len--;
	}
	while (len && (from[len - 1] == ' ' || from[len - 1] == '\t'))
		len--;
	return (struct slice){from, len};
}

enum status proxies_parse(const char *list, struct proxies *ret, struct problem *err)
{
	ret->count = 0;
	while (list && *list) {
		size_t len = strcspn(list, ",");

		if (ret->count == PROXIES_MAX ||
		    !parse_network(trim(list, len), &ret->networks[ret->count++]))
			return problem_set(err, ST_CONFIG,
					   "TRUSTED_PROXIES must be up to %d addresses or networks "
					   "with commas",
					   PROXIES_MAX);
		list += len + (list[len] == ',');
	}
	return OK;
}

static bool contains(const struct network *network, const uint8_t address[ADDRESS_BYTES])
{
	size_t whole = network->bits / 8;
	unsigned rest = network->bits % 8;
	unsigned differs;

	if (memcmp(network->address, address, whole) != 0)
		return false;
	if (!rest)
		return true;
	differs = (unsigned)(network->address[whole] ^ address[whole]);
	return differs >> (8 - rest) == 0;
}

static bool is_proxy(const struct proxies *proxies, const uint8_t address[ADDRESS_BYTES])
{
	for (size_t i = 0; i < proxies->count; i++)
		if (contains(&proxies->networks[i], address))
			return true;
	return false;
}

/* --- the client ------------------------------------------------------------------------------- */

static void write_address(const uint8_t address[ADDRESS_BYTES], char ret[ADDRESS_TEXT_SIZE])
{
	uint8_t network[ADDRESS_BYTES] = {0};

	if (is_ipv4(address)) {
		inet_ntop(AF_INET, address + IPV4_AT, ret, ADDRESS_TEXT_SIZE);
		return;
	}
	memcpy(network, address, SUBSCRIBER_BYTES);
	inet_ntop(AF_INET6, network, ret, ADDRESS_TEXT_SIZE);
}

void client_address(const struct proxies *proxies, const char *peer, const char *forwarded,
		    char ret[ADDRESS_TEXT_SIZE])
{
	uint8_t address[ADDRESS_BYTES] = {0}, next[ADDRESS_BYTES];
	size_t end = forwarded ? strlen(forwarded) : 0;

	/* What is no address at all is the same nobody for everybody. */
	if (!parse_address((struct slice){peer, strlen(peer)}, address))
		memset(address, 0, sizeof(address));
	while (end && is_proxy(proxies, address)) {
		size_t start = end;

		while (start && forwarded[start - 1] != ',')
			start--;
		if (!parse_address(trim(forwarded + start, end - start), next))
			break;
		memcpy(address, next, sizeof(address));
		end = start ? start - 1 : 0;
	}
	write_address(address, ret);
}
