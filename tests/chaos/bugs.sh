#!/bin/bash
# bugs.sh DIR NAMES|all SEED MINUTES RATE: does the chaos run see a fault that is there? Plants each of
# tests/chaos/bugs/NAME.patch in a copy of the tree in DIR, builds it and hunts, at most MINUTES long
# and with three seeds. Where the patch begins with `Test: PROGRAM CASE TEST`, that test of
# tests/PROGRAM must fail instead. Ends with `N passed, N failed`: caught, not caught.
set -u
dir=$1 wanted=$2 seed=$3 minutes=$4 rate=$5
tree=$dir/planted
passed=0 failed=0 results=()

# With its objects, so that only what a patch changes is compiled.
copy_tree()
{
	rm -rf "$tree"
	mkdir -p "$tree/build"
	git ls-files -co --exclude-standard -z | xargs -0 cp -a --parents -t "$tree" &&
		cp -a build/release "$tree/build/" && cp -a build/web "$tree/build/" 2>/dev/null
	[ -f "$tree/Makefile" ]
}

# Not as a part of the repository around it.
apply()
{
	GIT_CEILING_DIRECTORIES=$dir git -C "$tree" apply "$@"
}

build()
{
	make -C "$tree" --no-print-directory -j2 BUILD=build programs build/release/bin/faultproxy \
		build/release/tests/chaos/chaos >"$dir/$1.build" 2>&1
}

# The result's first violation, in seconds since the harm began, and the checks that saw something.
told()
{
	sed -n 's/.*"firstViolationS":\([0-9.]*\),*$/after \1 s:/p; s/^"violations":{\(.*\)}}$/\1/p' \
		"$1" | tr '\n' ' '
}

hunt()
{
	local name=$1 s
	for s in "$seed" $((seed + 1)) $((seed + 2)); do
		if ! (cd "$tree" && build/release/tests/chaos/chaos "$s" "$minutes" "$rate" \
			"../bug-$name" hunt) >"$dir/bug-$name.out" 2>&1; then
			if ! grep -q '"violations":{"' "$dir/bug-$name.json"; then
				results+=("$name: NOT run, see $dir/bug-$name.out")
				return 1
			fi
			results+=("$name: caught, seed $s, $(told "$dir/bug-$name.json")")
			return 0
		fi
	done
	results+=("$name: NOT caught by seeds $seed to $s")
	return 1
}

# $1 name, $2 program, $3 case, $4 test. One that takes too long has not failed.
ask_test()
{
	local program=build/release/tests/$2 begun
	make -C "$tree" --no-print-directory -j2 BUILD=build "$program" >"$dir/$1.build" 2>&1 ||
		{ results+=("$1: NOT built, see $dir/$1.build"); return 1; }
	begun=$SECONDS
	(cd "$tree" && CK_RUN_CASE=$3 CK_TIMEOUT_MULTIPLIER=5 build/release/bin/with-servers "$program") \
		>"$dir/bug-$1.out" 2>&1
	if grep -q ":F:$3:$4:" "$dir/bug-$1.out"; then
		results+=("$1: caught, after $((SECONDS - begun)) s, $4 of $2")
		return 0
	fi
	results+=("$1: NOT caught by $4, see $dir/bug-$1.out")
	return 1
}

plant()
{
	local patch=$PWD/tests/chaos/bugs/$1.patch code test
	rm -f "$dir/bug-$1.json"
	if ! apply "$patch"; then
		results+=("$1: the patch does not fit")
		return 1
	fi
	test=$(sed -n '1s/^Test: //p' "$patch")
	if build "$1"; then
		# shellcheck disable=SC2086 # three words
		if [ -n "$test" ]; then ask_test "$1" $test; else hunt "$1"; fi
		code=$?
	else
		results+=("$1: NOT built, see $dir/$1.build")
		code=1
	fi
	apply -R "$patch"
	return $code
}

names=$wanted
[ "$wanted" != all ] || names=$(basename -s .patch tests/chaos/bugs/*.patch)
copy_tree || exit 1
dir=$(cd "$dir" && pwd) tree=$dir/planted
for name in $names; do
	if plant "$name"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	echo "${results[-1]}"
done
printf '\n%s\n' "${results[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
