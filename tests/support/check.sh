#!/bin/bash
# Run test programs and add up what they say: check.sh PROGRAM...
# At most six at once (CHECK_JOBS): they wait more than they work. Run it below with-servers, so
# that they share PostgreSQL and Redis. Ends with the line `N passed, N failed`; a program that
# crashed, or says no summary, counts as a failure. CHECK_LIMIT_S bounds a single program.
# CHECK_AFTER is a command for the end, which looks at what the programs left behind; it counts as
# one test.
set -u
jobs=${CHECK_JOBS:-6}
limit=${CHECK_LIMIT_S:-420}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'end_running; exit 130' INT TERM

# By pid, which is also the process group of the program and of whatever it starts.
declare -A running=() began=()

end_running()
{
	local pid
	for pid in "${!running[@]}"; do
		kill -KILL -- "-$pid" 2>/dev/null
	done
}

start()
{
	local program=$1
	set -m
	timeout --foreground --kill-after=10 "$limit" "$program" \
		>"$dir/${program##*/}" 2>&1 </dev/null &
	set +m
	running[$!]=$program
	began[$!]=$SECONDS
}

# What a program left running is ended with its group.
finish()
{
	local pid code=0 program out line checks bad good took
	wait -n -p pid "${!running[@]}" || code=$?
	kill -KILL -- "-$pid" 2>/dev/null
	program=${running[$pid]}
	out=$dir/${program##*/}
	took=$((SECONDS - began[$pid]))
	unset "running[$pid]" "began[$pid]"

	# Check's summary: "100%: Checks: 7, Failures: 0, Errors: 0"
	line=$(grep -a -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' "$out" |
		tail -n 1)
	checks=$(sed -n 's/.*Checks: \([0-9]*\),.*/\1/p' <<<"$line")
	bad=$(sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1+\2/p' <<<"$line")
	bad=$((${bad:-0}))
	good=$((${checks:-0} - bad))
	if [ -z "$line" ] || { [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		bad=$((bad + 1))
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	printf '%-32s %4d passed, %d failed %5d s\n' "${program##*/}" "$good" "$bad" "$took"
	[ "$bad" -ne 0 ] || return 0
	[ "$code" -ne 124 ] || echo "    ended after $limit s"
	[ -n "$line" ] || echo "    ended with code $code and without a summary"
	grep -a -v -E ':P:' "$out" | tail -n "${CHECK_TAIL:-60}" | sed 's/^/    /'
}

passed=0 failed=0
for program in "$@"; do
	[ "${#running[@]}" -lt "$jobs" ] || finish
	start "$program"
done
while [ "${#running[@]}" -gt 0 ]; do
	finish
done
if [ -n "${CHECK_AFTER:-}" ]; then
	if sh -c "$CHECK_AFTER"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
