/*
 * text_rules: syntax of texts in bodies, for the `check` column of field tables. Each takes the
 * address of a `const char *` and returns NULL, or what is wrong.
 */
#ifndef API_TEXT_RULES_H
#define API_TEXT_RULES_H

/* No control characters, no end of a line that only Unicode knows, and not only blanks: what goes
 * on one printed line. */
const char *text_one_line(const void *value);
/* One address local@domain fit for a mail header: no blanks, controls, quotes, commas or angle
 * brackets; local part of at most 64 bytes (RFC 5321 4.5.3.1.1). */
const char *text_email(const void *value);
/* E.164: + and 2 to 15 digits, the first not 0. */
const char *text_phone(const void *value);

#endif
