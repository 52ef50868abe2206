/*
 * template: the mails' texts and how names in them are filled in.
 *
 * A template is text with {{name}}; {{#name}}…{{/name}} stays only where the name has a value (not
 * nested in another section of the same name); {{&name}} puts a value in as it is and stands in the
 * layout alone. The texts are compiled in from templates/LOCALE/. Thread safe: all is constant.
 */
#ifndef WORKER_EMAIL_TEMPLATE_H
#define WORKER_EMAIL_TEMPLATE_H

#include "common/problem.h"

/* One mail in one language; `layout` is what the rendered html goes into as `body`. */
struct mail_template {
	const char *locale;
	const char *name;
	const char *subject;
	const char *text;
	const char *html;
	const char *layout;
};
/* By locale and name; made of the files by the Makefile. */
extern const struct mail_template mail_templates[];
extern const size_t mail_template_count;

struct template_value {
	const char *name;
	const char *value; /* NULL or "": none */
};

struct template_mail {
	const char *subject; /* one line, no control characters */
	const char *text;
	const char *html;
};

enum template_escape { TEMPLATE_PLAIN, TEMPLATE_HTML };

/* The template of that name in that language, else in English; NULL: no such mail. */
const struct mail_template *template_find(const char *locale, const char *name);
/* Append the filled-in text. ST_INTERNAL_ERROR naming the placeholder when one has no value or the
 * text is not well formed: such a mail must not go out. */
enum status template_render(struct strbuf *out, const char *text, enum template_escape escape,
			    const struct template_value *values, size_t count,
			    struct problem *err) MUST_CHECK;
/* Subject, text and html in the arena. `count` values at most TEMPLATE_VALUES_MAX. */
enum { TEMPLATE_VALUES_MAX = 24 };
enum status template_render_mail(struct arena *arena, const struct mail_template *template,
				 const struct template_value *values, size_t count,
				 struct template_mail *ret, struct problem *err) MUST_CHECK;
/* Does any part of the mail name it? */
bool template_names(const struct mail_template *template, const char *name);
/* Blanks for control characters and line ends: what goes into a header must stay one line. */
void template_one_line(char *text);

#endif
