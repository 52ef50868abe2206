/*
 * Key sets: which keys of a document are of use, and when an address is asked.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/httpd.h"
#include "common/jwks.h"
#include "common/sign.h"
#include "tests/support/crowd.h"
#include "tests/support/dialogue.h"
#include "tests/support/signer.h"

enum { REFRESH_S = 300, LONG_MS = 20000 };

/* --- documents ------------------------------------------------------------------------------- */

static struct signer *rsa, *ec, *ed;

static void make_keys(void)
{
	rsa = signer_new("RS256", "r");
	ec = signer_new("ES256", "e");
	ed = signer_new("EdDSA", "d");
}

static enum status load(struct jwks *jwks, const char *document, struct problem *err)
{
	return jwks_load(jwks, (struct slice){document, strlen(document)}, err);
}

static bool holds(struct jwks *jwks, const char *kid, enum jwt_alg alg)
{
	struct problem err = {0};
	struct jwt_key *key;
	uint64_t generation = 0;
	enum status status = jwks_key(jwks, kid, alg, &key, &generation, &err);
	if (status != OK)
		return false;
	ck_assert_uint_eq(generation, jwks_generation(jwks));
	jwt_key_drop(key);
	return true;
}

/* One key with these members: is it of use? */
static bool of_use(const char *key)
{
	struct jwks *jwks = jwks_open(NULL, 0);
	struct problem err = {0};
	enum status status = load(jwks, text("{\"keys\":[%s]}", key), &err);
	if (status != OK) {
		ck_assert_int_eq(status, ST_MALFORMED);
		ck_assert_str_eq(err.detail, "the key set has no key of use");
	}
	jwks_close(jwks);
	return status == OK;
}

START_TEST(test_keys_of_use)
{
	static const struct {
		const char *more;
		bool of_use;
	} cases[] = {
		{"", true},
		{",\"use\":\"sig\"", true},
		{",\"use\":\"enc\"", false},
		{",\"use\":null", false},
		{",\"key_ops\":[\"verify\"]", true},
		{",\"key_ops\":[\"sign\",\"verify\"]", true},
		{",\"key_ops\":[\"encrypt\"]", false},
		{",\"key_ops\":[]", false},
		{",\"key_ops\":7", false},
		{",\"alg\":\"none\"", false},
		{",\"alg\":\"HS256\"", false},
		{",\"alg\":\"PS256\"", false},
		{",\"alg\":null", false},
		{",\"d\":\"AQAB\"", false},
		{",\"x5c\":[\"MIIB\"],\"x5t\":\"x\",\"ext\":true", true},
	};
	const struct signer *const each[] = {rsa, ec, ed};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t k = 0; k < ARRAY_LEN(each); k++)
			ck_assert_msg(of_use(signer_jwk(each[k], cases[i].more)) == cases[i].of_use,
				      "%s of %zu", cases[i].more, k);
	}
	ck_assert(of_use(signer_jwk(rsa, ",\"alg\":\"RS256\"")));
	ck_assert(!of_use(signer_jwk(rsa, ",\"alg\":\"ES256\"")));
	ck_assert(of_use(signer_jwk(ec, ",\"alg\":\"ES256\"")));
	ck_assert(!of_use(signer_jwk(ec, ",\"alg\":\"EdDSA\"")));
	ck_assert(of_use(signer_jwk(ed, ",\"alg\":\"EdDSA\"")));
	ck_assert(of_use(signer_jwk(ed, ",\"alg\":\"Ed25519\"")));
}
END_TEST

START_TEST(test_keys_of_no_use)
{
	char kid[600] = {0};
	memset(kid, 'k', 256);
	const char *const keys[] = {
		"{}",
		"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		text("{\"kty\":\"RSA\",\"n\":\"%s\"}", signer_modulus(rsa)),
		text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"\"}", signer_modulus(rsa)),
		text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQ\"}", signer_modulus(rsa)),
		text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"Ag\"}", signer_modulus(rsa)),
		text("{\"kty\":\"RSA\",\"n\":\"%s=\",\"e\":\"AQAB\"}", signer_modulus(rsa)),
		signer_jwk(signer_new("RS256/1024", "short"), ""),
		signer_jwk(signer_new("RS256/2040", "short"), ""),
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
		/* a point that lies on no curve */
		"{\"kty\":\"EC\",\"crv\":\"P-256\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AQAB\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}",
		"{\"kty\":\"OKP\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		signer_jwk(signer_new("ES256", kid), ""),
		signer_jwk(signer_new("ES256", NULL), ",\"kid\":7"),
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		ck_assert_msg(!of_use(keys[i]), "%s", keys[i]);
	ck_assert(of_use(signer_jwk(signer_new("ES256", kid + 1), "")));
	ck_assert(of_use(signer_jwk(signer_new("ES256", NULL), "")));
}
END_TEST

