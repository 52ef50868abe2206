/*
 * import_source: a stored body as a window that moves over it, so that memory stays flat whatever
 * its size.
 */
#ifndef API_GUESTS_IMPORT_SOURCE_H
#define API_GUESTS_IMPORT_SOURCE_H

#include "api/request.h"

/* Bytes of a stored chunk; the last one of a body may be shorter. */
enum { IMPORT_CHUNK_BYTES = 256 * 1024 };

struct import_source {
	struct request *req;
	int64_t import_id;
	int64_t size;
	int64_t offset; /* of the window's first byte */
	struct strbuf window;
	size_t taken; /* bytes at the window's start that were skipped */
};

void import_source_init(struct import_source *source, struct request *req, int64_t import_id,
			int64_t size);
void import_source_clear(struct import_source *source); /* for CLEANUP */
/* Go on at this offset. */
void import_source_seek(struct import_source *source, int64_t offset);
/* What is loaded from here on; *ret_last: nothing follows it. */
struct slice import_source_text(const struct import_source *source, bool *ret_last);
/* Load more behind it. ST_INTERNAL_ERROR when the body is gone. */
enum status import_source_more(struct import_source *source, struct problem *err) MUST_CHECK;
void import_source_skip(struct import_source *source, size_t len);
int64_t import_source_offset(const struct import_source *source);

#endif
