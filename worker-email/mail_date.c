#include "worker-email/mail_date.h"

#include <stdio.h>
#include <string.h>

#include "common/strbuf.h"

static const char *const days_en[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
				      "Friday", "Saturday", "Sunday"};
static const char *const days_fr[] = {"lundi",    "mardi",  "mercredi", "jeudi",
				      "vendredi", "samedi", "dimanche"};
static const char *const months_en[] = {"January",   "February", "March",    "April",
					"May",       "June",     "July",     "August",
					"September", "October",  "November", "December"};
static const char *const months_fr[] = {"janvier",   "février", "mars",     "avril",
					"mai",       "juin",    "juillet",  "août",
					"septembre", "octobre", "novembre", "décembre"};
/* U+202F and U+00A0: French groups and hours must not break over a line. */
#define NARROW_SPACE "\xe2\x80\xaf"
#define HARD_SPACE "\xc2\xa0"

struct local_time {
	int year, month, day, hour, minute, weekday;
};

static bool read_local(const char *text, struct local_time *ret)
{
	struct local_time t;
	if (!text || sscanf(text, "%5d-%2d-%2d %2d:%2d %1d", &t.year, &t.month, &t.day, &t.hour,
			    &t.minute, &t.weekday) != 6)
		return false;
	if (t.month < 1 || t.month > 12 || t.weekday < 1 || t.weekday > 7)
		return false;
	*ret = t;
	return true;
}

static bool is_french(const char *locale)
{
	return strcmp(locale, "fr") == 0;
}

const char *mail_date(struct arena *arena, const char *locale, const char *local_time,
		      const char *time_zone)
{
	struct local_time t;
	if (!read_local(local_time, &t))
		return NULL;
	if (is_french(locale))
		return arena_printf(arena,
				    "%s %d%s %s %d à %d" HARD_SPACE "h" HARD_SPACE "%02d (%s)",
				    days_fr[t.weekday - 1], t.day, t.day == 1 ? "er" : "",
				    months_fr[t.month - 1], t.year, t.hour, t.minute, time_zone);
	return arena_printf(arena, "%s, %d %s %d at %02d:%02d (%s)", days_en[t.weekday - 1], t.day,
			    months_en[t.month - 1], t.year, t.hour, t.minute, time_zone);
}

const char *mail_amount(struct arena *arena, const char *locale, int64_t minor)
{
	bool french = is_french(locale);
	char digits[24];
	struct strbuf out;
	strbuf_init(&out, arena);
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)(minor / 100));
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			strbuf_adds(&out, french ? NARROW_SPACE : ",");
		strbuf_addc(&out, digits[i]);
	}
	strbuf_addf(&out, "%s%02d", french ? "," : ".", (int)(minor % 100));
	return out.buf;
}
