#!/bin/bash
# The demo with every program under valgrind: valgrind.sh BIN WORK
#
# Below WORK each program gets a wrapper that runs it under memcheck; the demo runs those. A program
# holds when the demo does, and no run of it left an error or lost a byte that
# tests/support/valgrind.supp does not name. The reports stay in WORK/report.
set -u
here=${0%/*}
bin=$(readlink -f "$1") work=$2
PROGRAMS='core-api worker-tickets worker-email corectl'
rm -rf "${work:?}/bin" "${work:?}/report"
mkdir -p "$work/bin" "$work/report"
report=$(readlink -f "$work/report") supp=$(readlink -f "$here/valgrind.supp")
passed=0 failed=0

for name in $PROGRAMS; do
	cat >"$work/bin/$name" <<-END
		#!/bin/sh
		DATABASE_URL=\$DATABASE_URL?connect_timeout=120
		export DATABASE_URL
		exec valgrind --log-file='$report/$name.%p' --leak-check=full \\
			--show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \\
			--num-callers=40 --suppressions='$supp' '$bin/$name' "\$@"
	END
	chmod +x "$work/bin/$name"
done
ln -s "$bin/platform" "$work/bin/platform"

# Some twenty times slower: fewer threads, longer waits.
export DEV=$work/dev BIN=$work/bin START_S=300 STOP_S=300 WAIT_S=300
export HTTP_THREADS=24 REQUESTS_MAX=12 DOOR_REQUESTS_MAX=6 UPSTREAM_BUDGET_MS=20000
"$here/up.sh" purge
if "$here/demo.sh"; then
	passed=1
else
	failed=1
fi
"$here/up.sh" purge

# Sum of the numbers that the expression finds in a program's reports.
sum()
{
	cat "$report/$1".* 2>/dev/null | tr -d , | sed -nE "s/.*$2.*/\\1/p" | awk '{ n += $1 } END { print n + 0 }'
}

printf '\n'
for name in $PROGRAMS; do
	runs=$(grep -l 'ERROR SUMMARY' "$report/$name".* 2>/dev/null | wc -l)
	begun=$(find "$report" -name "$name.*" | wc -l)
	errors=$(sum "$name" 'ERROR SUMMARY: ([0-9]+) errors')
	lost=$(($(sum "$name" 'definitely lost: ([0-9]+) bytes') +
		$(sum "$name" 'indirectly lost: ([0-9]+) bytes')))
	known=$(sum "$name" 'suppressed: ([0-9]+) bytes')
	echo "$name: $runs of $begun runs ended, $errors errors, $lost bytes lost, $known suppressed"
	if [ "$runs" -gt 0 ] && [ "$runs" -eq "$begun" ] && [ "$errors" -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
