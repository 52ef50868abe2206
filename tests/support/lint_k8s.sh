#!/bin/sh
# Render every overlay and hold it, and the compose file, against types and programs:
#	lint_k8s.sh BIN_DIR NODE_MODULES WORK_DIR
set -eu
bin=$1 modules=$2 work=$3

mkdir -p "$work"
for overlay in k8s/overlays/*/; do
	name=$(basename "$overlay")
	# New versions say that words are old which Debian's needs.
	kubectl kustomize "$overlay" >"$work/$name.yaml" 2>"$work/$name.log" || {
		cat "$work/$name.log" >&2
		exit 1
	}
	set -- "$@" "$work/$name.yaml"
done
shift 3
"$modules/.bin/dclint" --quiet --max-warnings 0 --config tests/npm/dclint.json k8s/compose.yaml
node tests/npm/manifests.mjs "$modules" "$bin" k8s/compose.yaml k8s/base/*.example.yaml -- "$@"
