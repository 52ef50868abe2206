#include "tests/support/proxy.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/servers.h"

/* Before a test makes threads: NOLINTBEGIN(concurrency-mt-unsafe) */

enum { START_MS = 10000, STEP_MS = 20 };
#define SITE "k8s/host/nginx.conf"
#define NGINX "/usr/sbin/nginx"

static pid_t pid;
static char dir[] = "/var/tmp/core-service-proxy.XXXXXX";

static const char *host_of(enum suite_part api)
{
	return suite_api_of(api) + strlen("http://");
}

static void shell(const char *command)
{
	if (system(command) != 0)
		fatal("proxy: %s", command);
}

static void write_site(int port, enum suite_part first, enum suite_part second)
{
	shell(text("sed -e '/listen \\[::\\]/d; /^\tssl_/d; s/listen 80;/listen 127.0.0.1:%d;/'"
		   " -e 's/listen 443 ssl http2/listen 127.0.0.1:%d/'"
		   " -e 's/127.0.0.1:3001/%s/; s/127.0.0.1:3011/%s/' " SITE " >%s/site.conf",
		   servers_free_port(), port, host_of(first), host_of(second), dir));
}

/* One process, so that nothing outlives it. */
static void write_config(void)
{
	FILE *file = fopen(text("%s/nginx.conf", dir), "we");

	if (!file)
		fatal("proxy: cannot write %s/nginx.conf", dir);
	fprintf(file,
		"daemon off; master_process off; pid %s/pid; error_log %s/error.log warn;\n"
		"events { worker_connections 512; }\n"
		"http {\n",
		dir, dir);
	for (size_t i = 0; i < 5; i++) {
		static const char *const kinds[] = {"client_body", "proxy", "fastcgi", "uwsgi",
						    "scgi"};

		fprintf(file, "%s_temp_path %s/%s;\n", kinds[i], dir, kinds[i]);
	}
	fprintf(file, "include %s/site.conf;\n}\n", dir);
	fclose(file);
}

static void launch(void)
{
	const char *config = text("%s/nginx.conf", dir);
	const char *log = text("%s/error.log", dir);

	pid = fork();
	if (pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(NGINX, NGINX, "-e", log, "-c", config, (char *)NULL);
	_exit(127);
}

void proxy_complaints(void)
{
	/* that nobody listens is what a restart looks like: it must not hide the rest */
	if (system(text("(grep -v '(111: ' %s/error.log | tail -n 20; tail -n 20 %s/error.log) >&2",
			dir, dir)) != 0)
		fprintf(stderr, "proxy: no log\n");
}

void proxy_start(enum suite_part first, enum suite_part second)
{
	int port = servers_free_port();
	int64_t until_us = clock_monotonic_us() + START_MS * US_PER_MS;

	if (!mkdtemp(dir))
		fatal("proxy: no %s", dir);
	write_site(port, first, second);
	write_config();
	launch();
	suite_speak_to(text("http://127.0.0.1:%d", port));
	while (api_get(NULL, "/health/ready")->status != 200) {
		if (clock_monotonic_us() > until_us || waitpid(pid, NULL, WNOHANG) == pid) {
			proxy_complaints();
			fatal("proxy: nginx does not come up");
		}
		clock_sleep_ms(STEP_MS);
	}
}

void proxy_stop(void)
{
	suite_speak_to(NULL);
	say_goodbye();
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	shell(text("rm -rf %s", dir));
	memcpy(strrchr(dir, '.'), ".XXXXXX", sizeof(".XXXXXX"));
}
/* NOLINTEND(concurrency-mt-unsafe) */
