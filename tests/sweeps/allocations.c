#include "tests/sweeps/allocations.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"
#include "tests/sweeps/failing_malloc.h"

enum { PARTS = 4, BUDGET = 16, SETTLE_MS = 3, WAYS_MAX = 65536, BEYOND = 4, TRIES = 3 };

static const char *const programs[PARTS] = {"platform", "core-api", "worker-tickets",
					    "worker-email"};

static struct {
	char dir[64];
	struct failing *pages[PARTS];
	struct arena arena;
	uint64_t seed;
	int budget; /* steps of one sweep, each another way; 0: the whole form */
	uint64_t tried[WAYS_MAX];
	size_t tried_count;
	int steps, failed, sweeps;
} state;

static struct failing *page_of(enum suite_part part)
{
	return state.pages[__builtin_ctz((unsigned)part)];
}

/* --- the page ----------------------------------------------------------------------------------
 */

static struct failing *map_page(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || ftruncate(fd, sizeof(struct failing)) != 0)
		fatal("allocations: %s", path);
	void *at = mmap(NULL, sizeof(struct failing), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		fatal("allocations: mmap");
	return at;
}

void failing_prepare(void)
{
	snprintf(state.dir, sizeof(state.dir), "/var/tmp/core-service-sweep.XXXXXX");
	if (!mkdtemp(state.dir))
		fatal("allocations: mkdtemp");
	for (int i = 0; i < PARTS; i++)
		state.pages[i] = map_page(text("%s/%s", state.dir, programs[i]));
	suite_set(FAILING_MALLOC_DIR, state.dir);
#ifdef __SANITIZE_ADDRESS__
	const char *options = getenv("ASAN_OPTIONS");

	suite_set("ASAN_OPTIONS",
		  text("%s:verify_asan_link_order=0", options ? options : "detect_leaks=1"));
#endif
	suite_set("LD_PRELOAD", run_path(&state.arena, "../tests/sweeps/failing_malloc.so"));
}

void failing_clean(void)
{
	for (int i = 0; i < PARTS; i++) {
		munmap(state.pages[i], sizeof(struct failing));
		unlink(text("%s/%s", state.dir, programs[i]));
	}
	rmdir(state.dir);
}

static void arm(const struct sweep *sweep, int k, uint64_t way, bool lasting)
{
	struct failing *page = page_of(sweep->part);

	page->armed = 0;
	page->count = 0;
	page->failed = 0;
	page->k = k;
	page->way = way;
	page->lasting = lasting;
	snprintf(page->thread, sizeof(page->thread), "%s", sweep->thread);
	page->armed = 1;
}

void failing_hold(enum suite_part part, bool hold)
{
	page_of(part)->armed = !hold;
}

void failing_settle(enum suite_part part)
{
	int before;

	do {
		before = page_of(part)->count;
		clock_sleep_ms(SETTLE_MS);
	} while (page_of(part)->count != before);
}

bool failing_disarm(enum suite_part part)
{
	struct failing *page = page_of(part);

	page->armed = 0;
	return page->failed > 0;
}

bool failing_happened(enum suite_part part)
{
	return page_of(part)->failed > 0;
}

/* The path of a library that a frame names; NULL: its symbols are of no interest. */
static const char *binary_of(enum suite_part part, const struct failing_frame *frame)
{
	return *frame->library ? NULL
			       : run_path(&state.arena, programs[__builtin_ctz((unsigned)part)]);
}

void failing_show(enum suite_part part)
{
	const struct failing *page = page_of(part);

	for (int i = 0; i < page->frame_count; i++) {
		const struct failing_frame *frame = &page->frames[i];
		const char *binary = binary_of(part, frame);

		if (!binary)
			printf("      %s+%#llx\n", frame->library,
			       (unsigned long long)frame->offset);
		else if (fflush(stdout) ||
			 system(text("addr2line -fsp -e %s %#llx | sed 's/^/      /'", binary,
				     (unsigned long long)frame->offset - 1)) != 0)
			printf("      +%#llx\n", (unsigned long long)frame->offset);
	}
}

