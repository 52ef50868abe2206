/*
 * Secrets and addresses that come in by every door, each a word of its own beginning with "Canary":
 * none is found in a log, a metric, a trace, a command line or the body of an error.
 */
#include <check.h>
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/jwt.h"
#include "common/sign.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SENT_MIN = 40, SETTLED_MS = 30000 };
#define MARK "Canary"
#define ADDRESS(name) MARK name "@secret.example"

static const char *tickets, *email;
static struct shop shop;

/* --- what must not be found ------------------------------------------------------------------- */

/* Tokens that were issued, and the secrets that sign them. */
static const char *secrets[32];
static size_t secret_count;

static const char *keep_secret(const char *secret)
{
	ck_assert_uint_lt(secret_count, ARRAY_LEN(secrets));
	secrets[secret_count++] = secret;
	return secret;
}

static void expect_clean(const char *where, const char *content)
{
	const char *found = strcasestr(content, MARK);

	for (size_t i = 0; !found && i < secret_count; i++)
		found = strstr(content, secrets[i]);
	ck_assert_msg(!found, "%s: %.300s", where,
		      found && found - content > 100 ? found - 100 : content);
}

static int refusals;

/* What is refused says nothing of what was sent; what is done may show it to who may see it. */
static struct reply *hear(const char *what, struct reply *reply)
{
	ck_assert_int_ne(reply->status, 0);
	if (reply->status >= 400) {
		refusals++;
		expect_clean(text("refusal of %s", what), reply->body);
		expect_clean(text("headers of the refusal of %s", what), reply->headers);
	}
	return reply;
}

/* --- the doors -------------------------------------------------------------------------------- */

static const char *with_password(const char *url, const char *user, const char *password)
{
	const char *host = strstr(url, "://") + 3;
	const char *at = strchr(host, '@');

	return text("%.*s%s:%s@%s", (int)(host - url), url, user, password, at ? at + 1 : host);
}

static const char *start_worker(enum suite_part part)
{
	const char *port = text("%d", servers_free_port());

	suite_set("WORKER_METRICS_PORT", port);
	suite_start(part);
	return text("http://127.0.0.1:%s", port);
}

/* PostgreSQL trusts us whatever the password; the cache's Redis has none and refuses it. */
static void begin(void)
{
	static const char webhook[] = "whsec_Q2FuYXJ5V2ViaG9va0NhbmFyeVdlYmhvb2s=";

	suite_set("PAYMENT_WEBHOOK_SECRET", keep_secret(webhook));
	suite_set("SHARED_SERVICE_TOKEN", MARK "ServiceTokenOfTheSuiteLongEnough");
	suite_set("QR_SIGNATURE_SECRET", MARK "QrSecretOfTheSuiteLongEnough");
	suite_begin(SUITE_PLATFORM);
	suite_set("DATABASE_URL",
		  with_password(suite_database(), "postgres", MARK "DatabasePassword"));
	suite_set("REDIS_URL", with_password(servers_redis_url(), "", MARK "CachePassword"));
	suite_set("OTEL_EXPORTER_OTLP_ENDPOINT", suite_platform());
	suite_set("OTEL_EXPORTER_OTLP_HEADERS", "authorization=" MARK "Collector");
	suite_set("LOG_LEVEL", "debug");
	suite_start(SUITE_API);
	tickets = start_worker(SUITE_TICKETS);
	email = start_worker(SUITE_EMAIL);
	keep_secret(suite_jwt_secret);
	shop = shop_open(50, "0", 50);
}

static const char *my_token(void)
{
	const struct jwt_options options = {.secret = {suite_jwt_secret, strlen(suite_jwt_secret)}};
	const struct jwt_claims claims = {
		.user_id = USER,
		.roles = 1,
		.email = ADDRESS("Claim"),
		.first_name = MARK "ClaimFirst",
		.last_name = MARK "ClaimLast",
		.expires_at = clock_now_us() + 3600 * US_PER_S,
	};
	struct strbuf out;

	strbuf_init(&out, NULL);
	jwt_mint(&options, &out, &claims);
	return keep_secret(out.buf);
}

