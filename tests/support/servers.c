#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/support/servers.h"

/* Called before a test makes threads: NOLINTBEGIN(concurrency-mt-unsafe) */

enum { PATH_SIZE = 256, URL_SIZE = 160, WAIT_MS = 30000, STEP_MS = 20, ARGS_MAX = 40 };
/* Below the range that the system hands out by itself. */
enum { PORT_FIRST = 10000, PORT_COUNT = 10000 };
#define PG_BIN "/usr/lib/postgresql/15/bin/"

static struct {
	bool own;     /* started here, not only used */
	bool durable; /* with the settings of production */
	char dir[PATH_SIZE];
	int port[SERVER_COUNT];
	char address[SERVER_COUNT][URL_SIZE];
	int alive_fd; /* closed when this program ends: the watcher's sign */
	pid_t watcher;
} servers;

static char redis_urls[SERVER_COUNT][URL_SIZE];
static const char *const names[SERVER_COUNT] = {"postgres", "redis", "redis-queue", "replica"};

/* --- processes ---------------------------------------------------------------------------------
 */

/* The name in the abstract namespace goes with the process; nobody else takes the port before. */
static bool keep_port(int port)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int kept = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "core-service-%d", port);
	bool ok =
		kept >= 0 && probe >= 0 &&
		bind(kept, (struct sockaddr *)&name,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) == 0 &&
		bind(probe, (struct sockaddr *)&at, sizeof(at)) == 0;

	close(probe);
	if (!ok)
		close(kept);
	return ok;
}

int servers_free_port(void)
{
	static unsigned next;

	if (next == 0)
		next = (unsigned)getpid() * 7u;
	for (int tries = 0; tries < PORT_COUNT; tries++) {
		int port = PORT_FIRST + (int)(next++ % PORT_COUNT);

		if (keep_port(port))
			return port;
	}
	fatal("servers: no free port");
}

int servers_listen(int *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		fatal("servers: no listener: %s", strerrordesc_np(errno));
	*ret_port = ntohs(at.sin_port);
	return fd;
}

/* PostgreSQL refuses root. */
static const struct passwd *postgres_user(void)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;

	if (geteuid() == 0 && !user)
		fatal("servers: there is no user postgres");
	return user;
}

static void exec_as(const struct passwd *user, char *const *argv, const char *log)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setsid();
	if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ||
	    chdir(servers.dir) != 0)
		_exit(126);
	if (user && (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
		     setuid(user->pw_uid) != 0))
		_exit(126);
	close(fd);
	if (argv[0])
		execvp(argv[0], argv);
	_exit(127);
}

static pid_t launch(const struct passwd *user, char *const *argv, const char *name)
{
	char log[PATH_SIZE + 32];
	pid_t pid;

	snprintf(log, sizeof(log), "%s/%s.log", servers.dir, name);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		fatal("servers: fork: %s", strerrordesc_np(errno));
	if (pid == 0)
		exec_as(user, argv, log);
	return pid;
}

/* A dead child whose parent has not asked yet is gone too. */
static bool is_alive(pid_t pid)
{
	char path[64];
	char state = 'X';
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = fopen(path, "re");
	if (!stat)
		return false;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(stat);
	return state != 'Z' && state != 'X';
}

static void pid_path(enum server server, char ret[PATH_SIZE + 32])
{
	snprintf(ret, PATH_SIZE + 32, "%s/%s.pid", servers.dir, names[server]);
}

static void write_pid(enum server server, pid_t pid)
{
	char path[PATH_SIZE + 32];
	FILE *file;

	pid_path(server, path);
	file = fopen(path, "we");
	if (!file || fprintf(file, "%d\n", (int)pid) < 0 || fclose(file) != 0)
		fatal("servers: cannot write %s", path);
}

