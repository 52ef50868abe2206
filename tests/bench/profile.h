/*
 * profile: where the machine's time goes while a load is measured, by perf.
 *
 * With BENCH_PROFILE=DIR each measurement leaves DIR/<load>.data, of all processes and nothing but
 * the load: seeding, limits and audits are not in it. Without, nothing happens. See profile.sh.
 */
#ifndef TESTS_BENCH_PROFILE_H
#define TESTS_BENCH_PROFILE_H

/* What is measured next, by the load's name. */
void profile_name(const char *load);
/* Begin a profile, in the place of an earlier one of the same load. */
void profile_begin(void);
void profile_end(void);

#endif