static void say_headers(const char *token)
{
	static const char *const headers[][2] = {
		{"Authorization: Bearer " MARK "Bearer"},
		{"Authorization: Basic " MARK "Basic"},
		{"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9." MARK "Payload." MARK "Signature"},
		{"X-Service-Token: " MARK "WrongServiceToken"},
		{"Cookie: session=" MARK "Cookie"},
		{"Referer: https://shop.example/?token=" MARK "Referer"},
		{"Origin: https://" MARK "Origin.example"},
		{"X-Forwarded-For: " ADDRESS("ForwardedFor")},
		{"X-Api-Key: " MARK "ApiKey"},
		{"X-Request-Id: " ADDRESS("RequestId")},
		{"traceparent: 00-" MARK "Trace-" MARK "Span-01"},
		{"tracestate: vendor=" MARK "TraceState"},
		{"User-Agent: agent (" ADDRESS("UserAgent") ")"},
		{"If-Match: \"" MARK "IfMatch\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		const char *own[] = {headers[i][0], NULL};
		bool authorizes = !strncmp(own[0], "Authorization", 13);

		hear(own[0], api_send("GET", authorizes ? NULL : token, "/api/events", NULL, own));
		hear(own[0], api_send("GET", authorizes ? NULL : token, "/api/nothing", NULL, own));
		hear(own[0], api_send("PATCH", authorizes ? NULL : token,
				      text("/api/events/%lld", (long long)shop.event_id),
				      "{\"title\":\"" MARK "Patch\"}", own));
	}
	hear("a key", api_send("POST", token, "/api/events", "{\"title\":\"" MARK "Key\"}",
			       (const char *[]){"Idempotency-Key: " MARK "IdempotencyKey", NULL}));
}

static void say_urls(const char *token)
{
	static const char *const urls[] = {
		"/api/events?search=" MARK "Search",      "/api/events?page=" MARK "Page",
		"/api/events?sort=" MARK "Sort",          "/api/events?dateFrom=" MARK "Date",
		"/api/events?cursor=" MARK "Cursor",      "/api/events?password=" MARK "Password",
		"/api/tickets/1?token=" MARK "LinkToken",
	};
	/* A refusal names the path, and a parameter that it does not know; a log does not. */
	static const char *const named[] = {
		"/api/tickets/EVT-" MARK "Code",
		"/api/" MARK "Path/" MARK "Segment",
		"/" ADDRESS("PathAddress"),
		"/problems/" MARK "Slug",
		"/docs/" MARK "Doc",
		"/api/events?" MARK "Bare",
	};
	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		hear(urls[i], api_get(token, "%s", urls[i]));
	for (size_t i = 0; i < ARRAY_LEN(named); i++)
		ck_assert_int_ge(api_get(token, "%s", named[i])->status, 400);
	hear("a search of guests",
	     api_get(token_organizer(), "/api/events/%lld/guests?search=" MARK "GuestSearch",
		     (long long)shop.event_id));
}

static void say_bodies(const char *token)
{
	const char *guests = text("/api/events/%lld/guests", (long long)shop.event_id);
	static const char *const bodies[] = {
		"{\"firstName\":\"" MARK "First\",\"lastName\":\"" MARK "Last\",\"email\":\"" MARK
		"NoAddress\"}",
		"{\"firstName\":\"" MARK
		"First\",\"lastName\":\"G\",\"email\":\"" ADDRESS("Guest") "\",\"phone\":\"" MARK
									   "Phone\"}",
		"{\"firstName\":{\"a\":\"" MARK "Object\"},\"email\":[\"" ADDRESS("Array") "\"]}",
		"{\"firstName\":\"A\",\"unknown\":\"" MARK "Unknown\"}",
		"{\"firstName\":\"" MARK "Broken",
		"{\"firstName\":\"A\",\"locale\":\"" MARK "Locale\",\"type\":\"" MARK "Type\"}",
		MARK "NoJson",
	};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		hear(bodies[i], api_post(token, guests, "%s", bodies[i]));
	hear("an event", api_post(token_organizer(), "/api/events",
				  "{\"title\":\"" MARK "Title\",\"description\":\"" ADDRESS(
					  "Description") "\",\"location\":\"" MARK
							 "Location\",\"eventDate\":\"" MARK
							 "Date\",\"timeZone\":\"" MARK
							 "Zone\",\"currency\":\"" MARK
							 "\",\"maxAttendees\":5}"));
	hear("a code",
	     api_post(token, "/api/tickets/validate", "{\"code\":\"" MARK "TicketCode\"}"));
	hear("a code at the door",
	     api_post(token_organizer(), "/api/tickets/validate",
		      "{\"code\":\"EVT1." MARK "TicketCode\",\"eventId\":%lld}",
		      (long long)shop.event_id));
	hear("an aggregation",
	     api_send("POST", NULL, "/api/internal/statistics/aggregate", NULL,
		      (const char *[]){"X-Service-Token: " MARK "Aggregate", NULL}));
}

/* Guests who are taken, so that their addresses go to tickets, mails and both workers; twice, so
 * that the database refuses one. */
static void register_guests(const char *token)
{
	const char *guests = text("/api/events/%lld/guests", (long long)shop.event_id);
	struct reply *reply;

	for (int i = 0; i < 2; i++)
		reply = hear("a guest",
			     api_post(token, guests,
				      "{\"firstName\":\"" MARK "Zoe\",\"lastName\":\"" MARK
				      "Guest\",\"email\":\"" ADDRESS(
					      "Zoe") "\",\"phone\":"
						     "\"+33612345678\",\"ticketTypeId\":%lld}",
				      (long long)shop.type_id));
	ck_assert_int_eq(reply->status, 409);
	/* Then one whose mails fail. */
	ck_assert(sql_becomes(SETTLED_MS, "0", "SELECT count(*) FROM outbox"));
	platform_script("{\"service\":\"notification\",\"behaviour\":\"status\",\"status\":422}");
	reply = hear("a guest without mail",
		     api_post(token, guests,
			      "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"" ADDRESS(
				      "Refused") "\",\"ticketTypeId\":%lld}",
			      (long long)shop.type_id));
	ck_assert_int_eq(reply->status, 201);
	ck_assert(sql_becomes(SETTLED_MS, "0", "SELECT count(*) FROM outbox WHERE state = 'sent'"));
}

