/*
 * ticket_pdf: a ticket's page as a PDF document, by libharu.
 *
 * Needs 132 KB of stack. Thread safe after ticket_font_init and ticket_text_init. The same ticket
 * gives the same bytes.
 */
#ifndef WORKER_TICKETS_TICKET_PDF_H
#define WORKER_TICKETS_TICKET_PDF_H

#include "worker-tickets/ticket.h"
#include "worker-tickets/ticket_qr.h"

/* The document in the arena. */
enum status ticket_pdf_make(struct arena *arena, const struct ticket *ticket,
			    const struct ticket_qr *qr, enum ticket_paper paper, struct slice *ret,
			    struct problem *err) MUST_CHECK;

#endif
