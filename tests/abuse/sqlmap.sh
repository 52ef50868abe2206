#!/bin/bash
# sqlmap against every parameter of the API document: sqlmap.sh BIN NODE_MODULES openapi.json WORK
#
# Starts the whole suite below WORK, as `make up` does, on loopback. Ends with `N passed, N failed`; a
# parameter that sqlmap can inject into is a failure, and so is one that it could not test.
set -u
export BIN=$1 NODE_MODULES=$2
document=$3 work=$4
export DEV=$work/dev

trap 'tests/support/up.sh down >/dev/null' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work"
tests/support/up.sh purge >/dev/null
tests/support/up.sh up >/dev/null || exit 1
set -a
# shellcheck source=/dev/null # made by up.sh
. "$DEV/env"
set +a
node tests/abuse/sqlmap.mjs "$document" "$work/requests" "$DEV/log/core-api.log" "$BIN/corectl"