static struct reply *send_hook(const char *body, const char *secret)
{
	const char *at = text("%lld", (long long)(clock_now_us() / US_PER_S));
	static int number;
	const char *id = text(MARK "Message%d", number++);
	struct strbuf signature;

	strbuf_init(&signature, NULL);
	sign_webhook(&signature, secret, id, at, (struct slice){body, strlen(body)});
	keep_secret(signature.buf);
	return hear(body,
		    api_send("POST", NULL, "/api/payments/webhook", body,
			     (const char *[]){text("webhook-id: %s", id),
					      text("webhook-timestamp: %s", at),
					      text("webhook-signature: %s", signature.buf), NULL}));
}

static void say_webhooks(void)
{
	static const char unknown[] =
		"{\"type\":\"payment.succeeded\",\"data\":{\"intentId\":\"" MARK
		"Intent\",\"amount\":1,\"currency\":\"EUR\"}}";

	ck_assert_int_eq(send_hook(unknown, secrets[0])->status, 204);
	ck_assert_int_eq(send_hook("{\"type\":\"" MARK "Kind\",\"data\":{}}", secrets[0])->status,
			 204);
	send_hook("{\"type\":1,\"card\":\"" MARK "Card\"}", secrets[0]);
	send_hook("{\"card\":\"" MARK "HalfACard", secrets[0]);
	ck_assert_int_eq(send_hook(unknown, suite_webhook_secret)->status, 401);
}

