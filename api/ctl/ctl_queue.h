/*
 * ctl_queue: what the commands about jobs share.
 */
#ifndef API_CTL_CTL_QUEUE_H
#define API_CTL_CTL_QUEUE_H

#include "api/ctl/ctl.h"
#include "common/queue.h"

enum status ctl_open_queue(struct ctl *ctl, struct queue **ret, struct problem *err) MUST_CHECK;
void ctl_close_queue(struct queue **queue); /* for CLEANUP */
#define CTL_QUEUE CLEANUP(ctl_close_queue) struct queue *

/* The names of all job types, in the arena. */
size_t ctl_type_names(struct ctl *ctl, const char *const **ret);

#endif
