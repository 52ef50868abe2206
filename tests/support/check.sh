#!/bin/sh
# Run test programs one after another and add up what they say: check.sh PROGRAM...
# Run it below with-servers, so that they share PostgreSQL and Redis.
set -u
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
passed=0 failed=0 broken=
for program in "$@"; do
	"$program" > "$out" 2>&1
	code=$?
	# Check's summary: "100%: Checks: 7, Failures: 0, Errors: 0"
	line=$(grep -a -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' "$out" | tail -n 1)
	checks=$(echo "$line" | sed -n 's/.*Checks: \([0-9]*\),.*/\1/p')
	bad=$(echo "$line" | sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1+\2/p')
	bad=$((${bad:-0}))
	[ "$code" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	[ -z "$line" ] && bad=1
	good=$((${checks:-0} - bad))
	[ "$good" -lt 0 ] && good=0
	passed=$((passed + good))
	failed=$((failed + bad))
	printf '%-28s %4d passed, %d failed\n' "$(basename "$program")" "$good" "$bad"
	if [ "$bad" -ne 0 ]; then
		broken="$broken $(basename "$program")"
		tail -n 60 "$out"
	fi
done
echo "$passed passed, $failed failed"
[ -z "$broken" ] || { echo "failed:$broken"; exit 1; }