static struct reply *import(const char *body)
{
	return say(&(struct saying){.method = "POST",
				    .url = text("%s/api/events/%lld/guests/import", suite_api(),
						(long long)shop.event_id),
				    .token = token_organizer(),
				    .content_type = "text/csv",
				    .body = body});
}

static void import_guests(void)
{
	struct reply *reply = import(text("firstName,lastName,email,locale\n"
					  "A,B,%s,en\nA,B,%s,en\nA,B,%s,%s\n",
					  ADDRESS("Imported"), MARK "ImportedWrong",
					  ADDRESS("ImportedLocale"), MARK "ImportedLocale"));

	ck_assert_int_eq(reply->status, 202);
	ck_assert(sql_becomes(SETTLED_MS, "done", "SELECT status FROM imports"));
	reply = api_get(token_organizer(), "/api/imports/%lld",
			(long long)reply_int(reply, "data.id"));
	ck_assert_int_eq(reply_count(reply, "data.errors"), 2);
	expect_clean("the report of an import", reply->body);
	hear("a broken import", import(MARK "Column," MARK "Column\n\"" MARK "Quote"));
}

/* --- where they could have come to ------------------------------------------------------------ */

static const char *content_of(const char *path)
{
	FILE *file = fopen(path, "re");
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_reserve(&out, 1);
	for (int c; file && (c = getc(file)) != EOF;)
		strbuf_addc(&out, c ? (char)c : ' ');
	if (file)
		fclose(file);
	return out.buf;
}

static void search_logs(void)
{
	static const enum suite_part parts[] = {SUITE_API, SUITE_TICKETS, SUITE_EMAIL};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *log = content_of(suite_log(parts[i]));

		expect_clean(suite_log(parts[i]), log);
		/* Nothing that came in made a line of its own. */
		ck_assert_int_eq(system(text("jq -es 'length > 0 and all(.[]; .timestamp and "
					     ".level and .service and .message)' %s >/dev/null",
					     suite_log(parts[i]))),
				 0);
	}
	/* It was heard, and masked. */
	ck_assert_ptr_nonnull(
		strstr(content_of(suite_log(SUITE_EMAIL)), "\"to\":\"C***@secret.example\""));
	ck_assert_ptr_nonnull(strstr(content_of(suite_log(SUITE_EMAIL)), "Failed to send email"));
}

static void search_metrics(void)
{
	const char *const addresses[] = {suite_metrics(), tickets, email};

	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct reply *reply = say(
			&(struct saying){.method = "GET", .url = text("%s/metrics", addresses[i])});

		ck_assert_int_eq(reply->status, 200);
		expect_clean(addresses[i], reply->body);
	}
}

/* Ids of requests and traces as they travel with jobs. */
static void search_traces(void)
{
	const char *traces =
		sql("SELECT coalesce(string_agg(concat(traceparent, request_id), ' '), "
		    "'') FROM outbox");
	struct reply *calls = platform_calls("notification");

	expect_clean("traces of jobs", traces);
	for (int i = 0; i < reply_count(calls, "data"); i++) {
		const char *trace = reply_text(calls, text("data.%d.headers.traceparent", i));
		const char *id = reply_text(calls, text("data.%d.headers.x-request-id", i));

		expect_clean("trace of a call", trace ? trace : "");
		expect_clean("request id of a call", id ? id : "");
	}
}

/* All of them: the programs have ended. */
static void search_spans(void)
{
	struct reply *posts = platform_calls("collector");
	int count = reply_count(posts, "data");

	ck_assert_int_ge(count, 3); /* one a program at least */
	for (int i = 0; i < count; i++)
		expect_clean("spans", reply_text(posts, text("data.%d.text", i)));
}

