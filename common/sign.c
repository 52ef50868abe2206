#include "common/sign.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

enum { KEY_KEPT_MAX = 128 };

/*
 * What one thread computes with. Fetching algorithms takes locks and preparing a key costs three
 * times the MAC of a short text, so both are kept: the last key stays in its context.
 */
struct signer {
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *mac;
	uint8_t key[KEY_KEPT_MAX];
	size_t key_len; /* 0: none is kept */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t signers;
static EVP_MD *sha256;
static EVP_MAC *hmac;

/* --- OpenSSL without memory ----------------------------------------------------------------------
 *
 * A check that found none would call a good signature bad. Before main: afterwards OpenSSL keeps
 * the allocator it has used. */

static void *crypto_alloc(size_t size, const char *file UNUSED, int line UNUSED)
{
	return memory_alloc(size);
}

static void *crypto_realloc(void *memory, size_t size, const char *file UNUSED, int line UNUSED)
{
	return memory_realloc(memory, size);
}

static void crypto_free(void *memory, const char *file UNUSED, int line UNUSED)
{
	free(memory);
}

static __attribute__((constructor)) void give_memory(void)
{
	if (CRYPTO_set_mem_functions(crypto_alloc, crypto_realloc, crypto_free) != 1)
		fatal("OpenSSL has taken memory before it was given any");
}

/* --- what a thread computes with -----------------------------------------------------------------
 */

static void signer_free(void *value)
{
	struct signer *signer = value;
	EVP_MD_CTX_free(signer->digest);
	EVP_MAC_CTX_free(signer->mac);
	OPENSSL_cleanse(signer->key, sizeof(signer->key));
	free(signer);
}

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!sha256 || !hmac || pthread_key_create(&signers, signer_free) != 0)
		fatal("SHA-256 or HMAC is not available");
}

static struct signer *signer_of_thread(void)
{
	pthread_once(&once, fetch);
	struct signer *signer = pthread_getspecific(signers);
	if (signer)
		return signer;
	signer = calloc(1, sizeof(*signer));
	if (!signer)
		fatal("out of memory");
	signer->digest = EVP_MD_CTX_new();
	signer->mac = EVP_MAC_CTX_new(hmac);
	if (!signer->digest || !signer->mac || pthread_setspecific(signers, signer) != 0)
		fatal("out of memory");
	return signer;
}

void sign_sha256(const void *data, size_t len, uint8_t ret[SHA256_SIZE])
{
	struct signer *signer = signer_of_thread();
	if (EVP_DigestInit_ex2(signer->digest, sha256, NULL) != 1 ||
	    EVP_DigestUpdate(signer->digest, data, len) != 1 ||
	    EVP_DigestFinal_ex(signer->digest, ret, NULL) != 1)
		fatal("SHA-256 failed");
}

/* Start a MAC; a key equal to the last one is not prepared again. */
static int start_mac(struct signer *signer, struct slice key)
{
	if (key.len == signer->key_len && CRYPTO_memcmp(key.at, signer->key, key.len) == 0)
		return EVP_MAC_init(signer->mac, NULL, 0, NULL);
	char digest_name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
		OSSL_PARAM_construct_end()};
	signer->key_len = 0;
	if (EVP_MAC_init(signer->mac, (const unsigned char *)key.at, key.len, params) != 1)
		return 0;
	if (key.len <= sizeof(signer->key)) {
		memcpy(signer->key, key.at, key.len);
		signer->key_len = key.len;
	}
	return 1;
}

void sign_hmac(struct slice key, const void *data, size_t len, uint8_t ret[SHA256_SIZE])
{
	assert(key.len > 0); /* OpenSSL would compute with an empty key */
	struct signer *signer = signer_of_thread();
	size_t written = 0;
	if (start_mac(signer, key) != 1 || EVP_MAC_update(signer->mac, data, len) != 1 ||
	    EVP_MAC_final(signer->mac, ret, &written, SHA256_SIZE) != 1 || written != SHA256_SIZE)
		fatal("HMAC-SHA256 failed");
}

bool sign_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

void sign_hex(const void *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool sign_unhex(const char *text, size_t len, uint8_t *ret)
{
	if (len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_value(text[i]);
		int low = hex_value(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret[i / 2] = (uint8_t)(high * 16 + low);
	}
	return true;
}
