#!/bin/bash
# Is README.md true? readme.sh check|write BIN_DIR
# check: the table of configuration is what the programs say, and the targets it names exist.
# write: put the table as the programs say it into README.md.
set -eu
bin=$2
first='<!-- configuration: made of the tables in the programs by tests/support/readme.sh write -->'
last='<!-- configuration ends -->'

# A row a variable: name, default, meaning, and the programs that read it. Rows that differ between
# programs stay apart.
table()
{
	local program
	echo '| name | default | meaning | read by |'
	echo '| --- | --- | --- | --- |'
	for program in core-api worker-tickets worker-email corectl; do
		"$bin/$program" --print-config-table | tail -n +3 | sed "s/\$/\t$program/"
	done | awk -F '\t' '
		!($1 in programs) { order[++count] = $1; programs[$1] = $2; next }
		{ programs[$1] = programs[$1] ", " $2 }
		END { for (i = 1; i <= count; i++) print order[i] " " programs[order[i]] " |" }'
}

# Lines between the marks.
written()
{
	awk -v first="$first" -v last="$last" '$0 == last { on = 0 } on { print }
		$0 == first { on = 1 }' README.md
}

targets_exist()
{
	local target bad=0
	while read -r _ target; do
		grep -qE "^([a-z0-9-]+ )*$target( [a-z0-9-]+)*:([^=]|\$)" Makefile || {
			echo "README.md or HACKING.md names make $target, which does not exist"
			bad=1
		}
	done < <(grep -ohE '(`|^)make [a-z][a-z0-9-]*' README.md HACKING.md | tr -d '`' | sort -u)
	return "$bad"
}

case $1 in
check)
	diff <(table) <(written) || {
		echo "README.md: the table of configuration differs: tests/support/readme.sh write $bin"
		exit 1
	}
	targets_exist
	;;
write)
	table >README.table
	awk -v first="$first" -v last="$last" '
		$0 == last { on = 0 }
		!on { print }
		$0 == first { on = 1; while ((getline line < "README.table") > 0) print line }
		' README.md >README.new
	rm README.table
	mv README.new README.md
	;;
esac
