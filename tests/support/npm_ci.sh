#!/bin/sh
# Install what a lock file names: npm_ci.sh needed|optional SOURCE TARGET [OPTION...]
# SOURCE has package.json and package-lock.json; TARGET gets node_modules. Scripts of packages are
# not run. Done once for a lock file. Without npm, or without a way to its registry, `optional` says
# so and leaves TARGET empty.
set -eu
need=$1 source=$2 target=$3
shift 3

mkdir -p "$target"
if cmp -s "$source/package-lock.json" "$target/installed"; then
	exit 0
fi
if ! command -v npm >/dev/null; then
	echo "npm is not installed: nothing of $source/package.json is there" >&2
	[ "$need" = optional ]
	exit
fi
cp "$source/package.json" "$source/package-lock.json" "$target/"
(cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 \
	--fetch-timeout=30000 --loglevel=error "$@" >npm.log 2>&1) || {
	cat "$target/npm.log" >&2
	echo "npm failed: nothing of $source/package.json is there" >&2
	[ "$need" = optional ]
	exit
}
cp "$source/package-lock.json" "$target/installed"
