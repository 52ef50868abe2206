#include "worker-email/template.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base.h"

enum { NAME_MAX_LEN = 40 };

/* Where rendering stands; the values stay the same all along. */
struct render {
	struct strbuf *out;
	enum template_escape escape;
	const struct template_value *values;
	size_t count;
	struct problem *err;
};

/* What stands between {{ and }}. */
struct tag {
	char kind; /* 0: a value; or one of # / & */
	char name[NAME_MAX_LEN];
	const char *after;
};

const struct mail_template *template_find(const char *locale, const char *name)
{
	const struct mail_template *english = NULL;
	for (size_t i = 0; i < mail_template_count; i++) {
		const struct mail_template *template = &mail_templates[i];
		if (strcmp(template->name, name) != 0)
			continue;
		if (strcmp(template->locale, locale) == 0)
			return template;
		if (strcmp(template->locale, "en") == 0)
			english = template;
	}
	return english;
}

bool template_names(const struct mail_template *template, const char *name)
{
	const char *const parts[] = {template->subject, template->text, template->html};
	char tag[NAME_MAX_LEN + 8];
	snprintf(tag, sizeof(tag), "{{%s}}", name);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (strstr(parts[i], tag))
			return true;
	}
	return false;
}

static const char *find_value(const struct render *render, const char *name)
{
	for (size_t i = 0; i < render->count; i++) {
		const char *value = render->values[i].value;
		if (strcmp(render->values[i].name, name) == 0)
			return value && value[0] ? value : NULL;
	}
	return NULL;
}

/* Read the tag that begins at `at`, behind its braces. */
static enum status read_tag(const char *at, struct tag *ret, struct problem *err)
{
	const char *end = strstr(at, "}}");
	char kind = '\0';
	if (*at == '#' || *at == '/' || *at == '&')
		kind = *at++;
	size_t len = end ? (size_t)(end - at) : 0;
	if (len == 0 || len >= NAME_MAX_LEN)
		return problem_set(err, ST_INTERNAL_ERROR, "template: a bad placeholder at '%.20s'",
				   at);
	ret->kind = kind;
	memcpy(ret->name, at, len);
	ret->name[len] = '\0';
	ret->after = end + 2;
	return OK;
}

static enum status add_value(struct render *render, const struct tag *tag)
{
	const char *value = find_value(render, tag->name);
	if (!value)
		return problem_set(render->err, ST_INTERNAL_ERROR, "template: no value for {{%s}}",
				   tag->name);
	if (render->escape == TEMPLATE_HTML && tag->kind != '&')
		strbuf_add_html(render->out, value);
	else
		strbuf_adds(render->out, value);
	return OK;
}

/* Where to go on behind an opening tag: inside when the name has a value, else behind its end. */
static enum status enter_section(struct render *render, struct tag *tag)
{
	char closing[NAME_MAX_LEN + 8];
	snprintf(closing, sizeof(closing), "{{/%s}}", tag->name);
	const char *end = strstr(tag->after, closing);
	if (!end)
		return problem_set(render->err, ST_INTERNAL_ERROR, "template: {{#%s}} has no end",
				   tag->name);
	if (!find_value(render, tag->name))
		tag->after = end + strlen(closing);
	return OK;
}

/* Append the text before the next tag and the tag's meaning; *text moves on, to NULL at the end. */
static enum status render_step(struct render *render, const char **text)
{
	struct tag tag = {0};
	const char *open = strstr(*text, "{{");
	if (!open) {
		strbuf_adds(render->out, *text);
		*text = NULL;
		return OK;
	}
	strbuf_add(render->out, *text, (size_t)(open - *text));
	enum status status = read_tag(open + 2, &tag, render->err);
	if (status == OK && tag.kind == '#')
		status = enter_section(render, &tag);
	else if (status == OK && tag.kind != '/')
		status = add_value(render, &tag);
	if (status == OK)
		*text = tag.after;
	return status;
}

enum status template_render(struct strbuf *out, const char *text, enum template_escape escape,
			    const struct template_value *values, size_t count, struct problem *err)
{
	struct render render = {out, escape, values, count, err};
	size_t start = out->len;
	enum status status = OK;
	while (status == OK && text)
		status = render_step(&render, &text);
	if (status != OK)
		strbuf_truncate(out, start);
	return status;
}

void template_one_line(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = ' ';
	}
}

enum status template_render_mail(struct arena *arena, const struct mail_template *template,
				 const struct template_value *values, size_t count,
				 struct template_mail *ret, struct problem *err)
{
	struct template_value all[TEMPLATE_VALUES_MAX + 2];
	struct strbuf subject, text, inner, html;
	assert(count <= TEMPLATE_VALUES_MAX);
	memcpy(all, values, count * sizeof(*values));
	strbuf_init(&subject, arena);
	strbuf_init(&text, arena);
	strbuf_init(&inner, arena);
	strbuf_init(&html, arena);

	enum status status =
		template_render(&subject, template->subject, TEMPLATE_PLAIN, values, count, err);
	if (status == OK)
		status = template_render(&text, template->text, TEMPLATE_PLAIN, values, count, err);
	if (status == OK)
		status = template_render(&inner, template->html, TEMPLATE_HTML, values, count, err);
	if (status != OK)
		return status;
	template_one_line(subject.buf);
	all[count] = (struct template_value){"subject", subject.buf};
	all[count + 1] = (struct template_value){"body", inner.buf};
	status = template_render(&html, template->layout, TEMPLATE_HTML, all, count + 2, err);
	if (status == OK)
		*ret = (struct template_mail){subject.buf, text.buf, html.buf};
	return status;
}
