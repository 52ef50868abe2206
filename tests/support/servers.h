/*
 * servers: real PostgreSQL and Redis servers for tests, private to the run.
 *
 * Start them in main before srunner_run: tests run in forked children, which use them too. A
 * watcher ends them when the program that started them is gone, however it went. As root the
 * PostgreSQL server runs as the user postgres. Whatever fails here ends the program with a message.
 */
#ifndef TESTS_SUPPORT_SERVERS_H
#define TESTS_SUPPORT_SERVERS_H

#include "common/base.h"

enum server {
	SERVER_POSTGRES,
	SERVER_REDIS,
	SERVER_REDIS_QUEUE,
	SERVER_REPLICA, /* of PostgreSQL; see servers_start_replica */
	SERVER_COUNT
};

/* Use the servers that TEST_POSTGRES_URL, TEST_REDIS_URL and TEST_REDIS_QUEUE_URL name (each
 * program gets Redis databases of its own), or start private ones. */
void servers_start(void);
/* Always start private ones: for tests that stop or restart a server. */
void servers_start_private(void);
/* The same with the settings of production: what was committed is on the disk. */
void servers_start_durable(void);
/* A streaming replica of the private PostgreSQL, which sees what happens there from then on. */
void servers_start_replica(void);
/* End what was started and remove its data. */
void servers_stop(void);

/* Process of a private server. */
int servers_pid(enum server server);

/* Stop one with a signal and wait until it is gone (PostgreSQL: SIGQUIT is `immediate`). */
void servers_halt(enum server server, int signal);
/* Start it again on its port and data and wait until it answers. */
void servers_resume(enum server server);
void servers_restart_postgres(bool immediate);
void servers_restart_redis(void); /* the queue's */
void servers_flush_redis(void);   /* both databases, emptied; a kill undoes nothing */

/* Of private ones: the directory that holds PostgreSQL's data-postgres. */
const char *servers_directory(void);

/* A fresh database of that name with the schema applied; dropped first when it exists. Returns its
 * URL. */
const char *servers_database_create(const char *name);
/* A fresh, empty one. */
const char *servers_database_create_empty(const char *name);
/* URL of a database; one of the last sixteen asked for stays valid. */
const char *servers_database_url(const char *name);
const char *servers_redis_url(void);
const char *servers_redis_queue_url(void);
int servers_port(enum server server);
/* The address of a server without a database, as the TEST_…_URL variables take it. */
const char *servers_address(enum server server);
/* A port of 127.0.0.1 that nobody listens on, and that no other test gets while this process lives.
 */
int servers_free_port(void);
/* A socket that listens on a port of 127.0.0.1, for a test that is a server itself; the caller
 * closes it. */
int servers_listen(int *ret_port);

#endif
