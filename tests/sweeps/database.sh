#!/bin/bash
# The sweeps of database calls side by side, since they wait more than they work: database.sh
# PROGRAM. Run it below with-servers. Ends with the line `N passed, N failed`; a sweep that says no
# figures counts as a failure.
set -u
program=$1
dir=$(mktemp -d) || exit 1
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$dir"' EXIT

for sweep in flows jobs replies; do
	"$program" "$sweep" >"$dir/$sweep" 2>&1 </dev/null &
	pids+=($!)
done
wait
pids=()
passed=0 failed=0
for sweep in flows jobs replies; do
	cat "$dir/$sweep"
	if [[ $(tail -n 1 "$dir/$sweep") =~ ^$sweep:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