static const char *many_keys(int count)
{
	CLEANUP(strbuf_release) struct strbuf out;
	strbuf_init(&out, NULL);
	strbuf_adds(&out, "{\"keys\":[");
	for (int i = 0; i < count; i++)
		strbuf_addf(&out, "%s{\"kty\":\"oct\",\"kid\":\"%d\"}", i ? "," : "", i);
	strbuf_addf(&out, ",%s]}", signer_jwk(ed, ""));
	return text("%s", out.buf);
}

START_TEST(test_documents)
{
	char pad[JWKS_BYTES_MAX + 1] = {0};
	memset(pad, ' ', sizeof(pad) - 1);
	const char *const bad[] = {"",
				   "{}",
				   "[]",
				   "null",
				   "{\"keys\":{}}",
				   "{\"keys\":[7]}",
				   "{\"keys\":[]}",
				   "<html>",
				   "{\"keys\":[]",
				   many_keys(64),
				   text("%s%s", signer_set(ed, (const struct signer *)NULL), pad)};
	struct jwks *jwks = jwks_open(NULL, 0);
	struct problem err = {0};
	ck_assert_int_eq(load(jwks, signer_set(rsa, ec, (const struct signer *)NULL), &err), OK);
	uint64_t generation = jwks_generation(jwks);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(load(jwks, bad[i], &err) == ST_MALFORMED, "%.100s", bad[i]);
		ck_assert(holds(jwks, "r", JWT_RS256) && holds(jwks, "e", JWT_ES256));
		ck_assert_uint_eq(jwks_generation(jwks), generation);
	}
	ck_assert_int_eq(load(jwks, many_keys(63), &err), OK);
	ck_assert(holds(jwks, "d", JWT_EDDSA) && !holds(jwks, "r", JWT_RS256));
	ck_assert_uint_ne(jwks_generation(jwks), generation);
	jwks_close(jwks);
}
END_TEST

START_TEST(test_names)
{
	struct signer *other = signer_new("ES256", "r"), *second = signer_new("RS256", "s");
	struct jwks *jwks = jwks_open(NULL, 0);
	struct problem err = {0};
	ck_assert_int_eq(load(jwks, signer_set(rsa, other, (const struct signer *)NULL), &err), OK);
	ck_assert(holds(jwks, "r", JWT_RS256) && holds(jwks, "r", JWT_ES256));
	ck_assert(!holds(jwks, "r", JWT_EDDSA) && !holds(jwks, "R", JWT_RS256));
	ck_assert(holds(jwks, NULL, JWT_RS256) && !holds(jwks, NULL, JWT_EDDSA));
	ck_assert_int_eq(load(jwks, signer_set(rsa, second, (const struct signer *)NULL), &err),
			 OK);
	ck_assert_msg(!holds(jwks, NULL, JWT_RS256), "one of two was guessed");
	jwks_close(jwks);
}
END_TEST

/* --- an address ------------------------------------------------------------------------------- */

static struct {
	struct httpd *httpd;
	_Atomic int asked;
	const char *_Atomic document;
	_Atomic int status;
	_Atomic bool held; /* the answer waits until it is not */
} server;

static void answer(void *ctx, struct http_exchange *exchange)
{
	const char *document = server.document;
	(void)ctx;
	server.asked++;
	for (int64_t until = clock_monotonic_us() + LONG_MS * US_PER_MS;
	     server.held && clock_monotonic_us() < until;)
		clock_sleep_ms(5);
	exchange->response.status = server.status;
	exchange->response.content_type = "application/json";
	exchange->response.body = (struct slice){document, strlen(document)};
	if (server.status == 302)
		http_add_header(exchange, "Location", "/elsewhere");
}

static void serve(int port)
{
	struct httpd_options options = {.port = port,
					.address = "127.0.0.1",
					.threads = 4,
					.connection_queue = 4,
					.request_timeout_ms = 10000,
					.keep_alive_timeout_ms = 1000,
					.handler = answer};
	struct problem err = {0};
	ck_assert_msg(httpd_start(&options, &server.httpd, &err) == OK, "%s", err.detail);
}

