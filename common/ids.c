/*
 * ids: identifiers that nobody can guess.
 */
#include "common/ids.h"

#include <limits.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum { SUPPLY = 1024 };

/* A thread's supply. OpenSSL asks for the process id in each call, to see a fork: three system
 * calls a request, a tenth of what refusing one costs. */
static _Thread_local struct {
	unsigned char bytes[SUPPLY];
	size_t left;
} supply;

static void make_random(void *ret, size_t len)
{
	if (len > INT_MAX || RAND_bytes(ret, (int)len) != 1)
		fatal("no random bytes");
}

/* A child that went on with its parent's supply would make the same ids. */
static void forget_supply(void)
{
	memset(&supply, 0, sizeof(supply));
}

static void watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, forget_supply) != 0)
		fatal("out of memory");
}

void ids_random(void *ret, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char *from;

	if (len > SUPPLY) {
		make_random(ret, len);
		return;
	}
	if (supply.left < len) {
		pthread_once(&once, watch_forks);
		make_random(supply.bytes, SUPPLY);
		supply.left = SUPPLY;
	}
	supply.left -= len;
	from = supply.bytes + supply.left;
	memcpy(ret, from, len);
	memset(from, 0, len); /* never twice, and not to be found in a dump */
}

uint64_t ids_random_below(uint64_t bound)
{
	/* Values below 2^64 mod bound would make the small results likelier. */
	uint64_t skip = -bound % bound;
	uint64_t value;

	do {
		ids_random(&value, sizeof(value));
	} while (value < skip);
	return value % bound;
}

static void uuid_text(unsigned char bytes[16], unsigned version, char ret[UUID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	char *at = ret;

	bytes[6] = (unsigned char)((bytes[6] & 0x0F) | (version << 4));
	bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex[bytes[i] >> 4];
		*at++ = hex[bytes[i] & 0x0F];
	}
	*at = '\0';
}

void ids_uuid4(char ret[UUID_SIZE])
{
	unsigned char bytes[16];

	ids_random(bytes, sizeof(bytes));
	uuid_text(bytes, 4, ret);
}

void ids_uuid7(char ret[UUID_SIZE])
{
	unsigned char bytes[16];
	uint64_t ms = (uint64_t)(clock_now_us() / US_PER_MS);

	ids_random(bytes, sizeof(bytes));
	for (int i = 5; i >= 0; i--, ms >>= 8)
		bytes[i] = (unsigned char)(ms & 0xFF);
	uuid_text(bytes, 7, ret);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool ids_is_uuid(const char *text)
{
	for (size_t i = 0; i < UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : !is_hex(text[i]))
			return false;
	}
	return text[UUID_SIZE - 1] == '\0';
}

void ids_code(const char *prefix, char ret[TICKET_CODE_SIZE])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	enum { CHARACTERS = 16, GROUP = 4 };
	unsigned char random[CHARACTERS];
	char text[CHARACTERS + CHARACTERS / GROUP + 1];
	char *at = text;

	/* Five bits of each byte are taken: 80 in all. */
	ids_random(random, sizeof(random));
	for (size_t i = 0; i < CHARACTERS; i++) {
		if (i % GROUP == 0)
			*at++ = '-';
		*at++ = alphabet[random[i] % 32];
	}
	*at = '\0';
	int len = snprintf(ret, TICKET_CODE_SIZE, "%s%s", prefix, text);
	if (len < 0 || len >= TICKET_CODE_SIZE)
		fatal("code prefix \"%s\" is too long", prefix);
}

bool ids_parse(const char *text, size_t len, int64_t *ret_id)
{
	int64_t id = 0;

	if (len == 0 || text[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (__builtin_mul_overflow(id, 10, &id) ||
		    __builtin_add_overflow(id, text[i] - '0', &id))
			return false;
	}
	*ret_id = id;
	return true;
}
