#!/bin/sh
# labels.sh SOURCE.c...: the labels of the crash points in these sources, as a table in C. A label
# that stands at two places, or is no plain text, is an error: nobody could tell where it ended.
set -eu
calls=$(grep -ohE 'CRASH_POINT(_IF)?\(' "$@" | grep -c . || :)
labels=$(grep -ohE 'CRASH_POINT(_IF)?\(.*\);' "$@" | sed -n 's/.*"\([a-z.-]*\)");$/\1/p' | sort)
[ "$(printf '%s\n' "$labels" | grep -c .)" -eq "$calls" ] || {
	echo "labels.sh: a crash point without a label of [a-z.-] on its line" >&2
	exit 1
}
twice=$(printf '%s\n' "$labels" | uniq -d)
[ -z "$twice" ] || {
	echo "labels.sh: at more than one place: $twice" >&2
	exit 1
}
echo "/* Made from the sources; do not edit. */"
echo '#include "tests/faults/crash.h"'
echo "const char *const crash_labels[] = {"
printf '%s\n' "$labels" | sed 's/.*/"&",/'
echo "};"
echo "const size_t crash_label_count = sizeof(crash_labels) / sizeof(crash_labels[0]);"
