#!/bin/bash
# The installation of one machine, tried: check_host.sh BIN_DIR WORK_DIR, run by with-servers.
#
# Installs below a DESTDIR, lets systemd judge the units, starts the programs from that tree with
# their secrets as systemd hands them over, and sends requests through the nginx site, on free ports.
set -eu
bin=$1 work=$2
here=$(dirname "$0")/../..
EXPOSURE_MAX=15 # of 100; what is left is the network, which the programs live by

fail()
{
	echo "check_host.sh: $*" >&2
	exit 1
}

pids=()
stop_all()
{
	[ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait
}
trap stop_all EXIT

# --- what is installed --------------------------------------------------------------------------

rm -rf "$work"
mkdir -p "$work"
work=$(readlink -f "$work")
tree=$work/tree
DESTDIR=$tree PREFIX=/usr UNITDIR=/usr/lib/systemd/system "$here/k8s/host/install.sh" "$bin"
for file in bin/core-api bin/worker-tickets bin/worker-email bin/corectl \
	share/man/man8/core-api.8 share/man/man8/worker-tickets.8 share/man/man8/worker-email.8 \
	share/man/man1/corectl.1 share/bash-completion/completions/corectl \
	share/doc/core-service/nginx.conf share/doc/core-service/core-service.env \
	lib/systemd/system/core-service-api@.service; do
	[ -s "$tree/usr/$file" ] || fail "$file is not installed"
done
! grep -rn -e '@BINDIR@' -e "$tree" "$tree/usr/lib/systemd" || fail "a unit names no real place"
for program in "$tree"/usr/bin/*; do
	"$program" --version >/dev/null || fail "$program does not run"
done

# --- units ----------------------------------------------------------------------------------------

# systemd finds the programs only where they lie; its exit code says nothing of unknown words.
units=$work/units
PREFIX=$work/machine UNITDIR=$units "$here/k8s/host/install.sh" "$bin"
export SYSTEMD_UNIT_PATH=$units:
names=()
for unit in "$units"/core-service*.*; do
	[ -d "$unit" ] || names+=("$(basename "${unit/@./@0.}")")
done
said=$(systemd-analyze verify --man=no "${names[@]}" 2>&1) || fail "systemd-analyze: $said"
[ -z "$said" ] || fail "systemd-analyze: $said"
for name in "${names[@]}"; do
	[[ $name == *.service ]] || continue
	said=$(systemd-analyze security --offline=true --no-pager --threshold="$EXPOSURE_MAX" \
		"$name" 2>&1) || fail "$said"
	echo "  ${said##*→ }"
done
for when in "$units"/*.timer; do
	systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' "$when")" >/dev/null ||
		fail "$when has no time"
done

# The rows of a program's table that are secrets.
secrets_of()
{
	"$1" --print-config-table | sed -n 's/^| .\([A-Z_]*\).*(secret; or .*/\1/p'
}

# Secrets that a unit hands over are those that its program reads.
for unit in "$units"/core-service-*.service; do
	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
	while read -r secret; do
		[[ $program == */corectl ]] || grep -qx "LoadCredential=$secret:core-service.$secret" \
			"$unit" "$units/core-service-.service.d/10-common.conf" ||
			fail "$unit does not hand $secret over"
	done < <(secrets_of "$program")
	while read -r secret; do
		secrets_of "$program" | grep -qx "$secret" ||
			fail "$unit hands $secret over, which ${program##*/} does not read"
	done < <(sed -n 's/^LoadCredential=\([A-Z_]*\):.*/\1/p' "$unit")
done

# --- the site in front of an API ----------------------------------------------------------------

free_port()
{
	local port
	until port=$((20000 + RANDOM % 12000)) && ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		:
	done
	echo "$port"
}

