#!/bin/bash
# Continuous archiving, base backup and recovery to a moment, by PostgreSQL's own means: what
# k8s/RUNBOOK.md says in "Backup and restore", done to a server of the tests.
#
# archive.sh on DIR PORT                 archive to DIR/archive from the next start on
# archive.sh base DIR PORT               a base backup in DIR/base
# archive.sh restore DIR MOMENT          the data directory anew: the backup, and the archive up to MOMENT
set -eu
dir=$2
data=$dir/data-postgres
pg_bin=/usr/lib/postgresql/15/bin

ask()
{
	psql -qXAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$1" -U postgres -d postgres -c "$2"
}

# Files that PostgreSQL reads belong to the user that it runs as.
give_away()
{
	[ "$(id -u)" -ne 0 ] || chown -R postgres: "$@"
}

case $1 in
on)
	mkdir -p "$dir/archive"
	give_away "$dir/archive"
	ask "$3" "ALTER SYSTEM SET archive_mode = on"
	# A segment is there whole or not at all, and none is ever overwritten.
	ask "$3" "ALTER SYSTEM SET archive_command = 'test ! -e $dir/archive/%f && cp %p $dir/archive/%f.new && mv $dir/archive/%f.new $dir/archive/%f'"
	ask "$3" "ALTER SYSTEM SET archive_timeout = '60s'"
	;;
base)
	rm -rf "$dir/base"
	"$pg_bin/pg_basebackup" -h 127.0.0.1 -p "$3" -U postgres -D "$dir/base" -c fast -X none 2>&1 |
		grep -v 'NOTICE' || true
	"$pg_bin/pg_verifybackup" -n "$dir/base" >/dev/null
	;;
restore)
	[ -d "$data" ] || exit 1
	rm -rf "$data"
	cp -a "$dir/base" "$data"
	cat >>"$data/postgresql.auto.conf" <<-END
		restore_command = 'cp $dir/archive/%f %p'
		recovery_target_time = '$3'
		recovery_target_action = 'promote'
	END
	touch "$data/recovery.signal"
	chmod 700 "$data"
	give_away "$data"
	;;
*)
	exit 64
	;;
esac
