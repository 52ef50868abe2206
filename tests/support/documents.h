/*
 * documents: what worker-tickets does to rows, for tests in which no worker runs.
 */
#ifndef TESTS_SUPPORT_DOCUMENTS_H
#define TESTS_SUPPORT_DOCUMENTS_H

/* As if a worker had made the document of every ticket that waits for one, its QR code signed, and
 * its mail had been sent. The audit finds nothing wrong with them. */
void documents_made(void);

#endif
