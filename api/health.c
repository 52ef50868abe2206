#include "api/health.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/health_checks.h"
#include "api/observe.h"
#include "common/clock.h"

#define REPORT_LIFE_US US_PER_S

static const char json_type[] = "application/json";

static void answer_text(struct request *req, int status, const char *text)
{
	answer_bytes(req, status, json_type, (struct slice){text, strlen(text)});
	http_add_header(req->http, "Cache-Control", "no-store");
}

enum status health_live(struct request *req, struct problem *err)
{
	(void)err;
	answer_text(req, req->route->success, "{\"status\":\"alive\"}");
	return OK;
}

static enum status judge_ready(struct request *req, struct problem *err)
{
	static _Atomic bool was_ready;
	enum status status;

	if (req->app->draining)
		return problem_set(err, ST_OVERLOADED, "The service is stopping");
	status = health_check_schema(req->app, err);
	/* All connections in use is load, not failure: to be taken out for it would only pass the
	 * load on. */
	if (status == ST_OVERLOADED && was_ready)
		status = OK;
	if (status == ST_INTERNAL_ERROR)
		status = problem_set(err, ST_DATABASE_UNAVAILABLE,
				     "The database's schema does not fit this program");
	was_ready = !status;
	return status;
}

enum status health_ready(struct request *req, struct problem *err)
{
	enum status status = judge_ready(req, err);

	observe_ready(!status);
	if (!status)
		answer_text(req, req->route->success, "{\"status\":\"ready\"}");
	return status;
}

/* --- the report ------------------------------------------------------------------------------- */

static void add_check(struct strbuf *out, int check, const struct check_result *result)
{
	strbuf_addf(out, "%s\"%s\":{\"status\":\"%s\",", check ? "," : "", health_check_name(check),
		    result->healthy ? "healthy" : "unhealthy");
	if (!result->healthy) {
		strbuf_adds(out, "\"error\":");
		json_encode_string(out, result->error);
	} else {
		strbuf_addf(out, "\"responseTime\":%lld.%03lld,\"details\":%s",
			    (long long)(result->took_us / US_PER_MS),
			    (long long)(result->took_us % US_PER_MS), result->details);
	}
	strbuf_addc(out, '}');
}

static const char *verdict(const struct check_result results[CHECK_COUNT])
{
	if (!results[CHECK_DATABASE].healthy)
		return "unhealthy";
	for (size_t i = 0; i < CHECK_COUNT; i++) {
		if (!results[i].healthy)
			return "degraded";
	}
	return "healthy";
}

static void render(const struct app *app, const struct check_result results[CHECK_COUNT],
		   struct strbuf *out)
{
	int64_t uptime_us = clock_monotonic_us() - app->started_us;
	char now[RFC3339_SIZE];

	strbuf_addf(out,
		    "{\"status\":\"%s\",\"timestamp\":\"%s\",\"service\":\"core-service\","
		    "\"version\":\"%s\",\"uptime\":%lld,\"checks\":{",
		    verdict(results), clock_format(clock_now_us(), now), CORE_VERSION,
		    (long long)(uptime_us / US_PER_S));
	for (int i = 0; i < CHECK_COUNT; i++)
		add_check(out, i, &results[i]);
	strbuf_adds(out, "}}");
}

/* The last report. The lock is held while a new one is made: who comes meanwhile waits for it. */
static struct {
	pthread_mutex_t lock;
	struct strbuf text;
	bool unhealthy;
	int64_t until_us;
} report = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void make_report(struct app *app)
{
	struct check_result results[CHECK_COUNT];

	if (clock_monotonic_us() < report.until_us)
		return;
	health_check_all(app, results);
	strbuf_truncate(&report.text, 0);
	render(app, results, &report.text);
	report.unhealthy = !results[CHECK_DATABASE].healthy;
	report.until_us = clock_monotonic_us() + REPORT_LIFE_US;
}

enum status health_report(struct request *req, struct problem *err)
{
	int status = req->route->success;
	const char *text;

	(void)err;
	pthread_mutex_lock(&report.lock);
	if (!report.until_us)
		strbuf_init(&report.text, NULL);
	make_report(req->app);
	text = arena_strndup(req->arena, report.text.buf, report.text.len);
	if (report.unhealthy)
		status = problem_row(ST_DATABASE_UNAVAILABLE)->http;
	pthread_mutex_unlock(&report.lock);
	answer_text(req, status, text);
	return OK;
}