static struct jwks *jwks;

static void begin(void)
{
	make_keys();
	server.status = 200;
	server.document = signer_set(rsa, (const struct signer *)NULL);
	serve(0);
}

static void begin_open(void)
{
	begin();
	jwks = jwks_open(text("http://127.0.0.1:%d/keys", httpd_port(server.httpd)), REFRESH_S);
	ck_assert_msg(holds(jwks, "r", JWT_RS256), "the first set was not waited for");
	ck_assert_int_eq(server.asked, 1);
}

static void end(void)
{
	jwks_close(jwks);
	if (server.httpd)
		httpd_drain(server.httpd, 1000);
}

static enum status ask(const char *kid)
{
	struct problem err = {0};
	struct jwt_key *key;
	uint64_t generation;
	enum status status = jwks_key(jwks, kid, JWT_ES256, &key, &generation, &err);
	if (status == OK)
		jwt_key_drop(key);
	return status;
}

START_TEST(test_a_new_key_is_fetched)
{
	uint64_t generation = jwks_generation(jwks);
	server.document = signer_set(rsa, ec, (const struct signer *)NULL);
	ck_assert_int_eq(ask("e"), OK);
	ck_assert_int_eq(server.asked, 2);
	ck_assert_uint_ne(jwks_generation(jwks), generation);
	ck_assert(holds(jwks, "r", JWT_RS256) && holds(jwks, "e", JWT_ES256));
	ck_assert_int_eq(server.asked, 2);
}
END_TEST

START_TEST(test_what_asks_for_nothing)
{
	ck_assert_int_eq(ask(NULL), ST_UNAUTHORIZED);
	ck_assert_msg(ask("r") == ST_UNAUTHORIZED, "a key of another kind has the name");
	ck_assert_int_eq(server.asked, 1);
	/* A set that comes again as it was makes nobody verify again. */
	uint64_t generation = jwks_generation(jwks);
	ck_assert_int_eq(ask("e"), ST_UNAUTHORIZED);
	ck_assert_int_eq(server.asked, 2);
	ck_assert_uint_eq(jwks_generation(jwks), generation);
}
END_TEST

static void storm(void *ctx, size_t i)
{
	(void)ctx;
	for (int n = 0; n < 200; n++) {
		enum status status = ask(text("%zu-%d", i, n));
		/* Those above the bound of waiting ones are not told. */
		ck_assert_msg(status == ST_UNAUTHORIZED || status == ST_AUTH_UNAVAILABLE, "%d",
			      status);
		ck_assert(holds(jwks, "r", JWT_RS256));
	}
}

START_TEST(test_a_storm_of_unknown_names)
{
	crowd(100, storm, NULL);
	ck_assert_int_eq(server.asked, 2);
	ck_assert_int_eq(ask("one more"), ST_UNAUTHORIZED);
	ck_assert_int_eq(server.asked, 2);
}
END_TEST

static void *ask_aside(void *ctx)
{
	enum status *ret = ctx;
	*ret = ask("e");
	return NULL;
}

START_TEST(test_a_fetch_holds_nobody_else_up)
{
	pthread_t waiting;
	enum status status = OK;
	server.held = true;
	server.document = signer_set(rsa, ec, (const struct signer *)NULL);
	ck_assert_int_eq(pthread_create(&waiting, NULL, ask_aside, &status), 0);
	while (server.asked < 2)
		clock_sleep_ms(1);
	int64_t start = clock_monotonic_us();
	for (int i = 0; i < 10000; i++)
		ck_assert(holds(jwks, "r", JWT_RS256));
	ck_assert_int_lt(clock_monotonic_us() - start, US_PER_S);
	server.held = false;
	pthread_join(waiting, NULL);
	ck_assert_int_eq(status, OK);
}
END_TEST

/* An address that hangs: the one who waits is told so in time. */
START_TEST(test_a_hanging_address)
{
	server.held = true;
	int64_t start = clock_monotonic_us();
	ck_assert_int_eq(ask("e"), ST_AUTH_UNAVAILABLE);
	int64_t took_ms = (clock_monotonic_us() - start) / US_PER_MS;
	ck_assert_msg(took_ms >= 1500 && took_ms < 10000, "%lld ms", (long long)took_ms);
	ck_assert(holds(jwks, "r", JWT_RS256));
	start = clock_monotonic_us();
	ck_assert_int_eq(ask("f"), ST_AUTH_UNAVAILABLE);
	ck_assert_int_lt(clock_monotonic_us() - start, US_PER_S);
	server.held = false;
}
END_TEST

