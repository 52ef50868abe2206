#!/bin/bash
# What the compiler does not check of the house's rules: which file may know which library, which
# layer may know which, where HTTP numbers and the environment may stand, how long files are.
# Prints one line a breach; exit 1 when there is one.
set -u
breaches=0

breach()
{
	echo "$*"
	breaches=$((breaches + 1))
}

sources()
{
	git ls-files -co --exclude-standard -- "$@" | grep '\.[ch]$'
}
mapfile -t PROGRAM < <(sources common api worker-tickets worker-email)

# fence REGEX ALLOWED: lines that match stand only in files that ALLOWED (a regex) names.
fence()
{
	local line
	while IFS= read -r line; do
		[[ ${line%%:*} =~ ^($2)$ ]] || breach "$line  (only in $2)"
	done < <(grep -nE "$1" "${PROGRAM[@]}")
}

# A foreign library stays behind one door, so that it can be replaced and its traps are known.
fence '#include <libpq-fe' 'common/pg[a-z_]*\.[ch]'
fence '#include <hiredis' 'common/(redis|queue)[a-z_]*\.[ch]'
fence '#include <civetweb' 'common/httpd[a-z_]*\.[ch]'
fence '#include <cjson|#include "cJSON' 'common/json[a-z_]*\.[ch]'
fence '#include <openssl' 'common/(jwt|sign|ids)\.c'
fence '#include <curl' 'common/http_client\.c'
fence '#include <hpdf' 'worker-tickets/ticket_haru\.h'
fence '#include "worker-tickets/ticket_haru' 'worker-tickets/ticket_(haru|pdf)\.c'
fence '#include <(pango|cairo|fontconfig)' 'worker-tickets/ticket_(text|words|font)\.[ch]'
fence '#include <qrencode' 'worker-tickets/ticket_qr\.c'
# The inner headers of a module are its own.
fence '#include "common/pg_internal' 'common/pg[a-z_]*\.c'
fence '#include "common/redis_internal' 'common/(redis|cache|queue)[a-z_]*\.[ch]'
fence '#include "common/json_internal' 'common/json[a-z_]*\.c'
fence '#include "common/httpd_wire' 'common/httpd[a-z_]*\.[ch]'
fence '(^|[^a-z_])(secure_)?getenv\(' 'common/config\.c'

# Layers know only what lies below them.
fence '#include "api/' 'api/.*'
fence '#include "worker-tickets/' 'worker-tickets/.*'
fence '#include "worker-email/' 'worker-email/.*'
fence '#include "sql_(api|ctl|tickets|email)' '(api|worker-tickets|worker-email)/.*'
for file in "${PROGRAM[@]}"; do
	case $file in
	*_handlers.c)
		grep -nHE '\b(pg_(query|exec|run|begin|commit)[a-z_]*|cJSON_[A-Za-z]+)\(|#include "sql_' \
			"$file" && breach "$file: SQL or cJSON in a handler"
		;;
	*_rules.c)
		grep -nHE '#include "(common/(pg|redis|queue|httpd|http_client)|sql_|api/clients/)' \
			"$file" && breach "$file: rules are pure"
		;;
	esac
done

# The table of problems and the success column of routes give the HTTP numbers; answer.c adds the
# one that is neither, 304. Whoever reads the answer of another service compares numbers too.
fence '(status|http)[a-z_]* *(=|==|!=|<|>|>=|<=) *[1-5][0-9][0-9]\b' \
	'common/(httpd[a-z_]*|http_client|problem)\.[ch]|api/(routes|answer)\.c|.*_client\.c'

fence '^typedef struct [^(]*[;{]$' 'none'
fence '\b(TODO|FIXME|XXX)\b' 'none'

# Every statement has a user.
while IFS= read -r file; do
	name=${file##*/}
	grep -qE "\bsql_${name%.sql}\b" "${PROGRAM[@]}" || breach "$file: nobody uses this statement"
done < <(git ls-files -co --exclude-standard -- common api worker-tickets worker-email |
	grep '/sql/.*\.sql$')

# patched PATCH: file and function of each line of the schema that it changes.
patched()
{
	local file line name

	awk '/^\+\+\+ b\// { file = substr($2, 3); next }
		/^--- / { next }
		/^@@ / { line = -$2 - 1; next }
		/^[ -]/ { line++ }
		/^[+-]/ && file ~ /^schema\// { print file, line }' "$1" |
		while read -r file line; do
			name=$(sed -n "1,${line}p" "$file" |
				sed -nE 's/^CREATE( OR REPLACE)? FUNCTION ([a-z_]+).*/\2/p' | tail -n 1)
			[ -z "$name" ] || echo "$file $name"
		done | sort -u
}

# A planted fault that fits no more, or whose function a later step replaces, proves nothing.
for file in tests/chaos/bugs/*.patch; do
	git apply --check "$file" 2>/dev/null || breach "$file: does not fit the tree"
	while read -r step name; do
		for later in schema/*.sql; do
			[[ $later > $step ]] && grep -qE "^(CREATE( OR REPLACE)?|DROP) FUNCTION $name\b" "$later" &&
				breach "$file: $later replaces $name"
		done
	done < <(patched "$file")
done

for file in "${PROGRAM[@]}" $(sources tests); do
	lines=$(wc -l <"$file")
	[ "$lines" -le 400 ] || echo "note: $file has $lines lines"
done
[ "$breaches" -eq 0 ]
