#include "api/search.h"

#include <string.h>

#include "common/strbuf.h"

char *search_pattern(struct arena *arena, const char *words)
{
	struct strbuf pattern;

	if (!words)
		return NULL;
	strbuf_init(&pattern, arena);
	strbuf_addc(&pattern, '%');
	for (; *words; words++) {
		if (strchr("%_\\", *words))
			strbuf_addc(&pattern, '\\');
		strbuf_addc(&pattern, *words);
	}
	strbuf_addc(&pattern, '%');
	return pattern.buf;
}
