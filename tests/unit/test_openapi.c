/*
 * The API document against the tables that the API runs by: routes, fields, problems. Whatever is
 * in one and not in the other fails.
 */
#include <cjson/cJSON.h>
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/events/event_record.h"
#include "api/events/events.h"
#include "api/guests/guest_record.h"
#include "api/guests/imports_store.h"
#include "api/pages.h"
#include "api/payments/payment_record.h"
#include "api/problem_texts.h"
#include "api/router.h"
#include "api/statistics/statistics_record.h"
#include "api/tickets/ticket_record.h"

enum { TEXT_SIZE = 256 };

static cJSON *document;

static void setup(void)
{
	document = cJSON_Parse(pages_document().at);
	ck_assert_msg(document != NULL, "openapi.json is not JSON");
}

static void teardown(void)
{
	cJSON_Delete(document);
}

/* --- the document --------------------------------------------------------------------------------
 */

static const cJSON *get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* "#/components/KIND/NAME" */
static const cJSON *follow(const cJSON *item)
{
	const cJSON *ref = get(item, "$ref");
	const cJSON *at = document;
	char *copy, *rest, *part;

	if (!ref)
		return item;
	copy = rest = strdup(ref->valuestring + 2);
	while (at && (part = strsep(&rest, "/")))
		at = get(at, part);
	ck_assert_msg(at != NULL, "%s leads nowhere", ref->valuestring);
	free(copy);
	return at;
}

static bool lists(const cJSON *array, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array) if (cJSON_IsString(item) &&
					    !strcmp(item->valuestring, text)) return true;
	return false;
}

/* What a path looks like with the names of its parameters left out. */
static const char *shape(const char *path, char ret[TEXT_SIZE])
{
	size_t len = 0;
	bool inside = false;

	for (; *path && len + 1 < TEXT_SIZE; path++) {
		inside = inside && *path != '}';
		if (!inside)
			ret[len++] = *path;
		inside = inside || *path == '{';
	}
	ret[len] = '\0';
	return ret;
}

static bool same_path(const char *a, const char *b)
{
	char shape_a[TEXT_SIZE], shape_b[TEXT_SIZE];

	return !strcmp(shape(a, shape_a), shape(b, shape_b));
}

static const cJSON *operation_of(const struct route *route)
{
	const cJSON *path, *operation;

	cJSON_ArrayForEach(path, get(document, "paths"))
	{
		if (!same_path(path->string, route->pattern))
			continue;
		cJSON_ArrayForEach(
			operation,
			path) if (!strcasecmp(operation->string, route->method)) return operation;
	}
	return NULL;
}

static const cJSON *parameter_of(const cJSON *operation, const char *in, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, get(operation, "parameters"))
	{
		const cJSON *parameter = follow(item);

		if (!strcmp(get(parameter, "in")->valuestring, in) &&
		    !strcmp(get(parameter, "name")->valuestring, name))
			return parameter;
	}
	return NULL;
}

/* --- routes --------------------------------------------------------------------------------------
 */

START_TEST(every_route_is_documented)
{
	const struct route *route = &routes[_i];
	const cJSON *operation = operation_of(route);
	char code[16];

	ck_assert_msg(operation != NULL, "%s %s is not in the document", route->method,
		      route->pattern);
	snprintf(code, sizeof(code), "%d", route->success);
	ck_assert_msg(get(get(operation, "responses"), code) != NULL,
		      "%s %s: the document has no %s", route->method, route->pattern, code);
	ck_assert_msg(!strcmp(get(operation, "responses")->child->string, code),
		      "%s %s: the first answer is not %s", route->method, route->pattern, code);
}
END_TEST

static bool has_route(const char *method, const char *path)
{
	for (size_t i = 0; i < route_count; i++)
		if (!strcasecmp(routes[i].method, method) && same_path(path, routes[i].pattern))
			return true;
	return false;
}

START_TEST(every_operation_has_a_route)
{
	const cJSON *path, *operation;

	cJSON_ArrayForEach(path, get(document, "paths")) cJSON_ArrayForEach(operation, path)
		ck_assert_msg(has_route(operation->string, path->string),
			      "%s %s is not in the route table", operation->string, path->string);
}
END_TEST

static const struct {
	unsigned bit;
	const char *name;
} who_names[] = {
	{WHO_ANYONE, "anyone"},       {WHO_USER, "user"},       {WHO_ADMIN, "admin"},
	{WHO_ORGANIZER, "organizer"}, {WHO_STAFF, "staff"},     {WHO_REGISTRANT, "registrant"},
	{WHO_LINK, "link"},           {WHO_SERVICE, "service"}, {WHO_SIGNED, "webhook"},
};

static bool has_scheme(const cJSON *operation, const char *scheme)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, get(operation, "security")) if (scheme ? get(item, scheme) != NULL
									: item->child ==
										  NULL) return true;
	return false;
}

