#include "tests/support/signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sign.h"
#include "tests/support/dialogue.h"

enum { COORDINATE = 32 };

struct signer {
	const char *alg;
	const char *kid;
	EVP_PKEY *key;
	struct signer *before; /* kept within reach, so that it is no leak */
};
static struct signer *_Atomic last_made;

static void must(bool ok, const char *what)
{
	if (!ok)
		fatal("signer: %s failed", what);
}

struct signer *signer_new(const char *alg, const char *kid)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	const char *bits = strchr(alg, '/');

	must(signer, "calloc");
	signer->alg = text("%.*s", (int)strcspn(alg, "/"), alg);
	signer->kid = kid;
	if (!strcmp(signer->alg, "RS256"))
		signer->key = EVP_RSA_gen(bits ? (unsigned)atoi(bits + 1) : 2048);
	else if (!strcmp(signer->alg, "ES256"))
		signer->key = EVP_EC_gen("P-256");
	else
		signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	must(signer->key, "key generation");
	signer->before = last_made;
	while (!atomic_compare_exchange_weak(&last_made, &signer->before, signer))
		;
	return signer;
}

static const char *base64url(const void *data, size_t len)
{
	CLEANUP(strbuf_release) struct strbuf out;

	strbuf_init(&out, NULL);
	base64url_encode(&out, data, len);
	return text("%s", out.buf);
}

static const char *number(const struct signer *signer, const char *name, int size)
{
	BIGNUM *bn = NULL;
	unsigned char bytes[1024];

	must(EVP_PKEY_get_bn_param(signer->key, name, &bn) == 1, name);
	if (!size)
		size = BN_num_bytes(bn);
	must(BN_bn2binpad(bn, bytes, size) == size, name);
	BN_free(bn);
	return base64url(bytes, (size_t)size);
}

const char *signer_modulus(const struct signer *signer)
{
	return number(signer, OSSL_PKEY_PARAM_RSA_N, 0);
}

static const char *material(const struct signer *signer)
{
	unsigned char raw[COORDINATE];
	size_t len = sizeof(raw);

	if (!strcmp(signer->alg, "RS256"))
		return text("\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"", signer_modulus(signer),
			    number(signer, OSSL_PKEY_PARAM_RSA_E, 0));
	if (!strcmp(signer->alg, "ES256"))
		return text("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"",
			    number(signer, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE),
			    number(signer, OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE));
	must(EVP_PKEY_get_raw_public_key(signer->key, raw, &len) == 1, "raw key");
	return text("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"", base64url(raw, len));
}

const char *signer_jwk(const struct signer *signer, const char *more)
{
	const char *kid = signer->kid ? text(",\"kid\":\"%s\"", signer->kid) : "";

	return text("{%s%s%s}", material(signer), kid, more);
}

const char *signer_pem(const struct signer *signer)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *data = NULL;

	must(PEM_write_bio_PUBKEY(memory, signer->key) == 1, "PEM");
	long len = BIO_get_mem_data(memory, &data);
	const char *pem = text("%.*s", (int)len, data);

	BIO_free(memory);
	return pem;
}

/* r and s side by side, out of DER. */
static size_t flatten(const unsigned char *der, size_t len, unsigned char *ret)
{
	ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &der, (long)len);

	must(both && BN_bn2binpad(ECDSA_SIG_get0_r(both), ret, COORDINATE) == COORDINATE &&
		     BN_bn2binpad(ECDSA_SIG_get0_s(both), ret + COORDINATE, COORDINATE) ==
			     COORDINATE,
	     "ECDSA");
	ECDSA_SIG_free(both);
	return (size_t)2 * COORDINATE;
}

const char *signer_sign(const struct signer *signer, const char *header, const char *claims)
{
	bool hashes = strcmp(signer->alg, "EdDSA") != 0;
	const char *signed_text =
		text("%s.%s", base64url(header, strlen(header)), base64url(claims, strlen(claims)));
	unsigned char signature[1024], flat[2 * COORDINATE];
	const unsigned char *at = signature;
	size_t len = sizeof(signature);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();

	must(EVP_DigestSignInit(digest, NULL, hashes ? EVP_sha256() : NULL, NULL, signer->key) ==
			     1 &&
		     EVP_DigestSign(digest, signature, &len, (const unsigned char *)signed_text,
				    strlen(signed_text)) == 1,
	     "signing");
	EVP_MD_CTX_free(digest);
	if (!strcmp(signer->alg, "ES256")) {
		len = flatten(signature, len, flat);
		at = flat;
	}
	return text("%s.%s", signed_text, base64url(at, len));
}

const char *signer_token(const struct signer *signer, const char *claims)
{
	const char *kid = signer->kid ? text(",\"kid\":\"%s\"", signer->kid) : "";

	return signer_sign(signer, text("{\"alg\":\"%s\",\"typ\":\"JWT\"%s}", signer->alg, kid),
			   claims);
}

const char *signer_set(const struct signer *first, ...)
{
	const char *keys = "";
	va_list args;

	va_start(args, first);
	for (const struct signer *one = first; one; one = va_arg(args, const struct signer *))
		keys = text("%s%s%s", keys, *keys ? "," : "",
			    signer_jwk(one, text(",\"use\":\"sig\",\"alg\":\"%s\"", one->alg)));
	va_end(args);
	return text("{\"keys\":[%s]}", keys);
}