static pid_t read_pid(enum server server)
{
	char path[PATH_SIZE + 32];
	int pid = 0;
	FILE *file;

	pid_path(server, path);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

static void wait_gone(pid_t pid)
{
	for (int waited = 0; is_alive(pid); waited += STEP_MS) {
		if (waited > WAIT_MS)
			fatal("servers: process %d does not end", (int)pid);
		waitpid(pid, NULL, WNOHANG);
		clock_sleep_ms(STEP_MS);
	}
	waitpid(pid, NULL, WNOHANG);
}

/* --- starting ----------------------------------------------------------------------------------
 */

static void run_to_end(char *const *argv, const char *name)
{
	int status = 0;
	pid_t pid = launch(postgres_user(), argv, name);

	if (waitpid(pid, &status, 0) != pid || status != 0)
		fatal("servers: %s failed, see %s/%s.log", name, servers.dir, name);
}

static bool is_postgres(enum server server)
{
	return server == SERVER_POSTGRES || server == SERVER_REPLICA;
}

static void make_database_cluster(void)
{
	char data[PATH_SIZE + 32];
	char *const argv[] = {
		(char[]){PG_BIN "initdb"},
		(char[]){"-A"},
		(char[]){"trust"},
		(char[]){"-U"},
		(char[]){"postgres"},
		(char[]){"-E"},
		(char[]){"UTF8"},
		(char[]){"--locale=C"},
		(char[]){"--lc-ctype=C.UTF-8"}, /* letters beyond ASCII have case too */
		(char[]){"--no-sync"},
		(char[]){"-D"},
		data,
		NULL};

	snprintf(data, sizeof(data), "%s/data-postgres", servers.dir);
	run_to_end(argv, "initdb");
}

/* A copy of the primary that follows it from here on; `fast` takes no turn of its checkpoints. */
static void copy_database_cluster(void)
{
	char data[PATH_SIZE + 32], primary[URL_SIZE];
	char *const argv[] = {(char[]){PG_BIN "pg_basebackup"},
			      (char[]){"--write-recovery-conf"},
			      (char[]){"--wal-method=stream"},
			      (char[]){"--checkpoint=fast"},
			      (char[]){"--no-sync"},
			      (char[]){"-d"},
			      primary,
			      (char[]){"-D"},
			      data,
			      NULL};

	snprintf(data, sizeof(data), "%s/data-replica", servers.dir);
	snprintf(primary, sizeof(primary), "%s", servers.address[SERVER_POSTGRES]);
	run_to_end(argv, "pg_basebackup");
}

/* argv from a format whose words are separated by blanks; '' is an empty word. */
static void split(char *text, char *argv[ARGS_MAX])
{
	size_t n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n == ARGS_MAX - 1)
			fatal("servers: too many words");
		if (strcmp(word, "''") == 0)
			*word = '\0';
		argv[n++] = word;
	}
	argv[n] = NULL;
}

static const char test_settings[] = "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB";
static const char durable_settings[] =
	"-c fsync=on -c shared_buffers=256MB -c effective_cache_size=1GB -c max_wal_size=4GB";

static void launch_server(enum server server)
{
	char text[1024];
	char *argv[ARGS_MAX];
	const struct passwd *user = NULL;

	if (is_postgres(server)) {
		user = postgres_user();
		snprintf(text, sizeof(text),
			 PG_BIN
			 "postgres -D %s/data-%s -p %d -k %s -h 127.0.0.1 %s"
			 " -c max_connections=500 -c timezone=UTC -c log_min_messages=warning"
			 " -c log_min_error_statement=panic",
			 servers.dir, names[server], servers.port[server], servers.dir,
			 servers.durable ? durable_settings : test_settings);
	} else {
		bool queue = server == SERVER_REDIS_QUEUE;

		snprintf(text, sizeof(text),
			 "redis-server --port %d --bind 127.0.0.1 --dir %s/%s --databases 1024"
			 " --save '' --appendonly %s --appendfsync everysec --maxmemory-policy %s"
			 " --daemonize no",
			 servers.port[server], servers.dir, names[server], queue ? "yes" : "no",
			 queue ? "noeviction" : "allkeys-lfu");
	}
	split(text, argv);
	write_pid(server, launch(user, argv, names[server]));
}

static bool redis_answers(int port, const char *command)
{
	redisContext *link =
		redisConnectWithTimeout("127.0.0.1", port, (struct timeval){.tv_sec = 1});
	redisReply *reply = NULL;
	bool ok;

	if (!link || link->err) {
		redisFree(link);
		return false;
	}
	redisSetTimeout(link, (struct timeval){.tv_sec = 2});
	reply = redisCommand(link, command);
	ok = reply && reply->type != REDIS_REPLY_ERROR;
	freeReplyObject(reply);
	redisFree(link);
	return ok;
}

