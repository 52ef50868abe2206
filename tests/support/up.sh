#!/bin/bash
# The suite in the background, for people to play with: up.sh up | down | status | purge
#
# PostgreSQL, two Redis servers (caches; queues), core-api, both workers and a stand-in for the
# platform's services, all private: everything lies below $DEV (build/dev), the ports are free ones
# where the environment names none. Every configuration variable that is set is passed on, and one
# that names a server or a service makes the suite use that instead of starting its own.
#
# $DEV/env    addresses, secrets and pids as shell lines
# $DEV/log    a log a program
# $DEV/run    a file a program: its pid and when that process began, so that a stale pid is noticed
# $DEV/data   what lasts until purge: cluster, append-only file, documents, secrets. A link below
#             /var/tmp when root runs this: PostgreSQL refuses root, and the user it runs as then
#             can seldom reach the checkout.
set -eu
umask 022
DEV=${DEV:-build/dev}
BIN=${BIN:-build/release/bin}
PG_BIN=/usr/lib/postgresql/15/bin
PROGRAMS='postgres cache-redis redis platform core-api worker-tickets worker-email'
SERVICES='AUTH PAYMENT NOTIFICATION'
START_S=${START_S:-60} # a program gets this long to answer
STOP_S=${STOP_S:-40}  # and this long to end; core-api drains for 25 s at most

fail()
{
	echo "up.sh: $*" >&2
	exit 1
}

# --- processes --------------------------------------------------------------------------------

