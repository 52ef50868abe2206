/*
 * log_mask: addresses in what is logged. Whatever a text quotes, a client's header or an error of
 * the database, an address in it shows its first character and its domain alone.
 */
#ifndef COMMON_LOG_MASK_H
#define COMMON_LOG_MASK_H

#include "common/strbuf.h"

/* Is there anything that log_add_masked would change? */
bool log_needs_mask(const char *text);
/* Append the text; zoe@example.com becomes z***@example.com, zoe%40example.com likewise, and
 * user:password@host user:***@host. What is masked already stays as it is. */
void log_add_masked(struct strbuf *out, const char *text);

#endif