static bool postgres_answers(enum server server)
{
	char url[URL_SIZE * 2];
	struct problem ignored = {0};
	PG_LEASED conn = NULL;

	snprintf(url, sizeof(url), "%s/postgres", servers.address[server]);
	return pg_connect(url, &conn, &ignored) == OK;
}

static void wait_ready(enum server server)
{
	for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
		if (is_postgres(server) ? postgres_answers(server)
					: redis_answers(servers.port[server], "PING"))
			return;
		if (!is_alive(read_pid(server)))
			fatal("servers: %s ended, see %s/%s.log", names[server], servers.dir,
			      names[server]);
		clock_sleep_ms(STEP_MS);
	}
	fatal("servers: %s does not answer", names[server]);
}

static int remove_entry(const char *path, const struct stat *stat UNUSED, int type UNUSED,
			struct FTW *ftw UNUSED)
{
	return remove(path);
}

/* Runs until the program that started the servers is gone, then ends them. */
NORETURN static void watch(int fd)
{
	char byte;

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	for (int i = 0; i < SERVER_COUNT; i++) {
		pid_t pid = read_pid((enum server)i);

		if (pid > 0 && is_alive(pid)) {
			kill(pid, is_postgres((enum server)i) ? SIGQUIT : SIGKILL);
			wait_gone(pid);
		}
	}
	nftw(servers.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

static void start_watcher(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		fatal("servers: pipe: %s", strerrordesc_np(errno));
	fflush(NULL);
	servers.watcher = fork();
	if (servers.watcher < 0)
		fatal("servers: fork: %s", strerrordesc_np(errno));
	if (servers.watcher == 0) {
		close(ends[1]);
		watch(ends[0]);
	}
	close(ends[0]);
	servers.alive_fd = ends[1];
}

static void make_dirs(void)
{
	const struct passwd *user = postgres_user();
	char path[PATH_SIZE + 32];

	snprintf(servers.dir, sizeof(servers.dir), "/var/tmp/core-service-test.XXXXXX");
	if (!mkdtemp(servers.dir))
		fatal("servers: mkdtemp: %s", strerrordesc_np(errno));
	if (user && chown(servers.dir, user->pw_uid, user->pw_gid) != 0)
		fatal("servers: chown: %s", strerrordesc_np(errno));
	for (int i = SERVER_REDIS; i <= SERVER_REDIS_QUEUE; i++) {
		snprintf(path, sizeof(path), "%s/%s", servers.dir, names[i]);
		if (mkdir(path, 0755) != 0)
			fatal("servers: mkdir: %s", strerrordesc_np(errno));
	}
}

static void assign_address(enum server server)
{
	servers.port[server] = servers_free_port();
	snprintf(servers.address[server], URL_SIZE, "%s127.0.0.1:%d",
		 is_postgres(server) ? "postgresql://postgres@" : "redis://", servers.port[server]);
	snprintf(redis_urls[server], URL_SIZE, "%s/0", servers.address[server]);
}

void servers_start_private(void)
{
	make_dirs();
	servers.own = true;
	start_watcher();
	make_database_cluster();
	for (int i = 0; i < SERVER_REPLICA; i++) {
		assign_address((enum server)i);
		launch_server((enum server)i);
	}
	for (int i = 0; i < SERVER_REPLICA; i++)
		wait_ready((enum server)i);
}

void servers_start_durable(void)
{
	servers.durable = true;
	servers_start_private();
}

int servers_pid(enum server server)
{
	return (int)read_pid(server);
}

void servers_start_replica(void)
{
	copy_database_cluster();
	assign_address(SERVER_REPLICA);
	servers_resume(SERVER_REPLICA);
}

int servers_port(enum server server)
{
	return servers.port[server];
}

/* A Redis database number that no other test program has. */
static int own_number(int port)
{
	redisContext *link = redisConnect("127.0.0.1", port);
	redisReply *reply = link && !link->err ? redisCommand(link, "INCR programs") : NULL;
	int number;

	if (!reply || reply->type != REDIS_REPLY_INTEGER)
		fatal("servers: the shared Redis does not answer");
	number = (int)(reply->integer % 1023) + 1;
	freeReplyObject(reply);
	redisFree(link);
	return number;
}

static void use_shared(enum server server, const char *address)
{
	const char *port = strrchr(address, ':');

	snprintf(servers.address[server], URL_SIZE, "%s", address);
	servers.port[server] = port ? (int)strtol(port + 1, NULL, 10) : 0;
	if (server != SERVER_POSTGRES)
		snprintf(redis_urls[server], URL_SIZE, "%s/%d", address,
			 own_number(servers.port[server]));
}

void servers_start(void)
{
	const char *postgres = getenv("TEST_POSTGRES_URL");
	const char *redis = getenv("TEST_REDIS_URL");
	const char *queue = getenv("TEST_REDIS_QUEUE_URL");

	if (!postgres || !redis || !queue) {
		servers_start_private();
		return;
	}
	use_shared(SERVER_POSTGRES, postgres);
	use_shared(SERVER_REDIS, redis);
	use_shared(SERVER_REDIS_QUEUE, queue);
}

void servers_stop(void)
{
	if (!servers.own)
		return;
	close(servers.alive_fd);
	waitpid(servers.watcher, NULL, 0);
	servers.own = false;
}

void servers_halt(enum server server, int signal)
{
	pid_t pid = read_pid(server);

	if (!servers.own || pid <= 0)
		fatal("servers: only private servers are stopped");
	kill(pid, signal);
	wait_gone(pid);
}

void servers_resume(enum server server)
{
	launch_server(server);
	wait_ready(server);
}

void servers_restart_postgres(bool immediate)
{
	servers_halt(SERVER_POSTGRES, immediate ? SIGQUIT : SIGINT);
	servers_resume(SERVER_POSTGRES);
}

void servers_restart_redis(void)
{
	servers_halt(SERVER_REDIS_QUEUE, SIGTERM);
	servers_resume(SERVER_REDIS_QUEUE);
}

/*
 * Until Redis has handed its log to the system: behind a slow fsync it keeps
 * what it was told for up to two seconds, and a kill then undoes the flush.
 */
static void await_log(redisContext *link)
{
	for (bool written = false; !written;) {
		redisReply *reply = redisCommand(link, "INFO persistence");

		if (!reply || reply->type != REDIS_REPLY_STRING)
			fatal("servers: INFO failed");
		written = !strstr(reply->str, "aof_buffer_length:") ||
			  strstr(reply->str, "aof_buffer_length:0\r");
		freeReplyObject(reply);
		if (!written)
			clock_sleep_ms(STEP_MS);
	}
}

static void flush(enum server server)
{
	const char *number = strrchr(redis_urls[server], '/') + 1;
	redisContext *link = redisConnect("127.0.0.1", servers.port[server]);
	redisReply *reply = NULL;

	if (link && !link->err && redisAppendCommand(link, "SELECT %s", number) == REDIS_OK &&
	    redisGetReply(link, (void **)&reply) == REDIS_OK) {
		freeReplyObject(reply);
		reply = redisCommand(link, "FLUSHDB");
	}
	if (!reply || reply->type == REDIS_REPLY_ERROR)
		fatal("servers: FLUSHDB failed");
	freeReplyObject(reply);
	await_log(link);
	redisFree(link);
}

void servers_flush_redis(void)
{
	flush(SERVER_REDIS);
	flush(SERVER_REDIS_QUEUE);
}

const char *servers_database_url(const char *name)
{
	static char urls[16][URL_SIZE * 2];
	static size_t used;
	char *url = urls[used++ % ARRAY_LEN(urls)];

	snprintf(url, sizeof(urls[0]), "%s/%s", servers.address[SERVER_POSTGRES], name);
	return url;
}

const char *servers_redis_url(void)
{
	return redis_urls[SERVER_REDIS];
}

const char *servers_redis_queue_url(void)
{
	return redis_urls[SERVER_REDIS_QUEUE];
}

const char *servers_directory(void)
{
	return servers.dir;
}

const char *servers_address(enum server server)
{
	return servers.address[server];
}
/* NOLINTEND(concurrency-mt-unsafe) */