# becomes WANTED URL [OPTION...]: until the address answers with that status.
becomes()
{
	local wanted=$1 tries=300
	shift
	until [ "$(curl -sk -o /dev/null -m 5 -w '%{http_code}' "$@")" = "$wanted" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "no $wanted from $*"
		sleep 0.1
	done
}

# credential NAME VALUE
credential()
{
	(umask 077 && echo "$2" >"$work/credentials/$1")
}

start_suite()
{
	local worker
	export CREDENTIALS_DIRECTORY=$work/credentials METRICS_PORT=0 NODE_ENV=test
	mkdir "$work/credentials"
	credential DATABASE_URL "$TEST_POSTGRES_URL/check_host"
	credential REDIS_URL "$TEST_REDIS_URL"
	credential REDIS_QUEUE_URL "$TEST_REDIS_QUEUE_URL"
	credential JWT_SECRET check-host-secret
	credential SHARED_SERVICE_TOKEN check-host-token
	credential QR_SIGNATURE_SECRET check-host-qr
	credential PAYMENT_WEBHOOK_SECRET whsec_Y2hlY2staG9zdC1zZWNyZXQ=
	psql -XAtq "$TEST_POSTGRES_URL/postgres" -c 'CREATE DATABASE check_host'
	"$tree/usr/bin/corectl" migrate up >"$work/migrate.log"
	PORT=$api_port "$tree/usr/bin/core-api" >"$work/api.log" 2>&1 &
	api_pid=$!
	pids+=("$api_pid")
	becomes 200 "http://127.0.0.1:$api_port/health/ready"
	for worker in worker-tickets worker-email; do
		WORKER_METRICS_PORT=$idle_port "$tree/usr/bin/$worker" >"$work/$worker.log" 2>&1 &
		pids+=("$!")
		becomes 200 "http://127.0.0.1:$idle_port/metrics"
		kill "$!"
		wait "$!" || fail "$worker did not end with 0"
		unset 'pids[-1]'
	done
	"$tree/usr/bin/corectl" stats aggregate >"$work/statistics.log"
}

# The site as it is installed, but for addresses and the certificate.
write_site()
{
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
	sed -e "s/127.0.0.1:3001/127.0.0.1:$api_port/; s/127.0.0.1:3011/127.0.0.1:$idle_port/" \
		-e "/listen \[::\]/d; s/listen 80;/listen 127.0.0.1:$plain_port;/" \
		-e "s/listen 443 /listen 127.0.0.1:$tls_port /" \
		-e "s|/etc/ssl/certs/core-service.pem|$work/cert.pem|" \
		-e "s|/etc/ssl/private/core-service.key|$work/key.pem|" \
		"$tree/usr/share/doc/core-service/nginx.conf" >"$work/site.conf"
	{
		[ "$(id -u)" -ne 0 ] || echo "user root;"
		echo "pid $work/nginx.pid; error_log $work/nginx.log; daemon off;"
		echo "events { worker_connections 512; }"
		echo "http { access_log off;"
		for kind in client_body proxy fastcgi uwsgi scgi; do
			echo "${kind}_temp_path $work/temp_$kind;"
		done
		echo "include $work/site.conf; }"
	} >"$work/nginx.conf"
}

# says WANTED TYPE OPTION...: what nginx answers, by status and media type.
says()
{
	local wanted=$1 type=$2 got
	shift 2
	got=$(curl -sk -m 20 -o "$work/answer" -w '%{http_code} %{content_type}' "$@")
	[ "$got" = "$wanted $type" ] || fail "$got instead of $wanted $type from $*"
}

api_port=$(free_port) idle_port=$(free_port) plain_port=$(free_port) tls_port=$(free_port)
PATH=$PATH:/usr/sbin:/sbin
start_suite
write_site
said=$(nginx -t -c "$work/nginx.conf" 2>&1) || fail "$said"
nginx -c "$work/nginx.conf" &
pids+=("$!")
site=https://127.0.0.1:$tls_port
json=application/json problem=application/problem+json
becomes 200 "$site/health/ready"
# Half of the first tries go to a port where nobody listens: nobody notices.
for _ in 1 2 3 4 5 6 7 8; do
	says 200 "$json" "$site/api/events"
done
says 301 text/html "http://127.0.0.1:$plain_port/api/events"
says 401 "$problem" -X POST -H "Content-Type: $json" -d '{}' "$site/api/tickets/validate"
says 401 "$problem" -X POST "$site/api/internal/statistics/aggregate"
head -c 3000000 /dev/zero >"$work/large"
says 413 "$problem" -H "Content-Type: $json" --data-binary @"$work/large" "$site/api/events"
# An import may be that large: it is the API that refuses it.
says 401 "$problem" -H "Content-Type: text/csv" --data-binary @"$work/large" \
	"$site/api/events/1/guests/import"
kill "$api_pid"
wait "$api_pid" || fail "core-api did not end with 0"
says 503 "$problem" "$site/api/events"
jq -e '.type == "/problems/overloaded" and .status == 503' "$work/answer" >/dev/null ||
	fail "nginx says $(cat "$work/answer")"
