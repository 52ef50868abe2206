#!/bin/sh
# What the profiles in a directory say: profile.sh DIR
# For each load the shares of what the cores did (idle time left out), by thread and library, then
# the functions outside the kernel that took most (ROWS of them).
set -eu
rows=${ROWS:-14}

# report DATA THREADS SORT
report()
{
	perf report --input "$1" --stdio --comms "$2" --percentage relative --sort "$3" \
		2>/dev/null | sed -n 's/ *$//; s/^ *\([0-9.]*%\) */\1 /p'
}

for data in "$1"/*.data; do
	[ -e "$data" ] || continue
	echo "== $(basename "$data" .data)"
	busy=$(perf report --input "$data" --stdio --sort comm 2>/dev/null |
		sed -n 's/^ *[0-9.]*%  *\([^ ].*[^ ]\) *$/\1/p' | grep -v '^\(swapper\|perf\)' | paste -sd,)
	report "$data" "$busy" comm,dso | head -n 10
	echo '-- functions'
	report "$data" "$busy" comm,dso,sym | grep -v '\[k\]' | sed 's/ \[\.\]//' | head -n "$rows"
done
