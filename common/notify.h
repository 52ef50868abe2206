/*
 * notify: tells the service manager how far the process is, in sd_notify(3)'s protocol.
 *
 * Does nothing where no manager listens (NOTIFY_SOCKET is not set). libsystemd would bring four
 * libraries for one datagram; its manual recommends to send it oneself.
 */
#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

/* The program does its work from now on: it listens, or takes jobs. */
void notify_ready(void);
/* It was told to end and finishes what is under way. */
void notify_stopping(void);

#endif
