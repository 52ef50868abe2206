#!/bin/bash
# Run fuzz targets one after another: fuzz.sh BIN_DIR WORK_DIR SECONDS [NAME...]
# Each begins with what is committed in tests/fuzz/corpus/NAME and with what earlier runs found
# (WORK_DIR/NAME); a finding is kept in WORK_DIR/findings. Ends with `N passed, N failed`.
set -u
bin=$1 work=$2 seconds=$3
shift 3
here=$(dirname "$0")
mkdir -p "$work/findings"
if [ $# -eq 0 ]; then
	for source in "$here"/fuzz_*.c; do
		source=${source##*/fuzz_}
		set -- "$@" "${source%.c}"
	done
fi

# What the target needs besides: options by name.
options()
{
	case $1 in
	api) echo "-max_len=4096 -timeout=60 -rss_limit_mb=4096 -detect_leaks=0" ;;
	config) echo "-max_len=4096" ;;
	csv | import) echo "-max_len=65536" ;;
	*) echo "-max_len=8192" ;;
	esac
}

passed=0 failed=0
TIMEFORMAT='%U %S'
for name in "$@"; do
	log=$work/$name.log
	mkdir -p "$work/$name"
	read -ra more <<<"$(options "$name")"
	[ ! -f "$here/$name.dict" ] || more+=("-dict=$here/$name.dict")
	if cpu=$({ time "$bin/fuzz_$name" "${more[@]}" -max_total_time="$seconds" -print_final_stats=1 \
		-artifact_prefix="$work/findings/$name-" \
		"$work/$name" "$here/corpus/$name" >"$log" 2>&1; } 2>&1); then
		passed=$((passed + 1))
		outcome=ok
	else
		failed=$((failed + 1))
		outcome=FAILED
	fi
	printf '%-10s %-6s %9s runs, %6s edges, %7.1f s of CPU\n' "$name" "$outcome" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
		"$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)" \
		"$(awk '{ print $1 + $2 }' <<<"$cpu")"
	[ "$outcome" = ok ] || tail -n 40 "$log"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