START_TEST(callers_are_those_of_the_route)
{
	const struct route *route = &routes[_i];
	const cJSON *operation = operation_of(route);

	for (size_t i = 0; i < ARRAY_LEN(who_names); i++)
		ck_assert_msg(lists(get(operation, "x-who"), who_names[i].name) ==
				      !!(route->who & who_names[i].bit),
			      "%s %s: %s", route->method, route->pattern, who_names[i].name);
	ck_assert_int_eq(has_scheme(operation, NULL), !!(route->who & WHO_ANYONE));
	ck_assert_int_eq(has_scheme(operation, "ticketLink"), !!(route->who & WHO_LINK));
	ck_assert_int_eq(has_scheme(operation, "serviceToken"), !!(route->who & WHO_SERVICE));
	ck_assert_int_eq(has_scheme(operation, "webhookSignature"), !!(route->who & WHO_SIGNED));
	ck_assert_int_eq(has_scheme(operation, "bearer"),
			 !(route->who & (WHO_SERVICE | WHO_SIGNED)));
	ck_assert_int_eq(parameter_of(operation, "header", "Idempotency-Key") != NULL,
			 !!(route->flags & ROUTE_IDEMPOTENT));
}
END_TEST

/* --- fields --------------------------------------------------------------------------------------
 */

static double number(const cJSON *schema, const char *name, double absent)
{
	const cJSON *item = get(schema, name);

	return item ? item->valuedouble : absent;
}

static bool nullable(const cJSON *schema)
{
	return lists(get(schema, "type"), "null");
}

static void same_enum(const char *where, const struct field *field, const cJSON *schema)
{
	int count = 0;

	for (; field->names[count]; count++)
		ck_assert_msg(lists(get(schema, "enum"), field->names[count]),
			      "%s.%s: the document has no %s", where, field->name,
			      field->names[count]);
	ck_assert_msg(cJSON_GetArraySize(get(schema, "enum")) == count + nullable(schema),
		      "%s.%s: the document has more values", where, field->name);
}

static void same_bounds(const char *where, const struct field *field, const cJSON *schema)
{
	const char *least = NULL, *most = NULL;
	double unit = 1;

	if (field->type == FIELD_STRING)
		least = "minLength", most = "maxLength";
	if (field->type == FIELD_INT || field->type == FIELD_MONEY)
		least = "minimum", most = "maximum";
	if (field->type == FIELD_ARRAY)
		least = "minItems", most = "maxItems";
	if (field->type == FIELD_MONEY)
		unit = 100;
	if (!least)
		return;
	if (field->min)
		ck_assert_msg(llround(number(schema, least, -1) * unit) == field->min, "%s.%s: %s",
			      where, field->name, least);
	if (field->max)
		ck_assert_msg(llround(number(schema, most, -1) * unit) == field->max, "%s.%s: %s",
			      where, field->name, most);
}

static void same_fields(const char *where, const struct schema *table, const cJSON *schema,
			bool patch);

static void same_field(const char *where, const struct field *field, const cJSON *item,
		       bool required, bool patch)
{
	const cJSON *schema = follow(item);

	ck_assert_msg(required == (!patch && (field->flags & FIELD_REQUIRED)), "%s.%s: required",
		      where, field->name);
	if (field->type != FIELD_OBJECT && field->type != FIELD_ARRAY)
		ck_assert_msg(nullable(schema) == !!(field->flags & FIELD_NULLABLE), "%s.%s: null",
			      where, field->name);
	same_bounds(where, field, schema);
	if (field->type == FIELD_ENUM)
		same_enum(where, field, schema);
	if (field->type == FIELD_ARRAY)
		same_fields(field->name, field->nested, follow(get(schema, "items")), false);
}

static const struct field *field_named(const struct schema *table, const char *name)
{
	for (size_t i = 0; table && i < table->count; i++)
		if (!strcmp(table->fields[i].name, name))
			return &table->fields[i];
	return NULL;
}

static void same_names(const char *where, const struct schema *table, const cJSON *schema)
{
	const cJSON *property;

	for (size_t i = 0; i < table->count; i++)
		ck_assert_msg(get(get(schema, "properties"), table->fields[i].name) != NULL,
			      "%s: the document has no %s", where, table->fields[i].name);
	cJSON_ArrayForEach(property, get(schema, "properties"))
		ck_assert_msg(field_named(table, property->string) != NULL, "%s: there is no %s",
			      where, property->string);
}

static void same_fields(const char *where, const struct schema *table, const cJSON *schema,
			bool patch)
{
	same_names(where, table, schema);
	ck_assert_msg(cJSON_IsFalse(get(schema, "additionalProperties")), "%s: is open", where);
	for (size_t i = 0; i < table->count; i++) {
		const char *name = table->fields[i].name;

		same_field(where, &table->fields[i], get(get(schema, "properties"), name),
			   lists(get(schema, "required"), name), patch);
	}
}