/* Whatever comes instead of a set, the keys stay, and who names another is not told that it is bad.
 */
START_TEST(test_keys_stay)
{
	char large[JWKS_BYTES_MAX + 10] = {0};
	memset(large, ' ', sizeof(large) - 1);
	const struct {
		int status;
		const char *document;
	} ways[] = {{500, "{}"},  {404, "{}"},          {302, "{}"},
		    {204, ""},    {200, "x"},           {200, "{\"keys\":[]}"},
		    {200, large}, {200, "{\"keys\":7}"}};
	server.status = ways[_i].status;
	server.document = ways[_i].document;
	ck_assert_int_eq(ask("e"), ST_AUTH_UNAVAILABLE);
	ck_assert_int_eq(server.asked, 2);
	ck_assert(holds(jwks, "r", JWT_RS256));
	ck_assert_int_eq(ask("r"), ST_UNAUTHORIZED);
	ck_assert_int_eq(ask("e"), ST_AUTH_UNAVAILABLE);
	ck_assert_int_eq(server.asked, 2);
}
END_TEST

START_TEST(test_a_withdrawn_key_goes)
{
	begin();
	jwks = jwks_open(text("http://127.0.0.1:%d/keys", httpd_port(server.httpd)), 1);
	ck_assert(holds(jwks, "r", JWT_RS256));
	server.document = signer_set(ec, (const struct signer *)NULL);
	int64_t until = clock_monotonic_us() + LONG_MS * US_PER_MS;
	while (holds(jwks, "r", JWT_RS256) && clock_monotonic_us() < until)
		clock_sleep_ms(10);
	ck_assert(!holds(jwks, "r", JWT_RS256) && holds(jwks, "e", JWT_ES256));
	ck_assert_int_eq(server.asked, 2);
}
END_TEST

START_TEST(test_an_address_that_comes_late)
{
	begin();
	int port = httpd_port(server.httpd);
	httpd_drain(server.httpd, 1000);
	server.httpd = NULL;
	jwks = jwks_open(text("http://127.0.0.1:%d/keys", port), REFRESH_S);
	ck_assert_int_eq(ask("e"), ST_AUTH_UNAVAILABLE);
	ck_assert_int_eq(ask(NULL), ST_AUTH_UNAVAILABLE);
	server.document = signer_set(ec, (const struct signer *)NULL);
	serve(port);
	int64_t until = clock_monotonic_us() + LONG_MS * US_PER_MS;
	while (ask("e") != OK && clock_monotonic_us() < until)
		clock_sleep_ms(10);
	ck_assert_int_eq(ask("e"), OK);
	ck_assert_int_eq(ask(NULL), OK);
	ck_assert_int_eq(server.asked, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jwks");
	TCase *documents = tcase_create("documents");
	TCase *address = tcase_create("address");
	TCase *start = tcase_create("start");
	http_client_init();
	tcase_add_checked_fixture(documents, make_keys, NULL);
	tcase_set_timeout(documents, 60);
	tcase_add_test(documents, test_keys_of_use);
	tcase_add_test(documents, test_keys_of_no_use);
	tcase_add_test(documents, test_documents);
	tcase_add_test(documents, test_names);
	tcase_add_checked_fixture(address, begin_open, end);
	tcase_set_timeout(address, 60);
	tcase_add_test(address, test_a_new_key_is_fetched);
	tcase_add_test(address, test_what_asks_for_nothing);
	tcase_add_test(address, test_a_storm_of_unknown_names);
	tcase_add_test(address, test_a_fetch_holds_nobody_else_up);
	tcase_add_test(address, test_a_hanging_address);
	tcase_add_loop_test(address, test_keys_stay, 0, 8);
	tcase_add_checked_fixture(start, NULL, end);
	tcase_set_timeout(start, 60);
	tcase_add_test(start, test_a_withdrawn_key_goes);
	tcase_add_test(start, test_an_address_that_comes_late);
	suite_add_tcase(suite, documents);
	suite_add_tcase(suite, address);
	suite_add_tcase(suite, start);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
