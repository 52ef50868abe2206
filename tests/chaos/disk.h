/*
 * disk: where the tickets' documents lie when they are files: a file system of the run's own, which
 * fills up on command. It goes with the run's processes.
 */
#ifndef CHAOS_DISK_H
#define CHAOS_DISK_H

#include "common/pg.h"

/* First of all in main. Without the right to mount it is a folder that never fills. */
void disk_open(void);
void disk_close(void);
const char *disk_path(void);
/* No byte more fits, until it is emptied again. False: it cannot be filled. */
bool disk_fill(void);
void disk_free(void);
/* Every document that the database names is whole, and no other file is there. */
void disk_audit(struct pg_conn *conn);

#endif
