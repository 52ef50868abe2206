/*
 * proxy: nginx in front of two APIs of the suite, with the site of k8s/host: all of it but TLS.
 */
#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

#include "tests/support/suite.h"

/* On a free port; the suite's api_get and its kin speak to it from then on. It ends with the
 * program that started it, or by proxy_stop. */
void proxy_start(enum suite_part first, enum suite_part second);
void proxy_stop(void);
/* Shows what nginx complained of. */
void proxy_complaints(void);

#endif
