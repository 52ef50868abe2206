/*
 * What people read: the document, its page with a console, a page for every problem.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "common/problem.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

static void begin(void)
{
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

/* Nothing that a browser would fetch by itself lies on another host. */
static void loads_nothing_foreign(const struct reply *page)
{
	static const char *const loaders[] = {"src=\"", "rel=\"stylesheet\" href=\"", "url("};

	for (size_t i = 0; i < ARRAY_LEN(loaders); i++) {
		for (const char *at = page->body; (at = strstr(at, loaders[i])) != NULL;) {
			at += strlen(loaders[i]);
			ck_assert_msg(strncmp(at, "http", 4) != 0 && strncmp(at, "//", 2) != 0,
				      "loads %.60s", at);
		}
	}
}

static void is_policy(const struct reply *page, bool console)
{
	const char *policy = reply_header(page, "Content-Security-Policy");

	ck_assert_ptr_nonnull(policy);
	ck_assert_ptr_nonnull(strstr(policy, "default-src 'none'"));
	ck_assert_ptr_nonnull(strstr(policy, "frame-ancestors 'none'"));
	ck_assert_ptr_null(strstr(policy, "unsafe-eval"));
	ck_assert_ptr_null(strstr(policy, "script-src 'unsafe"));
	ck_assert_ptr_null(strstr(policy, "http"));
	ck_assert_int_eq(strstr(policy, "unsafe-inline") != NULL, console);
}

static void is_kept_by_tag(const char *path)
{
	struct reply *first = api_get(NULL, "%s", path);
	const char *const same[] = {text("If-None-Match: %s", reply_header(first, "ETag")), NULL};
	const char *const other[] = {"If-None-Match: \"0\"", NULL};
	struct reply *again = api_send("GET", NULL, path, NULL, same);

	ck_assert_int_eq(first->status, 200);
	ck_assert_str_eq(reply_header(first, "Cache-Control"), "no-cache");
	ck_assert_str_eq(reply_header(first, "X-Content-Type-Options"), "nosniff");
	ck_assert_int_eq(again->status, 304);
	ck_assert_uint_eq(again->len, 0);
	ck_assert_int_eq(api_send("GET", NULL, path, NULL, other)->status, 200);
	ck_assert_int_eq(api_send("HEAD", NULL, path, NULL, NULL)->status, 200);
}

START_TEST(document_is_served_in_both_forms)
{
	struct reply *json = api_get(NULL, "/openapi.json");
	struct reply *yaml = api_get(NULL, "/openapi.yaml");

	ck_assert_str_eq(reply_header(json, "Content-Type"), "application/json");
	ck_assert_str_eq(reply_text(json, "openapi"), "3.1.0");
	ck_assert_str_eq(reply_text(json, "info.version"), CORE_VERSION);
	ck_assert_str_eq(reply_header(yaml, "Content-Type"), "application/yaml");
	ck_assert_int_eq(strncmp(yaml->body, "openapi: 3.1.0\n", 15), 0);
	is_kept_by_tag("/openapi.json");
	is_kept_by_tag("/openapi.yaml");
	ck_assert_int_eq(api_get(NULL, "/openapi.json?v=1")->status, 400);
}
END_TEST

START_TEST(console_comes_from_here)
{
	static const char *const files[] = {"docs.js", "pages.css", "swagger-ui.css",
					    "swagger-ui-bundle.js"};
	struct reply *page = api_get(NULL, "/docs");

	ck_assert_str_eq(reply_header(page, "Content-Type"), "text/html; charset=utf-8");
	is_policy(page, true);
	loads_nothing_foreign(page);
	is_kept_by_tag("/docs");
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct reply *file = api_get(NULL, "/docs/%s", files[i]);

		ck_assert_msg(strstr(page->body, text("docs/%s", files[i])) != NULL, "%s",
			      files[i]);
		ck_assert_int_eq(file->status, 200);
		ck_assert_msg(file->len > 0, "%s is empty", files[i]);
	}
	loads_nothing_foreign(api_get(NULL, "/docs/swagger-ui.css"));
	ck_assert_ptr_nonnull(
		strstr(api_get(NULL, "/docs/swagger-ui-bundle.js")->body, "SwaggerUIBundle"));
	ck_assert_str_eq(reply_slug(api_get(NULL, "/docs/other.js")), "not-found");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/docs/")), "not-found");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/docs/%%2e%%2e/pages.css")), "not-found");
}
END_TEST

START_TEST(every_problem_has_a_page)
{
	const struct problem_row *row;

	for (size_t i = 0; (row = problem_at(i)) != NULL; i++) {
		struct reply *page = api_get(NULL, "/problems/%s", row->slug);

		ck_assert_int_eq(page->status, 200);
		ck_assert_ptr_nonnull(strstr(page->body, text("<h1>%s</h1>", row->title)));
		ck_assert_ptr_nonnull(strstr(page->body, text("<code>%d</code>", row->http)));
		ck_assert_ptr_null(strpbrk(page->body, "{}"));
		is_policy(page, false);
		loads_nothing_foreign(page);
	}
	is_kept_by_tag("/problems/sold-out");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/problems/sold")), "not-found");
	ck_assert_str_eq(reply_slug(api_get(NULL, "/problems/sold-out2")), "not-found");
}
END_TEST

/* The address in a problem's type is that of its page, whoever asks. */
START_TEST(a_problem_leads_to_its_page)
{
	struct reply *problem = api_get(NULL, "/api/events/1");
	struct reply *page = api_get(token_user(), "%s", reply_text(problem, "type"));

	ck_assert_int_eq(problem->status, 404);
	ck_assert_int_eq(page->status, 200);
	ck_assert_str_eq(reply_header(page, "Cache-Control"), "no-cache");
	ck_assert_int_eq(api_send("POST", NULL, "/docs", NULL, NULL)->status, 405);
	ck_assert_int_eq(api_send("OPTIONS", NULL, "/docs", NULL, NULL)->status, 204);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pages");
	TCase *cases = tcase_create("pages");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, document_is_served_in_both_forms);
	tcase_add_test(cases, console_comes_from_here);
	tcase_add_test(cases, every_problem_has_a_page);
	tcase_add_test(cases, a_problem_leads_to_its_page);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
