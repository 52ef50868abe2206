#include "api/limits.h"

#include <stdlib.h>
#include <string.h>

#include "api/client_address.h"
#include "api/router.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "common/redis_rate.h"

enum { WINDOW_S = 60, KEY_SIZE = 96 };

/* What is counted, and for whom. A quota of 0 is none. */
struct policy {
	const char *name; /* in headers, details, keys and metrics */
	size_t quota;     /* in struct api_config: so many a minute */
	bool signed_in;   /* counts users; else addresses */
	bool misses;      /* counts refused codes only, and refuses everything once they are many */
	const char *method, *pattern; /* the one route; NULL: all */
};

/* clang-format off */
#define QUOTA(member) offsetof(struct api_config, member)
static const struct policy policies[] = {
	{"caller", QUOTA(rate_caller), true, false, NULL, NULL},
	{"address", QUOTA(rate_address), false, false, NULL, NULL},
	{"registration", QUOTA(rate_registration), true, false, "POST", "/api/events/{event}/guests"},
	{"validate", QUOTA(rate_validate), true, false, "POST", "/api/tickets/validate"},
	{"misses", QUOTA(rate_misses), true, true, "POST", "/api/tickets/validate"},
};
/* clang-format on */
_Static_assert(ARRAY_LEN(policies) - 1 <= RATE_ASKS_MAX,
	       "users and addresses are never both asked");

struct limits {
	struct redis_rate *shared;
	struct rate_table *own; /* while Redis is away */
};

/* What was asked for a request, and what came of it. */
struct limit_state {
	const struct policy *policies[RATE_ASKS_MAX];
	struct rate_ask asks[RATE_ASKS_MAX];
	struct rate_state states[RATE_ASKS_MAX];
	size_t count;
};

static struct metric limited_total = {
	.name = "rate_limited_total",
	.type = METRIC_COUNTER,
	.help = "Requests refused with 429, by the limit that was reached.",
	.labels = {"policy"}};
static struct metric local_total = {
	.name = "rate_limit_local_total",
	.type = METRIC_COUNTER,
	.help = "Requests counted by this process alone, since Redis did not answer in time."};
static struct metric *const families[] = {&limited_total, &local_total};

static int64_t quota_of(const struct api_config *config, const struct policy *policy)
{
	int64_t quota;

	memcpy(&quota, (const char *)config + policy->quota, sizeof(quota));
	return quota;
}

static bool any_quota(const struct api_config *config)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (quota_of(config, &policies[i]))
			return true;
	return false;
}

static void register_metrics(const struct api_config *config)
{
	metrics_register(families, ARRAY_LEN(families));
	metrics_add(&local_total, 0, (char *)NULL);
	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (quota_of(config, &policies[i]))
			metrics_add(&limited_total, 0, policies[i].name, (char *)NULL);
}

enum status limits_open(struct app *app, const char *redis_url, struct limits **ret,
			struct problem *err)
{
	const struct api_config *config = app->config;
	struct redis_options options = {
		.url = redis_url,
		.client_name = "core-api-limits",
		.connect_timeout_ms = 500,
		.command_timeout_ms = config->rate_wait_ms,
	};
	struct limits *limits;
	enum status status;

	*ret = NULL;
	if (!any_quota(config))
		return OK;
	limits = calloc(1, sizeof(*limits));
	if (!limits)
		fatal("out of memory");
	status = redis_rate_open(&options, &limits->shared, err);
	if (status) {
		free(limits);
		return status;
	}
	limits->own = rate_table_new();
	register_metrics(config);
	*ret = limits;
	return OK;
}

