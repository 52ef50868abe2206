/*
 * pages: what people read: the API document, its page with a console, and a page for every problem.
 *
 * All of it is compiled in and loads nothing from another host.
 */
#ifndef API_PAGES_H
#define API_PAGES_H

#include "api/request.h"

/* The API document as JSON, a NUL behind it. */
struct slice pages_document(void);

request_handler pages_openapi_json, pages_openapi_yaml, pages_docs, pages_docs_file, pages_problem;

#endif