/* --- judging -------------------------------------------------------------------------------------
 */

bool sweep_fault(struct sweep *sweep, const char *fmt, ...)
{
	const struct failing *page = page_of(sweep->part);
	va_list args;

	printf("  FAILED %s, allocation %d of %d%s: ", sweep->name, page->k, page->count,
	       page->lasting ? ", and all later ones" : "");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("%s\n", page->failed ? "" : "; none failed in this step, but in one before");
	failing_show(sweep->part);
	fflush(stdout);
	return false;
}

static bool is_gone(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid;
}

/* Lines that tell of an end, in a program's log. */
static int fatal_lines(enum suite_part part)
{
	FILE *log = fopen(suite_log(part), "re");
	char *line = NULL;
	size_t size = 0;
	int count = 0;

	while (log && getline(&line, &size, log) >= 0)
		count += !strncmp(line, "fatal: ", 7);
	free(line);
	if (log)
		fclose(log);
	return count;
}

/* Ends that a program's log told of when it was last looked at. */
static int seen[PARTS];

static bool ended_as_it_may(struct sweep *sweep)
{
	int *told = &seen[__builtin_ctz((unsigned)sweep->part)];
	int before = *told;
	int code = suite_stop(sweep->part);

	*told = fatal_lines(sweep->part);
	if (code != EXIT_INTERNAL)
		return sweep_fault(sweep, "the program ended with %d", code);
	if (*told != before + 1)
		return sweep_fault(sweep, "%d lines tell of the end", *told - before);
	return true;
}

bool sweep_survives(struct sweep *sweep, bool *ret_ended)
{
	bool good;

	*ret_ended = is_gone(suite_pid(sweep->part));
	if (!*ret_ended)
		return true;
	failing_hold(sweep->part, true); /* it starts with memory enough */
	good = ended_as_it_may(sweep);
	say_goodbye();
	suite_start(sweep->part);
	return good;
}

/* --- one sweep -----------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static uint64_t seed_of(const char *name, uint64_t k)
{
	uint64_t seed = state.seed;

	for (; *name; name++)
		seed = mix(seed ^ (unsigned char)*name);
	return mix(seed ^ k);
}

static bool is_tried(uint64_t way)
{
	for (size_t i = 0; i < state.tried_count; i++)
		if (state.tried[i] == way)
			return true;
	return false;
}

static void note_tried(uint64_t way)
{
	if (state.tried_count == WAYS_MAX)
		fatal("allocations: more than %d ways", WAYS_MAX);
	state.tried[state.tried_count++] = way;
}

/* Ways that this sweep saw and nobody tried yet. */
struct ways {
	uint64_t seen[FAILING_WAYS];
	size_t count;
};

static void learn(struct ways *ways, const struct failing *page)
{
	int count = page->count < FAILING_WAYS ? page->count : FAILING_WAYS;

	for (int i = 0; i < count; i++) {
		bool known = is_tried(page->ways[i]);

		for (size_t k = 0; k < ways->count && !known; k++)
			known = ways->seen[k] == page->ways[i];
		if (!known && ways->count < FAILING_WAYS)
			ways->seen[ways->count++] = page->ways[i];
	}
}

/* True: one failed. Memory that stays short is another way through the code than one that failed
 * once. */
static bool take_step(struct sweep *sweep, sweep_step *step, void *ctx, int k, uint64_t way)
{
	arm(sweep, k, way, seed_of(sweep->name, way ? way : (uint64_t)k) & 1);
	bool good = step(ctx, sweep);
	bool happened = failing_disarm(sweep->part);

	if (!happened)
		sweep->most = page_of(sweep->part)->count;
	sweep->steps += happened;
	sweep->failed += !good;
	return happened;
}

static void run_whole(struct sweep *sweep, sweep_step *step, void *ctx)
{
	int passed = 0;

	for (int k = 1; passed < BEYOND; k++)
		passed = take_step(sweep, step, ctx, k, 0) ? 0 : passed + 1;
}

