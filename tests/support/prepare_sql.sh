#!/bin/bash
# Prepare every statement of every program against a fresh schema: below with-servers.
#	prepare_sql.sh CORECTL FILE.sql...
set -eu
corectl=$1
shift
server=${TEST_POSTGRES_URL:?run it below with-servers}
psql -XAtq "$server/postgres" -c 'CREATE DATABASE prepare_sql'
DATABASE_URL=$server/prepare_sql "$corectl" migrate up >/dev/null

bad=0
for file in "$@"; do
	{
		echo '\set ON_ERROR_STOP on'
		echo 'PREPARE statement AS'
		cat "$file"
		echo ';'
	} | psql -XAtq "$server/prepare_sql" >/dev/null 2>"${TMPDIR:-/tmp}/prepare_sql.$$" || {
		echo "$file:"
		cat "${TMPDIR:-/tmp}/prepare_sql.$$"
		bad=$((bad + 1))
	}
done
rm -f "${TMPDIR:-/tmp}/prepare_sql.$$"
echo "$(($# - bad)) statements prepared, $bad refused"
[ "$bad" -eq 0 ]
