/*
 * problem_texts: what each problem means and what to do about it, in words for its page.
 */
#ifndef API_PROBLEM_TEXTS_H
#define API_PROBLEM_TEXTS_H

#include "common/problem.h"

/* Texts of a row of the problem table; HTML without need of escaping. */
const char *problem_meaning(enum status status);
const char *problem_remedy(enum status status);

#endif
