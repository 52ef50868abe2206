/*
 * What tests say to the suite: callers' tokens, requests to the API and the platform, statements,
 * and the event that most of them begin with.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/jwt.h"
#include "common/pg.h"
#include "tests/support/suite.h"

/* --- callers --------------------------------------------------------------------------------- */

static unsigned role_bits(const char *roles)
{
	unsigned bits = 0;
	char *copy = strdup(roles), *rest = copy, *name;

	while ((name = strsep(&rest, ",")))
		bits |= jwt_role(name);
	free(copy);
	return bits;
}

const char *token_of(int64_t user_id, const char *roles)
{
	const struct jwt_options options = {.secret = {suite_jwt_secret, strlen(suite_jwt_secret)}};
	const struct jwt_claims claims = {
		.user_id = user_id,
		.roles = role_bits(roles),
		.email = text("user%lld@example.com", (long long)user_id),
		.first_name = "User",
		.last_name = text("Number %lld", (long long)user_id),
		.expires_at = clock_now_us() + 3600 * US_PER_S,
	};
	struct strbuf out;

	strbuf_init(&out, NULL);
	jwt_mint(&options, &out, &claims);
	return out.buf;
}

const char *token_admin(void)
{
	return token_of(ADMIN, "admin");
}

const char *token_organizer(void)
{
	return token_of(ORGANIZER, "organizer");
}

const char *token_other_organizer(void)
{
	return token_of(OTHER_ORGANIZER, "organizer");
}

const char *token_user(void)
{
	return token_of(USER, "user");
}

/* --- the API --------------------------------------------------------------------------------- */

struct reply *api_send(const char *method, const char *token, const char *path, const char *body,
		       const char *const *headers)
{
	return say(&(struct saying){.method = method,
				    .url = text("%s%s", suite_api(), path),
				    .token = token,
				    .body = body,
				    .headers = headers});
}

static PRINTF_LIKE(1, 0) const char *vtext(const char *fmt, va_list args)
{
	char *made;

	if (vasprintf(&made, fmt, args) < 0)
		abort();
	return made;
}

#define FORMAT_LAST(fmt, ret)                                                                      \
	do {                                                                                       \
		va_list args_;                                                                     \
		va_start(args_, fmt);                                                              \
		(ret) = vtext((fmt), args_);                                                       \
		va_end(args_);                                                                     \
	} while (0)

struct reply *api_get(const char *token, const char *path, ...)
{
	const char *full;

	FORMAT_LAST(path, full);
	return api_send("GET", token, full, NULL, NULL);
}

struct reply *api_delete(const char *token, const char *path, ...)
{
	const char *full;

	FORMAT_LAST(path, full);
	return api_send("DELETE", token, full, NULL, NULL);
}

struct reply *api_put(const char *token, const char *path, ...)
{
	const char *full;

	FORMAT_LAST(path, full);
	return api_send("PUT", token, full, NULL, NULL);
}

struct reply *api_post(const char *token, const char *path, const char *body, ...)
{
	const char *full = NULL;

	if (body)
		FORMAT_LAST(body, full);
	return api_send("POST", token, path, full, NULL);
}

struct reply *api_patch(const char *token, const char *path, const char *body, ...)
{
	const char *full = NULL;

	if (body)
		FORMAT_LAST(body, full);
	return api_send("PATCH", token, path, full, NULL);
}

double api_metric(const char *series)
{
	struct reply *reply =
		say(&(struct saying){.method = "GET", .url = text("%s/metrics", suite_metrics())});
	const char *line = reply->status == 200 ? strstr(reply->body, text("\n%s ", series)) : NULL;
	double value = line ? strtod(line + strlen(series) + 2, NULL) : -1;

	reply_free(reply);
	return value;
}

/* --- the platform ---------------------------------------------------------------------------- */

static struct reply *platform_post(const char *path, const char *body)
{
	return say(&(struct saying){
		.method = "POST", .url = text("%s%s", suite_platform(), path), .body = body});
}

void platform_script(const char *body, ...)
{
	const char *full;
	struct reply *reply;

	FORMAT_LAST(body, full);
	reply = platform_post("/_control/script", full);
	if (reply->status >= 300)
		fatal("platform does not take %s: %d", full, reply->status);
	reply_free(reply);
}

struct reply *platform_calls(const char *service)
{
	return say(&(struct saying){
		.method = "GET",
		.url = text("%s/_control/calls?service=%s", suite_platform(), service)});
}

struct reply *platform_pay(const char *body, ...)
{
	const char *full;

	FORMAT_LAST(body, full);
	return platform_post("/_control/pay", full);
}

/* --- the database ---------------------------------------------------------------------------- */

static const char *run_sql(const char *statement)
{
	PG_LEASED conn = NULL;
	PG_RESULT result = NULL;
	struct problem err = {0};

	if (pg_connect(suite_database(), &conn, &err) ||
	    pg_exec(conn, statement, PG_NO_ARGS, &result, &err))
		fatal("%s: %s", statement, err.detail);
	if (!pg_rows(result) || pg_is_null(result, 0, 0))
		return NULL;
	return text("%s", pg_text(result, 0, 0));
}

const char *sql(const char *statement, ...)
{
	const char *full;

	FORMAT_LAST(statement, full);
	return run_sql(full);
}

int64_t sql_int(const char *statement, ...)
{
	const char *full, *value;

	FORMAT_LAST(statement, full);
	value = run_sql(full);
	return value ? strtoll(value, NULL, 10) : INT64_MIN;
}

bool sql_becomes(int64_t ms, const char *want, const char *statement)
{
	int64_t until = clock_monotonic_us() + ms * US_PER_MS;

	for (;;) {
		const char *value = run_sql(statement);

		if (value && !strcmp(value, want))
			return true;
		if (clock_monotonic_us() > until)
			return false;
		clock_sleep_ms(20);
	}
}

/* --- the usual event ------------------------------------------------------------------------- */

struct shop shop_open(int max_attendees, const char *price, int quantity)
{
	char at[RFC3339_SIZE];
	struct reply *made, *published;
	struct shop shop;

	clock_format(clock_now_us() + 30 * 24 * 3600 * US_PER_S, at);
	made = api_post(token_organizer(), "/api/events",
			"{\"title\":\"A concert\",\"eventDate\":\"%s\",\"location\":\"The hall\","
			"\"maxAttendees\":%d,\"ticketTypes\":[{\"name\":\"Standard\",\"price\":%s,"
			"\"quantity\":%d}]}",
			at, max_attendees, price, quantity);
	if (made->status != 201)
		fatal("shop_open: %d %s", made->status, made->body);
	shop.event_id = reply_int(made, "data.id");
	shop.type_id = reply_int(made, "data.ticketTypes.0.id");
	published = api_post(token_organizer(),
			     text("/api/events/%lld/publish", (long long)shop.event_id), NULL);
	if (published->status != 200)
		fatal("shop_open: %d %s", published->status, published->body);
	return shop;
}

struct reply *shop_register(const struct shop *shop, const char *token, const char *name)
{
	return api_post(token, text("/api/events/%lld/guests", (long long)shop->event_id),
			"{\"firstName\":\"%s\",\"lastName\":\"Guest\",\"email\":\"%s@example.com\","
			"\"ticketTypeId\":%lld}",
			name, name, (long long)shop->type_id);
}
