/*
 * Times: what is read is written back as the same moment.
 */
#include <string.h>

#include "common/clock.h"
#include "tests/fuzz/fuzz.h"

static void check_round(int64_t us)
{
	char text[RFC3339_SIZE];
	int64_t again;

	clock_format_us(us, text);
	MUST(clock_parse_rfc3339(text, strlen(text), &again) && again == us);
	clock_format(us, text);
	MUST(clock_parse_rfc3339(text, strlen(text), &again) && us - again >= 0 &&
	     us - again < US_PER_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = arena_strndup(fuzz_arena(), (const char *)data, size);
	char year_one[] = "0001-01-01T00:00:00Z", end[] = "9999-12-31T23:59:59.999999Z";
	int64_t us, first, last;

	MUST(clock_parse_rfc3339(year_one, strlen(year_one), &first));
	MUST(clock_parse_rfc3339(end, strlen(end), &last));
	/* An offset may lead out of the years that can be written. */
	if (clock_parse_rfc3339(text, size, &us) && us >= first && us <= last)
		check_round(us);
	if (clock_parse_date(text, size, &us))
		check_round(us);
	if (clock_parse_pg(text, &us) && us >= first && us <= last)
		check_round(us);
	return 0;
}
