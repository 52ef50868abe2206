/*
 * failing_malloc.so, preloaded: the k-th allocation of the named threads finds no memory.
 *
 * GLib and what stands below Pango end the process by design when memory is out, and so does the
 * dynamic loader: what they ask for themselves is neither counted nor refused.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/sweeps/failing_malloc.h"

static const char *const spared[] = {
	"ld-linux",   "libglib",      "libgobject",  "libgmodule",  "libgio",
	"libpango",   "libcairo",     "libharfbuzz", "libfreetype", "libfontconfig",
	"libfribidi", "libgraphite2", "libexpat",    "libthai",     "libdatrie",
	"libpixman",  "libgcc_s",     "libasan",     "libubsan",
};
/* They allocate for whoever called them. */
static const char *const passed[] = {"libc.so", "failing_malloc", "libstdc++"};

static struct failing *shared;
static _Thread_local __attribute__((tls_model("initial-exec"))) bool busy;

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

#define REAL(type, name)                                                                           \
	static __typeof__(type) real;                                                              \
	if (!real) {                                                                               \
		void *found = next(name);                                                          \
		memcpy(&real, &found, sizeof(real)); /* ISO C has no cast for this */              \
	}

static __attribute__((constructor)) void map_shared(void)
{
	const char *dir = getenv(FAILING_MALLOC_DIR);
	char path[4096];
	void *warm[1];
	int fd;

	if (!dir)
		return;
	backtrace(warm, 1); /* loads the unwinder */
	snprintf(path, sizeof(path), "%s/%s", dir, program_invocation_short_name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		shared = at;
	close(fd);
}

static bool is_one_of(const char *library, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(library, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Name and offset of the code at an address; the program itself has the name "". */
static struct failing_frame frame_at(void *address)
{
	struct dl_find_object found;
	struct failing_frame frame = {.library = "?"};

	if (_dl_find_object(address, &found) != 0)
		return frame;
	const char *name = found.dlfo_link_map->l_name;
	const char *slash = strrchr(name, '/');

	snprintf(frame.library, sizeof(frame.library), "%s", slash ? slash + 1 : name);
	frame.offset = (uint64_t)(uintptr_t)address - found.dlfo_link_map->l_addr;
	return frame;
}

/* Does the one who asks count, the first that is not the C library? */
static bool is_counted(const struct failing_frame *frames, int count)
{
	for (int i = 0; i < count; i++) {
		const char *library = frames[i].library;

		if (!is_one_of(library, passed, sizeof(passed) / sizeof(passed[0])))
			return !is_one_of(library, spared, sizeof(spared) / sizeof(spared[0]));
	}
	return false;
}

/* FNV-1a over the frames: the same in every process of a program. */
static uint64_t way_of(const struct failing_frame *frames, int count)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < count; i++) {
		for (const char *c = frames[i].library; *c; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		hash = (hash ^ frames[i].offset) * UINT64_C(0x100000001b3);
	}
	return hash | 1;
}

static bool in_named_thread(void)
{
	char name[FAILING_THREAD] = "";

	prctl(PR_GET_NAME, name);
	return strncmp(name, shared->thread, strlen(shared->thread)) == 0;
}

static void keep_trace(const struct failing_frame *frames, int count)
{
	memcpy(shared->frames, frames, (size_t)count * sizeof(*frames));
	shared->frame_count = count;
}

static bool is_meant(int n, uint64_t way)
{
	if (shared->failed)
		return shared->lasting;
	return n == shared->k || (shared->way && way == shared->way);
}

static bool count_one(void)
{
	void *addresses[FAILING_FRAMES];
	struct failing_frame frames[FAILING_FRAMES];
	int count = backtrace(addresses, FAILING_FRAMES);

	for (int i = 0; i < count; i++)
		frames[i] = frame_at(addresses[i]);
	if (!is_counted(frames, count))
		return false;
	uint64_t way = way_of(frames, count);
	int n = atomic_fetch_add(&shared->count, 1) + 1;
	if (n <= FAILING_WAYS)
		shared->ways[n - 1] = way;
	if (!is_meant(n, way))
		return false;
	if (atomic_fetch_add(&shared->failed, 1) == 0)
		keep_trace(frames, count);
	return true;
}

static bool fails(void)
{
	bool is;

	if (!shared || busy || !atomic_load(&shared->armed) || !in_named_thread())
		return false;
	busy = true;
	is = count_one();
	busy = false;
	if (is)
		errno = ENOMEM;
	return is;
}

void *malloc(size_t size)
{
	REAL(void *(*)(size_t), "malloc")
	return fails() ? NULL : real(size);
}

void *calloc(size_t count, size_t size)
{
	REAL(void *(*)(size_t, size_t), "calloc")
	return fails() ? NULL : real(count, size);
}

void *realloc(void *memory, size_t size)
{
	REAL(void *(*)(void *, size_t), "realloc")
	return size > 0 && fails() ? NULL : real(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	REAL(void *(*)(size_t, size_t), "aligned_alloc")
	return fails() ? NULL : real(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
	REAL(void *(*)(size_t, size_t), "memalign")
	return fails() ? NULL : real(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	REAL(int (*)(void **, size_t, size_t), "posix_memalign")
	return fails() ? ENOMEM : real(ret, alignment, size);
}
