#!/bin/bash
# sweep.sh BUILD: the crash points' rows, shared by CRASH_JOBS (4) programs that wait more than they
# work. Ends with the line `N passed, N failed`.
set -u
build=$1
jobs=${CRASH_JOBS:-4}
[ -z "${CRASH_LABEL:-}" ] || jobs=1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for ((i = 0; i < jobs; i++)); do
	printf '#!/bin/sh\nCRASH_SHARE=%d/%d exec %s\n' "$i" "$jobs" \
		"$PWD/$build/tests/faults/crash_points" >"$dir/crash_points.$i"
	chmod +x "$dir/crash_points.$i"
done
CHECK_JOBS=$jobs CHECK_LIMIT_S=${CHECK_LIMIT_S:-1200} "$build/bin/with-servers" tests/support/check.sh "$dir"/crash_points.*
