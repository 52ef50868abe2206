/*
 * Tokens at the API's door: what is no good token, here and by the Auth Service's word.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/sign.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { ANSWER_MS = 5000 };

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

/* --- tokens of any kind ----------------------------------------------------------------------- */

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char *make(const char *header, const char *payload, const char *secret)
{
	uint8_t mac[SHA256_SIZE];
	struct strbuf out;

	strbuf_init(&out, NULL);
	base64url_encode(&out, header, strlen(header));
	strbuf_addc(&out, '.');
	base64url_encode(&out, payload, strlen(payload));
	sign_hmac((struct slice){secret, strlen(secret)}, out.buf, out.len, mac);
	strbuf_addc(&out, '.');
	base64url_encode(&out, mac, sizeof(mac));
	return out.buf;
}

/* Claims of USER: `exp` is so many seconds from now. */
static const char *claims(int64_t exp_s, const char *more)
{
	return text("{\"sub\":\"%d\",\"exp\":%lld,\"roles\":[\"user\"]%s}", USER,
		    (long long)(clock_now_us() / US_PER_S + exp_s), more);
}

static const char *token_for(int64_t exp_s)
{
	return make(HS256, claims(exp_s, ""), suite_jwt_secret);
}

/* Payload with another one's under the first one's signature. */
static const char *swapped(const char *signed_token, const char *other)
{
	const char *first = strchr(other, '.'), *last = strrchr(other, '.');

	return text("%.*s%.*s%s", (int)(strchr(signed_token, '.') - signed_token), signed_token,
		    (int)(last - first), first, strrchr(signed_token, '.'));
}

static void expect_refused(const char *token)
{
	struct reply *replies[] = {
		api_post(token, "/api/events", "{}"),
		api_get(token, "/api/events"), /* nobody asks for a token there: a bad one is bad */
		api_get(token, "/api/events/1/guests"),
	};

	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		ck_assert_msg(replies[i]->status == 401, "%d for %s", replies[i]->status, token);
		ck_assert_str_eq(reply_slug(replies[i]), "unauthorized");
		ck_assert_str_eq(reply_header(replies[i], "WWW-Authenticate"), "Bearer");
	}
}

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

START_TEST(bad_tokens)
{
	const char *good = token_for(600);
	const char *const bad[] = {
		token_for(-62),
		token_for(-100000),
		make(HS256, "{\"sub\":\"10\",\"roles\":[\"user\"]}", suite_jwt_secret),
		make(HS256,
		     claims(600,
			    text(",\"nbf\":%lld", (long long)(clock_now_us() / US_PER_S + 100))),
		     suite_jwt_secret),
		make("{\"alg\":\"none\"}", claims(600, ""), suite_jwt_secret),
		make("{\"alg\":\"HS512\",\"typ\":\"JWT\"}", claims(600, ""), suite_jwt_secret),
		make("{\"alg\":\"RS256\",\"typ\":\"JWT\"}", claims(600, ""), suite_jwt_secret),
		make("{\"alg\":\"hs256\",\"typ\":\"JWT\"}", claims(600, ""), suite_jwt_secret),
		make("{\"typ\":\"JWT\"}", claims(600, ""), suite_jwt_secret),
		make("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", claims(600, ""), suite_jwt_secret),
		make(HS256, claims(600, ""), "another secret, which nobody gave us at all"),
		swapped(good, make(HS256, claims(700, ""), suite_jwt_secret)),
		text("%.*s.", (int)(strrchr(good, '.') - good), good),
		text("%.*s", (int)(strrchr(good, '.') - good), good),
		text("%sA", good),
		text("%.*s", (int)strlen(good) - 1, good),
		"x",
		"..",
	};

	must(api_post(good, "/api/events", "{}"), 403);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_refused(bad[i]);
}
END_TEST

START_TEST(bad_subjects)
{
	static const char *const subjects[] = {"\"0\"",   "\"-1\"", "\"\"",
					       "\"abc\"", "\"01\"", "\"1.5\"",
					       "\" 10\"", "null",   "\"9223372036854775808\"",
					       "[\"10\"]"};

	for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
		expect_refused(make(HS256,
				    text("{\"sub\":%s,\"exp\":%lld,\"roles\":[\"admin\"]}",
					 subjects[i], (long long)(clock_now_us() / US_PER_S + 600)),
				    suite_jwt_secret));
	expect_refused(make(HS256, "{\"exp\":4102444800,\"roles\":[\"admin\"]}", suite_jwt_secret));
}
END_TEST

START_TEST(other_schemes)
{
	const char *const headers[] = {"Authorization: Basic dXNlcjpwYXNz", "Authorization: Bearer",
				       "Authorization: x",
				       text("Authorization: %s", token_for(600)),
				       text("Authorization: Token %s", token_for(600))};

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct reply *reply = must(api_send("GET", NULL, "/api/events", NULL,
						    (const char *const[]){headers[i], NULL}),
					   401);

		ck_assert_str_eq(reply_header(reply, "WWW-Authenticate"), "Bearer");
	}
}
END_TEST