/* Any of them, as the seed says: an early one ends most steps early. */
static uint64_t take_way(const struct ways *ways, const char *name)
{
	static uint64_t turn;

	return ways->seen[seed_of(name, turn++) % ways->count];
}

/* Of the step before, so that what only a fresh process does is tried after a restart; of one that
 * goes through when that one ended early. */
static bool find_ways(struct sweep *sweep, sweep_step *step, void *ctx, struct ways *ways)
{
	ways->count = 0;
	learn(ways, page_of(sweep->part));
	if (!ways->count) {
		take_step(sweep, step, ctx, 0, 0);
		learn(ways, page_of(sweep->part));
	}
	return ways->count > 0;
}

static void run_ways(struct sweep *sweep, sweep_step *step, void *ctx)
{
	static struct ways ways;

	for (int tries = TRIES * state.budget; tries && sweep->steps < state.budget; tries--) {
		if (!find_ways(sweep, step, ctx, &ways))
			break;
		uint64_t way = take_way(&ways, sweep->name);

		if (take_step(sweep, step, ctx, 0, way))
			note_tried(way);
	}
	sweep->left = (int)ways.count;
}

/* What errors left behind is seen when the program ends by itself. */
static void look_for_leaks(struct sweep *sweep)
{
#ifdef __SANITIZE_ADDRESS__
	int code = suite_stop(sweep->part);

	say_goodbye();
	suite_start(sweep->part);
	sweep->failed += code != 0 && !sweep_fault(sweep, "stopped, it ends with %d", code);
#else
	(void)sweep;
#endif
}

void sweep_run(struct sweep *sweep, sweep_step *step, void *ctx)
{
	int64_t begun_us = clock_monotonic_us();

	take_step(sweep, step, ctx, 0, 0); /* warms up */
	take_step(sweep, step, ctx, 0, 0);
	if (!page_of(sweep->part)->count)
		fatal("allocations: %s has none; is the library preloaded?", sweep->name);
	if (state.budget)
		run_ways(sweep, step, ctx);
	else
		run_whole(sweep, step, ctx);
	look_for_leaks(sweep);
	printf("%-58s %4d steps (%d allocations, %d ways left): %3d errors, %3d ends, %d "
	       "unmoved, %d failed (%.1f s)\n",
	       sweep->name, sweep->steps, sweep->most, sweep->left, sweep->answered, sweep->ended,
	       sweep->unmoved, sweep->failed, (double)(clock_monotonic_us() - begun_us) / US_PER_S);
	fflush(stdout);
	state.steps += sweep->steps;
	state.failed += sweep->failed;
	state.sweeps++;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static int64_t setting(const char *name, int64_t otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoll(value, NULL, 10) : otherwise;
}

void sweep_note(const char *what, bool good)
{
	state.failed += !good;
	state.steps++;
	printf("%s%s\n", good ? "" : "  FAILED: ", what);
}

static void finish(const char *what)
{
	sweep_note(text("%s: the audit finds no drift", what), audit_clean());
	suite_end();
	memset(seen, 0, sizeof(seen)); /* the next suite has logs of its own */
	failing_clean();
}

int main(void)
{
	const char *only = getenv("SWEEP_ONLY"), *whole = getenv("SWEEP");

	state.seed = (uint64_t)setting("SEED", 1);
	state.budget = (int)setting("SWEEP_BUDGET", BUDGET);
	if (whole && !strcmp(whole, "all"))
		state.budget = 0;
	state.arena = (struct arena){.block_size = 4096};
	servers_start();
	if (sweep_routes(only))
		finish("handlers");
	if (sweep_jobs(only))
		finish("jobs");
	servers_stop();
	printf("seed %llu, %d handlers and jobs\n%d passed, %d failed\n",
	       (unsigned long long)state.seed, state.sweeps, state.steps - state.failed,
	       state.failed);
	return state.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