void limits_close(struct limits *limits)
{
	if (!limits)
		return;
	redis_rate_close(limits->shared);
	rate_table_free(limits->own);
	free(limits);
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool is_counted(const struct route *route)
{
	return !(route->flags & ROUTE_UNBOUNDED) && !(route->who & (WHO_SERVICE | WHO_SIGNED));
}

static bool covers(const struct policy *policy, const struct request *req)
{
	if (policy->signed_in != req->caller.signed_in || !quota_of(req->app->config, policy))
		return false;
	return !policy->method || (!strcmp(policy->method, req->route->method) &&
				   !strcmp(policy->pattern, req->route->pattern));
}

/* Whose budget it is. The braces keep a caller's keys on one slot of a cluster. */
static const char *subject_of(const struct request *req)
{
	char address[ADDRESS_TEXT_SIZE];

	if (req->caller.signed_in)
		return arena_printf(req->arena, "rate:{user:%lld}", (long long)req->caller.user_id);
	client_address(&req->app->proxies, req->http->remote_addr,
		       http_header_list(req->http, "X-Forwarded-For"), address);
	return arena_printf(req->arena, "rate:{%s}", address);
}

static struct limit_state *state_for(const struct request *req)
{
	struct limit_state *state = ARENA_NEW(req->arena, struct limit_state);
	const char *subject = NULL;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		const struct policy *policy = &policies[i];

		if (!covers(policy, req))
			continue;
		if (!subject)
			subject = subject_of(req);
		state->policies[state->count] = policy;
		state->asks[state->count++] = (struct rate_ask){
			.key = arena_printf(req->arena, "%s:%s", subject, policy->name),
			.count = quota_of(req->app->config, policy),
			.window_us = WINDOW_S * US_PER_S,
			.mode = policy->misses ? RATE_LOOK : RATE_TAKE,
		};
	}
	return state;
}

static void ask(const struct request *req, const struct rate_ask *asks, size_t count,
		struct rate_state *ret_states)
{
	struct limits *limits = req->app->limits;
	struct problem ignored = {0};

	if (redis_rate_ask(limits->shared, req->arena, asks, count, ret_states, &ignored) == OK)
		return;
	metrics_add(&local_total, 1, (char *)NULL);
	rate_table_ask(limits->own, asks, count, clock_monotonic_us(), ret_states);
}

static int64_t whole_seconds(int64_t us)
{
	return (us + US_PER_S - 1) / US_PER_S;
}

/* Of several that are reached, the one that lasts longest. */
static enum status judge(const struct limit_state *state, enum status status, struct problem *err)
{
	const struct policy *reached = NULL;
	int64_t wait_us = 0, quota = 0;

	for (size_t i = 0; i < state->count; i++) {
		if (!state->states[i].refused)
			continue;
		metrics_add(&limited_total, 1, state->policies[i]->name, (char *)NULL);
		if (reached && state->states[i].wait_us <= wait_us)
			continue;
		reached = state->policies[i];
		quota = state->asks[i].count;
		wait_us = state->states[i].wait_us;
	}
	if (!reached)
		return status;
	*err = (struct problem){.retry_after_s = (int)whole_seconds(wait_us)};
	return problem_set(err, ST_TOO_MANY_REQUESTS, "More than %lld a minute: %s",
			   (long long)quota, reached->name);
}

enum status limits_check(struct request *req, enum status status, struct problem *err)
{
	if (!req->app->limits || !is_counted(req->route))
		return status;
	req->limits = state_for(req);
	if (!req->limits->count)
		return status;
	ask(req, req->limits->asks, req->limits->count, req->limits->states);
	return judge(req->limits, status, err);
}

void limits_outcome(struct request *req, enum status status)
{
	struct limit_state *state = req->limits;

	if (!state || (status != ST_INVALID_QR && status != ST_NOT_FOUND))
		return;
	for (size_t i = 0; i < state->count; i++) {
		if (!state->policies[i]->misses)
			continue;
		state->asks[i].mode = RATE_ADD;
		ask(req, &state->asks[i], 1, &state->states[i]);
	}
}

/* --- headers ---------------------------------------------------------------------------------- */

void limits_answer(struct request *req)
{
	const struct limit_state *state = req->limits;
	struct strbuf policy, left;

	if (!state || !state->count)
		return;
	strbuf_init(&policy, req->arena);
	strbuf_init(&left, req->arena);
	for (size_t i = 0; i < state->count; i++) {
		const char *comma = i ? ", " : "";
		const char *name = state->policies[i]->name;

		strbuf_addf(&policy, "%s\"%s\";q=%lld;w=%d", comma, name,
			    (long long)state->asks[i].count, WINDOW_S);
		strbuf_addf(&left, "%s\"%s\";r=%lld;t=%lld", comma, name,
			    (long long)state->states[i].left,
			    (long long)whole_seconds(state->states[i].full_us));
	}
	http_add_header(req->http, "RateLimit-Policy", policy.buf);
	http_add_header(req->http, "RateLimit", left.buf);
}
