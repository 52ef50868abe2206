#!/bin/sh
# Turn SQL files into C: embed_sql.sh NAME HEADER SOURCE FILE.sql...
# Each FILE becomes `const struct pg_statement sql_<file>`, all of them the table sql_<NAME>.
set -eu
name=$1 header=$2 source=$3
shift 3
{
	echo "/* Made from .sql files; do not edit. */"
	echo "#include \"common/pg.h\""
	for file in "$@"; do
		echo "extern const struct pg_statement sql_$(basename "$file" .sql);"
	done
	echo "extern const struct pg_statement *const sql_${name}[];"
	echo "extern const size_t sql_${name}_count;"
} > "$header.tmp"
{
	echo "/* Made from .sql files; do not edit. */"
	echo "#include \"$(basename "$header")\""
	for file in "$@"; do
		base=$(basename "$file" .sql)
		echo "const struct pg_statement sql_$base = {\"$base\","
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$file"
		echo "};"
	done
	echo "const struct pg_statement *const sql_${name}[] = {"
	for file in "$@"; do
		echo "&sql_$(basename "$file" .sql),"
	done
	echo "NULL};"
	echo "const size_t sql_${name}_count = sizeof(sql_$name) / sizeof(sql_${name}[0]) - 1;"
} > "$source.tmp"
mv "$header.tmp" "$header"
mv "$source.tmp" "$source"
