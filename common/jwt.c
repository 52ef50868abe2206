/*
 * Public keys and the signatures made with their private halves (OpenSSL).
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "common/jwt_internal.h"

enum {
	RSA_BITS_MIN = 2048, /* RFC 7518, 3.3 */
	RSA_BITS_MAX = 8192, /* a longer one makes each verification dear */
	COORDINATE = 32,     /* of P-256 and Ed25519 */
	SIGNATURE = 64,      /* of both */
	DER_MAX = 80,
};

struct jwt_key {
	_Atomic int holders;
	enum jwt_alg alg;
	EVP_PKEY *public;
	char *kid;
};

static const unsigned char *bytes_of(struct slice slice)
{
	return (const unsigned char *)slice.at;
}

static void free_bn(BIGNUM **bn)
{
	BN_free(*bn);
}

static void free_builder(OSSL_PARAM_BLD **builder)
{
	OSSL_PARAM_BLD_free(*builder);
}

static void free_params(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

static void free_context(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
}

static void free_digest(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
}

static void free_ecdsa(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}

/* --- keys ------------------------------------------------------------------------------------- */

static EVP_PKEY *key_of_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY *key = NULL;
	CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

static EVP_PKEY *rsa_key(struct slice n, struct slice e)
{
	if (n.len > RSA_BITS_MAX / 8 || e.len == 0 || e.len > sizeof(uint64_t))
		return NULL;
	CLEANUP(free_bn) BIGNUM *modulus = BN_bin2bn(bytes_of(n), (int)n.len, NULL);
	CLEANUP(free_bn) BIGNUM *exponent = BN_bin2bn(bytes_of(e), (int)e.len, NULL);
	CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	if (!modulus || !exponent || !builder ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
		fatal("out of memory");
	if (BN_num_bits(modulus) < RSA_BITS_MIN)
		return NULL;
	CLEANUP(free_params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	return params ? key_of_params("RSA", params) : NULL;
}

static EVP_PKEY *ec_key(struct slice x, struct slice y)
{
	unsigned char point[1 + 2 * COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
	char group[] = "P-256";
	if (x.len != COORDINATE || y.len != COORDINATE)
		return NULL;
	memcpy(point + 1, x.at, COORDINATE);
	memcpy(point + 1 + COORDINATE, y.at, COORDINATE);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end()};
	return key_of_params("EC", params);
}

static EVP_PKEY *ed25519_key(struct slice x)
{
	if (x.len != COORDINATE)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes_of(x), x.len);
}

static EVP_PKEY *public_key(const struct jwt_public *from)
{
	switch (from->alg) {
	case JWT_RS256:
		return rsa_key(from->n, from->e);
	case JWT_ES256:
		return ec_key(from->x, from->y);
	case JWT_EDDSA:
		return ed25519_key(from->x);
	case JWT_HS256:
		break;
	}
	return NULL;
}

/* An RSA modulus with small factors or an even exponent, a point of small order or off its curve.
 */
static bool is_sound(EVP_PKEY *key)
{
	CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	return context && EVP_PKEY_public_check(context) == 1;
}

struct jwt_key *jwt_key_make(const struct jwt_public *from, const char *kid)
{
	EVP_PKEY *public = public_key(from);
	if (!public || !is_sound(public)) {
		EVP_PKEY_free(public);
		ERR_clear_error();
		return NULL;
	}
	struct jwt_key *key = calloc(1, sizeof(*key));
	char *copy = kid ? strdup(kid) : NULL;
	if (!key || (kid && !copy))
		fatal("out of memory");
	*key = (struct jwt_key){.holders = 1, .alg = from->alg, .public = public, .kid = copy};
	return key;
}

struct jwt_key *jwt_key_hold(struct jwt_key *key)
{
	key->holders++;
	return key;
}

void jwt_key_drop(struct jwt_key *key)
{
	if (--key->holders > 0)
		return;
	EVP_PKEY_free(key->public);
	free(key->kid);
	free(key);
}

enum jwt_alg jwt_key_alg(const struct jwt_key *key)
{
	return key->alg;
}

const char *jwt_key_id(const struct jwt_key *key)
{
	return key->kid;
}

/* --- signatures ------------------------------------------------------------------------------- */

/* JWS has r and s side by side (RFC 7518, 3.4), OpenSSL wants DER. Length of the DER, 0: none. */
static size_t der_of(struct slice signature, unsigned char der[DER_MAX])
{
	CLEANUP(free_ecdsa) ECDSA_SIG *both = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes_of(signature), COORDINATE, NULL);
	BIGNUM *s = BN_bin2bn(bytes_of(signature) + COORDINATE, COORDINATE, NULL);
	if (!both || !r || !s || ECDSA_SIG_set0(both, r, s) != 1)
		fatal("out of memory");
	int len = i2d_ECDSA_SIG(both, &der);
	return len > 0 ? (size_t)len : 0;
}

static bool verifies(const struct jwt_key *key, const EVP_MD *hash, struct slice text,
		     const unsigned char *signature, size_t len)
{
	CLEANUP(free_digest) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool ok = digest && EVP_DigestVerifyInit(digest, NULL, hash, NULL, key->public) == 1 &&
		  EVP_DigestVerify(digest, signature, len, bytes_of(text), text.len) == 1;
	if (!ok)
		ERR_clear_error(); /* else libcurl would find it and blame its peer */
	return ok;
}

bool jwt_key_verifies(const struct jwt_key *key, struct slice text, struct slice signature)
{
	unsigned char der[DER_MAX];
	if (key->alg == JWT_RS256)
		return verifies(key, EVP_sha256(), text, bytes_of(signature), signature.len);
	if (signature.len != SIGNATURE)
		return false;
	if (key->alg == JWT_EDDSA)
		return verifies(key, NULL, text, bytes_of(signature), signature.len);
	size_t len = der_of(signature, der);
	return len > 0 && verifies(key, EVP_sha256(), text, der, len);
}
