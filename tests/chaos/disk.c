#include "tests/chaos/disk.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sign.h"
#include "sql_chaos.h"
#include "tests/chaos/log.h"
#include "tests/support/dialogue.h"

enum { SIZE_K = 4 << 20, TIDY_MS = 60000, LOOK_MS = 200 };

static struct {
	char path[PATH_MAX];
	bool own;    /* a file system, not a folder */
	void *named; /* tree of the files that documents name */
} disk;

static bool mount_with(unsigned long flags, int64_t size_k)
{
	return mount("chaos", disk.path, "tmpfs", flags,
		     text("size=%lldk,mode=0777", (long long)size_k)) == 0;
}

void disk_open(void)
{
	snprintf(disk.path, sizeof(disk.path), "/var/tmp/core-service-disk.XXXXXX");
	if (!mkdtemp(disk.path))
		fatal("chaos: mkdtemp: %s", strerrordesc_np(errno));
	disk.own = unshare(CLONE_NEWNS) == 0 &&
		   mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		   mount_with(0, SIZE_K);
}

static int remove_entry(const char *path, const struct stat *stat UNUSED, int type UNUSED,
			struct FTW *ftw UNUSED)
{
	return remove(path);
}

void disk_close(void)
{
	if (disk.own)
		umount(disk.path);
	nftw(disk.path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *disk_path(void)
{
	return disk.path;
}

/* Made as small as what lies in it: the next byte finds no room. An empty one cannot be: a size of
 * 0 is none. */
bool disk_fill(void)
{
	struct statvfs info;
	int64_t used_k;

	if (!disk.own || statvfs(disk.path, &info) != 0)
		return false;
	used_k = (int64_t)((info.f_blocks - info.f_bfree) * info.f_frsize / 1024);
	return used_k > 0 && mount_with(MS_REMOUNT, used_k);
}

void disk_free(void)
{
	if (disk.own && !mount_with(MS_REMOUNT, SIZE_K))
		fatal("chaos: the disk stays full: %s", strerrordesc_np(errno));
}

/* --- what is left ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void remember(const char *path)
{
	tsearch(path, &disk.named, by_name);
}

static const char *read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "re");
	char *bytes = NULL;
	FILE *into = open_memstream(&bytes, ret_len);
	int c;

	while (file && (c = getc(file)) != EOF)
		putc(c, into);
	if (file)
		fclose(file);
	fclose(into);
	return bytes;
}

static void look_at(const char *location, const char *sha256)
{
	const char *pdf = text("%s/%s.pdf", disk.path, location);
	char hex[2 * SHA256_SIZE + 1];
	uint8_t digest[SHA256_SIZE];
	size_t len;
	const char *bytes = read_file(pdf, &len);

	sign_sha256(bytes, len, digest);
	sign_hex(digest, sizeof(digest), hex);
	if (strcmp(hex, sha256) != 0)
		log_violation("files", "%s of %zu bytes is not what was stored", pdf, len);
	remember(pdf);
	remember(text("%s/%s.svg", disk.path, location));
	remember(text("%s/%s.png", disk.path, location));
}

static bool show_strays;
static size_t strays;

static int find_stray(const char *path, const struct stat *stat UNUSED, int type,
		      struct FTW *ftw UNUSED)
{
	if (type != FTW_F || tfind(path, &disk.named, by_name))
		return 0;
	strays++;
	if (show_strays)
		log_violation("files", "%s belongs to no document", path);
	return 0;
}

/* The workers remove them when they are old. */
static void expect_no_strays(void)
{
	int64_t until = clock_monotonic_us() + TIDY_MS * US_PER_MS;

	do {
		strays = 0;
		show_strays = clock_monotonic_us() > until;
		nftw(disk.path, find_stray, 16, FTW_PHYS);
		clock_sleep_ms(strays ? LOOK_MS : 0);
	} while (strays && !show_strays);
}

void disk_audit(struct pg_conn *conn)
{
	PG_RESULT rows = NULL;
	struct problem err = {0};

	if (pg_exec(conn, sql_documents_named.sql, PG_NO_ARGS, &rows, &err) != OK)
		fatal("chaos: %s", err.detail);
	for (size_t i = 0; i < pg_rows(rows); i++)
		look_at(pg_text(rows, i, 0), pg_text(rows, i, 1));
	expect_no_strays();
}
