#include "common/json_internal.h"

#include <string.h>

enum {
	INT64_DIGITS = 19, /* of INT64_MAX; so many digits always fit into uint64_t */
};
/* Far beyond any int64, far from overflow when lengths of texts are added. */
#define EXPONENT_MAX INT64_C(1000000000000)

/* Continuation bytes a lead byte asks for, and the range of the first of them (RFC 3629). */
struct utf8_lead {
	size_t rest;
	unsigned char low, high;
};

static struct utf8_lead utf8_lead(unsigned char c)
{
	if (c >= 0xC2 && c <= 0xDF)
		return (struct utf8_lead){1, 0x80, 0xBF};
	if (c >= 0xE0 && c <= 0xEF)
		return (struct utf8_lead){2, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
	if (c >= 0xF0 && c <= 0xF4)
		return (struct utf8_lead){3, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
	return (struct utf8_lead){0, 0, 0};
}

size_t json_utf8_step(const unsigned char *at, size_t left, bool *ret_valid)
{
	*ret_valid = at[0] < 0x80;
	if (*ret_valid)
		return 1;
	struct utf8_lead lead = utf8_lead(at[0]);
	for (size_t i = 1; i <= lead.rest; i++) {
		if (i == left || at[i] < lead.low || at[i] > lead.high)
			return i;
		lead.low = 0x80;
		lead.high = 0xBF;
	}
	*ret_valid = lead.rest > 0;
	return lead.rest + 1;
}

size_t utf8_length(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t count = 0;
	while (len > 0) {
		bool valid;
		size_t step = json_utf8_step(at, len, &valid);
		if (!valid)
			return SIZE_MAX;
		at += step;
		len -= step;
		count++;
	}
	return count;
}

static size_t digits_length(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

/* The part behind a number's integer: 0 when it is absent, SIZE_MAX when it is broken. */
static size_t fraction_length(const char *text, size_t len)
{
	if (len == 0 || text[0] != '.')
		return 0;
	size_t digits = digits_length(text + 1, len - 1);
	return digits ? digits + 1 : SIZE_MAX;
}

static size_t exponent_length(const char *text, size_t len)
{
	if (len == 0 || (text[0] != 'e' && text[0] != 'E'))
		return 0;
	size_t sign = len > 1 && (text[1] == '+' || text[1] == '-');
	size_t digits = digits_length(text + 1 + sign, len - 1 - sign);
	return digits ? 1 + sign + digits : SIZE_MAX;
}

size_t json_number_length(const char *text, size_t len)
{
	size_t n = len > 0 && text[0] == '-';
	size_t digits = digits_length(text + n, len - n);
	if (digits == 0 || (digits > 1 && text[n] == '0'))
		return 0;
	n += digits;
	size_t fraction = fraction_length(text + n, len - n);
	if (fraction == SIZE_MAX)
		return 0;
	n += fraction;
	size_t exponent = exponent_length(text + n, len - n);
	return exponent == SIZE_MAX ? 0 : n + exponent;
}

/* The number behind e or E, cut to ±EXPONENT_MAX. */
static int64_t exponent_value(const char *text, size_t len)
{
	bool negative = len > 0 && text[0] == '-';
	int64_t value = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '-' || text[i] == '+')
			continue;
		if (value < EXPONENT_MAX)
			value = value * 10 + (text[i] - '0');
	}
	return negative ? -value : value;
}

/* A number as significant digits, without zeros at either end, and a power of ten. */
struct decimal {
	bool negative;
	const char *digits; /* `len` bytes, a point may be among them */
	size_t len;
	int64_t exponent; /* value = digits (point aside) * 10^exponent */
};

static struct decimal decimal_split(const char *text, size_t len)
{
	struct decimal d = {.negative = text[0] == '-'};
	d.digits = text + d.negative;
	while (d.digits + d.len < text + len && !json_one_of(d.digits[d.len], "eE"))
		d.len++;
	const char *behind = d.digits + d.len;
	if (behind < text + len)
		d.exponent = exponent_value(behind + 1, (size_t)(text + len - behind - 1));
	const char *point = memchr(d.digits, '.', d.len);
	if (point)
		d.exponent -= behind - point - 1;
	for (; d.len > 0 && json_one_of(d.digits[d.len - 1], "0."); d.len--)
		d.exponent += d.digits[d.len - 1] == '0';
	for (; d.len > 0 && json_one_of(d.digits[0], "0."); d.len--)
		d.digits++;
	return d;
}

static enum json_decimal beyond(const struct decimal *d)
{
	return d->negative ? DECIMAL_TOO_SMALL : DECIMAL_TOO_LARGE;
}

enum json_decimal json_decimal(const char *text, size_t len, int scale, int64_t *ret_value)
{
	struct decimal d = decimal_split(text, len);
	int64_t zeros = d.len ? d.exponent + scale : 0;
	if (zeros < 0)
		return DECIMAL_FRACTION;
	size_t count = d.len - (d.len && memchr(d.digits, '.', d.len));
	if (zeros > INT64_DIGITS || count + (size_t)zeros > INT64_DIGITS)
		return beyond(&d);
	uint64_t value = 0;
	for (size_t i = 0; i < d.len; i++) {
		if (d.digits[i] != '.')
			value = value * 10 + (uint64_t)(d.digits[i] - '0');
	}
	while (zeros-- > 0)
		value *= 10;
	if (value > (uint64_t)INT64_MAX + d.negative)
		return beyond(&d);
	/* Negation in unsigned arithmetic, so that -2^63 is no overflow. */
	*ret_value = (int64_t)(d.negative ? 0 - value : value);
	return DECIMAL_EXACT;
}

bool money_parse(const char *text, size_t len, int64_t *ret_minor)
{
	if (len == 0 || json_number_length(text, len) != len)
		return false;
	return json_decimal(text, len, 2, ret_minor) == DECIMAL_EXACT;
}
