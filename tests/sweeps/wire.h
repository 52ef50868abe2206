/*
 * wire: a proxy in front of PostgreSQL that speaks its protocol, so that one call can fail.
 *
 * A call is what a program sends until it waits: a simple query, an extended one up to its Sync, a
 * pipeline of statements to prepare, or the opening of a connection. Calls of the links that a rule
 * names are counted, and the n-th fails: the server itself raises the error (inside the caller's
 * transaction, which is aborted then; a COMMIT that fails has ended it), or the link dies. What the
 * program's libpq sees is what a server sends. One rule at a time; any thread.
 */
#ifndef TESTS_SWEEPS_WIRE_H
#define TESTS_SWEEPS_WIRE_H

#include "common/base.h"

enum wire_fault {
	WIRE_COUNT,   /* none: calls are counted */
	WIRE_ERROR,   /* the server answers with the SQLSTATE; a connection is refused with it */
	WIRE_FATAL,   /* the server ends the session: 57P01 */
	WIRE_LOST,    /* the link ends before the server gets the call */
	WIRE_UNHEARD, /* the server runs the call, the link ends before the first byte of its answer
		       */
	WIRE_CUT,     /* the link ends after `bytes` of the answers to the calls that match */
};

struct wire_rule {
	const char *links; /* application names, with commas */
	const char *call;  /* as wire_call names it; NULL: any but the opening of a connection */
	bool opening;      /* with call NULL: those too */
	int first, count;  /* the first-th call that matches and those after it: so many fail */
	enum wire_fault fault;
	const char *sqlstate;
	size_t bytes;
};

/* Listen on a free port and return it; connections go on to `target`. For the process's life. */
int wire_start(int target);
/* From now on; texts stay the caller's. NULL: none. */
void wire_set(const struct wire_rule *rule);
/* Since the rule was set: calls that matched, those that failed, bytes of all answers to them. */
int wire_calls(void);
int wire_failed(void);
size_t wire_answered(void);
/* The i-th call that matched, from 0: name of the statement; "BEGIN" …; "COMMIT of NAME" with the
 * last statement before; "open"; "prepare". */
const char *wire_call(int i);

/* The same for any bytes, each connection for itself: ends after `bytes` of the answer. */
int wire_start_plain(int target);
void wire_cut_plain(size_t bytes);
/* Bytes of the last answer that came whole or was cut. */
size_t wire_plain_answered(void);

#endif
