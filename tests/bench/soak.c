/*
 * soak [MINUTES]: the whole suite at half of its capacity for MINUTES (30), while connections to
 * PostgreSQL, both Redis servers and from clients are ended now and then. Every ten seconds each
 * process's memory, descriptors and threads are looked at, and PostgreSQL's backends; the samples
 * go to the file that SOAK_CSV names. After a warm-up, a third of the time, nothing may grow. RATE:
 * requests a second instead of half of what was measured. The last line is `N passed, N failed`.
 *
 * Memory on a short run: it must not have grown by more than GROWTH_MB from the second third to the
 * last (medians), and a slope of more than SLOPE_MB_HOUR, by least squares over both, must not be
 * certain (its lower bound of 95 %); what the slope could still be is printed.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/bench/mix.h"
#include "tests/bench/processes.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum {
	REGISTRATIONS = 10, /* percent of the mix: each makes a ticket and a mail or two */
	CONNECTIONS = 32,
	THREADS = 256,
	/* At first: a thread keeps what its largest answers took, so each must have made some. */
	CONNECTIONS_WARM = 240,
	CUT_EVERY = 97,
	SLICE_S = 10,
	CALM_MS = 500, /* connections that the load closed are gone then */
	CAPACITY_S = 10,
	FILL_S = 10,
	WARM_S = 20,
	LINK_S = 60,
	DRAIN_MS = 300000,
	WELL_MS = 5000,
	SAMPLES_MAX = 8640, /* a day */
	/* Seconds between the ends of connections, without a common rhythm. */
	BACKEND_EVERY = 7,
	CACHE_EVERY = 23,
	QUEUE_EVERY = 31,
};
#define GROWTH_MB 1.0
#define SLOPE_MB_HOUR 1.0

static const struct {
	const char *name;
	enum suite_part part;
} parts[] = {
	{"core-api", SUITE_API}, {"worker-tickets", SUITE_TICKETS}, {"worker-email", SUITE_EMAIL}};
enum { PARTS = ARRAY_LEN(parts) };

struct sample {
	double minutes;
	double mb[PARTS], descriptors[PARTS], threads[PARTS];
	double backends;
};

static struct {
	struct mix mix;
	double minutes, rate;
	struct sample samples[SAMPLES_MAX];
	size_t count, warm; /* samples; of these, until the warm-up was over */
	uint64_t good, refused, wrong, cut;
	size_t connections;
	int wrong_status;
	unsigned seconds, backends_ended, cache_ended, queue_ended;
} run = {.mix = {.registrations = REGISTRATIONS}, .connections = CONNECTIONS};

/* --- harm ------------------------------------------------------------------------------------- */

static int64_t end_backends(int most)
{
	return sql_int(
		"SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
		"WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() "
		"LIMIT %d) AS these",
		most);
}

static void end_all_backends(void *unused UNUSED)
{
	end_backends(THREADS);
}

/* Both servers are on this machine, each with our clients alone. */
static void end_clients(enum server server, unsigned *count)
{
	const char *command =
		text("redis-cli -p %d CLIENT KILL TYPE normal >/dev/null", servers_port(server));

	if (system(command) != 0) // NOLINT(bugprone-command-processor)
		fatal("soak: %s failed", command);
	++*count;
}

static void harm(void *unused UNUSED)
{
	unsigned second = ++run.seconds;

	if (second % BACKEND_EVERY == 0)
		run.backends_ended += (unsigned)end_backends(1);
	if (second % CACHE_EVERY == 0)
		end_clients(SERVER_REDIS, &run.cache_ended);
	if (second % QUEUE_EVERY == 0)
		end_clients(SERVER_REDIS_QUEUE, &run.queue_ended);
}

/* --- samples ---------------------------------------------------------------------------------- */

static double descriptors_of(int pid)
{
	DIR *directory = opendir(text("/proc/%d/fd", pid));
	double count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count - 2; /* . and .. */
}

/* A number from a file of /proc, in its unit. */
static double number_in(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[256];
	double value = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			value = strtod(line + strlen(name), NULL);
	if (file)
		fclose(file);
	return value;
}

