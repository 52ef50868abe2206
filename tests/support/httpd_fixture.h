/*
 * httpd_fixture: a server whose answers are scripted by the path, and a client of raw bytes.
 */
#ifndef TESTS_HTTPD_FIXTURE_H
#define TESTS_HTTPD_FIXTURE_H

#include <check.h>
#include <stdatomic.h>

#include "common/httpd.h"

enum { REPLY_SIZE = 1 << 17, WAIT_MS = 4000 };

struct reply {
	char text[REPLY_SIZE];
	size_t head_len;
	size_t body_len;
	int status;
};

extern struct httpd *server;
extern _Atomic(int) handled, done_handled, done_refused, last_status;
/* What hear and ask read last. */
extern struct reply reply;

/* The handler, for servers of a test's own. */
void handle(void *ctx, struct http_exchange *exchange);
/* Checked fixtures. */
void start(void);
void stop(void);
TCase *add_case(Suite *suite, const char *name);
/* Run and say what failed; the program's exit status. */
int run_suite(Suite *suite);

/* A connection, -1 when there is none to be had. */
int dial_port(int port);
int dial(void);
void say_bytes(int fd, const char *data, size_t len);
void send_text(int fd, const char *text);
/* One whole head, one whole body; false when it was cut. */
bool read_head(int fd, struct reply *ret);
bool read_body(int fd, struct reply *ret);
void hear_head(int fd);
void hear(int fd);
void ask(int fd, const char *request);
const char *body(void);
bool has(const char *text);
/* The server has closed, without a reset. */
void expect_end(int fd);

#endif
