/*
 * chaos SEED MINUTES RATE FILE [hunt]: the whole suite under load while everything around it fails;
 * then what is left is audited. RATE operations a second; the result goes to FILE.json, the history
 * to FILE.log. The last line is `N passed, N failed`, a check each. A hunt ends with the first
 * fault found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/chaos/audit.h"
#include "tests/chaos/book.h"
#include "tests/chaos/disk.h"
#include "tests/chaos/load.h"
#include "tests/chaos/log.h"
#include "tests/chaos/nemesis.h"
#include "tests/chaos/parts.h"
#include "tests/chaos/watch.h"
#include "tests/support/servers.h"

enum { QUIET_MS = 240000, HUNT_QUIET_MS = 100000 };

/* What is looked at: while it goes on, then in the end. */
static const char *const checks[] = {
	"answer", "hang",       "read-back", "replay",  "false-sold-out", "export",  "oversold",
	"quiet",  "registered", "phantoms",  "leavers", "admissions",     "money",   "tickets",
	"mails",  "edits",      "corectl",   "files",   "retired",        "imports",
};

struct run {
	uint64_t seed;
	double minutes;
	int per_second;
	const char *file;
	bool hunt;
	int64_t begin_us, quiet_ms;
};

/* --- the result ------------------------------------------------------------------------------- */

static void add_operations(struct strbuf *out)
{
	for (int kind = 0; kind < OP_KINDS; kind++) {
		strbuf_addf(out, "%c\"%s\":{", kind ? ',' : '{', op_names[kind]);
		for (int outcome = OUTCOME_OK; outcome < OUTCOMES; outcome++)
			strbuf_addf(out, "%s\"%s\":%zu", outcome > OUTCOME_OK ? "," : "",
				    outcome_names[outcome],
				    log_count((enum op_kind)kind, (enum outcome)outcome));
		strbuf_addc(out, '}');
	}
	strbuf_addc(out, '}');
}

static void add_result(struct strbuf *out, const struct run *run)
{
	int64_t first_us = log_first_violation_us();

	strbuf_addf(out, "{\"seed\":%llu,\"minutes\":%g,\"ratePerSecond\":%d,\n\"faults\":",
		    (unsigned long long)run->seed, run->minutes, run->per_second);
	nemesis_json(out);
	strbuf_addf(out, ",\n\"kills\":%zu,\"operations\":", nemesis_kills());
	add_operations(out);
	strbuf_adds(out, ",\n\"recovery\":");
	watch_recoveries_json(out);
	strbuf_addf(out,
		    ",\n\"lagMs\":%lld,\"quietMs\":%lld,\"jobsGivenUp\":%zu,\"firstViolationS\":",
		    (long long)load_lag_ms(), (long long)run->quiet_ms, audit_dead_jobs());
	if (first_us)
		strbuf_addf(out, "%.1f", (double)(first_us - run->begin_us) / 1e6);
	else
		strbuf_adds(out, "null");
	strbuf_adds(out, ",\n\"violations\":");
	log_violations_json(out);
	strbuf_adds(out, "}\n");
}

static void write_result(const struct run *run)
{
	CLEANUP(strbuf_release) struct strbuf out;
	FILE *file = fopen(text("%s.json", run->file), "we");

	strbuf_init(&out, NULL);
	add_result(&out, run);
	fputs(out.buf, stdout);
	if (!file || fputs(out.buf, file) < 0 || fclose(file) != 0)
		fatal("chaos: cannot write %s.json", run->file);
}

static int sum_up(void)
{
	CLEANUP(strbuf_release) struct strbuf found;
	size_t failed = 0;

	strbuf_init(&found, NULL);
	log_violations_json(&found);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		failed += strstr(found.buf, text("\"%s\"", checks[i])) != NULL;
	printf("%zu passed, %zu failed\n", ARRAY_LEN(checks) - failed, failed);
	return failed || log_violations() ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- the run ---------------------------------------------------------------------------------- */

static bool never(void)
{
	return false;
}

static bool found(void)
{
	return log_violations() > 0;
}

static void do_harm(struct run *run)
{
	int64_t us = (int64_t)(run->minutes * 60e6);

	book_open();
	run->begin_us = clock_monotonic_us();
	watch_start();
	load_start(&(struct load_options){run->seed, us, run->per_second});
	nemesis_run(run->seed, run->begin_us + us, run->hunt ? found : never);
	load_stop();
	load_wait();
	if (!run->hunt || !found()) {
		audit_settled(run->hunt ? HUNT_QUIET_MS : QUIET_MS, &run->quiet_ms);
		audit_run();
	}
	watch_stop();
}

int main(int argc, char **argv)
{
	struct run run;
	int code;

	if (argc < 5)
		fatal("usage: chaos SEED MINUTES RATE FILE [hunt]");
	run = (struct run){.seed = strtoull(argv[1], NULL, 10),
			   .minutes = strtod(argv[2], NULL),
			   .per_second = (int)strtol(argv[3], NULL, 10),
			   .file = argv[4],
			   .hunt = argc > 5 && !strcmp(argv[5], "hunt")};
	log_open(text("%s.log", run.file));
	disk_open();
	servers_start_private();
	parts_begin(run.seed);
	do_harm(&run);
	parts_end();
	write_result(&run);
	log_close();
	code = sum_up();
	servers_stop();
	disk_close();
	return code;
}