static void search_processes(void)
{
	DIR *dir = opendir("/proc");

	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (isdigit((unsigned char)*entry->d_name))
			expect_clean("a command line",
				     content_of(text("/proc/%s/cmdline", entry->d_name)));
	}
	closedir(dir);
}

START_TEST(no_canary_sings)
{
	const char *token = my_token();

	say_headers(token);
	say_urls(token);
	say_bodies(token);
	register_guests(token);
	say_webhooks();
	import_guests();
	ck_assert_int_ge(refusals, SENT_MIN);
	search_logs();
	search_metrics();
	search_traces();
	search_processes();
	/* What they say when they end, too. */
	ck_assert_int_eq(suite_stop(SUITE_EMAIL), 0);
	ck_assert_int_eq(suite_stop(SUITE_TICKETS), 0);
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	search_logs();
	search_spans();
}
END_TEST

/* A key of a signed link, out of a mail, as the guest would use it. */
START_TEST(links_of_mails_stay_secret)
{
	struct reply *calls;
	const char *link = NULL;
	char *key;

	ck_assert_int_eq(shop_register(&shop, token_user(), "zoe")->status, 201);
	ck_assert(sql_becomes(SETTLED_MS, "0", "SELECT count(*) FROM outbox"));
	calls = platform_calls("notification");
	link = strstr(calls->body, "?token=");
	ck_assert_ptr_nonnull(link);
	key = strdup(link + strlen("?token="));
	key[strcspn(key, "\\\"<& ")] = '\0';
	ck_assert_uint_gt(strlen(key), 20);
	keep_secret(key);
	ck_assert_int_eq(api_get(NULL, "/api/tickets/%lld?token=%s",
				 (long long)sql_int("SELECT max(id) FROM tickets"), key)
				 ->status,
			 200);
	hear("a link to another ticket", api_get(NULL, "/api/tickets/999?token=%s", key));
	expect_clean("the API's log", content_of(suite_log(SUITE_API)));
	expect_clean("the mails' log", content_of(suite_log(SUITE_EMAIL)));
}
END_TEST

/* What stands in a setting that is refused is not repeated, nor shown when all is well. */
START_TEST(settings_stay_secret)
{
	static const struct {
		const char *name, *value;
	} settings[] = {
		{"JWT_SECRET", MARK "Jwt"},
		{"SHARED_SERVICE_TOKEN", MARK "Service"},
		{"QR_SIGNATURE_SECRET", "k1:" MARK "Qr"},
		{"PAYMENT_WEBHOOK_SECRET", "whsec_" MARK "*"},
		{"DATABASE_URL", "mysql://user:" MARK "Db@host/name"},
		{"REDIS_URL", "http://user:" MARK "Redis@host"},
		{"OTEL_EXPORTER_OTLP_HEADERS", MARK "Headers"},
	};
	static const char *const programs[] = {"core-api", "worker-tickets", "worker-email",
					       "corectl"};
	struct arena arena;
	const char *output;

	arena_init(&arena, 4096);
	setenv("NODE_ENV", "production", 1);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		setenv(settings[i].name, settings[i].value, 1);
		for (size_t j = 0; j < ARRAY_LEN(programs); j++) {
			(void)run_program(&arena, programs[j], "--check-config", &output);
			expect_clean(programs[j], output);
			(void)run_program(&arena, programs[j], "--print-config", &output);
			expect_clean(programs[j], output);
		}
	}
	arena_clear(&arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("canaries");
	TCase *running = tcase_create("running");
	TCase *starting = tcase_create("starting");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(running, 120);
	tcase_add_checked_fixture(running, begin, suite_end);
	tcase_add_test(running, no_canary_sings);
	tcase_add_test(running, links_of_mails_stay_secret);
	suite_add_tcase(suite, running);
	tcase_set_timeout(starting, 60);
	tcase_add_test(starting, settings_stay_secret);
	suite_add_tcase(suite, starting);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();

	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
