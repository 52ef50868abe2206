#include "api/pages.h"

#include <string.h>

#include "api/problem_texts.h"
#include "common/sign.h"

/* The Makefile gathers the files in WEB_DIR. A NUL follows each. */
#define EMBED(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #symbol "\n.global " #symbol "_end\n"                                   \
		".balign 16\n" #symbol ":\n.incbin \"" WEB_DIR "/" file "\"\n" #symbol             \
		"_end:\n.byte 0\n.popsection\n");                                                  \
	extern const uint8_t symbol[] __attribute__((visibility("hidden")));                       \
	extern const uint8_t symbol##_end[] __attribute__((visibility("hidden")))

EMBED(page_openapi_json, "openapi.json");
EMBED(page_openapi_yaml, "openapi.yaml");
EMBED(page_docs_html, "docs.html");
EMBED(page_docs_js, "docs.js");
EMBED(page_pages_css, "pages.css");
EMBED(page_problem_html, "problem.html");
EMBED(page_console_css, "swagger-ui.css");
EMBED(page_console_js, "swagger-ui-bundle.js");

/* The console writes style attributes and has pictures in its style sheet. */
#define POLICY "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
static const char page_policy[] = POLICY "style-src 'self'; img-src data:";
static const char docs_policy[] = POLICY "script-src 'self'; connect-src 'self'; "
					 "style-src 'self' 'unsafe-inline'; img-src 'self' data:";

static const char html_type[] = "text/html; charset=utf-8";
static const char css_type[] = "text/css; charset=utf-8";
static const char js_type[] = "text/javascript; charset=utf-8";

/* Kept by whoever likes, but asked for again: a new version shows at once. */
static void answer_page_bytes(struct request *req, const char *content_type, struct slice body,
			      const char *policy)
{
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	sign_sha256(body.at, body.len, digest);
	sign_hex(digest, sizeof(digest), hex);
	answer_bytes(req, req->route->success, content_type, body);
	answer_etag(req, arena_printf(req->arena, "\"%.32s\"", hex));
	http_add_header(req->http, "Cache-Control", "no-cache");
	if (policy)
		http_add_header(req->http, "Content-Security-Policy", policy);
}

static struct slice bytes_between(const uint8_t *start, const uint8_t *end)
{
	return (struct slice){(const char *)start, (size_t)(end - start)};
}

struct slice pages_document(void)
{
	return bytes_between(page_openapi_json, page_openapi_json_end);
}

enum status pages_openapi_json(struct request *req, struct problem *err UNUSED)
{
	answer_page_bytes(req, "application/json", pages_document(), NULL);
	return OK;
}

enum status pages_openapi_yaml(struct request *req, struct problem *err UNUSED)
{
	answer_page_bytes(req, "application/yaml",
			  bytes_between(page_openapi_yaml, page_openapi_yaml_end), NULL);
	return OK;
}

enum status pages_docs(struct request *req, struct problem *err UNUSED)
{
	answer_page_bytes(req, html_type, bytes_between(page_docs_html, page_docs_html_end),
			  docs_policy);
	return OK;
}

/* clang-format off */
static const struct {
	const char *name, *content_type;
	const uint8_t *start, *end;
} docs_files[] = {
	{"docs.js", js_type, page_docs_js, page_docs_js_end},
	{"pages.css", css_type, page_pages_css, page_pages_css_end},
	{"swagger-ui.css", css_type, page_console_css, page_console_css_end},
	{"swagger-ui-bundle.js", js_type, page_console_js, page_console_js_end},
};
/* clang-format on */

enum status pages_docs_file(struct request *req, struct problem *err)
{
	for (size_t i = 0; i < ARRAY_LEN(docs_files); i++) {
		if (strcmp(docs_files[i].name, req->slug) != 0)
			continue;
		answer_page_bytes(req, docs_files[i].content_type,
				  bytes_between(docs_files[i].start, docs_files[i].end), NULL);
		return OK;
	}
	return problem_set(err, ST_NOT_FOUND, "The documentation has no such file");
}

/* --- problems ------------------------------------------------------------------------------------
 */

struct word {
	const char *name, *text;
};

static bool word_is(const struct word *word, const char *name, size_t len)
{
	return strlen(word->name) == len && !memcmp(word->name, name, len);
}

/* Copy the template, with the words in place of {name}. All texts are our own: nothing to escape.
 */
static void fill(struct strbuf *out, const char *template, const struct word *words, size_t count)
{
	while (*template) {
		size_t plain = strcspn(template, "{");
		size_t len = strcspn(template + plain, "}");

		strbuf_add(out, template, plain);
		template += plain;
		for (size_t i = 0; *template && i < count; i++)
			if (word_is(&words[i], template + 1, len - 1))
				strbuf_adds(out, words[i].text);
		template += len + (template[len] == '}');
	}
}

static const struct problem_row *row_of(const char *slug)
{
	const struct problem_row *row;

	for (size_t i = 0; (row = problem_at(i)) != NULL; i++)
		if (!strcmp(row->slug, slug))
			return row;
	return NULL;
}

enum status pages_problem(struct request *req, struct problem *err)
{
	const struct problem_row *row = row_of(req->slug);
	struct strbuf page;

	if (!row)
		return problem_set(err, ST_NOT_FOUND, "There is no problem of this name");
	const struct word words[] = {
		{"slug", row->slug},
		{"title", row->title},
		{"status", arena_printf(req->arena, "%d", row->http)},
		{"meaning", problem_meaning(row->status)},
		{"remedy", problem_remedy(row->status)},
	};
	strbuf_init(&page, req->arena);
	fill(&page, (const char *)page_problem_html, words, ARRAY_LEN(words));
	answer_page_bytes(req, html_type, (struct slice){page.buf, page.len}, page_policy);
	return OK;
}