/* What is odd and yet good: the leeway, one role as a text, roles that we do not know. */
START_TEST(good_tokens)
{
	const char *event = "{\"title\":\"Party\",\"eventDate\":\"2099-01-01T20:00:00Z\","
			    "\"location\":\"Here\",\"maxAttendees\":5,\"ticketTypes\":["
			    "{\"name\":\"One\",\"price\":0,\"quantity\":5}]}";
	const char shape[] = "{\"sub\":\"77\",\"exp\":4102444800,%s}";

	must(api_get(token_for(-50), "/api/events"), 200);
	must(api_post(make(HS256, text(shape, "\"role\":\"organizer\""), suite_jwt_secret),
		      "/api/events", "%s", event),
	     201);
	/* A name that is no role gives no right, and takes none away. */
	must(api_post(make(HS256, text(shape, "\"roles\":[\"root\",\"Admin\"]"), suite_jwt_secret),
		      "/api/events", "%s", event),
	     403);
	must(api_post(make(HS256, text(shape, "\"roles\":[\"root\",\"organizer\"]"),
			   suite_jwt_secret),
		      "/api/events", "%s", event),
	     201);
	must(api_post(make(HS256, "{\"sub\":\"77\",\"exp\":4102444800}", suite_jwt_secret),
		      "/api/events", "%s", event),
	     403);
	must(api_send(
		     "GET", NULL, "/api/events", NULL,
		     (const char *const[]){text("Authorization: bearer %s", token_for(600)), NULL}),
	     200);
}
END_TEST

/* --- AUTH_VALIDATION=remote ------------------------------------------------------------------- */

static void begin_remote(void)
{
	suite_set("AUTH_VALIDATION", "remote");
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static int asked(void)
{
	return reply_count(platform_calls("auth"), "data");
}

static void revoke_user(void)
{
	must(say(&(struct saying){.method = "POST",
				  .url = text("%s/_control/revoke", suite_platform()),
				  .body = text("{\"userId\":%d}", USER)}),
	     204);
}

START_TEST(revoked_users)
{
	const char *old = token_for(600);

	must(api_get(old, "/api/events"), 200);
	revoke_user();
	expect_refused(token_for(601));
	/* What the service said is believed for a while, the good and the bad. */
	must(api_get(old, "/api/events"), 200);
	expect_refused(token_for(601));
	must(api_get(token_organizer(), "/api/events"), 200);
	ck_assert_int_le(asked(), 4);
}
END_TEST

START_TEST(the_service_is_asked_once)
{
	const char *token = token_for(600);
	struct reply *calls;

	for (int i = 0; i < 10; i++)
		must(api_get(token, "/api/events"), 200);
	calls = platform_calls("auth");
	ck_assert_int_eq(reply_count(calls, "data"), 1);
	ck_assert_str_eq(reply_text(calls, "data.0.headers.authorization"),
			 text("Bearer %s", token));
	/* What is no token here is none there; who brings none is not asked about. */
	expect_refused(token_for(-100));
	expect_refused("x");
	must(api_get(NULL, "/api/events"), 200);
	ck_assert_int_eq(asked(), 1);
}
END_TEST

static void expect_unavailable(const char *token)
{
	int64_t start = clock_monotonic_us();
	struct reply *reply = must(api_get(token, "/api/events"), 503);

	ck_assert_int_lt((clock_monotonic_us() - start) / US_PER_MS, ANSWER_MS);
	ck_assert_str_eq(reply_slug(reply), "auth-unavailable");
	ck_assert_int_gt(atoi(reply_header(reply, "Retry-After")), 0);
}

START_TEST(the_service_is_away)
{
	static const char *const ways[] = {"\"behaviour\":\"status\",\"status\":500",
					   "\"behaviour\":\"status\",\"status\":404",
					   "\"behaviour\":\"cut\"", "\"behaviour\":\"bad-body\"",
					   "\"behaviour\":\"hang\""};
	const char *known = token_for(600), *unknown = token_for(700);

	must(api_get(known, "/api/events"), 200);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		platform_script("{\"service\":\"auth\",%s}", ways[i]);
		expect_unavailable(unknown);
		must(api_get(known, "/api/events"), 200);
		must(api_get(NULL, "/api/events"), 200);
	}
	platform_script("{\"service\":\"auth\",\"behaviour\":\"ok\"}");
	must(api_get(unknown, "/api/events"), 200);
	suite_stop(SUITE_PLATFORM);
	expect_unavailable(token_for(800));
	must(api_get(unknown, "/api/events"), 200);
	suite_start(SUITE_PLATFORM);
	must(api_get(token_for(800), "/api/events"), 200);
}
END_TEST

static TCase *cases_of(const char *name, void (*start)(void))
{
	TCase *cases = tcase_create(name);

	tcase_add_checked_fixture(cases, start, end);
	tcase_set_timeout(cases, 60);
	return cases;
}

int main(void)
{
	Suite *suite = suite_create("tokens");
	TCase *local = cases_of("local", begin), *remote = cases_of("remote", begin_remote);
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_test(local, bad_tokens);
	tcase_add_test(local, bad_subjects);
	tcase_add_test(local, other_schemes);
	tcase_add_test(local, good_tokens);
	tcase_add_test(remote, revoked_users);
	tcase_add_test(remote, the_service_is_asked_once);
	tcase_add_test(remote, the_service_is_away);
	suite_add_tcase(suite, local);
	suite_add_tcase(suite, remote);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