static void take_sample(double minutes)
{
	struct sample *sample = &run.samples[run.count++];

	clock_sleep_ms(CALM_MS);
	sample->minutes = minutes;
	for (size_t i = 0; i < PARTS; i++) {
		int pid = suite_pid(parts[i].part);

		sample->mb[i] = number_in(text("/proc/%d/smaps_rollup", pid), "Rss:") / 1024;
		sample->threads[i] = number_in(text("/proc/%d/status", pid), "Threads:");
		sample->descriptors[i] = descriptors_of(pid);
	}
	sample->backends = (double)sql_int("SELECT count(*) FROM pg_stat_activity WHERE datname = "
					   "current_database() AND pid <> pg_backend_pid()");
}

static void write_samples(void)
{
	const char *path = getenv("SOAK_CSV");
	FILE *file = path ? fopen(path, "we") : NULL;

	if (!file)
		return;
	fprintf(file, "minutes,backends");
	for (size_t i = 0; i < PARTS; i++)
		fprintf(file, ",%s MB,%s descriptors,%s threads", parts[i].name, parts[i].name,
			parts[i].name);
	for (size_t k = 0; k < run.count; k++) {
		const struct sample *sample = &run.samples[k];

		fprintf(file, "\n%.2f,%.0f", sample->minutes, sample->backends);
		for (size_t i = 0; i < PARTS; i++)
			fprintf(file, ",%.3f,%.0f,%.0f", sample->mb[i], sample->descriptors[i],
				sample->threads[i]);
	}
	fputc('\n', file);
	fclose(file);
}

/* --- the run ---------------------------------------------------------------------------------- */

/* `tick`: what is done to it each second; NULL: it is left in peace. */
static struct generated offer(double rate, double seconds, void (*tick)(void *))
{
	struct generated got = generator_run(&(struct generator){
		.port = (int)strtol(strrchr(suite_api(), ':') + 1, NULL, 10),
		.connections = run.connections,
		.seconds = seconds,
		.rate = rate,
		.make = mix_make,
		.judge = mix_judge,
		.cut_every = tick ? CUT_EVERY : 0,
		.tick = tick,
		.ctx = &run.mix,
	});

	run.good += got.answers;
	run.refused += got.refused;
	run.wrong += got.wrong;
	run.cut += got.cut;
	if (got.wrong)
		run.wrong_status = got.wrong_status;
	return got;
}

static bool drained(void)
{
	return sql_becomes(DRAIN_MS, "0", "SELECT count(*) FROM outbox WHERE state <> 'dead'");
}

/* Of all of it: what was asked for counts when its tickets are drawn and its mails are handed over.
 */
static double capacity(void)
{
	int64_t begin_us = clock_monotonic_us();
	struct generated got = offer(0, CAPACITY_S, NULL);

	if (!drained())
		fatal("soak: the jobs do not end");
	return (double)got.answers * (double)US_PER_S / (double)(clock_monotonic_us() - begin_us);
}

/* Pages are full, then every thread has answered all that there is, and has opened a connection in
 * place of one that was ended: the first time it needs more of its stack and 7 KB of the heap,
 * which else came a thread at a time for hours. */
static void warm_threads(void)
{
	run.mix.registrations = 100;
	offer(0, FILL_S, NULL);
	run.mix.registrations = REGISTRATIONS;
	run.connections = CONNECTIONS_WARM;
	offer(0, WARM_S, NULL);
	offer(0, LINK_S, end_all_backends);
	run.connections = CONNECTIONS;
	run.good = run.refused = run.cut = 0; /* it was too much, so that some were refused */
	if (!drained())
		fatal("soak: the jobs do not end");
}

static void last(void)
{
	int64_t begin_us = clock_monotonic_us();
	double minutes = 0;

	while (minutes < run.minutes && run.count < SAMPLES_MAX) {
		mix_sign_in();
		offer(run.rate, SLICE_S, harm);
		minutes = (double)(clock_monotonic_us() - begin_us) / (60.0 * (double)US_PER_S);
		take_sample(minutes);
		if (minutes < run.minutes / 3)
			run.warm = run.count;
		if (run.count % 6 == 0)
			write_samples();
	}
}

/* --- what must hold --------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the field at `offset` in samples [from, to). */
static double median(size_t from, size_t to, size_t offset)
{
	static double values[SAMPLES_MAX];

	for (size_t i = from; i < to; i++)
		memcpy(&values[i - from], (const char *)&run.samples[i] + offset, sizeof(double));
	qsort(values, to - from, sizeof(double), compare_doubles);
	return to > from ? values[(to - from) / 2] : 0;
}

/* Medians of the second third and of the last. */
struct halves {
	double middle, end;
};

