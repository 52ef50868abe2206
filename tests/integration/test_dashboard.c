/*
 * A real Prometheus scrapes the running suite: promtool finds no fault with what the programs
 * serve, every expression of the dashboard has data, and so have the series that the alerts look
 * at.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

#define TOOL "/usr/bin/python3 tests/support/alerts.py"
#define RULE "k8s/base/prometheus-rule.yaml"
#define DASHBOARD "k8s/base/dashboard.json"

enum { PROMETHEUS_MS = 30000 };

static char dir[] = "/var/tmp/core-service-prometheus.XXXXXX";
static const char *tickets, *email;
static int prometheus_port;
static pid_t prometheus;

static const char *port_address(int port)
{
	return text("127.0.0.1:%d", port);
}

static const char *start_worker(enum suite_part part)
{
	const char *address = port_address(servers_free_port());

	suite_set("WORKER_METRICS_PORT", strchr(address, ':') + 1);
	suite_start(part);
	return address;
}

static void add_target(FILE *out, const char *job, const char *address)
{
	fprintf(out,
		"- job_name: %s\n"
		"  static_configs: [{targets: ['%s'], labels: {namespace: shop}}]\n",
		job, address);
}

/* Names of jobs as Kubernetes' services give them. */
static void write_configuration(void)
{
	FILE *out = fopen(text("%s/prometheus.yml", dir), "we");

	ck_assert_ptr_nonnull(out);
	fprintf(out, "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
		     "rule_files: [rules.yaml]\n"
		     "scrape_configs:\n");
	add_target(out, "core-service", suite_metrics() + strlen("http://"));
	add_target(out, "worker-tickets", tickets);
	add_target(out, "worker-email", email);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(system(text(TOOL " rules " RULE " >%s/rules.yaml", dir)), 0);
}

static void become_prometheus(void)
{
	int log = open(text("%s/log", dir), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execlp("prometheus", "prometheus", text("--config.file=%s/prometheus.yml", dir),
	       text("--storage.tsdb.path=%s/data", dir),
	       text("--web.listen-address=%s", port_address(prometheus_port)), (char *)NULL);
	_exit(127);
}

static void start_prometheus(void)
{
	int64_t until = clock_monotonic_us() + PROMETHEUS_MS * US_PER_MS;
	const struct saying ready = {
		.method = "GET",
		.url = text("http://%s/-/ready", port_address(prometheus_port)),
		.timeout_ms = 1000};

	prometheus = fork();
	if (prometheus == 0)
		become_prometheus();
	while (say(&ready)->status != 200) {
		ck_assert_msg(clock_monotonic_us() < until, "Prometheus does not come up");
		clock_sleep_ms(100);
	}
}

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(system(text("mkdir %s/documents", dir)), 0);
	suite_set("DOCUMENTS_URL", text("file://%s/documents", dir));
	suite_set("DB_REPLICA_HOST", "127.0.0.1");
	suite_set("DB_REPLICA_PORT", text("%d", servers_port(SERVER_REPLICA)));
	suite_begin(SUITE_PLATFORM);
	suite_set("OTEL_EXPORTER_OTLP_ENDPOINT", suite_platform());
	suite_set("JWT_JWKS_URL", text("%s/.well-known/jwks.json", suite_platform()));
	suite_set("RATE_LIMIT_CALLER", "100000");
	suite_start(SUITE_API);
	tickets = start_worker(SUITE_TICKETS);
	email = start_worker(SUITE_EMAIL);
	prometheus_port = servers_free_port();
	write_configuration();
	start_prometheus();
}

static void end(void)
{
	kill(prometheus, SIGTERM);
	waitpid(prometheus, NULL, 0);
	suite_end();
	ck_assert_int_eq(system(text("rm -rf %s", dir)), 0);
}

/* Something of everything that is counted: a guest who is admitted, one who cannot pay because the
 * payment service is away, an audit. */
static void work(void)
{
	struct shop shop = shop_open(5, "0", 5);
	struct shop paid = shop_open(5, "9.50", 5);
	struct reply *zoe = shop_register(&shop, token_user(), "zoe");

	ck_assert_int_eq(zoe->status, 201);
	ck_assert_int_eq(api_get(token_admin(), "/api/events")->status, 200);
	ck_assert_int_eq(
		api_post(token_organizer(),
			 text("/api/events/%lld/guests/%lld/check-in", (long long)shop.event_id,
			      (long long)reply_int(zoe, "data.id")),
			 NULL)
			->status,
		200);
	platform_script("{\"service\":\"payment\",\"behaviour\":\"status\",\"status\":503}");
	ck_assert_int_eq(shop_register(&paid, token_user(), "yan")->status, 503);
	ck_assert(audit_clean());
	ck_assert(sql_becomes(20000, "0", "SELECT count(*) FROM outbox"));
}

START_TEST(every_expression_has_data)
{
	work();
	ck_assert_int_eq(system(text(TOOL " ask http://%s " RULE " " DASHBOARD,
				     port_address(prometheus_port))),
			 0);
}
END_TEST

START_TEST(promtool_finds_no_fault)
{
	work();
	ck_assert_int_eq(system(text(TOOL " metrics %s/metrics http://%s/metrics http://%s/metrics",
				     suite_metrics(), tickets, email)),
			 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dashboard");
	TCase *cases = tcase_create("dashboard");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(cases, 180);
	tcase_add_checked_fixture(cases, begin, end);
	tcase_add_test(cases, every_expression_has_data);
	tcase_add_test(cases, promtool_finds_no_fault);
	suite_add_tcase(suite, cases);
	servers_start_private();
	servers_start_replica();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();

	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