# When the process began, in ticks since boot; nothing when there is none or it has ended.
began_at()
{
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	# Behind the name in brackets, which may hold blanks, the state comes first.
	# shellcheck disable=SC2086 # split into words
	set -- ${stat##*) }
	[ "$1" = Z ] || echo "${20}"
}

# Pid of a program of ours that runs; nothing otherwise.
pid_of()
{
	local pid began
	[ -f "$DEV/run/$1" ] || return 0
	read -r pid began <"$DEV/run/$1" || return 0
	[ -z "$began" ] || [ "$(began_at "$pid")" != "$began" ] || echo "$pid"
}

# launch NAME COMMAND...: in a session of its own, with nothing of ours open, so that neither a
# terminal nor a pipe that we write to holds it. The pid is the command's own: nothing forks.
launch()
{
	local name=$1 fd pid
	shift
	(
		cd "$DATA"
		exec </dev/null >>"$LOG/$name.log" 2>&1
		for fd in /proc/"$BASHPID"/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-"
		done
		unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
		exec setsid "$@"
	) &
	pid=$!
	echo "$pid $(began_at "$pid")" >"$DEV/run/$name"
}

# until_ready NAME COMMAND...: until the command succeeds; fails when the program ends.
until_ready()
{
	local name=$1 tries=$((START_S * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		if [ -z "$(pid_of "$name")" ] || [ "$tries" -eq 0 ]; then
			tail -n 20 "$DEV/log/$name.log" >&2
			fail "$name does not come up, see $DEV/log/$name.log"
		fi
		sleep 0.05
	done
}

# stop NAME SIGNAL
stop()
{
	local pid tries=$((STOP_S * 20))
	pid=$(pid_of "$1")
	if [ -n "$pid" ]; then
		kill "-$2" "$pid" || true
		while [ -n "$(pid_of "$1")" ]; do
			tries=$((tries - 1))
			if [ "$tries" -eq 0 ]; then
				echo "up.sh: $1 does not end, killed" >&2
				kill -KILL "$pid" || true
			fi
			sleep 0.05
		done
	fi
	rm -f "$DEV/run/$1"
}

stop_all()
{
	stop core-api TERM
	stop worker-tickets TERM
	stop worker-email TERM
	stop platform TERM
	stop redis TERM
	stop cache-redis TERM
	stop postgres INT # `fast`: connections are ended, what was committed is kept
}

# --- ports and settings -----------------------------------------------------------------------

is_free()
{
	local hex
	printf -v hex '%04X' "$1" # 0A: somebody listens
	! grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# free_port NAME: sets NAME to the port it had the last time, else to a free one below the range
# that the system hands out by itself.
free_port()
{
	local port=${LAST[$1]:-}
	while [ -z "$port" ] || [[ " ${PORTS[*]} " == *" $port "* ]] || ! is_free "$port"; do
		port=$((20000 + RANDOM % 12000))
	done
	PORTS+=("$port")
	printf -v "$1" %s "$port"
}

# port NAME PROGRAM: what the environment says, else what the running program has, else a free one.
port()
{
	[ "${!1:-0}" = 0 ] || return 0
	if [ -n "$(pid_of "$2")" ] && [ -n "${LAST[$1]:-}" ]; then
		printf -v "$1" %s "${LAST[$1]}"
	else
		free_port "$1"
	fi
}

random_text()
{
	head -c 32 /dev/urandom | base64
}

# secret NAME [PREFIX]: from the environment, from NAME_FILE, from the last time, or new.
secret()
{
	local name=$1 file=$1_FILE saved=$DATA/secrets/$1
	if [ -z "${!name:-}" ] && [ -n "${!file:-}" ]; then
		printf -v "$name" %s "$(cat "${!file}")"
	elif [ -z "${!name:-}" ]; then
		[ -s "$saved" ] || (umask 077 && echo "${2:-}$(random_text)" >"$saved")
		printf -v "$name" %s "$(cat "$saved")"
	fi
	unset "$file"
	export "${name?}"
}

# The ports of the last time, so that addresses stay where nothing stands in the way.
declare -A LAST=()
read_last_ports()
{
	local name value
	[ -f "$DEV/run/ports" ] || return 0
	while read -r name value; do
		LAST[$name]=$value
	done <"$DEV/run/ports"
}

write_ports()
{
	local name
	for name in PORT METRICS_PORT PLATFORM_PORT DB_PORT REDIS_PORT REDIS_QUEUE_PORT; do
		[ -z "${!name:-}" ] || echo "$name ${!name}"
	done >"$DEV/run/ports"
}

# A word for libpq: keyword='value'.
keyword()
{
	local value=${2//\\/\\\\}
	[ -z "$2" ] || printf "%s='%s' " "$1" "${value//\'/\\\'}"
}

choose_database()
{
	OWN_POSTGRES=
	if [ -n "${DATABASE_URL_FILE:-}" ] && [ -z "${DATABASE_URL:-}" ]; then
		DATABASE_URL=$(cat "$DATABASE_URL_FILE")
	fi
	unset DATABASE_URL_FILE
	if [ -n "${DATABASE_URL:-}" ]; then
		:
	elif [ -n "${DB_HOST:-}" ]; then
		secret_of_file DB_PASSWORD
		DATABASE_URL="$(keyword host "$DB_HOST")$(keyword port "${DB_PORT:-5432}")$(
			keyword dbname "${DB_NAME:-event_planner_core}")$(keyword user "${DB_USER:-}")$(
			keyword password "${DB_PASSWORD:-}")"
		DATABASE_URL=${DATABASE_URL% }
	else
		OWN_POSTGRES=1
		port DB_PORT postgres
		DATABASE_URL="postgresql://core:$(cat "$DATA/secrets/database")@127.0.0.1:$DB_PORT/core"
	fi
	export DATABASE_URL
}

secret_of_file()
{
	local file=$1_FILE
	if [ -z "${!1:-}" ] && [ -n "${!file:-}" ]; then
		printf -v "$1" %s "$(cat "${!file}")"
	fi
	unset "$file"
}

choose_redis()
{
	OWN_CACHE='' OWN_QUEUE=''
	secret_of_file REDIS_URL
	secret_of_file REDIS_QUEUE_URL
	if [ -z "${REDIS_URL:-}" ] && [ -n "${REDIS_HOST:-}" ]; then
		REDIS_URL="redis://$REDIS_HOST:${REDIS_PORT:-6379}/${REDIS_DB:-1}"
	elif [ -z "${REDIS_URL:-}" ]; then
		OWN_CACHE=1
		port REDIS_PORT cache-redis
		REDIS_URL="redis://127.0.0.1:$REDIS_PORT"
	fi
	if [ -z "${REDIS_QUEUE_URL:-}" ] && [ -n "${REDIS_QUEUE_HOST:-}" ]; then
		REDIS_QUEUE_URL="redis://$REDIS_QUEUE_HOST:${REDIS_QUEUE_PORT:-6379}/0"
	elif [ -z "${REDIS_QUEUE_URL:-}" ]; then
		OWN_QUEUE=1
		port REDIS_QUEUE_PORT redis
		REDIS_QUEUE_URL="redis://127.0.0.1:$REDIS_QUEUE_PORT"
	fi
	export REDIS_URL REDIS_QUEUE_URL
}

# shellcheck disable=SC2034 # read by name
choose_settings()
{
	local service name
	PORTS=()
	read_last_ports
	port PORT core-api
	port METRICS_PORT core-api
	port PLATFORM_PORT platform
	export PORT METRICS_PORT PLATFORM_PORT
	API_URL=http://127.0.0.1:$PORT
	METRICS_URL=http://127.0.0.1:$METRICS_PORT
	for service in $SERVICES; do
		name=${service}_SERVICE_URL
		[ -n "${!name:-}" ] || printf -v "$name" %s "http://127.0.0.1:$PLATFORM_PORT"
		export "${name?}"
	done
	secret JWT_SECRET
	secret SHARED_SERVICE_TOKEN
	secret QR_SIGNATURE_SECRET
	secret PAYMENT_WEBHOOK_SECRET whsec_
	export PUBLIC_URL="${PUBLIC_URL:-$API_URL}"
	export WEBHOOK_URL="${WEBHOOK_URL:-$API_URL/api/payments/webhook}"
	export DOCUMENTS_URL="${DOCUMENTS_URL:-file://$DATA/documents}"
	DOCUMENTS_DIR=
	[ "${DOCUMENTS_URL#file://}" = "$DOCUMENTS_URL" ] || DOCUMENTS_DIR=${DOCUMENTS_URL#file://}
	choose_database
	choose_redis
}

# --- the servers ------------------------------------------------------------------------------

make_data_dir()
{
	if [ ! -d "$DEV/data" ]; then
		rm -f "$DEV/data" # a link that leads nowhere
		if [ "$(id -u)" -eq 0 ]; then
			ln -s "$(mktemp -d /var/tmp/core-service.XXXXXX)" "$DEV/data"
		else
			mkdir "$DEV/data"
		fi
	fi
	DATA=$(readlink -f "$DEV/data")
	chmod 711 "$DATA"
	mkdir -p "$DATA/secrets" "$DATA/cache-redis" "$DATA/redis" "$DATA/documents"
	chmod 700 "$DATA/secrets" "$DATA/cache-redis" "$DATA/redis" "$DATA/documents"
	[ -s "$DATA/secrets/database" ] ||
		(umask 077 && random_text | tr -d '+/=\n' >"$DATA/secrets/database")
}

# The command as the user that PostgreSQL runs as; exec'd, so that it keeps the pid.
as_postgres()
{
	if [ "$(id -u)" -eq 0 ]; then
		AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups)
	else
		AS_POSTGRES=()
	fi
}

make_cluster()
{
	local new=$DATA/postgres.new
	[ ! -f "$DATA/postgres/PG_VERSION" ] || return 0
	rm -rf "$new" # left by an initdb that was cut short
	mkdir -m 700 "$new"
	install -m 600 "$DATA/secrets/database" "$DATA/password" # where the server's user can read
	[ "$(id -u)" -ne 0 ] || chown postgres: "$new" "$DATA/password"
	(
		cd "$DATA"
		"${AS_POSTGRES[@]}" "$PG_BIN/initdb" -A scram-sha-256 -U core -E UTF8 --locale=C \
			--lc-ctype=C.UTF-8 --pwfile=password -D "$new"
	) >"$LOG/initdb.log" 2>&1 || {
		tail -n 20 "$LOG/initdb.log" >&2
		fail "initdb failed"
	}
	rm -f "$DATA/password"
	mv "$new" "$DATA/postgres"
}

start_postgres()
{
	as_postgres
	make_cluster
	launch postgres "${AS_POSTGRES[@]}" "$PG_BIN/postgres" -D "$DATA/postgres" -p "$DB_PORT" \
		-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c timezone=UTC \
		-c max_connections=200 -c log_min_messages=warning
	until_ready postgres psql -XAtq "${DATABASE_URL%/core}/postgres" -c 'SELECT 1'
	[ -n "$(psql -XAtq "${DATABASE_URL%/core}/postgres" \
		-c "SELECT 1 FROM pg_database WHERE datname = 'core'")" ] ||
		psql -XAtq "${DATABASE_URL%/core}/postgres" -c 'CREATE DATABASE core'
}

# start_redis NAME PORT SETTING...
start_redis()
{
	local name=$1 redis_port=$2
	shift 2
	launch "$name" redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$DATA/$name" \
		--daemonize no --save '' "$@"
	until_ready "$name" redis_answers "$redis_port"
}

# While it still reads its file, Redis answers with an error.
redis_answers()
{
	[ "$(redis-cli -h 127.0.0.1 -p "$1" PING)" = PONG ]
}

answers()
{
	[ "$(curl -s -o /dev/null -m 2 -w '%{http_code}' "$1")" = 200 ]
}

# start_missing NAME WANTED COMMAND...
start_missing()
{
	local name=$1 wanted=$2
	shift 2
	if [ -n "$wanted" ] && [ -z "$(pid_of "$name")" ]; then
		"$@"
	fi
}

start_platform()
{
	launch platform "$BIN/platform"
	until_ready platform answers "http://127.0.0.1:$PLATFORM_PORT/health"
}

# --- what people type -------------------------------------------------------------------------

# shellcheck disable=SC2034 # read by name
write_env()
{
	local name value
	API_PID=$(pid_of core-api)
	WORKER_TICKETS_PID=$(pid_of worker-tickets)
	WORKER_EMAIL_PID=$(pid_of worker-email)
	POSTGRES_PID=$(pid_of postgres)
	REDIS_PID=$(pid_of redis)
	CACHE_REDIS_PID=$(pid_of cache-redis)
	PLATFORM_PID=$(pid_of platform)
	(
		umask 077
		for name in API_URL METRICS_URL DATABASE_URL REDIS_URL REDIS_QUEUE_URL JWT_SECRET \
			SHARED_SERVICE_TOKEN QR_SIGNATURE_SECRET PAYMENT_WEBHOOK_SECRET \
			AUTH_SERVICE_URL PAYMENT_SERVICE_URL NOTIFICATION_SERVICE_URL \
			DOCUMENTS_DIR DOCUMENTS_URL API_PID WORKER_TICKETS_PID WORKER_EMAIL_PID POSTGRES_PID \
			REDIS_PID CACHE_REDIS_PID PLATFORM_PID; do
			value=${!name}
			printf "%s='%s'\n" "$name" "${value//\'/\'\\\'\'}"
		done >"$DEV/env.new"
	)
	mv "$DEV/env.new" "$DEV/env"
}

# Names of the programs that should run and do not; all of them after `down`.
missing_programs()
{
	local name
	for name in $(cat "$DEV/run/started" 2>/dev/null || echo "$PROGRAMS"); do
		[ -n "$(pid_of "$name")" ] || echo "$name"
	done
}

up()
{
	local missing started=() name
	missing=$(missing_programs)
	if [ -z "$missing" ]; then
		echo "It is running already: $(sed -n "s/^API_URL='\(.*\)'/\1/p" "$DEV/env")." \
			"Other settings hold after make down."
		return
	fi
	mkdir -p "$DEV/log" "$DEV/run"
	LOG=$(readlink -f "$DEV/log")
	BIN=$(readlink -f "$BIN")
	make_data_dir
	choose_settings
	# Whoever dials an address of the last time is started again where the address changed.
	if [ "${LAST[PORT]:-$PORT}" != "$PORT" ]; then
		stop core-api TERM
		stop platform TERM
	fi
	write_ports
	start_missing postgres "$OWN_POSTGRES" start_postgres
	start_missing cache-redis "$OWN_CACHE" start_redis cache-redis "${REDIS_PORT:-}" \
		--appendonly no --maxmemory 64mb --maxmemory-policy allkeys-lfu
	start_missing redis "$OWN_QUEUE" start_redis redis "${REDIS_QUEUE_PORT:-}" \
		--appendonly yes --appendfsync everysec --maxmemory-policy noeviction
	"$BIN/corectl" migrate up >>"$LOG/migrate.log" 2>&1 || {
		tail -n 20 "$LOG/migrate.log" >&2
		fail "corectl migrate up failed"
	}
	start_missing platform 1 start_platform
	start_missing worker-tickets 1 launch worker-tickets "$BIN/worker-tickets"
	start_missing worker-email 1 launch worker-email "$BIN/worker-email"
	start_missing core-api 1 launch core-api "$BIN/core-api"
	until_ready core-api answers "$API_URL/health/ready"
	for name in $PROGRAMS; do
		[ ! -f "$DEV/run/$name" ] || started+=("$name")
	done
	echo "${started[*]}" >"$DEV/run/started"
	missing=$(missing_programs)
	if [ -n "$missing" ]; then
		for name in $missing; do
			tail -n 5 "$DEV/log/$name.log" >&2
		done
		fail "ended again: $missing"
	fi
	write_env
	echo "The API answers at $API_URL, addresses and secrets are in $DEV/env."
}

down()
{
	local name running=
	for name in $PROGRAMS; do
		running=$running$(pid_of "$name")
	done
	stop_all
	rm -f "$DEV/run/started"
	[ -n "$running" ] && echo "Stopped; the data stays until make clean." || echo "Nothing runs."
}

status()
{
	local name pid
	for name in $PROGRAMS; do
		pid=$(pid_of "$name")
		printf '%-16s %s\n' "$name" "${pid:-down}"
	done
	[ -z "$(missing_programs)" ]
}

purge()
{
	local data
	[ -d "$DEV" ] || return 0
	stop_all
	data=$(readlink -f "$DEV/data" || true)
	[ ! -d "$data" ] || rm -rf "$data"
	rm -rf "$DEV"
}

case ${1:-} in
up | down | purge)
	mkdir -p "$DEV"
	exec 9>"$DEV/lock"
	flock 9
	"$1"
	;;
status) status ;;
*) fail "usage: up.sh up | down | status | purge" ;;
esac
