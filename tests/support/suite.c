#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sanitizer/lsan_interface.h>

#include "common/clock.h"
#include "common/ids.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"

enum { PARTS = 4, EACH_MAX = 4, SETTINGS_MAX = 48, START_MS = 30000, STEP_MS = 2 };
/* A process of the suite: the first of each part, then the second of each, … */
enum { PLACES = PARTS * EACH_MAX };

const char suite_webhook_secret[] = "whsec_dGhlIHN0YW5kLWluIHBsYXRmb3JtJ3Mgd2ViaG9vayBzZWNyZXQ=";
const char suite_qr_secret[] = "a secret for the codes of the tests, long enough";
const char suite_jwt_secret[] = "a secret for the tokens of the tests, long enough";
const char suite_service_token[] = "a token between services of the tests, long enough";

static struct {
	pid_t pids[PLACES];
	char logs[PLACES][PATH_MAX];
	char dir[PATH_MAX];
	char database[512];
	int api_port[EACH_MAX], metrics_port[EACH_MAX], platform_port;
	const char *spoken_to; /* NULL: the first API */
	bool next_version;
	const char *settings[SETTINGS_MAX][2];
	size_t setting_count;
} suite;

static const char *const programs[PARTS] = {"platform", "core-api", "worker-tickets",
					    "worker-email"};

static int place_of(enum suite_part part)
{
	return __builtin_ctz((unsigned)part) + PARTS * (int)((unsigned)part >> SUITE_NTH_SHIFT);
}

static enum suite_part part_at(int place)
{
	return (enum suite_part)(1 << place % PARTS);
}

static int nth_of(int place)
{
	return place / PARTS;
}

static const char *program_of(int place)
{
	return programs[place % PARTS];
}

/* Replies and texts live until a test's process ends: no leaks are looked for there, only in the
 * programs that it starts. */
int __lsan_is_turned_off(void)
{
	return 1;
}

/* --- settings -------------------------------------------------------------------------------- */

void suite_set(const char *name, const char *value)
{
	for (size_t i = 0; i < suite.setting_count; i++) {
		if (!strcmp(suite.settings[i][0], name)) {
			suite.settings[i][1] = value;
			return;
		}
	}
	if (suite.setting_count == SETTINGS_MAX)
		fatal("suite: too many settings");
	suite.settings[suite.setting_count][0] = name;
	suite.settings[suite.setting_count++][1] = value;
}

static void set_default(const char *name, const char *value)
{
	for (size_t i = 0; i < suite.setting_count; i++)
		if (!strcmp(suite.settings[i][0], name))
			return;
	suite_set(name, value);
}

static void set_defaults(void)
{
	const char *platform;

	suite.api_port[0] = servers_free_port();
	suite.metrics_port[0] = servers_free_port();
	suite.platform_port = servers_free_port();
	platform = suite_platform();
	set_default("PORT", text("%d", suite.api_port[0]));
	set_default("METRICS_PORT", text("%d", suite.metrics_port[0]));
	set_default("PLATFORM_PORT", text("%d", suite.platform_port));
	set_default("WEBHOOK_URL", text("%s/api/payments/webhook", suite_api()));
	set_default("PUBLIC_URL", suite_api());
	set_default("DATABASE_URL", suite.database);
	set_default("REDIS_URL", servers_redis_url());
	set_default("REDIS_QUEUE_URL", servers_redis_queue_url());
	set_default("JWT_SECRET", suite_jwt_secret);
	set_default("SHARED_SERVICE_TOKEN", suite_service_token);
	set_default("QR_SIGNATURE_SECRET", suite_qr_secret);
	set_default("PAYMENT_WEBHOOK_SECRET", suite_webhook_secret);
	set_default("AUTH_SERVICE_URL", platform);
	set_default("PAYMENT_SERVICE_URL", platform);
	set_default("NOTIFICATION_SERVICE_URL", platform);
	set_default("HTTP_THREADS", "400");
	set_default("REQUESTS_MAX", "280");
	set_default("NODE_ENV", "test");
	set_default("WORKER_THREADS", "2");
}

/* --- processes ------------------------------------------------------------------------------- */

/* The programs lie beside the tests: build/MODE/tests/integration/X -> build/MODE/bin. */
static const char *program_path(const char *name)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		fatal("suite: readlink: %s", strerror(errno));
	self[len] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	if (suite.next_version && !access(text("%s/bin/next/%s", self, name), X_OK))
		return text("%s/bin/next/%s", self, name);
	return text("%s/bin/%s", self, name);
}

