#include "worker-email/ical.h"

#include <string.h>

/* RFC 5545, 3.1: octets of a line without its end. */
enum { LINE_MAX_OCTETS = 75 };

/* --- lines ------------------------------------------------------------------------------------ */

/* How much of `len` octets fits into `room` without cutting a character. */
static size_t piece_len(const char *at, size_t len, size_t room)
{
	if (len <= room)
		return len;
	size_t piece = room;
	while (piece > 0 && ((unsigned char)at[piece] & 0xc0) == 0x80)
		piece--;
	return piece > 0 ? piece : room; /* no UTF-8: it must end all the same */
}

/* Append a content line, folded: each further line begins with a blank, which counts. */
static void add_folded(struct strbuf *out, const struct strbuf *line)
{
	const char *at = line->buf;
	size_t left = line->len;
	for (size_t room = LINE_MAX_OCTETS;; room = LINE_MAX_OCTETS - 1) {
		size_t piece = piece_len(at, left, room);
		strbuf_add(out, at, piece);
		strbuf_adds(out, "\r\n");
		at += piece;
		left -= piece;
		if (left == 0)
			return;
		strbuf_addc(out, ' ');
	}
}

/* A property whose value holds nothing to escape. */
static void add_plain(struct strbuf *out, const char *name, const char *value)
{
	struct strbuf line;
	strbuf_init(&line, out->arena);
	strbuf_addf(&line, "%s:%s", name, value);
	add_folded(out, &line);
}

/* --- values ----------------------------------------------------------------------------------- */

/* Octets of the line end that begins here, 0 when none does. Beside CR and LF those of Unicode
 * (U+0085, U+2028, U+2029): some readers split at them too. */
static size_t line_end_len(const char *at)
{
	static const char *const ends[] = {"\r\n",     "\r",           "\n",
					   "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t len = strlen(ends[i]);
		if (strncmp(at, ends[i], len) == 0)
			return len;
	}
	return 0;
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Control characters have no way to be written: blanks stand for them. */
static void add_printable(struct strbuf *line, char c)
{
	strbuf_add(line, is_control(c) ? " " : &c, 1);
}

/* TEXT, RFC 5545, 3.3.11. */
static void add_escaped(struct strbuf *line, const char *text)
{
	for (const char *at = text; *at;) {
		size_t end_len = line_end_len(at);
		if (end_len > 0) {
			strbuf_adds(line, "\\n");
			at += end_len;
			continue;
		}
		if (strchr("\\;,", *at))
			strbuf_addc(line, '\\');
		add_printable(line, *at);
		at++;
	}
}

static void add_text(struct strbuf *out, const char *name, const char *text)
{
	struct strbuf line;
	strbuf_init(&line, out->arena);
	strbuf_addf(&line, "%s:", name);
	add_escaped(&line, text);
	add_folded(out, &line);
}

/* A quoted parameter, RFC 5545, 3.2: it has no escapes, so what cannot stand in it is replaced. */
static void add_quoted(struct strbuf *line, const char *text)
{
	strbuf_addc(line, '"');
	for (const char *at = text; *at;) {
		size_t end_len = line_end_len(at);
		if (end_len > 0)
			strbuf_addc(line, ' ');
		else if (*at == '"')
			strbuf_addc(line, '\'');
		else
			add_printable(line, *at);
		at += end_len > 0 ? end_len : 1;
	}
	strbuf_addc(line, '"');
}

/* An address as a URI, RFC 6068. */
static void add_mailto(struct strbuf *line, const char *address)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~!$'()*+:@";
	strbuf_adds(line, "mailto:");
	for (const char *at = address; *at; at++) {
		if (strchr(plain, *at))
			strbuf_addc(line, *at);
		else
			strbuf_addf(line, "%%%02X", (unsigned)(unsigned char)*at);
	}
}

static void add_organizer(struct strbuf *out, const struct ical_event *event)
{
	struct strbuf line;
	strbuf_init(&line, out->arena);
	strbuf_adds(&line, "ORGANIZER");
	if (event->organizer_name && event->organizer_name[0]) {
		strbuf_adds(&line, ";CN=");
		add_quoted(&line, event->organizer_name);
	}
	strbuf_addc(&line, ':');
	add_mailto(&line, event->organizer_email);
	add_folded(out, &line);
}

/* --- the object ------------------------------------------------------------------------------- */

/* A known end that is later than the start, as RFC 5545, 3.8.2.2 wants it. Without one an entry
 * ends when it begins (3.6.1): better than a length that nobody promised. */
static bool has_end(const struct ical_event *event)
{
	return event->end && strcmp(event->end, event->start) > 0;
}

static void add_event(struct strbuf *out, const struct ical_event *event)
{
	add_plain(out, "BEGIN", "VEVENT");
	add_text(out, "UID", event->uid);
	strbuf_addf(out, "SEQUENCE:%lld\r\n", (long long)event->sequence);
	add_plain(out, "DTSTAMP", event->stamp);
	add_plain(out, "DTSTART", event->start);
	if (has_end(event))
		add_plain(out, "DTEND", event->end);
	add_plain(out, "STATUS", event->cancelled ? "CANCELLED" : "CONFIRMED");
	add_text(out, "SUMMARY", event->summary);
	add_text(out, "LOCATION", event->location);
	if (event->description)
		add_text(out, "DESCRIPTION", event->description);
	if (event->organizer_email && event->organizer_email[0])
		add_organizer(out, event);
	add_plain(out, "END", "VEVENT");
}

const char *ical_write(struct arena *arena, const struct ical_event *event)
{
	struct strbuf out;
	strbuf_init(&out, arena);
	add_plain(&out, "BEGIN", "VCALENDAR");
	add_plain(&out, "VERSION", "2.0");
	add_plain(&out, "PRODID", "-//Core Service//Tickets//EN");
	add_plain(&out, "METHOD", event->cancelled ? "CANCEL" : "PUBLISH");
	add_event(&out, event);
	add_plain(&out, "END", "VCALENDAR");
	return out.buf;
}
