/*
 * metrics_process: what the kernel knows of this process (proc(5)).
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics_series.h"

static void release_file(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file);
}

static void release_dir(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / (double)US_PER_S;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return 0;
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static double resident_bytes(void)
{
	unsigned long long pages = 0;
	CLEANUP(release_file) FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL || fscanf(file, "%*u %llu", &pages) != 1)
		return 0;
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_fds(void)
{
	int count = 0;
	CLEANUP(release_dir) DIR *dir = opendir("/proc/self/fd");

	if (dir == NULL)
		return 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.';
	return count - 1; /* the directory itself */
}

static double max_fds(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : 0;
}

/* Seconds since 1970; field 22 of stat counts ticks since the machine's start. */
static double start_time(void)
{
	char text[1024];
	unsigned long long ticks = 0;
	struct timespec up;
	CLEANUP(release_file) FILE *file = fopen("/proc/self/stat", "re");

	if (file == NULL || fgets(text, sizeof(text), file) == NULL)
		return 0;
	/* The name before it is in brackets and may hold blanks and brackets. */
	const char *rest = strrchr(text, ')');
	if (rest == NULL || sscanf(rest + 1,
				   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
				   " %*d %*d %*d %*d %llu",
				   &ticks) != 1)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &up);
	double age = (double)up.tv_sec + (double)up.tv_nsec / 1e9 -
		     (double)ticks / (double)sysconf(_SC_CLK_TCK);
	return (double)clock_now_us() / (double)US_PER_S - age;
}

/* Read once: it would waver by the clocks' difference. */
static double started;

static void read_start(void)
{
	started = start_time();
}

void metrics_build_info(const char *program, const char *version)
{
	static struct metric info = {
		.name = "core_service_build_info",
		.type = METRIC_GAUGE,
		.help = "The program and the version that run; always 1.",
		.labels = {"program", "version"},
	};
	static struct metric *const families[] = {&info};

	metrics_register(families, ARRAY_LEN(families));
	metrics_set(&info, 1, program, version, (char *)NULL);
}

struct metrics_process metrics_process_read(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, read_start);
	return (struct metrics_process){{
		{"process_cpu_seconds_total", METRIC_COUNTER,
		 "Processor time used, user and system, in seconds.", cpu_seconds()},
		{"process_resident_memory_bytes", METRIC_GAUGE, "Resident memory in bytes.",
		 resident_bytes()},
		{"process_open_fds", METRIC_GAUGE, "Open file descriptors.", open_fds()},
		{"process_max_fds", METRIC_GAUGE, "File descriptors allowed.", max_fds()},
		{"process_start_time_seconds", METRIC_GAUGE,
		 "Start of the process, in seconds since 1970.", started},
		{"log_lines_dropped_total", METRIC_COUNTER,
		 "Log lines that could not be written at once.", (double)log_dropped()},
	}};
}
