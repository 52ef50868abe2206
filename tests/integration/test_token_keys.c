/*
 * Tokens signed with private keys at the API: keys that change under load, unknown ones, a key set
 * that is away, and the move from a shared secret.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/crowd.h"
#include "tests/support/servers.h"
#include "tests/support/signer.h"
#include "tests/support/suite.h"

enum { LOADERS = 8, REQUESTS = 150, STORM = 40 };

static struct signer *rsa, *ec, *ed;

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

static void publish(const char *set)
{
	must(say(&(struct saying){.method = "POST",
				  .url = text("%s/_control/jwks", suite_platform()),
				  .body = set}),
	     204);
}

static int fetches(void)
{
	return reply_count(platform_calls("jwks"), "data");
}

static const char *claims(int64_t user_id)
{
	return text("{\"sub\":\"%lld\",\"exp\":%lld,\"roles\":[\"user\"]}", (long long)user_id,
		    (long long)(clock_now_us() / US_PER_S + 600));
}

static const char *token_by(const struct signer *signer)
{
	return signer_token(signer, claims(USER));
}

/* Asked by the thread that knows its key. */
static int status_of(const char *token)
{
	return api_get(token, "/api/events")->status;
}

static void make_keys(void)
{
	rsa = signer_new("RS256", "2026-rsa");
	ec = signer_new("ES256", "2027-ec");
	ed = signer_new("EdDSA", "2027-ed");
}

static void begin_with(const char *set)
{
	make_keys();
	suite_begin(SUITE_PLATFORM);
	publish(set ? set : signer_set(rsa, (const struct signer *)NULL));
	suite_set("JWT_JWKS_URL", text("%s/.well-known/jwks.json", suite_platform()));
	suite_start(SUITE_API);
}

static void begin(void)
{
	begin_with(NULL);
}

static void begin_without_secret(void)
{
	suite_set("JWT_SECRET", "");
	begin_with(NULL);
}

static void begin_remote(void)
{
	suite_set("AUTH_VALIDATION", "remote");
	begin_with(NULL);
}

static void end(void)
{
	suite_end();
}

/* --- keys that change ------------------------------------------------------------------------- */

static const struct signer *_Atomic current;
static _Atomic int sent, failed;

static void load_with_tokens(void *ctx, size_t i)
{
	(void)ctx;
	(void)i;
	for (int n = 0; n < REQUESTS; n++) {
		/* A token of its own each time, so that nothing kept answers for it. */
		int number = sent++;
		int status = status_of(signer_token(current, claims(1000 + number)));

		if (status != 200) {
			failed++;
			fprintf(stderr, "%d for a token of the current key\n", status);
		}
		/* What changes does so amid the load. */
		if (number == LOADERS * REQUESTS / 4) {
			publish(signer_set(rsa, ec, ed, (const struct signer *)NULL));
			current = ec;
		}
		if (number == LOADERS * REQUESTS / 2)
			current = ed;
	}
}

START_TEST(keys_change_under_load)
{
	current = rsa;
	must(api_get(token_by(rsa), "/api/events"), 200);
	crowd(LOADERS, load_with_tokens, NULL);
	ck_assert_int_eq(sent, LOADERS * REQUESTS);
	ck_assert_int_eq(failed, 0);
	ck_assert_int_le(fetches(), 2);
	/* Both of the overlap are good still. */
	must(api_get(token_by(rsa), "/api/events"), 200);
	must(api_get(token_by(ed), "/api/events"), 200);
}
END_TEST

static void storm(void *ctx, size_t i)
{
	(void)ctx;
	for (int n = 0; n < 20; n++) {
		const struct signer *stranger = signer_new("EdDSA", text("%zu-%d", i, n));
		int status = status_of(token_by(stranger));

		ck_assert_msg(status == 401, "%d", status);
		must(api_get(token_by(rsa), "/api/events"), 200);
	}
}

START_TEST(unknown_keys)
{
	must(api_get(token_by(rsa), "/api/events"), 200);
	crowd(STORM, storm, NULL);
	ck_assert_int_le(fetches(), 2);
}
END_TEST

/* --- hostile tokens --------------------------------------------------------------------------- */

static void expect_refused(const char *token)
{
	struct reply *reply = must(api_get(token, "/api/events"), 401);

	ck_assert_str_eq(reply_slug(reply), "unauthorized");
	ck_assert_str_eq(reply_header(reply, "WWW-Authenticate"), "Bearer");
}

