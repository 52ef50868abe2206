#!/bin/bash
# The abuse suite: abuse.sh BIN NODE_MODULES openapi.json WORK
#
# Starts the whole suite below WORK, as `make up` does, and runs each part of it against the API. A
# part says `NAME: N passed, N failed` at its end; one that does not is a failure. Ends with the sum.
set -u
export BIN=$1 NODE_MODULES=$2
document=$3 work=$4
export DEV=$work/dev
dir=tests/abuse
passed=0 failed=0

count()
{
	local out line
	out=$("$@" 2>&1)
	echo "$out" | tail -n 60
	line=$(grep -E '^[a-z ]+: [0-9]+ passed, [0-9]+ failed$' <<<"$out" | tail -n 1)
	passed=$((passed + $(sed -n 's/.*: \([0-9]*\) passed.*/\1/p' <<<"${line:-: 0 passed}")))
	failed=$((failed + $(sed -n 's/.* \([0-9]*\) failed/\1/p' <<<"${line:-1 failed}")))
}

# Alive, ready, no error of its own in the log, and what lies in the database is whole.
aftermath()
{
	local good=0 bad=0 check
	for check in "curl -sf -o /dev/null $API_URL/health/ready" "log_is_calm" "$BIN/corectl audit"; do
		if $check; then good=$((good + 1)); else bad=$((bad + 1)); fi
	done
	echo "aftermath: $good passed, $bad failed"
}

log_is_calm()
{
	! grep -E '"level":"(error|fatal)"|Sanitizer|runtime error' "$DEV/log/core-api.log"
}

trap 'tests/support/up.sh down >/dev/null' EXIT
trap 'exit 130' INT TERM
rm -rf "$work/said" && mkdir -p "$work/said"
tests/support/up.sh purge >/dev/null
tests/support/up.sh up >/dev/null || exit 1
set -a
# shellcheck source=/dev/null # made by up.sh
. "$DEV/env"
export DOCUMENTS_URL=file://$DOCUMENTS_DIR
set +a

count node "$dir/tokens.mjs"
count node "$dir/foreign.mjs"
count node "$dir/outputs.mjs"
count node "$dir/contract.mjs" "$document" "$work/said"
count node tests/npm/validate.mjs "$NODE_MODULES" "$document" "$work/said" some
count aftermath
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