static void become(const char *path, int place)
{
	int fd = open(suite.logs[place], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int nth = nth_of(place);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	for (size_t i = 0; i < suite.setting_count; i++)
		setenv(suite.settings[i][0], suite.settings[i][1], 1);
	if (nth && part_at(place) == SUITE_API) {
		setenv("PORT", text("%d", suite.api_port[nth]), 1);
		setenv("METRICS_PORT", text("%d", suite.metrics_port[nth]), 1);
	}
	execl(path, path, (char *)NULL);
	_exit(127);
}

static bool answers(const char *url)
{
	struct reply *reply =
		say(&(struct saying){.method = "GET", .url = url, .timeout_ms = 1000});
	bool ok = reply->status == 200;

	reply_free(reply);
	return ok;
}

static void show_log(int i)
{
	if (system(text("tail -n 60 '%s' >&2", suite.logs[i])) != 0)
		fprintf(stderr, "no log\n");
}

/* Has this program ended by itself? */
static bool is_gone(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid;
}

static bool answers_within(const char *url, pid_t pid, int64_t ms)
{
	int64_t until = clock_monotonic_us() + ms * US_PER_MS;

	while (!answers(url)) {
		if (clock_monotonic_us() > until || is_gone(pid))
			return false;
		clock_sleep_ms(STEP_MS);
	}
	return true;
}

/* Lines of the log with these words. */
static int log_says(int i, const char *words)
{
	FILE *log = fopen(suite.logs[i], "re");
	char *line = NULL;
	size_t size = 0;
	int count = 0;

	while (log && getline(&line, &size, log) >= 0)
		count += strstr(line, words) != NULL;
	free(line);
	if (log)
		fclose(log);
	return count;
}

/* A program that was ended and started again left its first start in the log. */
static int starts(int i)
{
	return log_says(i, "\"Worker started\"");
}

/* A worker holds signals back once it has started; before, SIGTERM simply kills it. */
static bool worker_started(int i, int starts_before)
{
	int64_t until = clock_monotonic_us() + START_MS * US_PER_MS;

	while (starts(i) == starts_before) {
		if (clock_monotonic_us() > until || is_gone(suite.pids[i]))
			return false;
		clock_sleep_ms(STEP_MS);
	}
	return true;
}

static const char *api_at(int place)
{
	return text("http://127.0.0.1:%d", suite.api_port[nth_of(place)]);
}

bool suite_ready(int64_t ms)
{
	return answers_within(text("%s/health/ready", suite_api()), suite_pid(SUITE_API), ms);
}

/* Where a process lies: its log and, for an API, its ports, which it keeps when started again. */
static void prepare(int place)
{
	int nth = nth_of(place);
	const char *name = program_of(place);

	if (nth >= EACH_MAX)
		fatal("suite: more than %d of %s", EACH_MAX, name);
	if (*suite.logs[place])
		return;
	snprintf(suite.logs[place], PATH_MAX, "%.200s/%s%s.log", suite.dir, name,
		 nth ? text("-%d", nth) : "");
	if (nth && part_at(place) == SUITE_API) {
		suite.api_port[nth] = servers_free_port();
		suite.metrics_port[nth] = servers_free_port();
	}
}

static bool comes_up(int place, int starts_before)
{
	pid_t pid = suite.pids[place];

	if (part_at(place) == SUITE_API)
		return answers_within(text("%s/health/ready", api_at(place)), pid, START_MS);
	if (part_at(place) == SUITE_PLATFORM)
		return answers_within(text("%s/health", suite_platform()), pid, START_MS);
	return worker_started(place, starts_before);
}

static bool is_worker(int place)
{
	enum suite_part part = part_at(place);

	return part == SUITE_TICKETS || part == SUITE_EMAIL;
}

void suite_spawn(enum suite_part part)
{
	int place = place_of(part);
	const char *path = program_path(program_of(place));

	prepare(place);
	suite.pids[place] = fork();
	if (suite.pids[place] == 0)
		become(path, place);
}

void suite_start(enum suite_part part)
{
	int place = place_of(part);
	int starts_before;

	prepare(place);
	starts_before = is_worker(place) ? starts(place) : 0;
	suite_spawn(part);
	if (!comes_up(place, starts_before)) {
		show_log(place);
		fatal("suite: %s does not come up", program_of(place));
	}
}

/* Its exit status, as a shell gives it. */
static int reap(int place)
{
	int status = 0;

	waitpid(suite.pids[place], &status, 0);
	suite.pids[place] = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int suite_stop(enum suite_part part)
{
	int i = place_of(part);

	kill(suite.pids[i], SIGTERM);
	return reap(i);
}

int suite_wait(enum suite_part part, int64_t ms)
{
	int64_t until = clock_monotonic_us() + ms * US_PER_MS;
	int i = place_of(part);

	while (!is_gone(suite.pids[i])) {
		if (clock_monotonic_us() > until)
			return -1;
		clock_sleep_ms(STEP_MS);
	}
	return reap(i);
}

void suite_kill(enum suite_part part)
{
	int i = place_of(part);

	kill(suite.pids[i], SIGKILL);
	waitpid(suite.pids[i], NULL, 0);
	suite.pids[i] = 0;
}

int suite_pid(enum suite_part part)
{
	return suite.pids[place_of(part)];
}

void suite_begin(unsigned parts)
{
	static int number;

	snprintf(suite.dir, sizeof(suite.dir), "/var/tmp/core-service-suite.XXXXXX");
	if (!mkdtemp(suite.dir))
		fatal("suite: mkdtemp: %s", strerror(errno));
	memset(suite.logs, 0, sizeof(suite.logs));
	for (int i = 0; i < PARTS; i++)
		prepare(i);
	snprintf(suite.database, sizeof(suite.database), "%s",
		 servers_database_create(text("suite_%d_%d", getpid(), number++)));
	servers_flush_redis();
	set_defaults();
	say_on_record(suite_api());
	for (unsigned part = 1; part <= SUITE_EMAIL; part <<= 1)
		if (parts & part)
			suite_start((enum suite_part)part);
}

static bool has_sanitizer_report(int i)
{
	static const char *const reports[] = {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
					      "WARNING: ThreadSanitizer", "runtime error:"};

	for (size_t j = 0; j < ARRAY_LEN(reports); j++)
		if (log_says(i, reports[j]))
			return true;
	return false;
}

/* A program that is gone, does not end with 0, or left a report fails the test. */
static void end_part(int i)
{
	int status = suite.pids[i] ? suite_stop(suite_nth(part_at(i), nth_of(i))) : 0;

	if (status == 0 && (!*suite.logs[i] || !has_sanitizer_report(i)))
		return;
	show_log(i);
	fatal("suite: %s ended with %d", program_of(i), status);
}

void suite_end(void)
{
	say_goodbye();
	for (int i = 0; i < PLACES; i++)
		if (suite.pids[i])
			kill(suite.pids[i], SIGTERM); /* all drain at the same time */
	for (int i = PLACES - 1; i >= 0; i--)
		end_part(i);
	if (system(text("rm -rf '%s'", suite.dir)) != 0)
		fprintf(stderr, "suite: %s is left\n", suite.dir);
	suite.setting_count = 0;
	suite.spoken_to = NULL;
	suite.next_version = false;
}

/* --- addresses ------------------------------------------------------------------------------- */

void suite_speak_to(const char *address)
{
	suite.spoken_to = address;
}

void suite_use_next_version(bool next)
{
	suite.next_version = next;
}

const char *suite_api(void)
{
	return suite.spoken_to ? suite.spoken_to : api_at(place_of(SUITE_API));
}

const char *suite_api_of(enum suite_part part)
{
	prepare(place_of(part));
	return api_at(place_of(part));
}

const char *suite_metrics(void)
{
	return suite_metrics_of(SUITE_API);
}

const char *suite_metrics_of(enum suite_part part)
{
	return text("http://127.0.0.1:%d", suite.metrics_port[nth_of(place_of(part))]);
}

const char *suite_platform(void)
{
	return text("http://127.0.0.1:%d", suite.platform_port);
}

const char *suite_log(enum suite_part part)
{
	return suite.logs[place_of(part)];
}

const char *suite_database(void)
{
	return suite.database;
}

int suite_corectl(const char *command, const char *argument)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		const char *path = program_path("corectl");

		for (size_t i = 0; i < suite.setting_count; i++)
			setenv(suite.settings[i][0], suite.settings[i][1], 1);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(path, path, command, argument, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int suite_ask_corectl(const char **ret_output, const char *words, ...)
{
	static struct arena arena = {.block_size = 4096};
	char line[4096];
	va_list args;

	va_start(args, words);
	vsnprintf(line, sizeof(line), words, args);
	va_end(args);
	for (size_t i = 0; i < suite.setting_count; i++)
		setenv(suite.settings[i][0], suite.settings[i][1], 1);
	return run_program(&arena, "corectl", line, ret_output);
}

bool audit_clean(void)
{
	return suite_corectl("audit", NULL) == 0;
}