START_TEST(forged_tokens)
{
	const struct signer *thief = signer_new("RS256", "2026-rsa");
	const char *good = token_by(rsa);
	char *huge = calloc(1, 1 << 20);

	must(api_get(good, "/api/events"), 200);
	expect_refused(token_by(thief));
	expect_refused(signer_sign(
		thief,
		text("{\"alg\":\"RS256\",\"kid\":\"2026-rsa\",\"jwk\":%s}", signer_jwk(thief, "")),
		claims(USER)));
	expect_refused(signer_sign(rsa, "{\"alg\":\"ES256\",\"kid\":\"2026-rsa\"}", claims(USER)));
	expect_refused(signer_sign(rsa, "{\"alg\":\"HS256\",\"kid\":\"2026-rsa\"}", claims(USER)));
	expect_refused(signer_sign(rsa, "{\"alg\":\"none\",\"kid\":\"2026-rsa\"}", claims(USER)));
	expect_refused(text("%.*s.", (int)(strrchr(good, '.') - good), good));
	expect_refused(text("%s=", good));
	/* More than the headers of a request may have. */
	memset(huge, 'x', (1 << 20) - 1);
	struct reply *reply = api_get(huge, "/api/events");
	ck_assert_msg(reply->status == 400 || reply->status == 0, "%d", reply->status);
	memset(huge + 8000, '\0', 1);
	expect_refused(huge);
	must(api_get(good, "/api/events"), 200);
}
END_TEST

/* --- the address is away ---------------------------------------------------------------------- */

START_TEST(the_address_is_away)
{
	const char *known = token_by(rsa), *unknown = token_by(ec);

	must(api_get(known, "/api/events"), 200);
	suite_stop(SUITE_PLATFORM);
	must(api_get(token_by(rsa), "/api/events"), 200);
	struct reply *reply = must(api_get(unknown, "/api/events"), 503);
	ck_assert_str_eq(reply_slug(reply), "auth-unavailable");
	ck_assert_int_gt(atoi(reply_header(reply, "Retry-After")), 0);
	must(api_get(token_by(rsa), "/api/events"), 200);
	must(api_get(NULL, "/api/events"), 200);
	suite_start(SUITE_PLATFORM);
}
END_TEST

/* --- from a secret to keys -------------------------------------------------------------------- */

START_TEST(both_during_a_move)
{
	must(api_get(token_by(rsa), "/api/events"), 200);
	must(api_get(token_user(), "/api/events"), 200);
}
END_TEST

START_TEST(only_public_keys)
{
	must(api_get(token_by(rsa), "/api/events"), 200);
	expect_refused(token_user());
}
END_TEST

START_TEST(a_secret_is_changed)
{
	const char *before = token_user();

	suite_stop(SUITE_API);
	suite_set("JWT_SECRET", "another secret for the tokens, long enough too");
	suite_set("JWT_SECRET_PREVIOUS", suite_jwt_secret);
	suite_start(SUITE_API);
	must(api_get(before, "/api/events"), 200);
	suite_stop(SUITE_API);
	suite_set("JWT_SECRET_PREVIOUS", "");
	suite_start(SUITE_API);
	expect_refused(before);
}
END_TEST

/* The Auth Service has the last word on these too, and a kept signature does not outlive it. */
START_TEST(revocation)
{
	const char *mine = token_by(rsa), *other = signer_token(rsa, claims(OTHER_USER));

	must(api_get(mine, "/api/events"), 200);
	must(say(&(struct saying){.method = "POST",
				  .url = text("%s/_control/revoke", suite_platform()),
				  .body = text("{\"userId\":%d}", OTHER_USER)}),
	     204);
	expect_refused(other);
	expect_refused(other);
	must(api_get(mine, "/api/events"), 200);
	ck_assert_int_eq(reply_count(platform_calls("auth"), "data"), 2);
}
END_TEST

static void add(Suite *suite, const char *name, void (*start)(void), const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, start, end);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("token_keys");
	SRunner *runner;
	int failures;

	http_client_init();
	servers_start();
	add(suite, "rotation", begin, keys_change_under_load);
	add(suite, "unknown", begin, unknown_keys);
	add(suite, "forged", begin, forged_tokens);
	add(suite, "away", begin, the_address_is_away);
	add(suite, "move", begin, both_during_a_move);
	add(suite, "keys-alone", begin_without_secret, only_public_keys);
	add(suite, "secret", begin, a_secret_is_changed);
	add(suite, "remote", begin_remote, revocation);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
