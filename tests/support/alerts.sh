#!/bin/bash
# Alerts as they stand in k8s/: their rules, the tests of tests/alerts/, their sections in the
# runbook.
#	alerts.sh CORECTL DIRECTORY	DIRECTORY takes what promtool reads
set -eu
corectl=$1
dir=$2
rule=k8s/base/prometheus-rule.yaml
alerts="${PYTHON:-/usr/bin/python3} tests/support/alerts.py"

mkdir -p "$dir"
$alerts rules "$rule" >"$dir/rules.yaml"
cp tests/alerts/core-service.yaml "$dir"
promtool check rules "$dir/rules.yaml" >"$dir/log" || { cat "$dir/log"; exit 1; }
promtool test rules "$dir/core-service.yaml" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
"$corectl" --help >"$dir/commands"
$alerts document "$rule" k8s/RUNBOOK.md tests/alerts/core-service.yaml "$dir/commands"
