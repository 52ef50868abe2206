/* template: names filled in, escaped, refused when missing; and the texts that are compiled in. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "worker-email/template.h"

static const struct template_value values[] = {
	{"name", "Zoé <b>&\"' {{place}}"},
	{"place", "Nîmes"},
	{"none", NULL},
	{"empty", ""},
};
static struct arena arena;
static struct problem err;

static void setup(void)
{
	arena_init(&arena, 4096);
	err = (struct problem){0};
}

static void teardown(void)
{
	arena_clear(&arena);
}

static enum status render(const char *text, enum template_escape escape, const char **ret)
{
	struct strbuf out;
	strbuf_init(&out, &arena);
	strbuf_adds(&out, ">");
	enum status status = template_render(&out, text, escape, values, ARRAY_LEN(values), &err);
	*ret = out.buf;
	return status;
}

struct good_case {
	const char *text;
	enum template_escape escape;
	const char *expected;
};
static const struct good_case good_cases[] = {
	{"", TEMPLATE_PLAIN, ">"},
	{"no names, } { and {x}", TEMPLATE_PLAIN, ">no names, } { and {x}"},
	{"{{place}}", TEMPLATE_PLAIN, ">Nîmes"},
	{"a{{place}}b{{place}}c", TEMPLATE_HTML, ">aNîmesbNîmesc"},
	{"{{name}}", TEMPLATE_PLAIN, ">Zoé <b>&\"' {{place}}"},
	{"{{name}}", TEMPLATE_HTML, ">Zoé &lt;b&gt;&amp;&quot;&#39; {{place}}"},
	{"{{&name}}", TEMPLATE_HTML, ">Zoé <b>&\"' {{place}}"},
	{"a{{#place}} in {{place}}{{/place}}.", TEMPLATE_PLAIN, ">a in Nîmes."},
	{"a{{#none}} in {{none}} {{nowhere}}{{/none}}.", TEMPLATE_PLAIN, ">a."},
	{"a{{#empty}} in {{empty}}{{/empty}}.", TEMPLATE_PLAIN, ">a."},
	{"a{{#unknown}}x{{/unknown}}.", TEMPLATE_PLAIN, ">a."},
	{"{{#none}}{{#place}}x{{/place}}{{/none}}.", TEMPLATE_PLAIN, ">."},
	{"{{#place}}{{#none}}x{{/none}}y{{/place}}.", TEMPLATE_PLAIN, ">y."},
};

START_TEST(test_names_are_filled_in)
{
	const struct good_case *c = &good_cases[_i];
	const char *got;
	ck_assert_msg(render(c->text, c->escape, &got) == OK, "%s: %s", c->text, err.detail);
	ck_assert_str_eq(got, c->expected);
}
END_TEST

static const char *const bad_cases[] = {
	"{{none}}",
	"{{empty}}",
	"{{unknown}}",
	"{{Place}}",
	"{{ place }}",
	"{{}}",
	"{{place",
	"{{#place}}",
	"{{#place}}{{/plac",
	"{{a-name-that-is-longer-than-any-name-may-be}}",
	"x{{place}}{{none}}",
	"{{#place}}{{none}}{{/place}}",
};

START_TEST(test_what_cannot_be_filled_in_is_refused)
{
	const char *got;
	ck_assert_int_eq(render(bad_cases[_i], TEMPLATE_HTML, &got), ST_INTERNAL_ERROR);
	ck_assert_msg(err.detail[0] != '\0', "no reason for %s", bad_cases[_i]);
	ck_assert_str_eq(got, ">");
}
END_TEST

START_TEST(test_control_characters_become_blanks)
{
	char text[] = "a\r\nBcc: x@y.z\tb\x7f\x01 é";
	template_one_line(text);
	ck_assert_str_eq(text, "a  Bcc: x@y.z b   é");
}
END_TEST

START_TEST(test_a_subject_is_one_line_and_the_layout_holds_the_html)
{
	static const struct mail_template template = {"en",
						      "x",
						      "About {{place}}",
						      "Text {{place}}",
						      "<p>{{place}}</p>",
						      "<i>{{subject}}</i>{{&body}}|{{place}}"};
	static const struct template_value split[] = {{"place", "A&B\r\nBcc: x@y.z"}};
	struct template_mail mail;
	ck_assert_int_eq(template_render_mail(&arena, &template, split, 1, &mail, &err), OK);
	ck_assert_str_eq(mail.subject, "About A&B  Bcc: x@y.z");
	ck_assert_str_eq(mail.text, "Text A&B\r\nBcc: x@y.z");
	ck_assert_str_eq(mail.html, "<i>About A&amp;B  Bcc: x@y.z</i>"
				    "<p>A&amp;B\r\nBcc: x@y.z</p>|A&amp;B\r\nBcc: x@y.z");
}
END_TEST

START_TEST(test_a_mail_that_fails_leaves_its_output_alone)
{
	static const struct mail_template template = {"en", "x", "s", "t", "h", "{{missing}}"};
	struct template_mail mail = {"1", "2", "3"};
	ck_assert_int_eq(template_render_mail(&arena, &template, values, 1, &mail, &err),
			 ST_INTERNAL_ERROR);
	ck_assert_str_eq(mail.subject, "1");
	ck_assert_str_eq(mail.html, "3");
}
END_TEST

static const char *const kinds[] = {
	"registration-confirmed", "payment-due",   "ticket-issued", "registration-cancelled",
	"event-cancelled",        "event-changed", "refund-done"};

START_TEST(test_each_mail_is_there_in_both_languages)
{
	const struct mail_template *english = template_find("en", kinds[_i]);
	const struct mail_template *french = template_find("fr", kinds[_i]);
	ck_assert_ptr_nonnull(english);
	ck_assert_ptr_nonnull(french);
	ck_assert_str_eq(english->locale, "en");
	ck_assert_str_eq(french->locale, "fr");
	ck_assert_str_ne(english->text, french->text);
	ck_assert_ptr_eq(template_find("de", kinds[_i]), english);
	ck_assert(template_names(english, "guestName"));
	ck_assert(!template_names(english, "clientSecret"));
}
END_TEST

START_TEST(test_there_is_no_other_mail)
{
	ck_assert_uint_eq(mail_template_count, 2 * ARRAY_LEN(kinds));
	ck_assert_ptr_null(template_find("en", "layout"));
	ck_assert_ptr_null(template_find("en", ""));
	for (size_t i = 0; i < mail_template_count; i++)
		ck_assert_ptr_null(strchr(mail_templates[i].subject, '\n'));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("template");
	TCase *render_case = tcase_create("render");
	TCase *texts = tcase_create("texts");
	tcase_add_checked_fixture(render_case, setup, teardown);
	tcase_add_loop_test(render_case, test_names_are_filled_in, 0, ARRAY_LEN(good_cases));
	tcase_add_loop_test(render_case, test_what_cannot_be_filled_in_is_refused, 0,
			    ARRAY_LEN(bad_cases));
	tcase_add_test(render_case, test_control_characters_become_blanks);
	tcase_add_test(render_case, test_a_subject_is_one_line_and_the_layout_holds_the_html);
	tcase_add_test(render_case, test_a_mail_that_fails_leaves_its_output_alone);
	tcase_add_loop_test(texts, test_each_mail_is_there_in_both_languages, 0, ARRAY_LEN(kinds));
	tcase_add_test(texts, test_there_is_no_other_mail);
	suite_add_tcase(suite, render_case);
	suite_add_tcase(suite, texts);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
