/*
 * book: what the clients know: the events that stand open, and the guests who were told that they
 * are registered. Any thread, but for book_open.
 */
#ifndef CHAOS_BOOK_H
#define CHAOS_BOOK_H

#include "tests/chaos/dice.h"

enum {
	STANDS_BIG = 2,   /* seats for everybody: nobody is told that they are sold out */
	STANDS_SMALL = 5, /* sell out, and again when a guest cancels */
	STANDS = STANDS_BIG + STANDS_SMALL + 2,
	STAND_DOOMED = STANDS - 2, /* will be cancelled */
	STAND_MOVING = STANDS - 1, /* its place changes */
	SMALL_SEATS = 15,
	SMALL_QUANTITY = 10, /* of each of its types */
	RUSH_SEATS = 5,
};

struct stand {
	int64_t event_id, free_type, paid_type;
};
extern struct stand stands[STANDS];

struct known {
	int64_t event_id, id;
	int64_t payment_id; /* 0: nothing to pay */
	int64_t ticket_id;
	const char *code;      /* NULL: no ticket yet, or nobody knows */
	const char *old_code;  /* one that a reissue replaced; NULL: none */
	int64_t old_issued_ms; /* when that was issued; 0: not known */
	const char *intent;    /* NULL: nothing to pay */
	bool busy; /* somebody changes it: one at a time, so that the last word is known */
	bool left; /* cancelled, or so asked */
	bool paid; /* or so asked */
};

/* Open the events at the first API, which must be well. */
void book_open(void);
/* Open one more with few seats, at that address; false: it did not work out. */
bool book_open_small(int number, const char *api, struct stand *ret_stand);
void book_add(const struct known *guest);
enum book_want { BOOK_TO_PAY, BOOK_TO_REFUND, BOOK_TO_CHANGE, BOOK_TO_REISSUE };
/* A random guest whom nobody else changes now, kept until book_return; NULL: none. */
struct known *book_borrow(struct dice *dice, enum book_want want);
void book_return(struct known *guest);
/* A borrowed one's code is another now (NULL: perhaps), and when the old one was issued. */
void book_reissued(struct known *guest, const char *code, int64_t old_issued_ms);
/* A random guest with a ticket, of the latest rather often; false: none. */
bool book_look(struct dice *dice, struct known *ret);
/* Ids of the guests of an event who are known now; *ret_count of them, to be freed. */
int64_t *book_guests(int64_t event_id, size_t *ret_count);

#endif