START_TEST(bodies_are_those_of_the_route)
{
	const struct route *route = &routes[_i];
	const cJSON *operation = operation_of(route);
	bool patch = !strcmp(route->method, "PATCH");
	const cJSON *content = get(get(operation, "requestBody"), "content");
	const cJSON *json = get(get(content, "application/json"), "schema");

	ck_assert_msg((content != NULL) == (patch || !strcmp(route->method, "POST")), "%s %s: body",
		      route->method, route->pattern);
	ck_assert_int_eq(get(content, "application/merge-patch+json") != NULL, patch);
	if (route->input)
		same_fields(route->pattern, route->input, follow(json), patch);
	else if (content && !(route->flags & (ROUTE_RAW_BODY | ROUTE_STREAM)))
		ck_assert_str_eq(get(json, "$ref")->valuestring, "#/components/schemas/NoFields");
}
END_TEST

START_TEST(parameters_are_those_of_the_route)
{
	const struct route *route = &routes[_i];
	const cJSON *operation = operation_of(route);
	const cJSON *item;

	for (size_t i = 0; route->query && i < route->query->count; i++) {
		const struct field *field = &route->query->fields[i];
		const cJSON *parameter = parameter_of(operation, "query", field->name);

		ck_assert_msg(parameter != NULL, "%s %s: %s", route->method, route->pattern,
			      field->name);
		same_bounds(route->pattern, field, follow(get(parameter, "schema")));
		if (field->type == FIELD_ENUM)
			same_enum(route->pattern, field, follow(get(parameter, "schema")));
	}
	cJSON_ArrayForEach(item, get(operation, "parameters"))
	{
		const cJSON *parameter = follow(item);
		const char *name = get(parameter, "name")->valuestring;

		if (!strcmp(get(parameter, "in")->valuestring, "query"))
			ck_assert_msg(field_named(route->query, name) != NULL, "%s %s: no %s",
				      route->method, route->pattern, name);
	}
}
END_TEST

static const struct {
	const char *name;
	const struct schema *table;
} answers[] = {
	{"Event", &event_schema},
	{"EventSummary", &event_row_schema},
	{"TicketType", &ticket_type_schema},
	{"Guest", &guest_schema},
	{"Ticket", &ticket_schema},
	{"Payment", &payment_schema},
	{"Statistics", &event_figures_schema},
	{"TicketTypeStatistics", &type_figures_schema},
	{"RevenueStatistics", &revenue_schema},
	{"TimeSeries", &event_series_schema},
	{"TimeSeriesPoint", &series_point_schema},
	{"StatisticsSummary", &organizer_figures_schema},
	{"AggregateResult", &fold_schema},
	{"Import", &import_schema},
};

START_TEST(answers_have_the_fields_of_their_table)
{
	const cJSON *schema = get(get(get(document, "components"), "schemas"), answers[_i].name);

	same_names(answers[_i].name, answers[_i].table, schema);
	for (size_t i = 0; i < answers[_i].table->count; i++)
		ck_assert_msg(lists(get(schema, "required"), answers[_i].table->fields[i].name),
			      "%s.%s is always there", answers[_i].name,
			      answers[_i].table->fields[i].name);
}
END_TEST

/* --- problems ------------------------------------------------------------------------------------
 */

START_TEST(problems_are_those_of_the_table)
{
	const cJSON *components = get(document, "components");
	const cJSON *properties = get(get(get(components, "schemas"), "Problem"), "properties");
	const struct problem_row *row;
	char type[TEXT_SIZE];
	int count = 0;

	for (; (row = problem_at((size_t)count)) != NULL; count++) {
		const cJSON *example = get(get(components, "examples"), row->slug);

		snprintf(type, sizeof(type), "/problems/%s", row->slug);
		ck_assert_msg(lists(get(get(properties, "type"), "enum"), type), "%s", row->slug);
		ck_assert_msg(problem_meaning(row->status) && problem_remedy(row->status),
			      "%s has no texts", row->slug);
		if (!example)
			continue;
		example = get(example, "value");
		ck_assert_str_eq(get(example, "type")->valuestring, type);
		ck_assert_str_eq(get(example, "title")->valuestring, row->title);
		ck_assert_int_eq(get(example, "status")->valueint, row->http);
	}
	ck_assert_int_eq(cJSON_GetArraySize(get(get(properties, "type"), "enum")), count);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("openapi");
	TCase *tc = tcase_create("document");
	int count = (int)route_count;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_route_is_documented, 0, count);
	tcase_add_test(tc, every_operation_has_a_route);
	tcase_add_loop_test(tc, callers_are_those_of_the_route, 0, count);
	tcase_add_loop_test(tc, bodies_are_those_of_the_route, 0, count);
	tcase_add_loop_test(tc, parameters_are_those_of_the_route, 0, count);
	tcase_add_loop_test(tc, answers_have_the_fields_of_their_table, 0, ARRAY_LEN(answers));
	tcase_add_test(tc, problems_are_those_of_the_table);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