static struct halves halves_of(size_t offset)
{
	size_t half = run.warm + (run.count - run.warm) / 2;

	return (struct halves){median(run.warm, half, offset), median(half, run.count, offset)};
}

/* MB an hour, and twice its standard error, by least squares. */
static double slope_of(size_t part, double *ret_error)
{
	double n = (double)(run.count - run.warm), x = 0, y = 0, xx = 0, xy = 0, rest = 0, slope;

	for (size_t i = run.warm; i < run.count; i++) {
		x += run.samples[i].minutes / 60 / n;
		y += run.samples[i].mb[part] / n;
	}
	for (size_t i = run.warm; i < run.count; i++) {
		double dx = run.samples[i].minutes / 60 - x;

		xx += dx * dx;
		xy += dx * (run.samples[i].mb[part] - y);
	}
	slope = xy / xx;
	for (size_t i = run.warm; i < run.count; i++) {
		double dx = run.samples[i].minutes / 60 - x;
		double off = run.samples[i].mb[part] - y - slope * dx;

		rest += off * off;
	}
	*ret_error = 2 * sqrt(rest / (n - 2) / xx);
	return slope;
}

static void check_part(size_t i)
{
	struct halves mb = halves_of(offsetof(struct sample, mb[i]));
	struct halves fds = halves_of(offsetof(struct sample, descriptors[i]));
	struct halves threads = halves_of(offsetof(struct sample, threads[i]));
	double error, slope = slope_of(i, &error);

	mix_check(mb.end - mb.middle <= GROWTH_MB && slope - error <= SLOPE_MB_HOUR,
		  "%s: %.2f MB, then %.2f MB; %.2f ± %.2f MB an hour", parts[i].name, mb.middle,
		  mb.end, slope, error);
	mix_check(fds.end <= fds.middle, "%s: %.0f descriptors, then %.0f", parts[i].name,
		  fds.middle, fds.end);
	mix_check(threads.end == threads.middle, "%s: %.0f threads, then %.0f", parts[i].name,
		  threads.middle, threads.end);
}

static void check_flat(void)
{
	struct halves backends = halves_of(offsetof(struct sample, backends));

	for (size_t i = 0; i < PARTS; i++)
		check_part(i);
	mix_check(backends.end <= backends.middle, "PostgreSQL: %.0f backends, then %.0f",
		  backends.middle, backends.end);
}

/* A refusal may have been a registration whose commit nobody knows of; a cut client never hears. */
static void check_answers(void)
{
	double all = (double)(run.good + run.refused + run.wrong);

	mix_check(!run.wrong, "%llu answers, %llu refused with 503, %llu others (the last %d)",
		  (unsigned long long)run.good, (unsigned long long)run.refused,
		  (unsigned long long)run.wrong, run.wrong_status);
	mix_check((double)run.refused <= all / 100, "one of a hundred is refused at most");
	mix_check(
		run.backends_ended && run.cache_ended && run.queue_ended && run.cut,
		"ended: %u backends, all clients of the cache %u times and of the queue %u times, "
		"%llu clients",
		run.backends_ended, run.cache_ended, run.queue_ended, (unsigned long long)run.cut);
}

static void check_aftermath(void)
{
	uint64_t accepted = mix_accepted();

	mix_check(drained(), "all jobs are done");
	mix_check((uint64_t)sql_int("SELECT count(*) FROM guests") >= accepted,
		  "%llu registrations were acknowledged, and are there",
		  (unsigned long long)accepted);
	mix_check(sql_int("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0,
		  "no job was given up");
	mix_check(suite_ready(WELL_MS), "ready");
	mix_check(audit_clean(), "corectl audit");
}

int main(int argc, char **argv)
{
	run.minutes = argc > 1 ? strtod(argv[1], NULL) : 30;
	servers_start_durable();
	suite_set("NODE_ENV", "production");
	suite_set("HTTP_THREADS", text("%d", THREADS));
	suite_set("REQUESTS_MAX", "128");
	suite_begin(SUITE_ALL);
	mix_open();
	warm_threads();
	run.rate = mix_number("RATE", 0);
	if (run.rate <= 0)
		run.rate = capacity() / 2;
	printf("%.0f requests a second, half of the capacity\n", run.rate);
	fflush(stdout);
	last();
	write_samples();
	check_flat();
	check_answers();
	check_aftermath();
	suite_end();
	servers_stop();
	return mix_sum_up();
}
