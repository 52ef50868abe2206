/*
 * The framing guard: what CivetWeb lets pass although a proxy in front may read it differently.
 *
 * CivetWeb parses in place: it puts NULs over the blanks and line ends of the header block and
 * gives out pointers into it. So the gaps between what it gives out tell how a line ended and
 * whether something lies there that it skipped.
 */
#include <civetweb.h>
#include <string.h>

#include "common/httpd_wire.h"

enum { LENGTH_DIGITS_MAX = 18 };

#define DIGITS "0123456789"
#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *httpd_header(const struct mg_request_info *info, const char *name)
{
	for (int i = 0; i < info->num_headers; i++)
		if (strcasecmp(info->http_headers[i].name, name) == 0)
			return info->http_headers[i].value;
	return NULL;
}

static int count_headers(const struct mg_request_info *info, const char *name)
{
	int count = 0;
	for (int i = 0; i < info->num_headers; i++)
		count += strcasecmp(info->http_headers[i].name, name) == 0;
	return count;
}

static const char *end_of(const char *text)
{
	return text + strlen(text);
}

/* Does what follows begin right behind `end` and one CRLF? */
static bool is_next_line(const char *end, const char *next)
{
	return next == end + 2;
}

/* Behind the last header: the NULs of its CRLF, then the CR of the empty line and the NUL that
 * CivetWeb puts on the block's last byte. A line that begins with a blank or a colon ends
 * CivetWeb's parsing silently and shows here. A block that ends in two bare LF has one byte less:
 * the byte behind it then belongs to what was read before or lies in malloc's slack. */
__attribute__((no_sanitize("address"))) static bool is_block_end(const char *end)
{
	return end[0] == '\0' && end[1] == '\0' && end[2] == '\r' && end[3] == '\0';
}

static const char *check_request_line(const struct mg_request_info *info)
{
	const char *target = info->request_uri;
	const char *end = end_of(info->query_string == NULL ? target : info->query_string);
	const char *version = info->http_version - strlen("HTTP/");
	if (target != end_of(info->request_method) + 1 || version != end + 1)
		return "the request line has surplus blanks";
	if (info->num_headers > 0 &&
	    !is_next_line(end_of(info->http_version), info->http_headers[0].name))
		return "the request line does not end in CRLF";
	return NULL;
}

static const char *check_name(const struct mg_header *header)
{
	const char *end = end_of(header->name);
	if (strspn(header->name, DIGITS ALPHA "!#$%&'*+-.^_`|~") != (size_t)(end - header->name))
		return "a header name holds characters that are not allowed";
	if (header->value != end + 1 && end[1] == '\0')
		return "blanks between a header name and its colon";
	return NULL;
}

static const char *check_lines(const struct mg_request_info *info)
{
	for (int i = 0; i < info->num_headers; i++) {
		const struct mg_header *header = &info->http_headers[i];
		const char *reason = check_name(header);
		if (reason != NULL)
			return reason;
		const char *end = end_of(header->value);
		bool last = i + 1 == info->num_headers;
		if (!last && !is_next_line(end, header[1].name))
			return "a header line does not end in CRLF";
		if (last && !is_block_end(end))
			return "the header block holds a line that is no header";
	}
	return NULL;
}

static const char *check_length(const char *value)
{
	size_t digits = strspn(value, DIGITS);
	size_t blanks = strspn(value + digits, " ");
	if (digits == 0 || digits > LENGTH_DIGITS_MAX || value[digits + blanks] != '\0')
		return "Content-Length is not a number";
	return NULL;
}

static const char *check_framing(const struct mg_request_info *info)
{
	int lengths = count_headers(info, "Content-Length");
	int codings = count_headers(info, "Transfer-Encoding");
	if (lengths > 1)
		return "more than one Content-Length";
	if (lengths == 1 && codings > 0)
		return "Content-Length together with Transfer-Encoding";
	if (lengths == 1)
		return check_length(httpd_header(info, "Content-Length"));
	if (codings == 0)
		return NULL;
	if (codings > 1 || strcasecmp(httpd_header(info, "Transfer-Encoding"), "chunked") != 0)
		return "the only transfer coding served is chunked";
	if (strcmp(info->http_version, "1.1") != 0)
		return "Transfer-Encoding in HTTP/1.0";
	return NULL;
}

static const char *check_host(const struct mg_request_info *info)
{
	int hosts = count_headers(info, "Host");
	if (hosts > 1)
		return "more than one Host";
	if (hosts == 0)
		return strcmp(info->http_version, "1.0") == 0 ? NULL : "Host is missing";
	const char *host = httpd_header(info, "Host");
	size_t good = strspn(host, DIGITS ALPHA "-._~!$&'()*+,;=:[]%");
	return host[good] == '\0' ? NULL : "Host holds characters that are not allowed";
}

static const char *check_path(const char *path)
{
	if (path[0] != '/')
		return "the path does not begin with a slash";
	for (const char *at = path; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return "the path holds control bytes or raw non-ASCII";
	return strstr(path, "%00") == NULL ? NULL : "the path holds a NUL";
}

const char *httpd_guard(const struct mg_request_info *info)
{
	if (info->num_headers > HTTPD_HEADERS_LIMIT)
		return "more than 63 headers";
	const char *reason = check_request_line(info);
	if (reason == NULL)
		reason = check_lines(info);
	if (reason == NULL)
		reason = check_framing(info);
	if (reason == NULL)
		reason = check_host(info);
	return reason != NULL ? reason : check_path(info->local_uri_raw);
}
