/*
 * clients: what clients do, each an operation with its number, which makes its names and keys, and
 * dice of its own. Any thread.
 */
#ifndef CHAOS_CLIENTS_H
#define CHAOS_CLIENTS_H

#include "tests/chaos/dice.h"

/* Numbers from there on are free for operations that others begin. */
void clients_setup(int first_extra);

typedef void client_work(int number, struct dice dice);
client_work client_register_free, client_register_paid;
client_work client_rush; /* more than there are seats, at an event that has just opened */
client_work client_pay, client_refund;
client_work client_scan; /* one alone, or copies of a ticket at several gates */
client_work client_undo, client_reissue, client_cancel, client_edit;
client_work client_import; /* a file of guests, perhaps twice */
client_work client_export_guests;
client_work client_move_event, client_cancel_event;

#endif
